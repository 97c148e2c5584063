import json
from decimal import Decimal
from typing import Any

import pytest

from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.config import DEFAULT_THRESHOLDS, AlertingArgs, Config, Destination, parse_config
from gateway_alerts.errors import ConfigurationError


def config(**document: Any) -> Config:
    return parse_config(json.dumps(document))


@pytest.mark.parametrize("document", ["", "{}", " {} \n"], ids=["empty", "an empty object", "an empty object with blanks"])
def test_nothing_is_a_valid_configuration(document: str) -> None:
    assert parse_config(document) == Config()


def test_the_defaults_are_litellms() -> None:
    defaults = Config()
    assert defaults.thresholds_of("key") == DEFAULT_THRESHOLDS == (Decimal("0.85"), Decimal("0.95"), Decimal(1))
    assert defaults.alerting_args.budget_alert_ttl == 86_400
    assert {name for name in ALERT_TYPES if not defaults.is_enabled(name)} == {
        name for name, row in ALERT_TYPES.items() if not row.is_on
    }
    assert defaults.settings_without_effect() == []


#: As it stands in a LiteLLM configuration, secrets replaced by references.
LITELLM = {
    "alert_types": ["budget_alerts", "llm_exceptions", "new_virtual_key_created"],
    "alert_to_webhook_url": {
        "budget_alerts": "os.environ/SLACK_BUDGETS",
        "llm_exceptions": ["os.environ/SLACK_ERRORS", "secretsmanager:slack/errors"],
    },
    "alerting_threshold": 300,
    "alerting_args": dict.fromkeys(AlertingArgs.model_fields, 60),
    "alert_type_config": {"budget_alerts": {"digest": True, "digest_interval": 3_600}},
}
LITELLM["alerting_args"]["log_to_console"] = True  # type: ignore[index]


def test_litellms_own_settings_are_taken_as_they_are() -> None:
    pasted = parse_config(json.dumps(LITELLM))
    assert pasted.alert_to_webhook_url == {
        "budget_alerts": ["os.environ/SLACK_BUDGETS"],
        "llm_exceptions": ["os.environ/SLACK_ERRORS", "secretsmanager:slack/errors"],
    }
    assert pasted.alerting_args.budget_alert_ttl == 60


def test_settings_without_effect_are_known() -> None:
    without_effect = parse_config(json.dumps(LITELLM)).settings_without_effect()
    assert without_effect[:2] == ["alerting_threshold", "alert_type_config"]
    assert "alerting_args.daily_report_frequency" in without_effect
    assert "alerting_args.budget_alert_ttl" not in without_effect


@pytest.mark.parametrize("name", ALERT_TYPES)
def test_every_alert_type_can_be_turned_on_and_off(name: str) -> None:
    assert config(alert_types=[name]).is_enabled(name)
    assert not config(alert_types=[]).is_enabled(name)


THRESHOLDS: dict[str, tuple[Any, list[str]]] = {
    "fractions": ([0.85, 0.95, 1], ["0.85", "0.95", "1"]),
    "percent": ([85, 95, 100], ["0.85", "0.95", "1"]),
    "percent with fractions": ([99.5, 100], ["0.995", "1"]),
    "in any order, some twice": ([1, 0.5, 0.85, 0.5, 0.50], ["0.5", "0.85", "1"]),
    "twice in other spellings": (["1", "1.0", 1], ["1"]),
    "over the maximum as fractions": ([1, 1.5, 2], ["1", "1.5", "2"]),
    "over the maximum as percent": ([100, 150, 1000], ["1", "1.5", "10"]),
    "one": ([100], ["1"]),
    "none": ([], []),
}


@pytest.mark.parametrize(("given", "expected"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_thresholds_are_fractions_or_percent(given: Any, expected: list[str]) -> None:
    overall = config(thresholds=given)
    assert [str(rung) for rung in overall.thresholds_of("key")] == expected
    assert config(thresholds={"key": given}).thresholds_of("key") == overall.thresholds_of("key")


def test_thresholds_of_an_entity_type_replace_the_overall_ones() -> None:
    given = config(thresholds={"default": [50], "team": [75], "user": []})
    assert [given.thresholds_of(group) for group in ("key", "team", "user")] == [(Decimal("0.5"),), (Decimal("0.75"),), ()]


def test_without_overall_thresholds_the_others_keep_litellms() -> None:
    assert config(thresholds={"team": [75]}).thresholds_of("key") == DEFAULT_THRESHOLDS


DESTINATIONS = {"teams": {"url": "os.environ/TEAMS"}, "errors": {"type": "slack", "url": "ssm:/errors"}}

#: routes, alert → where it goes
ROUTES: dict[str, tuple[list[dict[str, Any]], tuple[str, ...]]] = {
    "no route": ([], ("default",)),
    "a route for everything": ([{"destinations": ["teams"]}], ("teams",)),
    "a route by entity type": ([{"entity_types": ["team", "user"], "destinations": ["teams"]}], ("teams",)),
    "a route of another entity type": ([{"entity_types": ["key"], "destinations": ["teams"]}], ("default",)),
    "a route by alert type": ([{"alert_types": ["budget_alerts"], "destinations": ["teams"]}], ("teams",)),
    "a route of another alert type": ([{"alert_types": ["llm_exceptions"], "destinations": ["teams"]}], ("default",)),
    "a route by gateway": ([{"gateways": ["prod"], "destinations": ["teams"]}], ("teams",)),
    "a route of another gateway": ([{"gateways": ["dev"], "destinations": ["teams"]}], ("default",)),
    "a route by level": ([{"levels": ["High"], "destinations": ["teams"]}], ("teams",)),
    "a route of another level": ([{"levels": ["Low", "Medium"], "destinations": ["teams"]}], ("default",)),
    "a route of which one condition does not hold": (
        [{"entity_types": ["team"], "gateways": ["dev"], "destinations": ["teams"]}],
        ("default",),
    ),
    "a route that takes nothing": ([{"entity_types": [], "destinations": ["teams"]}], ("default",)),
    "the first that matches": (
        [
            {"gateways": ["dev"], "destinations": ["errors"]},
            {"levels": ["High"], "destinations": ["teams"]},
            {"destinations": ["errors"]},
        ],
        ("teams",),
    ),
    "several destinations, one of them twice": ([{"destinations": ["teams", "default", "teams"]}], ("teams", "default")),
}


@pytest.mark.parametrize(("routes", "expected"), ROUTES.values(), ids=ROUTES)
def test_an_alert_takes_the_first_route_that_matches(routes: list[dict[str, Any]], expected: tuple[str, ...]) -> None:
    given = config(routes=routes, destinations=DESTINATIONS)
    where = given.destinations_for(alert_type="budget_alerts", entity_type="team", gateway="prod", level="High")
    assert where == expected


WEBHOOKS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "one": ({"budget_alerts": "os.environ/A"}, ("budget_alerts",)),
    "a list": (
        {"budget_alerts": ["os.environ/A", "ssm:b", "secretsmanager:c"]},
        ("budget_alerts", "budget_alerts.2", "budget_alerts.3"),
    ),
    "an empty list": ({"budget_alerts": []}, ("default",)),
    "another type's": ({"llm_exceptions": "os.environ/A"}, ("default",)),
}


@pytest.mark.parametrize(("webhooks", "expected"), WEBHOOKS.values(), ids=WEBHOOKS)
def test_without_a_route_litellms_webhooks_are_taken(webhooks: dict[str, Any], expected: tuple[str, ...]) -> None:
    given = config(alert_to_webhook_url=webhooks)
    where = given.destinations_for(alert_type="budget_alerts", entity_type="team", gateway="prod", level="High")
    assert where == expected
    assert {"default", *given.all_destinations()} >= set(expected)


def test_a_route_stands_before_litellms_webhooks() -> None:
    given = config(
        alert_to_webhook_url={"budget_alerts": "os.environ/A"}, routes=[{"destinations": ["teams"]}], destinations=DESTINATIONS
    )
    where = given.destinations_for(alert_type="budget_alerts", entity_type="team", gateway="prod", level="High")
    assert where == ("teams",)


def test_all_destinations_are_those_of_the_webhooks_and_those_of_ours() -> None:
    given = config(
        alert_to_webhook_url={"budget_alerts": ["os.environ/A", "os.environ/B"], "llm_exceptions": "os.environ/C"},
        destinations=DESTINATIONS | {"default": {"url": "os.environ/D"}},
    )
    assert given.all_destinations() == {
        "budget_alerts": Destination(url="os.environ/A"),
        "budget_alerts.2": Destination(url="os.environ/B"),
        "llm_exceptions": Destination(url="os.environ/C"),
        "teams": Destination(url="os.environ/TEAMS"),
        "errors": Destination(url="ssm:/errors"),
        "default": Destination(url="os.environ/D"),
    }


@pytest.mark.parametrize(
    ("document", "fallback"),
    [
        pytest.param({}, None, id="none by default"),
        pytest.param({"fallback_destination": None}, None, id="none, said so"),
        pytest.param({"fallback_destination": "default"}, "default", id="the default destination is always there"),
        pytest.param({"fallback_destination": "a", "destinations": {"a": {"url": "ssm:/a"}}}, "a", id="one that is named"),
    ],
)
def test_alerts_of_a_broken_destination_may_go_to_another(document: dict[str, Any], fallback: str | None) -> None:
    assert config(**document).fallback_destination == fallback


SECRET = "https://hooks.slack.com/services/T000/B000/sk-SECRET"

#: a document that is refused → what its refusal names
REFUSED: dict[str, tuple[str, str]] = {
    "not JSON": ("{", "CONFIG: Invalid JSON"),
    "not JSON but a secret": (SECRET, "CONFIG: Invalid JSON"),
    "no object": ("[]", "CONFIG: Input should be an object"),
    "null": ("null", "CONFIG: Input should be an object"),
    "an unknown setting": ('{"thresold": [1]}', "CONFIG: thresold: is not a setting"),
    "an unknown setting inside another": ('{"alerting_args": {"ttl": 1}}', "CONFIG: alerting_args.ttl: is not a setting"),
    "an unknown condition of a route": (
        '{"routes": [{"entity": "team", "destinations": ["default"]}]}',
        "CONFIG: routes.0.entity: is not a setting",
    ),
    "an unknown alert type": ('{"alert_types": ["budget_alert"]}', "CONFIG: alert_types.0: "),
    "an alert type that is a secret": (json.dumps({"alert_types": [SECRET]}), "CONFIG: alert_types.0: "),
    "an unknown alert type's webhook": ('{"alert_to_webhook_url": {"x": "ssm:a"}}', "CONFIG: alert_to_webhook_url.x"),
    "webhook and alert type exchanged": (
        json.dumps({"alert_to_webhook_url": {SECRET: "budget_alerts"}}),
        "CONFIG: alert_to_webhook_url.",
    ),
    "a literal URL as webhook": (
        json.dumps({"alert_to_webhook_url": {"budget_alerts": SECRET}}),
        "CONFIG: alert_to_webhook_url.budget_alerts.0: Value error, give a reference, never the secret",
    ),
    "a literal URL in a list": (
        json.dumps({"alert_to_webhook_url": {"budget_alerts": ["ssm:a", SECRET]}}),
        "CONFIG: alert_to_webhook_url.budget_alerts.1: Value error, give a reference",
    ),
    "a literal URL as destination": (
        json.dumps({"destinations": {"a": {"url": SECRET}}}),
        "CONFIG: destinations.a.url: Value error, give a reference",
    ),
    "a destination named by its URL": (
        json.dumps({"destinations": {SECRET: {"url": "x"}}}),
        "CONFIG: destinations.",
    ),
    "a reference to nothing": ('{"destinations": {"a": {"url": "ssm:"}}}', "CONFIG: destinations.a.url: "),
    "a destination of an unknown type": (
        '{"destinations": {"a": {"type": "pigeon", "url": "ssm:a"}}}',
        "CONFIG: destinations.a.type: Input should be 'slack'",
    ),
    "a route to nowhere": ('{"routes": [{"destinations": ["nowhere"]}]}', "routes.0.destinations"),
    "a route to a literal URL": (
        json.dumps({"routes": [{"destinations": ["default"]}, {"destinations": [SECRET]}]}),
        "routes.1.destinations",
    ),
    "a fallback to nowhere": ('{"fallback_destination": "nowhere"}', "fallback_destination: is not in destinations"),
    "a fallback to a literal URL": (json.dumps({"fallback_destination": SECRET}), "fallback_destination: is not in destinations"),
    "a fallback that is no name": ('{"fallback_destination": ["default"]}', "CONFIG: fallback_destination: "),
    "a route without destinations": ('{"routes": [{"destinations": []}]}', "CONFIG: routes.0.destinations: "),
    "a route by an unknown level": (
        '{"routes": [{"levels": ["Severe"], "destinations": ["default"]}]}',
        "CONFIG: routes.0.levels.0: Input should be 'Low', 'Medium' or 'High'",
    ),
    "a threshold of zero": ('{"thresholds": [0, 1]}', "CONFIG: thresholds.default: "),
    "a negative threshold": ('{"thresholds": {"team": [-1]}}', "CONFIG: thresholds.team: "),
    "a threshold that is no number": ('{"thresholds": ["sk-SECRET"]}', "CONFIG: thresholds.default.0: "),
    "a threshold that is NaN": ('{"thresholds": [NaN]}', "CONFIG: thresholds.default.0: "),
    "an infinite threshold": ('{"thresholds": [Infinity]}', "CONFIG: thresholds.default.0: "),
    "fractions and percent mixed": (
        '{"thresholds": [0.5, 95]}',
        "CONFIG: thresholds.default: Value error, give all thresholds as",
    ),
    "a threshold that is no list": ('{"thresholds": 85}', "CONFIG: thresholds.default: "),
    "a time to live of nothing": ('{"alerting_args": {"budget_alert_ttl": 0}}', "CONFIG: alerting_args.budget_alert_ttl: "),
    "a time to live in words": (
        '{"alerting_args": {"budget_alert_ttl": "sk-SECRET"}}',
        "CONFIG: alerting_args.budget_alert_ttl: ",
    ),
}


@pytest.mark.parametrize(("document", "named"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_document_is_refused_with_the_settings_name_and_without_its_value(document: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_config(document)
    assert named in str(raised.value)
    assert "SECRET" not in str(raised.value)
    assert "hooks.slack.com" not in str(raised.value)


def test_every_fault_of_a_document_is_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        config(alert_types=["x"], alerting_args={"ttl": 1}, routs=[])
    assert all(name in str(raised.value) for name in ("alert_types.0", "alerting_args.ttl", "routs"))


KNOWN_ENTITY_TYPES = {"key", "team"}


def test_settings_for_entity_types_that_exist_are_taken() -> None:
    config(
        thresholds={"default": [1], "team": [1]},
        routes=[{"entity_types": ["key", "team"], "destinations": ["default"]}, {"destinations": ["default"]}],
    ).check_entity_types(KNOWN_ENTITY_TYPES)


STRANGE: dict[str, tuple[dict[str, Any], str]] = {
    "thresholds": ({"thresholds": {"team": [1], "kye": [1]}}, "CONFIG: thresholds.kye: is not an entity type"),
    "thresholds of a secret": ({"thresholds": {SECRET: [1]}}, "CONFIG: thresholds.…: is not an entity type"),
    "a route": (
        {"routes": [{"destinations": ["default"]}, {"entity_types": ["kye"], "destinations": ["default"]}]},
        "CONFIG: routes.1.entity_types: names one that is not an entity type",
    ),
}


@pytest.mark.parametrize(("document", "message"), STRANGE.values(), ids=STRANGE)
def test_settings_for_entity_types_that_do_not_exist_are_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config(**document).check_entity_types(KNOWN_ENTITY_TYPES)
    assert str(raised.value) == message
