"""The way of a batch: read → group → gate → drop what was delivered → compose → post → note. No I/O of its own.

=======  ======================  ==========================  ==========================================================
step     in                      out                         where a failure goes
=======  ======================  ==========================  ==========================================================
read     SQS records             readable alerts             the dead letters, at once and alone
group    alerts                  items by destination        -
gate     items                   a post that may go now      back, hidden until the gate opens
known    items                   items not yet delivered     back: better late than twice
compose  items                   messages within limits      the dead letters, the alert that cannot be written alone
post     messages, a gate each   outcomes                    see below
note     deliveries              -                           logged: a redelivery of exactly these could double
=======  ======================  ==========================  ==========================================================

SQS may give one message to two batches at the same moment, so what has been delivered is asked for under the gate: one
batch at a time holds it, and notes what it has delivered before it lets go. Alerts of a broken destination are posted
elsewhere, under its own gate too.

Destinations are delivered to side by side, so that one's trouble is its own. After a post:

=====================  ================================================================================
delivered              noted, and never posted again
later                  the gate closes for all containers; this and the rest go back until it opens
ambiguous              back, and possibly doubled: it was sent, and nobody said that it arrived
payload refused        once more without decoration, before anything else is posted; then the dead letters
destination broken     the fallback destination, with a note; else back, and one post in a while probes
=====================  ================================================================================

Whatever goes back for a whole day (``DEAD_AFTER``) is given up: it lands in the dead-letter queue with its reason.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from gateway_alerts.alerts import CANARY, parse_queued_alert
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable, InvalidAlert
from notify.dead_letters import DeadLetter, DeadLetters
from notify.deliveries import Deliveries
from notify.destinations.base import Destination, Message
from notify.gates import Gates, Reservation
from notify.grouping import AlertItem, Received, group_by_destination
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from notify.returns import Returns

#: How long an alert may wait in the queue before it is given up.
DEAD_AFTER = timedelta(hours=24)
#: The next canary has come by then.
CANARY_WORTH = timedelta(minutes=10)
#: What waits without knowing for how long comes again after as long as it has waited already, within these.
FIRST_WAIT_SECONDS = 15
LONGEST_WAIT_SECONDS = 900
#: However short the waits are that a destination asks for: the older a record, the rarer it returns, by this share of its
#: age. So it returns some 700 times in a day, and never meets SQS's own limit of 1,000 receives.
RETURNS_PER_AGE = 100
#: How long a destination is left alone that does not answer.
LONGEST_PAUSE_SECONDS = 60
#: A 429 that does not say when to come again.
RATE_LIMITED_SECONDS = 30


class Ports(NamedTuple):
    """What a batch is delivered with.

    Attributes:
        destination: opens a destination by name; raises ConfigurationError or DependencyUnavailable.
        deliveries: what has been delivered before.
        gates: when a destination may be called.
        returns: hides what goes back to the queue until its time.
        dead_letters: keeps what is given up.
        fallback: name of the destination for alerts of broken ones; None for none.
        has_time: whether there is time for one more post.
        clock: the time now; Retry-After counts from the answer, not from the start of the batch.
        holder: this invocation, among all that post.
        side_by_side: runs tasks at the same time, and waits for all.
    """

    destination: Callable[[str], Destination]
    deliveries: Deliveries
    gates: Gates
    returns: Returns
    dead_letters: DeadLetters
    fallback: str | None
    has_time: Callable[[], bool]
    clock: Callable[[], datetime]
    holder: str
    side_by_side: Callable[[Sequence[Callable[[], None]]], None]


@dataclass(slots=True)
class Notified:
    """What became of a batch. ``failed`` are the message ids that go back to the queue.

    ``broken`` are destinations that were found to need an operator; ``delays`` are, by destination, the ages of the
    oldest alert of each message when it was posted; ``waiting`` is the age of the oldest alert that goes back.
    """

    failed: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    alert_count: int = 0
    redelivered_count: int = 0
    buried_count: int = 0
    diverted_count: int = 0
    broken: list[str] = field(default_factory=list)
    delays: list[tuple[str, timedelta]] = field(default_factory=list)
    waiting: timedelta = timedelta(0)

    @property
    def possible_double_count(self) -> int:
        """Posts that may be shown twice: sent, and no answer said that they arrived."""
        return sum(isinstance(outcome, Ambiguous) for _, outcome in self.outcomes)

    def add(self, other: "Notified") -> None:
        """Take in what became of a part of the batch."""
        self.failed |= other.failed
        self.faults += other.faults
        self.outcomes += other.outcomes
        self.alert_count += other.alert_count
        self.redelivered_count += other.redelivered_count
        self.buried_count += other.buried_count
        self.diverted_count += other.diverted_count
        self.broken += other.broken
        self.delays += other.delays
        self.waiting = max(self.waiting, other.waiting)


def notify(records: Sequence[Mapping[str, Any]], *, ports: Ports, now: datetime) -> Notified:
    """Deliver a batch of SQS records as Lambda gives them, and say which go back."""
    notified = Notified()
    received = _read(records, notified, ports=ports)
    groups = group_by_destination(received)
    deliveries = [_Delivery(name, items, ports=ports, now=now) for name, items in groups.items()]
    ports.side_by_side([delivery.run for delivery in deliveries])
    for delivery in deliveries:
        notified.add(delivery.notified)
    return notified


def _read(records: Sequence[Mapping[str, Any]], notified: Notified, *, ports: Ports) -> list[Received]:
    received: list[Received] = []
    unreadable: list[DeadLetter] = []
    for record in records:
        message_id, body, attributes = record["messageId"], record["body"], record["attributes"]
        try:
            queued = parse_queued_alert(body)
        except InvalidAlert as error:
            unreadable.append(DeadLetter(message_id, body, f"unreadable: {error}"))
            continue
        sent_at = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC)
        receive_count = int(attributes["ApproximateReceiveCount"])
        received.append(Received(message_id, record["receiptHandle"], body, sent_at, receive_count, queued))
    _bury(unreadable, notified, ports=ports)
    return received


def _bury(letters: Sequence[DeadLetter], notified: Notified, *, ports: Ports) -> set[str]:
    """Give letters up; returns the message ids that are kept, and what is not goes back."""
    if not letters:
        return set()
    kept = ports.dead_letters.bury(letters)
    notified.buried_count += len(kept)
    notified.faults += [f"{letter.message_id}: {letter.reason}" for letter in letters]
    notified.failed |= {letter.message_id for letter in letters} - kept
    return kept


class _Delivery:
    """Everything of one batch that is for one destination."""

    def __init__(self, name: str, items: Sequence[AlertItem], *, ports: Ports, now: datetime) -> None:
        self.notified = Notified()
        self._name = name
        self._items = items
        self._ports = ports
        self._now = now
        # Two destinations of one batch may both divert to the fallback, each from a thread of its own.
        self._holder = f"{ports.holder}/{name}"
        self._settled: set[str] = set()

    def run(self) -> None:
        """Post what may be posted; nothing is raised, every record ends somewhere."""
        try:
            self._deliver(self._items, via=self._name, note="")
        except Exception as error:  # noqa: BLE001
            # The last resort: a defect here must not cost the other destinations their batch. Its text could hold a secret.
            # No port is asked again: the records go back for the queue's own time.
            self.notified.faults.append(f"{self._name}: unhandled {type(error).__name__}")
            everything = {message_id for item in self._items for message_id in item.message_ids}
            self.notified.failed |= everything - self._settled

    def _deliver(self, items: Sequence[AlertItem], *, via: str, note: str) -> None:
        try:
            target = self._ports.destination(via)
        except ConfigurationError as error:
            self.notified.broken.append(f"{via}: {error}")
            self._undeliverable(items, via=via, reason=str(error))
            return
        except DependencyUnavailable as error:
            self._no_answer(items, via=via, error=error)
            return
        try:
            self._post_all(target, items, via=via, note=note)
        finally:
            with suppress(DependencyUnavailable):
                self._ports.gates.release(via, holder=self._holder)

    def _post_all(self, target: Destination, items: Sequence[AlertItem], *, via: str, note: str) -> None:
        """Post one message after the other for as long as the gate lets them through."""
        reservation = self._reserve(items, via=via)
        if reservation is None:
            return
        try:
            left = deque(self._messages(target, self._undelivered(items), note=note))
        except DependencyUnavailable as error:
            self._no_answer(items, via=via, error=error)
            return
        while left and reservation is not None:
            rest, is_second_form = _items(left), False
            message = left.popleft()
            outcome = target.post(message)
            self.notified.outcomes.append((via, outcome))
            match outcome:
                case Delivered():
                    self._delivered(message, via=via, is_probe=reservation.broken_reason is not None)
                case Permanent(reason=Reason.PAYLOAD_REFUSED, detail=detail):
                    self._heal(via, is_probe=reservation.broken_reason is not None)  # it answers, so it is there
                    plainer = target.degrade(message)
                    is_second_form = plainer is not None
                    if plainer is not None:
                        left.appendleft(plainer)
                    else:
                        self._give_up(message.items, f"{Reason.PAYLOAD_REFUSED}: {detail}")
                case _:
                    self._not_delivered(outcome, rest, via=via)
                    return
            reservation = self._reserve(_items(left), via=via, is_second_form=is_second_form) if left else None

    def _reserve(self, rest: Sequence[AlertItem], *, via: str, is_second_form: bool = False) -> Reservation | None:
        """A post that may go now, or None: the rest has been seen to."""
        if not self._ports.has_time():
            self._wait(rest, seconds=1, reason="no time left")
            return None
        try:
            reservation = self._ports.gates.reserve(
                via, holder=self._holder, now=self._ports.clock(), is_second_form=is_second_form
            )
        except DependencyUnavailable as error:
            self._no_answer(rest, via=via, error=error)
            return None
        if reservation.is_granted:
            return reservation
        if reservation.broken_reason is not None:
            self._undeliverable(rest, via=via, reason=reservation.broken_reason)
        else:
            self._wait(rest, seconds=reservation.wait_seconds, reason=Reason.RATE_LIMITED)
        return None

    def _undelivered(self, items: Sequence[AlertItem]) -> Sequence[AlertItem]:
        """Items without what has been delivered before. Raises DependencyUnavailable."""
        records = [record for item in items for record in item.records]
        fresh = self._without_known(records)
        return items if len(fresh) == len(records) else group_by_destination(fresh).get(self._name, [])

    def _without_known(self, records: Sequence[Received]) -> list[Received]:
        """Records without those whose alerts have been delivered: these are done with. Raises DependencyUnavailable."""
        alerts = [record.queued.alert for record in records]
        known = self._ports.deliveries.among(alerts, destination=self._name, now=self._ports.clock())
        done = {record.message_id for record in records if record.queued.alert.alert_id in known}
        self._settled |= done
        self.notified.redelivered_count += len(done)
        return [record for record in records if record.message_id not in done]

    def _messages(self, target: Destination, items: Sequence[AlertItem], *, note: str) -> list[Message]:
        if not items:
            return []
        messages, unwritable = _compose(target, items, now=self._now, note=note)
        for defect, of_defect in unwritable.items():
            self._give_up(of_defect, f"could not be put into words: {defect}")
        return messages

    def _not_delivered(self, outcome: Outcome, rest: Sequence[AlertItem], *, via: str) -> None:
        """After this nothing more goes to the destination in this batch."""
        match outcome:
            case RetryLater(reason=Reason.RATE_LIMITED, seconds=asked):
                seconds = RATE_LIMITED_SECONDS if asked is None else max(1, asked)
                with suppress(DependencyUnavailable):
                    self._ports.gates.close(via, until=self._ports.clock() + timedelta(seconds=seconds))
                self._wait(rest, seconds=seconds, reason=Reason.RATE_LIMITED)
            case RetryLater(reason=reason) | Ambiguous(reason=reason):
                seconds = self._backoff_seconds(rest)
                # Each try may take a container for ten seconds: not again for every new alert.
                with suppress(DependencyUnavailable):
                    pause = timedelta(seconds=min(seconds, LONGEST_PAUSE_SECONDS))
                    self._ports.gates.close(via, until=self._ports.clock() + pause)
                self._wait(rest, seconds=seconds, reason=reason)
            case Permanent(detail=detail):
                with suppress(DependencyUnavailable):
                    if self._ports.gates.set_broken(via, reason=detail, now=self._ports.clock()):
                        self.notified.broken.append(f"{via}: {detail}")
                self._undeliverable(rest, via=via, reason=detail)

    def _no_answer(self, items: Sequence[AlertItem], *, via: str, error: DependencyUnavailable) -> None:
        self.notified.faults.append(f"{via}: {error}")
        self._wait(items, seconds=self._backoff_seconds(items), reason=str(error))

    def _delivered(self, message: Message, *, via: str, is_probe: bool) -> None:
        self.notified.alert_count += len(message.items)
        self.notified.diverted_count += len(message.items) if via != self._name else 0
        self._settled |= {message_id for item in message.items for message_id in item.message_ids}
        self.notified.delays.append((via, max(self._now - item.alert.raised_at for item in message.items)))
        try:
            delivered = [alert_id for item in message.items for alert_id in item.alert_ids]
            self._ports.deliveries.note(delivered, destination=self._name, now=self._ports.clock())
        except DependencyUnavailable as error:
            self.notified.faults.append(f"{via}: delivered and not noted: {error}")
        self._heal(via, is_probe=is_probe)

    def _heal(self, via: str, *, is_probe: bool) -> None:
        if is_probe:
            with suppress(DependencyUnavailable):
                self._ports.gates.set_healed(via)

    def _undeliverable(self, items: Sequence[AlertItem], *, via: str, reason: str) -> None:
        """What a broken destination does not take: to the fallback, once; else it waits for the destination to heal."""
        self.notified.faults.append(f"{via}: {reason}")
        fallback = self._ports.fallback
        if via == self._name and fallback is not None and fallback != self._name:
            self._deliver(items, via=fallback, note=f"These could not be posted to {self._name}: {reason}.")
        else:
            self._wait(items, seconds=LONGEST_WAIT_SECONDS, reason=reason)

    def _wait(self, items: Iterable[AlertItem], *, seconds: int, reason: str) -> None:
        """Give records back for a while; those that have waited for a day are given up."""
        overdue: list[Received] = []
        patient: dict[int, list[Received]] = {}
        for record in (record for item in items for record in item.records):
            age = self._now - record.sent_at
            least = int(age.total_seconds()) // RETURNS_PER_AGE
            if record.queued.alert.alert_type == CANARY and age > CANARY_WORTH:
                self.notified.faults.append(f"{record.message_id}: a canary too old to tell anything: {reason}")
                self._settled.add(record.message_id)
            elif age > DEAD_AFTER:
                overdue.append(record)
            else:
                patient.setdefault(max(seconds, least), []).append(record)
        if overdue:
            try:
                overdue = self._without_known(overdue)
            except DependencyUnavailable:  # they may have been delivered
                patient.setdefault(LONGEST_WAIT_SECONDS, []).extend(overdue)
            else:
                self._bury([DeadLetter(record.message_id, record.body, f"undelivered for a day: {reason}") for record in overdue])
        for wait_seconds, records in patient.items():
            oldest = min(record.sent_at for record in records)
            self.notified.waiting = max(self.notified.waiting, self._now - oldest)
            self.notified.failed |= {record.message_id for record in records}
            self._ports.returns.postpone([record.receipt_handle for record in records], seconds=wait_seconds)

    def _give_up(self, items: Iterable[AlertItem], reason: str) -> None:
        letters = [DeadLetter(record.message_id, record.body, reason) for item in items for record in item.records]
        self._bury(letters)

    def _bury(self, letters: Sequence[DeadLetter]) -> None:
        self._settled |= _bury(letters, self.notified, ports=self._ports)

    def _backoff_seconds(self, items: Sequence[AlertItem]) -> int:
        """As long again as the longest has waited already, within bounds: the pauses double by themselves."""
        waited = max(self._now - record.sent_at for item in items for record in item.records)
        return int(min(LONGEST_WAIT_SECONDS, max(FIRST_WAIT_SECONDS, waited.total_seconds())))


def _compose(
    target: Destination, items: Sequence[AlertItem], *, now: datetime, note: str
) -> tuple[list[Message], dict[str, list[AlertItem]]]:
    """The messages, and by name of the defect the alerts that it keeps from being written."""

    def attempt(some: Sequence[AlertItem]) -> list[Message] | Exception:
        try:
            return target.compose(some, now=now, note=note)
        except Exception as error:  # noqa: BLE001
            return error

    messages = attempt(items)
    if not isinstance(messages, Exception):
        return messages, {}
    alone = [(item, attempt([item])) for item in items]
    unwritable: dict[str, list[AlertItem]] = {}
    for item, of_item in alone:
        if isinstance(of_item, Exception):
            unwritable.setdefault(type(of_item).__name__, []).append(item)
    writable = [(item, of_item) for item, of_item in alone if not isinstance(of_item, Exception)]
    messages = attempt([item for item, _ in writable])
    if isinstance(messages, Exception):  # it is the layout that fails: many messages are better than none
        messages = [message for _, of_item in writable for message in of_item]
    return messages, unwritable


def _items(messages: Iterable[Message]) -> list[AlertItem]:
    return [item for message in messages for item in message.items]
