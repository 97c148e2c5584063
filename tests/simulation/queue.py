"""SQS with its event source mapping: windows, the wait of a quiet queue, parallel batches, copies, any order,
visibility, receive counts and redrive. It is the client that the real SQS adapters call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from botocore.exceptions import EndpointConnectionError

from tests.simulation.world import START, World

VISIBILITY_SECONDS = 240
MAX_RECEIVES = 1_000
QUIET_SECONDS = 20


@dataclass
class Stored:
    """One message."""

    message_id: str
    body: str
    sent_at: float
    visible_at: float
    receives: int = 0


class DeadLetter(NamedTuple):
    """A message that was given up, why, and when; SQS itself gives no reason."""

    body: str
    reason: str
    at: float


@dataclass
class Queue:
    """The alerts queue and its dead letters."""

    world: World
    invoke: Callable[[list[dict[str, Any]], Callable[[set[str] | None], None]], None]
    messages: dict[str, Stored] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    running: int = 0

    def __post_init__(self) -> None:
        chance = self.world.random
        self.window, self.batch_size = chance.choice([1, 5, 10, 10]), chance.choice([3, 10, 500])
        self.concurrency = chance.choice([2, 5, 10])
        self.copy_fraction, self.fault_fraction = chance.choice([0.0, 0.05, 0.2]), chance.choice([0.0, 0.0, 0.03, 0.1])
        self._is_collecting = False
        self._number = 0

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        def effect() -> Any:
            self._fail()
            taken = [entry for entry in Entries if not self.world.happens(self.fault_fraction)]
            for entry in taken:
                self._put(entry["MessageBody"])
            self._fail()
            refused = [{"Id": entry["Id"]} for entry in Entries if entry not in taken]
            return {"Successful": [{"Id": entry["Id"]} for entry in taken], "Failed": refused}

        return self.world.step("queue.send", effect)

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> Any:  # noqa: N803
        def effect() -> None:
            self._fail()
            self.dead.append(DeadLetter(MessageBody, MessageAttributes["reason"]["StringValue"], self.world.now))
            self._fail()

        return self.world.step("dead_letters.bury", effect)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        def effect() -> None:
            self._fail()
            for entry in Entries:
                stored = self.messages.get(entry["ReceiptHandle"])
                if stored is not None:
                    self._hide(stored, entry["VisibilityTimeout"])

        return self.world.step("returns.postpone", effect)

    def _fail(self) -> None:
        if self.world.happens(self.fault_fraction):
            raise EndpointConnectionError(endpoint_url="sim")

    def _put(self, body: str) -> None:
        self._number += 1
        stored = Stored(f"m{self._number}", body, self.world.now, self.world.now)
        self.messages[stored.message_id] = stored
        self._hide(stored, self.world.random.choice([0, 0, 0, 3]))

    def _hide(self, stored: Stored, seconds: float) -> None:
        stored.visible_at = self.world.now + seconds
        self.world.after(seconds, self._collect)

    def _collect(self) -> None:
        if not self._is_collecting and self._visible():
            self._is_collecting = True
            quiet = self.world.random.uniform(0, QUIET_SECONDS) if self.running == 0 and self.world.random.random() < 0.3 else 0
            is_full = len(self._visible()) >= self.batch_size
            self.world.after(0 if is_full else max(self.window, quiet), self._deliver)

    def _visible(self) -> list[Stored]:
        return [stored for stored in self.messages.values() if stored.visible_at <= self.world.now]

    def _deliver(self) -> None:
        if self.running >= self.concurrency:
            self.world.after(1, self._deliver)
            return
        self._is_collecting = False
        batch = self._visible()
        self.world.random.shuffle(batch)
        batch = batch[: self.batch_size]
        records = []
        for stored in batch:
            stored.receives += 1
            if stored.receives > MAX_RECEIVES:
                self.dead.append(DeadLetter(stored.body, "", self.world.now))
                del self.messages[stored.message_id]
                continue
            is_copied = self.world.happens(self.copy_fraction)
            self.world.counts["copies"] += is_copied
            self._hide(stored, self.world.random.uniform(0, 3) if is_copied else VISIBILITY_SECONDS)
            records.append(
                {
                    "messageId": stored.message_id,
                    "receiptHandle": stored.message_id,
                    "body": stored.body,
                    "attributes": {
                        "ApproximateReceiveCount": str(stored.receives),
                        "SentTimestamp": str(int((START.timestamp() + stored.sent_at) * 1000)),
                    },
                }
            )
        self._invoke(records)
        copies = [record for record in records if self.world.happens(self.copy_fraction)]
        if copies:  # two pollers were given the same messages, almost at once
            self.world.counts["copies"] += len(copies)
            self.world.after(self.world.random.uniform(0, 1), lambda: self._invoke(copies))
        self._collect()

    def _invoke(self, records: list[dict[str, Any]]) -> None:
        if records:
            self.running += 1
            self.invoke(records, lambda failed: self._answered(records, failed))

    def _answered(self, records: list[dict[str, Any]], failed: set[str] | None) -> None:
        self.running -= 1
        for record in records:
            if failed is not None and record["messageId"] not in failed:
                self.messages.pop(record["messageId"], None)
        self._collect()
