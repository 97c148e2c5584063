"""Cold starts: a fresh process from its start to the end of its first invocation, against what its imports alone must cost.

``B2`` is the AWS SDK's own floor: ``import boto3`` and clients for DynamoDB and SQS. AWS is played by a stub without
TLS on loopback, so the certificates that the SDK loads for its first connection are in no figure.
"""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.aws_stub import AWSStub
from tests.bench.measure import Child, Measured, Suite, can_count_instructions, in_child, instructions, runs
from tests.bench.report import Goal, Row
from tests.bench.samples import DEPLOYED, ENVIRONMENT, ROOT, http_event, sqs_event, webhook_body

BUILD = ROOT / ".aws-sam" / "build"
_B2 = "import boto3\nboto3.client('dynamodb')\nboto3.client('sqs')"
_HTTPX = "import httpx\nhttpx.Client()"
_EVALUATE = """
import json, sys
from evaluate.app import lambda_handler
answer = lambda_handler(json.loads(sys.argv[1]), None)
assert answer["statusCode"] == 200 and json.loads(answer["body"])["alerts"] == int(sys.argv[2]), answer
"""
_NOTIFY = """
import json, sys
from notify.app import lambda_handler
class Context:
    def get_remaining_time_in_millis(self): return 30_000
answer = lambda_handler(json.loads(sys.argv[1]), Context())
assert answer == {"batchItemFailures": []}, answer
"""


def init_suite(stub: AWSStub, *, byte_code: Path, count_instructions: bool) -> Suite:
    """Both functions against the imports that they cannot do without."""
    inline = child_environment(byte_code) | ENVIRONMENT | {"AWS_ENDPOINT_URL": stub.url, "SLACK_WEBHOOK_URL": f"{stub.url}/hook"}
    deployed = inline | {name: DEPLOYED[name] for name in DEPLOYED if DEPLOYED[name] != ENVIRONMENT[name]}
    quiet = json.dumps(http_event(webhook_body(1, is_due=False)))
    due = json.dumps(http_event(webhook_body(1, is_due=True)))
    batch = json.dumps(sqs_event(1, now=datetime.now(UTC)))
    children = {
        "B2": Child(_B2, inline),
        "httpx": Child(_HTTPX, inline),
        "evaluate quiet": Child(_EVALUATE, inline, [quiet, "0"]),
        "evaluate quiet, deployed": Child(_EVALUATE, deployed, [quiet, "0"]),
        "evaluate claim": Child(_EVALUATE, inline, [due, "1"]),
        "notify import": Child("import notify.app\nnotify.app.make_http_client()", inline),
        "notify batch": Child(_NOTIFY, inline, [batch]),
    }
    judged = [
        ("evaluate: first request, claims nothing, settings inline", "evaluate quiet", "B2", 0.70),
        ("evaluate: the same, settings from SSM and Secrets Manager", "evaluate quiet, deployed", "B2", 0.70),
        ("evaluate: first request, one claim (3 AWS calls)", "evaluate claim", "B2", 1.30),
        ("notify: import and HTTP client", "notify import", "httpx", 1.50),
        ("notify: first batch, one alert (2 AWS calls, 1 post)", "notify batch", "httpx", 1.50),
    ]
    counted = instructions(children) if count_instructions else {}

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        lines = []
        for measure, ours, bound, limit in judged:
            goal = Goal("<=", limit)
            if counted:
                lines.append(Row("init", measure, "MIr", counted[ours] / 1e6, counted[bound] / 1e6, goal))
            lines.append(Row("init", measure, "ms", cpu[ours].seconds * 1e3, cpu[bound].seconds * 1e3, goal))
        if not counted:
            why = "valgrind is not installed" if not can_count_instructions() else "not counted with --quick"
            lines.append(Row("init", "instructions", "", note=why))
        return lines

    return Suite("init", [in_child(name, child) for name, child in children.items()], rows)


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
        "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'layers' / 'common'}:{ROOT}",
        "PYTHONPYCACHEPREFIX": str(byte_code),
        "PYTHONHASHSEED": "0",
    }
