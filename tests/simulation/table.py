"""DynamoDB as the ports see it: conditional writes that are atomic, an index that lags, calls that fail before or
after their effect.

The rules of a claim are those of ``tests.pipeline.evaluate.fakes``, which the integration tests hold against DynamoDB.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from botocore.exceptions import EndpointConnectionError

from evaluate.claims import Claim, Decided, PendingOutbox, Verdict
from gateway_alerts.alerts import Alert
from gateway_alerts.errors import DependencyUnavailable
from notify.deliveries import CLOCKS_DIFFER, DynamoDBDeliveries
from notify.gates import PROBE_EVERY, TRIES, GateState, Reservation, decide
from tests.pipeline.evaluate.fakes import Item, is_due, wins
from tests.simulation.world import START, Invocation, World

#: ``budget_alert_ttl``, as it is unless it is set.
TTL_SECONDS = 86_400

#: (alert_id, destination name)
Delivery = tuple[str, str]


class Decision(NamedTuple):
    """A claim that was won, and when."""

    claim: Claim
    now: int


class Table:
    """The items, and what a run's invariants want to know of their history."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.items: dict[str, Item] = {}
        self.index: dict[str, Item] = {}
        self.delivered_at: dict[Delivery, float] = {}
        self.posts: dict[tuple[str, int], set[str]] = {}
        self.gates: dict[str, GateState] = {}
        self.decisions: list[Decision] = []
        #: Periods that were noted without an alert, and the highest rung of each.
        self.notes: list[Decision] = []
        self.noted: dict[tuple[str, int | None], Decimal] = {}
        self.alerts: dict[str, Alert] = {}
        #: What was delivered and could not be noted, and by whom.
        self.unnoted: set[tuple[Delivery, Invocation]] = set()
        #: Destinations whose gate could not be closed, and by whom.
        self.unclosed: set[tuple[str, Invocation]] = set()
        self.fault_fraction = world.random.choice([0.0, 0.0, 0.02, 0.1])

    def call[T](self, name: str, effect: Callable[[], T]) -> T:
        """One call, which may fail before its effect or lose its answer."""

        def guarded() -> T:
            if self.world.happens(self.fault_fraction):
                raise DependencyUnavailable(f"DynamoDB: {name}")
            result = effect()
            if self.world.happens(self.fault_fraction / 2):
                self.world.say(f"the answer to {name} is lost")
                raise DependencyUnavailable(f"DynamoDB: {name}: answer lost")
            return result

        return self.world.step(name, guarded)

    def is_closed(self, destination: str, until: float) -> bool:
        """Whether a gate is closed for as long as that."""
        closed_until = self.gates.get(destination, GateState()).closed_until_millis / 1000 - START.timestamp()
        return closed_until > until - 0.01

    def put(self, key: str, item: Item) -> None:
        self.items[key] = item
        # The index shows each item as it is some time later: late, and never going back.
        self.world.after(self.world.random.choice([0.01, 0.5, 5]), lambda: self.index.update({key: self.items[key]}))

    def decided(self, claim: Claim, now: int) -> None:
        self.decisions.append(Decision(claim, now))
        self.world.say(f"   WON {claim.key[-6:]} {claim.rung} of {claim.period_end}")
        if claim.outbox is not None:
            alert = Alert.model_validate_json(claim.outbox)
            self.alerts[alert.alert_id] = alert


class SimClaims:
    """``evaluate.claims.ClaimStore``."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def submit(self, claims: Sequence[Claim], *, now: datetime) -> list[Decided]:
        moment = int(now.timestamp())
        if self.table.world.happens(0.02):
            return [Decided(Verdict.UNDECIDED)] * len(claims)
        return self.table.call("claims.submit", lambda: self.decide(claims, moment))

    def decide(self, claims: Sequence[Claim], now: int) -> list[Decided]:
        states = [self.table.items.get(claim.key, Item()).state for claim in claims]
        won = [self.wins(c, s, now) for c, s in zip(claims, states, strict=True)]
        if not all(won):
            return [Decided(Verdict.UNDECIDED) if w else Decided(Verdict.LOST, s) for w, s in zip(won, states, strict=True)]
        for claim in claims:
            self.write(claim, now)
        return [Decided(Verdict.WON)] * len(claims)

    def wins(self, claim: Claim, state: Any, now: int) -> bool:
        return wins(claim, state, now=now, ttl_seconds=TTL_SECONDS)

    def write(self, claim: Claim, now: int) -> None:
        item = self.table.items.get(claim.key, Item())
        item = replace(item, state=item.state.after(claim, now=now))
        if claim.outbox is not None:
            item = replace(item, outbox=[*item.outbox, claim.outbox], outbox_at=now)
        self.table.put(claim.key, item)
        self.table.decided(claim, now)

    def note(self, claim: Claim, *, now: datetime) -> None:
        def effect() -> None:
            item, moment = self.table.items.get(claim.key, Item()), int(now.timestamp())
            if is_due(claim, item.state, now=moment):
                self.table.put(claim.key, replace(item, state=item.state.after(claim, now=moment)))
                self.table.notes.append(Decision(claim, moment))
                self.table.noted[claim.key, claim.period_end] = claim.rung

        self.table.call("claims.note", effect)

    def clear(self, outboxes: Sequence[PendingOutbox]) -> None:
        for outbox in outboxes:

            def effect(outbox: PendingOutbox = outbox) -> None:
                item = self.table.items[outbox.key]
                if item.outbox == list(outbox.alerts):
                    self.table.put(outbox.key, replace(item, outbox=[], outbox_at=None))

            self.table.call("claims.clear", effect)

    def pending(self, *, before: datetime) -> Iterator[PendingOutbox]:
        limit = int(before.timestamp())
        yield from self.table.call(
            "claims.pending",
            lambda: [
                PendingOutbox(key, tuple(item.outbox))
                for key, item in self.table.index.items()
                if item.outbox_at is not None and item.outbox_at < limit
            ],
        )


class SimGates:
    """``notify.gates.Gates``: the real ``decide``, read and conditionally written in two steps."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
        moment = int(now.timestamp() * 1000)
        for _ in range(TRIES):
            seen = self.table.call("gates.look", lambda: self.table.gates.get(destination, GateState()))
            reservation, after = decide(seen, holder=holder, moment=moment, is_second_form=is_second_form)
            if after == seen:
                return reservation

            def swap(seen: GateState = seen, after: GateState = after) -> bool:
                is_unchanged = self.table.gates.get(destination, GateState())._replace(holder="") == seen._replace(holder="")
                if is_unchanged:
                    self.table.gates[destination] = after
                return is_unchanged

            if self.table.call("gates.reserve", swap):
                return reservation
        return Reservation(is_granted=False, wait_seconds=1)

    def release(self, destination: str, *, holder: str) -> None:
        def effect(gate: GateState) -> GateState:
            return gate._replace(holder="", held_until_millis=0) if gate.holder == holder else gate

        self._change(destination, "release", effect)

    def close(self, destination: str, *, until: datetime) -> None:
        millis = int(until.timestamp() * 1000)
        try:
            self._change(
                destination, "close", lambda gate: gate._replace(closed_until_millis=max(gate.closed_until_millis, millis))
            )
        except DependencyUnavailable:
            self.table.unclosed.add((destination, self.table.world.invocation))
            raise

    def set_broken(self, destination: str, *, reason: str, now: datetime) -> bool:
        probe_at = int((now + PROBE_EVERY).timestamp() * 1000)
        before = self._change(
            destination,
            "break",
            lambda gate: (
                gate if gate.broken_reason else gate._replace(broken_reason=reason or "unknown", probe_at_millis=probe_at)
            ),
        )
        return not before.broken_reason

    def set_healed(self, destination: str) -> None:
        self._change(destination, "heal", lambda gate: gate._replace(broken_reason="", probe_at_millis=0))

    def _change(self, destination: str, name: str, change: Callable[[GateState], GateState]) -> GateState:
        def effect() -> GateState:
            before = self.table.gates.get(destination, GateState())
            self.table.gates[destination] = change(before)
            return before

        return self.table.call(f"gates.{name} {destination}", effect)


class SimDeliveries(DynamoDBDeliveries):
    """The real adapter, which is also the client that it calls: short pages, and a clock that is behind."""

    def __init__(self, table: Table) -> None:
        super().__init__(lambda: self, table_name="table")  # type: ignore[arg-type,return-value]
        self.table = table

    def note(self, alert_ids: Iterable[str], *, destination: str, now: datetime) -> None:
        noted = list(alert_ids)
        behind = CLOCKS_DIFFER if self.table.world.happens(0.5) else timedelta(0)
        try:
            super().note(noted, destination=destination, now=now - behind)
        except DependencyUnavailable:
            self.table.unnoted |= {((alert_id, destination), self.table.world.invocation) for alert_id in noted}
            raise

    def query(self, **request: Any) -> dict[str, Any]:
        values = request["ExpressionAttributeValues"]
        key, since = values[":key"]["S"], int(values[":since"]["N"])
        after = int(request["ExclusiveStartKey"]["sk"]["N"]) if "ExclusiveStartKey" in request else since - 1

        def read() -> dict[str, Any]:
            found = sorted(millis for name, millis in self.table.posts if name == key and millis > after)
            page = found[:1] if self.table.world.happens(0.03) else found
            answer: dict[str, Any] = {"Items": [{"alert_ids": {"SS": sorted(self.table.posts[key, at])}} for at in page]}
            if len(page) < len(found):
                answer["LastEvaluatedKey"] = {"sk": {"N": str(page[-1])}}
            return answer

        return self._call_table("deliveries.among", read)

    def update_item(self, **request: Any) -> dict[str, Any]:
        key, millis = request["Key"]["pk"]["S"], int(request["Key"]["sk"]["N"])
        destination = key.removeprefix("delivered#")
        alert_ids = request["ExpressionAttributeValues"][":alert_ids"]["SS"]

        def add() -> dict[str, Any]:
            self.table.posts.setdefault((key, millis), set()).update(alert_ids)
            for alert_id in alert_ids:
                self.table.delivered_at.setdefault((alert_id, destination), self.table.world.now)
            return {}

        return self._call_table("deliveries.note", add)

    def _call_table[T](self, name: str, effect: Callable[[], T]) -> T:
        try:
            return self.table.call(name, effect)
        except DependencyUnavailable:
            raise EndpointConnectionError(endpoint_url="sim") from None
