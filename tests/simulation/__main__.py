"""``python -m tests.simulation``: many seeds on all cores, or one seed with its trace."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / folder) for folder in ("functions", "layers/common")]

from tests.simulation.runs import Failure, run_seed, run_seeds  # noqa: E402

CHUNK = 100
#: So many broken seeds tell enough.
MAX_FAILURES = 100
SHOWN_FAILURES = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit status is 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="run so many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no more seeds after that long")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--trace", action="store_true", help="print every step of it")
    parser.add_argument("--kill", nargs=2, metavar=("WHEN", "STEP"), help="kill once in it: `before 12` or `after 12`")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        kill_at = (int(options.kill[1]), options.kill[0]) if options.kill else None
        faults, counts, trace = run_seed(options.seed, kill_at=kill_at, is_traced=options.trace)
        print("\n".join([*trace, *faults, summary(counts)]))
        return bool(faults)
    return run_many(range(options.first, options.first + options.seeds), seconds=options.seconds)


def run_many(seeds: range, *, seconds: float) -> int:
    """Run seeds on all cores, say what came of them."""
    started, counts, failures = time.monotonic(), Counter[str](), list[Failure]()
    chunks = (seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK))
    running: set[Future[tuple[Counter[str], list[Failure]]]] = set()
    processes = os.cpu_count() or 1
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        while True:
            elapsed = time.monotonic() - started
            if elapsed < seconds and len(failures) < MAX_FAILURES:
                running |= {pool.submit(run_seeds, chunk) for chunk in islice(chunks, 2 * processes - len(running))}
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                some_counts, some_failures = future.result()
                counts += some_counts
                failures += some_failures
            say(f"\r{counts['seeds']:,} of {len(seeds):,} seeds, {time.monotonic() - started:.0f} s, {len(failures)} failed")
    say("\n")
    for replay, faults in failures[:SHOWN_FAILURES]:
        print(f"{faults[0]}   (python -m tests.simulation --trace {replay})")
    print(f"{summary(counts)} · failed {len(failures):,} · in {time.monotonic() - started:.0f} s")
    return bool(failures)


def say(text: str) -> None:
    """Progress, for a person who waits."""
    if sys.stderr.isatty():
        print(text, end="", file=sys.stderr, flush=True)


def summary(counts: Counter[str]) -> str:
    """The figures on one line."""
    names = ("seeds", "kills", "steps", "events", "posts", "copies", "alerts", "delivered", "dead-lettered", "lost", "doubled")
    return " · ".join(f"{name} {counts[name]:,}" for name in (*names, "doubled without excuse", "too early, untold"))


if __name__ == "__main__":
    sys.exit(main())
