"""Sampling: all cases once a round in shuffled order, CPU time, medians; instructions by callgrind.

What disturbs a sample (another process in the same cache) only ever adds to it, and comes and goes within seconds. So
a warm sample is the best of a few short ones, and the cases of one suite, whose ratios are taken, follow one another.
"""

import gc
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from tests.bench.report import Row

#: A warm case is repeated until it has taken about this long, so that the clock's grain is nothing; a sample is the best of some.
REPEAT_SECONDS = 0.02
REPEATS = 3
CHILD_TIMEOUT_SECONDS = 300


class Case(NamedTuple):
    """Something to measure. ``sample`` does it at least once and returns the CPU seconds of doing it once."""

    name: str
    sample: Callable[[], float]


class Measured(NamedTuple):
    """CPU seconds: the median of the rounds, and how far the middle half of them spread around it (0.05: 5 %)."""

    seconds: float
    spread: float


def run_rounds(suites: Sequence["Suite"], *, rounds: int, seed: int = 0) -> dict[str, Measured]:
    """Sample every case once a round; the order of the suites, and that within each, is shuffled each round.

    A first round warms up and is dropped.
    """
    shuffle = random.Random(seed).shuffle
    order = [list(suite.cases) for suite in suites]
    samples: dict[str, list[float]] = {case.name: [] for cases in order for case in cases}
    for number in range(rounds + 1):
        shuffle(order)
        for cases in order:
            shuffle(cases)
            for case in cases:
                gc.collect()
                seconds = case.sample()
                if number:
                    samples[case.name].append(seconds)
    return {name: _measured(values) for name, values in samples.items()}


def _measured(values: Sequence[float]) -> Measured:
    median = statistics.median(values)
    if len(values) < 2:
        return Measured(median, 0.0)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Measured(median, (high - low) / median)


def in_process(name: str, work: Callable[[], object]) -> Case:
    """A case that runs in this process. Only this thread's time counts: the stubs on loopback have threads of their own."""

    def repeat(count: int) -> float:
        started = time.thread_time()
        for _ in range(count):
            work()
        return (time.thread_time() - started) / count

    work()
    count = max(1, int(REPEAT_SECONDS / max(repeat(1), 1e-9)))
    return Case(name, lambda: min(repeat(count) for _ in range(REPEATS)))


class Child(NamedTuple):
    """A fresh Python process: what it runs, its arguments and its environment."""

    code: str
    environment: Mapping[str, str]
    arguments: Sequence[str] = ()
    flags: Sequence[str] = ()

    def run(self, prefix: Sequence[str] = ()) -> str:
        """Run the process to its end, by a command that stands before its own; returns what it wrote to stderr."""
        return run_child([*prefix, sys.executable, *self.flags, "-c", self.code, *self.arguments], self.environment).stderr


class Process(Protocol):
    """A fresh process that does one thing."""

    def run(self, prefix: Sequence[str] = ()) -> str:
        """Run it to its end, by a command that stands before its own; returns what it wrote to stderr."""
        ...


def in_child(name: str, process: Process) -> Case:
    """A case that is a whole process, from start to end; user and system time."""

    def sample() -> float:
        before = _children_seconds()
        process.run()
        return _children_seconds() - before

    return Case(name, sample)


def runs(process: Process) -> bool:
    """Whether the process ends well."""
    try:
        process.run()
    except RuntimeError:
        return False
    return True


class Suite(NamedTuple):
    """A group of the table: the cases that it needs, and its rows once they are measured."""

    group: str
    cases: Sequence[Case]
    rows: Callable[[Mapping[str, Measured]], list[Row]]


def can_count_instructions() -> bool:
    """Whether valgrind is there."""
    return shutil.which("valgrind") is not None


def instructions(processes: Mapping[str, Process]) -> dict[str, float]:
    """Instructions of each process, counted by callgrind. Counts do not depend on load, so they run side by side."""

    def count(process: Process) -> float:
        process.run()  # leaves its byte code behind, as every later one will find it
        errors = process.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
        collected = re.search(r"Collected : (\d+)", errors)
        if collected is None:
            raise RuntimeError(f"callgrind said nothing of instructions: {errors[-500:]}")
        return float(collected[1])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(processes, pool.map(count, processes.values()), strict=True))


def run_child(command: Sequence[str], environment: Mapping[str, str], *, written: str = "") -> subprocess.CompletedProcess[str]:
    """Run a process to its end, with ``written`` on its stdin; returns what it wrote. Raises RuntimeError when it failed."""
    done = subprocess.run(
        command,
        env=dict(environment),
        input=written,
        capture_output=True,
        text=True,
        timeout=CHILD_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[-200:]}: exit {done.returncode}: {done.stderr[-2_000:]}")
    return done


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
