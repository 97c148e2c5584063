"""Who reports spend: gateways over HTTP that try again after 5xx, and EventBridge with its retries and dead letters.

Spends climb, jump, and begin anew with a period; limits are raised; events are copied, come in any order, and by two ways
of which one names the budget's period and the other does not.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.world import START, World

HTTP_TRIES = 6
EVENTBRIDGE_RETRY_SECONDS = (60, 120)


@dataclass
class Entity:
    """One budget, as its gateway knows it."""

    gateway: str
    kind: str
    number: int
    limit: float
    period_seconds: float | None
    spend: float = 0.0
    period: int = 0

    def event(self, now: float) -> dict[str, Any]:
        reset: dict[str, Any] = {}
        if self.period_seconds is not None:
            period = int(now // self.period_seconds)
            if period != self.period:
                self.period, self.spend = period, 0.0
            reset = {"budget_reset_at": START.timestamp() + (period + 1) * self.period_seconds}
        identity = f"id-{self.number:03}"  # the same for every type: types must not silence each other
        name = f"{self.kind}-{self.gateway}-{self.number:03}x"
        fields = {
            "user": {"user_id": identity, "user_email": name},
            "team": {"team_id": identity, "team_alias": name},
            "key": {"token": identity, "key_alias": name},
        }[self.kind]
        event_type = {"user": "user_budget", "team": "team_budget", "key": "token_budget"}[self.kind]
        soft = {"soft_budget": self.limit * 0.8} if self.number % 3 == 0 else {}
        return {"type": event_type, "user_info": {"spend": self.spend, "max_budget": self.limit, **soft, **fields, **reset}}


def without_period(event: dict[str, Any]) -> dict[str, Any]:
    """The event as LiteLLM's webhook has it."""
    return event | {"user_info": {name: value for name, value in event["user_info"].items() if name != "budget_reset_at"}}


@dataclass
class Senders:
    """All gateways of a run. ``submit`` runs EvaluateFunction and answers whether it said 200."""

    world: World
    submit: Callable[[str, bytes, Callable[[bool], None]], None]
    acknowledged: list[tuple[str, list[dict[str, Any]], float]] = field(default_factory=list)
    dead_events: int = 0

    def begin(self, *, is_brief: bool) -> None:
        chance = self.world.random
        entities = [
            Entity(gateway, kind, number, 100.0, chance.choice([None, 900.0, 86_400.0]))
            for gateway in ("east", "west")[: chance.choice([1, 2])]
            for kind in ("user", "team", "key")
            for number in range(chance.choice([1, 2, 4]))
        ]
        for _ in range(2 if is_brief else chance.choice([6, 12, 20])):
            self.world.after(chance.uniform(0, 2_400), lambda: self._report(entities))

    def _report(self, entities: list[Entity]) -> None:
        chance = self.world.random
        moving = chance.sample(entities, chance.randint(1, len(entities)))
        by_gateway: dict[str, list[dict[str, Any]]] = {}
        for entity in moving:
            entity.spend += chance.choice([1, 10, 40, 90])
            if chance.random() < 0.05:
                entity.limit *= 2
            events = by_gateway.setdefault(entity.gateway, [])
            events.append(entity.event(self.world.now))
            if chance.random() < 0.2:
                events.append(events[-1])
        for gateway, events in by_gateway.items():
            chance.shuffle(events)
            self.world.counts["events"] += len(events)
            # Copies of one report by several instances of a gateway, at almost the same moment.
            for _ in range(chance.choice([1, 1, 2, 3])):
                is_http, copies = chance.random() < 0.7, events
                pause = chance.uniform(0, 0.2)
                if chance.random() < 0.2:  # the webhook tells the same a little later, and names no period
                    copies, pause = [without_period(event) for event in events], chance.uniform(0, 60)
                self.world.after(pause, lambda g=gateway, e=copies, h=is_http: self._send(g, e, h, 0))

    def _send(self, gateway: str, events: list[dict[str, Any]], is_http: bool, tries: int) -> None:
        sent_at = self.world.now

        def answered(is_accepted: bool) -> None:
            if is_accepted:
                self.acknowledged.append((gateway, events, sent_at))
            elif is_http and tries < HTTP_TRIES:
                self.world.after(2.0**tries, lambda: self._send(gateway, events, is_http, tries + 1))
            elif not is_http and tries < len(EVENTBRIDGE_RETRY_SECONDS):
                self.world.after(EVENTBRIDGE_RETRY_SECONDS[tries], lambda: self._send(gateway, events, is_http, tries + 1))
            else:
                self.dead_events += len(events)

        self.submit(gateway, json.dumps(events).encode(), answered)
