"""Secrets planted wherever one can be, and a watch over every place where something is said."""

import io
import json
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from evaluate import app as evaluate_app
from notify import app as notify_app
from tests.unit.gateway_alerts.fake_aws import Answer, FakeAws, takes_all

#: The operator's: nobody but the service that each is for may ever see one. By name, as the watch reports them.
VALID_TOKEN = "tokPlantedValid7Kq2"
WRONG_TOKEN = "tokPlantedWrong8Lr3"
WEBHOOK = "https://hooks.slack.com/services/T0PLANTED91/B0PLANTED82/x9PlantedWebhook73"
OTHER_WEBHOOK = "https://hooks.slack.com/services/T0PLANTED64/B0PLANTED55/x9PlantedOther46"
SIGNING_SECRET = "signPlantedSecret28Vw6"
AWS_SECRET = "wJalrPLANTEDAwsSecret/K7MDENG/bPxRfiCYEX"
#: What a gateway leaked into its own alerts. The sender's own text may hold it, what a person reads may not.
LEAKED_KEY = "sk-proj-Ab3PlantedKeyhIj9lMn2pQr5tUv8xYz"
LEAKED_BEARER = "Bearer qW4PlantedBearer5eRtY6"

OPERATORS = {
    "the valid token": VALID_TOKEN,
    "a wrong token": WRONG_TOKEN,
    "the webhook's first part": "T0PLANTED91",
    "the webhook's second part": "B0PLANTED82",
    "the webhook's third part": "x9PlantedWebhook73",
    "another webhook's first part": "T0PLANTED64",
    "another webhook's second part": "B0PLANTED55",
    "another webhook's third part": "x9PlantedOther46",
    "the signing secret": SIGNING_SECRET,
    "the AWS secret": AWS_SECRET,
}
LEAKED = {"a leaked key": LEAKED_KEY[8:], "a leaked bearer token": LEAKED_BEARER[10:]}

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/alerts"
DEAD_LETTER_QUEUE_URL = QUEUE_URL + "-dead"
ENVIRONMENT = {
    "ALERTS_TABLE_NAME": "alerts-table",
    "ALERTS_QUEUE_URL": QUEUE_URL,
    "ALERTS_DEAD_LETTER_QUEUE_URL": DEAD_LETTER_QUEUE_URL,
    "POWERTOOLS_METRICS_NAMESPACE": "GatewayAlerts",
    "CONFIG": "",
    "CONFIG_PARAMETER_NAME": "/gateway-alerts/config",
    "INGEST_TOKENS": f"local={VALID_TOKEN}",
    "INGEST_TOKENS_SECRET_ARN": "arn:tokens",
    "SLACK_WEBHOOK_URL": WEBHOOK,
    "SLACK_WEBHOOK_SECRET_ARN": "arn:webhook",
    "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
    # Nothing is encrypted here, and a container loads all certificates for longer than it takes to tell an alert.
    "SSL_CERT_FILE": "",
    "SSL_CERT_DIR": "/nowhere",
}

Slack = Callable[[httpx.Request], httpx.Response]


class FakeContext:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def slack_says(status: int, body: str = "", **headers: str) -> Slack:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, text=body, headers=named)


def slack_fails(error: Callable[[], Exception]) -> Slack:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error()

    return fail


def takes(asked: dict[str, Any]) -> Answer:
    """SendMessage: the letter is taken."""
    import hashlib

    return {"MessageId": "m", "MD5OfMessageBody": hashlib.md5(asked["MessageBody"].encode(), usedforsecurity=False).hexdigest()}


@dataclass
class Watch:
    """Both functions with everything outside replaced, and whatever they said, by the place where they said it."""

    aws: FakeAws
    set_environment: Callable[[str, str], None]
    read_output: Callable[[], str]
    slack: Slack = field(default_factory=lambda: slack_says(200, "ok"))
    posted: list[str] = field(default_factory=list)
    log_lines: io.StringIO = field(default_factory=io.StringIO)
    said: list[tuple[str, str]] = field(default_factory=list)

    def evaluate(self, event: dict[str, Any]) -> None:
        """Let EvaluateFunction take an event, whatever comes of it."""
        self._call("the answer", lambda: evaluate_app.lambda_handler(event, FakeContext()))

    def notify(self, *records: dict[str, Any]) -> None:
        """Let NotifyFunction take records, whatever comes of it."""
        self._call("the answer", lambda: notify_app.lambda_handler({"Records": list(records)}, FakeContext()))

    def places(self) -> list[tuple[str, str]]:
        """Everything that was said until now, by place. Requests to AWS, without what carries a sender's own text."""
        requests = [(f"the request {name}", json.dumps(asked)) for name, asked in self.aws.calls]
        return [
            *self.said,
            ("a log line or a metric", self.read_output()),
            ("a library's log line", self.log_lines.getvalue()),
            *(("a posted message", text) for text in self.posted),
            *requests,
        ]

    def assert_silent(self, *, about: Mapping[str, str] = OPERATORS | LEAKED, but_for: tuple[str, ...] = ()) -> None:
        """No secret is in any place, but for places that are named."""
        found = [
            f"{name} is in {place}: …{text[max(0, text.index(secret) - 60) : text.index(secret) + 20]}…"
            for place, text in self.places()
            for name, secret in about.items()
            if secret in text and place not in but_for
        ]
        assert not found, "\n".join(found)

    def _call(self, place: str, call: Callable[[], object]) -> None:
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001 (whatever it says is looked at)
            # What Lambda writes of it: type, message and trace, and of everything that it came from.
            self.said.append(("an exception", "".join(traceback.format_exception(error)) + repr(error)))
        else:
            self.said.append((place, json.dumps(answer)))


def watch_over(fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Watch:
    """A watch over two fresh containers in good health. Every logger tells everything that it is not told to keep."""
    watch = Watch(fake_aws, monkeypatch.setenv, lambda: "".join(capfd.readouterr()))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for kept in (*vars(evaluate_app).values(), *vars(notify_app).values()):
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
    for name in ("evaluate", "notify"):  # Powertools keeps a logger's first stream, which was an earlier test's
        logging.Logger.manager.loggerDict.pop(name, None)

    def handle(_: object, request: httpx.Request) -> httpx.Response:
        headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        watch.posted.append(f"{headers}\n\n{request.read().decode()}")
        answer = watch.slack(request)
        answer.request = request
        return answer

    monkeypatch.setattr("httpx.HTTPTransport.handle_request", handle)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)  # the SDK's own pauses between its tries
    fake_aws.answers |= {
        "GetParameter": {"Parameter": {"Value": "{}"}},
        "GetSecretValue": {"SecretString": f"from-secret={VALID_TOKEN}"},
        "UpdateItem": lambda asked: {"Attributes": {"spend": {"N": "9.5"}}} if asked.get("ReturnValues") == "ALL_NEW" else {},
        "DeleteItem": {},
        "TransactWriteItems": {},
        "SendMessageBatch": takes_all,
        "SendMessage": takes,
        "ChangeMessageVisibilityBatch": lambda asked: {"Successful": [{"Id": e["Id"]} for e in asked["Entries"]], "Failed": []},
        "Query": {"Items": []},
    }
    handler = logging.StreamHandler(watch.log_lines)
    handler.setLevel(logging.DEBUG)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    return watch


def record(body: str, *, message_id: str = "m-1", sent_at: datetime | None = None, receive_count: int = 1) -> dict[str, Any]:
    """An SQS record as Lambda gives it."""
    moment = sent_at or datetime.now(UTC)
    return {
        "messageId": message_id,
        "receiptHandle": f"handle-{message_id}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": str(int(moment.timestamp() * 1000)),
        },
    }
