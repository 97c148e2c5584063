"""Queue records → what each destination is to be told: true duplicates squashed, the records of each kept. Pure.

Alerts that say the same are one item: their occurrences are added up, those of one decision once however often SQS
gave it out. Nothing is lost: each item answers for every record that went into it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gateway_alerts.alerts import Alert, Occurrences, QueuedAlert
from gateway_alerts.distributions import added


class Received(NamedTuple):
    """One readable record of a batch. ``sent_at`` is when the queue got it, ``receive_count`` how often it gave it out."""

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    receive_count: int
    queued: QueuedAlert


@dataclass(slots=True)
class AlertItem:
    """An alert as it will be shown (of several, the newest one), and every record that it answers for."""

    alert: Alert
    alert_ids: set[str] = field(default_factory=set)
    records: list[Received] = field(default_factory=list)

    @property
    def occurrences(self) -> Occurrences:
        """How often it happened, first and last when, and how long it took: of all its alerts together, each once."""
        if len(self.records) < 2:  # nearly every item, and a batch may hold ten thousand
            return self.alert.occurrences
        return _together([alert.occurrences for alert in self._alerts()])

    @property
    def count(self) -> int:
        """How often it happened."""
        return self.occurrences.count

    @property
    def gateways(self) -> tuple[str, ...]:
        """The gateways that raised it, in the order of arrival."""
        if len(self.records) < 2:
            return (self.alert.gateway,)
        return tuple(dict.fromkeys(alert.gateway for alert in self._alerts()))

    @property
    def message_ids(self) -> list[str]:
        """The SQS messages that it answers for."""
        return [record.message_id for record in self.records]

    def _alerts(self) -> Iterable[Alert]:
        return {record.queued.alert.alert_id: record.queued.alert for record in self.records}.values()


def group_by_destination(received: Iterable[Received]) -> dict[str, list[AlertItem]]:
    """Alert items by destination name, in the order of arrival. Alerts that say the same of the same entity are one
    item, with the newest one's figures.
    """
    groups: dict[str, dict[tuple[str, ...], AlertItem]] = {}
    for record in received:
        alert = record.queued.alert
        items = groups.setdefault(record.queued.destination, {})
        item = items.setdefault(_sameness(alert), AlertItem(alert))
        item.alert = max(item.alert, alert, key=lambda a: a.raised_at)
        item.alert_ids.add(alert.alert_id)
        item.records.append(record)
    return {destination: list(items.values()) for destination, items in groups.items()}


def _sameness(alert: Alert) -> tuple[str, ...]:
    rung = "" if alert.budget is None else str(alert.budget.rung.normalize())
    return (alert.dedupe_key, alert.event, rung, "resolved" if alert.is_resolved else "")


def _together(occurrences: list[Occurrences]) -> Occurrences:
    return Occurrences(
        count=sum(each.count for each in occurrences),
        first_at=min((each.first_at for each in occurrences if each.first_at), default=None),
        last_at=max((each.last_at for each in occurrences if each.last_at), default=None),
        seconds=added(*(each.seconds for each in occurrences)),
    )
