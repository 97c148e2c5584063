from datetime import UTC, datetime
from typing import Any

import pytest

from evaluate.shapes import parse_objects
from evaluate.signals import Signals, add_signals, keeps_usage
from gateway_alerts.config import Config
from gateway_alerts.errors import InvalidEvent, UnknownAlertType
from gateway_alerts.events import InboundEvent, SlackMessage
from tests.pipeline.evaluate.builders import budget_event, request_log

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def event(given: dict[str, Any]) -> InboundEvent:
    ((_, parsed),) = parse_objects([given]).events
    return parsed


def signals(given: InboundEvent, **config: Any) -> Signals:
    found = Signals()
    add_signals(given, index=7, to=found, gateway="g", config=Config.model_validate(config), now=NOW)
    return found


def told(alert_type: str, **metadata: Any) -> InboundEvent:
    return event({"alert_type": alert_type, "message": "m", "metadata": metadata})


def log(**fields: Any) -> InboundEvent:
    return event(request_log() | {"model_group": "gpt"} | fields)


FAILED = log(status="failure", error_information={"error_code": "429", "error_class": "RateLimitError"})
SLOW = log(response_time=601.0)
MESSAGE = SlackMessage(payload={"text": "hello"})
#: event, configuration → types of its occurrences, calls, logs
EVENTS: dict[str, tuple[InboundEvent, dict[str, Any], list[str], int, int]] = {
    "a failure": (FAILED, {}, ["llm_exceptions"], 0, 1),
    "a failure, of a type that is off": (FAILED, {"alert_types": ["llm_too_slow"]}, [], 0, 1),
    "a slow request": (SLOW, {}, ["llm_too_slow"], 0, 1),
    "a slow request, of a type that is off": (SLOW, {"alert_types": ["llm_exceptions"]}, [], 0, 1),
    "a request like any other": (log(response_time=1.0), {}, [], 0, 1),
    "an alert": (told("db_exceptions"), {}, ["db_exceptions"], 0, 0),
    "an alert, of a type that is off": (told("db_exceptions"), {"alert_types": ["budget_alerts"]}, [], 0, 0),
    "an alert of a type that is off unless it is asked for": (told("new_team_created"), {}, [], 0, 0),
    "requests that hang": (told("llm_requests_hanging", model="m"), {}, ["llm_requests_hanging"], 0, 0),
    "a request that begins": (told("llm_requests_hanging", state="started", call_id="c"), {}, [], 1, 0),
    "a request that begins, of a type that is off": (
        told("llm_requests_hanging", state="started", call_id="c"),
        {"alert_types": ["db_exceptions"]},
        [],
        0,
        0,
    ),
    "a message of another sender": (MESSAGE, {}, ["slack_message"], 0, 0),
    "a message of another sender, whatever is listed": (MESSAGE, {"alert_types": []}, ["slack_message"], 0, 0),
    "a budget, which is told elsewhere": (event(budget_event(spend=9, max_budget=10, user_id="u")), {}, [], 0, 0),
}


@pytest.mark.parametrize(("given", "config", "types", "calls", "logs"), EVENTS.values(), ids=EVENTS)
def test_what_an_event_tells(given: InboundEvent, config: dict[str, Any], types: list[str], calls: int, logs: int) -> None:
    found = signals(given, **config)
    assert [(index, occurrence.alert_type) for index, occurrence in found.occurrences] == [(7, name) for name in types]
    assert (len(found.calls), len(found.logs)) == (calls, logs)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        pytest.param(told("no_such_type"), UnknownAlertType, id="a type that is not in the table"),
        pytest.param(told("slack_message"), UnknownAlertType, id="a type that only the Slack route makes"),
        pytest.param(told("llm_requests_hanging", state="started"), InvalidEvent, id="a request that is not named"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(given: InboundEvent, refused: type[Exception]) -> None:
    found = Signals()
    with pytest.raises(refused):
        add_signals(given, index=0, to=found, gateway="g", config=Config(), now=NOW)
    assert not any(vars(found).values())


def test_errors_are_counted_by_place_of_all_logs_together() -> None:
    found = Signals()
    for number in range(3):
        error = log(status="failure", model_id="d", error_information={"error_code": "500"})
        add_signals(error, index=number, to=found, gateway="g", config=Config(), now=NOW)
    (errors,) = found.errors(gateway="g", config=Config(), now=NOW)
    assert len(errors.at) == 3


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({}, True, id="as it comes"),
        pytest.param({"alert_types": ["budget_alerts"]}, True, id="a forecast needs it"),
        pytest.param({"alert_types": ["spend_reports"], "forecast": False}, True, id="a report needs it"),
        pytest.param({"alert_types": ["budget_alerts"], "forecast": False}, False, id="nothing needs it"),
    ],
)
def test_whether_usage_is_kept(config: dict[str, Any], expected: bool) -> None:
    assert keeps_usage(Config.model_validate(config)) is expected
