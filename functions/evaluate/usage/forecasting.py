"""Readings of a budget's spend → whether, and when, it will be used up before it resets. Pure; keeps nothing between calls.

The multiwindow, multi-burn-rate alert of *The Site Reliability Workbook* (chapter 5, "Alerting on SLOs",
sre.google/workbook/alerting-on-slos), with the budget for the error budget, dollars an hour for the burn rate, and a short
window of one twelfth of the long one. Two pairs of windows look back from the latest reading. A pair warns when both of
its rates, kept up for as long as it looks ahead, pass what it must reach::

    period began                                        latest reading                       reset
         │          ┌────────────── slow: 1/2 ────────────────┤─ ─ ─ until the reset ─ ─ ─ ▶│   150 % of the limit
         │          │                     ┌──── fast: 1/4 ────┤─ half of that ▶             │   100 % of the limit
         ┴──────────┴───────░░░───────────┴────────────────▒▒▒┴─────────────────────────────┴─▶
                       left out: the busiest stretch     short window: does it go on?

1. The **long** window says that it lasts. Its busiest stretch, as long as the short window, is left out: a spike is no pace.
   What came before the period's first reading counts as nothing spent.
2. The **short** window says that it goes on, and gives the rate that is told. Behind a spike or a working day it falls silent.
3. **Fast** looks ahead half as far as it looks back: what has burned for two hours is trusted for one more, and a night's job
   or a working day ends before that adds up. Its short window is an hour at most: a month's budget, too, can burn in hours.
4. **Slow** sees a steady overspend long before, and wants 150 %: five weekdays promise 7 / 5.4 of what their week will spend,
   and a working day at the beginning of a day's period more.
5. The period's length counts from its first reading. A budget that never resets has the fast windows of a weekly one, and is
   foretold up to 21 hours ahead: over a night, and by the pace of almost two days.

The least evidence follows from these rules and needs none of its own: three readings, and half of the limit used (a third of
slow's 150 %, as it looks ahead at most twice as far as back). So a few early requests say nothing.

In: readings by the quarter of an hour, older ones may be sparser; in any order, doubled or missing. What was spent between
two readings counts as spread evenly, and as one stretch: a gap makes a warning later. A reading below the one before it
begins the period anew.
Out: a forecast or None, from these readings alone: the caller tells it once.

What it cannot tell:

- a burn that is over within three readings or, where the period is a day or longer, within two to three hours; thresholds do;
- in an hour's period, every other ramp: three readings show a pace that is kept, and hardly one that grows;
- a habit from a runaway, where working hours use more than 70 % of a daily limit or 80 % of a weekly one, or where a job of
  several hours uses more than 70 % of what was left.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import compress, count
from typing import NamedTuple

from gateway_alerts.bounds import MAX_MONEY_USD

#: Readings come by the quarter of an hour. No window and no look ahead is shorter than two of them, but for an hour's short
#: window, which is one; and what was read no more for longer is not going on.
TWO_READINGS = timedelta(minutes=30)
FAST_SHORT_AT_MOST = timedelta(hours=1)
FAST_REACH, SLOW_REACH = Decimal(1), Decimal("1.5")
#: How a budget is watched that names no reset.
PERIOD_WITHOUT_RESET = timedelta(days=7)

_MICROSECONDS_PER_HOUR = Decimal(3_600_000_000)


class SpendSample(NamedTuple):
    """One reading: what a budget had spent in its running period, in US dollars, at a time with a zone."""

    at: datetime
    spend: Decimal


class Forecast(NamedTuple):
    """A budget that will be used up before it resets, at the present rate.

    Attributes:
        exhausted_at: when its limit will be reached; never before now, never after the reset.
        usd_per_hour: the present rate, that of the short window.
        projected_spend: in US dollars, at the reset, at most what an alert can carry; None where no reset is named.
    """

    exhausted_at: datetime
    usd_per_hour: Decimal
    projected_spend: Decimal | None


def forecast(samples: Sequence[SpendSample], *, limit: Decimal, period_end: datetime | None, now: datetime) -> Forecast | None:
    """When the budget will be used up; None when it will last, is used up already, or too little is known.

    Args:
        samples: readings of the running period; those of earlier ones may precede them.
        limit: in US dollars; of one that is not above zero nothing can be left.
        period_end: when the budget resets, None when it never does.
        now: readings after it do not count yet.
    """
    readings = _Readings.of_running_period(samples, now=now)
    is_over = period_end is not None and period_end <= now
    if readings is None or is_over or limit <= 0:
        return None
    latest_at, spend = readings.latest
    is_silent = now - latest_at > TWO_READINGS
    is_used_up = spend >= limit
    if is_silent or is_used_up:
        return None
    until_reset = None if period_end is None else period_end - latest_at
    period = PERIOD_WITHOUT_RESET if until_reset is None else readings.age + until_reset
    for windows in _window_pairs(period, until_reset=until_reset):
        enough = (windows.reach * limit - spend) / _hours(windows.ahead)
        rate = readings.rate(windows.short)
        # With nothing left out the long window's rate is no lower, and costs less: it spares most budgets the search.
        if min(rate, readings.rate(windows.long)) > enough and readings.lasting_rate(windows) > enough:
            exhausted_at = latest_at + timedelta(hours=float((limit - spend) / rate))
            projected = None if until_reset is None else min(spend + rate * _hours(until_reset), MAX_MONEY_USD)
            return Forecast(max(exhausted_at, now), rate, projected)
    return None


class _Windows(NamedTuple):
    long: timedelta
    short: timedelta
    ahead: timedelta
    reach: Decimal


def _window_pairs(period: timedelta, *, until_reset: timedelta | None) -> Iterator[_Windows]:
    """The pairs for a period of this length, the fast one first."""
    long = max(period / 4, TWO_READINGS)
    ahead = max(long / 2, TWO_READINGS)
    short = min(_short(long), FAST_SHORT_AT_MOST)
    yield _Windows(long, short, ahead if until_reset is None else min(ahead, until_reset), FAST_REACH)
    if until_reset is not None:
        long = max(period / 2, TWO_READINGS)
        yield _Windows(long, _short(long), until_reset, SLOW_REACH)


def _short(long: timedelta) -> timedelta:
    return min(max(long / 12, TWO_READINGS), long / 2)


class _Readings(NamedTuple):
    """The readings of the running period, in order; never empty."""

    times: list[datetime]
    spends: list[Decimal]

    @classmethod
    def of_running_period(cls, samples: Sequence[SpendSample], *, now: datetime) -> "_Readings | None":
        known = sorted(samples)
        times, spends = [sample.at for sample in known], [sample.spend for sample in known]
        end = bisect_right(times, now)
        falls = map(operator.lt, spends[1:end], spends)
        begin = max(compress(count(1), falls), default=0)
        return cls(times[begin:end], spends[begin:end]) if end else None

    @property
    def latest(self) -> SpendSample:
        return SpendSample(self.times[-1], self.spends[-1])

    @property
    def age(self) -> timedelta:
        return self.times[-1] - self.times[0]

    def rate(self, window: timedelta) -> Decimal:
        """US dollars an hour, over the window up to the latest reading."""
        return (self.spends[-1] - self._spend_at(self.times[-1] - window)) / _hours(window)

    def lasting_rate(self, windows: _Windows) -> Decimal:
        """US dollars an hour over the long window, its busiest stretch left out."""
        begin = self.times[-1] - windows.long
        increase = self.spends[-1] - self._spend_at(begin)
        return (increase - self._busiest(begin, windows.short)) / _hours(windows.long - windows.short)

    def _busiest(self, begin: datetime, width: timedelta) -> Decimal:
        """The most that was spent within ``width``, or between two readings, from ``begin`` on."""
        first = bisect_right(self.times, begin)
        busiest = self._spend_at(max(begin + width, self.times[first])) - self._spend_at(begin)
        for index in range(first, len(self.times) - 1):
            end = max(self.times[index] + width, self.times[index + 1])
            busiest = max(busiest, self._spend_at(end) - self.spends[index])
        return busiest

    def _spend_at(self, at: datetime) -> Decimal:
        """Spend at any time: between two readings in proportion, before the first and after the last as there."""
        after = bisect_left(self.times, at)
        if after == 0:
            return self.spends[0]
        if after == len(self.times):
            return self.spends[-1]
        begin, end = self.times[after - 1], self.times[after]
        increase = self.spends[after] - self.spends[after - 1]
        return self.spends[after - 1] + increase * (_hours(at - begin) / _hours(end - begin))


def _hours(span: timedelta) -> Decimal:
    return (span // timedelta(microseconds=1)) / _MICROSECONDS_PER_HOUR
