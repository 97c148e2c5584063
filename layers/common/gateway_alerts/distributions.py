"""Distributions of durations that add up: counts by logarithmic bucket, read as percentiles. Pure.

Bucket ``b`` holds what lies in ``[GROWTH**b, GROWTH**(b+1))``; a percentile is told as its bucket's middle, at most five
percent off. Two distributions are added by adding their counts, in memory or in a table.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

GROWTH = 1.1
#: Below a tenth of a millisecond all durations are alike.
SMALLEST = 1e-4


def bucket_of(value: float) -> int:
    """The bucket of a duration; what is not above zero falls into the smallest."""
    return math.floor(math.log(max(value, SMALLEST), GROWTH))


def buckets_of(values: Iterable[float]) -> dict[int, int]:
    """Counts by bucket."""
    return dict(Counter(map(bucket_of, values)))


def added(*distributions: Mapping[int, int]) -> dict[int, int]:
    """All of them together."""
    total: Counter[int] = Counter()
    for distribution in distributions:
        total.update(distribution)
    return dict(total)


def percentile(distribution: Mapping[int, int], fraction: float) -> float | None:
    """The value below which ``fraction`` (0 to 1) of all lie, at most five percent off; None of nothing."""
    total = sum(distribution.values())
    if total <= 0:
        return None
    wanted, seen = fraction * total, 0
    for bucket in sorted(distribution):
        seen += distribution[bucket]
        if seen >= wanted:
            break
    return float(GROWTH ** (bucket + 0.5))
