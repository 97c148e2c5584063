"""Quarters of an hour, local days, and the periods that reports cover. Pure.

A quarter is ``epoch // 900``. Midnight of every zone falls on one (Kathmandu's at 18:15 UTC), so that a local day is a
range of quarters: 96 of them, 92 or 100 where clocks change. A period is a range of quarters as well, cut where the
clocks of its zone say::

    days        N whole days, counted from a Monday: 7 of them are a week from Monday to Sunday
    month       a calendar month
    part        of a day: multiples of so many seconds since midnight by the clock; the last one ends at midnight

A period is due once it has ended, days and months at the time of day when reports are posted, until that day (for a part
of a day: the next part) is over: a run that was missed is made up for by the next one within that time.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

QUARTER_SECONDS = 900
DAY_SECONDS = 86_400


class Period(NamedTuple):
    """A range of quarters, and the zone by whose clocks it was cut."""

    quarters: range
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """When it begins, in its zone."""
        return start_of(self.quarters.start).astimezone(self.zone)

    @property
    def end(self) -> datetime:
        """When it is over, in its zone."""
        return start_of(self.quarters.stop).astimezone(self.zone)

    @property
    def end_epoch(self) -> int:
        """When it is over, in epoch seconds."""
        return self.quarters.stop * QUARTER_SECONDS

    @property
    def before(self) -> "Period":
        """The period before one of whole days or a month, as long as this one by the calendar."""
        first, end = self.start.date(), self.end.date()
        return days(_previous_month(first) if self._is_month else first - (end - first), first, zone=self.zone)

    @property
    def text(self) -> str:
        """In words: ``November 2026``, ``16–22 Nov 2026``, ``23 Nov 2026``, ``23 Nov 2026, 00:00–12:00 CET``."""
        first, last = self.start.date(), day_of(self.quarters.stop - 1, self.zone)
        if not self._is_whole_days:
            end = "24:00" if self.end.date() != last else f"{self.end:%H:%M}"
            return f"{_day(first)}, {self.start:%H:%M}–{end} {self.start:%Z}"
        if self._is_month:
            return f"{first:%B %Y}"
        if first == last:
            return _day(first)
        if first.year != last.year:
            return f"{_day(first)} – {_day(last)}"
        return f"{first.day} {first:%b} – {_day(last)}" if first.month != last.month else f"{first.day}–{_day(last)}"

    @property
    def _is_whole_days(self) -> bool:
        return self == days(self.start.date(), self.end.date(), zone=self.zone)

    @property
    def _is_month(self) -> bool:
        first = self.start.date()
        return first.day == 1 and self.end.date() == _next_month(first)


def quarter_of(moment: datetime) -> int:
    """The quarter that a moment lies in."""
    return int(moment.timestamp()) // QUARTER_SECONDS


def start_of(quarter: int) -> datetime:
    """When a quarter begins, in UTC."""
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC)


def day_of(quarter: int, zone: ZoneInfo) -> date:
    """The local day that a quarter belongs to."""
    return start_of(quarter).astimezone(zone).date()


def by_day(quarters: Iterable[int], zone: ZoneInfo) -> Iterator[tuple[date, list[int]]]:
    """Ascending quarters by the local day that they belong to."""
    for day, group in groupby(quarters, key=lambda quarter: day_of(quarter, zone)):
        yield day, list(group)


def days(first: date, end: date, *, zone: ZoneInfo) -> Period:
    """From the beginning of one local day until the beginning of another."""
    return Period(range(_midnight(first, zone), _midnight(end, zone)), zone)


def today(now: datetime, *, zone: ZoneInfo) -> Period:
    """The local day that is running."""
    day = now.astimezone(zone).date()
    return days(day, day + timedelta(days=1), zone=zone)


def this_month(now: datetime, *, zone: ZoneInfo) -> Period:
    """The calendar month that is running."""
    first = now.astimezone(zone).date().replace(day=1)
    return days(first, _next_month(first), zone=zone)


def due_days(now: datetime, *, day_count: int, report_time: time, zone: ZoneInfo) -> Period | None:
    """The period of whole days that ended at the last midnight, once it is time to report; None on other days."""
    local = now.astimezone(zone)
    # Day 1 of the calendar was a Monday.
    is_first_day = (local.toordinal() - 1) % day_count == 0
    if not is_first_day or local.time() < report_time:
        return None
    return days(local.date() - timedelta(days=day_count), local.date(), zone=zone)


def due_month(now: datetime, *, report_time: time, zone: ZoneInfo) -> Period | None:
    """The month that ended at the last midnight, once it is time to report; None on other days."""
    local = now.astimezone(zone)
    if local.day != 1 or local.time() < report_time:
        return None
    return days(_previous_month(local.date()), local.date(), zone=zone)


def due_part(now: datetime, *, seconds: int, zone: ZoneInfo) -> Period:
    """The part of a day that ended last. It begins and ends on quarters, whatever ``seconds`` says."""
    day = now.astimezone(zone).date()
    ends = sorted({*_part_ends(day - timedelta(days=1), seconds, zone), *_part_ends(day, seconds, zone)})
    over = [end for end in ends if end <= quarter_of(now)]
    start, end = list(pairwise(over))[-1]
    return Period(range(start, end), zone)


def _part_ends(day: date, seconds: int, zone: ZoneInfo) -> Iterator[int]:
    """The quarters of a local day with which a part begins: by the clock, so that noon is noon on every day."""
    for step in range(0, DAY_SECONDS, max(seconds, QUARTER_SECONDS)):
        clock = datetime.combine(day, time(0)) + timedelta(seconds=step - step % QUARTER_SECONDS)
        yield quarter_of(clock.replace(tzinfo=zone))


def _midnight(day: date, zone: ZoneInfo) -> int:
    """The first quarter of a local day: that of the first midnight of two, or after the gap where clocks skip it."""
    return quarter_of(datetime.combine(day, time(0), tzinfo=zone))


def _previous_month(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
