"""Short ways to write the events, offers and figures that the tests speak of."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from evaluate.alerting import Offer, alert_for, merge_by_reading
from evaluate.pipeline import evaluate
from evaluate.shapes import parse_objects
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config

NOW = datetime(2026, 11, 23, 9, 25, 44, tzinfo=UTC)
CONFIG = Config()


def budget_event(budget_type: str = "user_budget", **user_info: Any) -> dict[str, Any]:
    return {"type": budget_type, "user_info": {"spend": 0, **user_info}}


def request_log(*, cost: float | None = None, error: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A request log; metadata without its prefix ``user_api_key_``, errors without ``error_budget_``."""
    return {
        "litellm_call_id": "call-1",
        "status": "failure" if error else "success",
        "response_cost": cost,
        "metadata": {f"user_api_key_{name}": value for name, value in metadata.items()},
        "error_information": error and {f"error_budget_{name}": value for name, value in error.items()},
    }


def offers_in(events: Iterable[Mapping[str, Any]], *, gateway: str = "gw", config: Config = CONFIG) -> list[Offer]:
    """The offers of events, none of which may be refused."""
    evaluation = evaluate(parse_objects(list(events)), gateway=gateway, config=config, now=NOW)
    assert evaluation.rejections == []
    return [offer for _, offers in evaluation.offers for offer in offers]


def alerts_in(events: Iterable[Mapping[str, Any]], *, gateway: str = "gw", config: Config = CONFIG) -> list[Alert]:
    """The alerts of events if nobody had alerted before."""
    return [
        alert_for(group, now=NOW, config=config, request_id="request-1")
        for group in merge_by_reading(offers_in(events, gateway=gateway, config=config))
    ]


def http_request(
    body: Any,
    /,
    *,
    token: str | None = "local-token",
    in_path: bool = False,
    query: Mapping[str, str] | None = None,
    **overrides: Any,
) -> dict[str, Any]:
    """An HTTP API event (payload 2.0) of ``POST /events`` or ``POST /events/{token}``."""
    route = "POST /events/{token}" if in_path else "POST /events"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": f"/events/{token}" if in_path else "/events",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/events"}},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }
    if in_path:
        event["pathParameters"] = {"token": token}
    elif token is not None:
        event["headers"]["authorization"] = f"Bearer {token}"
    if query is not None:
        event["queryStringParameters"] = dict(query)
    return event | overrides
