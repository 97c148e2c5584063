"""EvaluateFunction, warm: a request in which nothing is due, against the bare parsing of the same bytes."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from evaluate.app import lambda_handler
from evaluate.pipeline import evaluate
from evaluate.shapes import parse_body
from gateway_alerts.config import parse_config
from gateway_alerts.events import WebhookEvent
from tests.bench.init_cost import child_environment
from tests.bench.measure import REPEATS, Case, Measured, Suite, in_process
from tests.bench.report import Goal, Row
from tests.bench.runtime_api import LambdaProcess
from tests.bench.samples import ENVIRONMENT, http_event, request_log_body, webhook_body

REQUEST_LOGS = 300
#: Invocations of one repeat under the runtime client, by events a request: long enough to be timed.
INVOCATIONS = {1: 60, 100: 15, 1_000: 3}

_WEBHOOK_EVENTS: TypeAdapter[list[WebhookEvent]] = TypeAdapter(list[WebhookEvent])

#: Of every event; nothing here depends on it.
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def evaluate_suite() -> Suite:
    """Webhook events in this process: the core and the whole handler against the validation alone."""
    bodies = {count: webhook_body(count, is_due=False) for count in (1, 100, 1_000)}
    cases: list[Case] = []
    for count, body in bodies.items():
        cases += [_validation(f"validation {count}", body), _core(f"core {count}", body), _handler(f"handler {count}", body)]

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        def row(what: str, case: str, count: int, goal: Goal | None) -> Row:
            measure = f"{what}, {count:,} × {len(bodies[count]) // count} B"
            return _rate_row("evaluate", measure, count, cpu[f"{case} {count}"], cpu[f"validation {count}"], goal)

        lines = [row("parse → evaluate", "core", count, Goal(">=", 0.65) if count == 100 else None) for count in bodies]
        return lines + [row("lambda_handler", "handler", count, None) for count in bodies]

    return Suite("evaluate", cases, rows)


def request_log_suite() -> Suite:
    """Request logs in this process, against a bare scan of their JSON into Python objects."""
    body = request_log_body(REQUEST_LOGS)
    cases = [in_process("scan", lambda: from_json(body)), _core("core logs", body), _handler("handler logs", body)]

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        size = f"{REQUEST_LOGS} × {len(body) / REQUEST_LOGS / 1000:.1f} kB"
        scan = cpu["scan"]
        return [
            _rate_row("logs", f"parse → evaluate, {size}", REQUEST_LOGS, cpu["core logs"], scan, Goal(">=", 0.60), "logs"),
            _rate_row("logs", f"lambda_handler, {size}", REQUEST_LOGS, cpu["handler logs"], scan, None, "logs"),
        ]

    return Suite("logs", cases, rows)


def runtime_suite(stack: ExitStack, *, byte_code: Path) -> Suite:
    """The handler under Lambda's runtime client: per event against validation alone, per request against hello-world."""
    if find_spec("awslambdaric") is None:
        note = "awslambdaric is not installed (it needs Linux)"
        return Suite("runtime", [], lambda _: [Row("runtime", "under the Lambda runtime client", "", note=note)])
    environment = child_environment(byte_code) | ENVIRONMENT
    ours = stack.enter_context(LambdaProcess("evaluate.app.lambda_handler", environment))
    hello = stack.enter_context(LambdaProcess("floor_empty.lambda_handler", environment))
    bodies = {count: webhook_body(count, is_due=False) for count in INVOCATIONS}
    cases: list[Case] = [_validation(f"runtime validation {count}", body) for count, body in bodies.items()]
    for count, body in bodies.items():
        event = json.dumps(http_event(body)).encode()
        answer, _ = ours.invoke(event)
        _check(answer, count)
        cases.append(Case(f"runtime {count}", _invocations(ours, event, times=INVOCATIONS[count])))
    floor_event = json.dumps(http_event(bodies[1])).encode()
    cases.append(Case("hello", _invocations(hello, floor_event, times=INVOCATIONS[1])))

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        goals = {100: Goal(">=", 0.25), 1_000: Goal(">=", 0.45)}
        lines = [
            _rate_row(
                "runtime",
                f"{count:,} a request / validation alone",
                count,
                cpu[f"runtime {count}"],
                cpu[f"runtime validation {count}"],
                goals.get(count),
            )
            for count in bodies
        ]
        one, floor = cpu["runtime 1"].seconds * 1e6, cpu["hello"].seconds * 1e6
        return [*lines, Row("runtime", "1 a request / an empty function", "µs", one, floor, Goal("<=", 2.2))]

    return Suite("runtime", cases, rows)


def _validation(name: str, body: bytes) -> Case:
    return in_process(name, lambda: _WEBHOOK_EVENTS.validate_json(body))


def _core(name: str, body: bytes) -> Case:
    config = parse_config(ENVIRONMENT["CONFIG"])
    evaluation = evaluate(parse_body(body), gateway="bench", config=config, now=NOW)
    if evaluation.offers or evaluation.rejections:
        raise RuntimeError(f"{name}: the sample is not quiet")
    return in_process(name, lambda: evaluate(parse_body(body), gateway="bench", config=config, now=NOW))


def _handler(name: str, body: bytes) -> Case:
    event = http_event(body)
    answer = lambda_handler(event, None)
    _check(answer, None)
    return in_process(name, lambda: lambda_handler(event, None))


def _check(answer: Any, count: int | None) -> None:
    said = json.loads(answer["body"])
    if answer["statusCode"] != 200 or said["alerts"] or said["rejected"] or count not in (None, said["accepted"]):
        raise RuntimeError(f"the sample is not quiet: {str(answer)[:500]}")


def _invocations(process: LambdaProcess, event: bytes, *, times: int) -> Callable[[], float]:
    return lambda: min(process.invoke(event, times=times)[1] for _ in range(REPEATS))


def _rate_row(
    group: str, measure: str, count: int, ours: Measured, bound: Measured, goal: Goal | None, noun: str = "events"
) -> Row:
    return Row(group, measure, f"{noun}/s", count / ours.seconds, count / bound.seconds, goal)
