"""Table and queues, and the relations between their numbers and the functions'."""

from typing import Any

import pytest

from evaluate import claims
from local.template import expanded_template, resource, source_template
from notify.pipeline import DEAD_AFTER, LONGEST_WAIT_SECONDS

FOURTEEN_DAYS_IN_SECONDS = 14 * 86_400
DEAD_LETTER_QUEUES = ("AlertsDeadLetterQueue", "EventsDeadLetterQueue", "RequestLogDeadLetterQueue")
QUEUES = ("AlertsQueue", "RequestLogQueue", *DEAD_LETTER_QUEUES)


@pytest.mark.parametrize(("name", "keys"), [("AlertsTable", ["pk", "sk"]), ("UsageTable", ["pk", "sk"])])
def test_the_tables(template: dict[str, Any], name: str, keys: list[str]) -> None:
    table = resource(template, name)
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert [key["AttributeName"] for key in table["KeySchema"]] == keys
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_the_outbox_index_holds_what_the_sweep_decides_by(template: dict[str, Any]) -> None:
    (index,) = resource(template, "AlertsTable")["GlobalSecondaryIndexes"]
    assert index["IndexName"] == claims.OUTBOX_INDEX
    assert index["KeySchema"] == [
        {"AttributeName": "outbox_shard", "KeyType": "HASH"},
        {"AttributeName": "outbox_at", "KeyType": "RANGE"},
    ]
    assert index["Projection"] == {"ProjectionType": "ALL"}


def test_the_mapping_gathers_and_gives_back_only_what_failed(template: dict[str, Any]) -> None:
    mapping = resource(template, "NotifyFunctionAlertBatch")
    assert mapping["MaximumBatchingWindowInSeconds"] == 10
    assert mapping["BatchSize"] == 500
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["AlertsQueue", "Arn"]}
    assert mapping.get("Enabled", True) is True


def test_request_logs_come_in_batches_that_fit_and_only_what_cannot_be_read_goes_back(template: dict[str, Any]) -> None:
    mapping = resource(template, "EvaluateFunctionQueuedRequestLogs")
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["RequestLogQueue", "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 300
    assert mapping["MaximumBatchingWindowInSeconds"] >= 1
    assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2
    queue, timeout = resource(template, "RequestLogQueue"), resource(template, "EvaluateFunction")["Timeout"]
    assert queue["VisibilityTimeout"] >= 6 * timeout + mapping["MaximumBatchingWindowInSeconds"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["RequestLogDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 10,
    }


def test_batches_above_ten_always_have_a_window() -> None:
    assert source_template()["Parameters"]["BatchWindowSeconds"]["MinValue"] >= 1


def test_a_message_stays_hidden_for_six_time_outs_and_the_widest_window() -> None:
    widest = source_template()["Parameters"]["BatchWindowSeconds"]["MaxValue"]
    template = expanded_template(BatchWindowSeconds=widest)
    timeout = resource(template, "NotifyFunction")["Timeout"]
    assert resource(template, "AlertsQueue")["VisibilityTimeout"] >= 6 * timeout + widest


def test_a_record_that_kills_the_function_each_time_is_kept_and_no_other_is_given_up_by_its_count(
    template: dict[str, Any],
) -> None:
    queue = resource(template, "AlertsQueue")
    most_that_sqs_takes = 1_000
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["AlertsDeadLetterQueue", "Arn"]},
        "maxReceiveCount": most_that_sqs_takes,
    }
    # NotifyFunction gives up by age, long before; a record that it never gets to judge ends before the queue forgets it.
    ends_after_seconds = most_that_sqs_takes * queue["VisibilityTimeout"]
    assert DEAD_AFTER.total_seconds() < ends_after_seconds < queue["MessageRetentionPeriod"]


def test_what_waits_longest_comes_back_far_less_often_than_the_queue_allows() -> None:
    assert DEAD_AFTER.total_seconds() / LONGEST_WAIT_SECONDS < 200


@pytest.mark.parametrize("queue", QUEUES)
def test_each_queue_keeps_for_as_long_as_sqs_can_and_encrypts(template: dict[str, Any], queue: str) -> None:
    properties = resource(template, queue)
    assert properties["MessageRetentionPeriod"] == FOURTEEN_DAYS_IN_SECONDS
    assert properties["SqsManagedSseEnabled"] is True
    # A FIFO queue has no batch window.
    assert not properties.get("FifoQueue")


@pytest.mark.parametrize("queue", QUEUES)
def test_each_queue_refuses_plain_http(resources: dict[str, Any], queue: str) -> None:
    refusals = [
        statement
        for body in resources.values()
        if body["Type"] == "AWS::SQS::QueuePolicy" and {"Ref": queue} in body["Properties"]["Queues"]
        for statement in body["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    (refusal,) = refusals
    reach = refusal["Resource"] if isinstance(refusal["Resource"], list) else [refusal["Resource"]]
    assert {"Fn::GetAtt": [queue, "Arn"]} in reach


def test_there_is_no_other_queue(resources: dict[str, Any]) -> None:
    assert {name for name, body in resources.items() if body["Type"] == "AWS::SQS::Queue"} == set(QUEUES)


def test_whatever_holds_data_says_what_becomes_of_it() -> None:
    for name, body in source_template()["Resources"].items():
        if body["Type"] in {"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"}:
            assert {"DeletionPolicy", "UpdateReplacePolicy"} <= set(body), name
