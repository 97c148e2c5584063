"""What must hold after every run, whatever went wrong in it."""

import math
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from evaluate.claims import SETTLING_SECONDS
from evaluate.pipeline import evaluate
from evaluate.shapes import parse_objects
from gateway_alerts.alerts import parse_queued_alert
from notify.pipeline import DEAD_AFTER
from tests.simulation.system import NOTIFY_SECONDS, System
from tests.simulation.table import TTL_SECONDS, Decision, Delivery
from tests.simulation.world import START


def broken_by(system: System) -> list[str]:
    """The invariants that a run broke; empty when all hold. Counts what was delivered, lost and given up besides.

    What Slack sees is judged when it happens (``Slack.called``, ``Slack.show``): posts that come too early, doubles
    without excuse, alerts that a message does not name.
    """
    told = _told(system)
    return [
        *one_decision(system),
        *nothing_told_twice(told),
        *nothing_noted_in_vain(system),
        *everything_accepted_is_decided(system, told),
        *nothing_lost(system),
        *system.slack.faults,
        *nothing_left(system),
    ]


class Told(NamedTuple):
    """What one alert says of one ladder. ``is_aside``: it says so beside what it is about."""

    rung: Decimal
    resets_at: datetime | None
    raised_at: datetime
    is_aside: bool = False


def _told(system: System) -> dict[tuple[object, ...], list[Told]]:
    """By entity, kind and limit, in the order of their decisions. Taken from what the alerts say, not from the keys of
    the claims: a key that mixes entities up, or tells one twice, must not hide it.
    """
    told: dict[tuple[object, ...], list[Told]] = {}
    for alert in system.table.alerts.values():
        budget, who = alert.budget, (alert.gateway, alert.entity.type, alert.entity.name)
        own = Told(budget.rung, budget.resets_at, alert.raised_at)
        told.setdefault((*who, budget.kind, budget.limit), []).append(own)
        if budget.kind == "maximum" and budget.soft_budget_crossed:
            aside = own._replace(rung=Decimal(1), is_aside=True)
            told.setdefault((*who, "soft", budget.soft_budget), []).append(aside)
    return told


def one_decision(system: System) -> list[str]:
    """One decision per identity, period and rung, and within a period rungs only rise: whether or not a report names
    its period, and if one crossing is reported both ways.
    """
    faults: list[str] = []
    earlier: dict[str, list[Decision]] = {}
    for claim, now in system.table.decisions:
        for other, at in earlier.setdefault(claim.key, []):
            if claim.rung <= other.rung and _is_same_period(other.period_end, claim.period_end, at, now):
                faults.append(f"DECIDED TWICE: {claim.key} at {claim.rung} until {claim.period_end}, after {other.rung}")
        earlier[claim.key].append(Decision(claim, now))
    return faults


def nothing_told_twice(told: dict[tuple[object, ...], list[Told]]) -> list[str]:
    """The same of what the alerts say."""
    faults: list[str] = []
    for ladder, alerts in told.items():
        own = [alert for alert in alerts if not alert.is_aside]
        for first, second in combinations(own, 2):
            periods = (_moment(first.resets_at), _moment(second.resets_at))
            is_same_period = _is_same_period(*periods, _moment(first.raised_at) or 0, _moment(second.raised_at) or 0)
            if second.rung <= first.rung and is_same_period:
                faults.append(f"TOLD TWICE: {ladder} at {second.rung} until {second.resets_at}, after {first.rung}")
    return faults


def _is_same_period(first: int | None, second: int | None, first_at: int, second_at: int) -> bool:
    """Whether two reports are of one period; None when a report does not name it."""
    if second is None:
        return second_at - first_at < TTL_SECONDS if first is None else second_at < first
    return second_at - first_at < SETTLING_SECONDS if first is None else first == second


def _moment(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def nothing_noted_in_vain(system: System) -> list[str]:
    """A period is noted without an alert only when a report that did not name it had alerted just before."""
    return [
        f"NOTED IN VAIN: {claim.rung} of {claim.key} until {claim.period_end}"
        for claim, now in system.table.notes
        if not any(
            other.key == claim.key and other.period_end is None and other.rung >= claim.rung and now - at < SETTLING_SECONDS
            for other, at in system.table.decisions
        )
    ]


def everything_accepted_is_decided(system: System, told: dict[tuple[object, ...], list[Told]]) -> list[str]:
    """Whoever was answered 200 finds each crossing decided: in an alert about that very entity, at its rung or above."""
    faults: set[str] = set()
    for gateway, events, sent_at in system.senders.acknowledged:
        for _, offers in evaluate(parse_objects(events), gateway=gateway, config=system.config, now=START).offers:
            for offer in offers:
                who = (gateway, offer.identity.entity_type, offer.reading.entity_type.get_name(offer.reading.user_info))
                resets_at = offer.reading.user_info.budget_reset_at
                alerts = told.get((*who, offer.crossing.kind, offer.crossing.limit), [])
                # A period that alerted without its name is noted when it is first named: from then on it has alerted.
                is_noted = system.table.noted.get((offer.identity.table_key, offer.period_end), Decimal(0)) >= offer.rung
                settling_seconds = math.inf if is_noted else SETTLING_SECONDS
                sent = START + timedelta(seconds=sent_at)
                if not any(_answers(one, offer.rung, resets_at, sent, settling_seconds) for one in alerts):
                    faults.add(f"NOT DECIDED: accepted from {who} at {offer.rung} until {resets_at}")
    return sorted(faults)


def _answers(told: Told, rung: Decimal, resets_at: datetime | None, sent_at: datetime, settling_seconds: float) -> bool:
    """Whether an alert is the one that a report called for, or the reason why it called for none."""
    if resets_at is None:
        is_its_period = told.resets_at is None or told.resets_at > sent_at
    elif told.resets_at is None:
        is_its_period = (sent_at - told.raised_at).total_seconds() < settling_seconds  # the same crossing by another way
    elif told.resets_at > resets_at:
        return True  # the report is late: the next period has alerted
    else:
        is_its_period = told.resets_at == resets_at
    return is_its_period and told.rung >= rung


def nothing_lost(system: System) -> list[str]:
    """Every decided alert was shown at each of its destinations, or is a dead letter with its reason."""
    counts = system.world.counts
    dead: set[Delivery] = set()
    faults: list[str] = []
    for body, reason, at in system.queue.dead:
        queued = parse_queued_alert(body)
        delivery = (queued.alert.alert_id, queued.destination)
        dead.add(delivery)
        age = START + timedelta(seconds=at) - queued.alert.raised_at
        noted_at = system.table.delivered_at.get(delivery)
        if not reason:
            faults.append("a dead letter without a reason")
        if age < DEAD_AFTER:
            faults.append(f"given up after {age}: {reason}")
        if noted_at is not None and at - noted_at > NOTIFY_SECONDS:
            faults.append(f"given up at {at:.3f}, and noted as delivered at {noted_at:.3f}")
    for alert_id, alert in system.table.alerts.items():
        for destination in alert.destinations:
            counts["alerts"] += 1
            if (alert_id, destination) in system.slack.shown:
                counts["delivered"] += 1
            elif (alert_id, destination) in dead:
                counts["dead-lettered"] += 1
            else:
                counts["lost"] += 1
                faults.append(f"LOST: {alert_id[:6]} {alert.entity.name} for {destination}")
    return faults


def nothing_left(system: System) -> list[str]:
    """Nothing waits for ever: queue and outboxes are empty in the end."""
    faults = [f"still queued: {message.message_id}" for message in system.queue.messages.values()]
    return faults + [f"still in the outbox: {key}" for key, item in system.table.items.items() if item.outbox]
