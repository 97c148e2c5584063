"""Every text that a real LiteLLM 1.109.1 sent to Slack is the alert that it is, and every type that can come so has a sample."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evaluate.budget_alert_types import BUDGET_ALERT_TYPES
from evaluate.readings import BudgetReading, readings_of
from evaluate.slack.litellm_text import parse_litellm_text
from evaluate.slack.slack_payloads import read_slack_payload
from evaluate.thresholds import crossings_of
from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, SLACK_MESSAGE
from gateway_alerts.config import Config
from gateway_alerts.events import GatewayAlert, SlackMessage, WebhookEvent

TEXTS, WEBHOOKS = Path("tests/data/litellm/slack"), Path("tests/data/litellm/webhook")
SAMPLES = Path("events/evaluate")
GATEWAY = {"proxy_url": "http://gateway.example.internal"}
BY_ADA = {"done_by_user_id": "u-ada", "done_by_role": "proxy_admin", "done_by_key_alias": "admin-key"}

#: file → type, level, message, metadata without the gateway's address
ALERTS: dict[str, tuple[str, str | None, str, dict[str, Any]]] = {
    "daily_reports.json": (
        "daily_reports",
        None,
        "Top Deployments with Most Failed Requests:\n1. azure/gpt-4o: 7 failed requests (https://a.example)\n"
        "Top Slowest Deployments:\n1. azure/gpt-4o-mini: 0.042 s per output token (https://b.example)",
        {},
    ),
    "db_exceptions.json": (
        "db_exceptions",
        "High",
        "DB read/write call failed: connection refused to postgres://REDACTED@db/litellm",
        {"traceback": "Traceback (most recent call last): ..."},
    ),
    "digest.json": (
        "llm_requests_hanging",
        "Medium",
        "Requests are hanging",
        {"count": 3, "digest_start": "2026-11-23 09:26:01", "digest_end": "2026-11-23 09:26:01"},
    ),
    "failed_tracking_spend.json": ("failed_tracking_spend", "High", "Cost tracking failed for model=foo", {}),
    "fallback_reports.json": (
        "fallback_reports",
        "Low",
        "Fallback Statistics:\nm-a → m-b: 3 fallbacks\nm-a → m-b: 3 fallbacks",
        {},
    ),
    "llm_exceptions.json": (
        "llm_exceptions",
        "High",
        "RateLimitError: quota exceeded for REDACTED",
        {"error_class": "RateLimitError", "ticket": "INC-1"},
    ),
    "llm_requests_hanging.json": (
        "llm_requests_hanging",
        "Medium",
        "Requests are hanging: no answer within 2 s",
        {"model": "gpt-4o", "api_base": "https://a.example/v1", "threshold_seconds": 2.0},
    ),
    "llm_too_slow.json": (
        "llm_too_slow",
        "Low",
        "Responses are slow: 3.21 s, above the threshold of 2 s",
        {
            "key_alias": "prod",
            "team_alias": "Research",
            "model": "gpt-4o",
            "api_base": "https://api.openai.com",
            "response_seconds": 3.21,
            "threshold_seconds": 2.0,
            "deployment_latencies": "https://a.example 0.4 s, https://b.example 2.25 s",
            "prompt": "[{'role': 'user', 'content': 'my secret prompt my secret prompt my secret prompt my secret prompt my",
        },
    ),
    "mcp_tool_description_blocked.json": (
        "mcp_tool_description_blocked",
        "Medium",
        "MCP server jira: 1 tool description(s) blocked by a guardrail and hidden from tools/list\n"
        "- create_issue: prompt injection",
        {"mcp_server": "jira"},
    ),
    "mgmt_delete_key_fn.json": (
        "virtual_key_deleted",
        "High",
        "Virtual key deleted by u-ada: sk-…CRET",
        {"action": "deleted", **BY_ADA, "keys": "sk-…CRET"},
    ),
    "mgmt_delete_team.json": (
        "team_deleted",
        "High",
        "Team deleted by u-ada: t1",
        {"action": "deleted", **BY_ADA, "team_id": "t1"},
    ),
    "mgmt_delete_user.json": (
        "internal_user_deleted",
        "High",
        "Internal user deleted by u-ada: u1",
        {"action": "deleted", **BY_ADA, "user_id": "u1"},
    ),
    "mgmt_generate_key_fn.json": (
        "new_virtual_key_created",
        "High",
        "New virtual key created by u-ada: new",
        {"action": "created", **BY_ADA, "key_alias": "new", "max_budget": "10.0", "key": "sk-…CRET"},
    ),
    "mgmt_new_team.json": (
        "new_team_created",
        "High",
        "New team created by u-ada: Research",
        {"action": "created", **BY_ADA, "team_alias": "Research", "max_budget": "5.0"},
    ),
    "mgmt_new_user.json": (
        "new_internal_user_created",
        "High",
        "New internal user created by u-ada: u1@example.com",
        {"action": "created", **BY_ADA, "user_id": "u1", "user_email": "u1@example.com", "auto_create_key": "True"},
    ),
    "mgmt_update_key_fn.json": (
        "virtual_key_updated",
        "High",
        "Virtual key updated by u-ada: sk-…CRET",
        {"action": "updated", **BY_ADA, "max_budget": "20.0", "key": "sk-…CRET"},
    ),
    "mgmt_user_update.json": (
        "internal_user_updated",
        "High",
        "Internal user updated by u-ada: u1",
        {"action": "updated", **BY_ADA, "max_budget": "9.0", "user_id": "u1"},
    ),
    "model_deprecation_warnings.json": (
        "model_deprecation_warnings",
        "Medium",
        "Deprecating within 30 days:\n• m-old (provider: unknown, deprecates 2026-12-02, in 9d, migrate to m-a)",
        {"deprecated_count": "0", "imminent_count": "1", "upcoming_count": "2"},
    ),
    "new_model_added.json": (
        "new_model_added",
        None,
        "New model added: m-new",
        {
            "model": "m-new",
            "provider": "openai",
            "mode": "chat",
            "max_input_tokens": "128000",
            "max_output_tokens": "16384",
            "input_usd_per_million_tokens": "2.5",
            "output_usd_per_million_tokens": "10",
        },
    ),
    "outage_alerts_minor_and_major.json": (
        "outage_alerts",
        "Medium",
        "Minor outage: 3 timeout errors, 2 API errors",
        {
            "model": "gpt-4o",
            "provider": "azure",
            "api_base": "https://a.example",
            "severity": "minor",
            "error_count": 5,
            "timeout_errors": 3,
            "api_errors": 2,
        },
    ),
    "outage_alerts_minor_and_major.2.json": (
        "outage_alerts",
        "High",
        "Major outage: 5 timeout errors, 5 API errors",
        {
            "model": "gpt-4o",
            "provider": "azure",
            "api_base": "https://a.example",
            "severity": "major",
            "error_count": 10,
            "timeout_errors": 5,
            "api_errors": 5,
        },
    ),
    # LiteLLM sends a region's outage under the other type (D17).
    "region_outage_alerts_minor_and_major.json": (
        "region_outage_alerts",
        "Medium",
        "Minor outage: 5 API errors",
        {"region": "eu", "provider": "azure", "severity": "minor", "error_count": 5, "api_errors": 5},
    ),
    "region_outage_alerts_minor_and_major.2.json": (
        "region_outage_alerts",
        "High",
        "Major outage: 10 API errors",
        {"region": "eu", "provider": "azure", "severity": "major", "error_count": 10, "api_errors": 10},
    ),
    "spend_reports_monthly.json": (
        "spend_reports",
        "Low",
        "Monthly Spend Report for 2026-11-01 to 2026-11-30\nTeam Spend Report:\nTeam Research: $12.3457\nNo team: $1.0\n"
        "Tag Spend Report:\nTag team:search: $3.2",
        {},
    ),
    "spend_reports_weekly.json": (
        "spend_reports",
        "Low",
        "Spend Report for 2026-11-16 to 2026-11-23 (7 days)\nTeam Spend Report:\nTeam Research: $12.3457\nNo team: $1.0\n"
        "Tag Spend Report:\nTag team:search: $3.2",
        {},
    ),
    "squash_num_alerts.json": ("db_exceptions", "High", "same text", {"count": 3}),
}

#: file → the verdict, whose budget, and what it crosses: kind and rung, the gravest first
BUDGETS: dict[str, tuple[str, str, str | None, list[tuple[str, str]]]] = {
    "key_15pct.json": ("threshold_crossed", "key", "k15", [("maximum", "0.85")]),
    "key_5pct.json": ("threshold_crossed", "key", "k5", [("maximum", "0.95")]),
    "key_86pct_max_budget_alert.json": ("threshold_crossed", "key", "k86", [("maximum", "0.85")]),
    "key_crossed.json": ("budget_crossed", "key", "kx", [("maximum", "1")]),
    "key_multi_threshold_emails.json": ("budget_crossed", "key", "kmt", [("maximum", "1")]),
    "key_soft.json": ("soft_budget_crossed", "key", "ks", [("soft", "1")]),
    "key_soft_and_5pct.json": ("threshold_crossed", "key", "ks2", [("maximum", "0.95"), ("soft", "1")]),
    "organization_crossed.json": ("budget_crossed", "organization", "o1", [("maximum", "1")]),
    "project_crossed.json": ("budget_crossed", "project", "t-over", [("maximum", "1")]),
    "project_soft.json": ("soft_budget_crossed", "project", "t-over", [("soft", "1")]),
    "projected_limit_exceeded.json": ("projected_limit_exceeded", "key", "kproj", [("projected", "1")]),
    "proxy_crossed.json": ("budget_crossed", "proxy", "default_id", [("maximum", "1")]),
    "team_crossed.json": ("budget_crossed", "team", "t-over", [("maximum", "1")]),
    "team_member_multi_threshold.json": ("threshold_crossed", "team_member", "u-ada:t1", [("maximum", "0.95")]),
    "team_soft.json": ("soft_budget_crossed", "team", "t-over", [("soft", "1")]),
    "user_crossed.json": ("budget_crossed", "user", "u-over", [("maximum", "1")]),
}
#: Budgets of which the webhook was recorded as well.
PAIRS = sorted(set(BUDGETS) & {path.name for path in WEBHOOKS.iterdir()})


def payload_of(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))["body"]


def text_of(name: str) -> str:
    text: str = payload_of(TEXTS / name)["text"]
    return text


def test_every_text_has_a_row_and_every_row_a_text() -> None:
    assert {path.name for path in TEXTS.iterdir()} == set(ALERTS) | set(BUDGETS)


@pytest.mark.parametrize(("name", "expected"), ALERTS.items(), ids=ALERTS)
def test_a_text_is_the_alert_that_it_tells(name: str, expected: tuple[str, str | None, str, dict[str, Any]]) -> None:
    alert = parse_litellm_text(text_of(name))
    assert isinstance(alert, GatewayAlert)
    alert_type, level, message, metadata = expected
    assert (alert.alert_type, alert.level, alert.message) == (alert_type, level, message)
    assert alert.metadata == metadata | GATEWAY


@pytest.mark.parametrize(("name", "expected"), BUDGETS.items(), ids=BUDGETS)
def test_a_budgets_text_crosses_what_its_numbers_say(
    name: str, expected: tuple[str, str, str | None, list[tuple[str, str]]]
) -> None:
    event = parse_litellm_text(text_of(name))
    assert isinstance(event, WebhookEvent)
    reading = reading_of(event)
    entity = reading.entity_type
    crossings = [(kind, rung) for kind, _, rung in crossings_in(reading)]
    who = entity.get_id(event) or entity.get_hint(event)
    assert (event.event, event.event_group, who) == expected[:3]
    assert crossings == [(kind, Decimal(rung)) for kind, rung in expected[3]]


def reading_of(event: WebhookEvent) -> BudgetReading:
    (reading,) = readings_of(event)
    return reading


def crossings_in(reading: BudgetReading) -> list[tuple[str, Decimal, Decimal]]:
    thresholds = Config().thresholds_of(reading.entity_type.get_event_group())
    return [(crossing.kind, crossing.limit, crossing.rung) for crossing in crossings_of(reading, thresholds=thresholds)]


@pytest.mark.parametrize("name", PAIRS)
def test_a_budget_crosses_the_same_by_its_text_as_by_its_webhook(name: str) -> None:
    by_text = parse_litellm_text(text_of(name))
    by_webhook = WebhookEvent.model_validate(payload_of(WEBHOOKS / name))
    assert isinstance(by_text, WebhookEvent)
    # The text is all of it but the key's hash.
    assert by_text == by_webhook.model_copy(update={"token": None})
    assert crossings_in(reading_of(by_text)) == crossings_in(reading_of(by_webhook))
    if by_webhook.event_group != "key":
        entity = reading_of(by_text).entity_type
        assert entity.get_id(by_text) == entity.get_id(by_webhook)


def test_the_pairs_are_every_webhook_but_that_of_single_requests() -> None:
    assert set(PAIRS) == {path.name for path in WEBHOOKS.iterdir()} - {"spend_tracked.json"}
    assert {get.get_event_group() for get in BUDGET_ALERT_TYPES.values()} >= {row[1] for row in BUDGETS.values()}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


TEXT_SAMPLES = {path.name: path.stem.removeprefix("http_slack_text_") for path in sorted(SAMPLES.glob("http_slack_text_*.json"))}
MESSAGE_SAMPLES = sorted(path.name for path in SAMPLES.glob("http_slack_message_*.json"))


def test_every_type_that_can_come_as_a_text_for_slack_has_a_sample() -> None:
    types = {name for name, row in ALERT_TYPES.items() if "Slack text" in row.ways_in}
    assert set(TEXT_SAMPLES.values()) == types - {SLACK_MESSAGE}
    assert MESSAGE_SAMPLES


@pytest.mark.parametrize("name", [*TEXT_SAMPLES, *MESSAGE_SAMPLES])
def test_a_sample_is_a_post_to_the_drop_in_endpoint(name: str) -> None:
    event = sample(name)
    assert (event["routeKey"], event["rawPath"]) == ("POST /services/{token+}", "/services/local-token")
    assert event["pathParameters"] == {"token": "local-token"}
    assert event["requestContext"]["routeKey"] == event["routeKey"]
    assert event["requestContext"]["http"]["path"] == event["rawPath"]


@pytest.mark.parametrize(("name", "alert_type"), TEXT_SAMPLES.items(), ids=TEXT_SAMPLES)
def test_a_text_sample_is_of_the_type_in_its_name(name: str, alert_type: str) -> None:
    event = sample(name)
    parsed = read_slack_payload(event["body"].encode(), content_type=event["headers"]["content-type"])
    if alert_type == BUDGET_ALERTS:
        assert isinstance(parsed, WebhookEvent)
    else:
        assert isinstance(parsed, GatewayAlert)
        assert parsed.alert_type == alert_type


@pytest.mark.parametrize("name", MESSAGE_SAMPLES)
def test_another_senders_message_is_passed_on(name: str) -> None:
    event = sample(name)
    parsed = read_slack_payload(event["body"].encode(), content_type=event["headers"]["content-type"])
    assert isinstance(parsed, SlackMessage)
    sent = json.loads(event["body"])
    assert parsed.payload == {field: sent[field] for field in ("text", "blocks", "attachments") if field in sent}
