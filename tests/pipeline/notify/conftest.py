"""One loopback server that is DynamoDB, SQS, Secrets Manager, SSM and Slack to NotifyFunction, and the function's handler."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gateway_alerts import aws, secrets
from gateway_alerts.observability import build_logger
from notify import app
from tests.unit.notify.fakes import NOW, FakeDynamoDB, millis


@dataclass
class Outside:
    """What is beyond the function. Slack answers ``slack_answers`` by path, else ``ok``."""

    port: int = 0
    dynamodb: FakeDynamoDB = field(default_factory=FakeDynamoDB)
    secrets: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    slack_answers: dict[str, tuple[int, str, dict[str, str]]] = field(default_factory=dict)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    postponed: dict[str, int] = field(default_factory=dict)
    dead: list[tuple[str, str]] = field(default_factory=list)
    is_dead_letter_queue_full: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def slack_url(self, path: str = "/slack/T0SECRET1/B0SECRET2/x9SECRET3") -> str:
        return self.url + path

    def delivered(self) -> list[tuple[str, str]]:
        """What was noted as delivered, by destination and ``alert_id``."""
        posts = self.dynamodb.posts
        return [(destination, alert_id) for destination, at in posts for alert_id in posts[destination, at]["alert_ids"]["SS"]]

    def texts(self) -> list[str]:
        """The plain text of everything that was posted."""
        return [payload["text"] for _, payload in self.posted]

    def answer(self, path: str, target: str, body: dict[str, Any]) -> tuple[int, str, dict[str, str]]:
        match target.rpartition(".")[2]:
            case "Query" if self.dynamodb.fault is None:
                return 200, json.dumps(self.dynamodb.query(**body)), {}
            case "UpdateItem" if self.dynamodb.fault is None:
                return self._update_item(body)
            case "ChangeMessageVisibilityBatch":
                assert body["QueueUrl"] == f"{self.url}/alerts"
                self.postponed |= {_message_id(entry): entry["VisibilityTimeout"] for entry in body["Entries"]}
                return 200, json.dumps({"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]], "Failed": []}), {}
            case "SendMessage" if not self.is_dead_letter_queue_full:
                assert body["QueueUrl"] == f"{self.url}/dead"
                self.dead.append((body["MessageBody"], body["MessageAttributes"]["reason"]["StringValue"]))
                return 200, json.dumps({"MessageId": str(len(self.dead))}), {}
            case "GetSecretValue" if body["SecretId"] in self.secrets:
                return 200, json.dumps({"Name": body["SecretId"], "SecretString": self.secrets[body["SecretId"]]}), {}
            case "GetParameter" if body["Name"] in self.parameters:
                value = self.parameters[body["Name"]]
                return 200, json.dumps({"Parameter": {"Name": body["Name"], "Type": "String", "Value": value}}), {}
            case "":
                self.posted.append((path, body))
                return self.slack_answers.get(path, (200, "ok", {}))
        return 400, json.dumps({"__type": "AccessDeniedException", "message": "no"}), {}

    def _update_item(self, body: dict[str, Any]) -> tuple[int, str, dict[str, str]]:
        try:
            return 200, json.dumps(self.dynamodb.update_item(**body)), {}
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return 400, json.dumps({"__type": code, "message": "no", "Item": error.response.get("Item", {})}), {}


def _message_id(entry: dict[str, Any]) -> str:
    handle: str = entry["ReceiptHandle"]
    return handle.removeprefix("handle of ")


@pytest.fixture
def outside() -> Iterator[Outside]:
    there = Outside()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet per answer, or each waits for a delayed acknowledgement

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, text, headers = there.answer(self.path, self.headers.get("X-Amz-Target", ""), body)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(text.encode()))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        there.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield there
        server.shutdown()
        thread.join()


class FakeContext:
    """Lambda's context: asking may take a while."""

    invocations = count(1)

    def __init__(self, remaining_millis: int = 30_000, *, millis_per_question: int = 0) -> None:
        self._remaining, self._step = remaining_millis, millis_per_question
        self.aws_request_id = f"request-{next(self.invocations)}"

    def get_remaining_time_in_millis(self) -> int:
        left = self._remaining
        self._remaining -= self._step
        return left


def _as_of_now(record: dict[str, Any], *, waited: timedelta) -> dict[str, Any]:
    """A record of :data:`NOW`, as one that the queue got a while ago: the function reads the real clock."""
    sent_at = datetime.now(UTC) - waited
    attributes = record["attributes"] | {"SentTimestamp": str(millis(sent_at))}
    return record | {"attributes": attributes, "body": record["body"].replace(f"{NOW:%Y-%m-%dT%H:%M:%SZ}", sent_at.isoformat())}


Invoke = Callable[..., set[str]]


@pytest.fixture
def invoke(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Call the handler with records, as a new container that has this environment; answers the ids that go back."""
    base = {
        "ALERTS_TABLE_NAME": "alerts",
        "ALERTS_QUEUE_URL": f"{outside.url}/alerts",
        "ALERTS_DEAD_LETTER_QUEUE_URL": f"{outside.url}/dead",
        "POWERTOOLS_SERVICE_NAME": "notify",
        "POWERTOOLS_METRICS_NAMESPACE": "GatewayAlerts",
        "AWS_ENDPOINT_URL": outside.url,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "CONFIG", "CONFIG_PARAMETER_NAME", "SLACK_WEBHOOK_SECRET_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # httpx goes by the machine's proxy settings

    def start_container() -> None:
        if app._application.cache_info().currsize:
            application = app._application()
            if application._http.cache_info().currsize:
                application._http().close()
            application._http.cache_clear()
        app._application.cache_clear()
        aws._clients.clear()
        secrets._fetched.clear()

    def call(
        records: list[dict[str, Any]],
        *,
        context: FakeContext | None = None,
        warm: bool = False,
        waited: timedelta = timedelta(0),
        **environment: str,
    ) -> set[str]:
        if not warm:
            start_container()
            variables: Mapping[str, str] = base | {"SLACK_WEBHOOK_URL": outside.slack_url()} | environment
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
        fresh = [_as_of_now(record, waited=waited) for record in records]
        answer = app.lambda_handler({"Records": fresh}, context or FakeContext())
        failures = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        assert failures == sorted(set(failures))
        assert json.loads(json.dumps(answer)) == answer
        return set(failures)

    yield call
    start_container()


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """The lines that the function logs, as JSON."""
    lines: list[dict[str, Any]] = []
    logger = build_logger("notify")
    formatter = logger.registered_formatter

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(formatter.format(record)))

    handler = Keep()
    underlying = logging.getLogger("notify")
    underlying.addHandler(handler)
    yield lines
    underlying.removeHandler(handler)
