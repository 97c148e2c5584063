"""Destinations besides Slack over real connections: a webhook under ``make local``, a mail through the emulator's SNS."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any, NamedTuple

import boto3
import httpx
import pytest

from local.ministack import Ministack
from local.resources import CREDENTIALS, REGION
from local.serve import settings_from
from local.stack import Stack
from notify.destinations.email import Email
from notify.outcomes import Delivered, Permanent, Reason
from tests.unit.notify.fakes import NOW, make_items

pytestmark = pytest.mark.integration

SECRET = "local-signing-secret"
#: Long enough for a loaded machine; the test ends as soon as what it waits for is there.
PATIENCE_SECONDS = 60


class Received(NamedTuple):
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Somebody's webhook: an HTTP server on loopback that takes everything."""

    def __init__(self) -> None:
        self.received: SimpleQueue[Received] = SimpleQueue()
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.put(Received({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as running:
        yield running


def test_make_local_posts_to_a_webhook_on_this_machine_and_signs(receiver: Receiver) -> None:
    config = {
        "destinations": {"hook": {"type": "webhook", "url": "os.environ/HOOK_URL", "secret": "os.environ/HOOK_SECRET"}},
        "routes": [{"destinations": ["hook"]}],
    }
    environment = {
        "CONFIG": json.dumps(config),
        "HOOK_URL": receiver.url,
        "HOOK_SECRET": SECRET,
        "BATCH_WINDOW_SECONDS": "1",
    }
    settings = replace(settings_from(environment), port=0, aws_port=None, log=None)  # beside whatever runs here
    info = {"spend": 101.0, "max_budget": 100.0, "user_id": "u-over", "user_email": "ada@example.com"}

    with Stack(settings) as stack, httpx.Client(base_url=stack.url, trust_env=False) as client:
        answer = client.post("/events/local-token", json={"type": "user_budget", "user_info": info})
        assert (answer.status_code, answer.json()["alerts"]) == (200, 1)
        headers, body = receiver.received.get(timeout=PATIENCE_SECONDS)

    document = json.loads(body)
    signed = f"v1:{headers['x-gateway-alerts-timestamp']}:".encode() + body
    assert headers["x-gateway-alerts-signature"] == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-gateway-alerts-delivery"] == document["delivery"]
    assert [(alert["entity"]["id"], alert["budget"]["spend"]) for alert in document["alerts"]] == [("u-over", "101")]


@pytest.fixture
def aws(ministack: Ministack) -> Any:
    ministack.reset()
    session = boto3.session.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    return lambda service: session.client(service, endpoint_url=ministack.endpoint_url)


def test_a_mail_reaches_those_who_have_subscribed(aws: Any) -> None:
    sns, sqs = aws("sns"), aws("sqs")
    topic_arn = sns.create_topic(Name="gateway-alerts-oncall")["TopicArn"]
    queue_url = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    target = Email(topic_arn, client=lambda: sns)
    (message,) = target.compose(make_items(30), now=NOW)

    assert target.post(message) == Delivered()

    (mail,) = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5)["Messages"]
    assert {name: json.loads(mail["Body"])[name] for name in ("Subject", "Message")} == message.payload


def test_what_sns_says_of_a_topic_that_is_gone_and_of_a_mail_that_is_too_large(aws: Any) -> None:
    sns = aws("sns")
    topic_arn = sns.create_topic(Name="gateway-alerts-oncall")["TopicArn"]
    (message,) = Email(topic_arn, client=lambda: sns).compose(make_items(1), now=NOW)
    too_large = message._replace(payload={"Message": "x" * 300_000})

    assert Email(f"{topic_arn}-gone", client=lambda: sns).post(message) == Permanent(Reason.CONFIGURATION, "NotFound")
    assert Email(topic_arn, client=lambda: sns).post(too_large) == Permanent(Reason.PAYLOAD_REFUSED, "InvalidParameter")
