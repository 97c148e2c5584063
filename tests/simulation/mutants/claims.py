"""Faults in who decides, and in what is remembered of it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from evaluate.alerting import Offer
from evaluate.claims import Claim, ClaimState, Decided, PendingOutbox, Verdict
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import Raised, raise_alerts, sweep_outbox
from gateway_alerts.errors import DependencyUnavailable
from gateway_alerts.keys import BudgetIdentity
from tests.pipeline.evaluate.fakes import Item, wins
from tests.simulation.system import System
from tests.simulation.table import TTL_SECONDS, SimClaims


class NoConditionOnTheClaim(System):
    """Every offer is written, whatever was there."""

    class claims_type(SimClaims):  # noqa: N801
        def wins(self, claim: Claim, state: Any, now: int) -> bool:
            return True


class GetThenSet(System):
    """The reference's way: look, and if nothing is there, write. Two containers look at the same time."""

    class claims_type(SimClaims):  # noqa: N801
        def submit(self, claims: Sequence[Claim], *, now: datetime) -> list[Decided]:
            moment = int(now.timestamp())
            states = self.table.call("claims.get", lambda: [self.table.items.get(c.key, Item()).state for c in claims])
            won = [self.wins(c, s, moment) for c, s in zip(claims, states, strict=True)]
            if not all(won):
                verdicts = [Verdict.UNDECIDED if is_won else Verdict.LOST for is_won in won]
                return [Decided(verdict, state) for verdict, state in zip(verdicts, states, strict=True)]
            self.table.call("claims.set", lambda: [self.write(claim, moment) for claim in claims])
            return [Decided(Verdict.WON)] * len(claims)


class RungComparedWithLessOrEqual(System):
    """A rung that has alerted alerts again."""

    class claims_type(SimClaims):  # noqa: N801
        def wins(self, claim: Claim, state: Any, now: int) -> bool:
            lower = claim._replace(rung=claim.rung + Decimal("0.0001"))
            return wins(lower, state, now=now, ttl_seconds=TTL_SECONDS)


class RungNotCompared(System):
    """One alert a period, whatever its rung: the reference's own cache."""

    class claims_type(SimClaims):  # noqa: N801
        def wins(self, claim: Claim, state: Any, now: int) -> bool:
            return wins(claim._replace(rung=Decimal("0.0001")), state, now=now, ttl_seconds=TTL_SECONDS)


class NoOutbox(System):
    """The claim does not carry its alert: who dies before sending takes it along."""

    class claims_type(SimClaims):  # noqa: N801
        def write(self, claim: Claim, now: int) -> None:
            super().write(claim, now)
            item = self.table.items[claim.key]
            item.outbox, item.outbox_at = [], None


class DedupeKeyWithoutEntityType(System):
    """A user and a team with the same id are taken for one."""

    @staticmethod
    def raise_alerts(offers: Sequence[Offer], **rest: Any) -> Raised:
        alike = [offer._replace(identity=offer.identity._replace(entity_type="entity")) for offer in offers]
        return raise_alerts(alike, **rest)


class DedupeKeyWithoutGateway(System):
    """Two gateways' users of the same name are taken for one."""

    @staticmethod
    def raise_alerts(offers: Sequence[Offer], **rest: Any) -> Raised:
        alike = [offer._replace(identity=offer.identity._replace(gateway="any")) for offer in offers]
        return raise_alerts(alike, **rest)


class DedupeKeyWithPeriod(System):
    """A crossing that is reported with its period and without it is taken for two."""

    @staticmethod
    def raise_alerts(offers: Sequence[Offer], **rest: Any) -> Raised:
        apart = [
            offer._replace(identity=offer.identity._replace(entity_id=f"{offer.identity.entity_id}@{offer.period_end}"))
            for offer in offers
        ]
        return raise_alerts(apart, **rest)


class RememberingBeforeSafe(System):
    """What is offered is remembered before it is claimed: when the claim fails, the sender's next try meets silence."""

    @staticmethod
    def raise_alerts(offers: Sequence[Offer], **rest: Any) -> Raised:
        raised = raise_alerts(offers, **rest)
        known: KnownClaims = rest["known"]
        now = int(rest["now"].timestamp())
        for offer in offers:
            state = known.get(offer.identity).after(Claim("", offer.rung, offer.period_end, None), now=now)
            known.remember(offer.identity, state)
        return raised


class MemoryWithoutRung(System):
    """A container remembers that it has alerted, not how high."""

    class known_type(KnownClaims):  # noqa: N801
        def remember(self, identity: BudgetIdentity, state: ClaimState) -> None:
            super().remember(identity, state._replace(period_rung=Decimal(9), ttl_rung=Decimal(9)))


class _ClearsFirst:
    """A queue that empties the outbox before it sends."""

    def __init__(self, queue: Any, store: SimClaims) -> None:
        self.queue, self.store = queue, store

    def send(self, alerts: Sequence[Any]) -> set[str]:
        wanted = {alert.alert_id for alert in alerts}
        for key, item in list(self.store.table.items.items()):
            if any(alert_id in text for text in item.outbox for alert_id in wanted):
                with suppress(DependencyUnavailable):
                    self.store.clear([PendingOutbox(key, tuple(item.outbox))])
        return self.queue.send(alerts)  # type: ignore[no-any-return]


class OutboxClearedBeforeSending(System):
    """The outbox is emptied, then the alert is sent."""

    @staticmethod
    def raise_alerts(offers: Sequence[Offer], **rest: Any) -> Raised:
        queue, store = rest["queue"], rest["claims"]()
        return raise_alerts(offers, **rest | {"queue": lambda: _ClearsFirst(queue(), store)})


class _TakesAll:
    def send(self, alerts: Sequence[Any]) -> set[str]:
        return {alert.alert_id for alert in alerts}


class SweepClearsWithoutSending(System):
    """The sweep tidies up."""

    @staticmethod
    def sweep_outbox(**ports: Any) -> Raised:
        return sweep_outbox(**ports | {"queue": _TakesAll()})


class NoSweep(System):
    """Nobody looks after the outbox."""

    @staticmethod
    def sweep_outbox(**ports: Any) -> Raised:
        return Raised()


class PartialFailuresForgotten(System):
    """SendMessageBatch answered, so all of it was taken."""

    def make_alert_queue(self) -> Any:
        real = super().make_alert_queue()

        class Queue:
            def send(self, alerts: Sequence[Any]) -> set[str]:
                real.send(alerts)
                return {alert.alert_id for alert in alerts}

        return Queue()
