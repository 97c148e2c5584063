from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluate.claims import Verdict
from evaluate.episodes import KnownEpisodes, Told
from evaluate.outages import MINOR, OVER, Outage, Place
from evaluate.pipeline import Evaluation, evaluate
from evaluate.reactions import TOGETHER, Stores, look_after, react, watch_budgets
from evaluate.resolutions import KnownAlerted
from evaluate.shapes import parse_objects
from gateway_alerts.alert_types import OUTAGE_ALERTS
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config
from gateway_alerts.errors import DependencyUnavailable
from tests.pipeline.evaluate.builders import alerts_in, budget_event
from tests.pipeline.evaluate.fakes import FakeAlerted, FakeCalls, FakeClaims, FakeEpisodes, FakeOutages, FakeQueue

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
QUIET = {"quiet_hours": [{"begin": "08:00", "end": "10:00"}]}
PERIOD_END = NOW + timedelta(hours=1)


@dataclass
class Container:
    """A container with every store in memory."""

    claims: FakeClaims = field(default_factory=FakeClaims)
    episodes: FakeEpisodes = field(default_factory=FakeEpisodes)
    outages: FakeOutages = field(default_factory=FakeOutages)
    alerted: FakeAlerted = field(default_factory=FakeAlerted)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.calls = FakeCalls(self.claims)
        self.stores = Stores(
            claims=lambda: self.claims,
            episodes=lambda: self.episodes,
            outages=lambda: self.outages,
            calls=lambda: self.calls,
            alerted=lambda: self.alerted,
            queue=lambda: self.queue,
            known=KnownEpisodes(),
            known_alerted=KnownAlerted(),
        )

    def react(self, *events: dict[str, Any], now: datetime = NOW, **config: Any) -> Told:
        settings, evaluation = self._evaluated(*events, now=now, **config)
        return react(evaluation.signals, gateway="gw", stores=self.stores, now=now, request_id="r", config=settings)

    def watch(self, *events: dict[str, Any], raised: list[Alert] | None = None, now: datetime = NOW, **config: Any) -> Told:
        settings, evaluation = self._evaluated(*events, now=now, **{"resolved_notices": True} | config)
        return watch_budgets(
            raised or [], evaluation.readings, gateway="gw", stores=self.stores, now=now, request_id="r", config=settings
        )

    def sweep(self, *, now: datetime, over: list[Outage] | None = None, **config: Any) -> Told:
        self.outages.over = {outage.place.key: outage for outage in over or []}
        items = [*self.episodes.due(now=now), *self.calls.due(now=now), *[{"pk": {"S": key}} for key in self.outages.over]]
        return look_after(items, stores=self.stores, now=now, request_id="s", config=Config.model_validate(config))

    def _evaluated(self, *events: dict[str, Any], now: datetime, **config: Any) -> tuple[Config, Evaluation]:
        settings = Config.model_validate(config)
        evaluation = evaluate(parse_objects(events), gateway="gw", config=settings, now=now)
        assert evaluation.rejections == []
        return settings, evaluation

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(alert.alert_type, alert.occurrences.count) for alert in self.queue.alerts]


@pytest.fixture
def container() -> Container:
    return Container()


def said(alert_type: str = "db_exceptions", **metadata: Any) -> dict[str, Any]:
    return {"alert_type": alert_type, "message": "connection refused", "metadata": metadata}


def call(call_id: str, state: str = "started", *, model: str = "m") -> dict[str, Any]:
    return said("llm_requests_hanging", state=state, call_id=call_id, model=model)


def errors(count: int, *, deployment: str = "d-1") -> list[dict[str, Any]]:
    log = {"litellm_call_id": "c", "status": "failure", "model_id": deployment, "custom_llm_provider": "openai"}
    return [log | {"error_information": {"error_code": "500", "error_class": "BudgetExceededError"}}] * count


def outage(deployment: str = "d-1") -> Outage:
    place = Place(OUTAGE_ALERTS, "openai", deployment)
    return Outage(place, OVER, NOW - timedelta(hours=1), NOW, 7, (("server errors", 7),), "prod")


OUTAGE_ONLY = {"alert_types": ["db_exceptions", "outage_alerts", "llm_requests_hanging"]}

#: What is out of order → which of the steps after it are not done.
FAILURES: dict[str, tuple[Callable[[Container], None], list[tuple[str, int]]]] = {
    "episodes": (lambda c: c.episodes.unavailable.add("open"), [("outage_alerts", 5)]),
    "calls": (lambda c: c.calls.unavailable.add("note"), [("db_exceptions", 1)]),
    "the counts of errors": (lambda c: c.outages.unavailable.add("count"), [("db_exceptions", 1)]),
    "the mark of an outage": (lambda c: c.outages.unavailable.add("mark"), [("db_exceptions", 1)]),
    "claims": (lambda c: c.claims.unavailable.add("submit"), [("db_exceptions", 1)]),
    "a transaction in the way": (lambda c: setattr(c.claims, "conflicts", 1), [("db_exceptions", 1)]),
}


@pytest.mark.parametrize(("fail", "told"), FAILURES.values(), ids=FAILURES)
def test_what_fails_is_the_senders_to_repeat_and_what_went_before_it_is_told(
    container: Container, fail: Callable[[Container], None], told: list[tuple[str, int]]
) -> None:
    fail(container)
    result = container.react(said(), call("c-1"), *errors(5), **OUTAGE_ONLY)
    assert isinstance(result.failure, DependencyUnavailable)
    assert container.told == told


class TestOutages:
    def test_a_container_that_told_of_one_asks_nobody_again(self, container: Container) -> None:
        for second in range(3):
            container.react(*errors(5), now=NOW + timedelta(seconds=second), alert_types=["outage_alerts"], **_never_major())
        assert len(container.claims.submissions) == 1
        assert container.told == [("outage_alerts", 5)]

    def test_one_that_could_not_be_claimed_is_tried_with_the_next_error(self, container: Container) -> None:
        container.claims.conflicts = 1
        container.react(*errors(5), **OUTAGE_ONLY)
        container.react(*errors(1), **OUTAGE_ONLY)
        assert container.told == [("outage_alerts", 6)]

    def test_another_container_that_told_of_it_is_no_failure(self, container: Container) -> None:
        container.react(*errors(5), **OUTAGE_ONLY)
        other = Container(claims=container.claims, outages=container.outages)
        told = other.react(*errors(1), **OUTAGE_ONLY)
        assert (told.failure, other.told) == (None, [])

    def test_a_queue_that_refuses_leaves_it_to_the_sweep(self, container: Container) -> None:
        container.queue.refuses = lambda _: True
        told = container.react(*errors(5), **OUTAGE_ONLY)
        assert (told.alerts, told.unsent_count) == ([], 1)
        (outbox,) = container.claims.outboxes.values()
        assert [alert.alert_type for alert in outbox] == ["outage_alerts"]

    def test_an_outbox_that_could_not_be_emptied_is_no_failure(self, container: Container) -> None:
        container.claims.unavailable = {"clear"}
        told = container.react(*errors(5), **OUTAGE_ONLY)
        assert (len(told.alerts), told.failure) == (1, None)
        assert len(container.claims.outboxes) == 1

    def test_quiet_hours_hold_it_in_its_outbox(self, container: Container) -> None:
        told = container.react(*errors(5), **OUTAGE_ONLY, **QUIET)
        assert (told.held_count, container.told) == (1, [])
        assert list(container.claims.pending(before=NOW)) == []
        assert len(list(container.claims.pending(before=NOW + timedelta(hours=1)))) == 1


def _never_major() -> dict[str, Any]:
    return {"alerting_args": {"major_outage_alert_threshold": 1_000}}


class TestBudgetsThatAreWellAgain:
    RAISED = budget_event("team_budget", spend=10, max_budget=20, team_id="t")

    def crossed(self, container: Container) -> Alert:
        info = {"spend": 10, "max_budget": 10, "team_id": "t", "budget_reset_at": PERIOD_END.isoformat()}
        (alert,) = alerts_in([budget_event("team_budget", **info)])
        container.watch(raised=[alert])
        return alert

    def test_nobody_is_asked_where_it_is_not_wanted(self, container: Container) -> None:
        container.alerted.unavailable = {"read", "note"}
        assert container.watch(self.RAISED, resolved_notices=False) == Told()

    @pytest.mark.parametrize("method", ["read", "forget"])
    def test_a_list_out_of_order_is_the_senders_to_repeat_and_tells_once(self, container: Container, method: str) -> None:
        self.crossed(container)
        container.stores.known_alerted._read_at = None
        container.alerted.unavailable = {method}
        assert isinstance(container.watch(self.RAISED).failure, DependencyUnavailable)
        container.alerted.unavailable = set()
        assert container.watch(self.RAISED).failure is None
        assert [alert.message for alert in container.queue.alerts] == ["was raised"]
        assert container.alerted.items == {}

    def test_an_alert_that_could_not_be_listed_is_the_senders_to_repeat(self, container: Container) -> None:
        container.alerted.unavailable = {"note"}
        (alert,) = alerts_in([budget_event(spend=10, max_budget=10, user_id="u")])
        assert isinstance(container.watch(raised=[alert]).failure, DependencyUnavailable)

    def test_a_soft_budget_and_a_notice_are_not_listed(self, container: Container) -> None:
        (soft,) = alerts_in([budget_event(spend=5, max_budget=100, soft_budget=5, user_id="u")])
        container.watch(raised=[soft, self.crossed(container).model_copy(update={"is_resolved": True})])
        assert len(container.alerted.items) == 1


class TestHangingRequests:
    def test_more_than_one_transaction_takes_are_all_told(self, container: Container) -> None:
        container.react(*[call(f"c-{n:04}") for n in range(TOGETHER + 30)])
        container.sweep(now=NOW + timedelta(minutes=11))
        assert sum(count for _, count in container.told) == TOGETHER + 30
        assert container.calls.items == {}

    def test_what_was_told_already_is_forgotten_and_the_others_are_told(self, container: Container) -> None:
        container.react(call("c-1"), call("c-2"))
        container.calls.unavailable = {"forget"}  # a sweep that does not live to forget
        container.queue.refuses = lambda _: False
        assert container.sweep(now=NOW + timedelta(minutes=11)).failure is not None
        container.calls.unavailable = set()
        container.react(call("c-3"))
        container.sweep(now=NOW + timedelta(minutes=23))
        assert container.told == [("llm_requests_hanging", 2), ("llm_requests_hanging", 1)]
        assert container.calls.items == {}

    def test_a_transaction_in_the_way_tells_nothing_and_the_next_sweep_does(self, container: Container) -> None:
        container.react(call("c-1"), call("c-2"))
        container.claims.conflicts = 1
        told = container.sweep(now=NOW + timedelta(minutes=11))
        assert (isinstance(told.failure, DependencyUnavailable), container.told) == (True, [])
        container.sweep(now=NOW + timedelta(minutes=12))
        assert container.told == [("llm_requests_hanging", 2)]

    def test_quiet_hours_hold_the_alert_of_each_model(self, container: Container) -> None:
        container.react(call("c-1"), call("c-2"), call("c-3", model="other"), **QUIET)
        told = container.sweep(now=NOW + timedelta(minutes=11), **QUIET)
        assert (told.held_count, container.told) == (2, [])
        assert [len(alerts) for alerts in container.claims.outboxes.values()] == [1, 1]


#: What is out of order → the kinds that are told all the same.
KINDS = ["db_exceptions", "llm_requests_hanging", "outage_alerts", "budget_alerts"]
OUT_OF_ORDER: dict[str, tuple[Callable[[Container], None], list[str]]] = {
    "nothing": (lambda c: None, KINDS),
    "an episode": (lambda c: c.episodes.unavailable.add("release"), KINDS[1:]),
    "forgetting calls": (lambda c: c.calls.unavailable.add("forget"), KINDS),
    "settling outages": (lambda c: c.outages.unavailable.add("settle"), [*KINDS[:2], KINDS[3]]),
    "the list of budgets": (lambda c: c.alerted.unavailable.add("due"), KINDS[:3]),
    "a transaction": (lambda c: setattr(c.claims, "conflicts", 1), [KINDS[0], *KINDS[2:]]),
}


@pytest.mark.parametrize(("fail", "kinds"), OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_what_fails_keeps_no_other_kind_from_its_turn(
    container: Container, fail: Callable[[Container], None], kinds: list[str]
) -> None:
    container.react(said())
    container.react(said(), call("c-1"))
    TestBudgetsThatAreWellAgain().crossed(container)
    container.queue.alerts.clear()
    fail(container)
    told = container.sweep(now=NOW + timedelta(hours=2), over=[outage()], resolved_notices=True)
    assert [alert.alert_type for alert in container.queue.alerts] == kinds
    assert (told.failure is None) is (kinds == KINDS and not container.calls.unavailable)


class TestEndsOfOutages:
    def test_an_end_that_could_not_be_claimed_is_not_forgotten(self, container: Container) -> None:
        container.claims.unavailable = {"submit"}
        assert container.sweep(now=NOW, over=[outage()], resolved_notices=True).failure is not None
        assert container.outages.forgotten == []

    @pytest.mark.parametrize(("is_wanted", "count"), [(True, 1), (False, 0)], ids=["wanted", "not wanted"])
    def test_an_end_is_told_where_it_is_wanted_and_forgotten(self, container: Container, is_wanted: bool, count: int) -> None:
        container.sweep(now=NOW, over=[outage()], resolved_notices=is_wanted)
        assert len(container.told) == count
        assert container.outages.forgotten == [outage().place.key]

    def test_an_end_is_another_claim_than_its_beginning(self, container: Container) -> None:
        assert outage().claim_key == outage()._replace(rung=MINOR).claim_key
        container.sweep(now=NOW, over=[outage()], resolved_notices=True)
        container.sweep(now=NOW, over=[outage()], resolved_notices=True)
        assert [decided[0].verdict for decided in container.claims.decisions] == [Verdict.WON, Verdict.LOST]
