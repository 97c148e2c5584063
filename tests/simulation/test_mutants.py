"""The simulator can fail: it catches each fault that was written on purpose."""

from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from tests.simulation.mutants.table import MUTANTS
from tests.simulation.runs import first_fault
from tests.simulation.system import System

#: Seeds that a mutant may take before it counts as not caught.
SEEDS = 2_000


@pytest.fixture(scope="module")
def caught(processes: ProcessPoolExecutor) -> dict[type[System], Future[str | None]]:
    return {mutant: processes.submit(first_fault, mutant, range(first, first + SEEDS)) for mutant, first in MUTANTS.items()}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_fault_that_people_write_is_caught(mutant: type[System], caught: dict[type[System], Future[str | None]]) -> None:
    assert caught[mutant].result() is not None
