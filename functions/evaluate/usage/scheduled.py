"""What is due by the clock: reports, and users' spend. Run every 15 minutes, a few minutes after the quarter.

Promise: whatever has ended and may be told is offered, again and again until its time is over; a claim decides that it is
told once, so nothing here needs a lock or a memory. A period counts once it is SETTLING over, when its entries are written.

==================  ==============================================================  ====================================
alert               due                                                             until
==================  ==============================================================  ====================================
spend report        ``report_time`` after ``spend_report_frequency`` whole days     that local day is over
monthly             ``report_time`` on the 1st                                      that local day is over
daily report        at multiples of ``daily_report_frequency`` since midnight; of   the next one; that local day is over
                    a day or more like the spend report
user spend          at multiples of ``user_spend_check_interval`` since midnight,   the next check
                    and once when the day is over
==================  ==============================================================  ====================================

Each gateway has its own. An alert type that is off is not computed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from evaluate.usage.daily_reports import deployment_report
from evaluate.usage.periods import (
    DAY_SECONDS,
    QUARTER_SECONDS,
    Period,
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
from evaluate.usage.spend_reports import spend_report
from evaluate.usage.usage import GatewayUsage, Usage
from evaluate.usage.usage_ledger import SETTLING, UsageLedger
from evaluate.usage.user_spend import UserSpend, unusual_users, users_over
from evaluate.usage.wording import plural, usd
from gateway_alerts.alert_types import ALERT_TYPES, DAILY_REPORTS, SPEND_REPORTS, USER_SPEND_ANOMALIES, USER_SPEND_THRESHOLDS
from gateway_alerts.alerts import Alert, Entity, Fact, Report
from gateway_alerts.config import Config
from gateway_alerts.keys import digest

#: What is told here has one rung: told or not.
RUNG = Decimal(1)
_NOTHING = GatewayUsage()


class DueAlert(NamedTuple):
    """An alert that is due, and what to claim it by: one for each ``period_end`` (epoch seconds) of a ``claim_key``."""

    claim_key: str
    rung: Decimal
    period_end: int
    alert: Alert


def due_alerts(
    *,
    ledger: UsageLedger,
    config: Config,
    now: datetime,
    request_id: str = "",
    settled: Collection[tuple[str, int]] = (),
) -> list[DueAlert]:
    """Close the ledger, and make what is due.

    Args:
        ledger: where usage is written down.
        config: what is on, when, and where it goes.
        now: the time.
        request_id: of the invocation; part of an alert's id, since two may run in the same microsecond.
        settled: ``claim_key`` and ``period_end`` of alerts of earlier runs, each of which was claimed as a whole. They are
            not offered again, and their reports not computed; to forget them costs time and nothing else.

    Raises:
        DependencyUnavailable, InvalidUsage: the ledger could not be closed or read; the next run makes up for it.
    """
    run = _Run(ledger=ledger, config=config, now=now, request_id=request_id, since=ledger.close(now=now))
    reports = [report for report in _due_reports(config, run.settled_at) if not report.is_in(settled)]
    due = [alert for report in reports for alert in _report_alerts(report, run)]
    due += _user_alerts(run)
    return [alert for alert in due if (alert.claim_key, alert.period_end) not in settled]


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run works with. ``since`` is the quarter since which usage is recorded."""

    ledger: UsageLedger
    config: Config
    now: datetime
    request_id: str
    since: int

    @property
    def settled_at(self) -> datetime:
        """Until when everything is written down."""
        return self.now - SETTLING

    def due(
        self,
        *,
        claim_prefix: str,
        identity: tuple[str, ...],
        period: Period,
        alert_type: str,
        gateway: str,
        entity: Entity,
        message: str,
        facts: tuple[Fact, ...] = (),
        report: Report | None = None,
    ) -> DueAlert:
        """An alert of a period, with what it is claimed by: its identity within its gateway."""
        claim_key = f"{claim_prefix}{digest([gateway, *identity])}"
        dedupe_key = f"{claim_key}@{period.end_epoch}"
        level = ALERT_TYPES[alert_type].level
        alert = Alert(
            alert_id=digest([dedupe_key, self.now.isoformat(), self.request_id]),
            dedupe_key=dedupe_key,
            alert_type=alert_type,
            event=alert_type,
            level=level,
            gateway=gateway,
            message=message,
            entity=entity,
            facts=facts,
            report=report,
            raised_at=self.now,
            destinations=self.config.destinations_for(
                alert_type=alert_type, entity_type=entity.type, gateway=gateway, level=level
            ),
        )
        return DueAlert(claim_key, RUNG, period.end_epoch, alert)


class _DueReport(NamedTuple):
    alert_type: str
    title: str
    period: Period

    @property
    def claim_prefix(self) -> str:
        return f"report#{self.title.replace(' ', '-')}#"

    def is_in(self, settled: Collection[tuple[str, int]]) -> bool:
        """Whether it was made before, for whichever gateways there were."""
        return any(key.startswith(self.claim_prefix) and end == self.period.end_epoch for key, end in settled)


def _due_reports(config: Config, at: datetime) -> Iterator[_DueReport]:
    zone, report_time = config.zone, time.fromisoformat(config.report_time)
    if config.is_enabled(SPEND_REPORTS):
        day_count = int(config.spend_report_frequency.removesuffix("d"))
        title = {1: "Daily spend", 7: "Weekly spend"}.get(day_count, f"Spend of {day_count} days")
        if period := due_days(at, day_count=day_count, report_time=report_time, zone=zone):
            yield _DueReport(SPEND_REPORTS, title, period)
        if period := due_month(at, report_time=report_time, zone=zone):
            yield _DueReport(SPEND_REPORTS, "Monthly spend", period)
    if config.is_enabled(DAILY_REPORTS):
        seconds = config.alerting_args.daily_report_frequency
        if seconds < DAY_SECONDS:
            yield _DueReport(DAILY_REPORTS, "Deployments", due_part(at, seconds=seconds, zone=zone))
        elif period := due_days(at, day_count=seconds // DAY_SECONDS, report_time=report_time, zone=zone):
            yield _DueReport(DAILY_REPORTS, "Deployments", period)


def _report_alerts(due: _DueReport, run: _Run) -> Iterator[DueAlert]:
    usage = run.ledger.read(due.period.quarters)
    reports = _spend_reports(due, usage, run) if due.alert_type == SPEND_REPORTS else _deployment_reports(due, usage, run)
    for gateway, report in reports:
        if report is not None:
            yield run.due(
                claim_prefix=due.claim_prefix,
                identity=(),
                period=due.period,
                alert_type=due.alert_type,
                gateway=gateway,
                entity=Entity(type="gateway", id=gateway, name=gateway),
                message=f"{report.title} of {gateway}, {report.period}: {report.summary}",
                report=report,
            )


def _spend_reports(due: _DueReport, usage: Usage, run: _Run) -> Iterator[tuple[str, Report | None]]:
    period, period_before = due.period, due.period.before
    is_before_known = bool(usage.gateways) and run.since <= period_before.quarters.start
    before = run.ledger.read(period_before.quarters) if is_before_known else None
    for gateway, of_gateway in sorted(usage.gateways.items()):
        report = spend_report(
            title=due.title,
            period=period.text,
            usage=of_gateway,
            before=None if before is None else before.gateways.get(gateway, _NOTHING),
            before_period=period_before.text,
            note=_note(period, run),
        )
        yield gateway, report


def _deployment_reports(due: _DueReport, usage: Usage, run: _Run) -> Iterator[tuple[str, Report | None]]:
    for gateway, of_gateway in sorted(usage.gateways.items()):
        report = deployment_report(title=due.title, period=due.period.text, usage=of_gateway, note=_note(due.period, run))
        yield gateway, report


def _note(period: Period, run: _Run) -> str:
    if run.since <= period.quarters.start:
        return ""
    since = start_of(run.since).astimezone(period.zone)
    return f"recorded since {since.day} {since:%b %H:%M %Z}"


def _user_alerts(run: _Run) -> Iterator[DueAlert]:
    """One alert for each user over a threshold, or with an unusual day. What is looked at ends with the last quarter that
    is settled, and one check comes when that is the last of a day: it sees the whole day.
    """
    config, args, end = run.config, run.config.alerting_args, quarter_of(run.settled_at)
    day = today(start_of(end - 1), zone=config.zone)
    month = this_month(start_of(end - 1), zone=config.zone)
    daily_usd, monthly_usd = args.daily_spend_per_user_threshold, args.monthly_spend_per_user_threshold
    if not config.is_enabled(USER_SPEND_THRESHOLDS):
        daily_usd = monthly_usd = None
    baseline_days = _baseline_days(day, run) if config.is_enabled(USER_SPEND_ANOMALIES) else 0
    is_wanted = daily_usd is not None or monthly_usd is not None or baseline_days > 0
    if not is_wanted or not _is_check_due(day, end, interval_seconds=args.user_spend_check_interval):
        return
    usage = run.ledger.read(range(day.quarters.start, end))
    if daily_usd is not None:
        yield from _users_over(usage, daily_usd, day, "day", run)
    if monthly_usd is not None:
        earlier = run.ledger.read(range(month.quarters.start, day.quarters.start))
        yield from _users_over(usage.plus(earlier), monthly_usd, month, "month", run)
    if baseline_days > 0:
        yield from _unusual_users(usage, day, baseline_days, run)


def _baseline_days(day: Period, run: _Run) -> int:
    """How many whole days before a day are recorded, up to as many as are asked for."""
    recorded = (day.start.date() - day_of(run.since, day.zone)).days - 1
    return min(recorded, run.config.alerting_args.spend_anomaly_baseline_days)


def _is_check_due(day: Period, end: int, *, interval_seconds: int) -> bool:
    """Whether a multiple of the interval since midnight, or the day's end, lies at the end of the last settled quarter."""
    passed_seconds = (end - day.quarters.start) * QUARTER_SECONDS
    is_multiple = passed_seconds // interval_seconds != (passed_seconds - QUARTER_SECONDS) // interval_seconds
    return is_multiple or end == day.quarters.stop


def _users_over(usage: Usage, threshold_usd: Decimal, period: Period, noun: str, run: _Run) -> Iterator[DueAlert]:
    threshold = f"{usd(threshold_usd)} a {noun}"
    for gateway, of_gateway in sorted(usage.gateways.items()):
        for user in users_over(of_gateway, threshold_usd=threshold_usd):
            yield run.due(
                claim_prefix=f"user#{noun}#",
                identity=(user.user_id, str(threshold_usd.normalize())),
                period=period,
                alert_type=USER_SPEND_THRESHOLDS,
                gateway=gateway,
                entity=_entity(user),
                message=f"Spent {_spent(user, period)}; the threshold is {threshold}",
                facts=(Fact(label="Spend", text=_spent(user, period)), Fact(label="Threshold", text=threshold)),
            )


def _unusual_users(usage: Usage, day: Period, baseline_days: int, run: _Run) -> Iterator[DueAlert]:
    args = run.config.alerting_args
    first = day.start.date() - timedelta(days=baseline_days)
    baseline = run.ledger.read(days(first, day.start.date(), zone=day.zone).quarters)
    for gateway, of_gateway in sorted(usage.gateways.items()):
        unusual = unusual_users(
            of_gateway,
            baseline.gateways.get(gateway, _NOTHING),
            baseline_days=baseline_days,
            min_spend_usd=args.spend_anomaly_min_spend,
            multiplier=args.spend_anomaly_multiplier,
        )
        for user in unusual:
            mean = f"{usd(user.usual_usd)}, the mean of" if user.usual_usd else "nothing in"
            usual = f"{mean} {plural(baseline_days, 'day')}"
            yield run.due(
                claim_prefix="user#unusual#",
                identity=(user.user_id,),
                period=day,
                alert_type=USER_SPEND_ANOMALIES,
                gateway=gateway,
                entity=_entity(user),
                message=f"Spent {_spent(user, day)}; usual is {usual}",
                facts=(Fact(label="Spend", text=_spent(user, day)), Fact(label="Usual day", text=usual)),
            )


def _entity(user: UserSpend) -> Entity:
    return Entity(type="user", id=user.user_id, name=None if user.name == user.user_id else user.name)


def _spent(user: UserSpend, period: Period) -> str:
    is_day = period == today(period.start, zone=period.zone)
    return f"{usd(user.usd)} {'on' if is_day else 'in'} {period.text}"
