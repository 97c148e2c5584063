"""What the HTTP API answers. Exactly 200 for success: LiteLLM's webhook takes any other 2xx for an error."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from evaluate.alerting import alert_for, merge_by_reading
from evaluate.pipeline import Evaluation, Raised
from gateway_alerts.alert_types import BUDGET_ALERTS
from gateway_alerts.config import Config


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


def evaluated_answer(evaluation: Evaluation, raised: Raised) -> dict[str, Any]:
    """The answer to events that were evaluated: 400 when nothing in them was usable, else 200."""
    body = {
        "accepted": len(evaluation.accepted),
        "alerts": len(raised.alerts),
        "rejected": [{"index": r.index, "reason": r.reason} for r in evaluation.rejections],
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
            "alerts": [
                {
                    "event": alert.event,
                    "entity_type": alert.entity.type,
                    "entity_id": alert.entity.id,
                    "rung": str(alert.budget.rung),
                    "level": alert.level,
                    "dedupe_key": alert.dedupe_key,
                }
                for alert in alerts
            ],
            "reason": "; ".join(alert.message for alert in alerts),
        }
    for rejection in evaluation.rejections:
        decisions[rejection.index] = {"index": rejection.index, "alerts": [], "reason": rejection.reason}
    return {"decisions": [decisions[index] for index in sorted(decisions)]}
