"""The evaluating side's stores and queue in memory, with state to look at and failures to order.

``FakeClaims`` says the rules of ``evaluate.claims`` in its own words, ``FakeEpisodes`` those of ``evaluate.episodes``. The
integration tests hold both against DynamoDB.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from evaluate.claims import Claim, ClaimState, Decided, PendingOutbox, Verdict
from evaluate.episodes import Due, Episode
from evaluate.hanging import Signal
from evaluate.outages import Counted, Errors, Outage
from evaluate.resolutions import Alerted, alerted_key
from gateway_alerts.alerts import Alert, Occurrences
from gateway_alerts.distributions import added
from gateway_alerts.errors import DependencyUnavailable

DAY_SECONDS = 86_400
TEN_MINUTES_SECONDS = 600
TWO_MINUTES_SECONDS = 120


@dataclass
class Item:
    """One claim as the table has it."""

    state: ClaimState = field(default_factory=ClaimState)
    outbox: list[str] = field(default_factory=list)
    outbox_at: int | None = None


def wins(claim: Claim, state: ClaimState, *, now: int, ttl_seconds: int) -> bool:
    """Whether a claim wins against a state."""
    if claim.owner is not None and state.owner is not None and claim.owner != state.owner:
        return False
    if claim.period_end is None:
        good_for = ttl_seconds if claim.ttl_seconds is None else claim.ttl_seconds
        alerted_lately = state.ttl_claimed_at is not None and now - state.ttl_claimed_at < good_for
        if alerted_lately and state.ttl_rung >= claim.rung:
            return False
        is_period_running = state.period_end is not None and now < state.period_end
        return not (is_period_running and state.period_rung >= claim.rung)
    if not is_due(claim, state, now=now):
        return False
    came_just_now = state.ttl_claimed_at is not None and now - state.ttl_claimed_at < TEN_MINUTES_SECONDS
    return not (came_just_now and state.ttl_rung >= claim.rung)


def is_due(claim: Claim, state: ClaimState, *, now: int) -> bool:
    """Whether nothing has alerted yet for a claim's period, as far as periods tell."""
    assert claim.period_end is not None
    if state.period_end is None or state.period_end < claim.period_end:
        return True
    if state.period_end == claim.period_end:
        return state.period_rung < claim.rung
    return now < claim.period_end and now - state.period_claimed_at >= TEN_MINUTES_SECONDS


class FakeClaims:
    """Claims in memory. ``submissions`` is every submission, ``decisions`` what came of each."""

    def __init__(self, *, ttl_seconds: int = DAY_SECONDS) -> None:
        self.items: dict[str, Item] = {}
        self.submissions: list[list[Claim]] = []
        self.decisions: list[list[Decided]] = []
        self.notes: list[Claim] = []
        self.replaced: list[Claim] = []
        self.cleared: list[PendingOutbox] = []
        #: Fails every call of these methods.
        self.unavailable: set[str] = set()
        #: Submissions that are decided before the store fails; None: it never does.
        self.available_submissions: int | None = None
        #: So many submissions meet another transaction, and nothing of them is decided.
        self.conflicts = 0
        self._ttl_seconds = ttl_seconds

    def submit(self, claims: Sequence[Claim], *, now: datetime) -> list[Decided]:
        self._reach("submit")
        if self.available_submissions is not None and len(self.submissions) >= self.available_submissions:
            raise DependencyUnavailable("the table is gone")
        assert len({claim.key for claim in claims}) == len(claims) <= 100
        self.submissions.append(list(claims))
        if self.conflicts:
            self.conflicts -= 1
            decided = [Decided(Verdict.UNDECIDED)] * len(claims)
        else:
            decided = self._decide(claims, moment=int(now.timestamp()))
        self.decisions.append(decided)
        return decided

    def note(self, claim: Claim, *, now: datetime) -> None:
        self._reach("note")
        self.notes.append(claim)
        item, moment = self.items.setdefault(claim.key, Item()), int(now.timestamp())
        if is_due(claim, item.state, now=moment):
            item.state = item.state.after(claim, now=moment)

    def replace(self, claim: Claim, *, now: datetime) -> None:
        self._reach("replace")
        self.replaced.append(claim)
        item = self.items.setdefault(claim.key, Item())
        if item.state.ttl_claimed_at is None or item.state.ttl_rung <= claim.rung:
            item.state = item.state._replace(ttl_claimed_at=int(now.timestamp()), ttl_rung=claim.rung)
            item.outbox, item.outbox_at = [], None

    def clear(self, outboxes: Sequence[PendingOutbox]) -> None:
        self._reach("clear")
        for outbox in outboxes:
            item = self.items[outbox.key]
            if item.outbox == list(outbox.alerts):
                item.outbox, item.outbox_at = [], None
                self.cleared.append(outbox)

    def pending(self, *, before: datetime) -> Iterator[PendingOutbox]:
        self._reach("pending")
        for key, item in list(self.items.items()):
            if item.outbox_at is not None and item.outbox_at < int(before.timestamp()):
                yield PendingOutbox(key, tuple(item.outbox))

    @property
    def outboxes(self) -> dict[str, list[Alert]]:
        """The alerts that claims still carry, by key."""
        return {key: [Alert.model_validate_json(text) for text in item.outbox] for key, item in self.items.items() if item.outbox}

    def _decide(self, claims: Sequence[Claim], *, moment: int) -> list[Decided]:
        states = [self.items.get(claim.key, Item()).state for claim in claims]
        won = [wins(c, s, now=moment, ttl_seconds=self._ttl_seconds) for c, s in zip(claims, states, strict=True)]
        if not all(won):
            return [Decided(Verdict.UNDECIDED) if w else Decided(Verdict.LOST, s) for w, s in zip(won, states, strict=True)]
        for claim in claims:
            item = self.items.setdefault(claim.key, Item())
            self.items[claim.key] = item = replace(item, state=item.state.after(claim, now=moment))
            if claim.outbox is not None:
                sendable_at = moment if claim.held_until is None else claim.held_until - TWO_MINUTES_SECONDS
                self.items[claim.key] = replace(item, outbox=[*item.outbox, claim.outbox], outbox_at=sendable_at)
        return [Decided(Verdict.WON)] * len(claims)

    def _reach(self, method: str) -> None:
        if method in self.unavailable:
            raise DependencyUnavailable(f"the table is gone ({method})")


@dataclass
class Held:
    """What has been counted of an episode and not told yet. Times are epoch seconds."""

    count: int
    alert: str
    first_at: datetime
    last_at: datetime
    until: int
    seconds: dict[int, int]


@dataclass
class EpisodeItem:
    """One episode as the table has it. Times are epoch seconds."""

    interval_seconds: int = 0
    until: int = 0
    outbox: list[str] = field(default_factory=list)
    held: Held | None = None
    #: From when on the sweep finds it; None when it is not on the agenda.
    due_at: int | None = None


class FakeEpisodes:
    """Episodes in memory."""

    def __init__(self) -> None:
        self.items: dict[str, EpisodeItem] = {}
        #: Fails every call of these methods.
        self.unavailable: set[str] = set()
        #: Keys whose items cannot be written.
        self.poisoned: set[str] = set()
        self.calls: list[str] = []

    def open(self, episode: Episode, *, now: datetime) -> datetime | None:
        self._reach("open", episode.key)
        moment, item = int(now.timestamp()), self.items.setdefault(episode.key, EpisodeItem())
        if item.until > moment or item.held is not None or item.outbox:
            return datetime.fromtimestamp(max(item.until, item.held.until if item.held else 0, moment), UTC)
        item.until, item.interval_seconds = moment + episode.interval_seconds, episode.interval_seconds
        item.outbox.append(episode.alert.model_dump_json())
        item.due_at = moment + TWO_MINUTES_SECONDS
        return None

    def hold(self, episode: Episode, *, until: datetime, now: datetime) -> None:
        self._reach("hold", episode.key)
        item, happened = self.items.setdefault(episode.key, EpisodeItem()), episode.alert.occurrences
        held = item.held or Held(0, "", happened.first_at or now, now, int(until.timestamp()), {})
        held.count += happened.count
        held.alert, held.last_at = episode.alert.model_dump_json(), happened.last_at or now
        held.seconds = added(held.seconds, happened.seconds)
        item.held, item.interval_seconds = held, episode.interval_seconds
        if item.due_at is None:
            item.due_at = int(until.timestamp())

    def release(self, item: Any, *, now: datetime) -> Due | None:
        key, seen = item["pk"]["S"], item["seen"]
        self._reach("release", key)
        if seen.outbox:
            return Due(key, tuple(seen.outbox))
        moment = int(now.timestamp())
        if seen.held is None or seen.held.until > moment:
            return None
        real = self.items[key]
        if real.held is None or (real.held.count, real.held.until) != (seen.held.count, seen.held.until):
            return None
        held = seen.held
        occurrences = Occurrences(count=held.count, first_at=held.first_at, last_at=held.last_at, seconds=held.seconds)
        alert = Alert.model_validate_json(held.alert)
        update = {"alert_id": f"{key} {now.isoformat()}", "occurrences": occurrences, "raised_at": now}
        text = alert.model_copy(update=update).model_dump_json()
        real.outbox.append(text)
        real.held, real.until, real.due_at = None, moment + real.interval_seconds, moment + TWO_MINUTES_SECONDS
        return Due(key, (text,))

    def clear(self, due: Due) -> None:
        self._reach("clear", due.key)
        item = self.items[due.key]
        if item.outbox and item.outbox == list(due.outbox):
            item.outbox, item.due_at = [], None if item.held is None else item.held.until

    def due(self, *, now: datetime) -> list[dict[str, Any]]:
        """What the agenda has, as it is now: it may change before it is looked after."""
        return [
            {"pk": {"S": key}, "seen": deepcopy(item)}
            for key, item in self.items.items()
            if item.due_at is not None and item.due_at <= int(now.timestamp())
        ]

    def _reach(self, method: str, key: str) -> None:
        if method in self.unavailable or key in self.poisoned:
            raise DependencyUnavailable(f"the table is gone ({method})")
        self.calls.append(method)


class FakeAlerted:
    """The list of budgets that have alerted, in memory."""

    def __init__(self) -> None:
        self.items: dict[str, tuple[Alerted, datetime]] = {}
        self.unavailable: set[str] = set()
        self.reads = 0

    def note(self, alert: Alert, *, due_at: datetime) -> None:
        self._reach("note")
        key = alerted_key(alert.gateway, alert.entity.type, alert.entity.id or alert.entity.name)
        self.items[key] = (Alerted(key, alert), due_at)

    def read(self, *, now: datetime) -> list[Alerted]:
        self._reach("read")
        self.reads += 1
        return [alerted for alerted, due_at in self.items.values() if due_at > now]

    def due(self, *, now: datetime) -> list[Alerted]:
        self._reach("due")
        return [alerted for alerted, due_at in self.items.values() if due_at <= now]

    def forget(self, key: str) -> None:
        self._reach("forget")
        self.items.pop(key, None)

    def _reach(self, method: str) -> None:
        if method in self.unavailable:
            raise DependencyUnavailable(f"the table is gone ({method})")


class FakeCalls:
    """Requests that have begun, in memory. An item that carries an alert stays: ``claims`` has the outboxes."""

    def __init__(self, claims: FakeClaims) -> None:
        self.items: dict[str, Signal] = {}
        self.unavailable: set[str] = set()
        self._claims = claims

    def note(self, signal: Signal) -> None:
        self._reach("note")
        if not signal.is_start:
            self.items.pop(signal.key, None)
        elif signal.key not in self._claims.items:
            self.items[signal.key] = signal

    def forget(self, keys: Iterable[str]) -> None:
        self._reach("forget")
        for key in keys:
            if not (key in self._claims.items and self._claims.items[key].outbox):
                self.items.pop(key, None)
                self._claims.items.pop(key, None)

    def due(self, *, now: datetime) -> list[dict[str, Any]]:
        """What the agenda has, in DynamoDB's notation."""
        return [
            {
                "pk": {"S": signal.key},
                "gateway": {"S": signal.gateway},
                "model": {"S": signal.model},
                "call_id": {"S": signal.call_id},
                "started_at": {"N": str(int(signal.started_at.timestamp()))},
            }
            for signal in self.items.values()
            if signal.due_at <= now and not (signal.key in self._claims.items and self._claims.items[signal.key].outbox)
        ]

    def _reach(self, method: str) -> None:
        if method in self.unavailable:
            raise DependencyUnavailable(f"the table is gone ({method})")


class FakeOutages:
    """Counts of errors, in memory."""

    def __init__(self) -> None:
        self.counted: dict[str, list[datetime]] = {}
        self.told: set[str] = set()
        #: What ``settle`` finds over, by key.
        self.over: dict[str, Outage] = {}
        self.forgotten: list[str] = []
        self.unavailable: set[str] = set()

    def count(self, errors: Errors, *, window_seconds: int, quiet_seconds: int, now: datetime) -> Counted:
        self._reach("count")
        at = self.counted.setdefault(errors.place.key, [])
        at += errors.at
        return Counted(min(at), dict(Counter(at)), dict.fromkeys(errors.deployments, now), (("server errors", len(at)),))

    def mark(self, outage: Outage) -> None:
        self._reach("mark")
        self.told.add(outage.place.key)

    def settle(self, item: Any, *, now: datetime) -> Outage | None:
        self._reach("settle")
        return self.over.get(item["pk"]["S"])

    def forget(self, outage: Outage) -> None:
        self._reach("forget")
        self.forgotten.append(outage.place.key)

    def _reach(self, method: str) -> None:
        if method in self.unavailable:
            raise DependencyUnavailable(f"the table is gone ({method})")


class FakeQueue:
    """A queue in memory. ``refuses`` says which alerts it does not take."""

    def __init__(self, refuses: Callable[[Alert], bool] = lambda alert: False) -> None:
        self.refuses = refuses
        self.alerts: list[Alert] = []
        self.batches: list[list[Alert]] = []

    def send(self, alerts: Sequence[Alert]) -> set[str]:
        self.batches.append(list(alerts))
        taken = [alert for alert in alerts if not self.refuses(alert)]
        self.alerts += taken
        return {alert.alert_id for alert in taken}

    @property
    def told(self) -> list[tuple[str, str | None, str, Decimal]]:
        """Entity type, id, event and rung of each alert taken, in their order."""
        return [(alert.entity.type, alert.entity.id, alert.event, alert.budget.rung) for alert in self.alerts]
