"""How often AWS is called, counted at the stub: the largest cost of an event that has any."""

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
from tests.bench.measure import Measured, Suite
from tests.bench.notify_cost import ports_to
from tests.bench.report import Goal, Row
from tests.bench.samples import ENVIRONMENT, http_event, sqs_event, webhook_body


def calls_suite(stub: AWSStub) -> Suite:
    """Exact counts, so there is nothing to time."""

    def rows(_: Mapping[str, Measured]) -> list[Row]:
        return [*_evaluate(stub), *_notify(stub)]

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
    ports = ports_to(webhook, client=lambda: aws.aws_client("dynamodb"))
    posts = len(notify(sqs_event(1_000, now=now)["Records"], ports=ports, now=now).outcomes)
    # 100 keys a read and 25 items a write is what the service takes; the gate is asked for each post and let go once.
    calls, floor = stub.count("DynamoDB") - before, 1_000 / 100 + 1_000 / 25 + posts + 1
    return [Row("calls", "notify, 1,000 alerts: DynamoDB calls / fullest batches", "calls", calls, floor)]


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
