import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_alerts.distributions import GROWTH, SMALLEST, added, bucket_of, buckets_of, percentile

#: From the smallest that is told apart to the longest that a request log may say.
DURATIONS = st.floats(SMALLEST, 1e7)


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        pytest.param(1.0, 0, id="one second begins bucket 0"),
        pytest.param(1.09, 0, id="what is less than a tenth more lies in it too"),
        pytest.param(1.11, 1, id="what is more than a tenth more lies in the next"),
        pytest.param(0.95, -1, id="what is less lies below zero"),
        pytest.param(SMALLEST, -97, id="the smallest that is told apart"),
        pytest.param(SMALLEST / 2, -97, id="anything smaller is the same"),
        pytest.param(0.0, -97, id="nothing is the same"),
        pytest.param(-1.0, -97, id="less than nothing is the same"),
    ],
)
def test_a_duration_falls_into_a_bucket(value: float, bucket: int) -> None:
    assert bucket_of(value) == bucket


@given(DURATIONS)
def test_a_bucket_holds_its_durations(value: float) -> None:
    bucket = bucket_of(value)
    rounding = 1 + 1e-9
    assert GROWTH**bucket <= value * rounding
    assert value <= GROWTH ** (bucket + 1) * rounding


def test_durations_are_counted_by_bucket() -> None:
    assert buckets_of([1.0, 1.05, 2.0, 0.0]) == {0: 2, 7: 1, -97: 1}
    assert buckets_of([]) == {}


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_distributions_add_up(some: list[float], others: list[float]) -> None:
    assert added(buckets_of(some), buckets_of(others)) == buckets_of(some + others)


def test_nothing_adds_up_to_nothing_and_what_is_added_stays_as_it_is() -> None:
    one = {0: 1}
    assert added() == {}
    assert added(one, {0: 2, 5: 1}) == {0: 3, 5: 1}
    assert one == {0: 1}


@given(st.lists(DURATIONS, min_size=1), st.floats(0, 1))
def test_a_percentile_is_at_most_five_percent_off(durations: list[float], fraction: float) -> None:
    rank = max(1, math.ceil(fraction * len(durations)))
    exact = sorted(durations)[rank - 1]
    told = percentile(buckets_of(durations), fraction)
    assert told is not None
    assert abs(told - exact) <= 0.05 * exact


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        pytest.param(0.0, 1.0, id="the smallest"),
        pytest.param(0.5, 1.0, id="half of them"),
        pytest.param(0.51, 10.0, id="one more than half"),
        pytest.param(0.9, 10.0, id="nine of ten"),
        pytest.param(0.91, 100.0, id="the last of ten"),
        pytest.param(1.0, 100.0, id="all"),
    ],
)
def test_a_percentile_of_ten(fraction: float, expected: float) -> None:
    told = percentile(buckets_of([1.0] * 5 + [10.0] * 4 + [100.0]), fraction)
    assert told == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("nothing", [{}, {3: 0}], ids=["no bucket", "an empty bucket"])
def test_of_nothing_there_is_no_percentile(nothing: dict[int, int]) -> None:
    assert percentile(nothing, 0.5) is None
