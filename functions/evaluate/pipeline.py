"""The way of an event: evaluate → claim → enqueue. No I/O of its own: it calls the claims and the queue it is given.

=========  ==================  =========================  ====================================================
step       in                  out                        where a failure goes
=========  ==================  =========================  ====================================================
evaluate   inbound events      offers, refusals           refused by index, with a reason; neighbours go on
claim      offers              winners with their alerts  DependencyUnavailable: 503, the sender tries again
enqueue    alerts              ids that SQS has           the claim's outbox keeps them, the sweep sends them
=========  ==================  =========================  ====================================================
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evaluate.alert_queue import AlertQueue
from evaluate.alerting import Offer, alert_for, held_until, merge_by_reading, offers_of
from evaluate.claims import (
    FRUITLESS_SUBMISSIONS,
    SWEEP_AFTER_SECONDS,
    TRANSACTION_ACTIONS,
    Claim,
    ClaimState,
    ClaimStore,
    PendingOutbox,
    Verdict,
)
from evaluate.customers import TrackedSpend, tracked_in
from evaluate.episodes import Told
from evaluate.known_claims import KnownClaims
from evaluate.readings import BudgetReading, readings_of
from evaluate.shapes import ParsedEvents, Rejection
from evaluate.signals import SIGNALLING, Signals, add_signals
from evaluate.thresholds import crossings_of
from gateway_alerts.alert_types import BUDGET_ALERTS
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config
from gateway_alerts.errors import DependencyUnavailable, EventRejected, GatewayAlertsError, InvalidAlert
from gateway_alerts.events import InboundEvent
from gateway_alerts.keys import BudgetIdentity

SWEEP_AFTER = timedelta(seconds=SWEEP_AFTER_SECONDS)


@dataclass(slots=True)
class Evaluation:
    """What a request's events ask for, before anybody has been asked. Events are told by their index."""

    accepted: list[int] = field(default_factory=list)
    offers: list[tuple[int, list[Offer]]] = field(default_factory=list)
    signals: Signals = field(default_factory=Signals)
    #: What customers spent, whose sum is kept elsewhere (``evaluate.customers``).
    tracked: list[TrackedSpend] = field(default_factory=list)
    #: Every budget that was read, with its offers; kept only where it may be told that one is well again.
    readings: list[tuple[BudgetReading, list[Offer]]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


@dataclass(slots=True)
class Raised:
    """What became of the offers: each was won, or is a repeat of what somebody has won before.

    ``unsent_count`` alerts are safe in the outbox, and not in the queue yet; ``resent_count`` of the alerts, the first ones,
    had been decided and counted before; ``held_count`` occurrences are counted, to be told later.
    ``failure`` says why not all could be claimed; what was won before that has been enqueued.
    """

    alerts: list[Alert] = field(default_factory=list)
    won_count: int = 0
    repeat_count: int = 0
    unsent_count: int = 0
    resent_count: int = 0
    held_count: int = 0
    failure: GatewayAlertsError | None = None

    def add(self, told: Told) -> None:
        """Add what became of occurrences."""
        self.alerts += told.alerts
        self.repeat_count += told.repeat_count
        self.unsent_count += told.unsent_count
        self.held_count += told.held_count
        self.failure = self.failure or told.failure


def evaluate(parsed: ParsedEvents, *, gateway: str, config: Config, now: datetime) -> Evaluation:
    """Decide which limits the events cross, and what they tell besides. Pure; an event is taken whole or refused whole."""
    evaluation = Evaluation(rejections=list(parsed.rejections))
    is_enabled, accepted = config.is_enabled(BUDGET_ALERTS), evaluation.accepted
    without_reading: list[InboundEvent] = []
    for index, event in parsed.events:
        try:
            readings = readings_of(event)
            offers = [offer for reading in readings for offer in offers_at(reading, gateway=gateway, config=config)]
            if type(event) in SIGNALLING:
                add_signals(event, index=index, to=evaluation.signals, gateway=gateway, config=config, now=now)
        except EventRejected as error:
            evaluation.rejections.append(Rejection(index, str(error)))
            continue
        accepted.append(index)
        if not readings:
            without_reading.append(event)
        if offers and is_enabled:
            evaluation.offers.append((index, offers))
        if config.resolved_notices:
            evaluation.readings += [(reading, [o for o in offers if o.reading is reading]) for reading in readings]
    evaluation.rejections.sort()
    if is_enabled:
        evaluation.tracked = tracked_in(without_reading)  # what one request cost is no reading of a budget
    return evaluation


def offers_at(reading: BudgetReading, *, gateway: str, config: Config) -> list[Offer]:
    """What a reading offers: one offer for each limit that it has reached. Pure."""
    crossings = crossings_of(reading, thresholds=config.thresholds_of(reading.entity_type.get_event_group()))
    return offers_of(reading, crossings, gateway=gateway) if crossings else []


def raise_alerts(
    offers: Sequence[Offer],
    *,
    claims: Callable[[], ClaimStore],
    queue: Callable[[], AlertQueue],
    known: KnownClaims,
    now: datetime,
    request_id: str,
    config: Config,
) -> Raised:
    """Claim what is new, and enqueue what was won. ``claims`` and ``queue`` are called only when they are needed."""
    ttl_seconds = config.alerting_args.budget_alert_ttl
    moment = int(now.timestamp())

    def is_settled(offer: Offer) -> bool:
        claim = Claim("", offer.rung, offer.period_end, None, offer.owner)
        return known.get(offer.identity).settles(claim, now=moment, ttl_seconds=ttl_seconds)

    own = _with_own_names(offers, known=known)
    rounds = _rounds([offer for offer in own if not is_settled(offer)])
    raised = Raised(repeat_count=len(offers) - sum(map(len, rounds)))
    naming = _unnamed_claims(own, known=known, now=moment, ttl_seconds=ttl_seconds)
    if not rounds and not naming:
        return raised
    store = claims()
    winners = _Winners()
    try:
        for round_of_offers in rounds:
            due = [offer for offer in round_of_offers if not is_settled(offer)]
            won_count = _claim(due, store=store, winners=winners, known=known, now=now, request_id=request_id, config=config)
            raised.repeat_count += len(round_of_offers) - won_count
    except DependencyUnavailable as error:
        raised.failure = error
    raised.alerts = winners.alerts
    raised.won_count = len(winners.states)
    if winners.alerts:
        raised.unsent_count = _enqueue(winners, store=store, queue=queue, known=known)
    if raised.failure is None:
        try:
            for names, claim in naming.items():
                store.replace(claim, now=now)
                known.remember(names, known.get(names).after(claim, now=moment))
        except DependencyUnavailable as error:
            raised.failure = error
    return raised


class _Winners:
    """Alerts whose claims are won, the outbox that holds each, and what to remember once they are queued."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.outboxes: dict[str, list[tuple[str, str]]] = {}
        #: Which of the alerts stay in their outbox for now.
        self.held: set[str] = set()
        self.states: list[tuple[str, BudgetIdentity, ClaimState]] = []


def _with_own_names(offers: Sequence[Offer], *, known: KnownClaims) -> list[Offer]:
    """The offers, where a name that several bear stays with the one that has it, or with the first that asks."""
    owners: dict[BudgetIdentity, str] = {}
    own: list[Offer] = []
    for offer in offers:
        if offer.owner is not None:
            owner = owners.setdefault(offer.identity, known.get(offer.identity).owner or offer.owner)
            if owner != offer.owner:
                own.append(offer.by_id())
                continue
        own.append(offer)
    return own


def _rounds(offers: Sequence[Offer]) -> list[list[Offer]]:
    """Offers without repeats, the highest rung of each ladder, in rounds: one period of an entity a round.

    What names no period comes first, then periods in their order; an entity's ladders of one period stay together.
    """
    best: dict[tuple[BudgetIdentity, int | None], Offer] = {}
    for offer in offers:
        key = (offer.identity, offer.period_end)
        if key not in best or _gravity(offer) > _gravity(best[key]):
            best[key] = offer
    periods: dict[tuple[object, ...], list[int | None]] = {}
    rounds: list[list[Offer]] = []
    for offer in sorted(best.values(), key=lambda o: o.period_end or 0):
        periods_of_entity = periods.setdefault(offer.identity.entity, [])
        if offer.period_end not in periods_of_entity:
            periods_of_entity.append(offer.period_end)
        turn = periods_of_entity.index(offer.period_end)
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(offer)
    return rounds


def _gravity(offer: Offer) -> tuple[object, object]:
    return offer.rung, offer.reading.user_info.spend


def _claim(
    due: Sequence[Offer],
    *,
    store: ClaimStore,
    winners: _Winners,
    known: KnownClaims,
    now: datetime,
    request_id: str,
    config: Config,
) -> int:
    """Submit offers with different identities until each has won or lost; returns how many won."""
    waiting = merge_by_reading(due)
    won_count = fruitless = 0
    moment = int(now.timestamp())
    while waiting:
        groups, rest = _first_submission(waiting)
        alerts = [alert_for(group, now=now, request_id=request_id, config=config) for group in groups]
        batch = [offer for group in groups for offer in group]
        submission: list[Claim] = []
        for group, alert in zip(groups, alerts, strict=True):
            until = held_until(group, config=config, now=now)
            outboxes = [alert.model_dump_json(), *[None] * (len(group) - 1)]
            submission += [
                Claim(offer.identity.table_key, offer.rung, offer.period_end, outbox, offer.owner).held(until)
                for offer, outbox in zip(group, outboxes, strict=True)
            ]
        decided = store.submit(submission, now=now)
        undecided: list[Offer] = []
        for offer, claim, (verdict, state) in zip(batch, submission, decided, strict=True):
            if verdict is Verdict.UNDECIDED:
                undecided.append(offer)
            elif verdict is Verdict.LOST and state.is_anothers(offer.owner):
                known.remember(offer.identity, state)
                undecided.append(offer.by_id())
            elif verdict is Verdict.LOST:
                known.remember(offer.identity, _after_loss(claim, state, store=store, now=now))
        if all(verdict is Verdict.WON for verdict, _ in decided):
            won_count += len(batch)
            _note_winners(winners, groups, alerts, submission, known=known, moment=moment)
        fruitless = fruitless + 1 if len(undecided) == len(batch) else 0
        if fruitless == FRUITLESS_SUBMISSIONS:
            raise DependencyUnavailable("DynamoDB: other transactions were in the way each time")
        waiting = merge_by_reading(undecided) + rest
    return won_count


def _first_submission(groups: Sequence[list[Offer]]) -> tuple[list[list[Offer]], list[list[Offer]]]:
    """As many groups as one transaction takes, and the rest."""
    count = 0
    for position, group in enumerate(groups):
        count += len(group)
        if count > TRANSACTION_ACTIONS:
            return list(groups[:position]), list(groups[position:])
    return list(groups), []


def _after_loss(claim: Claim, state: ClaimState, *, store: ClaimStore, now: datetime) -> ClaimState:
    """What to remember of a lost claim. A period that alerted by another way in is noted, so that it stays alerted."""
    is_new_to_the_claim = claim.period_end is not None and (state.period_end or 0) < claim.period_end
    if is_new_to_the_claim:
        store.note(claim, now=now)
        return state.after(claim, now=int(now.timestamp()))
    return state


def _note_winners(
    winners: _Winners,
    groups: Sequence[Sequence[Offer]],
    alerts: Sequence[Alert],
    submission: Sequence[Claim],
    *,
    known: KnownClaims,
    moment: int,
) -> None:
    claims = iter(submission)
    for group, alert in zip(groups, alerts, strict=True):
        winners.alerts.append(alert)
        for offer in group:
            claim = next(claims)
            state = known.get(offer.identity).after(claim, now=moment)
            winners.states.append((alert.alert_id, offer.identity, state))
            if claim.outbox is not None:
                winners.outboxes.setdefault(claim.key, []).append((alert.alert_id, claim.outbox))
            if claim.held_until is not None:
                winners.held.add(alert.alert_id)


def _enqueue(winners: _Winners, *, store: ClaimStore, queue: Callable[[], AlertQueue], known: KnownClaims) -> int:
    """Hand the alerts to the queue, then empty their outboxes; returns how many the queue did not take.

    What is held stays in its outbox, and the sweep sends it when its time has come.
    """
    due = [alert for alert in winners.alerts if alert.alert_id not in winners.held]
    sent = queue().send(due) if due else set()
    safe = sent | winners.held
    for alert_id, identity, state in winners.states:
        if alert_id in safe:
            known.remember(identity, state)
    emptied = [
        PendingOutbox(key, tuple(alert for _, alert in entries))
        for key, entries in winners.outboxes.items()
        if all(alert_id in sent for alert_id, _ in entries)
    ]
    # The sweep sends them again, and NotifyFunction knows an alert that it has delivered.
    with suppress(DependencyUnavailable):
        store.clear(emptied)
    return len(due) - len(sent)


def _unnamed_claims(offers: Sequence[Offer], *, known: KnownClaims, now: int, ttl_seconds: int) -> dict[BudgetIdentity, Claim]:
    """The claims of events that do not name whose budget it is, whose place named offers take; those that this container
    has not replaced yet, at the highest rung of each, by where it remembers that.
    """
    found: dict[BudgetIdentity, Claim] = {}
    for offer in offers:
        unnamed = offer.unnamed_identity
        if unnamed is None:
            continue
        names = offer.identity._replace(entity_hint=unnamed.entity_hint or "")
        claim = Claim(unnamed.table_key, offer.rung, None, None)
        is_higher = names not in found or found[names].rung < claim.rung
        if is_higher and not known.get(names).settles(claim, now=now, ttl_seconds=ttl_seconds):
            found[names] = claim
    return found


def sweep_outbox(*, claims: ClaimStore, queue: AlertQueue, now: datetime) -> Raised:
    """Send what dead processes left in the outbox.

    Raises:
        DependencyUnavailable: the outbox could not be read, or not be emptied; the next sweep goes on.
    """
    swept = Raised()
    for outbox in claims.pending(before=now - SWEEP_AFTER):
        try:
            alerts = [Alert.model_validate_json(text) for text in outbox.alerts]
        except (ValueError, OverflowError):
            # Left where it is; the failure keeps the alarm up until somebody has looked.
            swept.failure = InvalidAlert(f"outbox of {outbox.key} cannot be read")
            continue
        sent = queue.send(alerts)
        swept.alerts += [alert for alert in alerts if alert.alert_id in sent]
        swept.resent_count = len(swept.alerts)
        swept.unsent_count += len(alerts) - len(sent)
        if len(sent) == len(alerts):
            claims.clear([outbox])
    return swept
