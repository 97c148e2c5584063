"""Runs of the simulation, by seed. Everything here can be handed to another process."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tests.simulation.invariants import broken_by
from tests.simulation.system import System

#: For ``kill_at``: nobody is killed.
NEVER = (0, "never")


class Result(NamedTuple):
    """What became of a run."""

    faults: list[str]
    counts: Counter[str]
    trace: list[str]


class Failure(NamedTuple):
    """A run that broke an invariant, and how to see it again."""

    replay: str
    faults: list[str]


def run_seed(
    seed: int, *, system_type: type[System] = System, kill_at: tuple[int, str] | None = None, is_traced: bool = False
) -> Result:
    """One run to its end, and its invariants. ``kill_at``: the one kill of it, before or after the step of a number."""
    system = system_type(seed, kill_at=kill_at, is_traced=is_traced)
    system.run()
    faults = broken_by(system)
    counts = system.world.counts
    counts.update(seeds=1, steps=system.world.steps)
    return Result(faults, counts, system.world.trace)


def run_seeds(seeds: Iterable[int]) -> tuple[Counter[str], list[Failure]]:
    """Many runs: all their counts, and those that broke an invariant."""
    counts: Counter[str] = Counter()
    failures: list[Failure] = []
    for seed in seeds:
        faults, some, _ = run_seed(seed)
        counts += some
        if faults:
            failures.append(Failure(f"--seed {seed}", faults))
    return counts, failures


def run_with_a_kill_at_each(seed: int, steps: Iterable[int]) -> tuple[Counter[str], list[Failure]]:
    """One seed again and again, each time with one kill: before each of the steps, and after it."""
    counts: Counter[str] = Counter()
    failures: list[Failure] = []
    for number in steps:
        for when in ("before", "after"):
            faults, some, _ = run_seed(seed, kill_at=(number, when))
            counts += some
            if faults:
                failures.append(Failure(f"--seed {seed} --kill {when} {number}", faults))
    return counts, failures


def first_fault(system_type: type[System], seeds: Iterable[int]) -> str | None:
    """What is first found wrong with a mutant; None when nothing is."""
    return next((faults[0] for seed in seeds if (faults := run_seed(seed, system_type=system_type).faults)), None)
