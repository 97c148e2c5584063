"""Every sample in events/evaluate is read as EvaluateFunction reads it, and gives what this table says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evaluate.alerting import merge_by_reading
from evaluate.ingress import (
    EventsRequest,
    QueuedLogsRequest,
    ReportsRequest,
    SlackRequest,
    Task,
    is_http,
    read_request,
)
from evaluate.pipeline import evaluate
from evaluate.tokens import IngestTokens
from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, LLM_EXCEPTIONS, LLM_TOO_SLOW, SLACK_MESSAGE
from gateway_alerts.config import Config
from gateway_alerts.events import GatewayAlert, RequestLog

SAMPLES = Path("events/evaluate")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TOKENS = IngestTokens.parse("local=local-token")

#: file → accepted events, refused events, alerts if nobody had alerted before
EXPECTED: dict[str, tuple[int, int, int]] = {
    "eventbridge_budget_event.json": (1, 0, 1),
    "eventbridge_budget_events.json": (2, 0, 1),
    "eventbridge_request_log.json": (1, 0, 1),
    "http_budget_event_agent_budget.json": (1, 0, 1),
    "http_budget_event_end_user_budget.json": (1, 0, 1),
    "http_budget_event_max_budget_alert.json": (1, 0, 1),
    "http_budget_event_model_access_group_budget.json": (1, 0, 1),
    "http_budget_event_organization_budget.json": (1, 0, 1),
    "http_budget_event_organization_member_budget.json": (1, 0, 1),
    "http_budget_event_project_budget.json": (1, 0, 1),
    "http_budget_event_projected_limit_exceeded.json": (1, 0, 1),
    "http_budget_event_proxy_budget.json": (1, 0, 1),
    "http_budget_event_soft_budget.json": (1, 0, 1),
    "http_budget_event_tag_budget.json": (1, 0, 1),
    "http_budget_event_team_budget.json": (1, 0, 1),
    "http_budget_event_team_member_budget.json": (1, 0, 1),
    "http_budget_event_token_budget.json": (1, 0, 1),
    "http_budget_event_user_budget.json": (1, 0, 1),
    "http_rejected_among_good.json": (1, 4, 1),
    "http_request_log_array.json": (3, 0, 2),
    "http_request_log_failure_429.json": (1, 0, 0),
    "http_request_log_failure_500.json": (1, 0, 0),
    "http_request_log_lines_base64.json": (3, 0, 1),
    "http_request_log_single.json": (1, 0, 1),
    "http_request_log_slow.json": (1, 0, 0),
    "http_webhook_key_15pct.json": (1, 0, 1),
    "http_webhook_key_5pct.json": (1, 0, 1),
    "http_webhook_key_86pct_max_budget_alert.json": (1, 0, 1),
    "http_webhook_key_crossed.json": (1, 0, 1),
    "http_webhook_key_multi_threshold_emails.json": (1, 0, 1),
    "http_webhook_key_soft.json": (1, 0, 1),
    "http_webhook_key_soft_and_5pct.json": (1, 0, 1),
    "http_webhook_organization_crossed.json": (1, 0, 1),
    "http_webhook_project_soft.json": (1, 0, 1),
    "http_webhook_projected_limit_exceeded.json": (1, 0, 1),
    "http_webhook_proxy_crossed.json": (1, 0, 1),
    "http_webhook_spend_tracked.json": (1, 0, 0),
    "http_webhook_team_crossed.json": (1, 0, 1),
    "http_webhook_team_member_multi_threshold.json": (1, 0, 1),
    "http_webhook_user_crossed.json": (1, 0, 1),
}
#: file → the type of the gateway alert in it: all that a gateway can raise itself, which leaves out budgets and other senders.
GATEWAY_ALERTS = {f"http_gateway_alert_{name}.json": name for name in ALERT_TYPES if name not in (BUDGET_ALERTS, SLACK_MESSAGE)}
#: file → the type of the alert in a text for Slack
SLACK_TEXTS = {f"http_slack_text_{name}.json": name for name in ALERT_TYPES if "Slack text" in ALERT_TYPES[name].ways_in} | {
    "http_slack_message_alertmanager.json": SLACK_MESSAGE,
    "http_slack_message_grafana.json": SLACK_MESSAGE,
}
SLACK_TEXTS.pop(f"http_slack_text_{SLACK_MESSAGE}.json")
#: file → how many request logs a queue hands over
FROM_SQS = {"sqs_request_logs.json": 2}
#: file → the request that it is, for those that carry no events
OTHERS: dict[str, Any] = {
    "http_health.json": Task.HEALTH,
    "schedule_canary.json": Task.CANARY,
    "schedule_reports.json": ReportsRequest(),
    "schedule_sweep_outbox.json": Task.SWEEP,
}


def read(name: str) -> Any:
    event = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    return event, read_request(event, tokens=lambda: TOKENS)


def test_every_sample_has_a_row_and_every_row_a_sample() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {*EXPECTED, *GATEWAY_ALERTS, *SLACK_TEXTS, *FROM_SQS, *OTHERS}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_gives_its_alerts(name: str) -> None:
    event, request = read(name)
    assert isinstance(request, EventsRequest)
    assert is_http(event) is name.startswith("http_")
    evaluation = evaluate(request.parsed, gateway=request.gateway, config=Config(), now=NOW)
    alerts = [group for _, offers in evaluation.offers for group in merge_by_reading(offers)]
    assert (len(evaluation.accepted), len(evaluation.rejections), len(alerts)) == EXPECTED[name]


@pytest.mark.parametrize(("name", "alert_type"), GATEWAY_ALERTS.items(), ids=GATEWAY_ALERTS.values())
def test_a_gateway_alerts_sample_is_what_a_gateway_would_send(name: str, alert_type: str) -> None:
    body = json.loads((SAMPLES / name).read_text(encoding="utf-8"))["body"]
    alert = GatewayAlert.model_validate_json(body)
    assert json.loads(body).keys() <= GatewayAlert.model_fields.keys()
    assert alert.alert_type == alert_type
    assert alert.metadata


@pytest.mark.parametrize("name", GATEWAY_ALERTS, ids=GATEWAY_ALERTS.values())
def test_a_gateway_alerts_sample_is_taken_as_one(name: str) -> None:
    event, request = read(name)
    assert request.parsed == ([(0, GatewayAlert.model_validate_json(event["body"]))], [])
    assert request.gateway == "local"


@pytest.mark.parametrize(("name", "alert_type"), SLACK_TEXTS.items(), ids=SLACK_TEXTS)
def test_a_text_for_slack_is_the_alert_that_it_tells(name: str, alert_type: str) -> None:
    _, request = read(name)
    assert isinstance(request, SlackRequest)
    everything_on = Config(alert_types=sorted(ALERT_TYPES))
    evaluation = evaluate(request.parsed, gateway=request.gateway, config=everything_on, now=NOW)
    assert evaluation.rejections == []
    told = [occurrence.alert_type for _, occurrence in evaluation.signals.occurrences]
    assert (told or [BUDGET_ALERTS] * len(evaluation.offers)) == [alert_type]


@pytest.mark.parametrize(
    ("name", "alert_types"),
    [
        ("http_request_log_failure_429.json", [LLM_EXCEPTIONS]),
        ("http_request_log_failure_500.json", [LLM_EXCEPTIONS]),
        ("http_request_log_slow.json", [LLM_TOO_SLOW]),
        ("http_request_log_single.json", []),
    ],
)
def test_a_failed_or_slow_request_tells_so(name: str, alert_types: list[str]) -> None:
    _, request = read(name)
    evaluation = evaluate(request.parsed, gateway=request.gateway, config=Config(), now=NOW)
    assert [occurrence.alert_type for _, occurrence in evaluation.signals.occurrences] == alert_types


@pytest.mark.parametrize(("name", "count"), FROM_SQS.items())
def test_a_queues_sample_holds_request_logs(name: str, count: int) -> None:
    event, request = read(name)
    assert isinstance(request, QueuedLogsRequest)
    assert [type(log) for _, log in request.parsed.events] == [RequestLog] * count
    assert request.message_ids == tuple(record["messageId"] for record in event["Records"])


@pytest.mark.parametrize("name", OTHERS)
def test_a_sample_without_events_is_what_its_name_says(name: str) -> None:
    assert read(name)[1] == OTHERS[name]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("http_")])
def test_a_sample_belongs_to_the_gateway_of_the_local_token(name: str) -> None:
    assert read(name)[1].gateway == "local"


def test_the_refused_ones_say_why() -> None:
    _, request = read("http_rejected_among_good.json")
    evaluation = evaluate(request.parsed, gateway="local", config=Config(), now=NOW)
    assert [(r.position, r.reason.partition(":")[0]) for r in evaluation.rejections] == [
        (1, "unknown_budget_alert_type"),
        (2, "invalid_event"),
        (3, "unrecognized_event"),
        (4, "unrecognized_event"),
    ]


def test_there_is_a_sample_of_each_way_in_and_of_each_shape_that_litellm_sends() -> None:
    kinds = set()
    for name in EXPECTED:
        event, request = read(name)
        shapes = {type(parsed).__name__ for _, parsed in request.parsed.events}
        way = event["routeKey"] if is_http(event) else event["detail-type"]
        kinds |= {(way, shape) for shape in shapes}
    assert kinds >= {
        ("POST /events", "BudgetEvent"),
        ("POST /events", "RequestLog"),
        ("POST /events/{token}", "WebhookEvent"),
        ("Budget Event", "BudgetEvent"),
        ("Request Log", "RequestLog"),
    }
