"""Budgets that have alerted → the notice that they are well again. Off unless ``resolved_notices`` is on.

A budget that alerts is kept in a list of its own on the agenda, due when its period ends. It is well again when that
time has come (it was reset) or when an event names a higher limit for it that its spend does not reach (it was
raised). To know which budgets to look at, a container reads the list once a minute. A claim decides who tells::

    pk                        alerted#DIGEST of gateway, entity type, id
    alert                     the alert that was raised last, as JSON
    outbox_shard, outbox_at   ``alerted-N``; the end of its period, or when its alert may come again without one
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from evaluate.alerting import Offer
from evaluate.claims import Claim
from evaluate.readings import BudgetReading
from evaluate.table import AlertsTable, Attributes, agenda_shard
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config
from gateway_alerts.keys import digest

SHARDS = "alerted"
READ_EVERY = timedelta(minutes=1)
KEEP_SECONDS = 40 * 86_400
BUDGET_RESOLVED = "budget_resolved"
ONLY_RUNG = Decimal(1)


class Alerted(NamedTuple):
    """A budget that has alerted, and the alert that it raised last."""

    key: str
    alert: Alert


class AlertedBudgets(Protocol):
    """The list of budgets that have alerted. Every method raises DependencyUnavailable when it cannot be reached."""

    def note(self, alert: Alert, *, due_at: datetime) -> None:
        """Keep a budget that has alerted until it is due."""

    def read(self, *, now: datetime) -> list[Alerted]:
        """All of the list that is not due yet."""

    def due(self, *, now: datetime) -> list[Alerted]:
        """Those whose period has ended."""

    def forget(self, key: str) -> None:
        """Take one off the list."""


def alerted_key(gateway: str, entity_type: str, entity: str | None) -> str:
    """The key of a budget in the list; by its id, or by its name where it has none."""
    return f"alerted#{digest([gateway, entity_type, entity])}"


def due_at(alert: Alert, *, now: datetime, config: Config) -> datetime:
    """When the period of an alert's budget ends; where none is named, when it may alert again."""
    resets_at = alert.budget.resets_at if alert.budget else None
    return (
        resets_at if resets_at is not None and resets_at > now else now + timedelta(seconds=config.alerting_args.budget_alert_ttl)
    )


class KnownAlerted:
    """The list as this container read it last."""

    def __init__(self) -> None:
        self._read_at: datetime | None = None
        self._by_key: dict[str, Alerted] = {}

    def by_key(self, *, budgets: Callable[[], AlertedBudgets], now: datetime) -> dict[str, Alerted]:
        """The list, at most ``READ_EVERY`` old."""
        if self._read_at is None or now - self._read_at >= READ_EVERY:
            self._by_key = {alerted.key: alerted for alerted in budgets().read(now=now)}
            self._read_at = now
        return self._by_key


def raised_again(
    readings: Iterable[tuple[BudgetReading, Sequence[Offer]]], *, gateway: str, alerted: dict[str, Alerted]
) -> list[tuple[Alerted, BudgetReading]]:
    """Budgets of the list whose limit an event names higher than they alerted for, and which it does not reach. Pure."""
    found: dict[str, tuple[Alerted, BudgetReading]] = {}
    for reading, offers in readings:
        info, entity_type = reading.user_info, reading.entity_type
        who = entity_type.get_id(info) or entity_type.get_name(info)
        if who is None:
            continue  # another one without a name may have alerted
        known = alerted.get(alerted_key(gateway, entity_type.get_event_group(), who))
        if known is None or known.alert.budget is None or info.max_budget is None:
            continue
        is_higher = info.max_budget > known.alert.budget.limit
        if is_higher and known.alert.budget.kind == "maximum" and not offers:
            found[known.key] = (known, reading)
    return list(found.values())


def resolution(
    alerted: Alerted, *, reading: BudgetReading | None, now: datetime, request_id: str, config: Config
) -> tuple[Claim, Alert]:
    """The claim that decides who tells that a budget is well again, with the alert. Without a reading it was reset."""
    before = alerted.alert
    assert before.budget is not None  # noqa: S101 (only budgets are on the list)
    figures = before.budget
    if reading is None:
        budget = figures.model_copy(update={"spend": Decimal(0), "resets_at": None})
    else:
        info = reading.user_info
        limit = info.max_budget or figures.limit
        budget = figures.model_copy(
            update={"spend": info.spend, "limit": limit, "max_budget": info.max_budget, "resets_at": info.budget_reset_at}
        )
    key = f"resolved#{digest([alerted.key, str(figures.limit), before.alert_id])}"
    level = "Low"
    alert = before.model_copy(
        update={
            "alert_id": digest([key, now.isoformat(), request_id]),
            "dedupe_key": key,
            "event": BUDGET_RESOLVED,
            "level": level,
            "message": "was reset" if reading is None else "was raised",
            "budget": budget,
            "is_resolved": True,
            "raised_at": now,
            "destinations": config.destinations_for(
                alert_type=before.alert_type, entity_type=before.entity.type, gateway=before.gateway, level=level
            ),
        }
    )
    return Claim(key, ONLY_RUNG, None, alert.model_dump_json()), alert


class DynamoDBAlertedBudgets:
    """The list in the alerts table."""

    def __init__(self, table: AlertsTable) -> None:
        self._table = table

    def note(self, alert: Alert, *, due_at: datetime) -> None:
        """See :class:`AlertedBudgets`. One write."""
        key = alerted_key(alert.gateway, alert.entity.type, alert.entity.id or alert.entity.name)
        self._table.update(
            key,
            "SET alert = :alert, outbox_shard = :shard, outbox_at = :due_at, expires_at = :expires_at",
            {
                ":alert": alert.model_dump_json(),
                ":shard": agenda_shard(key, SHARDS),
                ":due_at": int(due_at.timestamp()),
                ":expires_at": int(due_at.timestamp()) + KEEP_SECONDS,
            },
        )

    def read(self, *, now: datetime) -> list[Alerted]:
        """See :class:`AlertedBudgets`. One query for each shard."""
        return [alerted for item in self._table.ahead(now=now, shards=SHARDS) if (alerted := _alerted(item))]

    def due(self, *, now: datetime) -> list[Alerted]:
        """See :class:`AlertedBudgets`. One query for each shard."""
        found: list[Alerted] = []
        for item in self._table.due(now=now, shards=SHARDS):
            alerted = _alerted(item)
            if alerted is None:
                self.forget(item["pk"]["S"])
            else:
                found.append(alerted)
        return found

    def forget(self, key: str) -> None:
        """See :class:`AlertedBudgets`. One write."""
        self._table.delete(key)


def _alerted(item: Attributes) -> Alerted | None:
    """A budget of the list; None where another version wrote it. It was told, and only its notice is not."""
    try:
        return Alerted(item["pk"]["S"], Alert.model_validate_json(item["alert"]["S"]))
    except (ValueError, OverflowError):
        return None
