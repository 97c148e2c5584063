"""Inputs, made from what a LiteLLM gateway really sent (``tests/data/litellm``), in any number."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

from evaluate.alerting import alert_for
from evaluate.pipeline import evaluate
from evaluate.shapes import parse_body
from gateway_alerts.alerts import QueuedAlert
from gateway_alerts.config import Config

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = ROOT / "tests" / "data" / "litellm"
TOKEN = "bench-token-0123456789abcdef"

#: What the functions find in their environment on AWS; settings inline, so that nothing is fetched.
ENVIRONMENT = {
    "ALERTS_TABLE_NAME": "alerts",
    "ALERTS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/alerts",
    "ALERTS_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/alerts-dead-letters",
    "CONFIG": '{"thresholds": [85, 95, 100]}',
    "CONFIG_PARAMETER_NAME": "",
    "INGEST_TOKENS": f"bench={TOKEN}",
    "INGEST_TOKENS_SECRET_ARN": "",
    "SLACK_WEBHOOK_URL": "http://127.0.0.1:1/services/T0/B0/bench",
    "SLACK_WEBHOOK_SECRET_ARN": "",
    "POWERTOOLS_METRICS_NAMESPACE": "GatewayAlerts",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "MALLOC_TOP_PAD_": "8388608",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
}
#: As template.yaml deploys it: configuration in SSM, tokens and webhook in Secrets Manager.
DEPLOYED = ENVIRONMENT | {
    "CONFIG": "",
    "CONFIG_PARAMETER_NAME": "/gateway-alerts/config",
    "INGEST_TOKENS": "",
    "INGEST_TOKENS_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tokens",
}


def webhook_body(count: int, *, is_due: bool, start: int = 0) -> bytes:
    """A JSON array of webhook events of different keys, all below every threshold or all over their budget."""
    event = _capture("webhook/key_crossed.json") | {
        "team_id": "team-research",
        "team_alias": "Research",
        "organization_id": "org-acme",
        "customer_id": "customer-7",
    }
    return _compact(
        [
            event
            | {
                "token": f"{number:064x}",
                "key_alias": key_name(number),
                "user_id": f"user-{number % 97}",
                "user_email": f"user-{number % 97}@example.com",
                "spend": 10.0 if is_due else 1.0 + number % 700 / 100,
                "max_budget": 10.0,
            }
            for number in range(start, start + count)
        ]
    )


def request_log_body(count: int) -> bytes:
    """A JSON array of request logs of different keys, none near a limit."""
    captures = [_capture(f"generic_api/{path.name}") for path in sorted((CAPTURES / "generic_api").glob("success_*.json"))]
    quiet = {
        "user_api_key_spend": 1.25,
        "user_api_key_max_budget": 100.0,
        "user_api_key_team_spend": 12.5,
        "user_api_key_team_max_budget": 500.0,
    }
    return _compact(
        [
            log | {"metadata": log["metadata"] | quiet | {"user_api_key_hash": f"{number:064x}"}}
            for number, log in ((number, captures[number % len(captures)]) for number in range(count))
        ]
    )


def key_name(number: int) -> str:
    """What a person calls the key of one event of :func:`webhook_body`."""
    return f"key-{number:05}"


def http_event(body: bytes) -> dict[str, Any]:
    """``POST /events`` as the HTTP API hands it to Lambda (payload format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "POST /events",
        "rawPath": "/events",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "authorization": f"Bearer {TOKEN}",
            "content-length": str(len(body)),
            "content-type": "application/json",
            "host": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "litellm/1.109.1",
            "x-amzn-trace-id": "Root=1-65f0c0de-0123456789abcdef01234567",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": "POST",
                "path": "/events",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "litellm/1.109.1",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /events",
            "stage": "$default",
            "time": "10/Mar/2026:10:00:00 +0000",
            "timeEpoch": 1773136800000,
        },
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def sqs_event(count: int, *, now: datetime, destinations: Sequence[str] = ("default",)) -> dict[str, Any]:
    """A batch of ``count`` queued alerts, as the pipeline makes them, each of another key; destinations take turns."""
    config = Config()
    evaluation = evaluate(parse_body(webhook_body(count, is_due=True)), gateway="bench", config=config, now=now)
    alerts = [alert_for(offers, now=now, config=config, request_id="request-1") for _, offers in evaluation.offers]
    bodies = [
        QueuedAlert(destination=destination, alert=alert).model_dump_json()
        for destination, alert in zip(cycle(destinations), alerts, strict=False)
    ]
    return {
        "Records": [
            {
                "messageId": f"00000000-0000-4000-8000-{number:012}",
                "receiptHandle": "AQEB" + "x" * 300,
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1773136800000",
                    "SenderId": "AROAEXAMPLE:evaluate",
                    "ApproximateFirstReceiveTimestamp": "1773136801000",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:alerts",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


@cache
def _capture(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((CAPTURES / name).read_text(encoding="utf-8"))["body"]
    return body


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
