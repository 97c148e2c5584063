"""``make demo``: the sample events through the whole pipeline, and the Slack messages that come out.

First a handful of budgets, which are told in full, then all samples at once, which are told in a line each. Every
sample is sent twice, as two instances of a gateway would. With ``ALL=1``: one message for each alert type instead, every
type in a channel of its own. Ends by itself with status 0; with status 1, the reason and the log when nothing arrived
within a minute.
"""

import base64
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, SLACK_MESSAGE
from local.inbox import Message
from local.ministack import LOOPBACK, DidNotStart, PortInUse, free_port
from local.serve import interrupt_on_sigterm
from local.stack import LOCAL_TOKEN, Stack, StackSettings
from local.terminal import render_terminal

SAMPLES = Path(__file__).resolve().parent.parent / "events" / "evaluate"
DEADLINE_SECONDS = 55.0
#: The inbox is still when nothing came for this long after the queue was empty.
STILL_SECONDS = 0.5
COPIES = 2
#: Shorter than on AWS, where it is 10: there are two batches to wait for.
WINDOW_SECONDS = 4
DEFAULT_CHANNEL = "alerts"
#: What the demo sends: budgets, by every way in. The rest is shown with ALL=1.
BUDGETS = ("budget_event", "webhook", "request_log_array", "request_log_lines", "request_log_single", "rejected")
FIRST = ("token", "user", "team", "organization", "project", "proxy")


class NothingArrived(RuntimeError):
    """The pipeline did not do its job in time."""


def main() -> int:
    """Run the demo; returns the exit status."""
    interrupt_on_sigterm()
    log = tempfile.NamedTemporaryFile(prefix="gateway-alerts-demo-", suffix=".log", delete=False)  # noqa: SIM115
    try:
        with log:
            show = run_all if os.environ.get("ALL") else run
            show(log, deadline=time.monotonic() + DEADLINE_SECONDS)
    except (NothingArrived, DidNotStart, PortInUse, OSError) as error:
        print(f"\nThe demo failed: {error}\nWhat the functions logged: {log.name}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 1
    Path(log.name).unlink()
    return 0


def run(log: IO[bytes], *, deadline: float) -> None:
    """Start, send, wait, show. Raises NothingArrived, DidNotStart, PortInUse."""
    http_samples = [sample for kind in BUDGETS for sample in _samples(f"http_{kind}*.json")]
    eventbridge_samples = _samples("eventbridge_*.json")
    print("Starting the stack: DynamoDB, SQS, both functions, an inbox in place of Slack …", flush=True)
    with Stack(StackSettings(log=log, batch_window_seconds=WINDOW_SECONDS)) as stack:
        demo = _Demo(stack, deadline)
        print(
            f"\nSix budgets over HTTP, {COPIES} times each; gathering alerts for {WINDOW_SECONDS} s (10 on AWS) …\n", flush=True
        )
        demo.send_and_show([sample for name in FIRST for sample in _samples(f"http_budget_event_{name}_budget.json")], [])
        print(
            f"All {len(http_samples)} samples over HTTP and {len(eventbridge_samples)} over EventBridge, {COPIES} times each …\n"
        )
        demo.send_and_show(http_samples, eventbridge_samples)
        print(demo.summary())


def run_all(log: IO[bytes], *, deadline: float) -> None:
    """One message for each alert type. Raises NothingArrived, DidNotStart, PortInUse."""
    port = free_port()
    variables = {name: f"DEMO_{name.upper()}" for name in ALERT_TYPES}
    config = {
        "alert_types": sorted(ALERT_TYPES.keys() - {SLACK_MESSAGE}),
        "destinations": {name: {"url": f"os.environ/{variable}"} for name, variable in variables.items()},
        "routes": [{"alert_types": [name], "destinations": [name]} for name in ALERT_TYPES],
    }
    environment = {variable: f"http://localhost:{port}/inbox/{name}" for name, variable in variables.items()}
    print("Starting the stack, with every alert type on and a channel for each …", flush=True)
    settings = StackSettings(
        log=log, port=port, batch_window_seconds=WINDOW_SECONDS, config=json.dumps(config), environment=environment
    )
    with Stack(settings) as stack:
        samples = [_sample_of(name) for name in ALERT_TYPES]
        print(f"\n{len(samples)} samples over HTTP, {COPIES} times each …\n", flush=True)
        _Demo(stack, deadline).send_and_show(samples, [])
        silent = ALERT_TYPES.keys() - {message.channel for message in stack.inbox.messages()}
        if silent:
            raise NothingArrived(f"no message of {', '.join(sorted(silent))}")
        print(f"{len(ALERT_TYPES)} alert types, {len(stack.inbox.messages())} messages")


def _sample_of(alert_type: str) -> dict[str, Any]:
    """The sample that shows an alert type best."""
    names = {BUDGET_ALERTS: "http_budget_event_team_budget", SLACK_MESSAGE: "http_slack_message_alertmanager"}
    (sample,) = _samples(f"{names.get(alert_type, f'http_gateway_alert_{alert_type}')}.json")
    return sample


class _Demo:
    """Sends samples to a stack, and counts."""

    def __init__(self, stack: Stack, deadline: float) -> None:
        self._stack = stack
        self._deadline = deadline
        self._event_count = self._crossing_count = self._rejected_count = 0

    def send_and_show(self, http_samples: list[dict[str, Any]], eventbridge_samples: list[dict[str, Any]]) -> None:
        """Send samples, wait for what comes of them, print it. Raises NothingArrived."""
        seen = len(self._stack.inbox.messages())
        handled = [self._stack.put_event(sample) for sample in eventbridge_samples * COPIES]
        with closing(http.client.HTTPConnection(LOOPBACK, self._stack.server.port, timeout=30)) as connection:
            requests = [*http_samples, *map(_as_request, eventbridge_samples)]
            dry_runs = [_post(connection, sample, query="?dry_run=1") for sample in requests]
            answers = [_post(connection, sample) for sample in http_samples for _ in range(COPIES)]
        decisions = [decision for dry_run in dry_runs for decision in dry_run.get("decisions", ())]
        self._event_count += COPIES * len(decisions)
        self._crossing_count += COPIES * sum(len(decision["alerts"]) for decision in decisions)
        self._rejected_count += sum(len(answer.get("rejected", ())) for answer in answers)
        for message in self._settled(seen, is_sent=lambda: all(future.done() for future in handled)):
            _show(message)

    def summary(self) -> str:
        """One line about everything that was sent."""
        alert_count, message_count = self._stack.poller.record_count, len(self._stack.inbox.messages())
        return (
            f"{self._event_count} events in ({self._rejected_count} refused by name) · {alert_count} alerts · "
            f"{self._crossing_count - alert_count} duplicates held back · {message_count} posted to Slack"
        )

    def _settled(self, seen: int, *, is_sent: Callable[[], bool]) -> list[Message]:
        """The new messages, once everything is sent, the queue is empty and the inbox is still. Raises NothingArrived."""
        still_since = time.monotonic()
        count = seen
        while time.monotonic() < self._deadline:
            time.sleep(0.1)
            messages = self._stack.inbox.messages()
            is_moving = not is_sent() or len(messages) != count or self._stack.queue_depth() > 0
            count = len(messages)
            if is_moving or count == seen:
                still_since = time.monotonic()
            elif time.monotonic() - still_since > STILL_SECONDS:
                return messages[seen:]
        depth = self._stack.queue_depth()
        raise NothingArrived(
            f"{count - seen} new messages in the inbox and {depth} alerts in the queue after {DEADLINE_SECONDS:.0f} s"
        )


def _samples(pattern: str) -> list[dict[str, Any]]:
    samples = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(SAMPLES.glob(pattern))]
    return [sample for sample in samples if sample.get("routeKey", "POST").startswith("POST")]


def _as_request(sample: Mapping[str, Any]) -> dict[str, Any]:
    """An EventBridge sample's events as an HTTP sample: a dry run can be asked for over HTTP only."""
    headers = {"authorization": f"Bearer {LOCAL_TOKEN}", "content-type": "application/json"}
    events = sample["detail"].get("events", [sample["detail"]])
    return {"rawPath": "/events", "headers": headers, "body": json.dumps(events)}


def _post(connection: http.client.HTTPConnection, sample: Mapping[str, Any], *, query: str = "") -> dict[str, Any]:
    content_sent = sample["body"].encode()
    connection.request(
        "POST",
        sample["rawPath"] + query,
        body=base64.b64decode(content_sent) if sample.get("isBase64Encoded") else content_sent,
        headers=sample["headers"],
    )
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 500:
        raise NothingArrived(f"EvaluateFunction answered {answer.status}")
    content: dict[str, Any] = {} if body == b"ok" else json.loads(body)  # as Slack answers
    return content


def _show(message: Message) -> None:
    where = f"#{message.channel}, the default destination," if message.channel == DEFAULT_CHANNEL else f"#{message.channel}"
    print(f"posted to {where} at {message.received_at:%H:%M:%S} UTC")
    print(render_terminal(message.payload, is_colored=sys.stdout.isatty()), end="\n\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
