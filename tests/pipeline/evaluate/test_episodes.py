"""Whatever the order of occurrences, sweeps, refusals and deaths: each occurrence is told once, and the first at once."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from evaluate.episodes import Episode, KnownEpisodes, Told, tell, tell_due
from gateway_alerts.alerts import Alert, Entity, Occurrences
from tests.pipeline.evaluate.builders import NOW
from tests.pipeline.evaluate.fakes import FakeEpisodes, FakeQueue

KEYS = ("episode#db_exceptions#00000001", "episode#llm_exceptions#00000002")
CONTAINERS = 3
INTERVAL_SECONDS = 300


class Died(Exception):
    """The process is gone, in the middle of what it did."""


class DyingQueue(FakeQueue):
    """A queue that takes alerts, refuses them, or takes them from a process that dies before it hears so."""

    mood = "well"

    def send(self, alerts: Sequence[Alert]) -> set[str]:
        if self.mood == "dies before":
            raise Died
        sent = super().send(alerts)
        if self.mood == "dies after":
            raise Died
        return sent


class Episodes(RuleBasedStateMachine):
    """Containers that tell, and sweeps, on one table and one queue."""

    @initialize()
    def begin(self) -> None:
        self.numbers = count()
        self.store = FakeEpisodes()
        self.queue = DyingQueue()
        self.known = [KnownEpisodes() for _ in range(CONTAINERS)]
        self.now = NOW
        #: Occurrences that a step took in without an error, by key; those of a step that failed may have been counted.
        self.happened = dict.fromkeys(KEYS, 0)
        #: What the agenda showed, and may be looked after later or by two.
        self.seen = self.store.due(now=self.now)

    @rule(
        key=st.sampled_from(KEYS),
        times=st.integers(1, 3),
        container=st.integers(0, CONTAINERS - 1),
        is_held=st.booleans(),
        mood=st.sampled_from(["well", "well", "refuses", "dies before", "dies after"]),
    )
    def occur(self, key: str, times: int, container: int, is_held: bool, mood: str) -> None:
        number, item = next(self.numbers), self.store.items.get(key)
        is_running = item is not None and (item.until > self.now.timestamp() or item.held is not None or bool(item.outbox))
        is_first = not (is_held or is_running)
        alert = Alert(
            alert_id=f"occurrence {number}",
            dedupe_key=key,
            alert_type="db_exceptions",
            event="db_exceptions",
            level="High",
            gateway="g",
            message="m",
            entity=Entity(type="gateway"),
            occurrences=Occurrences(count=times, first_at=self.now, last_at=self.now),
            raised_at=self.now,
        )
        held_until = self.now + timedelta(seconds=90) if is_held else None
        episode = Episode(key, alert, INTERVAL_SECONDS, held_until)
        known = self.known[container]
        told = self._with(mood, lambda: tell([episode], store=self.store, queue=self.queue, known=known, now=self.now))
        self.happened[key] += times
        if is_first and mood in ("well", "dies after"):
            assert self.queue.alerts[-1].alert_id == alert.alert_id
        if not is_first and told is not None:
            assert told.alerts == []

    @rule(mood=st.sampled_from(["well", "well", "refuses", "dies before", "dies after"]), is_late=st.booleans())
    def sweep(self, mood: str, is_late: bool) -> None:
        due = self.seen if is_late else self.store.due(now=self.now)
        self._with(mood, lambda: tell_due(due, store=self.store, queue=self.queue, now=self.now))

    @rule()
    def look(self) -> None:
        self.seen = self.store.due(now=self.now)

    @rule(seconds=st.sampled_from([1, 59, 119, 120, 299, 300, 3_600]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(container=st.integers(0, CONTAINERS - 1))
    def restart(self, container: int) -> None:
        self.known[container] = KnownEpisodes()

    @rule(method=st.sampled_from(["clear", "release"]))
    def fail_once(self, method: str) -> None:
        self.store.unavailable = {method}
        tell_due(self.store.due(now=self.now), store=self.store, queue=self.queue, now=self.now)
        self.store.unavailable = set()

    @invariant()
    def nothing_is_lost_and_nothing_told_under_two_ids(self) -> None:
        for key in KEYS:
            assert self._told(key) + self._kept(key) == self.happened[key]

    @invariant()
    def what_is_left_is_on_the_agenda(self) -> None:
        for item in self.store.items.values():
            assert (item.due_at is not None) == bool(item.outbox or item.held)

    def teardown(self) -> None:
        """In the end, with all well, everything is told and the agenda is empty."""
        self.queue.mood = "well"
        self.queue.refuses = lambda _: False
        for _ in range(4):
            self.now += timedelta(seconds=3_600)
            tell_due(self.store.due(now=self.now), store=self.store, queue=self.queue, now=self.now)
        assert self.store.due(now=self.now + timedelta(days=365)) == []
        assert {key: self._told(key) for key in KEYS} == self.happened

    def _told(self, key: str) -> int:
        """What NotifyFunction tells: an alert that comes twice is known by its id."""
        alerts = {alert.alert_id: alert.occurrences.count for alert in self.queue.alerts if alert.dedupe_key == key}
        return sum(alerts.values())

    def _kept(self, key: str) -> int:
        item = self.store.items.get(key)
        if item is None:
            return 0
        queued = {alert.alert_id for alert in self.queue.alerts}
        alerts = [Alert.model_validate_json(text) for text in item.outbox]
        kept = sum(alert.occurrences.count for alert in alerts if alert.alert_id not in queued)
        return kept + (item.held.count if item.held else 0)

    def _with(self, mood: str, step: Callable[[], Told]) -> Told | None:
        self.queue.mood = mood
        self.queue.refuses = (lambda _: True) if mood == "refuses" else (lambda _: False)
        try:
            return step()
        except Died:
            return None
        finally:
            self.queue.mood = "well"
            self.queue.refuses = lambda _: False


TestEpisodes = Episodes.TestCase
TestEpisodes.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
