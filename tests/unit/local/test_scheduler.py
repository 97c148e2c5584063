import threading

import pytest

from local.scheduler import Schedule, Scheduler, rate_seconds, schedules_of


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 hours)", 7_200), ("rate(1 day)", 86_400)],
)
def test_a_rate_is_read(expression: str, seconds: int) -> None:
    assert rate_seconds(expression) == seconds


@pytest.mark.parametrize("expression", ["cron(0 8 * * ? *)", "at(2026-11-25T00:00:00)", "rate(x minutes)"])
def test_another_expression_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ValueError, match=r"rate"):
        rate_seconds(expression)


def test_schedules_are_read_from_the_template() -> None:
    def schedule(state: str) -> dict[str, object]:
        target = {"Arn": {"Fn::GetAtt": ["F", "Arn"]}, "Input": '{"schedule": "sweep"}'}
        return {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {"ScheduleExpression": "rate(1 minute)", "Target": target, "State": state},
        }

    template = {"Resources": {"On": schedule("ENABLED"), "Off": schedule("DISABLED"), "Queue": {"Type": "AWS::SQS::Queue"}}}
    assert schedules_of(template) == [Schedule("F", {"schedule": "sweep"}, 60)]


def test_a_schedule_runs_again_and_again_until_closed() -> None:
    runs = threading.Semaphore(0)
    seen = []

    def invoke(function: str, event: object) -> None:
        seen.append((function, event))
        runs.release()

    scheduler = Scheduler([Schedule("F", {"a": 1}, 0.01)], invoke)
    scheduler.start()
    assert all(runs.acquire(timeout=5) for _ in range(3))
    scheduler.close()
    count = len(seen)
    assert seen[0] == ("F", {"a": 1})
    assert not runs.acquire(timeout=0.05) or len(seen) == count
