"""Queue records → what each destination is to be told: true duplicates squashed, the records of each kept. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway_alerts.alerts import Alert, QueuedAlert


class Received(NamedTuple):
    """One readable record of a batch."""

    message_id: str
    queued: QueuedAlert


@dataclass(slots=True)
class AlertItem:
    """An alert as it will be shown, and every record that it answers for.

    ``count`` is how often it was raised; the same alert delivered twice by SQS counts once.
    """

    alert: Alert
    alert_ids: set[str] = field(default_factory=set)
    message_ids: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How often the alert was raised."""
        return len(self.alert_ids)


def group_by_destination(received: Iterable[Received]) -> dict[str, list[AlertItem]]:
    """Alert items by destination name, in the order of arrival. Alerts that say the same of the same entity are one
    item, with the newest one's figures.
    """
    groups: dict[str, dict[tuple[str, ...], AlertItem]] = {}
    for message_id, (destination, alert) in ((r.message_id, (r.queued.destination, r.queued.alert)) for r in received):
        items = groups.setdefault(destination, {})
        item = items.setdefault(_sameness(alert), AlertItem(alert))
        item.alert = max(item.alert, alert, key=lambda a: a.raised_at)
        item.alert_ids.add(alert.alert_id)
        item.message_ids.append(message_id)
    return {destination: list(items.values()) for destination, items in groups.items()}


def _sameness(alert: Alert) -> tuple[str, ...]:
    return (alert.dedupe_key, alert.event, str(alert.budget.rung.normalize()))
