"""From a gateway's request to Slack's inbox, on the embedded stack: against the calls that no design could leave out.

One alert at a time, alone in its batch window; the window is subtracted, since it is a setting. The floor is made of the
same calls one by one, through the same clients to the same emulator, in the same round: an HTTP request that does
nothing, the claim, the send, the receive, the look-up of deliveries, the gate, the post. (Noting the delivery comes after
the post.) Wall-clock time, so a busy machine shows in both.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from statistics import quantiles
from typing import Any

import httpx

from evaluate.claims import Claim, DynamoDBClaims
from gateway_alerts.alerts import parse_queued_alert
from gateway_alerts.keys import digest
from local.stack import LOCAL_TOKEN, Stack, StackSettings
from notify.deliveries import DynamoDBDeliveries
from notify.gates import DynamoDBGates
from tests.bench.measure import Measured, Suite
from tests.bench.report import Row
from tests.bench.samples import key_name, sqs_event

WINDOW_SECONDS = 1
SAMPLES_A_ROUND = 6
PATIENCE_SECONDS = 30
#: Both functions' processes have started, and their connections are open.
WARM_UP = 3


def latency_suite(rounds: int) -> Suite:
    """One stack, as many alerts as the rounds ask for."""

    def rows(_: Mapping[str, Measured]) -> list[Row]:
        with Stack(StackSettings(batch_window_seconds=WINDOW_SECONDS, evaluate_worker_count=1, notify_worker_count=1)) as stack:
            samples = _samples(stack, count=rounds * SAMPLES_A_ROUND)
        ours, floors = ([sample[part] * 1e3 for sample in samples] for part in (0, 1))
        measure = f"request to post, less the window, {len(samples)} alerts: p{{}}"
        return [
            Row("latency", measure.format(percent), "ms", _percentile(ours, percent), _percentile(floors, percent))
            for percent in (50, 95, 99)
        ]

    return Suite("latency", [], rows)


def _samples(stack: Stack, *, count: int) -> list[tuple[float, float]]:
    """Seconds of the whole way, and of its calls alone."""
    with httpx.Client(base_url=stack.url, trust_env=False, headers={"authorization": f"Bearer {LOCAL_TOKEN}"}) as http:
        calls = _Calls(stack, http)
        samples = [(_whole_way(stack, http, number), calls.seconds(number)) for number in range(WARM_UP + count)]
    return samples[WARM_UP:]


def _whole_way(stack: Stack, http: httpx.Client, number: int) -> float:
    name = key_name(number)
    seen = len(stack.inbox.messages())
    started = time.time()
    answer = http.post("/events", json={"type": "user_budget", "user_info": {"user_id": name, "spend": 10.0, "max_budget": 10.0}})
    if answer.status_code != 200 or answer.json()["alerts"] != 1:
        raise RuntimeError(f"answered {answer.status_code}: {answer.text[:500]}")
    deadline = started + PATIENCE_SECONDS
    while time.time() < deadline:
        for message in stack.inbox.messages(after=seen):
            if name in str(message.payload):
                return message.received_at.timestamp() - started - WINDOW_SECONDS
        time.sleep(0.002)
    raise RuntimeError(f"{name} was not told in {PATIENCE_SECONDS} s")


class _Calls:
    """The calls that the way of one alert is made of, each by itself."""

    def __init__(self, stack: Stack, http: httpx.Client) -> None:
        self._http, self._sqs, self._inbox_url = http, stack.sqs, stack.inbox_webhook_url
        table = stack.resources.ref("AlertsTable")
        self._claims = DynamoDBClaims(stack.dynamodb, table_name=table, ttl_seconds=86_400)
        self._deliveries = DynamoDBDeliveries(lambda: stack.dynamodb, table_name=table)
        self._gates = DynamoDBGates(lambda: stack.dynamodb, table_name=table)
        self._queue_url = stack.sqs.create_queue(QueueName="bench")["QueueUrl"]
        self._body = sqs_event(1, now=datetime.now(UTC))["Records"][0]["body"]
        self._alert = parse_queued_alert(self._body).alert

    def seconds(self, number: int) -> float:
        """Do them once, one after the other; the time is theirs alone."""
        now = datetime.now(UTC)
        queue_url, entry = self._queue_url, {"Id": "0", "MessageBody": self._body}
        # Held for a day: the sweep would send it.
        claim = Claim(digest([f"bench-{number}"]), Decimal(1), None, self._body, held_until=int(now.timestamp()) + 86_400)
        parts: list[Callable[[], Any]] = [
            lambda: self._http.get("/health").raise_for_status(),
            lambda: self._claims.submit([claim], now=now),
            lambda: self._sqs.send_message_batch(QueueUrl=queue_url, Entries=[entry]),
            lambda: self._sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1),
            lambda: self._deliveries.among([self._alert], destination=f"bench-{number}", now=now),
            lambda: self._gates.reserve(f"bench-{number}", holder="bench", now=now),
            lambda: self._http.post(self._inbox_url, json={"text": "bench"}).raise_for_status(),
        ]
        started = time.monotonic()
        for part in parts:
            part()
        return time.monotonic() - started


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]
