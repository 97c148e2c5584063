"""Two thousand runs in which everything that can go wrong does, and a kill at every step of some.

What a run must keep is in ``invariants`` and ``slack``; more runs: ``make simulate SEEDS=…``.
"""

from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import batched

import pytest

from tests.simulation.runs import NEVER, Failure, run_seed, run_seeds, run_with_a_kill_at_each

SEEDS = 2_000
CHUNK = 50
#: Runs that together do everything that there is to do; in the last one an alert waits for a day, and is given up.
SHORT, BUSY, DAY_LONG = 3, 9, 132
EVERY_KIND_OF_STEP = {
    "evaluate": {"arrive", "claims.submit", "claims.note", "queue.send", "claims.clear", "answer"},
    "sweep": {"claims.pending", "queue.send", "claims.clear"},
    "notify": {
        "arrive",
        "gates.look",
        "gates.reserve",
        "gates.close",
        "gates.break",
        "gates.heal",
        "gates.release",
        "deliveries.among",
        "deliveries.note",
        "post",
        "returns.postpone",
        "dead_letters.bury",
        "answer",
    },
}


def in_all(futures: list[Future[tuple[Counter[str], list[Failure]]]]) -> Counter[str]:
    """What was counted; fails with how to see the first failure again."""
    results = [future.result() for future in futures]
    failures = [failure for _, some in results for failure in some]
    assert not failures, f"`python -m tests.simulation --trace {failures[0].replay}`: {failures[0].faults[:3]}"
    return sum((counts for counts, _ in results), Counter())


def test_every_promise_holds_whatever_goes_wrong(processes: ProcessPoolExecutor) -> None:
    counts = in_all([processes.submit(run_seeds, seeds) for seeds in batched(range(SEEDS), CHUNK, strict=True)])

    assert counts["seeds"] == SEEDS
    # It did go wrong.
    assert counts["kills"] > SEEDS
    assert counts["copies"] > SEEDS
    assert counts["doubled"] > 100
    assert counts["dead-lettered"] > 10


@pytest.mark.parametrize(
    ("seed", "first", "last"),
    [
        pytest.param(SHORT, None, None, id="a short run"),
        pytest.param(BUSY, None, None, id="a busy run"),
        pytest.param(DAY_LONG, None, 60, id="the beginning of a day of waiting"),
        pytest.param(DAY_LONG, -40, None, id="the end of a day of waiting"),
    ],
)
def test_a_kill_at_each_step_loses_nothing_and_doubles_only_what_it_split(
    processes: ProcessPoolExecutor, seed: int, first: int | None, last: int | None
) -> None:
    steps = range(1, run_seed(seed, kill_at=NEVER).counts["steps"] + 1)[first:last]

    counts = in_all([processes.submit(run_with_a_kill_at_each, seed, some) for some in batched(steps, 20, strict=False)])

    assert counts["kills"] == counts["seeds"] == 2 * len(steps)


def test_these_runs_take_every_kind_of_step() -> None:
    taken: dict[str, set[str]] = {function: set() for function in EVERY_KIND_OF_STEP}
    for seed in (SHORT, BUSY, DAY_LONG):
        for line in run_seed(seed, kill_at=NEVER, is_traced=True).trace:
            who, *step = line.split()[1:3]
            function = who.split("-")[0]
            if function in taken:
                taken[function] |= set(step)

    assert taken == EVERY_KIND_OF_STEP


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = run_seed(7, is_traced=True), run_seed(7, is_traced=True)

    assert first.trace == second.trace
    assert len(first.trace) > 100
