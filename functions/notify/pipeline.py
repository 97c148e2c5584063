"""The way of a batch: read → drop what was delivered → group → compose → post → note. No I/O of its own.

=======  ======================  ==========================  ==========================================================
step     in                      out                         where a failure goes
=======  ======================  ==========================  ==========================================================
read     SQS records             readable alerts             its record back to the queue, in the end the dead letters
known    alerts                  alerts not yet delivered    all back: better late than twice
group    alerts                  items by destination        -
compose  items                   messages within limits      that destination's records back
post     messages                outcomes                    that message's records back, and all after a "later"
note     deliveries              -                           logged: a redelivery of exactly these could double
=======  ======================  ==========================  ==========================================================
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway_alerts.alerts import parse_queued_alert
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable, InvalidAlert
from notify.deliveries import Deliveries, Delivery
from notify.destinations.base import Destination, Message
from notify.grouping import AlertItem, Received, group_by_destination
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, RetryLater


@dataclass(slots=True)
class Notified:
    """What became of a batch. ``failed`` are the message ids that go back to the queue."""

    failed: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    alert_count: int = 0
    redelivered_count: int = 0
    unreadable_count: int = 0

    @property
    def possible_double_count(self) -> int:
        """Posts that may be shown twice: sent, and no answer said that they arrived."""
        return sum(isinstance(outcome, Ambiguous) for _, outcome in self.outcomes)


def notify(
    records: Sequence[Mapping[str, Any]],
    *,
    destination: Callable[[str], Destination],
    deliveries: Deliveries,
    has_time: Callable[[], bool],
    now: datetime,
) -> Notified:
    """Deliver a batch of SQS records, and say which go back.

    Args:
        records: as Lambda gives them: ``messageId`` and ``body``.
        destination: opens a destination by name; raises ConfigurationError or DependencyUnavailable.
        deliveries: what has been delivered before.
        has_time: whether there is time for one more post.
        now: the moment that messages are written for.
    """
    notified = Notified()
    received = _read(records, notified)
    if not received:
        return notified
    try:
        known = deliveries.among(_deliveries(received))
    except DependencyUnavailable as error:
        notified.faults.append(str(error))
        notified.failed |= {record.message_id for record in received}
        return notified
    fresh = [record for record in received if (record.queued.alert.alert_id, record.queued.destination) not in known]
    notified.redelivered_count = len(received) - len(fresh)
    for name, items in group_by_destination(fresh).items():
        _deliver(name, items, notified, destination=destination, deliveries=deliveries, has_time=has_time, now=now)
    return notified


def _read(records: Sequence[Mapping[str, Any]], notified: Notified) -> list[Received]:
    received: list[Received] = []
    for record in records:
        try:
            received.append(Received(record["messageId"], parse_queued_alert(record["body"])))
        except InvalidAlert as error:
            notified.unreadable_count += 1
            notified.faults.append(f"{record['messageId']}: {error}")
            notified.failed.add(record["messageId"])
    return received


def _deliveries(received: Sequence[Received]) -> list[Delivery]:
    return [(record.queued.alert.alert_id, record.queued.destination) for record in received]


def _deliver(
    name: str,
    items: Sequence[AlertItem],
    notified: Notified,
    *,
    destination: Callable[[str], Destination],
    deliveries: Deliveries,
    has_time: Callable[[], bool],
    now: datetime,
) -> None:
    """Post everything that is for one destination; what does not arrive goes back."""
    try:
        target = destination(name)
    except (ConfigurationError, DependencyUnavailable) as error:
        notified.faults.append(f"{name}: {error}")
        notified.failed |= _message_ids(items)
        return
    messages, unwritable = _compose(target, items, now=now)
    for defect, of_defect in unwritable.items():
        notified.faults.append(f"{name}: {len(of_defect)} alerts could not be put into words: {defect}")
        notified.failed |= _message_ids(of_defect)
    is_open = True
    for message in messages:
        is_open = is_open and has_time()
        if not is_open:
            notified.failed |= _message_ids(message.items)
            continue
        outcome = target.post(message)
        notified.outcomes.append((name, outcome))
        match outcome:
            case Delivered():
                notified.alert_count += len(message.items)
                _note(name, message, notified, deliveries=deliveries, now=now)
            case RetryLater():
                is_open = False  # it asked for a pause: nothing more goes there in this batch
                notified.failed |= _message_ids(message.items)
            case Permanent() | Ambiguous():
                notified.failed |= _message_ids(message.items)


def _note(name: str, message: Message, notified: Notified, *, deliveries: Deliveries, now: datetime) -> None:
    try:
        deliveries.note([(alert_id, name) for item in message.items for alert_id in item.alert_ids], now=now)
    except DependencyUnavailable as error:
        notified.faults.append(f"{name}: delivered and not noted: {error}")


def _compose(
    target: Destination, items: Sequence[AlertItem], *, now: datetime
) -> tuple[list[Message], dict[str, list[AlertItem]]]:
    """The messages, and by name of the defect the alerts that it keeps from being written: these go back alone."""
    messages = _try_to_compose(target, items, now=now)
    if not isinstance(messages, Exception):
        return messages, {}
    alone = [(item, _try_to_compose(target, [item], now=now)) for item in items]
    unwritable: dict[str, list[AlertItem]] = {}
    for item, of_item in alone:
        if isinstance(of_item, Exception):
            unwritable.setdefault(type(of_item).__name__, []).append(item)
    writable = [(item, of_item) for item, of_item in alone if not isinstance(of_item, Exception)]
    messages = _try_to_compose(target, [item for item, _ in writable], now=now)
    if isinstance(messages, Exception):  # it is the layout that fails: many messages are better than none
        messages = [message for _, of_item in writable for message in of_item]
    return messages, unwritable


def _try_to_compose(target: Destination, items: Sequence[AlertItem], *, now: datetime) -> list[Message] | Exception:
    try:
        return target.compose(items, now=now)
    except Exception as error:  # noqa: BLE001
        return error


def _message_ids(items: Iterable[AlertItem]) -> set[str]:
    return {message_id for item in items for message_id in item.message_ids}
