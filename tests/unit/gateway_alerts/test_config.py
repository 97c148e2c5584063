import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from gateway_alerts.alert_types import ALERT_TYPES, SLACK_MESSAGE
from gateway_alerts.config import DEFAULT_THRESHOLDS, Config, Destination, Errors, QuietHours, interval_end, parse_config
from gateway_alerts.errors import ConfigurationError


def config(**document: Any) -> Config:
    return parse_config(json.dumps(document))


@pytest.mark.parametrize("document", ["", "{}", " {} \n"], ids=["empty", "an empty object", "an empty object with blanks"])
def test_nothing_is_a_valid_configuration(document: str) -> None:
    assert parse_config(document) == Config()


#: The defaults of LiteLLM 1.109.1, where it has the setting.
LITELLM_DEFAULTS: dict[str, Any] = {
    "budget_alert_ttl": 86_400,
    "daily_report_frequency": 43_200,
    "report_check_interval": 300,
    "outage_alert_ttl": 60,
    "region_outage_alert_ttl": 60,
    "minor_outage_alert_threshold": 5,
    "major_outage_alert_threshold": 10,
    "max_outage_alert_list_size": 10,
    "log_to_console": False,
    "daily_spend_per_user_threshold": None,
    "monthly_spend_per_user_threshold": None,
    "spend_anomaly_multiplier": Decimal(3),
    "spend_anomaly_baseline_days": 7,
    "spend_anomaly_min_spend": Decimal(10),
    "user_spend_check_interval": 3_600,
}


def test_the_defaults_are_litellms() -> None:
    defaults = Config()
    assert defaults.thresholds_of("key") == DEFAULT_THRESHOLDS == (Decimal("0.85"), Decimal("0.95"), Decimal(1))
    assert defaults.alerting_args.model_dump() == LITELLM_DEFAULTS
    assert (defaults.alerting_threshold, defaults.spend_report_frequency) == (300, "7d")
    assert {name for name in ALERT_TYPES if not defaults.is_enabled(name)} == {
        name for name, row in ALERT_TYPES.items() if not row.is_on
    }
    assert defaults.settings_without_effect() == []


#: As it stands in a LiteLLM configuration, secrets replaced by references.
LITELLM: dict[str, Any] = {
    "alert_types": ["budget_alerts", "llm_exceptions", "new_virtual_key_created"],
    "alert_to_webhook_url": {
        "budget_alerts": "os.environ/SLACK_BUDGETS",
        "llm_exceptions": ["os.environ/SLACK_ERRORS", "secretsmanager:slack/errors"],
    },
    "alerting_threshold": 120,
    "alerting_args": LITELLM_DEFAULTS
    | {
        "log_to_console": True,
        "daily_spend_per_user_threshold": 50.5,
        "monthly_spend_per_user_threshold": 1_000,
        "spend_anomaly_multiplier": 2.5,
        "spend_anomaly_min_spend": 0,
        "outage_alert_ttl": "120",
    },
    "alert_type_config": {"budget_alerts": {"digest": True, "digest_interval": 3_600}, "llm_exceptions": {"digest": True}},
    "spend_report_frequency": "1d",
}


def test_litellms_own_settings_are_taken_as_they_are() -> None:
    pasted = config(**LITELLM)
    assert pasted.alert_to_webhook_url == {
        "budget_alerts": ["os.environ/SLACK_BUDGETS"],
        "llm_exceptions": ["os.environ/SLACK_ERRORS", "secretsmanager:slack/errors"],
    }
    assert (pasted.alerting_threshold, pasted.spend_report_frequency) == (120, "1d")
    assert pasted.alerting_args.model_dump() == LITELLM_DEFAULTS | {
        "log_to_console": True,
        "daily_spend_per_user_threshold": Decimal("50.5"),
        "monthly_spend_per_user_threshold": Decimal(1_000),
        "spend_anomaly_multiplier": Decimal("2.5"),
        "spend_anomaly_min_spend": Decimal(0),
        "outage_alert_ttl": 120,
    }
    assert {name: (row.digest, row.digest_interval) for name, row in pasted.alert_type_config.items()} == {
        "budget_alerts": (True, 3_600),
        "llm_exceptions": (True, 86_400),
    }


def test_settings_that_have_nothing_to_do_here_are_named_when_they_are_given() -> None:
    assert config(**LITELLM).settings_without_effect() == [
        "alerting_args.log_to_console",
        "alerting_args.max_outage_alert_list_size",
        "alerting_args.report_check_interval",
    ]
    assert config(alerting_args={"budget_alert_ttl": 60, "log_to_console": False}).settings_without_effect() == [
        "alerting_args.log_to_console"
    ]


@pytest.mark.parametrize("name", sorted(ALERT_TYPES.keys() - {SLACK_MESSAGE}))
def test_every_alert_type_can_be_turned_on_and_off(name: str) -> None:
    assert config(alert_types=[name]).is_enabled(name)
    assert not config(alert_types=[]).is_enabled(name)


@pytest.mark.parametrize("alert_types", [None, [], ["budget_alerts"], ["slack_message"]])
def test_what_other_senders_post_is_on_whatever_litellms_list_says(alert_types: list[str] | None) -> None:
    assert config(alert_types=alert_types).is_enabled(SLACK_MESSAGE)


def test_a_model_group_may_have_a_threshold_of_its_own() -> None:
    given = config(alerting_threshold=60, alerting_threshold_by_model={"deep-thought": 900.5})
    assert (given.slow_after_seconds("gpt-4o"), given.slow_after_seconds("deep-thought")) == (60, 900.5)


def test_repeats_are_counted_for_as_long_as_the_alert_types_row_says_unless_the_configuration_says_otherwise() -> None:
    given = config(repeat_intervals={"llm_exceptions": 10, "daily_reports": 86_400})
    intervals = {name: given.repeat_interval_seconds(name) for name in ALERT_TYPES}
    assert intervals == {name: row.interval_seconds for name, row in ALERT_TYPES.items()} | {
        "llm_exceptions": 10,
        "daily_reports": 86_400,
    }


def test_what_the_caller_did_wrong_is_no_llm_exception_unless_the_configuration_says_so() -> None:
    assert Config().errors == Errors(ignore_classes=[], ignore_codes=[])
    given = config(errors={"ignore_classes": ["RateLimitError"], "ignore_codes": [100, 599]})
    assert given.errors == Errors(ignore_classes=["RateLimitError"], ignore_codes=[100, 599])


#: The least and the most that each of these takes; one less and one more are refused.
BOUNDS: dict[str, tuple[str, int, int | None]] = {
    **{
        f"alerting_args.{name}": (f'{{"alerting_args": {{"{name}": %s}}}}', 1, 366 * 86_400)
        for name in LITELLM_DEFAULTS
        if name.endswith(("_ttl", "_frequency")) or name == "report_check_interval"
    },
    "alerting_args.minor_outage_alert_threshold": ('{"alerting_args": {"minor_outage_alert_threshold": %s}}', 1, 10),
    "alerting_args.major_outage_alert_threshold": ('{"alerting_args": {"major_outage_alert_threshold": %s}}', 5, None),
    "alerting_args.max_outage_alert_list_size": ('{"alerting_args": {"max_outage_alert_list_size": %s}}', 1, None),
    "alerting_args.daily_spend_per_user_threshold": ('{"alerting_args": {"daily_spend_per_user_threshold": %s}}', 1, None),
    "alerting_args.monthly_spend_per_user_threshold": ('{"alerting_args": {"monthly_spend_per_user_threshold": %s}}', 1, None),
    "alerting_args.spend_anomaly_multiplier": ('{"alerting_args": {"spend_anomaly_multiplier": %s}}', 1, None),
    "alerting_args.spend_anomaly_baseline_days": ('{"alerting_args": {"spend_anomaly_baseline_days": %s}}', 1, 90),
    "alerting_args.spend_anomaly_min_spend": ('{"alerting_args": {"spend_anomaly_min_spend": %s}}', 0, None),
    "alerting_args.user_spend_check_interval": ('{"alerting_args": {"user_spend_check_interval": %s}}', 60, None),
    "alert_type_config.llm_exceptions.digest_interval": (
        '{"alert_type_config": {"llm_exceptions": {"digest_interval": %s}}}',
        60,
        31 * 86_400,
    ),
    "repeat_intervals.llm_exceptions": ('{"repeat_intervals": {"llm_exceptions": %s}}', 10, 86_400),
    "errors.ignore_codes.0": ('{"errors": {"ignore_codes": [%s]}}', 100, 599),
    "spend_report_frequency": ('{"spend_report_frequency": "%sd"}', 1, 31),
    "alerting_threshold": ('{"alerting_threshold": %s}', 1, None),
    "alerting_threshold_by_model.m": ('{"alerting_threshold_by_model": {"m": %s}}', 1, None),
}


@pytest.mark.parametrize(("name", "document", "least", "most"), [(name, *row) for name, row in BOUNDS.items()], ids=BOUNDS)
def test_a_number_is_taken_up_to_its_bounds_and_refused_by_name_beyond_them(
    name: str, document: str, least: int, most: int | None
) -> None:
    for taken in (least, 1_000_000_000 if most is None else most):
        parse_config(document % taken)
    for refused in (least - 1, *([] if most is None else [most + 1])):
        with pytest.raises(ConfigurationError) as raised:
            parse_config(document % refused)
        assert all(part in str(raised.value) for part in name.split("."))


def test_every_setting_of_alerting_args_has_bounds_or_is_yes_or_no() -> None:
    bounded = {name.removeprefix("alerting_args.") for name in BOUNDS if name.startswith("alerting_args.")}
    assert bounded == LITELLM_DEFAULTS.keys() - {"log_to_console"}


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


TOPIC = "arn:aws:sns:eu-central-1:123456789012:budget-mails"

#: a destination as it is configured → what of it is taken
KINDS: dict[str, tuple[dict[str, Any], Destination]] = {
    "Slack, unless it says otherwise": ({"url": "ssm:/a"}, Destination(type="slack", url="ssm:/a")),
    "Slack": ({"type": "slack", "url": "os.environ/A"}, Destination(type="slack", url="os.environ/A")),
    "Teams": ({"type": "teams", "url": "secretsmanager:s/teams"}, Destination(type="teams", url="secretsmanager:s/teams")),
    "a webhook": ({"type": "webhook", "url": "ssm:/a"}, Destination(type="webhook", url="ssm:/a")),
    "a webhook that signs": (
        {"type": "webhook", "url": "ssm:/a", "secret": "ssm:/b"},
        Destination(type="webhook", url="ssm:/a", secret="ssm:/b"),
    ),
    "e-mail": ({"type": "email", "topic_arn": TOPIC}, Destination(type="email", topic_arn=TOPIC)),
    "e-mail in China": (
        {"type": "email", "topic_arn": TOPIC.replace("aws", "aws-cn")},
        Destination(type="email", topic_arn=TOPIC.replace("aws", "aws-cn")),
    ),
}


@pytest.mark.parametrize(("written", "taken"), KINDS.values(), ids=KINDS)
def test_a_destination_has_what_its_type_needs(written: dict[str, Any], taken: Destination) -> None:
    assert config(destinations={"a": written}).all_destinations() == {"a": taken}


def quiet(begin: str, end: str, *levels: str) -> dict[str, Any]:
    return {"begin": begin, "end": end} | ({"levels": list(levels)} if levels else {})


NIGHT = quiet("22:00", "07:00")
BERLIN, KOLKATA, LORD_HOWE = "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"
HOURLY, DAILY = ({"llm_exceptions": {"digest": True, "digest_interval": seconds}} for seconds in (3_600, 86_400))

#: settings, level, now → when it is told; None for at once. In Berlin the clock is set from 02:00 to 03:00 on 29 March 2026,
#: and from 03:00 to 02:00 on 25 October.
HELD: dict[str, tuple[dict[str, Any], str, str, str | None]] = {
    "nothing holds it": ({}, "Low", "2026-11-23T23:00Z", None),
    "a digest that is off": ({"alert_type_config": {"llm_exceptions": {}}}, "Low", "2026-11-23T23:00Z", None),
    "another type's digest": ({"alert_type_config": {"budget_alerts": {"digest": True}}}, "Low", "2026-11-23T23:00Z", None),
    "a daily digest": ({"alert_type_config": DAILY}, "High", "2026-11-23T08:00Z", "2026-11-24T00:00Z"),
    "an hourly digest": ({"alert_type_config": HOURLY}, "High", "2026-11-23T08:59:59Z", "2026-11-23T09:00Z"),
    "an hourly digest at its boundary": ({"alert_type_config": HOURLY}, "High", "2026-11-23T09:00Z", "2026-11-23T10:00Z"),
    "before quiet hours": ({"quiet_hours": [NIGHT]}, "Low", "2026-11-23T21:59:59.999Z", None),
    "at their begin": ({"quiet_hours": [NIGHT]}, "Low", "2026-11-23T22:00Z", "2026-11-24T07:00Z"),
    "after midnight": ({"quiet_hours": [NIGHT]}, "Medium", "2026-11-24T00:00Z", "2026-11-24T07:00Z"),
    "just before their end": ({"quiet_hours": [NIGHT]}, "Low", "2026-11-24T06:59:59.999Z", "2026-11-24T07:00Z"),
    "at their end": ({"quiet_hours": [NIGHT]}, "Low", "2026-11-24T07:00Z", None),
    "quiet hours within a day": ({"quiet_hours": [quiet("12:00", "13:30")]}, "Low", "2026-11-23T13:00Z", "2026-11-23T13:30Z"),
    "outside quiet hours within a day": ({"quiet_hours": [quiet("12:00", "13:30")]}, "Low", "2026-11-23T13:30Z", None),
    "quiet hours up to midnight": ({"quiet_hours": [quiet("18:00", "00:00")]}, "Low", "2026-11-23T20:00Z", "2026-11-24T00:00Z"),
    "a level that is never quiet": ({"quiet_hours": [NIGHT]}, "High", "2026-11-23T23:00Z", None),
    "a level that is made quiet": (
        {"quiet_hours": [quiet("22:00", "07:00", "High")]},
        "High",
        "2026-11-23T23:00Z",
        "2026-11-24T07:00Z",
    ),
    "a level that is left out": ({"quiet_hours": [quiet("22:00", "07:00", "High")]}, "Low", "2026-11-23T23:00Z", None),
    "the longer of two": (
        {"quiet_hours": [NIGHT, quiet("23:00", "09:00", "Low")]},
        "Low",
        "2026-11-23T23:30Z",
        "2026-11-24T09:00Z",
    ),
    "one after another": (
        {"quiet_hours": [NIGHT, quiet("07:00", "09:00")]},
        "Low",
        "2026-11-23T23:30Z",
        "2026-11-24T09:00Z",
    ),
    "one after another, the later first": (
        {"quiet_hours": [quiet("07:00", "09:00"), NIGHT]},
        "Low",
        "2026-11-23T23:30Z",
        "2026-11-24T09:00Z",
    ),
    "one after another, of another level": (
        {"quiet_hours": [NIGHT, quiet("07:00", "09:00", "High")]},
        "Low",
        "2026-11-23T23:30Z",
        "2026-11-24T07:00Z",
    ),
    "quiet hours all day, but not for ever": (
        {"quiet_hours": [quiet("00:00", "12:00"), quiet("12:00", "00:00")]},
        "Low",
        "2026-11-23T08:00Z",
        "2026-11-24T00:00Z",
    ),
    "a digest that ends in quiet hours": (
        {"alert_type_config": DAILY, "quiet_hours": [NIGHT]},
        "Low",
        "2026-11-23T12:00Z",
        "2026-11-24T07:00Z",
    ),
    "a digest of a level that is never quiet": (
        {"alert_type_config": DAILY, "quiet_hours": [NIGHT]},
        "High",
        "2026-11-23T12:00Z",
        "2026-11-24T00:00Z",
    ),
    "a digest that ends after quiet hours": (
        {"alert_type_config": DAILY, "quiet_hours": [quiet("12:00", "13:00")]},
        "Low",
        "2026-11-23T12:30Z",
        "2026-11-24T00:00Z",
    ),
    "midnight in Berlin": (
        {"alert_type_config": DAILY, "time_zone": BERLIN},
        "Low",
        "2026-11-23T22:30Z",
        "2026-11-23T23:00Z",
    ),
    "quiet hours in Berlin": ({"quiet_hours": [NIGHT], "time_zone": BERLIN}, "Low", "2026-11-23T21:30Z", "2026-11-24T06:00Z"),
    "quiet hours in Berlin, not in UTC": ({"quiet_hours": [NIGHT], "time_zone": BERLIN}, "Low", "2026-11-24T06:30Z", None),
    "quiet hours half an hour off": (
        {"quiet_hours": [NIGHT], "time_zone": KOLKATA},
        "Low",
        "2026-11-23T17:00Z",
        "2026-11-24T01:30Z",
    ),
    "the night that is an hour shorter": (
        {"quiet_hours": [NIGHT], "time_zone": BERLIN},
        "Low",
        "2026-03-28T22:00Z",
        "2026-03-29T05:00Z",
    ),
    "the night that is an hour longer": (
        {"quiet_hours": [NIGHT], "time_zone": BERLIN},
        "Low",
        "2026-10-24T22:00Z",
        "2026-10-25T06:00Z",
    ),
    "quiet until an hour that is left out": (
        {"quiet_hours": [quiet("22:00", "02:30")], "time_zone": BERLIN},
        "Low",
        "2026-03-28T22:00Z",
        "2026-03-29T01:30Z",
    ),
    "quiet in the hour that comes twice, the first time": (
        {"quiet_hours": [quiet("22:00", "02:30")], "time_zone": BERLIN},
        "Low",
        "2026-10-25T00:10Z",
        "2026-10-25T00:30Z",
    ),
    "quiet in the hour that comes twice, the second time": (
        {"quiet_hours": [quiet("22:00", "02:30")], "time_zone": BERLIN},
        "Low",
        "2026-10-25T01:10Z",
        "2026-10-25T01:30Z",
    ),
}


@pytest.mark.parametrize(("settings", "level", "now", "told_at"), HELD.values(), ids=HELD)
def test_an_alert_is_held_until_its_digest_and_the_quiet_hours_are_over(
    settings: dict[str, Any], level: str, now: str, told_at: str | None
) -> None:
    held_until = config(**settings).held_until(alert_type="llm_exceptions", level=level, now=datetime.fromisoformat(now))
    assert held_until == (None if told_at is None else datetime.fromisoformat(told_at))
    assert held_until is None or held_until.tzinfo is UTC


HOUR, DAY, WEEK = 3_600, 86_400, 7 * 86_400

#: seconds, zone, now → the end of the interval. 23 November 2026 is a Monday.
INTERVALS: dict[str, tuple[int, str, str, str]] = {
    "a minute": (60, "UTC", "2026-11-23T08:00:30Z", "2026-11-23T08:01Z"),
    "half a day, as LiteLLM's reports": (12 * HOUR, "UTC", "2026-11-23T08:00Z", "2026-11-23T12:00Z"),
    "half a day in Berlin": (12 * HOUR, BERLIN, "2026-11-23T12:00Z", "2026-11-23T23:00Z"),
    "a day": (DAY, "UTC", "2026-11-23T00:00Z", "2026-11-24T00:00Z"),
    "a day that has just not ended": (DAY, "UTC", "2026-11-23T23:59:59.999999Z", "2026-11-24T00:00Z"),
    "a day in Kolkata": (DAY, KOLKATA, "2026-11-23T18:29Z", "2026-11-23T18:30Z"),
    "a week from its Monday": (WEEK, "UTC", "2026-11-23T00:00Z", "2026-11-30T00:00Z"),
    "a week from its Sunday": (WEEK, "UTC", "2026-11-29T23:59Z", "2026-11-30T00:00Z"),
    "a week in Berlin": (WEEK, BERLIN, "2026-11-29T23:30Z", "2026-12-06T23:00Z"),
    "two days, from a Sunday": (2 * DAY, "UTC", "2026-11-29T12:00Z", "2026-12-01T00:00Z"),
    "two days, from the Monday after": (2 * DAY, "UTC", "2026-11-30T12:00Z", "2026-12-01T00:00Z"),
    "an hour before the clock is set forward": (HOUR, BERLIN, "2026-03-29T00:30Z", "2026-03-29T01:00Z"),
    "an hour after it": (HOUR, BERLIN, "2026-03-29T08:30Z", "2026-03-29T09:00Z"),
    "the day of 23 hours": (DAY, BERLIN, "2026-03-28T23:30Z", "2026-03-29T22:00Z"),
    "the day of 25 hours": (DAY, BERLIN, "2026-10-24T22:30Z", "2026-10-25T23:00Z"),
    "an hour after the clock is set back": (HOUR, BERLIN, "2026-10-25T09:30Z", "2026-10-25T10:00Z"),
    "half of the hour that comes twice, the first time": (HOUR // 2, BERLIN, "2026-10-25T00:10Z", "2026-10-25T00:30Z"),
    "half of the hour that comes twice, the second time": (HOUR // 2, BERLIN, "2026-10-25T01:10Z", "2026-10-25T01:30Z"),
    "an hour where the clock is set by half of one": (HOUR, LORD_HOWE, "2026-10-03T15:10Z", "2026-10-03T15:30Z"),
    "before all Mondays": (DAY, "UTC", "1969-12-31T12:00Z", "1970-01-01T00:00Z"),
}


@pytest.mark.parametrize(("seconds", "zone", "now", "end"), INTERVALS.values(), ids=INTERVALS)
def test_an_interval_ends_on_the_zones_clock(seconds: int, zone: str, now: str, end: str) -> None:
    moment = datetime.fromisoformat(now)
    expected = datetime.fromisoformat(end)
    assert interval_end(moment, seconds=seconds, zone=ZoneInfo(zone)) == expected
    assert interval_end(moment.astimezone(ZoneInfo(zone)), seconds=seconds, zone=ZoneInfo(zone)) == expected


ZONES = st.sampled_from(["UTC", BERLIN, KOLKATA, LORD_HOWE, "America/New_York", "Pacific/Apia", "Africa/Casablanca"])
#: 2011 to 2036
MOMENTS = st.floats(1_293_840_000, 2_114_380_800).map(lambda epoch_seconds: datetime.fromtimestamp(epoch_seconds, UTC))
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@for_all(now=MOMENTS, seconds=st.integers(60, 31 * DAY), zone=ZONES)
def test_an_interval_ends_later_than_now_and_not_much_later_than_it_is_long(now: datetime, seconds: int, zone: str) -> None:
    end = interval_end(now, seconds=seconds, zone=ZoneInfo(zone))
    # At most a whole day longer: Apia once left one out.
    assert timedelta(0) < end - now <= timedelta(seconds=seconds, days=1)


@for_all(now=MOMENTS, begin=CLOCKS, end=CLOCKS, zone=ZONES)
def test_quiet_hours_end_later_than_now(now: datetime, begin: str, end: str, zone: str) -> None:
    if begin != end:
        until = QuietHours(begin=begin, end=end).end_after(now, zone=ZoneInfo(zone))
        assert until is None or timedelta(0) < until - now <= timedelta(days=2)


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
        "CONFIG: alert_to_webhook_url.budget_alerts.0: give a reference, never the secret",
    ),
    "a literal URL in a list": (
        json.dumps({"alert_to_webhook_url": {"budget_alerts": ["ssm:a", SECRET]}}),
        "CONFIG: alert_to_webhook_url.budget_alerts.1: give a reference",
    ),
    "a literal URL as destination": (
        json.dumps({"destinations": {"a": {"url": SECRET}}}),
        "CONFIG: destinations.a.url: give a reference",
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
    "a destination of no URL": ('{"destinations": {"a": {}}}', "CONFIG: destinations.a: a destination of type slack needs url"),
    "Teams of no URL": ('{"destinations": {"a": {"type": "teams"}}}', "a destination of type teams needs url"),
    "a webhook of no URL": ('{"destinations": {"a": {"type": "webhook", "secret": "ssm:a"}}}', "of type webhook needs url"),
    "e-mail of no topic": ('{"destinations": {"a": {"type": "email"}}}', "a destination of type email needs topic_arn"),
    "e-mail with a URL": (
        json.dumps({"destinations": {"a": {"type": "email", "topic_arn": TOPIC, "url": "ssm:a"}}}),
        "a destination of type email has no url",
    ),
    "Slack with a topic": (
        json.dumps({"destinations": {"a": {"topic_arn": TOPIC, "url": "ssm:a"}}}),
        "a destination of type slack has no topic_arn",
    ),
    "a topic that is none": (
        json.dumps({"destinations": {"a": {"type": "email", "topic_arn": f"{TOPIC}:SECRET"}}}),
        "CONFIG: destinations.a.topic_arn: give the ARN of an SNS topic",
    ),
    "an e-mail address as topic": (
        json.dumps({"destinations": {"a": {"type": "email", "topic_arn": "SECRET@example.com"}}}),
        "CONFIG: destinations.a.topic_arn: give the ARN of an SNS topic",
    ),
    "Slack that signs": (
        '{"destinations": {"a": {"url": "ssm:a", "secret": "ssm:b"}}}',
        "CONFIG: destinations.a: secret: only a destination of type webhook signs",
    ),
    "a literal signing secret": (
        json.dumps({"destinations": {"a": {"type": "webhook", "url": "ssm:a", "secret": SECRET}}}),
        "CONFIG: destinations.a.secret: give a reference, never the secret",
    ),
    "a destination named as LiteLLM's webhook": (
        json.dumps({"destinations": {"budget_alerts": {"url": "ssm:a"}}, "alert_to_webhook_url": {"budget_alerts": "ssm:b"}}),
        "destinations.budget_alerts: is the name of alert_to_webhook_url's",
    ),
    "a destination named as LiteLLM's second webhook": (
        json.dumps(
            {"destinations": {"budget_alerts.2": {"url": "ssm:a"}}, "alert_to_webhook_url": {"budget_alerts": ["ssm:b", "ssm:c"]}}
        ),
        "destinations.budget_alerts.2: is the name of alert_to_webhook_url's",
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
        "CONFIG: thresholds.default: give all thresholds as",
    ),
    "a threshold that is no list": ('{"thresholds": 85}', "CONFIG: thresholds.default: "),
    "a time to live of nothing": ('{"alerting_args": {"budget_alert_ttl": 0}}', "CONFIG: alerting_args.budget_alert_ttl: "),
    "a time to live in words": (
        '{"alerting_args": {"budget_alert_ttl": "sk-SECRET"}}',
        "CONFIG: alerting_args.budget_alert_ttl: ",
    ),
    "a threshold in seconds that never comes": ('{"alerting_threshold": Infinity}', "CONFIG: alerting_threshold: "),
    "a threshold in seconds that is NaN": ('{"alerting_threshold": NaN}', "CONFIG: alerting_threshold: "),
    "a model's threshold that never comes": (
        '{"alerting_threshold_by_model": {"m": Infinity}}',
        "CONFIG: alerting_threshold_by_model.m: ",
    ),
    "an infinite threshold of users": (
        '{"alerting_args": {"daily_spend_per_user_threshold": Infinity}}',
        "CONFIG: alerting_args.daily_spend_per_user_threshold: ",
    ),
    "a major outage below the minor one": (
        '{"alerting_args": {"minor_outage_alert_threshold": 20}}',
        "CONFIG: alerting_args: major_outage_alert_threshold is below minor_outage_alert_threshold",
    ),
    "an unknown alert type's digest": ('{"alert_type_config": {"x": {}}}', "CONFIG: alert_type_config.x"),
    "an unknown setting of a digest": (
        '{"alert_type_config": {"llm_exceptions": {"interval": 60}}}',
        "CONFIG: alert_type_config.llm_exceptions.interval: is not a setting",
    ),
    "an unknown alert type's repeats": ('{"repeat_intervals": {"x": 60}}', "CONFIG: repeat_intervals.x"),
    "a report every other SECRET": ('{"spend_report_frequency": "SECRET"}', "CONFIG: spend_report_frequency: give 1d to 31d"),
    "a report every two hours": ('{"spend_report_frequency": "2h"}', "CONFIG: spend_report_frequency: give 1d to 31d"),
    "a time zone that is none": ('{"time_zone": "Europe/SECRET"}', "CONFIG: time_zone: is not an IANA time zone"),
    "a time zone that is a folder": ('{"time_zone": "Europe"}', "CONFIG: time_zone: is not an IANA time zone"),
    "a time zone that is a path": ('{"time_zone": "../SECRET"}', "CONFIG: time_zone: is not an IANA time zone"),
    "no time zone": ('{"time_zone": ""}', "CONFIG: time_zone: is not an IANA time zone"),
    "a time that is none": ('{"report_time": "24:00"}', "CONFIG: report_time: give a time of day, such as 22:00"),
    "a time in other digits": ('{"report_time": "0٩:00"}', "CONFIG: report_time: give a time of day, such as 22:00"),
    "a time with seconds": ('{"report_time": "09:00:00"}', "CONFIG: report_time: give a time of day, such as 22:00"),
    "quiet hours without an end": ('{"quiet_hours": [{"begin": "22:00"}]}', "CONFIG: quiet_hours.0.end: Field required"),
    "quiet hours of no length": (
        '{"quiet_hours": [{"begin": "22:00", "end": "22:00"}]}',
        "CONFIG: quiet_hours.0: begin and end are the same",
    ),
    "quiet hours of no level": (
        '{"quiet_hours": [{"begin": "22:00", "end": "07:00", "levels": []}]}',
        "CONFIG: quiet_hours.0.levels: ",
    ),
    "quiet hours of an unknown level": (
        '{"quiet_hours": [{"begin": "22:00", "end": "07:00", "levels": ["SECRET"]}]}',
        "CONFIG: quiet_hours.0.levels.0: Input should be 'Low', 'Medium' or 'High'",
    ),
    "an unknown setting of errors": ('{"errors": {"ignore": []}}', "CONFIG: errors.ignore: is not a setting"),
    "a status in words": ('{"errors": {"ignore_codes": ["SECRET"]}}', "CONFIG: errors.ignore_codes.0: "),
    "a yes that is none": ('{"forecast": "SECRET"}', "CONFIG: forecast: "),
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


@pytest.mark.parametrize("document", ["", "{}", " {} \n"])
def test_an_empty_document_says_what_its_validation_would(document: str) -> None:
    validated = Config.model_validate({})
    config = parse_config(document)
    assert config == validated
    assert {name: type(value) for name, value in config} == {name: type(value) for name, value in validated}
    assert (config.settings_without_effect(), config.model_fields_set) == (validated.settings_without_effect(), set())


def test_what_breaks_the_reader_itself_is_refused_by_name() -> None:
    broken = '{"alerting_args": {"daily_spend_per_user_threshold": [0, [1], 99999999999999999999999]}}'
    with pytest.raises(ConfigurationError, match=r"^CONFIG: cannot be read$"):
        parse_config(broken)
