"""The reference's own verdict on 1,000 generated calls: ours is the same, except where a rule here says why not."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evaluate.alerting import alert_for, merge_by_reading
from evaluate.pipeline import evaluate
from evaluate.shapes import parse_body
from gateway_alerts.config import Config

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in Path("tests/data/litellm/golden.jsonl").read_text(encoding="utf-8").splitlines()
]
NOW = datetime(2026, 11, 23, 9, 25, 44, tzinfo=UTC)


def _spend(case: dict[str, Any]) -> float:
    return case["user_info"]["spend"]


def _limit(case: dict[str, Any], name: str) -> float | None:
    return case["user_info"].get(name)


def _is_known(case: dict[str, Any]) -> bool:
    return case["type"] != "some_future_budget"


def _is_ordinary(case: dict[str, Any]) -> bool:
    return _is_known(case) and case["type"] != "projected_limit_exceeded"


def _is_exactly_at_a_threshold(case: dict[str, Any]) -> bool:
    maximum = _limit(case, "max_budget")
    if not _is_ordinary(case) or maximum is None or maximum <= 0 or _spend(case) >= maximum:
        return False
    exact = Decimal(str(_spend(case))) >= Decimal("0.85") * Decimal(str(maximum))
    in_floats = (maximum - _spend(case)) / maximum <= 0.15
    return exact and not in_floats


def _is_zero_maximum_unspent(case: dict[str, Any]) -> bool:
    return _is_ordinary(case) and _limit(case, "max_budget") == 0 and _spend(case) <= 0


def _is_zero_soft_budget_unspent(case: dict[str, Any]) -> bool:
    return (
        _is_ordinary(case)
        and _limit(case, "max_budget") != 0
        and _limit(case, "soft_budget") == 0
        and _spend(case) == 0
        and case["event"] == "soft_budget_crossed"
    )


def _is_below_a_negative_maximum(case: dict[str, Any]) -> bool:
    maximum = _limit(case, "max_budget")
    return _is_ordinary(case) and maximum is not None and _spend(case) < maximum < 0


def _is_overwritten_projection(case: dict[str, Any]) -> bool:
    return case["type"] == "projected_limit_exceeded" and case["event"] not in (None, "projected_limit_exceeded")


@dataclass(frozen=True)
class Rule:
    """A deliberate difference: for cases where ``applies``, we say ``ours`` instead."""

    name: str
    applies: Callable[[dict[str, Any]], bool]
    ours: str | None
    why: str


RULES = (
    Rule(
        "D27 a threshold reached exactly is reached",
        _is_exactly_at_a_threshold,
        "threshold_crossed",
        "the reference divides floats: 0.85 of 1 leaves 0.15000000000000002 of it, which is more than 15 %",
    ),
    Rule(
        "D28 a maximum budget of zero is crossed by spend alone",
        _is_zero_maximum_unspent,
        None,
        "nothing has been spent, so nobody needs to know",
    ),
    Rule(
        "D28 a soft budget of zero is crossed by spend alone",
        _is_zero_soft_budget_unspent,
        None,
        "nothing has been spent, so nobody needs to know",
    ),
    Rule(
        "D28 a negative maximum budget is not reached from below",
        _is_below_a_negative_maximum,
        None,
        "the gateway lets such a request through; the reference takes the ratio of two negative numbers for a share",
    ),
    Rule(
        "D29 a projection stays a projection",
        _is_overwritten_projection,
        "projected_limit_exceeded",
        "the reference overwrites its verdict with whatever else the numbers say",
    ),
    Rule(
        "an unknown type is refused by name",
        lambda case: not _is_known(case),
        "unknown_budget_alert_type",
        "the reference silently judges it by the whole proxy's rules",
    ),
)


@pytest.fixture(scope="module")
def our_events() -> list[str | None]:
    """Our event of each case, None for silence; the code of the refusal for a refused one."""
    body = json.dumps([{"type": case["type"], "user_info": case["user_info"]} for case in CASES])
    evaluation = evaluate(parse_body(body.encode()), gateway="golden", config=Config(), now=NOW)
    events: list[str | None] = [None] * len(CASES)
    for index, offers in evaluation.offers:
        groups = merge_by_reading(offers)
        assert len(groups) == 1, f"case {index} makes {len(groups)} alerts"
        events[index] = alert_for(groups[0], now=NOW, config=Config(), request_id="request-1").event
    for rejection in evaluation.rejections:
        events[rejection.position] = rejection.reason.partition(":")[0]
    assert len(evaluation.accepted) + len(evaluation.rejections) == len(CASES)
    return events


def test_there_are_a_thousand_cases() -> None:
    assert [case["id"] for case in CASES] == list(range(1_000))


def test_our_event_is_the_references_wherever_no_rule_applies(our_events: list[str | None]) -> None:
    differing = [
        (case["id"], ours, case["event"])
        for case, ours in zip(CASES, our_events, strict=True)
        if not any(rule.applies(case) for rule in RULES) and ours != case["event"]
    ]
    assert differing == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_holds_for_the_cases_that_it_names(rule: Rule, our_events: list[str | None]) -> None:
    matching = [case["id"] for case in CASES if rule.applies(case)]
    assert matching, "a rule without a case"
    assert {our_events[case_id] for case_id in matching} == {rule.ours}
    too_wide = [case_id for case_id in matching if CASES[case_id]["event"] == rule.ours]
    assert too_wide == [], "here the reference says the same, so it is no difference"


def test_a_case_is_covered_by_one_rule_at_most() -> None:
    rules_by_case = {case["id"]: [rule.name for rule in RULES if rule.applies(case)] for case in CASES}
    assert {case_id: names for case_id, names in rules_by_case.items() if len(names) > 1} == {}


def test_a_threshold_met_exactly_differs_in_two_cases() -> None:
    assert [case["id"] for case in CASES if _is_exactly_at_a_threshold(case)] == [936, 987]
