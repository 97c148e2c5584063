"""What is exact: calls to AWS and posts, counted at the stub, and what a container makes and logs."""

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil

import httpx
from pydantic import SecretStr

from evaluate.app import Application
from gateway_alerts import aws
from notify.destinations.slack import SlackWebhook
from notify.pipeline import notify
from tests.bench.aws_stub import AWSStub
from tests.bench.measure import Measured, Suite, run_child
from tests.bench.notify_cost import ports_to
from tests.bench.report import Goal, Row
from tests.bench.samples import ENVIRONMENT, http_event, key_name, sqs_event, webhook_body

DESTINATIONS = 10


def calls_suite(stub: AWSStub) -> Suite:
    """Exact counts, so there is nothing to time."""

    def rows(_: Mapping[str, Measured]) -> list[Row]:
        return [*_evaluate(stub), *_notify(stub), *_container(stub)]

    return Suite("calls", [], rows)


def _evaluate(stub: AWSStub) -> list[Row]:
    lines = [_row("100 events, nothing due: AWS calls", _post(stub, Application(ENVIRONMENT), is_due=False, count=100).total, 0)]
    for count in (1, 10, 100):
        container = Application(ENVIRONMENT)
        new = _post(stub, container, is_due=True, count=count)
        dynamodb, sqs = new.dynamodb, new.sqs
        noun = "claim" if count == 1 else "claims"
        lines += [
            _row(f"{count} new {noun}: DynamoDB calls", dynamodb, 1 + ceil(count / 100)),
            _row(f"{count} new {noun}: SQS calls", sqs, ceil(count / 10)),
        ]
        if count == 100:
            lines.append(_row(f"{count} new {noun}: connections", new.connections, 2, unit="connections"))
            known = _post(stub, container, is_due=True, count=count)
            lines.insert(1, _row("100 events due, known to the container: AWS calls", known.total, 0))
    return lines


def _notify(stub: AWSStub) -> list[Row]:
    now = datetime.now(UTC)
    sink = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="ok")))
    webhook = SlackWebhook(SecretStr("https://hooks.slack.com/services/T0/B0/bench"), client=lambda: sink)
    before = stub.count("DynamoDB")
    ports = ports_to(lambda _: webhook, client=lambda: aws.aws_client("dynamodb"))
    posts = len(notify(sqs_event(1_000, now=now)["Records"], ports=ports, now=now).outcomes)
    # What was delivered is asked once; the gate is asked for each post, each post is noted, and the gate let go once.
    return [Row("calls", "notify, 1,000 alerts: DynamoDB calls", "calls", stub.count("DynamoDB") - before, 2 * posts + 2)]


def _container(stub: AWSStub) -> list[Row]:
    """Three batches for each of ten destinations, all through one container."""
    names = [f"team-{number}" for number in range(DESTINATIONS)]
    config = {"destinations": {name: {"type": "slack", "url": f"os.environ/HOOK_{number}"} for number, name in enumerate(names)}}
    hooks = {f"HOOK_{number}": f"{stub.url}/{name}" for number, name in enumerate(names)}
    now = datetime.now(UTC)
    events = [sqs_event(1_000 * DESTINATIONS, now=now, destinations=names), *[sqs_event(10, now=now, destinations=names)] * 2]
    stub.posts.clear()
    done = run_child(
        [sys.executable, "-m", "tests.bench.container"],
        os.environ | hooks | {"CONFIG": json.dumps(config), "PYTHONPATH": os.pathsep.join(sys.path)},
        written=json.dumps(events),
    )
    made = json.loads(done.stderr.splitlines()[-1])
    lines = sum(1 for line in done.stdout.splitlines() if line)
    last_batches = 2 * DESTINATIONS
    texts = {name: b"".join(body for path, body in stub.posts[:-last_batches] if path == f"/{name}") for name in names}
    unnamed = sum(key_name(number).encode() not in texts[names[number % DESTINATIONS]] for number in range(1_000 * DESTINATIONS))
    most = max(Counter(path for path, _ in stub.posts[:-last_batches]).values())
    return [
        _row(f"notify, 1,000 alerts for each of {DESTINATIONS} destinations: most posts to one", most, 10, unit="posts"),
        _row("notify, the same: entities that no post names", unnamed, 0, unit="entities"),
        _row("notify, 3 batches in one container: TLS contexts", made["contexts"], 1, unit="contexts"),
        _row("notify, 3 batches in one container: HTTP clients", made["clients"], 1, unit="clients"),
        # One of the log and one of the metrics for a batch.
        _row(f"notify, 3 batches, {len(names) * 1_000 + 20:,} alerts: lines written", lines, 6, unit="lines"),
    ]


class _Calls:
    """What one request asked of the stub."""

    def __init__(self, stub: AWSStub, container: Application, event: dict[str, object]) -> None:
        aws._clients.clear()
        stub.calls.clear()
        stub.connections = 0
        container.handle(event, now=datetime.now(UTC), request_id="bench")
        self.total = stub.calls.total()
        self.dynamodb, self.sqs = stub.count("DynamoDB"), stub.count("SQS")
        self.connections = stub.connections


def _post(stub: AWSStub, container: Application, *, is_due: bool, count: int) -> _Calls:
    return _Calls(stub, container, http_event(webhook_body(count, is_due=is_due)))


def _row(measure: str, ours: int, limit: int, *, unit: str = "calls") -> Row:
    return Row("calls", measure, unit, ours, None, Goal("<=", limit, of="ours"))
