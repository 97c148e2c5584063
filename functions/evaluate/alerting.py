"""A reading and the limits that it crossed → offers to alert, and the alerts that winning offers become. Pure.

An offer is one rung of one ladder. An event that reaches its soft and its maximum budget makes two offers, since
either may have alerted before; when both win, one alert speaks for both.

The reference's webhook of a project does not name it, its request log, which comes seconds later, does. So the alert of
such a webhook waits in its claim for ``LOG_SECONDS``, and an offer that names the project takes its place.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from evaluate.budget_alert_types import given
from evaluate.readings import BudgetReading
from evaluate.thresholds import Crossing, is_reached
from gateway_alerts.alert_types import BUDGET_ALERTS
from gateway_alerts.alerts import Alert, BudgetFigures, Entity
from gateway_alerts.config import Config
from gateway_alerts.events import WebhookEvent
from gateway_alerts.keys import BudgetIdentity, digest
from gateway_alerts.masking import masked

#: LiteLLM's level of every budget alert.
BUDGET_ALERT_LEVEL = "High"
#: Within this time the request log of a webhook arrives: the reference flushes every 5 s, and may have to try again.
LOG_SECONDS = 30


class Offer(NamedTuple):
    """One rung of one ladder that an event reached: it alerts if nobody has alerted for it before.

    ``period_end`` is the budget's reset time in epoch seconds, None where the event names none. ``owner`` is who claims
    an identity that is a name, and ``identity_by_id`` what it claims instead when the name is another's.
    ``unnamed_identity`` is what an event of the same crossing claims that does not name the entity.
    """

    identity: BudgetIdentity
    rung: Decimal
    period_end: int | None
    crossing: Crossing
    reading: BudgetReading
    owner: str | None = None
    identity_by_id: BudgetIdentity | None = None
    unnamed_identity: BudgetIdentity | None = None

    @property
    def waits_for_log(self) -> bool:
        """Whether a request log is to come that names whose budget it is. It tells of no soft budget."""
        entity_type, info = self.reading.entity_type, self.reading.user_info
        is_unnamed = entity_type.is_named_by_request_log and entity_type.get_id(info) is None
        return is_unnamed and type(info) is WebhookEvent and self.crossing.kind == "maximum"

    def by_id(self) -> "Offer":
        """The offer of an entity whose name another one bears too."""
        assert self.identity_by_id is not None  # noqa: S101 (an owner has one)
        return self._replace(identity=self.identity_by_id, owner=None, identity_by_id=None)

    @property
    def dedupe_key(self) -> str:
        """The identity and its period, as operators see it in logs and in a dry run."""
        return f"{self.identity.table_key}@{self.period_end or 'ttl'}"


def offers_of(reading: BudgetReading, crossings: Sequence[Crossing], *, gateway: str) -> list[Offer]:
    """One offer for each limit that the reading crossed, the gravest first."""
    entity_type, info = reading.entity_type, reading.user_info
    entity_id = entity_type.get_id(info)
    name = entity_type.get_name(info) if entity_type.is_claimed_by_name else None
    is_by_name = entity_id is not None and name is not None
    hint = name if is_by_name else entity_type.get_hint(info) if entity_id is None else None
    period_end = None if info.budget_reset_at is None else int(info.budget_reset_at.timestamp())
    group = entity_type.get_event_group()
    is_named = entity_id is not None and entity_type.is_named_by_request_log
    unnamed_hint = entity_type.get_unnamed_hint(info) if is_named else None
    offers: list[Offer] = []
    for crossing in crossings:
        by_id = BudgetIdentity(gateway, group, entity_id, None, crossing.kind, crossing.limit)
        by_name = by_id._replace(entity_id=None, entity_hint=hint)
        offers.append(
            Offer(
                identity=by_id if entity_id is not None and not is_by_name else by_name,
                rung=crossing.rung,
                period_end=period_end,
                crossing=crossing,
                reading=reading,
                owner=digest([entity_id]) if is_by_name else None,
                identity_by_id=by_id if is_by_name else None,
                unnamed_identity=by_id._replace(entity_id=None, entity_hint=unnamed_hint) if is_named else None,
            )
        )
    return offers


def held_until(group: Sequence[Offer], *, config: Config, now: datetime) -> datetime | None:
    """When the alert for the offers of one reading may be told; None for at once."""
    quiet_until = config.held_until(alert_type=BUDGET_ALERTS, level=BUDGET_ALERT_LEVEL, now=now)
    if not any(offer.waits_for_log for offer in group):
        return quiet_until
    return max(quiet_until or now, now + timedelta(seconds=LOG_SECONDS))


def merge_by_reading(offers: Sequence[Offer]) -> list[list[Offer]]:
    """Offers of one reading together, the gravest first: each group makes one alert."""
    groups: dict[int, list[Offer]] = {}
    for offer in offers:
        groups.setdefault(id(offer.reading), []).append(offer)
    return list(groups.values())


def alert_for(group: Sequence[Offer], *, now: datetime, request_id: str, config: Config) -> Alert:
    """The one alert for the offers of one reading; the first of them names it.

    The id holds the time and the request of the decision: the same rung may alert again when its period is over, and
    two containers may decide in the same microsecond.
    """
    offer = group[0]
    reading, crossing = offer.reading, offer.crossing
    info, entity_type = reading.user_info, reading.entity_type
    entity_id = entity_type.get_id(info)
    event_group = entity_type.get_event_group()
    return Alert(
        alert_id=digest([offer.dedupe_key, str(offer.rung), now.isoformat(), request_id]),
        dedupe_key=offer.dedupe_key,
        alert_type=BUDGET_ALERTS,
        event=crossing.event,
        level=BUDGET_ALERT_LEVEL,
        gateway=offer.identity.gateway,
        message=_message(reading, crossing),
        entity=Entity(
            type=event_group,
            id=_masked(entity_id),
            name=_masked(entity_type.get_name(info)),
            owner=None if event_group == "user" else _masked(given(info.user_email) or given(info.user_id)),
            team=None if event_group == "team" else _masked(given(info.team_alias) or given(info.team_id)),
        ),
        budget=BudgetFigures(
            kind=crossing.kind,
            spend=info.spend,
            limit=crossing.limit,
            rung=crossing.rung,
            max_budget=info.max_budget,
            soft_budget=info.soft_budget,
            soft_budget_crossed=info.soft_budget is not None and is_reached(info.spend, info.soft_budget),
            projected_spend=info.projected_spend,
            projected_exceeded_date=_masked(given(info.projected_exceeded_date)),
            exhausted_at=crossing.exhausted_at,
            resets_at=info.budget_reset_at,
        ),
        is_digest=config.is_digest(BUDGET_ALERTS),
        raised_at=now,
        destinations=config.destinations_for(
            alert_type=BUDGET_ALERTS,
            entity_type=event_group,
            gateway=offer.identity.gateway,
            level=BUDGET_ALERT_LEVEL,
        ),
    )


def _masked(text: str | None) -> str | None:
    """Text for the alert, which is stored and shown; the identity is made from what the gateway really said."""
    return None if text is None else masked(text)


def _message(reading: BudgetReading, crossing: Crossing) -> str:
    prefix = reading.entity_type.get_event_message()
    match crossing.event:
        case "projected_limit_exceeded":
            return f"{prefix}Projected Limit Exceeded"
        case "soft_budget_crossed":
            return f"{prefix}Soft Budget Crossed"
        case "budget_crossed":
            return f"{prefix}Budget Crossed"
        case _:
            return f"{prefix}{(crossing.rung * 100).normalize():f}% of budget used"
