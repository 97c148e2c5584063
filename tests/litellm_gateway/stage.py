"""The embedded stack, stock gateways before it and the tap between: what they sent, and what was told.

::

    prod    (alerting: webhook, slack) ─┐
    pod     (alerting: slack) ──────────┼─▶ tap ─▶ stack ─▶ inbox
    script  (in_process.py: slack) ─────┘
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, SLACK_MESSAGE
from local.ministack import LOOPBACK, free_port
from local.stack import EVALUATE, Stack, StackSettings
from tests.litellm_gateway.gateway import FLUSH_SECONDS, SLOW_AFTER_SECONDS, Gateway, InProcess
from tests.litellm_gateway.tap import Tap

#: A wait ends with what it waits for; this long means that it will not come.
PATIENCE_SECONDS = 30.0
BATCH_WINDOW_SECONDS = 1
#: All of them on, each told in a channel of its own.
ALERT_TYPES_ON = [name for name in ALERT_TYPES if name != SLACK_MESSAGE]
CONFIG = {
    "alert_types": ALERT_TYPES_ON,
    "alerting_threshold": SLOW_AFTER_SECONDS,
    "alert_to_webhook_url": {name: f"os.environ/INBOX_{name.upper()}" for name in ALERT_TYPES_ON},
}


#: What our own reports are called; every other alert begins with the noun of its type.
OUR_REPORTS = ("Deployments", "Monthly spend")


class NotTold(AssertionError):
    """The channel was not told what LiteLLM raised, or what it fails to raise; or more than once."""


@dataclass(slots=True)
class Stage:
    """What a test acts on, and what it looks at."""

    stack: Stack
    tap: Tap
    prod: Gateway
    pod: Gateway
    script: InProcess

    def ask(self, gateway: Gateway, *api_keys: str, model: str = "well", at_once: int = 1) -> list[int]:
        """A request for each key, until the gateway has logged them all; returns their statuses."""
        with ThreadPoolExecutor(at_once) as callers:
            statuses = list(callers.map(lambda api_key: gateway.ask(api_key, model=model), api_keys))
        self.await_logged(gateway)
        return statuses

    def await_logged(self, gateway: Gateway) -> None:
        """Wait until the gateway's request log has every request that it was asked."""
        _wait(lambda: len(self._logged(gateway)) >= gateway.asked_count, f"{gateway.asked_count} requests in the log")

    def settle(self) -> None:
        """Wait until everything that was raised has been told: LiteLLM's queues are flushed, ours is empty."""
        for gateway in (self.prod, self.pod):
            self.await_logged(gateway)
        time.sleep(2 * FLUSH_SECONDS)
        _wait(lambda: self.stack.queue_depth() == 0, "an empty alerts queue")

    @contextmanager
    def request_log_only(self) -> Iterator[None]:
        """What LiteLLM raises itself does not reach the stack: as if an operator had set up nothing but the request log."""
        self.tap.is_request_log_only = True
        try:
            yield
        finally:
            self.tap.is_request_log_only = False

    @contextmanager
    def slow_slack(self, *, seconds: float) -> Iterator[None]:
        """LiteLLM waits so long for Slack's answer."""
        self.tap.slack_delay_seconds = seconds
        try:
            yield
        finally:
            self.tap.slack_delay_seconds = 0.0

    def told(self, *names: str, alert_type: str = BUDGET_ALERTS) -> list[str]:
        """What the channel of an alert type was told about one of these, alert by alert, in the order of its arrival."""
        texts = [message.payload["text"] for message in self.stack.inbox.messages() if message.channel == alert_type]
        alerts = [said for text in texts for said in _alerts_in(text, alert_type=alert_type)]
        return [said for said in alerts if any(_names(name, said) for name in names)]

    def told_once(self, *names: str, alert_type: str) -> str:
        """The one thing that the channel of an alert type was told about one of these. Raises NotTold."""
        told = self.told(*names, alert_type=alert_type)
        if len(told) != 1:
            raise NotTold(f"{alert_type} told {len(told)} times about {' or '.join(names)}: {told}")
        return told[0]

    def waiting(self) -> list[str]:
        """The claims whose alerts wait to be told: the queue does not have them."""
        items = self.stack.dynamodb.scan(TableName=self.stack.resources.ref("AlertsTable"))["Items"]
        return [item["pk"]["S"] for item in items if "outbox" in item]

    def webhooks(self, gateway: Gateway, name: str) -> list[str]:
        """The events that LiteLLM's webhook raised about somebody: ``threshold_crossed 86.0``."""
        posts = self.tap.posts("webhook", gateway.token)
        return [f"{post.body['event']} {post.body['spend']}" for post in posts if _names(name, json.dumps(post.body))]

    def slack_texts(self, gateway: Gateway | InProcess, name: str, *, alert_type: str = BUDGET_ALERTS) -> list[str]:
        """The texts of an alert type that LiteLLM sent to Slack about somebody or something."""
        texts = [post.body["text"] for post in self.tap.posts("Slack text", gateway.token)]
        return [text for text in texts if f"Alert type: `{alert_type}`" in text and _names(name, text)]

    def _logged(self, gateway: Gateway) -> set[str]:
        return {record["litellm_call_id"] for record in self.tap.records(gateway.token)}


@contextmanager
def running_stage() -> Iterator[Stage]:
    """Everything, running."""
    with ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="litellm-")))
        port = free_port()
        settings = StackSettings(
            port=port,
            batch_window_seconds=BATCH_WINDOW_SECONDS,
            config=json.dumps(CONFIG),
            ingest_tokens="prod=token-of-prod,pod=token-of-pod,script=token-of-script",
            environment={f"INBOX_{name.upper()}": f"http://{LOOPBACK}:{port}/inbox/{name}" for name in ALERT_TYPES_ON},
        )
        stack = started.enter_context(Stack(settings))
        tap = started.enter_context(Tap(stack.url).running())
        gateways = []
        for name, alerting in (("prod", ["webhook", "slack"]), ("pod", ["slack"])):
            (folder / name).mkdir()
            gateway = Gateway(name, api_url=tap.url, alerting=alerting, folder=folder / name)
            gateways.append(started.enter_context(gateway))
        (folder / "script").mkdir()
        script = started.enter_context(InProcess(api_url=tap.url, folder=folder / "script"))
        for gateway in gateways:
            gateway.await_start()
        # The record of what is spent begins with the first look at it.
        stack.invoke(EVALUATE, {"schedule": "reports"})
        yield Stage(stack, tap, *gateways, script)


def percents(told: Iterable[str]) -> list[int]:
    """How much of a budget each alert says is spent."""
    return [int(match[1]) for said in told if (match := re.search(r"\b([\d,]+)(?:\.\d)? %", said))]


def _alerts_in(text: str, *, alert_type: str) -> list[str]:
    """The alerts of a message's plain text: ``🐢 2 slow models · prod: Slow model: a · …, Slow model: b · …``, or a report
    of ours alone: ``📊 Deployments · prod: …``.
    """
    if alert_type == BUDGET_ALERTS:
        return re.split(": |, ", text)
    titles = "|".join(map(re.escape, (ALERT_TYPES[alert_type].noun, *OUR_REPORTS)))
    return re.split(rf"(?:[:,]|^\S+) (?=(?:minor |major )?(?:{titles})(?:: | · ))", text, flags=re.IGNORECASE)[1:]


def _names(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def _wait(is_done: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, f"not after {seconds:.0f} s: {what}"
        time.sleep(0.05)
