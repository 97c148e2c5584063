"""Which series there are, and what is in them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evaluate.usage.budget_series import SERIES_DAYS, BudgetSeries, budget_series
from evaluate.usage.periods import quarter_of
from evaluate.usage.usage import Budget, GatewayUsage
from tests.unit.evaluate.usage_builders import NOW, FakeLedger, ago

QUARTER = quarter_of(NOW)
DECEMBER = int((NOW + timedelta(days=8)).timestamp())
KEY = Budget("key", "k1", "search", Decimal(100), DECEMBER)


def series(*budgets: dict[Budget, dict[int, int]], gateway: str = "prod") -> list[BudgetSeries]:
    """The series of a ledger to which these were appended, each when its last sample was taken."""
    ledger = FakeLedger()
    for of_batch in budgets:
        samples = {budget: {quarter: Decimal(usd) for quarter, usd in taken.items()} for budget, taken in of_batch.items()}
        latest = max(quarter for taken in of_batch.values() for quarter in taken)
        ledger.spend(NOW - (QUARTER - latest) * timedelta(minutes=15), GatewayUsage(budgets=samples), gateway=gateway)
    return budget_series(ledger=ledger, now=NOW)


def test_samples_come_in_order_whoever_saw_them() -> None:
    (found,) = series({KEY: {QUARTER: 9}}, {KEY: {QUARTER - 8: 3, QUARTER - 4: 5}}, {KEY: {QUARTER - 4: 4}})

    assert found == BudgetSeries(
        "prod",
        "key",
        "k1",
        "search",
        Decimal(100),
        DECEMBER,
        ((QUARTER - 8, Decimal(3)), (QUARTER - 4, Decimal(5)), (QUARTER, Decimal(9))),
    )


def test_limit_and_name_are_the_latest_and_the_samples_go_on() -> None:
    raised = KEY._replace(limit=Decimal(200), name="search-2")

    (found,) = series({KEY: {QUARTER - 4: 90}}, {raised: {QUARTER: 95}})

    assert (found.limit, found.name) == (200, "search-2")
    assert found.samples == ((QUARTER - 4, 90), (QUARTER, 95))


@pytest.mark.parametrize(
    ("budget", "is_there"),
    [
        pytest.param(KEY, True, id="a period that is running"),
        pytest.param(KEY._replace(resets_at=None), True, id="a budget that never resets"),
        pytest.param(KEY._replace(resets_at=int(NOW.timestamp())), False, id="a period that has ended"),
        pytest.param(KEY._replace(id=None), False, id="a budget of nobody in particular"),
    ],
)
def test_which_budgets_have_a_series(budget: Budget, is_there: bool) -> None:
    assert bool(series({budget: {QUARTER: 1}})) == is_there


@pytest.mark.parametrize(
    "other",
    [
        KEY._replace(event_group="team"),
        KEY._replace(id="k2"),
        KEY._replace(resets_at=DECEMBER + 1),
    ],
)
def test_each_period_of_each_budget_is_a_series_of_its_own(other: Budget) -> None:
    assert [len(found.samples) for found in series({KEY: {QUARTER: 1}, other: {QUARTER: 2}})] == [1, 1]


def test_gateways_are_told_apart() -> None:
    ledger = FakeLedger()
    for gateway in ("prod", "staging"):
        ledger.spend(NOW, GatewayUsage(budgets={KEY: {QUARTER: Decimal(1)}}), gateway=gateway)
    assert [found.gateway for found in budget_series(ledger=ledger, now=NOW)] == ["prod", "staging"]


def test_a_week_is_read_and_what_has_just_come_in() -> None:
    ledger = FakeLedger()
    budget_series(ledger=ledger, now=NOW)
    (read,) = ledger.reads

    assert read[-1] == QUARTER
    assert read[0] == quarter_of(ago(days=SERIES_DAYS)) + 1
