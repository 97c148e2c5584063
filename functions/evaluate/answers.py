"""What the HTTP API answers. Exactly 200 for success: LiteLLM's webhook takes any other 2xx for an error."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from evaluate.alerting import alert_for, merge_by_reading
from evaluate.pipeline import Evaluation
from evaluate.shapes import Rejection
from gateway_alerts.alert_types import BUDGET_ALERTS
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config

#: Of the 6 MB of an answer; escaping may make six bytes of one.
MAX_REASONS_BYTES = 500_000


def http_answer(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """An answer in the HTTP API's payload format 2.0."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False),
    }


def refusal_body(code: str, message: str) -> dict[str, Any]:
    """The body of an answer that refuses a whole request."""
    return {"error": code, "message": message, "accepted": 0, "alerts": 0, "rejected": []}


def slack_answer(word: str, status: int) -> dict[str, Any]:
    """An answer as Slack's incoming webhooks give it: a word as the whole body."""
    return {"statusCode": status, "headers": {"content-type": "text/plain; charset=utf-8"}, "body": word}


def batch_answer(failed: Sequence[str]) -> dict[str, Any]:
    """The answer to a queue's batch: the messages that are to come back."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def evaluated_answer(evaluation: Evaluation, *, alert_count: int) -> dict[str, Any]:
    """The answer to events that were evaluated: 400 when nothing in them was usable, else 200."""
    body = {
        "accepted": len(evaluation.accepted),
        "alerts": alert_count,
        "rejected": _within_answer(evaluation.rejections),
    }
    if evaluation.accepted:
        return http_answer(200, body)
    return http_answer(400, {"error": "nothing_usable", "message": "no event of it could be used", **body})


def dry_run_body(evaluation: Evaluation, *, now: datetime, config: Config) -> dict[str, Any]:
    """What each event would raise if nobody had alerted before, in the order of the events."""
    silence = "crosses nothing" if config.is_enabled(BUDGET_ALERTS) else f"{BUDGET_ALERTS} is not in alert_types"
    decisions: dict[int, dict[str, Any]] = {
        index: {"index": index, "alerts": [], "reason": silence} for index in evaluation.accepted
    }
    for index, offers in evaluation.offers:
        alerts = [alert_for(group, now=now, request_id="", config=config) for group in merge_by_reading(offers)]
        decisions[index] = {
            "index": index,
            "alerts": [_decided(alert) for alert in alerts],
            "reason": "; ".join(alert.message for alert in alerts),
        }
    for index, occurrence in evaluation.signals.occurrences:
        alert = occurrence.alert(now=now, request_id="", config=config)
        decision = decisions[index]
        decision["alerts"].append(_decided(alert))
        decision["reason"] = alert.message
    for rejection in evaluation.rejections:
        decisions[rejection.position] = {"index": rejection.position, "alerts": [], "reason": rejection.reason}
    return {"decisions": [decisions[index] for index in sorted(decisions)]}


def _decided(alert: Alert) -> dict[str, Any]:
    return {
        "event": alert.event,
        "entity_type": alert.entity.type,
        "entity_id": alert.entity.id,
        "rung": "" if alert.budget is None else str(alert.budget.rung),
        "level": alert.level,
        "dedupe_key": alert.dedupe_key,
    }


def _within_answer(rejections: Sequence[Rejection]) -> list[dict[str, Any]]:
    """Every refusal by its index; when there are very many, the later ones with the code of their reason alone."""
    entries: list[dict[str, Any]] = []
    size_bytes = 0
    for rejection in rejections:
        size_bytes += len(rejection.reason.encode())
        is_small = size_bytes <= MAX_REASONS_BYTES
        entries.append(
            {"index": rejection.position, "reason": rejection.reason if is_small else rejection.reason.partition(":")[0]}
        )
    return entries
