"""Partial failures of SendMessageBatch, which no emulator can be made to have; the rest is in tests/integration."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from evaluate.alert_queue import TRIES, SQSAlertQueue
from gateway_alerts.alerts import Alert
from tests.pipeline.evaluate.builders import alerts_in, budget_event
from tests.unit.gateway_alerts.fake_aws import Answer, AwsError, FakeAws, takes_all

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/alerts"


@pytest.fixture
def queue(fake_aws: FakeAws) -> SQSAlertQueue:
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return SQSAlertQueue(boto3.client("sqs", config=once), queue_url=QUEUE_URL)


def alerts(count: int, *, destinations: tuple[str, ...] = ("default",)) -> list[Alert]:
    made = alerts_in(budget_event(spend=9, max_budget=10, user_id=f"u{n}") for n in range(count))
    return [alert.model_copy(update={"alert_id": f"a{n}", "destinations": destinations}) for n, alert in enumerate(made)]


def sent(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """Alert id and destination of each entry of one batch."""
    bodies = [json.loads(entry["MessageBody"]) for entry in asked["Entries"]]
    return [(body["alert"]["alert_id"], body["destination"]) for body in bodies]


def refusing(*alert_ids: str, times: int = 1_000, destination: str | None = None) -> Callable[[dict[str, Any]], Answer]:
    """SQS that refuses entries of these alerts, for the first so many batches."""
    batches = 0

    def answer(asked: dict[str, Any]) -> Answer:
        nonlocal batches
        batches += 1
        refused = {
            entry["Id"]
            for entry, (alert_id, where) in zip(asked["Entries"], sent(asked), strict=True)
            if alert_id in alert_ids and batches <= times and where == (destination or where)
        }
        taken = takes_all({"Entries": [entry for entry in asked["Entries"] if entry["Id"] not in refused]})
        assert isinstance(taken, dict)
        return taken | {"Failed": [{"Id": i, "Code": "InternalError", "SenderFault": False} for i in refused]}

    return answer


def test_an_alert_is_one_message_for_each_of_its_destinations(fake_aws: FakeAws, queue: SQSAlertQueue) -> None:
    fake_aws.answers["SendMessageBatch"] = takes_all
    assert queue.send(alerts(2, destinations=("default", "teams"))) == {"a0", "a1"}
    ((_, asked),) = fake_aws.calls
    assert asked["QueueUrl"] == QUEUE_URL
    assert sent(asked) == [("a0", "default"), ("a0", "teams"), ("a1", "default"), ("a1", "teams")]


def test_nothing_to_send_calls_nothing(fake_aws: FakeAws, queue: SQSAlertQueue) -> None:
    assert queue.send([]) == set()
    assert fake_aws.calls == []


def test_an_entry_that_is_refused_is_sent_once_more_alone(fake_aws: FakeAws, queue: SQSAlertQueue) -> None:
    fake_aws.answers["SendMessageBatch"] = refusing("a1", times=1)
    assert queue.send(alerts(3)) == {"a0", "a1", "a2"}
    assert [sent(asked) for _, asked in fake_aws.calls] == [
        [("a0", "default"), ("a1", "default"), ("a2", "default")],
        [("a1", "default")],
    ]


def test_an_entry_that_is_refused_again_is_left_and_its_neighbours_are_not(fake_aws: FakeAws, queue: SQSAlertQueue) -> None:
    fake_aws.answers["SendMessageBatch"] = refusing("a1")
    assert queue.send(alerts(3)) == {"a0", "a2"}
    assert len(fake_aws.calls) == TRIES


def test_an_alert_of_which_one_destination_is_refused_is_not_sent(fake_aws: FakeAws, queue: SQSAlertQueue) -> None:
    fake_aws.answers["SendMessageBatch"] = refusing("a0", destination="teams")
    assert queue.send(alerts(2, destinations=("default", "teams"))) == {"a1"}


def test_one_bad_batch_does_not_hold_up_the_others(fake_aws: FakeAws, queue: SQSAlertQueue) -> None:
    def answer(asked: dict[str, Any]) -> Answer:
        return AwsError("AccessDeniedException") if ("a0", "default") in sent(asked) else takes_all(asked)

    fake_aws.answers["SendMessageBatch"] = answer
    assert queue.send(alerts(25)) == {f"a{n}" for n in range(10, 25)}


OUTAGES = {
    "not allowed": AwsError("AccessDeniedException"),
    "no such queue": AwsError("QueueDoesNotExist"),
    "no answer": ReadTimeoutError(endpoint_url="https://aws.invalid"),
}


@pytest.mark.parametrize("answer", OUTAGES.values(), ids=OUTAGES)
def test_a_queue_that_cannot_be_used_takes_nothing_and_is_asked_once(
    fake_aws: FakeAws, queue: SQSAlertQueue, answer: Exception
) -> None:
    fake_aws.answers["SendMessageBatch"] = answer
    assert queue.send(alerts(3)) == set()
    assert len(fake_aws.calls) == 1


def test_an_answer_that_names_nobody_means_that_nobody_was_taken(fake_aws: FakeAws, queue: SQSAlertQueue) -> None:
    fake_aws.answers["SendMessageBatch"] = {}
    assert queue.send(alerts(2)) == set()
