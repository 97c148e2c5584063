"""What is due when: a ledger in memory, and a clock that is turned through days and changes of clocks."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evaluate.usage.periods import quarter_of
from evaluate.usage.scheduled import RUNG, DueAlert, due_alerts
from evaluate.usage.usage import GatewayUsage, Spender
from gateway_alerts.alert_types import DAILY_REPORTS, SPEND_REPORTS, USER_SPEND_ANOMALIES, USER_SPEND_THRESHOLDS
from gateway_alerts.alerts import Alert, Entity
from gateway_alerts.config import Config
from gateway_alerts.errors import DependencyUnavailable
from tests.unit.evaluate.usage_builders import FakeLedger, answers, by_users, spending

KEY = Spender("hash-1", "search", "u1", "ada@example.com", "t1", "Research")
SPENT = spending({KEY: 10})
USERS = {"alerting_args": {"daily_spend_per_user_threshold": 10, "user_spend_check_interval": 900}}
RUN_EVERY = timedelta(minutes=15)
#: Three minutes past, when the quarter before is settled.
PHASE = timedelta(minutes=3)


def at(text: str, zone: str = "UTC") -> datetime:
    """A local time of the year 2026, as the moment it is."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def config(*alert_types: str, **settings: Any) -> Config:
    """Only these alert types are on."""
    return Config.model_validate({"alert_types": alert_types, **settings})


def runs(ledger: FakeLedger, config: Config, begin: datetime, end: datetime) -> list[tuple[datetime, DueAlert]]:
    """Every run of a while, with what was new in it: what a claim would have let through."""
    won: dict[str, int] = {}
    told = []
    now = begin + PHASE
    while now < end:
        for due in due_alerts(ledger=ledger, config=config, now=now):
            if due.period_end > won.get(due.claim_key, 0):
                won[due.claim_key] = due.period_end
                told.append((now, due))
        now += RUN_EVERY
    return told


def told_at(runs: list[tuple[datetime, DueAlert]], zone: str = "UTC") -> list[tuple[str, str, str]]:
    return [
        (f"{now.astimezone(ZoneInfo(zone)):%m-%dT%H:%M}", due.alert.report.title, due.alert.report.period)
        for now, due in runs
        if due.alert.report is not None
    ]


@pytest.fixture
def ledger() -> FakeLedger:
    """A ledger with 10 US dollars in every quarter to the full hour, since autumn."""
    ledger = FakeLedger(since=quarter_of(at("09-01T00:00")))
    begin = at("10-20T00:00")
    for hour in range(60 * 24):
        ledger.spend(begin + timedelta(hours=hour), SPENT)
    return ledger


class TestSpendReports:
    @pytest.mark.parametrize(
        ("frequency", "expected"),
        [
            ("7d", [("11-23T09:03", "Weekly spend", "16–22 Nov 2026")]),
            ("1d", [(f"11-{day}T09:03", "Daily spend", f"{day - 1} Nov 2026") for day in range(22, 26)]),
            ("2d", [(f"11-{day}T09:03", "Spend of 2 days", f"{day - 2}–{day - 1} Nov 2026") for day in (23, 25)]),
        ],
    )
    def test_one_each_so_many_days(self, ledger: FakeLedger, frequency: str, expected: list[tuple[str, str, str]]) -> None:
        told = runs(ledger, config(SPEND_REPORTS, spend_report_frequency=frequency), at("11-22T00:00"), at("11-26T00:00"))
        assert told_at(told) == expected

    def test_the_monthly_report_is_of_the_month_that_ended(self, ledger: FakeLedger) -> None:
        told = runs(ledger, config(SPEND_REPORTS), at("12-01T00:00"), at("12-02T00:00"))

        assert told_at(told) == [("12-01T09:03", "Monthly spend", "November 2026")]
        assert told[0][1].alert.report.summary == "$7,200.00 in 720 requests · 150 % more than October 2026 ($2,880.00)"

    @pytest.mark.parametrize(
        ("zone", "monday"),
        [
            ("Europe/Berlin", "10-26"),  # clocks changed the day before
            ("America/New_York", "11-02"),  # likewise
            ("Asia/Kathmandu", "11-23"),
        ],
    )
    def test_a_week_is_one_of_the_zone(self, ledger: FakeLedger, zone: str, monday: str) -> None:
        begin = at(f"{monday}T00:00", zone)
        told = runs(ledger, config(SPEND_REPORTS, time_zone=zone), begin, begin + timedelta(days=1))

        ((moment, _, _),) = told_at(told, zone)
        assert moment == f"{monday}T09:03"
        assert told[0][1].period_end == begin.timestamp()

    def test_a_week_of_169_hours_counts_them_all(self, ledger: FakeLedger) -> None:
        monday = at("11-02T00:00", "America/New_York")
        told = runs(ledger, config(SPEND_REPORTS, time_zone="America/New_York"), monday, monday + timedelta(days=1))
        assert told[0][1].alert.report.summary.startswith("$1,690.00 in 169 requests")

    def test_the_report_time_is_the_operators(self, ledger: FakeLedger) -> None:
        settings = config(SPEND_REPORTS, report_time="17:30", time_zone="Europe/Berlin")
        told = runs(ledger, settings, at("11-23T00:00"), at("11-24T00:00"))
        assert [moment for moment, _, _ in told_at(told, "Europe/Berlin")] == ["11-23T17:33"]

    @pytest.mark.parametrize(
        ("first_run", "is_told"),
        [("11-23T11:47", True), ("11-23T23:47", True), ("11-24T00:02", False)],
    )
    def test_a_run_that_was_missed_is_made_up_for_within_the_day(self, ledger: FakeLedger, first_run: str, is_told: bool) -> None:
        due = due_alerts(ledger=ledger, config=config(SPEND_REPORTS), now=at(first_run))
        assert bool(due) == is_told

    def test_a_period_of_which_a_quarter_is_not_settled_waits(self, ledger: FakeLedger) -> None:
        settings = config(SPEND_REPORTS, spend_report_frequency="1d", report_time="00:00")

        periods = [
            due.alert.report.period
            for now in ("11-23T00:01:59", "11-23T00:02")
            for due in due_alerts(ledger=ledger, config=settings, now=at(now))
        ]
        assert periods == ["21 Nov 2026", "22 Nov 2026"]

    def test_each_gateway_has_its_own(self, ledger: FakeLedger) -> None:
        ledger.spend(at("11-20T12:00"), spending({KEY: 7}), gateway="staging")

        due = due_alerts(ledger=ledger, config=config(SPEND_REPORTS), now=at("11-23T09:03"))

        assert [(one.alert.gateway, one.alert.entity) for one in due] == [
            (name, Entity(type="gateway", id=name, name=name)) for name in ("prod", "staging")
        ]
        assert due[0].claim_key != due[1].claim_key
        assert due[1].alert.report.summary.startswith("$7.00 in 1 request")

    def test_a_period_without_spend_has_no_report(self) -> None:
        ledger = FakeLedger()
        ledger.spend(at("11-10T12:00"), SPENT)
        ledger.spend(at("11-20T12:00"), spending({KEY: 0}))
        assert due_alerts(ledger=ledger, config=config(SPEND_REPORTS), now=at("11-23T09:03")) == []

    @pytest.mark.parametrize(
        ("since", "is_compared", "note"),
        [
            pytest.param("11-09T00:00", True, "", id="both weeks are recorded"),
            pytest.param("11-09T00:15", False, "", id="of the week before a quarter is missing"),
            pytest.param("11-18T10:30", False, "recorded since 18 Nov 10:30 UTC", id="the week itself is not wholly recorded"),
        ],
    )
    def test_only_what_is_wholly_recorded_is_compared(self, ledger: FakeLedger, since: str, is_compared: bool, note: str) -> None:
        ledger.since = quarter_of(at(since))

        (due,) = due_alerts(ledger=ledger, config=config(SPEND_REPORTS), now=at("11-23T09:03"))

        assert ("9–15 Nov" in due.alert.report.summary) == is_compared
        assert due.alert.report.summary.endswith(note)
        assert ("recorded since" in due.alert.report.summary) == bool(note)


class TestDailyReports:
    @pytest.fixture
    def ledger(self) -> FakeLedger:
        ledger = FakeLedger()
        begin = at("10-20T00:00")
        for hour in range(40 * 24):
            ledger.spend(begin + timedelta(hours=hour), answers(0.04, model_id="d1", model_group="gpt-4o"))
        return ledger

    @pytest.mark.parametrize(
        ("seconds", "zone", "expected"),
        [
            (43_200, "UTC", [("11-23T00:03", "22 Nov 2026, 12:00–24:00 UTC"), ("11-23T12:03", "23 Nov 2026, 00:00–12:00 UTC")]),
            (
                28_800,
                "Asia/Kathmandu",
                [
                    ("11-23T00:03", "22 Nov 2026, 16:00–24:00 +0545"),
                    ("11-23T08:03", "23 Nov 2026, 00:00–08:00 +0545"),
                    ("11-23T16:03", "23 Nov 2026, 08:00–16:00 +0545"),
                ],
            ),
            (86_400, "UTC", [("11-23T09:03", "22 Nov 2026")]),
            (7 * 86_400, "UTC", [("11-23T09:03", "16–22 Nov 2026")]),
        ],
    )
    def test_at_multiples_of_the_frequency(
        self, ledger: FakeLedger, seconds: int, zone: str, expected: list[tuple[str, str]]
    ) -> None:
        settings = config(DAILY_REPORTS, alerting_args={"daily_report_frequency": seconds}, time_zone=zone)
        begin = at("11-23T00:00", zone)
        told = runs(ledger, settings, begin, begin + timedelta(days=1))

        assert [(moment, period) for moment, _, period in told_at(told, zone)] == expected

    def test_twice_on_the_day_that_clocks_change(self, ledger: FakeLedger) -> None:
        begin = at("10-25T01:00", "Europe/Berlin")
        told = runs(ledger, config(DAILY_REPORTS, time_zone="Europe/Berlin"), begin, at("10-26T01:00", "Europe/Berlin"))

        assert [due.alert.report.summary for _, due in told] == [
            "12 requests to 1 deployment, none failed",  # of the evening before, at once, since no run was there to tell it
            "13 requests to 1 deployment, none failed",
            "12 requests to 1 deployment, none failed",
        ]

    def test_it_is_compared_with_nothing(self, ledger: FakeLedger) -> None:
        due_alerts(ledger=ledger, config=config(DAILY_REPORTS), now=at("11-23T12:03"))
        assert ledger.reads == [range(quarter_of(at("11-23T00:00")), quarter_of(at("11-23T12:00")))]


class TestUserSpendThresholds:
    CONFIG = config(
        USER_SPEND_THRESHOLDS,
        alerting_args={"daily_spend_per_user_threshold": 10, "monthly_spend_per_user_threshold": 25},
    )

    def test_a_user_over_a_days_threshold_is_told_once_a_day(self) -> None:
        ledger = FakeLedger()
        for hour in range(6, 30):
            ledger.spend(at("11-22T00:00") + timedelta(hours=hour), by_users(ada=1))
        settings = config(USER_SPEND_THRESHOLDS, alerting_args={"daily_spend_per_user_threshold": 10})

        told = runs(ledger, settings, at("11-22T00:00"), at("11-24T00:00"))

        ((moment, due),) = told
        assert moment == at("11-22T16:03")
        assert due.period_end == at("11-23T00:00").timestamp()
        assert due.alert.entity == Entity(type="user", id="ada")
        assert due.alert.message == "Spent $10.00 on 22 Nov 2026; the threshold is $10.00 a day"
        assert [(fact.label, fact.text) for fact in due.alert.facts] == [
            ("Spend", "$10.00 on 22 Nov 2026"),
            ("Threshold", "$10.00 a day"),
        ]

    def test_what_is_spent_before_midnight_is_seen_after_it(self) -> None:
        ledger = FakeLedger()
        ledger.spend(at("11-22T23:50"), by_users(ada=50))
        settings = config(USER_SPEND_THRESHOLDS, alerting_args={"daily_spend_per_user_threshold": 10})

        told = runs(ledger, settings, at("11-22T00:00"), at("11-24T00:00"))

        assert [(moment, due.alert.message) for moment, due in told] == [
            (at("11-23T00:03"), "Spent $50.00 on 22 Nov 2026; the threshold is $10.00 a day")
        ]

    def test_a_months_threshold_counts_the_days_before(self) -> None:
        ledger = FakeLedger()
        for day in ("10-31", "11-01", "11-10", "11-22"):
            ledger.spend(at(f"{day}T12:00"), by_users(ada=9))

        told = runs(ledger, self.CONFIG, at("11-20T00:00"), at("11-24T00:00"))

        ((moment, due),) = told
        assert moment == at("11-22T13:03")
        assert due.period_end == at("12-01T00:00").timestamp()
        assert due.alert.message == "Spent $27.00 in November 2026; the threshold is $25.00 a month"

    def test_days_and_months_are_those_of_the_zone(self) -> None:
        ledger = FakeLedger()
        ledger.spend(at("11-30T18:30"), by_users(ada=6))  # the first of December in Kathmandu
        ledger.spend(at("12-01T10:00"), by_users(ada=6))
        settings = config(
            USER_SPEND_THRESHOLDS,
            alerting_args={"daily_spend_per_user_threshold": 10, "monthly_spend_per_user_threshold": 10},
            time_zone="Asia/Kathmandu",
        )
        told = runs(ledger, settings, at("11-30T00:00"), at("12-02T00:00"))

        assert [due.alert.message for _, due in told] == [
            "Spent $12.00 on 1 Dec 2026; the threshold is $10.00 a day",
            "Spent $12.00 in December 2026; the threshold is $10.00 a month",
        ]

    def test_another_threshold_is_another_claim(self) -> None:
        ledger = FakeLedger()
        ledger.spend(at("11-22T10:00"), by_users(ada=50))
        keys = {
            due.claim_key
            for threshold in (10, "10.0", 20)
            for due in due_alerts(
                ledger=ledger,
                config=config(USER_SPEND_THRESHOLDS, alerting_args={"daily_spend_per_user_threshold": threshold}),
                now=at("11-22T12:03"),
            )
        }
        assert len(keys) == 2

    def test_one_alert_for_each_user_and_gateway(self) -> None:
        ledger = FakeLedger()
        ledger.spend(at("11-22T10:00"), by_users(ada=50, bob=60, eve=1))
        ledger.spend(at("11-22T10:00"), by_users(ada=70), gateway="staging")
        settings = config(USER_SPEND_THRESHOLDS, alerting_args={"daily_spend_per_user_threshold": 10})

        due = due_alerts(ledger=ledger, config=settings, now=at("11-22T12:03"))

        assert [(one.alert.gateway, one.alert.entity.id) for one in due] == [("prod", "bob"), ("prod", "ada"), ("staging", "ada")]
        assert len({one.claim_key for one in due}) == len({one.alert.alert_id for one in due}) == 3

    @pytest.mark.parametrize(
        ("settings", "is_read"),
        [
            pytest.param(config(USER_SPEND_THRESHOLDS), False, id="no threshold is set"),
            pytest.param(config(alerting_args={"daily_spend_per_user_threshold": 10}), False, id="the alert type is off"),
            pytest.param(config(USER_SPEND_ANOMALIES, alerting_args={"daily_spend_per_user_threshold": 10}), True, id="another"),
            pytest.param(CONFIG, True, id="both thresholds"),
        ],
    )
    def test_what_is_off_is_not_computed(self, settings: Config, is_read: bool) -> None:
        ledger = FakeLedger()
        ledger.spend(at("11-22T10:00"), by_users(ada=500))
        due = due_alerts(ledger=ledger, config=settings, now=at("11-22T12:03"))

        assert bool(ledger.reads) == is_read
        assert {one.alert.alert_type for one in due} <= set(settings.alert_types or ())

    @pytest.mark.parametrize(
        ("interval_seconds", "zone", "expected"),
        [
            (3_600, "UTC", [f"{hour:02}:03" for hour in range(24)]),
            (60, "UTC", [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (3, 18, 33, 48)]),
            (25_200, "UTC", ["00:03", "07:03", "14:03", "21:03"]),
            (25_200, "Asia/Kathmandu", ["00:03", "07:03", "14:03", "21:03"]),
            (7 * 86_400, "UTC", ["00:03"]),
        ],
        ids=str,
    )
    def test_they_are_checked_no_more_often_than_asked_for(self, interval_seconds: int, zone: str, expected: list[str]) -> None:
        settings = config(
            USER_SPEND_THRESHOLDS,
            alerting_args={"daily_spend_per_user_threshold": 10, "user_spend_check_interval": interval_seconds},
            time_zone=zone,
        )
        begin, checks = at("11-23T00:00", zone), []
        for run in range(96):
            ledger = FakeLedger()
            now = begin + run * RUN_EVERY + PHASE
            due_alerts(ledger=ledger, config=settings, now=now)
            if ledger.reads:
                checks.append(f"{now.astimezone(ZoneInfo(zone)):%H:%M}")
        assert checks == expected


class TestUserSpendAnomalies:
    CONFIG = config(USER_SPEND_ANOMALIES)

    def due(self, ledger: FakeLedger, settings: Config = CONFIG, *, now: str = "11-22T12:03") -> list[str]:
        return [due.alert.message for due in due_alerts(ledger=ledger, config=settings, now=at(now))]

    def test_much_more_than_the_usual_day(self) -> None:
        ledger = FakeLedger(since=quarter_of(at("11-01T00:00")))
        for day in range(15, 22):
            ledger.spend(at(f"11-{day}T12:00"), by_users(ada=10, bob=10))
        ledger.spend(at("11-22T10:00"), by_users(ada=45, bob=20))

        assert self.due(ledger) == ["Spent $45.00 on 22 Nov 2026; usual is $10.00, the mean of 7 days"]

    def test_a_user_who_never_spent_before(self) -> None:
        ledger = FakeLedger(since=quarter_of(at("11-01T00:00")))
        ledger.spend(at("11-22T10:00"), by_users(ada=10, bob=9))

        assert self.due(ledger) == ["Spent $10.00 on 22 Nov 2026; usual is nothing in 7 days"]

    @pytest.mark.parametrize(
        ("since", "expected"),
        [
            pytest.param("11-22T08:00", [], id="on the first day nobody knows what is usual"),
            pytest.param("11-21T08:00", [], id="nor on the second, since the first was not whole"),
            pytest.param(
                "11-20T08:00", ["Spent $45.00 on 22 Nov 2026; usual is $12.00, the mean of 1 day"], id="then by what is known"
            ),
        ],
    )
    def test_a_young_ledger_is_no_reason_for_an_alarm(self, since: str, expected: list[str]) -> None:
        ledger = FakeLedger(since=quarter_of(at(since)))
        ledger.spend(at("11-21T12:00"), by_users(ada=12))
        ledger.spend(at("11-22T10:00"), by_users(ada=45))

        assert self.due(ledger) == expected

    def test_once_a_day(self) -> None:
        ledger = FakeLedger(since=quarter_of(at("11-01T00:00")))
        for hour in range(48):
            ledger.spend(at("11-22T00:00") + timedelta(hours=hour), by_users(ada=20))
        settings = config(USER_SPEND_ANOMALIES, alerting_args={"spend_anomaly_multiplier": "0.1"})

        told = runs(ledger, settings, at("11-22T00:00"), at("11-24T00:00"))

        assert [now for now, _ in told] == [at("11-22T01:03"), at("11-23T01:03")]

    def test_the_operators_figures(self) -> None:
        ledger = FakeLedger(since=quarter_of(at("11-01T00:00")))
        ledger.spend(at("11-21T12:00"), by_users(ada=10))
        ledger.spend(at("11-22T10:00"), by_users(ada=19))
        settings = {"spend_anomaly_multiplier": 2, "spend_anomaly_baseline_days": 1, "spend_anomaly_min_spend": 5}

        assert self.due(ledger, config(USER_SPEND_ANOMALIES, alerting_args=settings)) == []
        ledger.spend(at("11-22T11:00"), by_users(ada=2))
        assert len(self.due(ledger, config(USER_SPEND_ANOMALIES, alerting_args=settings))) == 1


class TestAlerts:
    def test_what_an_alert_carries(self, ledger: FakeLedger) -> None:
        now = at("11-23T09:03")
        (due,) = due_alerts(ledger=ledger, config=config(SPEND_REPORTS), now=now)

        alert = due.alert
        assert (due.rung, due.period_end) == (RUNG, at("11-23T00:00").timestamp())
        assert alert.dedupe_key == f"{due.claim_key}@{due.period_end}"
        assert (alert.alert_type, alert.event, alert.level) == (SPEND_REPORTS, SPEND_REPORTS, "Low")
        assert (alert.raised_at, alert.destinations, alert.budget) == (now, ("default",), None)
        assert alert.message == f"Weekly spend of prod, 16–22 Nov 2026: {alert.report.summary}"
        assert Alert.model_validate_json(alert.model_dump_json()) == alert

    def test_a_claim_key_ends_as_the_outbox_shards_need_it(self, ledger: FakeLedger) -> None:
        ledger.spend(at("11-23T08:00"), by_users(ada=500))
        ledger.spend(at("11-22T15:00"), answers(0.04, model_id="d1"))
        everything = config(SPEND_REPORTS, DAILY_REPORTS, USER_SPEND_THRESHOLDS, USER_SPEND_ANOMALIES, **USERS)

        due = due_alerts(ledger=ledger, config=everything, now=at("11-23T10:03"))

        assert len({one.alert.alert_type for one in due}) == 4
        assert all(int(one.claim_key[-8:], 16) >= 0 and len(one.claim_key) < 100 for one in due)
        assert len({(one.claim_key, one.period_end) for one in due}) == len(due)

    def test_routes_and_webhooks_are_heeded(self, ledger: FakeLedger) -> None:
        ledger.spend(at("11-23T08:00"), by_users(ada=500))
        settings = config(
            SPEND_REPORTS,
            USER_SPEND_THRESHOLDS,
            alerting_args={"daily_spend_per_user_threshold": 10},
            alert_to_webhook_url={SPEND_REPORTS: "os.environ/SPEND_URL"},
            destinations={"people": {"url": "ssm:people"}},
            routes=[{"entity_types": ["user"], "destinations": ["people"]}],
        )
        due = due_alerts(ledger=ledger, config=settings, now=at("11-23T10:03"))

        assert {one.alert.alert_type: one.alert.destinations for one in due} == {
            SPEND_REPORTS: (SPEND_REPORTS,),
            USER_SPEND_THRESHOLDS: ("people",),
        }


class TestSettled:
    def test_what_was_claimed_as_a_whole_is_neither_offered_nor_computed(self, ledger: FakeLedger) -> None:
        settings = config(SPEND_REPORTS, USER_SPEND_THRESHOLDS, alerting_args={"daily_spend_per_user_threshold": 10})
        ledger.spend(at("11-23T08:00"), by_users(ada=500))
        now = at("11-23T10:03")
        first = due_alerts(ledger=ledger, config=settings, now=now)
        ledger.reads.clear()

        again = due_alerts(ledger=ledger, config=settings, now=now, settled={(due.claim_key, due.period_end) for due in first})

        assert again == []
        assert ledger.reads == [range(quarter_of(at("11-23T00:00")), quarter_of(at("11-23T10:00")))], "of the user's day only"

    def test_the_period_after_is_offered(self, ledger: FakeLedger) -> None:
        week = due_alerts(ledger=ledger, config=config(SPEND_REPORTS), now=at("11-16T10:03"))
        settled = {(due.claim_key, due.period_end) for due in week}

        assert len(due_alerts(ledger=ledger, config=config(SPEND_REPORTS), now=at("11-23T10:03"), settled=settled)) == 1


class TestThroughDays:
    def test_the_ledger_is_closed_by_each_run(self) -> None:
        ledger = FakeLedger()
        due_alerts(ledger=ledger, config=config(), now=at("11-23T10:03"))
        assert ledger.closed_at == [at("11-23T10:03")]
        assert ledger.reads == []

    def test_a_ledger_out_of_reach_is_said(self) -> None:
        with pytest.raises(DependencyUnavailable):
            due_alerts(ledger=FakeLedger(is_unavailable=True), config=config(SPEND_REPORTS), now=at("11-23T10:03"))

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"])
    def test_every_dollar_is_in_one_daily_and_one_monthly_report(self, zone: str) -> None:
        ledger = FakeLedger(since=0)
        usd = Decimal(0)
        begin, end = at("10-01T00:00", zone), at("11-01T00:00", zone)
        now = begin
        while now < end:
            ledger.spend(now, spending({KEY: 1}))
            usd += 1
            now += timedelta(minutes=45)
        told = []
        for day in range(1, 33):
            now = at("10-01T10:03", zone) + timedelta(days=day)
            told += due_alerts(ledger=ledger, config=config(SPEND_REPORTS, spend_report_frequency="1d", time_zone=zone), now=now)

        reports = [due.alert.report for due in told]
        in_days = [Decimal(r.summary.partition(" ")[0].strip("$").replace(",", "")) for r in reports if r.title == "Daily spend"]
        (month,) = [r for r in reports if r.title == "Monthly spend"]
        assert sum(in_days) == usd
        assert len(in_days) == 31
        assert month.summary.startswith(f"${usd:,}.00 in {usd:,} requests")


def test_usage_of_nobody_is_no_alert() -> None:
    ledger = FakeLedger()
    ledger.spend(at("11-22T10:00"), GatewayUsage())
    everything = config(SPEND_REPORTS, DAILY_REPORTS, USER_SPEND_THRESHOLDS, USER_SPEND_ANOMALIES, **USERS)
    assert due_alerts(ledger=ledger, config=everything, now=at("11-23T10:03")) == []
