from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluate.gateway_alert import occurrence_of, slack_message_of
from evaluate.occurrences import Occurrence
from gateway_alerts.alert_types import ALERT_TYPES, SLACK_MESSAGE
from gateway_alerts.config import Config
from gateway_alerts.errors import UnknownAlertType
from gateway_alerts.events import GatewayAlert, SlackMessage

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def occurrence(
    alert_type: str = "db_exceptions",
    message: str = "refused",
    *,
    config: Config | None = None,
    at: datetime = NOW,
    **metadata: Any,
) -> Occurrence:
    alert = GatewayAlert(alert_type=alert_type, message=message, metadata=metadata, occurred_at=at)
    return occurrence_of(alert, gateway="prod", config=config or Config(), now=NOW)


@pytest.mark.parametrize("name", [name for name in ALERT_TYPES if name != SLACK_MESSAGE])
def test_every_alert_type_can_be_raised_by_a_gateway_at_its_own_level(name: str) -> None:
    assert occurrence(name).level == ALERT_TYPES[name].level


@pytest.mark.parametrize(
    ("said", "level"),
    [({}, "Medium"), ({"severity": "minor"}, "Medium"), ({"severity": "major"}, "High"), ({"severity": "grave"}, "Medium")],
)
def test_an_outage_that_names_no_level_has_that_of_its_severity(said: dict[str, str], level: str) -> None:
    for own, expected in ((None, level), ("Low", "Low")):
        alert = GatewayAlert(alert_type="outage_alerts", message="out", metadata={"model": "m", **said}, level=own)
        assert occurrence_of(alert, gateway="prod", config=Config(), now=NOW).level == expected


@pytest.mark.parametrize("name", ["nothing", "", SLACK_MESSAGE, "x" * 500])
def test_another_type_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownAlertType, match="known are budget_alerts, cooldown_deployment"):
        occurrence(name)


SAME: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "the same": ({}, {}, True),
    "at another time": ({}, {"at": NOW - timedelta(seconds=9)}, True),
    "another text": ({}, {"message": "other"}, False),
    "another type": ({}, {"alert_type": "fallback_reports"}, False),
    "another fact": ({"team_id": "a"}, {"team_id": "b"}, False),
    "another count": ({"count": 1}, {"count": 5}, True),
    "from another address of the gateway": ({"proxy_url": "http://a"}, {"proxy_url": "http://b"}, True),
    "another failure of a model": (
        {"alert_type": "llm_exceptions", "model": "m", "error_class": "E", "message": "a"},
        {"alert_type": "llm_exceptions", "model": "m", "error_class": "E", "message": "b"},
        True,
    ),
    "another class of failure": (
        {"alert_type": "llm_exceptions", "model": "m", "error_class": "E"},
        {"alert_type": "llm_exceptions", "model": "m", "error_class": "F"},
        False,
    ),
    "a failure whose provider only one of them names": (
        {"alert_type": "llm_exceptions", "model": "m", "error_class": "E"},
        {"alert_type": "llm_exceptions", "model": "m", "error_class": "E", "provider": "openai"},
        True,
    ),
    "another duration of a slow model": (
        {"alert_type": "llm_too_slow", "model": "m", "response_seconds": 301},
        {"alert_type": "llm_too_slow", "model": "m", "response_seconds": 500},
        True,
    ),
    "another severity of an outage": (
        {"alert_type": "outage_alerts", "model": "m", "severity": "minor"},
        {"alert_type": "outage_alerts", "model": "m", "severity": "major"},
        False,
    ),
}


@pytest.mark.parametrize(("one", "other", "is_same"), SAME.values(), ids=SAME)
def test_what_makes_two_alerts_the_same(one: dict[str, Any], other: dict[str, Any], is_same: bool) -> None:
    assert (occurrence(**one).key == occurrence(**other).key) is is_same


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param({"model": "m", "key_alias": "k"}, ("model", "m"), id="the model before the key"),
        pytest.param({"region": "eu", "model": "m"}, ("model", "m"), id="the model before the region"),
        pytest.param({"region": "eu"}, ("region", "eu"), id="the region where nothing else is named"),
        pytest.param({"key_alias": "k", "user_id": "u"}, ("key", "k"), id="the key before the user"),
        pytest.param({"team_id": "t"}, ("team", "t"), id="a team by its id"),
        pytest.param({}, ("gateway", "prod"), id="the gateway where nothing else is named"),
    ],
)
def test_whom_it_is_about(metadata: dict[str, Any], expected: tuple[str, str]) -> None:
    entity = occurrence(**metadata).entity
    assert (entity.type, entity.id) == expected


def test_a_regions_outage_is_about_the_region() -> None:
    assert occurrence("region_outage_alerts", region="eu", model="m").entity.id == "eu"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["a", 1], "a, 1"),
        ({"a": 1, "b": "c"}, "a: 1, b: c"),
        ([{"a": 1}], '[{"a": 1}]'),
        (4.5, "4.5"),
        (False, "false"),
    ],
)
def test_a_fact_is_read_by_a_person(given: Any, text: str) -> None:
    (fact,) = occurrence(note=given).facts
    assert fact.text == text


def test_facts_are_labelled_shortened_and_masked() -> None:
    facts = {
        fact.label: fact.text
        for fact in occurrence(api_base="https://a", nested={"a": [1]}, note="x" * 999, key="sk-1234567890abcdefghij").facts
    }
    assert facts["API base"] == "https://a"
    assert facts["Nested"] == '{"a": [1]}'
    assert len(facts["Note"]) == 300
    assert facts["Key"] == "sk-…ghij"


def test_a_key_at_the_edge_of_what_is_shown_is_masked_before_it_is_cut() -> None:
    (fact,) = occurrence(note="x" * 290 + " sk-1234567890abcdefghij").facts
    assert "sk-1" not in fact.text


@pytest.mark.parametrize("name", ["prompt", "messages", "input"])
def test_a_prompt_is_shown_only_where_that_is_wanted(name: str) -> None:
    assert not occurrence(**{name: "my secret"}).facts
    assert occurrence(**{name: "my secret"}, config=Config(show_prompts=True)).facts[0].text == "my secret"


@pytest.mark.parametrize(
    ("given", "count"),
    [(3, 3), ("7", 7), (0, 1), (-4, 1), ("many", 1), (None, 1), (True, 1), (1e300, 1_000_000), (float("nan"), 1)],
)
def test_how_often_it_happened(given: Any, count: int) -> None:
    assert occurrence(count=given).count == count


@pytest.mark.parametrize(("given", "total"), [(3.5, 1), ("3.5", 1), ("soon", 0), (-1, 0), (None, 0)])
def test_how_long_it_took(given: Any, total: int) -> None:
    assert sum(occurrence("llm_too_slow", response_seconds=given).seconds.values()) == total


def test_a_message_of_another_sender_is_passed_on_as_it_is() -> None:
    payload = {"text": "hello", "attachments": [{"color": "danger"}]}
    passed = slack_message_of(SlackMessage(payload=payload), gateway="prod", now=NOW)
    assert (passed.alert_type, passed.slack_payload, passed.message) == (SLACK_MESSAGE, payload, "hello")
    other = slack_message_of(SlackMessage(payload={"blocks": []}), gateway="prod", now=NOW)
    assert (other.message, other.key == passed.key) == ("", False)
