"""A person is told when the pipeline itself fails."""

from typing import Any

import pytest

from local.scheduler import rate_seconds
from notify.pipeline import DEAD_AFTER, LONGEST_WAIT_SECONDS

ALARM = "AWS::CloudWatch::Alarm"


@pytest.fixture(scope="module")
def alarms(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return [body["Properties"] for body in resources.values() if body["Type"] == ALARM]


def _find(alarms: list[dict[str, Any]], metric: str, dimension: Any) -> dict[str, Any]:
    (alarm,) = [alarm for alarm in alarms if alarm["MetricName"] == metric and alarm["Dimensions"][0]["Value"] == dimension]
    return alarm


def test_each_dead_letter_queue_alarms_at_its_first_message(resources: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    dead_letter_queues = [name for name in resources if name.endswith("DeadLetterQueue")]
    assert len(dead_letter_queues) == 3
    for queue in dead_letter_queues:
        alarm = _find(alarms, "ApproximateNumberOfMessagesVisible", {"Fn::GetAtt": [queue, "QueueName"]})
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
        assert alarm["EvaluationPeriods"] * alarm["Period"] <= 300


def test_alerts_that_wait_alarm_before_they_become_dead_letters(resources: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    untouched = _find(alarms, "ApproximateAgeOfOldestMessage", {"Fn::GetAtt": ["AlertsQueue", "QueueName"]})
    # SQS leaves what was received more than three times out of that age.
    returned = _find(alarms, "WaitingSeconds", "notify")
    for alarm in (untouched, returned):
        assert alarm["Statistic"] == "Maximum"
        assert alarm["Threshold"] < DEAD_AFTER.total_seconds() / 10
    # What waits the longest is still seen once in each period: the alarm stays up.
    assert returned["Period"] >= LONGEST_WAIT_SECONDS


def test_the_canary_alarms_when_none_arrived_for_fifteen_minutes(resources: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    alarm = _find(alarms, "CanaryDelivered", "notify")
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == ("Sum", "LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 15 * 60
    schedule = resources["EvaluateFunctionCanary"]["Properties"]
    assert rate_seconds(schedule["ScheduleExpression"]) * 3 <= alarm["Period"] * alarm["EvaluationPeriods"]


@pytest.mark.parametrize(
    ("metric", "service"),
    [
        pytest.param("DestinationsBroken", "notify", id="a destination that breaks"),
        pytest.param("SchedulesFailed", "evaluate", id="a sweep or a canary that fails, since it raises no error"),
    ],
)
def test_one_is_enough_to_alarm(alarms: list[dict[str, Any]], metric: str, service: str) -> None:
    alarm = _find(alarms, metric, service)
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == ("Sum", "GreaterThanThreshold", 0)
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")


@pytest.mark.parametrize("function", ["EvaluateFunction", "NotifyFunction"])
@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_both_functions_alarm_on_errors_and_throttles(alarms: list[dict[str, Any]], function: str, metric: str) -> None:
    alarm = _find(alarms, metric, {"Ref": function})
    assert (alarm["Namespace"], alarm["Threshold"]) == ("AWS/Lambda", 0)


def test_a_sweep_that_stops_alarms(alarms: list[dict[str, Any]]) -> None:
    alarm = _find(alarms, "Invocations", {"Ref": "EvaluateFunction"})
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")
    canaries_in_a_period, sweeps_in_a_period = alarm["Period"] // 300, alarm["Period"] // 60
    assert canaries_in_a_period < alarm["Threshold"] < sweeps_in_a_period


def test_the_api_alarms_when_it_answers_5xx(alarms: list[dict[str, Any]]) -> None:
    alarm = _find(alarms, "5xx", {"Ref": "HttpApi"})
    assert alarm["Dimensions"][0]["Name"] == "ApiId"


def test_every_alarm_reaches_the_topic_and_says_what_happened(alarms: list[dict[str, Any]]) -> None:
    assert alarms
    for alarm in alarms:
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["AlarmDescription"]
        assert alarm["TreatMissingData"] in {"notBreaching", "breaching"}
        # Metric math cannot be deployed into the emulator, and nothing here needs it.
        assert "Metrics" not in alarm
