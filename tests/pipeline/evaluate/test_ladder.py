"""Whatever the order of events, repeats, containers and failures: each rung of a period alerts once, and never one below it."""

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from evaluate.pipeline import SWEEP_AFTER, sweep_outbox
from tests.pipeline.evaluate.builders import NOW, budget_event
from tests.pipeline.evaluate.conftest import Way

ENTITIES = ("ada", "bob")
LIMITS = (10, 20)
#: Fraction of the limit → the rung that it reaches with the default thresholds.
SHARES = {"0.5": None, "0.86": Decimal("0.85"), "0.96": Decimal("0.95"), "1": Decimal(1), "3": Decimal(1)}

Ladder = tuple[str, int]
Rung = tuple[int, Decimal]


class LadderMachine(RuleBasedStateMachine):
    """Budgets that reset every day. The model is one number a ladder: the last period that alerted, and its highest rung."""

    def __init__(self) -> None:
        super().__init__()
        self.way = Way()
        self.now = NOW
        self.highest: dict[Ladder, Rung] = {}
        self.decided: list[tuple[Ladder, Rung]] = []
        self.expected: list[tuple[Ladder, Rung]] = []

    def _period_end(self, day: int) -> datetime:
        return NOW + timedelta(days=day + 1)

    @property
    def _today(self) -> int:
        return (self.now - NOW).days

    @rule(
        events=st.lists(
            st.tuples(st.sampled_from(ENTITIES), st.sampled_from(LIMITS), st.sampled_from(sorted(SHARES)), st.integers(0, 1)),
            min_size=1,
            max_size=6,
        )
    )
    def send(self, events: list[tuple[str, int, str, int]]) -> None:
        """One request: events of today, and late ones of yesterday."""
        best: dict[tuple[Ladder, int], Decimal] = {}
        sent = []
        for name, limit, share, days_late in events:
            day = self._today - days_late
            spend = Decimal(share) * limit
            reset_at = self._period_end(day).isoformat()
            sent.append(budget_event(spend=str(spend), max_budget=limit, user_id=name, budget_reset_at=reset_at))
            rung = SHARES[share]
            if rung is not None:
                best[(name, limit), day] = max(rung, best.get(((name, limit), day), rung))
        for (ladder, day), rung in sorted(best.items(), key=lambda entry: entry[0][1]):
            if (day, rung) > self.highest.get(ladder, (-10, Decimal(0))):
                self.highest[ladder] = (day, rung)
                self.expected.append((ladder, (day, rung)))
        for alert in self.way.send(*sent, now=self.now).alerts:
            assert alert.budget.resets_at is not None
            day = (alert.budget.resets_at - NOW).days - 1
            self.decided.append(((alert.entity.id or "", int(alert.budget.limit)), (day, alert.budget.rung)))

    @rule(minutes=st.sampled_from([1, 5, 60, 60 * 7, 60 * 24]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def another_container(self) -> None:
        self.way.forget()

    @rule(is_down=st.booleans())
    def the_queue_goes_down_or_comes_back(self, is_down: bool) -> None:
        self.way.queue.refuses = lambda alert: is_down

    @rule()
    def sweep(self) -> None:
        sweep_outbox(claims=self.way.store, queue=self.way.queue, now=self.now)

    @invariant()
    def what_was_decided_is_what_the_model_says(self) -> None:
        assert sorted(self.decided) == sorted(self.expected)

    @invariant()
    def rungs_never_go_down_within_a_period(self) -> None:
        for ladder in {ladder for ladder, _ in self.decided}:
            climbed = [rung for other, rung in self.decided if other == ladder]
            assert climbed == sorted(set(climbed))

    def teardown(self) -> None:
        """However often the queue was down: in the end it has every alert that was decided."""
        self.way.queue.refuses = lambda alert: False
        sweep_outbox(claims=self.way.store, queue=self.way.queue, now=self.now + SWEEP_AFTER + timedelta(seconds=1))
        assert len({alert.alert_id for alert in self.way.queue.alerts}) == len(self.decided)
        assert self.way.store.outboxes == {}


LadderMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLadder = LadderMachine.TestCase
