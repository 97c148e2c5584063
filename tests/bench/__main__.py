"""``python -m tests.bench``: measure everything in one interleaved run, and print one table."""

import argparse
import io
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from pathlib import Path

from tests.bench.aws_stub import AWSStub
from tests.bench.calls import calls_suite
from tests.bench.evaluate_cost import evaluate_suite, request_log_suite, runtime_suite
from tests.bench.growth import growth_suite
from tests.bench.init_cost import init_suite, package_suite
from tests.bench.latency import latency_suite
from tests.bench.measure import Measured, can_count_instructions, run_rounds
from tests.bench.money import money_suite
from tests.bench.notify_cost import notify_suite
from tests.bench.peers import peers_suite
from tests.bench.report import table
from tests.bench.samples import ENVIRONMENT

GROUPS = ("init", "package", "evaluate", "logs", "runtime", "notify", "calls", "money", "latency", "growth", "peers")
ROUNDS = 11
QUICK_ROUNDS = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; never fails for a goal that is missed."""
    options = _parser().parse_args(arguments)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    count_instructions = can_count_instructions() and not options.quick
    started = time.monotonic()
    with ExitStack() as stack:
        workspace = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        byte_code, package = workspace / "byte-code", workspace / "package"
        stub = stack.enter_context(AWSStub())
        # This process is a container of both functions, too; nobody reads what it logs.
        stack.enter_context(redirect_stdout(io.StringIO()))
        os.environ.update(ENVIRONMENT | {"AWS_ENDPOINT_URL": stub.url})
        builders = {
            "init": lambda: init_suite(stub, byte_code=byte_code, count_instructions=count_instructions),
            "package": lambda: package_suite(byte_code=byte_code, package=package, count_instructions=count_instructions),
            "evaluate": evaluate_suite,
            "logs": request_log_suite,
            "runtime": lambda: runtime_suite(stack, byte_code=byte_code),
            "notify": notify_suite,
            "calls": lambda: calls_suite(stub),
            "money": money_suite,
            "peers": lambda: peers_suite(stack, byte_code=byte_code),
            "growth": lambda: growth_suite(rounds),
            "latency": lambda: latency_suite(rounds),
        }
        suites = [builders[group]() for group in options.only or GROUPS]
        measured = run_rounds(suites, rounds=rounds)
        rows = [row for suite in suites for row in suite.rows(measured)]
    remark = _remark(measured, rounds=rounds, seconds=time.monotonic() - started)
    if options.json:
        print(json.dumps({"remark": remark, "rows": [row.as_json() for row in rows]}, indent=2, ensure_ascii=False))
    else:
        print(f"{table(rows)}\n\n{remark}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What the application costs, against its bounds.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds, no instruction counts; under a minute")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="GROUP", help=f"some of {', '.join(GROUPS)}")
    parser.add_argument("--rounds", type=int, help=f"samples of each case ({ROUNDS})")
    return parser


def _remark(measured: Mapping[str, Measured], *, rounds: int, seconds: float) -> str:
    lines = [
        f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"{rounds} rounds in shuffled order, {seconds:.0f} s.",
        "ms, µs and rates are CPU time, medians of the rounds; MIr are millions of instructions, counted by callgrind.",
    ]
    if measured:
        spreads = {name: case.spread for name, case in measured.items()}
        worst = max(spreads, key=lambda name: spreads[name])
        lines.append(
            f"Noise: the middle half of a case's samples spans {statistics.median(spreads.values()):.0%} of its median, "
            f"{spreads[worst]:.0%} at worst ({worst}). A ratio that misses its goal by less than that says nothing."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
