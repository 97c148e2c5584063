"""How a budget may be spent over one period: named shapes, drawn from a seed. Amounts are shares of the limit.

``QUIET`` shapes stay below the limit and shall raise nothing; ``RUNAWAY`` shapes pass it and shall be foretold. Each draws
its amplitude, its phase and its noise. ``replay`` feeds one to a forecast as the scheduler does, ``table`` shows them all::

    PYTHONPATH=functions:layers/common .venv/bin/python -m tests.pipeline.evaluate.spend_shapes 20
"""

import math
import statistics
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple, Protocol

from evaluate.usage.forecasting import Forecast, SpendSample, forecast

LIMIT = Decimal(100)
READING = timedelta(minutes=15)
#: Older readings are kept by the hour, as a store of a month's readings would: two days of them.
RECENT_COUNT = 2 * 96
HOUR, DAY, WEEK, MONTH = 1.0, 24.0, 168.0, 720.0
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


class Period(NamedTuple):
    """A budget's period, in hours; a shape is drawn by the tick."""

    name: str
    hours: float
    tick_hours: float


PERIODS = {
    period.name: period
    for period in (
        Period("hour", HOUR, 1 / 60),
        Period("day", DAY, 1 / 12),
        Period("week", WEEK, 1 / 12),
        Period("month", MONTH, 1 / 4),
    )
}


@dataclass(frozen=True)
class Spend:
    """What was spent, by the tick. ``begins_hour`` counts from a Monday's midnight; readings within ``gap`` are missing.

    ``burns_hour`` is when the runaway began. After the gap, readings are ``stale_share`` of the limit too low for half an hour.
    """

    period: Period
    ticks: list[float]
    begins_hour: float = 0
    burns_hour: float = 0
    gap: tuple[float, float] = (0, 0)
    stale_share: float = 0
    totals: list[float] = field(init=False)

    def __post_init__(self) -> None:
        totals = [0.0]
        for tick in self.ticks:
            totals.append(totals[-1] + tick)
        object.__setattr__(self, "totals", totals)

    def share_at(self, hour: float) -> float:
        place = hour / self.period.tick_hours
        index = min(int(place), len(self.ticks) - 1)
        return min(1.0, self.totals[index] + self.ticks[index] * (place - index))

    @property
    def exhausted_hour(self) -> float | None:
        index = bisect_left(self.totals, 1.0)
        if index == len(self.totals):
            return None
        return self.period.tick_hours * (index - (self.totals[index] - 1) / self.ticks[index - 1])


Rate = Callable[[float], float]
Shape = Callable[[Period, Random], Spend]


def _ticks(period: Period, rate: Rate, *, rng: Random, sigma: float = 0.3) -> list[float]:
    """A rate by the hour of the period, drawn with noise."""
    count = round(period.hours / period.tick_hours)
    moments = [(index + 0.5) * period.tick_hours for index in range(count)]
    return [rate(hour) * period.tick_hours * rng.lognormvariate(-sigma * sigma / 2, sigma) for hour in moments]


def _using(share: float, ticks: list[float]) -> list[float]:
    total = sum(ticks)
    return [tick * share / total for tick in ticks]


def _exhausted_at(hour: float, period: Period, ticks: list[float]) -> list[float]:
    return _using(sum(ticks) / sum(ticks[: round(hour / period.tick_hours)]), ticks)


def _of_limit(period: Period, rng: Random, *, hour: float, day: float, week: float, month: float) -> float:
    """How much of its limit a quiet budget uses: from a fifth up to what is given for its period."""
    return rng.uniform(0.2, {HOUR: hour, DAY: day, WEEK: week, MONTH: month}[period.hours])


def _office(hour: float, *, night: float = 0.03, weekend: float = 0.1) -> float:
    of_day = 1.0 if 9 <= hour % 24 < 18 else night
    return of_day * (weekend if hour // 24 % 7 >= 5 else 1.0)


# Quiet


def steady(period: Period, rng: Random) -> Spend:
    """The same all the time, with the noise of many requests; up to 95 % of the limit (an hour's few readings: 85 %)."""
    share = _of_limit(period, rng, hour=0.85, day=0.95, week=0.95, month=0.95)
    return Spend(period, _using(share, _ticks(period, lambda _: 1, rng=rng)))


def heavy_tailed_noise(period: Period, rng: Random) -> Spend:
    """Few requests, at random, whose cost varies without bound (Pareto, exponent 1.8); none alone is more than a tenth of all."""
    share = _of_limit(period, rng, hour=0.6, day=0.85, week=0.85, month=0.85)
    a_period = rng.choice((40, 200, 1000)) if period.hours > HOUR else 200
    ticks = [0.0] * round(period.hours / period.tick_hours)
    for _ in range(a_period):
        ticks[rng.randrange(len(ticks))] += min(rng.paretovariate(1.8), a_period / 5)
    return Spend(period, _using(share, ticks))


def spike(period: Period, rng: Random) -> Spend:
    """One burst of up to an hour and up to 80 % of the limit, on a base that fits (a daily budget's: half an hour)."""
    longest = {HOUR: 1 / 12, DAY: 0.45, WEEK: 0.9, MONTH: 0.9}[period.hours]
    lasts = max(period.tick_hours, rng.uniform(0, longest))
    begins = rng.uniform(0, period.hours - lasts)
    # Two readings an hour's budget apart may halve a burst, and two halves of a bigger one are a pace.
    size = rng.uniform(0.1, 0.4 if period.hours == HOUR else 0.8)
    ticks = _ticks(period, lambda _: rng.choice((0.02, 0.1, 0.15)) / period.hours, rng=rng)
    first, count = int(begins / period.tick_hours), max(1, round(lasts / period.tick_hours))
    for index in range(first, min(first + count, len(ticks))):
        ticks[index] += size / count
    return Spend(period, ticks)


def one_off_job(period: Period, rng: Random) -> Spend:
    """One job of a few hours that takes up to half of the limit, on a base that fits."""
    lasts = min(rng.choice((2, 6, 12)), period.hours / 6)
    begins = rng.uniform(0, period.hours - lasts)
    size = rng.uniform(0.1, 0.5)

    def rate(hour: float) -> float:
        return 0.2 / period.hours + (size / lasts if begins <= hour < begins + lasts else 0)

    return Spend(period, _ticks(period, rate, rng=rng, sigma=0.1))


def weekend(period: Period, rng: Random) -> Spend:
    """Five weekdays and two days with a fifth of their spend or less; the period begins on any day."""
    share = _of_limit(period, rng, hour=0, day=0, week=0.85, month=0.95)
    begins, quiet = 24.0 * rng.randrange(7), rng.uniform(0, 0.2)
    return Spend(
        period, _using(share, _ticks(period, lambda hour: quiet if (begins + hour) // 24 % 7 >= 5 else 1, rng=rng)), begins
    )


def office_hours(period: Period, rng: Random) -> Spend:
    """Nine to six on weekdays, next to nothing besides. A day's budget begins at any hour, the others on any day."""
    share = _of_limit(period, rng, hour=0, day=0.7, week=0.8, month=0.9)
    begins = rng.choice((0.0, float(rng.randrange(24)))) if period.hours == DAY else 24.0 * rng.randrange(7)
    return Spend(period, _using(share, _ticks(period, lambda hour: _office(begins + hour), rng=rng)), begins)


def nightly_batch(period: Period, rng: Random) -> Spend:
    """A job every night, of half an hour to four hours, and little by day. A day's whole budget is but one of them."""
    share = _of_limit(period, rng, hour=0, day=0.7, week=0.85, month=0.9)
    lasts, clock, by_day = rng.choice((0.5, 1, 2, 4)), rng.choice((0, 1, 2, 3, 23)), rng.choice((0.05, 0.2, 0.5))
    ticks = _ticks(period, lambda hour: by_day / 24 + (1 / lasts if (hour - clock) % 24 < lasts else 0), rng=rng, sigma=0.2)
    return Spend(period, _using(share, ticks))


def early_requests(period: Period, rng: Random) -> Spend:
    """Up to 40 % of the limit within the first twelfth of the period, then little: a new period is no pace."""
    size, lasts = rng.uniform(0.05, 0.3 if period.hours == HOUR else 0.4), period.hours * rng.uniform(0.01, 1 / 12)
    return Spend(
        period, _ticks(period, lambda hour: 0.2 / period.hours + (size / lasts if hour < lasts else 0), rng=rng, sigma=0.1)
    )


def restart_with_gap(period: Period, rng: Random) -> Spend:
    """A restart: no reading for a while, a burst in the meantime, and a counter that lags for half an hour after it."""
    share, burst = _of_limit(period, rng, hour=0.35, day=0.35, week=0.35, month=0.35), rng.choice((0, 0.3, 0.6))
    lasts = min(rng.choice((1.0, 3.0, 8.0)), period.hours / 4)
    begins = rng.uniform(0.1, 0.7) * period.hours
    ticks = _using(share, _ticks(period, lambda _: 1, rng=rng))
    ticks[round((begins + lasts / 2) / period.tick_hours)] += burst
    return Spend(period, ticks, gap=(begins, begins + lasts), stale_share=rng.choice((0, 0.02)))


# Runaway


def overspend(period: Period, rng: Random) -> Spend:
    """From the first minute 5 % to 50 % more than fits; an hour's budget up to 20 %, to last for three readings."""
    pace = rng.choice((1.1, 1.15, 1.2) if period.hours == HOUR else (1.05, 1.1, 1.2, 1.35, 1.5))
    return Spend(period, _using(pace, _ticks(period, lambda _: 1, rng=rng)))


def multiple_overspend(period: Period, rng: Random) -> Spend:
    """From the first minute twice to six times what fits."""
    return Spend(period, _using(rng.choice((2, 3, 6)), _ticks(period, lambda _: 1, rng=rng)))


def ramp(period: Period, rng: Random) -> Spend:
    """Ever faster; used up between 40 % of the period (an hour's: 78 %) and its end."""
    exhausted = rng.uniform(0.78 if period.hours == HOUR else 0.4, 0.93) * period.hours
    begins_with = rng.choice((0.05, 0.2))
    ticks = _ticks(period, lambda hour: begins_with + hour / period.hours, rng=rng, sigma=0.1)
    return Spend(period, _exhausted_at(exhausted, period, ticks))


def jump(period: Period, rng: Random) -> Spend:
    """A pace that fits, then for good one that burns the rest within three hours or longer (an hour's: 47 minutes)."""
    base = rng.choice((0.1, 0.3, 0.6))
    if period.hours == HOUR:
        begins, lasts = rng.uniform(0, 0.1), rng.uniform(0.78, 0.85)
    else:
        begins = rng.uniform(0.02, 0.8) * period.hours
        lasts = min(rng.choice((3, 5, 10, 24, 72, 200)), 0.95 * (period.hours - begins))
    rest = 1 - base * begins / period.hours

    def rate(hour: float) -> float:
        return base / period.hours if hour < begins else rest / lasts

    return Spend(period, _ticks(period, rate, rng=rng, sigma=0.1), burns_hour=begins)


def runaway_at_night(period: Period, rng: Random) -> Spend:
    """Office hours that fit, and one night something begins that burns the rest by the morning."""
    begins = 24 * rng.randrange(round(period.hours / 24)) + rng.uniform(0, 3)
    lasts = rng.choice((3, 5, 8))
    office = _using(rng.choice((0.2, 0.5)), _ticks(period, _office, rng=rng))
    before = round(begins / period.tick_hours)
    rest = (1 - sum(office[:before])) * period.tick_hours / lasts
    return Spend(period, office[:before] + [rest] * (len(office) - before), burns_hour=begins)


QUIET: dict[str, tuple[Shape, tuple[str, ...]]] = {
    "steady": (steady, ("hour", "day", "week", "month")),
    "heavy-tailed noise": (heavy_tailed_noise, ("hour", "day", "week", "month")),
    "one-off spike": (spike, ("hour", "day", "week", "month")),
    "one-off job": (one_off_job, ("day", "week", "month")),
    "weekend": (weekend, ("week", "month")),
    "office hours": (office_hours, ("day", "week", "month")),
    "nightly batch": (nightly_batch, ("day", "week", "month")),
    "early requests": (early_requests, ("hour", "day", "week", "month")),
    "restart with a gap": (restart_with_gap, ("hour", "day", "week", "month")),
}
RUNAWAY: dict[str, tuple[Shape, tuple[str, ...]]] = {
    "steady overspend": (overspend, ("hour", "day", "week", "month")),
    "multiple overspend": (multiple_overspend, ("day", "week", "month")),
    "ramp": (ramp, ("hour", "day", "week", "month")),
    "permanent jump": (jump, ("hour", "day", "week", "month")),
    "runaway at night": (runaway_at_night, ("day", "week", "month")),
}


class Forecaster(Protocol):
    def __call__(
        self, samples: list[SpendSample], *, limit: Decimal, period_end: datetime | None, now: datetime
    ) -> Forecast | None: ...


class Outcome(NamedTuple):
    """One run: when it first alarmed, when the budget was used up (None for never) and since when it burned, in hours."""

    alarm_hour: float | None
    exhausted_hour: float | None
    burns_hour: float
    used_share: float = 0
    forecast_hour: float = math.nan


def drawn(shape: str, period: str, seed: int) -> Spend:
    draw, _ = (QUIET | RUNAWAY)[shape]
    return draw(PERIODS[period], Random(f"{shape}/{period}/{seed}"))


def readings(spend: Spend, rng: Random) -> Iterator[tuple[float, float | None]]:
    """Every quarter of an hour: the hour, and the share of the limit that was read; None where the reading is missing."""
    hour = rng.uniform(0, 0.25)
    while hour < spend.period.hours:
        at = max(0.0, hour + rng.uniform(-0.02, 0.02))
        began, ended = spend.gap
        is_missing = began <= at < ended or (spend.period.hours > HOUR and rng.random() < 0.03)
        lags = spend.stale_share if ended and ended <= at < ended + 0.5 else 0
        yield at, None if is_missing else max(0.0, spend.share_at(min(at, spend.period.hours)) - lags)
        hour += 0.25


def replay(spend: Spend, *, seed: int, forecaster: Forecaster = forecast) -> Outcome:
    """Feed the growing series until the first alarm, the exhaustion or the end.

    The period before ends nearly used up, and counts as running until a reading tells of the new one.
    """
    begin = MONDAY + timedelta(hours=spend.begins_hour)
    period_end = begin
    samples = [SpendSample(begin - READING * (4 - count), LIMIT * (92 + 2 * count) / 100) for count in range(4)]
    exhausted = spend.exhausted_hour
    for hour, share in readings(spend, Random(seed)):
        if exhausted is not None and hour >= exhausted:
            break
        now = begin + timedelta(hours=hour)
        if share is not None:
            samples.append(SpendSample(now, Decimal(str(round(share, 9))) * LIMIT))
            period_end = begin + timedelta(hours=spend.period.hours)
            _thin(samples)
        found = forecaster(samples, limit=LIMIT, period_end=period_end, now=now)
        if found is not None:
            told = (found.exhausted_at - begin) / timedelta(hours=1)
            return Outcome(hour, exhausted, spend.burns_hour, spend.share_at(hour), told)
    return Outcome(None, exhausted, spend.burns_hour)


def _thin(samples: list[SpendSample]) -> None:
    oldest = len(samples) - RECENT_COUNT
    if oldest > 0 and samples[oldest].at - samples[oldest - 1].at < timedelta(hours=0.9):
        del samples[oldest]


def table(seeds: int, *, shapes: dict[str, tuple[Shape, tuple[str, ...]]]) -> Iterator[str]:
    """One line a shape and period: alarms, lead as a share of the period and in hours, share used, how far the time was off."""
    yield f"{'shape':<20} {'period':<6} {'alarms':>8}  {'lead of the period: least, median':>33}  {'hours':>12}  used  off"
    for name, (_, periods) in shapes.items():
        for period in periods:
            outcomes = [replay(drawn(name, period, seed), seed=seed) for seed in range(seeds)]
            alarms = [one for one in outcomes if one.alarm_hour is not None]
            line = f"{name:<20} {period:<6} {len(alarms):>3} of {len(outcomes):<3}"
            if alarms and all(one.exhausted_hour is not None for one in alarms):
                leads = [one.exhausted_hour - one.alarm_hour for one in alarms]
                off = [abs(one.forecast_hour - one.exhausted_hour) / lead for one, lead in zip(alarms, leads, strict=True)]
                hours = PERIODS[period].hours
                line += f"  {min(leads) / hours:>20.1%}, {statistics.median(leads) / hours:>10.1%}"
                line += f"  {min(leads):>5.1f}, {statistics.median(leads):>5.1f}"
                line += f"  {statistics.median(one.used_share for one in alarms):>4.0%}  {statistics.median(off):.0%}"
            yield line


if __name__ == "__main__":
    for group in (RUNAWAY, QUIET):
        for row in table(int(sys.argv[1]), shapes=group):
            print(row, flush=True)
