"""NotifyFunction, warm: a batch of a thousand alerts, against reading and rendering them alone."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from gateway_alerts.alerts import parse_queued_alert
from gateway_alerts.aws import aws_client
from notify.dead_letters import SQSDeadLetters
from notify.deliveries import DynamoDBDeliveries
from notify.destinations.base import Destination
from notify.destinations.slack import SlackWebhook
from notify.gates import DynamoDBGates, Reservation
from notify.grouping import Received, group_by_destination
from notify.pipeline import Notified, Ports, notify
from notify.rendering.slack import compose_messages
from notify.returns import SQSReturns
from tests.bench.measure import Measured, Suite, in_process
from tests.bench.report import Goal, Row
from tests.bench.samples import sqs_event

ALERTS = 1_000


class GatesThatGrant(DynamoDBGates):
    """The real gates' calls, and whatever they say, the post may go: the pace is Slack's and no cost of ours."""

    def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
        """Ask, and grant."""
        super().reserve(destination, holder=holder, now=now, is_second_form=is_second_form)
        return Reservation(is_granted=True)


def _one_by_one(tasks: Sequence[Callable[[], None]]) -> None:
    for task in tasks:
        task()


def ports_to(destination: Callable[[str], Destination], *, client: Callable[[], Any]) -> Ports:
    """What a batch is delivered with: real adapters around a DynamoDB client; nothing goes back."""

    def nothing(*_: object, **__: object) -> Any:
        raise AssertionError("something went back")

    return Ports(
        destination=destination,
        deliveries=DynamoDBDeliveries(client, table_name="alerts"),
        gates=GatesThatGrant(client, table_name="alerts"),
        returns=SQSReturns(nothing, queue_url=""),
        dead_letters=SQSDeadLetters(nothing, queue_url=""),
        fallback=None,
        has_time=lambda: True,
        clock=lambda: datetime.now(UTC),
        holder="bench",
        side_by_side=_one_by_one,
    )


class FakeDynamoDB:
    """Knows nothing and takes everything, without any of the SDK's work."""

    def query(self, **_: Any) -> dict[str, Any]:
        return {"Items": []}

    def update_item(self, **_: Any) -> dict[str, Any]:
        return {}


def notify_suite() -> Suite:
    """The pipeline with a sink that says ok; DynamoDB is once a fake and once the real client against the stub."""
    now = datetime.now(UTC)
    records = sqs_event(ALERTS, now=now)["Records"]
    sink = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="ok")))
    webhook = SlackWebhook(SecretStr("https://hooks.slack.com/services/T0/B0/bench"), client=lambda: sink)
    fake = FakeDynamoDB()

    def parse_and_render() -> object:
        received = [
            Received(
                record["messageId"],
                record["receiptHandle"],
                record["body"],
                sent_at=now,
                receive_count=1,
                queued=parse_queued_alert(record["body"]),
            )
            for record in records
        ]
        return [compose_messages(items, now=now) for items in group_by_destination(received).values()]

    def run(client: Any) -> Notified:
        return notify(records, ports=ports_to(lambda _: webhook, client=lambda: client), now=now)

    notified = run(fake)
    if notified.failed or notified.alert_count != ALERTS:
        raise RuntimeError(f"not everything was delivered: {notified.faults[:3]}")
    cases = [
        in_process("parse and render", parse_and_render),
        in_process("pipeline", lambda: run(fake)),
        in_process("pipeline, SDK", lambda: run(aws_client("dynamodb"))),
    ]

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        bound, goal = cpu["parse and render"].seconds * 1e3, Goal("<=", 2.0)
        return [
            Row(
                "notify",
                f"{ALERTS:,} alerts, DynamoDB faked / parse and render",
                "ms",
                cpu["pipeline"].seconds * 1e3,
                bound,
                goal,
            ),
            Row(
                "notify",
                f"{ALERTS:,} alerts, the SDK's work too / parse and render",
                "ms",
                cpu["pipeline, SDK"].seconds * 1e3,
                bound,
                goal,
            ),
            Row("notify", f"posts for {ALERTS:,} alerts", "posts", len(notified.outcomes), None, Goal("<=", 10, of="ours")),
        ]

    return Suite("notify", cases, rows)
