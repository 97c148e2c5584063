"""Alerts in the template's own queue in the emulator: real batches, real limits of size."""

from collections.abc import Iterator
from typing import Any

import pytest

from evaluate.alert_queue import BATCH_BYTES, SQSAlertQueue
from gateway_alerts.alerts import Alert, QueuedAlert, parse_queued_alert
from local.ministack import free_port
from local.resources import Resources
from tests.integration._ministack import eager_client, resources  # noqa: F401 (a fixture)
from tests.pipeline.evaluate.builders import alerts_in, budget_event

pytestmark = pytest.mark.integration


class Queue:
    """The alerts queue as it really is. ``batches`` is the number of entries of each batch that was sent."""

    def __init__(self, resources: Resources) -> None:  # noqa: F811
        self.client = eager_client("sqs", resources.endpoint_url)
        self.url = resources.ref("AlertsQueue")
        self.batches: list[int] = []
        self.client.meta.events.register("provide-client-params.sqs.SendMessageBatch", self._count)
        self.alert_queue = SQSAlertQueue(self.client, queue_url=self.url)

    def _count(self, params: dict[str, Any], **_: Any) -> None:
        self.batches.append(len(params["Entries"]))

    def received(self) -> list[QueuedAlert]:
        """Everything in the queue, taken out."""
        queued: list[QueuedAlert] = []
        while messages := self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                queued.append(parse_queued_alert(message["Body"]))
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return queued


@pytest.fixture(scope="module")
def alerts_queue(resources: Resources) -> Queue:  # noqa: F811
    return Queue(resources)


@pytest.fixture
def queue(alerts_queue: Queue) -> Iterator[Queue]:
    alerts_queue.batches.clear()
    yield alerts_queue
    alerts_queue.received()


def alerts(number: int, *, destinations: tuple[str, ...] = ("default",), message: str = "") -> list[Alert]:
    made = alerts_in(budget_event(spend=9, max_budget=10, user_id=f"ü{n}") for n in range(number))
    return [alert.model_copy(update={"destinations": destinations, "message": message}) for alert in made]


def ids(alerts: list[Alert]) -> set[str]:
    return {alert.alert_id for alert in alerts}


@pytest.mark.parametrize("number", [1, 10, 11, 37])
def test_any_number_of_alerts_goes_in_tens_and_comes_out_as_it_went_in(queue: Queue, number: int) -> None:
    sent = alerts(number)
    assert queue.alert_queue.send(sent) == ids(sent)
    assert sum(queue.batches) == number
    assert len(queue.batches) == -(-number // 10)
    received = queue.received()
    assert {queued.destination for queued in received} == {"default"}
    assert sorted((queued.alert for queued in received), key=lambda a: a.alert_id) == sorted(sent, key=lambda a: a.alert_id)


def test_an_alert_goes_to_each_of_its_destinations(queue: Queue) -> None:
    sent = alerts(7, destinations=("default", "teams"))
    assert queue.alert_queue.send(sent) == ids(sent)
    assert queue.batches == [10, 4]
    assert {(queued.alert.alert_id, queued.destination) for queued in queue.received()} == {
        (alert.alert_id, destination) for alert in sent for destination in ("default", "teams")
    }


def test_a_batch_stays_below_a_mebibyte_whatever_the_alerts_weigh(queue: Queue) -> None:
    # In UTF-8 each is twice as many bytes as characters, and three of them are just over the limit.
    sent = alerts(7, message="ü" * (BATCH_BYTES // 6))
    assert queue.alert_queue.send(sent) == ids(sent)
    assert queue.batches == [2, 2, 2, 1]
    assert len(queue.received()) == 7


def test_an_alert_that_is_too_large_for_the_queue_is_left_and_its_neighbours_are_not(queue: Queue) -> None:
    small, (large,) = alerts(3), alerts(1, message="x" * (BATCH_BYTES + 1))
    large = large.model_copy(update={"alert_id": "large"})
    assert queue.alert_queue.send([small[0], large, *small[1:]]) == ids(small)
    assert {queued.alert.alert_id for queued in queue.received()} == ids(small)


def test_a_queue_that_is_not_there_takes_nothing(queue: Queue) -> None:
    assert SQSAlertQueue(queue.client, queue_url=f"{queue.url}-not").send(alerts(3)) == set()


def test_a_queue_that_cannot_be_reached_takes_nothing() -> None:
    endpoint_url = f"http://127.0.0.1:{free_port()}"
    client = eager_client("sqs", endpoint_url)
    assert SQSAlertQueue(client, queue_url=f"{endpoint_url}/000000000000/alerts").send(alerts(3)) == set()
