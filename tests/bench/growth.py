"""Whether an event costs the same however many there are: ``python -m tests.bench.growth [FILE.svg]``.

Four series, each of CPU time a unit over its size. Sizes are taken in turn, round after round, best of a few; nothing is
called but fakes that grant, so that what grows is ours.

============  ==========================================================================  ==================
series        what is done                                                                size
============  ==========================================================================  ==================
budgets       a request of 100 new crossings to a container that knows so many budgets    1 to 100,000
alerts        NotifyFunction's batch of so many alerts for one destination                1 to 10,000
destinations  a batch with one alert for each of so many destinations                     1 to 1,000
routes        an alert's way through so many routes of the configuration                  1 to 1,000
============  ==========================================================================  ==================
"""

import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from evaluate.claims import Claim, ClaimState, Decided, PendingOutbox, Verdict
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import evaluate, raise_alerts
from evaluate.shapes import parse_body
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config, parse_config
from gateway_alerts.keys import BudgetIdentity
from notify.destinations.base import Destination
from notify.destinations.registry import Clients, open_destination
from notify.pipeline import notify
from tests.bench.measure import Measured, Suite
from tests.bench.notify_cost import FakeDynamoDB, ports_to
from tests.bench.report import Goal, Row
from tests.bench.samples import sqs_event, webhook_body

SIZES = {
    "budgets": (1, 10, 100, 1_000, 10_000, 100_000),
    "alerts": (1, 10, 100, 1_000, 10_000),
    "destinations": (1, 10, 100, 1_000),
    "routes": (1, 10, 100, 1_000),
}
UNITS = {"budgets": "event", "alerts": "alert", "destinations": "destination", "routes": "alert"}
REQUEST_EVENTS = 100
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def growth_suite(rounds: int) -> Suite:
    """A row for each series: the largest size against the cheapest."""

    def rows(_: Mapping[str, Measured]) -> list[Row]:
        lines = []
        for name, points in measured(rounds=rounds).items():
            largest, cheapest = max(points), min(points, key=lambda size: points[size])
            measure = f"{name}: {largest:,}, against the cheapest, {cheapest:,}"
            unit = f"µs/{UNITS[name]}"
            lines.append(Row("growth", measure, unit, points[largest] * 1e6, points[cheapest] * 1e6, Goal("<=", 1.50)))
        return lines

    return Suite("growth", [], rows)


def measured(*, rounds: int) -> dict[str, dict[int, float]]:
    """CPU seconds a unit, by series and size."""
    works = {(name, size): _WORKS[name](size) for name, sizes in SIZES.items() for size in sizes}
    best = dict.fromkeys(works, math.inf)
    for _ in range(rounds):
        for key, work in works.items():
            best[key] = min(best[key], work())
    return {name: {size: best[name, size] for size in sizes} for name, sizes in SIZES.items()}


class _Granting:
    """Claims that are all won, and a queue that takes everything."""

    def submit(self, claims: Sequence[Claim], *, now: datetime) -> list[Decided]:
        return [Decided(Verdict.WON)] * len(claims)

    def note(self, claim: Claim, *, now: datetime) -> None:
        raise AssertionError("nothing was lost")

    def clear(self, outboxes: Sequence[PendingOutbox]) -> None:
        pass

    def pending(self, *, before: datetime) -> Iterator[PendingOutbox]:
        raise AssertionError("nobody sweeps")

    def send(self, alerts: Sequence[Alert]) -> set[str]:
        return {alert.alert_id for alert in alerts}


def _crossings(known: KnownClaims, config: Config) -> Callable[[], float]:
    """Every time a hundred budgets that nobody has alerted for."""
    granting, starts = _Granting(), itertools.count(step=REQUEST_EVENTS)

    def work() -> float:
        body = webhook_body(REQUEST_EVENTS, is_due=True, start=next(starts))
        started = time.thread_time()
        evaluation = evaluate(parse_body(body), gateway="bench", config=config, now=NOW)
        raised = raise_alerts(
            [offer for _, offers in evaluation.offers for offer in offers],
            claims=lambda: granting,
            queue=lambda: granting,
            known=known,
            now=NOW,
            request_id="bench",
            config=config,
        )
        seconds = time.thread_time() - started
        if len(raised.alerts) != REQUEST_EVENTS:
            raise RuntimeError(f"{len(raised.alerts)} alerts of {REQUEST_EVENTS} events")
        return seconds / REQUEST_EVENTS

    return work


def _of_budgets(size: int) -> Callable[[], float]:
    known = KnownClaims()
    for number in range(size):
        known.remember(BudgetIdentity("bench", "key", f"known-{number}", None, "maximum", Decimal(10)), ClaimState())
    return _crossings(known, Config())


def _of_routes(size: int) -> Callable[[], float]:
    """None of the routes matches, so that all of them are looked at."""
    routes = [{"gateways": [f"gateway-{number}"], "destinations": ["default"]} for number in range(size)]
    return _crossings(KnownClaims(), parse_config(json.dumps({"routes": routes})))


def _of_alerts(size: int) -> Callable[[], float]:
    return _batch(sqs_event(size, now=datetime.now(UTC)), size=size)


def _of_destinations(size: int) -> Callable[[], float]:
    names = [f"destination-{number}" for number in range(size)]
    return _batch(sqs_event(size, now=datetime.now(UTC), destinations=names), size=size)


def _batch(event: Mapping[str, Any], *, size: int) -> Callable[[], float]:
    """The whole of NotifyFunction's handler but its clients: its configuration names every destination."""
    sink = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="ok")))
    url = {"type": "slack", "url": "os.environ/HOOK"}
    names = {record["body"].split('"', 4)[3] for record in event["Records"]}
    config = parse_config(json.dumps({"destinations": {name: url for name in names if name != "default"}}))
    hook = "https://hooks.slack.com/services/T0/B0/bench"

    def opened(name: str) -> Destination:
        return open_destination(
            name,
            config=config,
            default_url=lambda: SecretStr(hook),
            clients=Clients(http=lambda: sink, sns=lambda: None),
            environment={"HOOK": hook},
        )

    ports = ports_to(opened, client=FakeDynamoDB)

    def work() -> float:
        started = time.thread_time()
        notified = notify(event["Records"], ports=ports, now=datetime.now(UTC))
        seconds = time.thread_time() - started
        if notified.alert_count != size:
            raise RuntimeError(f"{notified.alert_count} of {size} alerts were delivered: {notified.faults[:3]}")
        return seconds / size

    return work


_WORKS: dict[str, Callable[[int], Callable[[], float]]] = {
    "budgets": _of_budgets,
    "alerts": _of_alerts,
    "destinations": _of_destinations,
    "routes": _of_routes,
}

WIDTH, HEIGHT, MARGIN = 640, 320, 48
#: Readable by all kinds of eyes, on white and on dark.
COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa7700")


def plot(series: Mapping[str, Mapping[int, float]]) -> str:
    """An SVG with both axes logarithmic: flat is a cost that does not grow."""
    sizes = [size for points in series.values() for size in points]
    micros = [seconds * 1e6 for points in series.values() for seconds in points.values()]
    right = math.log10(max(sizes))
    low, high = math.floor(math.log10(min(micros))), math.ceil(math.log10(max(micros)))

    def x(size: float) -> float:
        return MARGIN + math.log10(size) / right * (WIDTH - 2 * MARGIN)

    def y(value: float) -> float:
        return HEIGHT - MARGIN - (math.log10(value) - low) / (high - low) * (HEIGHT - 2 * MARGIN)

    def text(at_x: float, at_y: float, words: str, *, anchor: str = "middle", fill: str = "#888") -> str:
        return f'<text x="{at_x:.0f}" y="{at_y:.0f}" text-anchor="{anchor}" fill="{fill}">{words}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        "<title>CPU time a unit, by how many there are</title>",
    ]
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{at:.0f}" y2="{at:.0f}" stroke="#8884"/>')
        parts.append(text(MARGIN - 6, at + 4, f"{10.0**power:g} µs", anchor="end"))
    parts += [text(x(10.0**power), HEIGHT - MARGIN + 18, f"{10**power:,}") for power in range(int(right) + 1)]
    for place, ((name, points), colour) in enumerate(zip(series.items(), COLOURS, strict=True)):
        path = " ".join(f"{x(size):.1f},{y(seconds * 1e6):.1f}" for size, seconds in points.items())
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(MARGIN + 130 * place + 60, MARGIN / 2, f"{name}, a {UNITS[name]}", fill=colour))
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measure, print the points, and write the plot."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/growth.svg")
    series = measured(rounds=5)
    for name, points in series.items():
        print(f"{name}, µs a {UNITS[name]}: " + ", ".join(f"{size:,}: {seconds * 1e6:.1f}" for size, seconds in points.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(plot(series), encoding="utf-8")


if __name__ == "__main__":
    main()
