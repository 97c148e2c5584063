"""The embedded stack with the sink in Slack's place, set up so that each gateway has its own destinations."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from local.faulty_slack import Channel, FaultySlack
from local.stack import Stack, StackSettings
from tests.load.senders import NAMING, Event, Gateway, name_of

SEED = 20261125
#: The queue's, in place of four minutes: how long a batch is away whose process was killed.
VISIBILITY_TIMEOUT_SECONDS = 35
#: A wait ends with what it waits for; this long means that it will not come.
PATIENCE_SECONDS = 180.0


@dataclass(slots=True)
class Stage:
    """A running stack, its sink, and its gateways by name."""

    stack: Stack
    sink: FaultySlack
    gateways: Mapping[str, Gateway]

    def channel(self, name: str) -> Channel:
        """What happened in a channel of the sink."""
        return self.sink.channel(name)

    def log_lines(self) -> list[dict[str, Any]]:
        """What the functions logged so far."""
        assert self.stack.log_path is not None
        lines = self.stack.log_path.read_text(errors="replace").splitlines()
        return [document for line in lines if line.startswith("{") and line.endswith("}") for document in _documents(line)]

    def dead_letter_count(self) -> int:
        """Alerts that were given up."""
        return self.stack.queue_depth("AlertsDeadLetterQueue")

    def settle(self, is_done: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until something is so; returns whether it came to be."""
        return wait_until(is_done, seconds=seconds)

    def await_names(self, channel: str, wanted: Iterable[str], *, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until a channel has named all these."""
        names = set(wanted)
        return self.settle(lambda: names <= set(self.channel(channel).names), seconds=seconds)

    def await_quiet(self, *, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until the alerts queue is empty."""
        return self.settle(lambda: self.stack.queue_depth() == 0, seconds=seconds)


def _documents(line: str) -> Iterator[dict[str, Any]]:
    """What a line holds: two processes that write at the same moment may share one."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(line):
        try:
            document, position = decoder.raw_decode(line, position)
        except ValueError:
            return  # torn by another process's line
        yield document


@contextmanager
def running_stage(
    destinations: Mapping[str, Sequence[str]],
    *,
    fallback: str | None = None,
    unset: Sequence[str] = (),
    evaluate_workers: int = 2,
    notify_workers: int = 2,
    visibility_timeout_seconds: int = VISIBILITY_TIMEOUT_SECONDS,
    retry_seconds: Sequence[float] = (0.5, 1.0),
    batch_window_seconds: int = 1,
) -> Iterator[Stage]:
    """A stage on which each gateway (the keys) alerts in its own channels of the sink.

    Args:
        destinations: gateway → its channels; a channel is a destination of the same name.
        fallback: the channel that stands in for broken ones.
        unset: channels whose URL is not set.
        evaluate_workers: processes that run EvaluateFunction.
        notify_workers: processes that run NotifyFunction.
        visibility_timeout_seconds: the alerts queue's.
        retry_seconds: pauses before the retries of an asynchronous invocation.
        batch_window_seconds: the mapping's.
    """
    channels = sorted({channel for names in destinations.values() for channel in names} | ({fallback} if fallback else set()))
    config: dict[str, Any] = {
        "destinations": {channel: {"url": f"os.environ/{_variable(channel)}"} for channel in channels},
        "routes": [{"gateways": [gateway], "destinations": list(names)} for gateway, names in destinations.items()],
    }
    if fallback:
        config["fallback_destination"] = fallback
    with ExitStack() as started:
        sink = started.enter_context(FaultySlack(naming=NAMING, seed=SEED).running())
        settings = StackSettings(
            batch_window_seconds=batch_window_seconds,
            visibility_timeout_seconds=visibility_timeout_seconds,
            config=json.dumps(config),
            ingest_tokens=",".join(f"{gateway}=token-of-{gateway}" for gateway in destinations),
            slack_webhook_url=sink.url("default"),
            environment={_variable(channel): sink.url(channel) for channel in channels if channel not in unset},
            evaluate_worker_count=evaluate_workers,
            notify_worker_count=notify_workers,
            retry_seconds=retry_seconds,
        )
        stack = started.enter_context(Stack(settings))
        gateways = {name: started.enter_context(Gateway(stack.url, f"token-of-{name}")) for name in destinations}
        yield Stage(stack, sink, gateways)


def crowd(prefix: str, count: int) -> list[str]:
    """The names of a scenario's entities."""
    return [name_of(prefix, number) for number in range(count)]


def lost(channel: Channel, wanted: Iterable[str]) -> list[str]:
    """Entities that a channel has not named."""
    return sorted(set(wanted) - set(channel.names))


def doubled(channel: Channel) -> int:
    """How often entities were named beyond the first time."""
    return sum(count - 1 for count in channel.names.values())


def chunks(events: Sequence[Event], size: int) -> list[list[Event]]:
    """Bodies of that many events."""
    return [list(events[start : start + size]) for start in range(0, len(events), size)]


def wait_until(is_done: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until something is so, at most so long; returns whether it came to be."""
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def counted(counter: Counter[str]) -> str:
    """``200: 12, 429: 3``."""
    return ", ".join(f"{name}: {count}" for name, count in sorted(counter.items()))


def _variable(channel: str) -> str:
    return "SLACK_" + re.sub(r"\W", "_", channel).upper()
