"""The spend that the ledger has seen of each budget → offers to alert on those that will be used up too early. Pure.

An offer is of the kind ``projected``, as when a gateway projects it: both meet in one claim, once per period and limit.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from evaluate.alerting import Offer, offers_of
from evaluate.budget_alert_types import get_budget_alert_type, get_event_group_type
from evaluate.readings import BudgetReading
from evaluate.thresholds import FULL, Crossing
from evaluate.usage.budget_series import BudgetSeries
from evaluate.usage.forecasting import SpendSample, forecast
from evaluate.usage.periods import start_of
from gateway_alerts.events import UserInfo

PROJECTION = "projected_limit_exceeded"
#: Where an event keeps the name of each entity whose spend a request log tells.
_NAME_FIELDS = {"key": "key_alias", "user": "user_email", "team": "team_alias"}


def forecast_offers(series: Iterable[BudgetSeries], *, now: datetime) -> list[Offer]:
    """One offer for each budget that will be used up before it resets."""
    return [offer for each in series for offer in _offers(each, now=now)]


def _offers(series: BudgetSeries, *, now: datetime) -> list[Offer]:
    period_end = None if series.resets_at is None else datetime.fromtimestamp(series.resets_at, UTC)
    samples = [SpendSample(start_of(quarter), spend) for quarter, spend in series.samples]
    expected = forecast(samples, limit=series.limit, period_end=period_end, now=now)
    if expected is None:
        return []
    entity_type = get_event_group_type(series.event_group)
    name = {} if series.name is None else {_NAME_FIELDS.get(series.event_group, "entity_alias"): series.name}
    info = UserInfo.model_validate(
        entity_type.fields_for_id(series.id)
        | name
        | {
            "spend": samples[-1].spend,
            "max_budget": series.limit,
            "event_group": series.event_group,
            "projected_spend": expected.projected_spend,
            "budget_reset_at": period_end,
        }
    )
    crossing = Crossing("projected", series.limit, FULL, exhausted_at=expected.exhausted_at)
    reading = BudgetReading(get_budget_alert_type(PROJECTION), entity_type, info)
    return offers_of(reading, [crossing], gateway=series.gateway)
