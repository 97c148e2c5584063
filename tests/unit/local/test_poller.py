"""The event source mapping's documented semantics, in virtual time."""

import base64
import threading
import time
from typing import Any

import pytest

from local.poller import EventSourceMapping, Poller, failed_ids, lambda_record

ARN = "arn:aws:sqs:us-east-1:000000000000:alerts"


class FakeQueue:
    """An SQS queue whose clock goes on only while somebody waits."""

    def __init__(self, arrivals: dict[float, list[str]]) -> None:
        self.now = 0.0
        self.calls: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self._arrivals = sorted((at, body) for at, bodies in arrivals.items() for body in bodies)

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        until = self.now + arguments["WaitTimeSeconds"]
        if not self._arrivals or self._arrivals[0][0] > until:
            self.now = until
            return {}
        self.now = max(self.now, self._arrivals[0][0])
        ready = [arrival for arrival in self._arrivals if arrival[0] <= self.now][: arguments["MaxNumberOfMessages"]]
        del self._arrivals[: len(ready)]
        return {"Messages": [message(body) for _, body in ready]}

    def delete_message_batch(self, **arguments: Any) -> dict[str, Any]:
        assert len(arguments["Entries"]) <= 10
        self.deleted += [entry["ReceiptHandle"].removeprefix("receipt-") for entry in arguments["Entries"]]
        return {}


def message(body: str) -> dict[str, Any]:
    return {"MessageId": body[:20], "ReceiptHandle": f"receipt-{body[:20]}", "Body": body, "MD5OfBody": "md5", "Attributes": {}}


def mapping(**changes: Any) -> EventSourceMapping:
    return EventSourceMapping(queue_url="url", queue_arn=ARN, visibility_timeout_seconds=240, **changes)


def poller(queue: FakeQueue, invoke: Any = lambda _: None, **changes: Any) -> Poller:
    return Poller(queue, mapping(**changes), invoke, clock=queue.clock, pause=queue.pause)


def bodies(records: list[dict[str, Any]]) -> list[str]:
    return [record["body"] for record in records]


def test_the_window_opens_with_the_first_message_and_gathers_until_its_end() -> None:
    queue = FakeQueue({100.0: ["a"], 104.5: ["b"], 109.9: ["c"], 110.5: ["d"]})
    batches = poller(queue, batch_size=100, window_seconds=10)
    assert bodies(batches.next_batch()) == ["a", "b", "c"]
    assert queue.now == pytest.approx(110.0, abs=0.01)
    assert bodies(batches.next_batch()) == ["d"]


def test_a_full_batch_does_not_wait_for_its_window() -> None:
    queue = FakeQueue({5.0: [f"m{number}" for number in range(25)]})
    batches = poller(queue, batch_size=20, window_seconds=10)
    assert len(batches.next_batch()) == 20
    assert queue.now == 5.0
    assert len(batches.next_batch()) == 5
    assert queue.now == pytest.approx(15.0, abs=0.01)


def test_6_mib_close_a_batch_and_what_did_not_fit_opens_the_next() -> None:
    queue = FakeQueue({0.0: [f"{number}{'x' * 1_000_000}" for number in range(7)]})
    batches = poller(queue, batch_size=100, window_seconds=10)
    assert [body[0] for body in bodies(batches.next_batch())] == ["0", "1", "2", "3", "4", "5"]
    assert queue.now < 1
    assert [body[0] for body in bodies(batches.next_batch())] == ["6"]


def test_without_a_window_whatever_is_there_goes_at_once() -> None:
    queue = FakeQueue({1.0: ["a", "b"], 2.0: ["c"]})
    batches = poller(queue)
    assert bodies(batches.next_batch()) == ["a", "b"]
    assert queue.now == 1.0


def test_a_message_stays_hidden_for_the_window_and_the_queues_own_time_out() -> None:
    queue = FakeQueue({0.0: ["a"]})
    poller(queue, window_seconds=10).next_batch()
    assert {call["VisibilityTimeout"] for call in queue.calls} == {250}


def test_no_more_is_received_than_the_batch_has_room_for() -> None:
    queue = FakeQueue({0.0: [f"m{number}" for number in range(30)]})
    poller(queue, batch_size=13, window_seconds=1).next_batch()
    assert [call["MaxNumberOfMessages"] for call in queue.calls] == [10, 3]


def test_what_succeeded_is_deleted_and_what_failed_is_left_to_the_queue() -> None:
    queue = FakeQueue({})
    records = [lambda_record(message(f"m{number}"), queue_arn=ARN) for number in range(25)]
    batches = poller(queue, lambda _: {"batchItemFailures": [{"itemIdentifier": "m3"}]}, reports_batch_item_failures=True)
    batches.handle(records)
    assert set(queue.deleted) == {f"m{number}" for number in range(25)} - {"m3"}
    assert batches.record_count == 24


def test_a_raised_exception_fails_the_whole_batch() -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    queue = FakeQueue({})
    poller(queue, fail).handle([lambda_record(message("a"), queue_arn=ARN)])
    assert queue.deleted == []


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        pytest.param(None, set(), id="no answer: all succeeded"),
        pytest.param({}, set(), id="an empty object: all succeeded"),
        pytest.param({"batchItemFailures": []}, set(), id="an empty list: all succeeded"),
        pytest.param({"batchItemFailures": None}, set(), id="a null list: all succeeded"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}, id="a known id: that one failed"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "b"}] * 2}, {"b"}, id="a known id twice: that one failed"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "z"}]}, {"a", "b"}, id="an unknown id: all failed"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}, id="an empty id: all failed"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}, id="a null id: all failed"),
        pytest.param({"batchItemFailures": [{"itemId": "b"}]}, {"a", "b"}, id="a wrong key inside: all failed"),
        pytest.param({"batchItemFailures": ["b"]}, {"a", "b"}, id="ids that are not objects: all failed"),
        pytest.param({"batchItemFailures": "b"}, {"a", "b"}, id="not a list: all failed"),
        pytest.param({"failures": []}, {"a", "b"}, id="a wrong key: all failed"),
        pytest.param("ok", {"a", "b"}, id="not an object: all failed"),
    ],
)
def test_an_answer_is_read_as_strictly_as_lambda_reads_it(answer: Any, failed: set[str]) -> None:
    records = [{"messageId": "a"}, {"messageId": "b"}]
    assert failed_ids(answer, records, is_reporting=True) == failed
    assert failed_ids(answer, records, is_reporting=False) == set(), "without the response type no answer fails"


def test_a_record_has_the_shape_that_lambda_gives_it() -> None:
    received = message("hello") | {
        "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "5"},
        "MessageAttributes": {
            "Text": {"DataType": "String", "StringValue": "x"},
            "Bytes": {"DataType": "Binary", "BinaryValue": b"\x00"},
        },
    }
    assert lambda_record(received, queue_arn=ARN) == {
        "messageId": "hello",
        "receiptHandle": "receipt-hello",
        "body": "hello",
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "5"},
        "messageAttributes": {
            "Text": {"stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "Bytes": {
                "binaryValue": base64.b64encode(b"\x00").decode(),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfBody": "md5",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "us-east-1",
    }


def test_no_more_batches_are_in_flight_than_the_mapping_allows() -> None:
    class Endless(FakeQueue):
        """Always has messages."""

        def receive_message(self, **arguments: Any) -> dict[str, Any]:
            time.sleep(0.001)
            return {"Messages": [message("a")]}

    lock = threading.Lock()
    in_flight, most, seen = 0, 0, threading.Semaphore(0)

    def invoke(_: object) -> None:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        time.sleep(0.01)
        with lock:
            in_flight -= 1
        seen.release()

    running = Poller(Endless({}), mapping(maximum_concurrency=2), invoke)
    running.start()
    assert all(seen.acquire(timeout=5) for _ in range(10))
    running.close()
    assert most == 2


def test_closing_does_not_wait_for_a_window() -> None:
    class Quiet(FakeQueue):
        """Has one message, then none; waits for real."""

        def receive_message(self, **arguments: Any) -> dict[str, Any]:
            time.sleep(min(0.01, arguments["WaitTimeSeconds"]))
            return super().receive_message(**arguments)

    running = Poller(Quiet({0.0: ["a"]}), mapping(window_seconds=60), lambda _: None)
    running.start()
    time.sleep(0.05)
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < 1
