"""Local days and periods where clocks change, and where midnight is an odd time."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.usage.periods import (
    QUARTER_SECONDS,
    Period,
    by_day,
    day_of,
    days,
    due_days,
    due_month,
    due_part,
    quarter_of,
    start_of,
    this_month,
    today,
)

BERLIN, KATHMANDU, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York")
CAIRO, UTC_ZONE = ZoneInfo("Africa/Cairo"), ZoneInfo("UTC")
NINE = time(9)


def at(text: str, zone: ZoneInfo = UTC_ZONE) -> datetime:
    """A local time as the moment it is, in UTC as the function's clock gives it."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


class TestDays:
    @pytest.mark.parametrize(
        ("zone", "day", "begins", "quarter_count"),
        [
            pytest.param(BERLIN, "2026-11-23", "2026-11-22T23:00", 96, id="an ordinary day in Berlin"),
            pytest.param(BERLIN, "2026-03-29", "2026-03-28T23:00", 92, id="the day of 23 hours in Berlin"),
            pytest.param(BERLIN, "2026-10-25", "2026-10-24T22:00", 100, id="the day of 25 hours in Berlin"),
            pytest.param(NEW_YORK, "2026-03-08", "2026-03-08T05:00", 92, id="the day of 23 hours in New York"),
            pytest.param(NEW_YORK, "2026-11-01", "2026-11-01T04:00", 100, id="the day of 25 hours in New York"),
            pytest.param(KATHMANDU, "2026-11-23", "2026-11-22T18:15", 96, id="a day in Kathmandu begins at a quarter past"),
            pytest.param(CAIRO, "2026-04-24", "2026-04-23T22:00", 92, id="the day without a midnight in Cairo"),
        ],
    )
    def test_a_local_day_is_a_range_of_quarters(self, zone: ZoneInfo, day: str, begins: str, quarter_count: int) -> None:
        period = days(date.fromisoformat(day), date.fromisoformat(day) + timedelta(days=1), zone=zone)

        assert start_of(period.quarters.start) == datetime.fromisoformat(begins).replace(tzinfo=UTC)
        assert len(period.quarters) == quarter_count
        assert [found for found, _ in by_day(period.quarters, zone)] == [date.fromisoformat(day)]

    def test_midnight_of_every_zone_falls_on_a_quarter(self) -> None:
        odd = [
            (zone, day)
            for zone in available_timezones()
            for day in (date(2026, 1, 1) + timedelta(days=week) for week in range(0, 364, 14))
            if datetime.combine(day, time(0), tzinfo=ZoneInfo(zone)).timestamp() % QUARTER_SECONDS
        ]
        assert odd == []

    @settings(database=None, deadline=None, derandomize=True)
    @given(st.integers(min_value=0, max_value=4_000_000), st.sampled_from([BERLIN, KATHMANDU, NEW_YORK, CAIRO]))
    def test_every_quarter_lies_in_the_day_that_it_belongs_to(self, quarter: int, zone: ZoneInfo) -> None:
        day = day_of(quarter, zone)

        assert quarter in days(day, day + timedelta(days=1), zone=zone).quarters
        assert quarter == quarter_of(start_of(quarter))

    def test_the_day_and_month_that_run(self) -> None:
        now = at("2026-10-31T23:50", NEW_YORK)

        assert today(now, zone=NEW_YORK) == days(date(2026, 10, 31), date(2026, 11, 1), zone=NEW_YORK)
        assert this_month(now, zone=NEW_YORK) == days(date(2026, 10, 1), date(2026, 11, 1), zone=NEW_YORK)
        assert this_month(now, zone=BERLIN) == days(date(2026, 11, 1), date(2026, 12, 1), zone=BERLIN)


class TestDue:
    @pytest.mark.parametrize(
        ("now", "day_count", "zone", "period"),
        [
            pytest.param(at("2026-11-23T08:59"), 7, UTC_ZONE, None, id="before the report time"),
            pytest.param(at("2026-11-23T09:00"), 7, UTC_ZONE, ("11-16", "11-23"), id="on Monday at the report time"),
            pytest.param(at("2026-11-23T23:59"), 7, UTC_ZONE, ("11-16", "11-23"), id="a run that was missed, within the day"),
            pytest.param(at("2026-11-24T09:00"), 7, UTC_ZONE, None, id="not on Tuesday any more"),
            pytest.param(at("2026-11-24T09:00"), 1, UTC_ZONE, ("11-23", "11-24"), id="each day"),
            pytest.param(at("2026-11-23T09:00", BERLIN), 7, BERLIN, ("11-16", "11-23"), id="Monday in Berlin"),
            pytest.param(at("2026-11-23T08:59", BERLIN), 7, BERLIN, None, id="not yet nine in Berlin"),
            pytest.param(at("2026-11-23T09:00", NEW_YORK), 7, NEW_YORK, ("11-16", "11-23"), id="Monday in New York"),
            pytest.param(at("2026-11-23T09:00"), 7, KATHMANDU, ("11-16", "11-23"), id="afternoon in Kathmandu"),
            pytest.param(at("2026-11-22T20:00"), 7, KATHMANDU, None, id="Monday in Kathmandu, before nine"),
        ],
    )
    def test_whole_days(self, now: datetime, day_count: int, zone: ZoneInfo, period: tuple[str, str] | None) -> None:
        due = due_days(now, day_count=day_count, report_time=NINE, zone=zone)

        expected = period and days(*(date.fromisoformat(f"2026-{day}") for day in period), zone=zone)
        assert due == expected

    def test_a_report_time_that_clocks_skip_comes_after_the_gap(self) -> None:
        half_past_two = time(2, 30)
        due_at = [
            minute
            for minute in range(0, 300, 15)
            if due_days(
                at("2026-03-29T00:00", BERLIN) + timedelta(minutes=minute), day_count=1, report_time=half_past_two, zone=BERLIN
            )
        ]

        assert start_of(quarter_of(at("2026-03-29T00:00", BERLIN)) + due_at[0] // 15) == at("2026-03-29T03:00", BERLIN)

    @pytest.mark.parametrize("day_count", [2, 3, 10, 31])
    def test_other_numbers_of_days_follow_each_other_without_gap_or_overlap(self, day_count: int) -> None:
        noons = (at("2026-01-01T12:00") + timedelta(days=n) for n in range(100))
        periods = [due for now in noons if (due := due_days(now, day_count=day_count, report_time=NINE, zone=UTC_ZONE))]

        assert len(periods) in (100 // day_count, 100 // day_count + 1)
        assert all(earlier.quarters.stop == later.quarters.start for earlier, later in pairwise(periods))

    @pytest.mark.parametrize(
        ("now", "zone", "month"),
        [
            pytest.param(at("2026-12-01T09:00"), UTC_ZONE, "2026-11-01", id="on the first: the month that ended"),
            pytest.param(at("2027-01-01T10:00"), UTC_ZONE, "2026-12-01", id="at New Year: December"),
            pytest.param(at("2026-12-01T08:59"), UTC_ZONE, None, id="before the report time"),
            pytest.param(at("2026-12-02T09:00"), UTC_ZONE, None, id="not on the second"),
            pytest.param(at("2026-04-01T09:00", BERLIN), BERLIN, "2026-03-01", id="a month in which clocks changed"),
        ],
    )
    def test_months(self, now: datetime, zone: ZoneInfo, month: str | None) -> None:
        due = due_month(now, report_time=NINE, zone=zone)

        if month is None:
            assert due is None
        else:
            assert due is not None
            assert due == this_month(due.start, zone=zone)
            assert str(due.start.date()) == month
            assert due.end_epoch <= now.timestamp()

    @pytest.mark.parametrize(
        ("now", "seconds", "zone", "part"),
        [
            pytest.param("2026-11-23T12:00", 43_200, UTC_ZONE, ("23T00:00", "23T12:00"), id="at noon: the morning"),
            pytest.param("2026-11-23T11:59", 43_200, UTC_ZONE, ("22T12:00", "23T00:00"), id="before noon: yesterday's afternoon"),
            pytest.param("2026-11-23T23:59", 43_200, UTC_ZONE, ("23T00:00", "23T12:00"), id="a run that was missed"),
            pytest.param("2026-11-23T10:00", 36_000, UTC_ZONE, ("23T00:00", "23T10:00"), id="what does not divide the day"),
            pytest.param("2026-11-24T00:00", 36_000, UTC_ZONE, ("23T20:00", "24T00:00"), id="the last part ends at midnight"),
            pytest.param("2026-11-23T12:00", 43_200, KATHMANDU, ("23T00:00", "23T12:00"), id="noon in Kathmandu"),
            pytest.param("2026-11-23T09:20", 1, UTC_ZONE, ("23T09:00", "23T09:15"), id="no part is shorter than a quarter"),
            pytest.param("2026-11-23T00:20", 1_000, UTC_ZONE, ("23T00:00", "23T00:15"), id="a part ends on a quarter"),
        ],
    )
    def test_parts_of_a_day(self, now: str, seconds: int, zone: ZoneInfo, part: tuple[str, str]) -> None:
        due = due_part(at(now, zone), seconds=seconds, zone=zone)

        assert (due.start, due.end) == tuple(at(f"2026-11-{end}", zone) for end in part)

    @pytest.mark.parametrize(
        ("zone", "change"),
        [
            (BERLIN, "2026-03-29"),
            (BERLIN, "2026-10-25"),
            (NEW_YORK, "2026-03-08"),
            (NEW_YORK, "2026-11-01"),
            (CAIRO, "2026-04-24"),
            (CAIRO, "2026-10-29"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("seconds", [900, 1_800, 7_200, 36_000, 43_200])
    def test_parts_follow_each_other_where_clocks_change(self, zone: ZoneInfo, change: str, seconds: int) -> None:
        noon = quarter_of(at(f"{change}T12:00", zone))
        parts = [due_part(start_of(quarter), seconds=seconds, zone=zone) for quarter in range(noon - 192, noon + 192)]

        distinct = list(dict.fromkeys(parts))
        assert all(earlier.quarters.stop == later.quarters.start for earlier, later in pairwise(distinct))
        assert all(part.start.date() == day_of(part.quarters.stop - 1, zone) for part in distinct)

    def test_noon_is_noon_on_the_day_that_clocks_change(self) -> None:
        due = due_part(at("2026-10-25T12:00", BERLIN), seconds=43_200, zone=BERLIN)

        assert due.end == at("2026-10-25T12:00", BERLIN)
        assert len(due.quarters) == 13 * 4


class TestPeriods:
    @pytest.mark.parametrize(
        ("period", "before"),
        [
            pytest.param(("2026-11-16", "2026-11-23"), ("2026-11-09", "2026-11-16"), id="a week"),
            pytest.param(("2026-11-01", "2026-12-01"), ("2026-10-01", "2026-11-01"), id="a month of 30 days after one of 31"),
            pytest.param(("2026-01-01", "2026-02-01"), ("2025-12-01", "2026-01-01"), id="January"),
            pytest.param(("2026-03-01", "2026-03-08"), ("2026-02-22", "2026-03-01"), id="a week that begins on the first"),
            pytest.param(("2026-10-26", "2026-11-02"), ("2026-10-19", "2026-10-26"), id="after the week with 25 hours"),
        ],
    )
    def test_the_period_before(self, period: tuple[str, str], before: tuple[str, str]) -> None:
        made, expected = (days(*map(date.fromisoformat, ends), zone=BERLIN) for ends in (period, before))

        assert made.before == expected

    @pytest.mark.parametrize(
        ("begin", "end", "zone", "text"),
        [
            ("2026-11-01T00:00", "2026-12-01T00:00", UTC_ZONE, "November 2026"),
            ("2026-11-23T00:00", "2026-11-24T00:00", UTC_ZONE, "23 Nov 2026"),
            ("2026-11-16T00:00", "2026-11-23T00:00", BERLIN, "16–22 Nov 2026"),
            ("2026-11-30T00:00", "2026-12-07T00:00", UTC_ZONE, "30 Nov – 6 Dec 2026"),
            ("2026-12-28T00:00", "2027-01-04T00:00", UTC_ZONE, "28 Dec 2026 – 3 Jan 2027"),
            ("2026-11-23T00:00", "2026-11-23T12:00", BERLIN, "23 Nov 2026, 00:00–12:00 CET"),
            ("2026-11-23T12:00", "2026-11-24T00:00", NEW_YORK, "23 Nov 2026, 12:00–24:00 EST"),
            ("2026-04-24T01:00", "2026-04-25T00:00", CAIRO, "24 Apr 2026"),
        ],
    )
    def test_in_words(self, begin: str, end: str, zone: ZoneInfo, text: str) -> None:
        assert Period(range(quarter_of(at(begin, zone)), quarter_of(at(end, zone))), zone).text == text

    def test_the_end_is_what_a_claim_is_told_by(self) -> None:
        assert days(date(2026, 11, 16), date(2026, 11, 23), zone=BERLIN).end_epoch == at("2026-11-23T00:00", BERLIN).timestamp()
