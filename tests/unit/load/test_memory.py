import pytest

from tests.load.memory import growth_of, since_loaded
from tests.load.test_load import FLAT_SHARE

IDLE, LOADED = 37_000, 60_000
HISTORIES: dict[str, tuple[list[int], bool]] = {
    "loaded from the start": ([LOADED] * 40, True),
    "loaded late": ([IDLE] * 25 + [LOADED] * 15, True),
    "loaded after a part": ([IDLE] * 5 + [IDLE + 4_000] * 20 + [LOADED] * 15, True),
    "a leak": ([LOADED + 400 * second for second in range(40)], False),
    "a leak from the idle size on": ([IDLE + 1_000 * second for second in range(40)], False),
    "loaded late, then a leak": ([IDLE] * 20 + [LOADED + 800 * second for second in range(20)], False),
}


@pytest.mark.parametrize(("samples", "is_flat"), HISTORIES.values(), ids=HISTORIES)
def test_what_a_process_loads_is_no_growth_and_a_leak_is(samples: list[int], is_flat: bool) -> None:
    assert (growth_of(since_loaded(samples)).share < FLAT_SHARE) is is_flat
