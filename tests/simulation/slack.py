"""Slack's end: 429 with Retry-After, outages, 5xx, time-outs before and after acceptance, archived channels that heal.

The real ``SlackWebhook`` composes, degrades and judges; only the wire is replaced.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import SecretStr

from notify.destinations.base import Message
from notify.destinations.slack import SlackWebhook, verdict
from notify.gates import PROBE_EVERY, GateState
from notify.outcomes import Ambiguous, Outcome, Reason, RetryLater
from notify.rendering.wording import escape
from tests.simulation.table import Delivery, Table
from tests.simulation.world import Invocation, World

#: No post takes longer.
POST_SECONDS = 12.0


@dataclass
class Acceptance:
    """An alert that Slack has shown. ``is_told``: who posted it was answered that it is."""

    at: float
    invocation: Invocation
    is_told: bool


class Promise(NamedTuple):
    """A Retry-After, and who was told."""

    until: float
    invocation: Invocation


@dataclass
class Slack:
    """All webhooks; one of them may misbehave. ``faults`` are what a caller did that none may do."""

    world: World
    table: Table
    shown: dict[Delivery, list[Acceptance]] = field(default_factory=lambda: defaultdict(list))
    faults: list[str] = field(default_factory=list)
    promises: dict[str, list[Promise]] = field(default_factory=lambda: defaultdict(list))
    gone_at: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = self.world.random
        self.trouble_fraction = chance.choice([0.0, 0.1, 0.4, 0.8])
        self.troubled = chance.choice(["default", "finance", "both"])
        self.archived_until = chance.choice([0] * 50 + [300, 500, 700, 1_000, 2_000, 5_000] * 8 + [30 * 3_600] * 2)
        self.archived_word = chance.choice(["channel_is_archived", "no_service", "invalid_token"])

    def is_troubled(self, destination: str) -> bool:
        return self.troubled in (destination, "both")

    def called(self, destination: str) -> None:
        """Somebody posts: may they?"""
        now, gate = self.world.now, self.table.gates.get(destination, GateState())
        self.world.counts["posts"] += 1
        for until, told in self.promises[destination]:
            # Who was told and died, or met a table out of reach, before that was written down, could tell nobody.
            could_not_tell = told.is_dead or (destination, told) in self.table.unclosed
            is_known = self.table.is_closed(destination, until) or not could_not_tell
            self.world.counts["too early, untold"] += now < until - 0.001 and not is_known
            if now < until - 0.001 and is_known:
                self.faults.append(f"TOO EARLY: a post to {destination} at {now:.3f}, told to wait until {until:.3f}")
        if gate.broken_reason and now < self.gone_at[destination] + PROBE_EVERY.total_seconds() - POST_SECONDS:
            self.faults.append(f"TOO EARLY: a probe of {destination} at {now:.3f}, gone at {self.gone_at[destination]:.3f}")

    def show(self, message: Message, *, via: str, is_told: bool) -> None:
        """Take a message: everyone is named in it, and nobody has been shown before without an excuse."""
        world, text = self.world, message.payload["text"]
        blocks = str(message.payload["blocks"]) if "blocks" in message.payload else None
        for item in message.items:
            name = escape(item.alert.entity.name or "")
            if name not in text or (blocks is not None and name not in blocks):
                self.faults.append(f"NOT NAMED: {name} in a message of {len(message.items)}")
        shown = {(r.queued.alert.alert_id, r.queued.destination) for item in message.items for r in item.records}
        for delivery in sorted(shown):
            for earlier in self.shown[delivery]:
                self._double(delivery, earlier)
            self.shown[delivery].append(Acceptance(world.now, world.invocation, is_told))
        world.say(f"   {via} SHOWS {[alert_id[:6] for alert_id, _ in sorted(shown)]}{'' if is_told else ' (not told)'}")

    def _double(self, delivery: Delivery, earlier: Acceptance) -> None:
        """Excused are only those whose acceptance and its noting were split: by a lost answer, a death, a failed note."""
        is_noted = delivery in self.table.delivered_at
        is_split = not is_noted and (earlier.invocation.is_dead or (delivery, earlier.invocation) in self.table.unnoted)
        self.world.counts["doubled"] += 1
        if earlier.is_told and not is_split:
            self.world.counts["doubled without excuse"] += 1
            self.faults.append(f"DOUBLED: {delivery[0][:6]} for {delivery[1]}, shown and acknowledged at {earlier.at:.3f}")


class SimDestination(SlackWebhook):
    """One webhook, opened by one invocation."""

    def __init__(self, name: str, slack: Slack) -> None:
        super().__init__(SecretStr("https://hooks.slack.test/services/T/B/X"), client=lambda: None)  # type: ignore[arg-type,return-value]
        self.name, self.slack = name, slack

    def post(self, message: Message) -> Outcome:
        slack, world = self.slack, self.slack.world
        is_bad = slack.is_troubled(self.name) and world.happens(slack.trouble_fraction)
        kind = world.random.choice(["later", "later", "500", "500 shown", "silence", "silence shown", "refused", "blocks"])
        seconds = 10.0 if is_bad and kind.startswith("silence") else world.random.uniform(0.05, 0.6)
        return world.step(f"post to {self.name}", lambda: self._answer(message, kind if is_bad else ""), seconds=seconds)

    def _answer(self, message: Message, trouble: str) -> Outcome:
        slack, world = self.slack, self.slack.world
        slack.called(self.name)
        if slack.is_troubled(self.name) and world.now < slack.archived_until:
            slack.gone_at[self.name] = world.now
            return verdict(404, slack.archived_word)
        match trouble:
            case "later":
                seconds = world.random.choice([1, 5, 30, 120])
                slack.promises[self.name].append(Promise(world.now + seconds, world.invocation))
                world.say(f"   {self.name} says: not before {world.now + seconds:.3f}")
                return verdict(429, "rate_limited", retry_after=str(seconds))
            case "500":
                return verdict(500, "")
            case "500 shown":
                slack.show(message, via=self.name, is_told=False)
                return verdict(503, "")
            case "silence":
                return Ambiguous(Reason.NO_ANSWER)
            case "silence shown":
                slack.show(message, via=self.name, is_told=False)
                return Ambiguous(Reason.NO_ANSWER)
            case "refused":
                return RetryLater(Reason.CANNOT_CONNECT)
            case "blocks" if "blocks" in message.payload:
                return verdict(400, "invalid_blocks")
        slack.show(message, via=self.name, is_told=True)
        return verdict(200, "ok")
