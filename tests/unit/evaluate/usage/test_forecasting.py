import operator
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evaluate.usage.forecasting import Forecast, SpendSample, forecast
from gateway_alerts.bounds import MAX_MONEY_USD

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def samples(*spends: float | Decimal, begin: datetime = BEGIN, every: timedelta = QUARTER) -> list[SpendSample]:
    return [SpendSample(begin + every * count, Decimal(spend)) for count, spend in enumerate(spends)]


def steady(usd_per_hour: int, *, hours: float) -> list[SpendSample]:
    return samples(*(Decimal(usd_per_hour) * count / 4 for count in range(int(hours * 4) + 1)))


def told(
    readings: Sequence[SpendSample], *, limit: float = 100, period: timedelta | None = DAY, now: datetime | None = None
) -> Forecast | None:
    return forecast(
        readings,
        limit=Decimal(limit),
        period_end=None if period is None else BEGIN + period,
        now=readings[-1].at if now is None else now,
    )


class TestTheFastPair:
    """6 USD an hour of 100 a day: after 13:45, when 82.50 are spent, three hours (half of a quarter day) use up the rest."""

    def test_says_when_the_budget_is_used_up_at_what_rate_and_what_would_be_spent(self) -> None:
        found = told(steady(6, hours=13.75))
        assert found == Forecast(BEGIN + timedelta(hours=16, minutes=40), Decimal(6), Decimal(144))

    def test_waits_as_long_as_the_end_is_further_ahead_than_half_the_long_window(self) -> None:
        assert told(steady(6, hours=13.5)) is None

    def test_does_not_look_beyond_the_reset(self) -> None:
        assert told(steady(4, hours=22), limit=97) is None
        assert told(steady(4, hours=22), limit=95) is not None

    def test_is_silent_where_the_limit_is_reached_just_at_the_reset(self) -> None:
        assert told(steady(4, hours=23), limit=96) is None

    @pytest.mark.parametrize(
        ("readings", "limit"),
        [
            (steady(5, hours=10) + samples(*range(51, 67), begin=BEGIN + timedelta(hours=10.25)), 78),
            (steady(4, hours=13.5) + samples(56.5, 59, begin=BEGIN + timedelta(hours=13.75)), 71),
        ],
        ids=["the present rate of a burn that slows", "the lasting rate of one that quickens"],
    )
    def test_is_silent_where_this_reaches_the_limit_just_as_far_ahead_as_it_looks(
        self, readings: list[SpendSample], limit: float
    ) -> None:
        assert told(readings, limit=limit) is None
        assert told(readings, limit=limit - 0.125) is not None


class TestTheSlowPair:
    def test_warns_of_a_steady_overspend_before_the_fast_one_would(self) -> None:
        """At 04:45 the long window (12 h, its busiest one left out) has 8 × 3.75 in 11 hours, which makes 90.50 of 60 by the
        end of the day; half an hour earlier 85.
        """
        assert told(steady(8, hours=4.75), limit=60) == Forecast(BEGIN + timedelta(hours=7.5), Decimal(8), Decimal(192))
        assert told(steady(8, hours=4.25), limit=60) is None


class TestABudgetThatNeverResets:
    @pytest.mark.parametrize(
        ("hours", "is_told"), [(79, False), (79.25, True)], ids=["later than 21 hours ahead", "within 21 hours"]
    )
    def test_is_foretold_up_to_21_hours_ahead(self, hours: float, is_told: bool) -> None:
        found = told(steady(1, hours=hours), period=None)
        expected = Forecast(BEGIN + timedelta(hours=100), Decimal(1), None)
        assert found == (expected if is_told else None)


BURN = steady(6, hours=13.75)
SILENT: dict[str, tuple[list[SpendSample], dict[str, object]]] = {
    "no reading at all": ([], {"now": BEGIN}),
    "no reading yet": (BURN, {"now": BEGIN - MICROSECOND}),
    "the limit is reached": (BURN, {"limit": 82.5}),
    "the limit is passed": (BURN, {"limit": 80}),
    "a limit of zero, and a credit": (samples(-3, -2, -1), {"limit": 0}),
    "a negative limit, and a credit": (samples(-30, -20, -10), {"limit": -9}),
    "the reset is due": (BURN, {"period": timedelta(hours=13.75)}),
    "nothing read for more than half an hour": (BURN, {"now": BURN[-1].at + 2 * QUARTER + MICROSECOND}),
    "two readings": (samples(0, 90), {}),
    "two readings, and the second twice": ([*samples(0, 90), samples(0, 90)[1]], {}),
    "all of it between two of many readings": (samples(0, 0, 0, 0, 90, 90, 90, 90), {}),
    "most of it in a gap that began before the long window": (
        samples(0, 0, 0, 0, 0, 0, 0, 0, 0) + samples(80, 80.5, 81, 81.5, 82, begin=BEGIN + timedelta(hours=8)),
        {"limit": 85},
    ),
    "a fall to nothing just now": ([*BURN, SpendSample(BURN[-1].at + QUARTER, Decimal(0))], {}),
}


class TestSilence:
    def test_these_burn_but_for_one_thing(self) -> None:
        assert told(BURN) is not None

    @pytest.mark.parametrize(("readings", "changed"), SILENT.values(), ids=SILENT)
    def test_nothing_is_told_of(self, readings: list[SpendSample], changed: dict[str, object]) -> None:
        assert told(readings, **changed) is None  # type: ignore[arg-type]

    def test_a_reading_of_half_an_hour_ago_is_no_silence(self) -> None:
        assert told(BURN, now=BURN[-1].at + 2 * QUARTER) is not None


EARLIER = samples(60, 70, 80, begin=BEGIN - 3 * QUARTER)
SAME_READINGS: dict[str, list[SpendSample]] = {
    "in any order": BURN[::-1],
    "doubled": BURN + BURN,
    "late ones": BURN[1:] + BURN[:1],
    "hourly before the long window": BURN[:30:4] + BURN[30:],
    "with some missing before it": BURN[:7] + BURN[8:30] + BURN[31:],
    "behind those of the period before": EARLIER + BURN,
    "behind those of several periods before": [
        *samples(95, begin=BEGIN - 2 * DAY), *samples(20, 50, begin=BEGIN - DAY), *EARLIER, *BURN
    ],
    "with those that are not due yet": [*BURN, *samples(99, 100, begin=BURN[-1].at + MICROSECOND)],
}  # fmt: skip


class TestWhatReadingsMayBe:
    @pytest.mark.parametrize("readings", SAME_READINGS.values(), ids=SAME_READINGS)
    def test_the_same_is_told_of_readings(self, readings: list[SpendSample]) -> None:
        assert told(readings, now=BURN[-1].at) == told(BURN)

    def test_a_gap_makes_it_later_since_what_was_spent_in_it_may_have_been_a_spike(self) -> None:
        def with_gap(hours: float) -> list[SpendSample]:
            return [one for one in steady(6, hours=hours) if not timedelta(hours=10) < one.at - BEGIN < timedelta(hours=12)]

        assert told(with_gap(13.75)) is None
        assert told(with_gap(14.5)) is not None

    def test_an_end_that_has_passed_since_the_latest_reading_is_now(self) -> None:
        readings = samples(*range(0, 100, 6))
        late = readings[-1].at + 2 * QUARTER
        found, found_late = told(readings), told(readings, now=late)
        assert found is not None
        assert found_late is not None
        assert found.exhausted_at < late
        assert found_late.exhausted_at == late


def test_a_projection_beyond_all_money_is_all_money() -> None:
    burn = [SpendSample(one.at, one.spend * 10**12) for one in BURN]
    found = told(burn, limit=10**14, period=30 * DAY)
    assert found is not None
    assert found.projected_spend == MAX_MONEY_USD


#: Increases in dollars from reading to reading, often steady enough to be a pace.
INCREASES = st.one_of(
    st.lists(st.integers(0, 20), max_size=60),
    st.tuples(st.integers(0, 8), st.lists(st.integers(0, 4), max_size=60)).map(lambda burn: [burn[0] + one for one in burn[1]]),
)
PERIODS = st.sampled_from([timedelta(hours=1), timedelta(hours=6), DAY, 7 * DAY, 30 * DAY, None])


def cumulative(increases: list[int]) -> list[SpendSample]:
    return samples(*accumulate(increases, operator.add, initial=0))


class TestProperties:
    @settings(deadline=None)
    @given(increases=INCREASES, period=PERIODS, power=st.integers(-9, 9))
    @example(increases=[5] * 12, period=DAY, power=3)
    def test_scaled_money_scales_the_rate_and_moves_no_time(
        self, increases: list[int], period: timedelta | None, power: int
    ) -> None:
        readings, factor = cumulative(increases), Decimal(10) ** power
        plain = told(readings, period=period)
        scaled = told([SpendSample(one.at, one.spend * factor) for one in readings], limit=100 * factor, period=period)  # type: ignore[arg-type]
        if plain is None:
            assert scaled is None
            return
        projected = None if plain.projected_spend is None else plain.projected_spend * factor
        assert scaled == Forecast(plain.exhausted_at, plain.usd_per_hour * factor, projected)

    @settings(deadline=None)
    @given(increases=INCREASES, period=PERIODS, shift=st.timedeltas(-DAY * 365, DAY * 365))
    @example(increases=[5] * 12, period=DAY, shift=timedelta(days=3, microseconds=7))
    def test_shifted_time_shifts_the_answer(self, increases: list[int], period: timedelta | None, shift: timedelta) -> None:
        readings = cumulative(increases)
        plain = told(readings, period=period)
        shifted = forecast(
            [SpendSample(one.at + shift, one.spend) for one in readings],
            limit=Decimal(100),
            period_end=None if period is None else BEGIN + period + shift,
            now=readings[-1].at + shift,
        )
        assert shifted == (None if plain is None else plain._replace(exhausted_at=plain.exhausted_at + shift))

    @settings(deadline=None)
    @given(spends=st.lists(st.integers(0, 99), min_size=1, max_size=60), period=PERIODS)
    def test_nothing_is_told_while_spend_never_grows(self, spends: list[int], period: timedelta | None) -> None:
        assert told(samples(*sorted(spends, reverse=True)), period=period) is None

    @settings(deadline=None)
    @given(increases=INCREASES, period=PERIODS)
    @example(increases=[5] * 12, period=DAY)
    def test_what_is_told_lies_ahead_and_before_the_reset(self, increases: list[int], period: timedelta | None) -> None:
        readings = cumulative(increases)
        found = told(readings, period=period)
        if found is not None:
            assert found.usd_per_hour > 0
            assert found.exhausted_at >= readings[-1].at
            assert period is None or found.exhausted_at <= BEGIN + period
            assert (found.projected_spend is None) == (period is None)
            assert found.projected_spend is None or found.projected_spend > 100

    @settings(deadline=None)
    @given(increases=INCREASES, period=PERIODS)
    @example(increases=[5] * 12, period=DAY)
    def test_the_least_evidence_is_three_readings_and_half_of_the_limit(
        self, increases: list[int], period: timedelta | None
    ) -> None:
        readings = cumulative(increases)
        if told(readings, period=period) is not None:
            assert len(readings) >= 3
            assert readings[-1].spend > 50

    @settings(deadline=None)
    @given(begin=st.integers(0, 45), more=st.lists(st.integers(0, 1), min_size=1, max_size=4))
    def test_a_few_early_requests_say_nothing(self, begin: int, more: list[int]) -> None:
        assert told(cumulative([begin, *more])) is None
