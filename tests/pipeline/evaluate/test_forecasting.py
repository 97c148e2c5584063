"""Every spend shape, fed as it grows: runaways are foretold in time, nothing is told of the others, no part of the rule is spare.

``spend_shapes`` prints the table of results of as many seeds as one wants.
"""

import inspect
from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import NamedTuple

import pytest

from evaluate.usage import forecasting
from evaluate.usage.forecasting import SpendSample, forecast
from tests.pipeline.evaluate.spend_shapes import (
    MONDAY,
    QUIET,
    READING,
    RUNAWAY,
    Forecaster,
    Outcome,
    Shape,
    drawn,
    replay,
    table,
)

#: A month takes most of a second to feed.
SEEDS = {"hour": 40, "day": 20, "week": 8, "month": 2}
#: In an hour's period a ramp shows in two increases, and the smaller one is all that can be trusted.
FORETOLD_AT_LEAST = {("ramp", "hour"): 0.4}
#: Of the time from the runaway's begin until the budget is used up.
LEAST_LEAD_FRACTION, LEAST_MEDIAN_LEAD_FRACTION = 0.05, 0.125


def rows(shapes: dict[str, tuple[Shape, tuple[str, ...]]]) -> list[tuple[str, str]]:
    return [(name, period) for name, (_, periods) in shapes.items() for period in periods]


def run(shape: str, period: str, *, seeds: int, forecaster: Forecaster = forecast) -> list[Outcome]:
    return [replay(drawn(shape, period, seed), seed=seed, forecaster=forecaster) for seed in range(seeds)]


@pytest.mark.parametrize(("shape", "period"), rows(QUIET))
def test_nothing_is_told_of_a_quiet_shape(shape: str, period: str) -> None:
    outcomes = run(shape, period, seeds=SEEDS[period])
    assert all(one.exhausted_hour is None for one in outcomes), "the shape is not quiet"
    assert [one for one in outcomes if one.alarm_hour is not None] == []


@pytest.mark.parametrize(("shape", "period"), rows(RUNAWAY))
def test_a_runaway_is_foretold_in_time(shape: str, period: str) -> None:
    outcomes = run(shape, period, seeds=SEEDS[period])
    assert all(one.exhausted_hour is not None for one in outcomes), "the shape is no runaway"
    leads = sorted(lead_fraction(one) for one in outcomes if one.alarm_hour is not None)
    assert len(leads) >= FORETOLD_AT_LEAST.get((shape, period), 1) * len(outcomes)
    if period != "hour":
        assert leads[0] >= LEAST_LEAD_FRACTION
        assert leads[len(leads) // 2] >= LEAST_MEDIAN_LEAD_FRACTION


def lead_fraction(outcome: Outcome) -> float:
    """How much of the time from the runaway's begin until the budget was used up was left; 0 where nothing was told."""
    assert outcome.exhausted_hour is not None
    if outcome.alarm_hour is None:
        return 0
    return (outcome.exhausted_hour - outcome.alarm_hour) / (outcome.exhausted_hour - outcome.burns_hour)


@pytest.mark.parametrize("shape", RUNAWAY)
def test_the_time_that_is_told_is_about_right(shape: str) -> None:
    outcomes = [one for one in run(shape, "day", seeds=SEEDS["day"]) if one.exhausted_hour and one.alarm_hour]
    off = sorted(abs(one.forecast_hour - one.exhausted_hour) / (one.exhausted_hour - one.alarm_hour) for one in outcomes)
    assert off[len(off) // 2] < 0.15
    assert off[-1] < 0.6


class Part(NamedTuple):
    """A part of the rule: where the lack of it shows, and its text with what stands there without it."""

    shape: str
    period: str
    edits: tuple[tuple[str, str], ...]


PARTS = {
    "the long window must agree": Part(
        "one-off spike", "day", (("min(rate, readings.rate(windows.long)) > enough and readings.lasting_rate(windows)", "rate"),)
    ),
    "its busiest stretch is left out": Part(
        "one-off spike", "day", ((" - self._busiest(begin, windows.short))", ")"),)
    ),
    "what was spent between two readings is one stretch": Part(
        "restart with a gap", "hour", (("max(self.times[index] + width, self.times[index + 1])", "self.times[index] + width"),)
    ),
    "a period younger than the long window spent nothing before": Part(
        "early requests", "day", (
            ("_hours(windows.long - windows.short)", "_hours(max(min(windows.long, self.age) - windows.short, TWO_READINGS))"),
            ("min(rate, readings.rate(windows.long)) > enough", "rate > enough"),
        ),
    ),
    "fast looks no further ahead than half as far as back": Part(
        "nightly batch", "day", (("ahead = max(long / 2, TWO_READINGS)", "ahead = period"),)
    ),
    "slow wants more than the limit": Part("nightly batch", "day", (('Decimal("1.5")', "Decimal(1)"),)),
    "the fast pair, without which a jump is told late": Part(
        "permanent jump", "day", (
            ("    yield _Windows(long, short, ahead if until_reset is None else min(ahead, until_reset), FAST_REACH)\n", ""),
        ),
    ),
    "the slow pair, without which a big overspend is told late": Part(
        "multiple overspend", "week", (("    if until_reset is not None:\n        long", "    if False:\n        long"),)
    ),
    "the short window of the fast pair is an hour at most": Part(
        "runaway at night", "month", (("short = min(_short(long), FAST_SHORT_AT_MOST)", "short = _short(long)"),)
    ),
    "the long window spans two readings": Part(
        "steady overspend", "hour", (("long = max(period / 4, TWO_READINGS)", "long = period / 4"),)
    ),
    "the short window spans readings": Part(
        "steady overspend", "hour", (("min(max(long / 12, TWO_READINGS), long / 2)", "long / 12"),)
    ),
    "fast looks ahead for two readings": Part(
        "steady overspend", "hour", (("ahead = max(long / 2, TWO_READINGS)", "ahead = long / 2"),)
    ),
    "the windows follow the period: a month's are too long for a day": Part(
        "steady overspend", "day", (("readings.age + until_reset", "timedelta(days=30)"),)
    ),
    "the windows follow the period: a day's are too short for a week": Part(
        "early requests", "week", (("readings.age + until_reset", "timedelta(days=1)"),)
    ),
    "a fall begins the period anew": Part("multiple overspend", "day", (("default=0)\n", "default=0) * 0\n"),)),
}  # fmt: skip


def without(edits: tuple[tuple[str, str], ...]) -> Forecaster:
    """The forecast with these edits in its source."""
    source = inspect.getsource(forecasting)
    for text, other in edits:
        assert source.count(text) == 1, f"the rule no longer says {text}"
        source = source.replace(text, other)
    mutant = ModuleType(forecasting.__name__)
    exec(compile(source, forecasting.__name__, "exec"), mutant.__dict__)
    found: Forecaster = mutant.forecast
    return found


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_no_part_of_the_rule_is_spare(part: Part) -> None:
    """Without it there are false alarms, or runaways are told later, if at all."""
    outcomes = run(part.shape, part.period, seeds=SEEDS[part.period], forecaster=without(part.edits))
    if part.shape in QUIET:
        assert any(one.alarm_hour is not None for one in outcomes)
    else:
        expected = run(part.shape, part.period, seeds=SEEDS[part.period])
        assert sum(map(lead_fraction, outcomes)) < 0.95 * sum(map(lead_fraction, expected))


class TestTheShortWindow:
    """Ten hours of 6 USD in a daily budget of 70, stopped when 60 are spent."""

    @staticmethod
    def hours_told(forecaster: Forecaster) -> float:
        """For how long after the stop it is still told."""
        spends = [min(Decimal(count) * 6 / 4, Decimal(60)) for count in range(96)]
        readings = [SpendSample(MONDAY + READING * count, spend) for count, spend in enumerate(spends)]
        told = [
            readings[count].at
            for count in range(96)
            if forecaster(readings[: count + 1], limit=Decimal(70), period_end=MONDAY + timedelta(days=1), now=readings[count].at)
        ]
        return (told[-1] - readings[40].at) / timedelta(hours=1)

    def test_falls_silent_within_two_readings_of_the_stop(self) -> None:
        assert 0 <= self.hours_told(forecast) <= 0.5

    def test_without_it_the_long_window_speaks_on_for_hours(self) -> None:
        assert self.hours_told(without((("rate = readings.rate(windows.short)", "rate = readings.lasting_rate(windows)"),))) > 1


def test_the_table_has_a_line_for_every_shape_and_period() -> None:
    lines = list(table(1, shapes={"ramp": RUNAWAY["ramp"], "steady": (QUIET["steady"][0], ("hour",))}))
    assert [line.split()[:2] for line in lines[1:]] == [
        ["ramp", "hour"],
        ["ramp", "day"],
        ["ramp", "week"],
        ["ramp", "month"],
        ["steady", "hour"],
    ]
