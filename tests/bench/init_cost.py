"""Cold starts: a fresh process from its start to the end of its first invocation, against what its imports alone must cost.

All of them run under the real runtime client, the floors (``tests/bench/floors``) too. ``B2`` is the AWS SDK's own:
``import boto3`` and clients for DynamoDB and SQS. AWS is played by a stub without TLS on loopback, so the certificates
that the SDK loads for its first connection are in no figure.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.aws_stub import AWSStub
from tests.bench.measure import Child, Measured, Suite, can_count_instructions, in_child, instructions, runs
from tests.bench.report import Goal, Row
from tests.bench.runtime_api import LambdaProcess
from tests.bench.samples import DEPLOYED, ENVIRONMENT, ROOT, http_event, sqs_event, webhook_body

BUILD = ROOT / ".aws-sam" / "build"


class ColdStart(NamedTuple):
    """A fresh execution environment of a handler that answers one event, under the real runtime client."""

    handler: str
    environment: Mapping[str, str]
    event: Mapping[str, Any] = {}
    is_answer: Callable[[Any], bool] = lambda answer: answer is None

    def run(self, prefix: Sequence[str] = ()) -> str:
        """See :class:`tests.bench.measure.Process`."""
        with LambdaProcess(self.handler, self.environment, prefix=prefix) as process:
            answer, _ = process.invoke(json.dumps(self.event).encode())
        if not self.is_answer(answer):
            raise RuntimeError(f"{self.handler} answered {str(answer)[:500]}")
        return process.errors


def _accepts(alert_count: int) -> Callable[[Any], bool]:
    return lambda answer: answer["statusCode"] == 200 and json.loads(answer["body"])["alerts"] == alert_count


def init_suite(stub: AWSStub, *, byte_code: Path, count_instructions: bool) -> Suite:
    """Both functions against the imports that they cannot do without."""
    if find_spec("awslambdaric") is None:
        note = "awslambdaric is not installed (it needs Linux)"
        return Suite("init", [], lambda _: [Row("init", "cold starts", "", note=note)])
    own = child_environment(byte_code) | ENVIRONMENT | {"AWS_ENDPOINT_URL": stub.url, "SLACK_WEBHOOK_URL": f"{stub.url}/hook"}
    inline = own | {"CONFIG": ""}
    deployed = own | {name: DEPLOYED[name] for name in DEPLOYED if DEPLOYED[name] != ENVIRONMENT[name]}
    quiet, due = (http_event(webhook_body(1, is_due=is_due)) for is_due in (False, True))
    batch = sqs_event(1, now=datetime.now(UTC))
    evaluate, notify = "evaluate.app.lambda_handler", "notify.app.lambda_handler"
    starts = {
        "B2": ColdStart("floor_sdk.lambda_handler", inline),
        "httpx": ColdStart("floor_http_client.lambda_handler", inline),
        "evaluate quiet": ColdStart(evaluate, inline, quiet, _accepts(0)),
        "evaluate quiet, own": ColdStart(evaluate, own, quiet, _accepts(0)),
        "evaluate quiet, deployed": ColdStart(evaluate, deployed, quiet, _accepts(0)),
        "evaluate claim": ColdStart(evaluate, inline, due, _accepts(1)),
        "evaluate claim, own": ColdStart(evaluate, own, due, _accepts(1)),
        "notify import": ColdStart("notify_import.lambda_handler", inline),
        "notify batch": ColdStart(notify, inline, batch, lambda answer: answer == {"batchItemFailures": []}),
    }
    judged = [
        ("evaluate: first request, claims nothing", "evaluate quiet", "B2", 0.70),
        ("evaluate: the same, with a configuration of one's own", "evaluate quiet, own", "B2", 0.70),
        ("evaluate: the same, settings from SSM and Secrets Manager", "evaluate quiet, deployed", "B2", None),
        ("evaluate: first request, one claim (3 AWS calls)", "evaluate claim", "B2", 1.30),
        ("evaluate: the same, with a configuration of one's own", "evaluate claim, own", "B2", 1.30),
        ("notify: import and HTTP client", "notify import", "httpx", 1.50),
        ("notify: first batch, one alert (the SDK, 4 AWS calls, 1 post)", "notify batch", "B2", None),
    ]
    counted = instructions(starts) if count_instructions else {}

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        lines = []
        for measure, ours, bound, limit in judged:
            goal = None if limit is None else Goal("<=", limit)
            if counted:
                lines.append(Row("init", measure, "MIr", counted[ours] / 1e6, counted[bound] / 1e6, goal))
            lines.append(Row("init", measure, "ms", cpu[ours].seconds * 1e3, cpu[bound].seconds * 1e3, goal))
        if not counted:
            why = "valgrind is not installed" if not can_count_instructions() else "not counted with --quick"
            lines.append(Row("init", "instructions", "", note=why))
        return lines

    return Suite("init", [in_child(name, start) for name, start in starts.items()], rows)


def package_suite(*, byte_code: Path, package: Path, count_instructions: bool) -> Suite:
    """The built package as Lambda gets it, against the same files with byte code that was just compiled.

    What is measured is a copy in ``package``: somebody may build while this runs.
    """
    goal = Goal("<=", 1.05)
    measure = "import of the built {}.app / with fresh byte code"
    functions = {"evaluate": "EvaluateFunction", "notify": "NotifyFunction"}
    children: dict[str, Child] = {}
    for name, function in functions.items():
        path = {"PYTHONPATH": f"{package / function}:{package / 'CommonLayer' / 'python'}"}
        code = f"import {name}.app"
        # -S: nothing but the package. -B: Lambda's code folder cannot be written.
        fresh = child_environment(byte_code) | ENVIRONMENT | path
        built = {key: value for key, value in fresh.items() if key != "PYTHONPYCACHEPREFIX"}
        children[f"{name} built"] = Child(code, built, flags=["-S", "-B"])
        children[f"{name} fresh"] = Child(code, fresh, flags=["-S"])
    if BUILD.is_dir():
        shutil.copytree(BUILD, package)
        note = "" if all(runs(child) for child in children.values()) else "not built for this machine: run make build"
    else:
        note = "not built: run make build"
    if note:
        return Suite(
            "package", [], lambda _: [Row("package", measure.format(name), "", goal=goal, note=note) for name in functions]
        )
    counted = instructions(children) if count_instructions else {}

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        lines = []
        for name in functions:
            ours, bound = f"{name} built", f"{name} fresh"
            if counted:
                lines.append(Row("package", measure.format(name), "MIr", counted[ours] / 1e6, counted[bound] / 1e6, goal))
            lines.append(Row("package", measure.format(name), "ms", cpu[ours].seconds * 1e3, cpu[bound].seconds * 1e3, goal))
        return lines

    return Suite("package", [in_child(name, child) for name, child in children.items()], rows)


def child_environment(byte_code: Path) -> dict[str, str]:
    """A clean environment for the project's sources, which keeps its byte code apart from everybody else's."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'layers' / 'common'}:{ROOT / 'tests' / 'bench' / 'floors'}",
        "PYTHONPYCACHEPREFIX": str(byte_code),
        "PYTHONHASHSEED": "0",
    }
