"""evaluate: parsed events in, offers and refusals out."""

from typing import Any

import pytest

from evaluate.pipeline import Evaluation, evaluate
from evaluate.shapes import Rejection, parse_objects
from gateway_alerts.config import Config, parse_config
from tests.pipeline.evaluate.builders import CONFIG, NOW, budget_event, request_log


def evaluated(*events: Any, config: Config = CONFIG) -> Evaluation:
    return evaluate(parse_objects(events), gateway="gw", config=config, now=NOW)


CROSSING = budget_event(spend=9, max_budget=10, user_id="u")
QUIET = budget_event(spend=1, max_budget=10, user_id="u")
UNKNOWN = budget_event("some_future_budget", spend=9, max_budget=10)


def test_an_event_that_crosses_nothing_is_accepted_and_offers_nothing() -> None:
    evaluation = evaluated(QUIET)
    assert (evaluation.accepted, evaluation.offers, evaluation.rejections) == ([0], [], [])


def test_events_keep_their_index_whatever_becomes_of_them() -> None:
    evaluation = evaluated(QUIET, UNKNOWN, CROSSING, 42, CROSSING)
    assert evaluation.accepted == [0, 2, 4]
    assert [index for index, _ in evaluation.offers] == [2, 4]
    assert [rejection.position for rejection in evaluation.rejections] == [1, 3]


def test_refusals_of_shape_and_of_content_are_in_the_order_of_the_events() -> None:
    rejections = evaluated(UNKNOWN, 42, UNKNOWN, "x").rejections
    assert [r.reason.partition(":")[0] for r in rejections] == [
        "unknown_budget_alert_type",
        "unrecognized_event",
        "unknown_budget_alert_type",
        "unrecognized_event",
    ]


def test_a_request_log_with_one_bad_budget_is_refused_whole() -> None:
    log = request_log(hash="k", spend=9, max_budget=10, error={"entity_type": "galaxy", "entity_id": "g", "limit": 1, "spend": 2})
    evaluation = evaluated(log)
    assert (evaluation.accepted, evaluation.offers) == ([], [])
    assert [r.reason.partition(":")[0] for r in evaluation.rejections] == ["unknown_event_group"]


@pytest.mark.parametrize("alert_types", ["[]", '["llm_too_slow"]'], ids=["no alert type", "another alert type"])
def test_budget_alerts_that_are_turned_off_offer_nothing_and_still_refuse_what_is_wrong(alert_types: str) -> None:
    config = parse_config(f'{{"alert_types": {alert_types}}}')
    evaluation = evaluated(CROSSING, UNKNOWN, config=config)
    assert (evaluation.accepted, evaluation.offers) == ([0], [])
    assert [rejection.position for rejection in evaluation.rejections] == [1]


def test_thresholds_are_those_of_the_entity_type() -> None:
    config = parse_config('{"thresholds": {"default": [50], "team": [99], "key": []}}')
    kinds = ("user_budget", "team_budget", "token_budget")
    evaluation = evaluated(*(budget_event(kind, spend=9, max_budget=10) for kind in kinds), config=config)
    assert [index for index, _ in evaluation.offers] == [0]


#: Values at the edge of what can be reckoned with. None of them may take its neighbours along.
EDGES: dict[str, dict[str, Any]] = {
    "the last day of the calendar in a zone west of it": budget_event(
        spend=9, max_budget=10, budget_reset_at="9999-12-31T23:59:59-12:00"
    ),
    "the first day of the calendar in a zone east of it": budget_event(
        spend=9, max_budget=10, budget_reset_at="0001-01-01T00:00:00+12:00"
    ),
    "a limit that is a signalling NaN": budget_event(spend=9, max_budget="sNaN"),
    "a refused request's limit that is a signalling NaN": request_log(
        hash="k",
        spend=1,
        max_budget="sNaN",
        error={"entity_type": "key", "entity_id": "k", "limit": 1, "spend": 1},
    ),
}


@pytest.mark.parametrize("event", EDGES.values(), ids=EDGES)
def test_a_value_at_the_edge_refuses_its_event_alone(event: dict[str, Any]) -> None:
    evaluation = evaluated(CROSSING, event, CROSSING)
    assert evaluation.accepted == [0, 2]
    assert [(r.position, r.reason.partition(":")[0]) for r in evaluation.rejections] == [(1, "invalid_event")]


def test_an_evaluation_of_nothing_is_empty() -> None:
    evaluation = evaluate(parse_objects([]), gateway="gw", config=CONFIG, now=NOW)

    assert not evaluation.accepted + evaluation.offers + evaluation.readings + evaluation.rejections
    assert not any(vars(evaluation.signals).values())


def test_refusals_of_the_body_come_along() -> None:
    parsed = parse_objects([42])
    assert evaluate(parsed, gateway="gw", config=CONFIG, now=NOW).rejections == [
        Rejection(0, "unrecognized_event: an event is a JSON object")
    ]
