"""Queue records → what each destination is to be told: true duplicates squashed, the records of each kept. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gateway_alerts.alerts import Alert, QueuedAlert


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
    """An alert as it will be shown, and every record that it answers for.

    ``count`` is how often it was raised; the same alert delivered twice by SQS counts once.
    """

    alert: Alert
    alert_ids: set[str] = field(default_factory=set)
    records: list[Received] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How often the alert was raised."""
        return len(self.alert_ids)

    @property
    def message_ids(self) -> list[str]:
        """The SQS messages that it answers for."""
        return [record.message_id for record in self.records]


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
    return (alert.dedupe_key, alert.event, rung)
