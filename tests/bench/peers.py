"""Peers in the same run, where they are installed: Alertmanager (Debian's package), LiteLLM's alerting (``.venv-litellm``).

Neither does the same: Alertmanager keeps every alert in memory, LiteLLM decides inside the gateway's process and forgets
with it. Each is a process on loopback, ended by its id; per core means per CPU second of that process.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from local.ministack import free_port, stop_process
from tests.bench.init_cost import child_environment
from tests.bench.measure import REPEATS, Case, Measured, Suite, run_child
from tests.bench.report import Goal, Row
from tests.bench.runtime_api import LambdaProcess, cpu_seconds_of
from tests.bench.samples import ENVIRONMENT, ROOT, http_event, webhook_body

ALERTMANAGER = "prometheus-alertmanager"
LITELLM = ROOT / ".venv-litellm" / "bin" / "python"
REQUEST_EVENTS = 100
REQUESTS = 10
START_SECONDS = 20
_NO_RECEIVER = "route: {receiver: nobody, group_wait: 1h}\nreceivers: [{name: nobody}]\n"


def peers_suite(stack: ExitStack, *, byte_code: Path) -> Suite:
    """Whatever is installed; a row says what is not."""
    if find_spec("awslambdaric") is None:
        return Suite(
            "peers", [], lambda _: [Row("peers", "under the Lambda runtime client", "", note="awslambdaric not installed")]
        )
    environment = child_environment(byte_code) | ENVIRONMENT
    with LambdaProcess("evaluate.app.lambda_handler", environment):
        pass  # its byte code is there from now on
    ours = stack.enter_context(LambdaProcess("evaluate.app.lambda_handler", environment))
    event = json.dumps(http_event(webhook_body(REQUEST_EVENTS, is_due=False))).encode()
    ours.invoke(event)
    start_seconds, peak_bytes = ours.cpu_seconds, ours.peak_memory_bytes
    cases = [Case("ours beside peers", lambda: min(ours.invoke(event, times=REQUESTS)[1] for _ in range(REPEATS)))]
    has_alertmanager = shutil.which(ALERTMANAGER) is not None
    if has_alertmanager:
        cases.append(Case("alertmanager", _alertmanager(stack)))

    def rows(cpu: Mapping[str, Measured]) -> list[Row]:
        events_a_second = REQUEST_EVENTS / cpu["ours beside peers"].seconds
        goal, measure = Goal(">=", 2.5), f"Alertmanager: events a second and core, {REQUEST_EVENTS} a request"
        if has_alertmanager:
            theirs = REQUEST_EVENTS / cpu["alertmanager"].seconds
            lines = [Row("peers", measure, "events/s", events_a_second, theirs, goal)]
        else:
            lines = [Row("peers", measure, "", goal=goal, note="not installed")]
        return [*lines, *_litellm_rows(start_seconds, peak_bytes, events_a_second)]

    return Suite("peers", cases, rows)


def _alertmanager(stack: ExitStack) -> Callable[[], float]:
    """Alertmanager with nobody to notify; the CPU seconds of one request of a hundred alerts that it knows already."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alertmanager-")))
    (folder / "config.yml").write_text(_NO_RECEIVER, encoding="ascii")
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            ALERTMANAGER,
            f"--config.file={folder / 'config.yml'}",
            f"--storage.path={folder}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ],
        env={"PATH": os.environ["PATH"], "GOMAXPROCS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(stop_process, process)
    http = stack.enter_context(httpx.Client(base_url=f"http://{address}", trust_env=False))
    _wait_until_ready(http)
    labels = json.loads(webhook_body(REQUEST_EVENTS, is_due=False))
    names = ("event", "token", "key_alias", "user_id", "user_email", "team_id", "team_alias", "organization_id", "customer_id")
    body = json.dumps(
        [
            {
                "labels": {"alertname": "budget"} | {name: event[name] for name in names},
                "annotations": {name: str(value) for name, value in event.items() if name not in names},
            }
            for event in labels
        ]
    ).encode()

    def post() -> None:
        http.post("/api/v2/alerts", content=body, headers={"content-type": "application/json"}).raise_for_status()

    def sample() -> float:
        def repeat() -> float:
            started = cpu_seconds_of(process.pid)
            for _ in range(REQUESTS):
                post()
            return (cpu_seconds_of(process.pid) - started) / REQUESTS

        return min(repeat() for _ in range(REPEATS))

    return sample


def _wait_until_ready(http: httpx.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if http.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"Alertmanager did not answer within {START_SECONDS} s")


def _litellm_rows(start_seconds: float, peak_bytes: float, events_a_second: float) -> list[Row]:
    """LiteLLM by itself, once; ours is a whole execution environment up to the end of its first request."""
    goals = {"CPU": Goal("<=", 0.15), "memory": Goal("<=", 0.35)}
    measure = "LiteLLM: {} of a first request / of its import"
    if not LITELLM.exists():
        return [Row("peers", measure.format(what), "", goal=goal, note="not installed") for what, goal in goals.items()]
    said = _litellm()
    lines = [
        Row("peers", measure.format("CPU"), "ms", start_seconds * 1e3, said["import_seconds"] * 1e3, goals["CPU"]),
        Row("peers", measure.format("memory"), "MB", peak_bytes / 1e6, said["import_bytes"] / 1e6, goals["memory"]),
        Row("peers", "LiteLLM: nothing crossed, in process / ours by request", "events/s", events_a_second, said["quiet"]),
    ]
    rates, what = (said["repeated"], said["new"]), ("known already", "new")
    lines += [
        Row("peers", f"LiteLLM: crossings, {kind}", "events/s", None, rate, note="–")
        for kind, rate in zip(what, rates, strict=True)
    ]
    told = f"LiteLLM: told of {said['crossings']:,} crossings at once"
    return [*lines, Row("peers", told, "alerts", None, said["told"], note="–")]


def _litellm() -> dict[str, Any]:
    done = run_child(
        [str(LITELLM), str(Path(__file__).with_name("litellm_peer.py"))],
        # It would ask the Internet for a list of prices.
        {"PATH": "/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
