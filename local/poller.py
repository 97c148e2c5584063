"""The event source mapping's stand-in: queue → batches → a function, with Lambda's documented semantics.

No emulator honours the batch window, and the window is what this application is about.

::

    message 1      2   3                      window ends
       │───────────┴───┴──────────────────────────┤ → one invocation with three records
       └ the window opens with the first message; a full batch or 6 MiB closes it early

A message stays hidden while its batch fills: it is received with the queue's visibility time-out plus the window. What
succeeded is deleted; what failed returns by the queue's own visibility time-out and redrive policy, never by us.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import base64
import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

#: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
MAX_RECEIVE_COUNT = 10
#: What Lambda uses where a mapping does not say (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
DEFAULT_BATCH_SIZE = 10
DEFAULT_CONCURRENCY = 5
#: Long polls are this short, so that closing never waits longer.
POLL_SECONDS = 1
PAUSE_SECONDS = 0.1


class Queue(Protocol):
    """The two calls of boto3's SQS client that are used."""

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        """Receive up to ten messages."""
        ...

    def delete_message_batch(self, **arguments: Any) -> dict[str, Any]:
        """Delete up to ten messages."""
        ...


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """An event source mapping's settings."""

    queue_url: str
    queue_arn: str
    visibility_timeout_seconds: int
    batch_size: int = DEFAULT_BATCH_SIZE
    window_seconds: int = 0
    maximum_concurrency: int = DEFAULT_CONCURRENCY
    reports_batch_item_failures: bool = False


class Poller:
    """Runs one mapping in threads of its own until it is closed.

    One thread fills a batch while others have theirs handled, so no more than ``maximum_concurrency`` are in flight.
    """

    def __init__(
        self,
        sqs: Queue,
        mapping: EventSourceMapping,
        invoke: Callable[[dict[str, Any]], Any],
        *,
        report: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.record_count = 0
        self._sqs = sqs
        self._mapping = mapping
        self._invoke = invoke
        self._report = report
        self._clock = clock
        self._closed = threading.Event()
        self._pause = pause or self._closed.wait
        self._filling = threading.Lock()
        self._left_over: list[dict[str, Any]] = []
        self._threads = [
            threading.Thread(target=self._run, name=f"poller-{number}", daemon=True)
            for number in range(mapping.maximum_concurrency)
        ]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop polling. A batch that is being filled goes back to the queue by itself; one that is handled is finished."""
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def next_batch(self) -> list[dict[str, Any]]:
        """Wait for a first message, then fill its batch; empty only when closed."""
        mapping = self._mapping
        records: list[dict[str, Any]] = []
        payload_bytes, closes_at = 0, 0.0
        while not self._closed.is_set():
            remaining_seconds = closes_at - self._clock() if records else POLL_SECONDS
            received = self._left_over or self._receive(mapping.batch_size - len(records), remaining_seconds)
            self._left_over = []
            while received and (not records or payload_bytes + _size(received[0]) <= MAX_PAYLOAD_BYTES):
                if not records:
                    closes_at = self._clock() + mapping.window_seconds
                payload_bytes += _size(received[0])
                records.append(received.pop(0))
            self._left_over = received
            is_full = len(records) >= mapping.batch_size or bool(received)
            is_over = bool(records) and self._clock() >= closes_at
            if is_full or is_over:
                return records
        return []

    def handle(self, records: list[dict[str, Any]]) -> None:
        """Have the function handle a batch, and delete what succeeded."""
        try:
            answer = self._invoke({"Records": records})
        except Exception as error:  # noqa: BLE001
            self._report(f"a batch of {len(records)} failed: {error}")
            return
        failed = failed_ids(answer, records, is_reporting=self._mapping.reports_batch_item_failures)
        if failed:
            self._report(f"{len(failed)} of a batch of {len(records)} go back to the queue")
        self._delete([record for record in records if record["messageId"] not in failed])
        self.record_count += len(records) - len(failed)

    def _run(self) -> None:
        while not self._closed.is_set():
            with self._filling:
                records = self.next_batch()
            if records:
                self.handle(records)

    def _receive(self, room: int, remaining_seconds: float) -> list[dict[str, Any]]:
        mapping = self._mapping
        wait_seconds = POLL_SECONDS if remaining_seconds >= POLL_SECONDS else 0
        try:
            answer = self._sqs.receive_message(
                QueueUrl=mapping.queue_url,
                MaxNumberOfMessages=min(MAX_RECEIVE_COUNT, room),
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=mapping.visibility_timeout_seconds + mapping.window_seconds,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except (BotoCoreError, ClientError) as error:
            self._report(f"the queue does not answer: {error}")
            self._pause(POLL_SECONDS)
            return []
        messages = answer.get("Messages", [])
        if not messages and not wait_seconds:
            self._pause(max(0.0, min(PAUSE_SECONDS, remaining_seconds)))
        return [lambda_record(message, queue_arn=mapping.queue_arn) for message in messages]

    def _delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        for batch in itertools.batched(records, MAX_RECEIVE_COUNT, strict=False):
            entries = [{"Id": str(index), "ReceiptHandle": record["receiptHandle"]} for index, record in enumerate(batch)]
            try:
                self._sqs.delete_message_batch(QueueUrl=self._mapping.queue_url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                self._report(f"handled and not deleted, so they come again: {error}")


def failed_ids(answer: Any, records: Sequence[Mapping[str, Any]], *, is_reporting: bool) -> set[str]:
    """The message ids that a function's answer gives back.

    No answer, an empty object and an empty or null list mean that all succeeded. An answer of another shape, or an id
    that is empty, null or not of this batch, fails the whole batch. Without ``ReportBatchItemFailures`` no answer fails.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """
    everything = {record["messageId"] for record in records}
    match answer:
        case _ if not is_reporting:
            return set()
        case None | {"batchItemFailures": None | []}:
            return set()
        case dict() if not answer:
            return set()
        case {"batchItemFailures": [*failures]}:
            named = [str(failure.get("itemIdentifier")) for failure in failures if isinstance(failure, dict)]
            is_understood = len(named) == len(failures) and everything.issuperset(named)
            return set(named) if is_understood else everything
    return everything


def lambda_record(message: Mapping[str, Any], *, queue_arn: str) -> dict[str, Any]:
    """A message as ReceiveMessage gives it → the record that Lambda hands to a function."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {
            name: _message_attribute(attribute) for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _message_attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}
    if "StringValue" in attribute:
        record["stringValue"] = attribute["StringValue"]
    if "BinaryValue" in attribute:
        record["binaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
    return record


def _size(record: Mapping[str, Any]) -> int:
    return len(json.dumps(record)) + len(",")
