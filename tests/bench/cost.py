"""``make cost EVENTS=… ALERTS=…``: US dollars, from what a real run asked of AWS.

Both functions run here, against an emulator that says what capacity each call consumed, and a sink that takes every
post. Requests, write and read units, queue requests and log bytes are counted; a duration is the CPU time of the
handler at the share of a processor that its memory buys, plus an assumed wait for each call. The sample is scaled to
the numbers that were asked for. Prices are in ``prices.json``, with their date.
"""

import argparse
import io
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway_alerts import aws
from local.ministack import running_ministack
from local.resources import CREDENTIALS, REGION, Resources
from local.template import expanded_template
from tests.bench.aws_stub import AWSStub
from tests.bench.samples import ENVIRONMENT, http_event, request_log_body, webhook_body

PRICES = json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))
#: Memory at which Lambda gives a function one whole processor (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
WHOLE_PROCESSOR_MB = 1_769
#: Assumed: what a call to DynamoDB or SQS within a region waits for.
CALL_SECONDS = 0.005
POST_SECONDS = 0.2
BILLED_BODY_BYTES = 512 * 1024
BILLED_MESSAGE_BYTES = 64 * 1024
#: Messages that Lambda's poller takes and deletes in one request.
POLLED = 10
SAMPLE_EVENTS = {1: 2_000, 100: 50_000, 1_000: 100_000}
MILLION = 1_000_000
ONE_A_REQUEST, HUNDRED_A_REQUEST = "HTTP API, 1 event a request", "HTTP API, 100 a request"


@dataclass
class Bill:
    """What was used. Sizes are in the units that are billed."""

    api_requests: float = 0
    invocations: float = 0
    gb_seconds: float = 0
    write_units: float = 0
    read_units: float = 0
    queue_requests: float = 0
    bus_events: float = 0
    log_bytes: float = 0
    posts: float = 0
    calls: Counter[str] = field(default_factory=Counter)

    def scaled(self, factor: float) -> "Bill":
        """The same for ``factor`` times as much."""
        numbers = {name: value * factor for name, value in vars(self).items() if name != "calls"}
        return Bill(**numbers, calls=Counter({name: math.ceil(count * factor) for name, count in self.calls.items()}))

    def plus(self, other: "Bill") -> "Bill":
        """Both together."""
        numbers = {name: value + getattr(other, name) for name, value in vars(self).items() if name != "calls"}
        return Bill(**numbers, calls=self.calls + other.calls)

    def usd(self) -> dict[str, float]:
        """Dollars by what they are paid for."""
        price = PRICES["usd"]
        return {
            "API": self.api_requests * price["http_api_per_million_512kb"] / MILLION,
            "bus": self.bus_events * price["eventbridge_per_million_events_64kb"] / MILLION,
            "Lambda requests": self.invocations * price["lambda_per_million_requests"] / MILLION,
            "Lambda time": self.gb_seconds * price["lambda_per_gb_second_arm64"],
            "DynamoDB": self.write_units * price["dynamodb_per_million_write_units"] / MILLION
            + self.read_units * price["dynamodb_per_million_read_units"] / MILLION,
            "SQS": self.queue_requests * price["sqs_per_million_requests_64kb"] / MILLION,
            "logs": self.log_bytes / 1e9 * price["logs_per_gb"],
        }


class Meter:
    """Both functions in this process, on an emulator; what they ask for is added to a bill."""

    def __init__(self, resources: Resources, sink_url: str, log: io.StringIO) -> None:
        from evaluate.app import Application as Evaluate
        from notify.app import Application as Notify

        self._resources = resources
        self._queue_url = resources.ref("AlertsQueue")
        environment = ENVIRONMENT | {
            "ALERTS_TABLE_NAME": resources.ref("AlertsTable"),
            "USAGE_TABLE_NAME": resources.ref("UsageTable"),
            "ALERTS_QUEUE_URL": self._queue_url,
            "ALERTS_DEAD_LETTER_QUEUE_URL": resources.ref("AlertsDeadLetterQueue"),
            "SLACK_WEBHOOK_URL": f"{sink_url}/services/T0/B0/cost",
        }
        self._evaluate, self._notify = Evaluate(environment), Notify(environment)
        self._log = log
        self._bill = Bill()
        for service in ("dynamodb", "sqs"):
            events = aws.aws_client(service).meta.events  # type: ignore[arg-type]
            events.register(f"provide-client-params.{service}.*", self._asked)
            events.register(f"after-call.{service}.*", self._answered)

    @contextmanager
    def measured(self, *, memory_mb: int, posts: int = 0) -> Iterator[Bill]:
        """Count what one invocation uses."""
        bill = self._bill = Bill()
        logged, started = self._log.tell(), time.thread_time()
        yield bill
        cpu_seconds = time.thread_time() - started
        waits = bill.calls.total() * CALL_SECONDS + posts * POST_SECONDS
        duration = cpu_seconds / min(1, memory_mb / WHOLE_PROCESSOR_MB) + waits
        bill.invocations += 1
        bill.gb_seconds += max(0.001, duration) * memory_mb / 1_024
        bill.log_bytes += self._log.tell() - logged  # Lambda's own lines are off: SystemLogLevel

    def post(self, body: bytes) -> Bill:
        """One request to the HTTP API."""
        event = http_event(body)
        with self.measured(memory_mb=self._memory("EvaluateFunction")) as bill:
            answer = self._evaluate.handle(event, now=datetime.now(UTC), request_id=f"cost-{time.monotonic_ns()}")
        if answer is None or answer["statusCode"] != 200:
            raise RuntimeError(f"EvaluateFunction answered {str(answer)[:300]}")
        bill.api_requests += math.ceil(len(body) / BILLED_BODY_BYTES)
        return bill

    def deliver(self) -> tuple[Bill, int]:
        """All that is in the queue, as one batch; returns how many alerts that was."""
        sqs, records = self._resources.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10, AttributeNames=["All"]).get(
            "Messages"
        ):
            for message in messages:
                records.append(
                    {
                        "messageId": message["MessageId"],
                        "receiptHandle": message["ReceiptHandle"],
                        "body": message["Body"],
                        "attributes": message["Attributes"],
                    }
                )
                sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        posts = max(1, math.ceil(len(records) / 60))
        with self.measured(memory_mb=self._memory("NotifyFunction"), posts=posts) as bill:
            answer = self._notify.handle(
                {"Records": records}, remaining_millis=lambda: 30_000, request_id="cost", now=datetime.now(UTC)
            )
        if answer["batchItemFailures"]:
            # The pace of the gate: what is left is told with the next window.
            print(f"{len(answer['batchItemFailures'])} of {len(records)} alerts wait for their gate", file=sys.stderr)
        bill.queue_requests += 2 * math.ceil(len(records) / POLLED)
        bill.posts = posts
        return bill, len(records)

    def _memory(self, function: str) -> int:
        size: int = self._resources.properties(function)["MemorySize"]
        return size

    def _asked(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        self._bill.calls[model.name] += 1
        if model.service_model.service_name == "sqs":
            size = (
                sum(len(entry["MessageBody"]) for entry in params.get("Entries", ())) if model.name == "SendMessageBatch" else 0
            )
            self._bill.queue_requests += max(1, math.ceil(size / BILLED_MESSAGE_BYTES))
            return params
        return params | {"ReturnConsumedCapacity": "INDEXES"}

    def _answered(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        units = sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed]))
        if model.name in ("GetItem", "Query"):
            self._bill.read_units += units
        else:
            self._bill.write_units += units


@contextmanager
def metered() -> Iterator[Meter]:
    """A meter on an emulator that lives as long as the block."""
    aws._clients.clear()
    log = io.StringIO()  # before the functions' loggers are built: they keep the stream that they find
    with running_ministack() as ministack, AWSStub() as sink, redirect_stdout(log):
        os.environ.update({"AWS_ENDPOINT_URL": ministack.endpoint_url, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS, **_QUIET})
        yield Meter(Resources(expanded_template(), ministack.endpoint_url), sink.url, log)


_QUIET = {name: value for name, value in ENVIRONMENT.items() if name.startswith("POWERTOOLS_")}


def quiet_events(meter: Meter, per_request: int, *, events: int) -> Bill:
    """Events that cross nothing, so many a request."""
    requests = max(1, SAMPLE_EVENTS[per_request] // per_request)
    body, total = webhook_body(per_request, is_due=False), Bill()
    for _ in range(requests):
        total = total.plus(meter.post(body))
    return total.scaled(events / (requests * per_request))


def new_alerts(meter: Meter, *, alerts: int, start: int) -> Bill:
    """Alerts that come one an invocation, gathered ten to a batch for Slack."""
    sample = 40
    total = Bill()
    for number in range(sample):
        bill = meter.post(webhook_body(1, is_due=True, start=start + number))
        bill.api_requests = bill.invocations = 0  # those of the events, which are counted already
        total = total.plus(bill)
        if number % 10 == 9:
            total = total.plus(meter.deliver()[0])
    return total.scaled(alerts / sample)


def request_logs(meter: Meter, *, events: int) -> Bill:
    """Request logs that cross nothing, 300 a request; their usage is kept."""
    total, requests = Bill(), 10
    for _ in range(requests):
        total = total.plus(meter.post(request_log_body(300)))
    return total.scaled(events / (requests * 300))


def on_the_bus(bill: Bill, *, events: int) -> Bill:
    """The same one event an invocation, over EventBridge instead of the API."""
    bill = bill.scaled(1)
    bill.api_requests, bill.bus_events = 0, events
    return bill


def in_the_queue(bill: Bill, *, events: int) -> Bill:
    """The same request logs through RequestLogQueue: one send a record, received and deleted ten at a time."""
    bill = bill.scaled(1)
    bill.api_requests, bill.queue_requests = 0, bill.queue_requests + events * (1 + 2 / POLLED)
    return bill


def do_it_yourself(*, events: int, alerts: int) -> Bill:
    """What users would do instead: an invocation for each event, Powertools' Idempotency (two writes), a post an alert.

    Nothing of it was run: invocations, writes and log lines are counted as its documentation describes them, at 512 MB
    and 50 ms an invocation.
    """
    return Bill(
        api_requests=events,
        invocations=events + alerts,
        gb_seconds=events * 0.05 * 0.5 + alerts * POST_SECONDS * 0.5,
        write_units=2 * events,
        queue_requests=alerts * (1 + 2 / POLLED),
        log_bytes=events * (PRICES["lambda_log_bytes_per_invocation"] + 300),
        posts=alerts,
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=MILLION)
    parser.add_argument("--alerts", type=int, default=1_000)
    parser.add_argument("--json", action="store_true", help="totals in dollars and units, for a program")
    options = parser.parse_args(arguments)
    events, alerts = options.events, options.alerts
    with metered() as meter:
        told = new_alerts(meter, alerts=alerts, start=0)
        one = quiet_events(meter, 1, events=events)
        logs = request_logs(meter, events=events)
        lines = {
            ONE_A_REQUEST: one.plus(told),
            HUNDRED_A_REQUEST: quiet_events(meter, 100, events=events).plus(told),
            "HTTP API, 1,000 a request": quiet_events(meter, 1_000, events=events).plus(told),
            "HTTP API, request logs, 300 a request": logs.plus(told),
            "RequestLogQueue, 300 a batch": in_the_queue(logs, events=events).plus(told),
            "EventBridge, 1 an event": on_the_bus(one, events=events).plus(told),
            "instead: Idempotency, a post an alert": do_it_yourself(events=events, alerts=alerts),
        }
    if options.json:
        totals = {name: sum(bill.usd().values()) for name, bill in lines.items()}
        print(json.dumps({"usd": totals, "write_units_per_alert": told.write_units / max(1, alerts)}))
    else:
        print(report(lines, told, logs, events=events, alerts=alerts))


def report(lines: dict[str, Bill], told: Bill, logs: Bill, *, events: int, alerts: int) -> str:
    """The table, and what stands behind it."""
    columns = list(Bill().usd())
    width = max(map(len, lines))
    head = f"{'USD':{width}}  " + "".join(f"{column:>17}" for column in columns) + f"{'total':>12}"
    rows = [
        f"{name:{width}}  " + "".join(f"{amount:>17.5f}" for amount in bill.usd().values()) + f"{sum(bill.usd().values()):>12.4f}"
        for name, bill in lines.items()
    ]
    each = f"{told.write_units / max(1, alerts):.2f} write units, {told.queue_requests / max(1, alerts):.2f} queue requests"
    return "\n".join(
        [
            f"{events:,} events, {alerts:,} of them new alerts; list prices of {PRICES['as_of']}, {PRICES['region']}",
            "",
            head,
            *rows,
            "",
            f"A thousand request logs: {1_000 * logs.write_units / events:.1f} write units for their usage.",
            f"An alert that comes alone: {each}. Counted in a run of both functions on an emulator; the handlers' CPU time "
            "is this machine's.",
            f"Assumed: {CALL_SECONDS * 1_000:g} ms for each call, {POST_SECONDS * 1_000:g} ms for each post. Cold starts, idle "
            "polling, alarms and secrets are not in it.",
        ]
    )


if __name__ == "__main__":
    main()
