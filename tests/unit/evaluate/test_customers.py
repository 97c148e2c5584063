from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from evaluate.customers import TrackedSpend, customer_readings, month_of, tracked_in
from gateway_alerts.config import Config
from gateway_alerts.events import BudgetEvent, WebhookEvent

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def tracked(**fields: Any) -> WebhookEvent:
    base = {"event": "spend_tracked", "event_group": "end_user", "customer_id": "c-7", "spend": 0.5, "max_budget": 2.5}
    return WebhookEvent.model_validate(base | fields)


class Sums:
    def __init__(self) -> None:
        self.spend: dict[tuple[str, str, str], Decimal] = {}

    def add(self, tracked: TrackedSpend, *, gateway: str, month: str, until: datetime) -> Decimal:
        key = (gateway, tracked.customer_id, month)
        self.spend[key] = self.spend.get(key, Decimal(0)) + tracked.usd
        return self.spend[key]


def test_what_a_customer_spent_is_added_up_before_it_is_written() -> None:
    events = [tracked(), tracked(spend=0.25), tracked(customer_id="c-8")]
    assert tracked_in(events) == [
        TrackedSpend("c-7", Decimal("0.75"), Decimal("2.5")),
        TrackedSpend("c-8", Decimal("0.5"), Decimal("2.5")),
    ]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(tracked(max_budget=None), id="no budget"),
        pytest.param(tracked(customer_id=None), id="nobody"),
        pytest.param(tracked(spend=0), id="nothing spent"),
        pytest.param(tracked(spend="1e-200"), id="less than DynamoDB can add"),
        pytest.param(tracked(event="budget_crossed"), id="another event"),
        pytest.param(BudgetEvent.model_validate({"type": "user_budget", "user_info": {"spend": 1}}), id="another shape"),
    ],
)
def test_what_is_not_summed_up(event: Any) -> None:
    assert tracked_in([event]) == []


@pytest.mark.parametrize(
    ("spent", "usd"),
    [
        (["0.000012345678901234567"], "0.000012345678901235"),
        (["1e15", "1e-18"], "1000000000000000.000000000000000001"),
        (["0.1"] * 10, "1.0"),
    ],
    ids=["more digits than are kept", "the most and the least", "tenths"],
)
def test_sums_are_exact_to_their_last_digit_and_never_too_long_for_dynamodb(spent: list[str], usd: str) -> None:
    (sum_of_them,) = tracked_in([tracked(spend=spend) for spend in spent])
    assert sum_of_them.usd == Decimal(usd)
    assert len(sum_of_them.usd.as_tuple().digits) <= 38


def test_a_sum_beyond_all_money_is_the_most_that_a_budget_can_show() -> None:
    events = [tracked(spend="1e15")] * 3
    (reading,) = customer_readings(tracked_in(events), store=Sums(), gateway="g", config=Config(), now=NOW)
    assert reading.user_info.spend == Decimal("1e15")


def test_the_reading_has_the_months_sum_and_end() -> None:
    sums = Sums()
    for _ in range(4):
        (reading,) = customer_readings(tracked_in([tracked()]), store=sums, gateway="prod", config=Config(), now=NOW)
    info = reading.user_info
    assert (info.spend, info.max_budget, info.customer_id) == (Decimal("2.0"), Decimal("2.5"), "c-7")
    assert info.budget_reset_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert reading.entity_type.get_event_group() == "end_user"


@pytest.mark.parametrize(
    ("now", "zone", "month", "end"),
    [
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "UTC", "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "Europe/Berlin", "2027-01", datetime(2027, 1, 31, 23, tzinfo=UTC)),
        (datetime(2026, 3, 1, 2, tzinfo=UTC), "America/New_York", "2026-02", datetime(2026, 3, 1, 5, tzinfo=UTC)),
    ],
)
def test_the_month_is_the_operators(now: datetime, zone: str, month: str, end: datetime) -> None:
    assert month_of(now, config=Config(time_zone=zone)) == (month, end)
