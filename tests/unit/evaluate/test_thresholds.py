from decimal import Decimal
from typing import Any

import pytest

from evaluate.budget_alert_types import get_budget_alert_type
from evaluate.readings import BudgetReading
from evaluate.thresholds import Crossing, crossings_of
from gateway_alerts.config import DEFAULT_THRESHOLDS
from gateway_alerts.events import UserInfo

A_MILLION_DIGITS = "1E+999999"


def reading(budget_type: str = "user_budget", **figures: Any) -> BudgetReading:
    kind = get_budget_alert_type(budget_type)
    owner = get_budget_alert_type("token_budget") if kind.follows_event_group else kind
    return BudgetReading(kind, owner, UserInfo(**figures))


def told(crossings: tuple[Crossing, ...]) -> list[tuple[str, str]]:
    return [(crossing.event, str(crossing.rung)) for crossing in crossings]


NONE: list[tuple[str, str]] = []
AT_85 = [("threshold_crossed", "0.85")]
AT_95 = [("threshold_crossed", "0.95")]
OVER = [("budget_crossed", "1")]

#: spend, maximum budget → what is reached with the default thresholds
MAXIMUM: dict[str, tuple[Any, Any, list[tuple[str, str]]]] = {
    "far below": (1, 10, NONE),
    "a cent below the first threshold": (8.49, 10, NONE),
    "0.85 of 1 is 85 % exactly (D27)": (0.85, 1, AT_85),
    "2.55 of 3 is 85 % exactly (D27)": (2.55, 3, AT_85),
    "8.5 of 10 is 85 % exactly": (8.5, 10, AT_85),
    "0.095 of 0.1 is 95 % exactly, not 85 % (D27)": (0.095, 0.1, AT_95),
    "between the thresholds": (9.49, 10, AT_85),
    "just at the second threshold": (9.5, 10, AT_95),
    "a hair below the maximum": ("9.999999999999999999", 10, AT_95),
    "all spent": (10, 10, OVER),
    "a hundred times over": (1_000, 10, OVER),
    "0.1 + 0.2 of 0.3": (0.1 + 0.2, 0.3, OVER),
    "a credit": (-3, 10, NONE),
    "nothing spent": (0, 10, NONE),
    "the smallest float of nothing at all": (5e-324, 0, OVER),
    "no maximum": (1_000_000, None, NONE),
    "maximum zero and nothing spent (D28)": (0, 0, NONE),
    "maximum minus zero and nothing spent": (0, -0.0, NONE),
    "maximum zero and a credit": (-1, 0, NONE),
    "maximum zero and one cent": (0.01, 0, OVER),
    "maximum negative and spend below it (D28)": (-10, -5, NONE),
    "maximum negative and spend at it": (-5, -5, OVER),
    "maximum negative and spend above it": (0, -5, OVER),
    "maximum negative and nine tenths of it": (-5.5, -5, NONE),
    "maximum infinite": (10**15, "Infinity", NONE),
    "maximum beyond any money": (10**15, 10**16, NONE),
    "maximum with a million digits": (10**15, A_MILLION_DIGITS, NONE),
    "maximum closer to zero than any money, and nothing spent": (0, 1e-20, NONE),
    "maximum closer to zero than any money, and one cent": (0.01, "1E-999999", OVER),
    "the largest money of the largest money": (10**15, 10**15, OVER),
}


@pytest.mark.parametrize(("spend", "maximum", "expected"), MAXIMUM.values(), ids=MAXIMUM)
def test_the_highest_threshold_that_the_spend_has_reached(spend: Any, maximum: Any, expected: list[tuple[str, str]]) -> None:
    crossings = crossings_of(reading(spend=spend, max_budget=maximum), thresholds=DEFAULT_THRESHOLDS)
    assert told(crossings) == expected


SOFT: dict[str, tuple[Any, Any, bool]] = {
    "below": (4.99, 5, False),
    "reached": (5, 5, True),
    "passed": (6, 5, True),
    "zero and nothing spent (D28)": (0, 0, False),
    "zero and something spent": (0.01, 0, True),
    "negative and a larger credit": (-10, -5, False),
    "negative and nothing spent": (0, -5, True),
    "infinite": (100, "Infinity", False),
    "missing": (100, None, False),
}


@pytest.mark.parametrize(("spend", "soft", "is_reached"), SOFT.values(), ids=SOFT)
def test_a_soft_budget_is_reached_or_not(spend: Any, soft: Any, is_reached: bool) -> None:
    crossings = crossings_of(reading(spend=spend, soft_budget=soft), thresholds=DEFAULT_THRESHOLDS)
    assert told(crossings) == ([("soft_budget_crossed", "1")] if is_reached else NONE)


def test_the_maximum_stands_before_the_soft_budget() -> None:
    crossings = crossings_of(reading(spend=9.6, max_budget=10, soft_budget=5), thresholds=DEFAULT_THRESHOLDS)
    assert [(c.kind, c.limit, c.rung) for c in crossings] == [
        ("maximum", Decimal(10), Decimal("0.95")),
        ("soft", Decimal(5), Decimal(1)),
    ]


def test_a_budget_of_soft_budget_type_near_its_maximum_alerts_for_both() -> None:
    crossings = crossings_of(reading("soft_budget", spend=9.6, max_budget=10, soft_budget=5), thresholds=DEFAULT_THRESHOLDS)
    assert told(crossings) == [*AT_95, ("soft_budget_crossed", "1")]


PROJECTIONS: dict[str, tuple[dict[str, Any], int | None]] = {
    "of the maximum": ({"max_budget": 100}, 100),
    "of the maximum, and over the soft budget already (D29)": ({"max_budget": 100, "soft_budget": 5}, 100),
    "of the soft budget, where there is no maximum": ({"soft_budget": 50}, 50),
    "of the soft budget, where the maximum is infinite": ({"max_budget": "Infinity", "soft_budget": 50}, 50),
    "over the maximum already (D29)": ({"max_budget": 1}, 1),
    "of nothing": ({}, None),
}


@pytest.mark.parametrize(("limits", "limit"), PROJECTIONS.values(), ids=PROJECTIONS)
def test_a_projection_stays_a_projection(limits: dict[str, Any], limit: int | None) -> None:
    crossings = crossings_of(reading("projected_limit_exceeded", spend=6, **limits), thresholds=DEFAULT_THRESHOLDS)
    assert crossings == (() if limit is None else (Crossing("projected", Decimal(limit), Decimal(1)),))
    assert [crossing.event for crossing in crossings] == (["projected_limit_exceeded"] if crossings else [])


def rungs(*values: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, values))


#: thresholds, spend of 10 → what is reached
LISTS: dict[str, tuple[tuple[Decimal, ...], Any, list[tuple[str, str]]]] = {
    "no list turns maximum budgets off": (rungs(), 100, NONE),
    "one early warning": (rungs("0.5"), 5, [("threshold_crossed", "0.5")]),
    "one early warning, long past": (rungs("0.5"), 50, [("threshold_crossed", "0.5")]),
    "only when all is spent": (rungs("1"), 9.99, NONE),
    "half over": (rungs("1", "1.5"), 15, [("budget_crossed", "1.5")]),
    "over, and not yet half over": (rungs("1", "1.5"), 14.99, OVER),
    "ten times over": (rungs("10"), 100, [("budget_crossed", "10")]),
    "a third": (rungs("0.333"), 3.33, [("threshold_crossed", "0.333")]),
    "a jump over several rungs takes the highest": (rungs("0.1", "0.2", "0.3", "0.4"), 3.9, [("threshold_crossed", "0.3")]),
}


@pytest.mark.parametrize(("thresholds", "spend", "expected"), LISTS.values(), ids=LISTS)
def test_thresholds_are_a_list_of_any_length(
    thresholds: tuple[Decimal, ...], spend: Any, expected: list[tuple[str, str]]
) -> None:
    assert told(crossings_of(reading(spend=spend, max_budget=10), thresholds=thresholds)) == expected


@pytest.mark.parametrize("maximum", [0, -5], ids=["zero", "negative"])
@pytest.mark.parametrize("thresholds", [rungs("0.5"), rungs("0.5", "1"), rungs("2")], ids=["half", "half and whole", "double"])
def test_a_maximum_without_percentages_is_crossed_or_not_whatever_the_list(maximum: int, thresholds: tuple[Decimal, ...]) -> None:
    assert told(crossings_of(reading(spend=1, max_budget=maximum), thresholds=thresholds)) == OVER


@pytest.mark.parametrize("maximum", [0, -5], ids=["zero", "negative"])
def test_no_list_turns_odd_maximum_budgets_off_too(maximum: int) -> None:
    assert crossings_of(reading(spend=1, max_budget=maximum), thresholds=()) == ()
