from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from evaluate.usage.budget_series import BudgetSeries
from evaluate.usage.forecasts import forecast_offers
from evaluate.usage.periods import quarter_of

START = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)


def series(
    *, usd_per_quarter: str, event_group: str = "key", name: str | None = "prod-search", resets: bool = True
) -> BudgetSeries:
    """Eighteen hours of a day's budget of $100, a reading every quarter of an hour."""
    first = quarter_of(START)
    samples = tuple((first + number, Decimal(usd_per_quarter) * number) for number in range(72))
    resets_at = int((START + DAY).timestamp()) if resets else None
    return BudgetSeries("prod", event_group, "id-1", name, Decimal(100), resets_at, samples)


NOW = START + timedelta(hours=17, minutes=50)


def test_a_budget_that_will_be_used_up_before_it_resets_is_offered_with_when() -> None:
    (offer,) = forecast_offers([series(usd_per_quarter="1.3")], now=NOW)
    assert (offer.crossing.kind, offer.crossing.limit, offer.rung) == ("projected", 100, 1)
    assert offer.period_end == int((START + DAY).timestamp())
    assert offer.crossing.exhausted_at is not None
    assert NOW < offer.crossing.exhausted_at < START + DAY
    assert offer.identity.gateway == "prod"


def test_a_budget_that_lasts_is_not() -> None:
    assert forecast_offers([series(usd_per_quarter="0.5")], now=NOW) == []


@pytest.mark.parametrize(
    ("event_group", "name", "expected"),
    [
        ("key", "prod-search", ("id-1", "prod-search")),
        ("user", "ada@example.com", ("id-1", "ada@example.com")),
        ("team", "Research", ("id-1", "Research")),
        ("team", None, ("id-1", None)),
    ],
)
def test_whose_it_is(event_group: str, name: str | None, expected: tuple[str, str | None]) -> None:
    (offer,) = forecast_offers([series(usd_per_quarter="1.3", event_group=event_group, name=name)], now=NOW)
    entity, info = offer.reading.entity_type, offer.reading.user_info
    assert (entity.get_event_group(), entity.get_id(info), entity.get_name(info)) == (event_group, *expected)
