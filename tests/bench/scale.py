"""``make scale``: on paper, from 1 to 1,000,000 events a second: what is busy, what saturates first, what to set.

Nothing is loaded here. The model multiplies: a rate of events, so many a request, the handler's CPU time as it is
measured on this machine at start, and the quotas below, each with its page. Its assumptions stand in its output.
"""

import argparse
import math
import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import NamedTuple

from tests.bench.samples import ENVIRONMENT, http_event, webhook_body

RATES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
#: New alerts among a million events.
ALERTS_PER_MILLION = 1_000
#: Alerts a second that one destination takes as messages: Slack's one post a second, sixty alerts in each.
POSTS_PER_SECOND, ALERTS_PER_POST = 1, 60
#: Parallel writes of one alert's claim before each container knows it: one for each container that runs.
CALL_SECONDS = 0.005
#: What Lambda's runtime client takes for a request besides the handler (`make bench`, an empty function).
RUNTIME_SECONDS = 0.0005
WRITE_UNITS_PER_ALERT = 4.3
#: A container whose memory buys this much of a processor (1,024 of 1,769 MB).
PROCESSOR_SHARE = 1_024 / 1_769
KNOWN_CLAIMS = 50_000


class Quota(NamedTuple):
    """What AWS gives, by default, in a large region."""

    name: str
    limit: float
    unit: str
    raise_it: str


#: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
API = Quota("API requests", 10_000, "/s", "ask AWS for more, send more events a request, or use RequestLogQueue")
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
CONCURRENCY = Quota("EvaluateFunction containers", 1_000, "", "ask AWS for more concurrency, or send more events a request")
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
HOT_KEY = Quota("writes to one budget's claim", 1_000, "/s", "nothing: containers that know the claim do not write")
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
TABLE = Quota("AlertsTable write units", 40_000, "/s", "ask AWS for a higher table quota")
#: Half of a second's writes may go to the outbox index, which has eight shards.
OUTBOX = Quota("outbox index writes", 8_000, "/s", "more OUTBOX_SHARDS")
DESTINATION = Quota(
    "alerts to one destination", POSTS_PER_SECOND * ALERTS_PER_POST, "/s", "route to more channels; nothing is lost, alerts wait"
)


@dataclass(frozen=True, slots=True)
class Load:
    """What a rate of events makes busy."""

    events_per_second: int
    events_per_request: int
    requests: float
    containers: float
    used: tuple[tuple[Quota, float], ...]

    @property
    def first(self) -> tuple[Quota, float]:
        """What is nearest to its quota, and how much of it is used."""
        quota, amount = max(self.used, key=lambda pair: pair[1] / pair[0].limit)
        return quota, amount / quota.limit


def load(events_per_second: int, events_per_request: int, *, request_seconds: Callable[[int], float]) -> Load:
    """The load of a rate of events, so many a request; ``request_seconds`` is the CPU time of one request."""
    requests = events_per_second / events_per_request
    alerts = events_per_second * ALERTS_PER_MILLION / 1_000_000
    calls = min(1, alerts / requests) * 3
    busy = RUNTIME_SECONDS + request_seconds(events_per_request) / PROCESSOR_SHARE + calls * CALL_SECONDS
    containers = requests * busy
    return Load(
        events_per_second,
        events_per_request,
        requests,
        containers,
        (
            (API, requests),
            (CONCURRENCY, containers),
            # One key in everyone's requests that crosses: every container tries once, within about a second.
            (HOT_KEY, min(max(1, containers), requests)),
            (TABLE, alerts * WRITE_UNITS_PER_ALERT),
            (OUTBOX, alerts * 2),
            (DESTINATION, alerts),
        ),
    )


def measured_seconds() -> Callable[[int], float]:
    """CPU seconds of a request of quiet events, from the handler in this process: one of 1, and one of 1,000."""
    os.environ.update(ENVIRONMENT)
    from evaluate.app import Application

    application = Application(ENVIRONMENT)

    def one(count: int) -> float:
        event, best = http_event(webhook_body(count, is_due=False)), math.inf
        for _ in range(30):
            started = time.thread_time()
            application.handle(event, now=datetime.now(UTC), request_id="scale")
            best = min(best, time.thread_time() - started)
        return best

    with redirect_stdout(StringIO()):
        single, thousand = one(1), one(1_000)
    each = (thousand - single) / 999
    return lambda count: single + each * (count - 1)


def report(loads: list[Load], *, single: float, each: float) -> str:
    """The table and the assumptions."""
    lines = [f"{'events/s':>10} {'a request':>10} {'requests/s':>12} {'containers':>11}   nearest to its quota"]
    for each_load in loads:
        quota, share = each_load.first
        advice = f"  → {quota.raise_it}" if share > 1 else ""
        lines.append(
            f"{each_load.events_per_second:>10,} {each_load.events_per_request:>10,} {each_load.requests:>12,.2f} "
            f"{each_load.containers:>11,.2f}   {quota.name}: {share:.1%} of {quota.limit:,.0f}{quota.unit}{advice}"
        )
    return "\n".join(
        [
            *lines,
            "",
            "Assumed:",
            f"  a request costs {single * 1e6:.0f} µs of CPU and {each * 1e6:.1f} µs for each further event (measured now), "
            f"at {PROCESSOR_SHARE:.0%} of a processor (1,024 MB), and {RUNTIME_SECONDS * 1e6:.0f} µs of the runtime client",
            f"  {ALERTS_PER_MILLION:,} new alerts in a million events, {WRITE_UNITS_PER_ALERT} write units each, "
            f"{CALL_SECONDS * 1_000:g} ms a call (`make cost`)",
            f"  all alerts to one Slack channel: {POSTS_PER_SECOND} post a second, {ALERTS_PER_POST} alerts a post; what comes "
            "faster waits in the queue and merges",
            "  quotas of a large region at their defaults; a small account's Lambda concurrency is 10 until AWS raises it",
            f"  a container knows {KNOWN_CLAIMS:,} claims; beyond that, repeats cost a write each",
            "  a key in everyone's requests: each container tries its claim once, so it sees as many writes as there are "
            "containers, not as many as there are requests",
            "  AlertsQueue and its pollers are far from any quota: alerts are a thousandth of the events, ten to a send",
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make scale")
    parser.add_argument("--per-request", type=int, nargs="+", default=[1, 100, 300])
    options = parser.parse_args(arguments)
    seconds = measured_seconds()
    loads = [load(rate, count, request_seconds=seconds) for count in options.per_request for rate in RATES]
    print(report(loads, single=seconds(1), each=seconds(2) - seconds(1)))


if __name__ == "__main__":
    main()
