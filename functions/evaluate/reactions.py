"""Signals → what is told, counted and kept; and what the sweep finds due. No I/O of its own: it calls the stores it is given.

==============  ==========================  ====================================  =================================
step            in                          out                                   where a failure goes
==============  ==========================  ====================================  =================================
tell            occurrences                 alerts, or counts for later           503, the sender tries again
tell outages    what gateways say of them   outages, claimed and enqueued         the same
count errors    errors of deployments       outages, claimed and enqueued         the same
note calls      requests begun and ended    nothing                               the same
watch budgets   alerts, readings            notices that one was raised           the same
look after      the agenda's due items      counted alerts, hanging requests,     the next sweep
                                            ends of outages and of periods
==============  ==========================  ====================================  =================================
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from evaluate.alert_queue import AlertQueue
from evaluate.alerting import Offer
from evaluate.claims import FRUITLESS_SUBMISSIONS, Claim, ClaimState, ClaimStore, Decided, PendingOutbox, Verdict
from evaluate.episodes import KEY_PREFIX as EPISODE
from evaluate.episodes import Episode, EpisodeStore, KnownEpisodes, Told, tell, tell_due
from evaluate.hanging import KEY_PREFIX as HANGING
from evaluate.hanging import HangingCalls, hanging_call, hanging_claims
from evaluate.occurrences import Occurrence, merged
from evaluate.outages import KEY_PREFIX as OUTAGE
from evaluate.outages import (
    MAJOR,
    Outage,
    OutageCounts,
    ReportedOutage,
    name_claim,
    outage_claim,
    outage_in,
    quiet_seconds,
    reported_outage,
    window_seconds,
)
from evaluate.readings import BudgetReading
from evaluate.resolutions import Alerted, AlertedBudgets, KnownAlerted, due_at, raised_again, resolution
from evaluate.signals import Signals
from evaluate.table import Attributes
from gateway_alerts.alert_types import ALERT_TYPES, LLM_REQUESTS_HANGING
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config
from gateway_alerts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from evaluate.usage.scheduled import DueAlert

#: Claims in one transaction.
TOGETHER = 100
#: How long a container remembers that an outage was told.
TOLD_FOR = timedelta(hours=1)


class Stores(NamedTuple):
    """Where signals are kept and decided, opened when first needed.

    Attributes:
        claims: decides who tells of an outage or of requests that hang.
        episodes: counts what repeats.
        outages: counts errors.
        calls: keeps requests that have begun.
        alerted: lists the budgets that have alerted.
        queue: takes alerts for delivery.
        known: the episodes that this container has met.
        known_alerted: that list, as this container read it last.
    """

    claims: Callable[[], ClaimStore]
    episodes: Callable[[], EpisodeStore]
    outages: Callable[[], OutageCounts]
    calls: Callable[[], HangingCalls]
    alerted: Callable[[], AlertedBudgets]
    queue: Callable[[], AlertQueue]
    known: KnownEpisodes
    known_alerted: KnownAlerted


def react(signals: Signals, *, gateway: str, stores: Stores, now: datetime, request_id: str, config: Config) -> Told:
    """Tell, count and keep what one request's events tell. What fails is in ``Told.failure``; what went before it stands."""
    told, reported, occurrences = Told(), list[ReportedOutage](), list[Occurrence]()
    for occurrence in merged(occurrence for _, occurrence in signals.occurrences):
        outage = reported_outage(occurrence)
        if outage is None:
            occurrences.append(occurrence)
        else:
            reported.append(outage)
    if occurrences:
        episodes = [
            Episode(
                key=alert.dedupe_key,
                alert=alert,
                interval_seconds=config.repeat_interval_seconds(alert.alert_type),
                held_until=config.held_until(alert_type=alert.alert_type, level=alert.level, now=now),
            )
            for alert in (each.alert(now=now, request_id=request_id, config=config) for each in occurrences)
        ]
        told = tell(episodes, store=stores.episodes(), queue=stores.queue(), known=stores.known, now=now)
    try:
        for each in reported:
            _tell_reported(each, told, stores=stores, now=now, request_id=request_id, config=config)
        for call in signals.calls:
            stores.calls().note(call)
        for errors in signals.errors(gateway=gateway, config=config, now=now):
            counted = stores.outages().count(
                errors,
                window_seconds=window_seconds(errors.place, config=config),
                quiet_seconds=quiet_seconds(errors.place, config=config),
                now=now,
            )
            counted_outage = outage_in(counted, errors.place, gateway=gateway, config=config, now=now)
            if counted_outage is not None:
                _tell_outage(counted_outage, told, stores=stores, now=now, request_id=request_id, config=config)
    except DependencyUnavailable as error:
        told.failure = told.failure or error
    return told


def _tell_outage(outage: Outage, told: Told, *, stores: Stores, now: datetime, request_id: str, config: Config) -> None:
    """Tell of an outage that was counted, each severity once; and say so to what gateways tell in their own words."""
    known, own, name = stores.known, outage.claim_key, outage.place.name_key
    if not known.running_until(f"{own}#{outage.rung}", now=now):
        stores.outages().mark(outage)
        claim, alert = outage_claim(outage, now=now, request_id=request_id, config=config)
        by_name = name_claim(outage, outage.rung, now=now, config=config)
        state = _claim_unless_told(claim, alert, by_name, told, stores=stores, now=now, config=config)
        for rung in {outage.rung, max(outage.rung, state.ttl_rung)}:
            known.remember(f"{own}#{rung}", now + TOLD_FOR)
    if not known.running_until(f"{name}#{outage.rung}", now=now):
        rung = MAJOR if known.running_until(f"{own}#{MAJOR}", now=now) else outage.rung
        stores.claims().note(name_claim(outage, rung, now=now, config=config), now=now)
        known.remember(f"{name}#{outage.rung}", now + timedelta(seconds=quiet_seconds(outage.place, config=config) / 2))


def _tell_reported(
    reported: ReportedOutage, told: Told, *, stores: Stores, now: datetime, request_id: str, config: Config
) -> None:
    """Tell what a gateway says of an outage in its own words, unless that was told lately, by these or by its request log."""
    alert = reported.occurrence.alert(now=now, request_id=request_id, config=config)
    claim, without_host = reported.claims(alert, config=config)
    _claim_unless_told(claim, alert, without_host, told, stores=stores, now=now, config=config)


def _claim_unless_told(
    claim: Claim, alert: Alert, by_name: Claim | None, told: Told, *, stores: Stores, now: datetime, config: Config
) -> ClaimState:
    """Claim an alert together with the name under which another way in may have told it; returns what it lost against."""
    if by_name is None:
        return _claim_one(claim, alert, told, stores=stores, now=now, config=config)
    claim = claim.held(config.held_until(alert_type=alert.alert_type, level=alert.level, now=now))
    own, named = _submit([claim, by_name], stores=stores, now=now)
    if own.verdict is not Verdict.UNDECIDED:
        _settle(own.verdict, claim, alert, told, stores=stores)
        return own.state
    if named.verdict is Verdict.LOST and named.state.came_by_another_way(by_name, now=int(now.timestamp())):
        claim = claim._replace(outbox=None)  # won without a word, so that it stays told when the other way has forgotten it
    return _claim_one(claim, alert, told, stores=stores, now=now, config=config)


def watch_budgets(
    raised: Sequence[Alert],
    readings: Sequence[tuple[BudgetReading, Sequence[Offer]]],
    *,
    gateway: str,
    stores: Stores,
    now: datetime,
    request_id: str,
    config: Config,
) -> Told:
    """Where it is wanted: list the budgets that alerted now, and tell of those that were raised since they did."""
    told = Told()
    if not config.resolved_notices:
        return told
    try:
        alerted = stores.known_alerted.by_key(budgets=stores.alerted, now=now)
        for known, reading in raised_again(readings, gateway=gateway, alerted=alerted):
            _resolve(known, reading, told, stores=stores, now=now, request_id=request_id, config=config)
            del alerted[known.key]
        for alert in raised:
            is_named = alert.entity.id or alert.entity.name
            if is_named and alert.budget is not None and alert.budget.kind == "maximum" and not alert.is_resolved:
                stores.alerted().note(alert, due_at=due_at(alert, now=now, config=config))
    except DependencyUnavailable as error:
        told.failure = error
    return told


def _resolve(
    alerted: Alerted, reading: BudgetReading | None, told: Told, *, stores: Stores, now: datetime, request_id: str, config: Config
) -> None:
    claim, alert = resolution(alerted, reading=reading, now=now, request_id=request_id, config=config)
    _claim_one(claim, alert, told, stores=stores, now=now, config=config)
    stores.alerted().forget(alerted.key)


def tell_due_alerts(
    due: "Sequence[DueAlert]", *, stores: Stores, now: datetime, config: Config
) -> tuple[Told, list[tuple[str, int]]]:
    """Claim what is due by the clock, and enqueue what was won; returns also what is settled, whoever has told it.

    Raises:
        DependencyUnavailable: nothing was decided; the next run comes anyway.
    """
    told, settled, waiting = Told(), list[tuple[str, int]](), list(due)
    while waiting:
        batch, rest = waiting[:TOGETHER], waiting[TOGETHER:]
        held = [config.held_until(alert_type=each.alert.alert_type, level=each.alert.level, now=now) for each in batch]
        claims = [
            Claim(each.claim_key, each.rung, each.period_end, each.alert.model_dump_json()).held(until)
            for each, until in zip(batch, held, strict=True)
        ]
        verdicts = [verdict for verdict, _ in stores.claims().submit(claims, now=now)]
        done = [each for each, verdict in zip(batch, verdicts, strict=True) if verdict is not Verdict.UNDECIDED]
        if not done:
            raise DependencyUnavailable("DynamoDB: another transaction was in the way")
        if all(verdict is Verdict.WON for verdict in verdicts):
            told.held_count += sum(until is not None for until in held)
            _send(
                [(each.claim_key, each.alert) for each, until in zip(batch, held, strict=True) if until is None],
                told,
                stores=stores,
            )
        settled += [(each.claim_key, each.period_end) for each in done]
        waiting = [each for each, verdict in zip(batch, verdicts, strict=True) if verdict is Verdict.UNDECIDED] + rest
    return told, settled


def _claim_one(claim: Claim, alert: Alert, told: Told, *, stores: Stores, now: datetime, config: Config) -> ClaimState:
    """Claim an alert, and enqueue it when it was won; returns what it lost against."""
    claim = claim.held(config.held_until(alert_type=alert.alert_type, level=alert.level, now=now))
    ((verdict, state),) = _submit([claim], stores=stores, now=now)
    _settle(verdict, claim, alert, told, stores=stores)
    return state


def _submit(claims: Sequence[Claim], *, stores: Stores, now: datetime) -> list[Decided]:
    """Submit claims until one of them is decided. Raises DependencyUnavailable."""
    for _ in range(FRUITLESS_SUBMISSIONS):
        decided = stores.claims().submit(claims, now=now)
        if any(verdict is not Verdict.UNDECIDED for verdict, _ in decided):
            return decided
    raise DependencyUnavailable("DynamoDB: other transactions were in the way each time")


def _settle(verdict: Verdict, claim: Claim, alert: Alert, told: Told, *, stores: Stores) -> None:
    if verdict is Verdict.LOST or claim.outbox is None:
        told.repeat_count += 1
    elif claim.held_until is None:
        _send([(claim.key, alert)], told, stores=stores)
    else:
        told.held_count += 1


def _send(alerts: Sequence[tuple[str, Alert]], told: Told, *, stores: Stores) -> None:
    """Enqueue alerts whose claims are won, and empty the outboxes that carry them."""
    sent = stores.queue().send([alert for _, alert in alerts])
    told.alerts += [alert for _, alert in alerts if alert.alert_id in sent]
    told.unsent_count += len(alerts) - len(sent)
    emptied = [PendingOutbox(key, (alert.model_dump_json(),)) for key, alert in alerts if alert.alert_id in sent]
    with suppress(DependencyUnavailable):
        stores.claims().clear(emptied)


def look_after(items: Iterable[Attributes], *, stores: Stores, now: datetime, request_id: str, config: Config) -> Told:
    """Do what is due on the agenda. What fails is in ``Told.failure``, comes again, and keeps no other kind from its turn.

    Raises:
        DependencyUnavailable: the agenda could not be read.
    """
    by_kind: dict[str, list[Attributes]] = {}
    for item in items:
        by_kind.setdefault(item["pk"]["S"].partition("#")[0] + "#", []).append(item)
    told = Told()
    if episodes := by_kind.get(EPISODE):
        told = tell_due(episodes, store=stores.episodes(), queue=stores.queue(), now=now)
    for step, due in (
        (_tell_hanging, by_kind.get(HANGING, ())),
        (_tell_ends, by_kind.get(OUTAGE, ())),
        (_tell_resets, ()),
    ):
        try:
            step(due, told, stores=stores, now=now, request_id=request_id, config=config)
        except DependencyUnavailable as error:
            told.failure = told.failure or error
    return told


def _tell_ends(
    items: Sequence[Attributes], told: Told, *, stores: Stores, now: datetime, request_id: str, config: Config
) -> None:
    for item in items:
        outage = stores.outages().settle(item, now=now)
        if outage is not None:
            if config.resolved_notices:
                claim, alert = outage_claim(outage, now=now, request_id=request_id, config=config)
                _claim_one(claim, alert, told, stores=stores, now=now, config=config)
            stores.outages().forget(outage)


def _tell_resets(_: Sequence[Attributes], told: Told, *, stores: Stores, now: datetime, request_id: str, config: Config) -> None:
    """Periods that have ended, which are on an agenda of their own."""
    for alerted in stores.alerted().due(now=now) if config.resolved_notices else ():
        budget = alerted.alert.budget
        if budget is not None and budget.resets_at is not None and budget.resets_at <= now:
            _resolve(alerted, None, told, stores=stores, now=now, request_id=request_id, config=config)
        else:
            stores.alerted().forget(alerted.key)  # no period was named, so nobody knows whether it was reset


def _tell_hanging(
    items: Sequence[Attributes], told: Told, *, stores: Stores, now: datetime, request_id: str, config: Config
) -> None:
    calls = [hanging_call(item) for item in items]
    for start in range(0, len(calls), TOGETHER):
        waiting = calls[start : start + TOGETHER]
        while waiting:
            claims, alerts = hanging_claims(waiting, now=now, request_id=request_id, config=config)
            # One alert for each model: hold them all, or none.
            level = ALERT_TYPES[LLM_REQUESTS_HANGING].level
            held_until = config.held_until(alert_type=LLM_REQUESTS_HANGING, level=level, now=now)
            decided = stores.claims().submit([claim.held(held_until) for claim in claims], now=now)
            keys = {claim.key: verdict for claim, (verdict, _) in zip(claims, decided, strict=True)}
            if all(verdict is Verdict.WON for verdict in keys.values()):
                if held_until is None:
                    _send(alerts, told, stores=stores)
                else:
                    told.held_count += len(alerts)
                stores.calls().forget(keys)
                break
            # Those that another sweep has told and did not live to forget.
            lost = {key for key, verdict in keys.items() if verdict is Verdict.LOST}
            if not lost:
                raise DependencyUnavailable("DynamoDB: another transaction was in the way")
            stores.calls().forget(lost)
            waiting = [call for call in waiting if call.key not in lost]
