"""What must hold after every run, whatever went wrong in it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from evaluate.pipeline import evaluate
from evaluate.shapes import parse_objects
from gateway_alerts.alerts import parse_queued_alert
from notify.deliveries import Delivery
from notify.pipeline import DEAD_AFTER
from tests.simulation.system import NOTIFY_SECONDS, System
from tests.simulation.world import START


def broken_by(system: System) -> list[str]:
    """The invariants that a run broke; empty when all hold. Counts what was delivered, lost and given up besides.

    What Slack sees is judged when it happens (``Slack.called``, ``Slack.show``): posts that come too early, doubles
    without excuse, alerts that a message does not name.
    """
    return [
        *one_decision(system),
        *everything_accepted_is_decided(system),
        *nothing_lost(system),
        *system.slack.faults,
        *nothing_left(system),
    ]


def one_decision(system: System) -> list[str]:
    """One decision per identity, period and rung; within a period rungs only rise."""
    faults: list[str] = []
    last: dict[tuple[str, int | None], tuple[Decimal, int]] = {}
    for claim, now in system.table.decisions:
        key = (claim.key, claim.period_end)
        if key in last:
            rung, at = last[key]
            is_same_period = claim.period_end is not None or now - at < system.table.ttl_seconds
            if is_same_period and claim.rung <= rung:
                faults.append(f"rung {claim.rung} of {claim.key} decided after {rung} of the same period {claim.period_end}")
        last[key] = (claim.rung, now)
    return faults


def everything_accepted_is_decided(system: System) -> list[str]:
    """Whoever was answered 200 finds each crossing decided: in an alert about that very entity, at its rung or above.

    Told by what the alerts say, not by the keys of the claims: a key that mixes entities up must not hide it.
    """
    decided: dict[tuple[object, ...], Decimal] = {}
    latest: dict[tuple[object, ...], datetime] = {}
    for alert in system.table.alerts.values():
        budget, who = alert.budget, (alert.gateway, alert.entity.type, alert.entity.name)
        told = [(budget.kind, budget.limit, budget.rung)]
        if budget.kind == "maximum" and budget.soft_budget_crossed:
            told.append(("soft", budget.soft_budget, Decimal(1)))
        for kind, limit, rung in told:
            ladder = (*who, kind, limit, budget.resets_at)
            decided[ladder] = max(decided.get(ladder, Decimal(0)), rung)
        if budget.resets_at is not None:
            latest[who] = max(latest.get(who, budget.resets_at), budget.resets_at)
    faults: set[str] = set()
    accepted: dict[str, dict[int, dict[str, Any]]] = {}
    for gateway, event in system.senders.acknowledged:
        accepted.setdefault(gateway, {})[id(event)] = event
    for gateway, events in accepted.items():
        for _, offers in evaluate(parse_objects(list(events.values())), gateway=gateway, config=system.config, now=START).offers:
            for offer in offers:
                who = (gateway, offer.identity.entity_type, offer.reading.entity_type.get_name(offer.reading.user_info))
                resets_at = offer.reading.user_info.budget_reset_at
                ladder = (*who, offer.crossing.kind, offer.crossing.limit, resets_at)
                is_late = resets_at is not None and latest.get(who, resets_at) > resets_at
                if decided.get(ladder, Decimal(0)) < offer.rung and not is_late:
                    faults.add(f"accepted and never decided: {who} at {offer.rung} until {resets_at}")
    return sorted(faults)


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
