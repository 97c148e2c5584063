from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from evaluate.claims import FRUITLESS_SUBMISSIONS, Verdict
from evaluate.episodes import KnownEpisodes, Told
from evaluate.outages import MINOR, OVER, Outage, Place
from evaluate.pipeline import Evaluation, evaluate
from evaluate.reactions import TOGETHER, Stores, look_after, react, tell_due_alerts, watch_budgets
from evaluate.resolutions import Alerted, KnownAlerted, alerted_key
from evaluate.shapes import parse_objects
from evaluate.usage.scheduled import DueAlert
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
    "transactions in the way": (lambda c: setattr(c.claims, "conflicts", FRUITLESS_SUBMISSIONS), [("db_exceptions", 1)]),
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
        container.claims.conflicts = FRUITLESS_SUBMISSIONS
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


HOST = "https://a.example/v1"
#: The address that a gateway's own words name, and the one in its request log, which has none where none was configured.
ADDRESSES = {"both": (HOST, HOST), "own words": (HOST, None), "neither": (None, None)}


def own_words(severity: str = "minor", *, model: str = "gpt-4o", api_base: str | None = HOST, **metadata: Any) -> dict[str, Any]:
    words = said("outage_alerts", model=model, provider="openai", api_base=api_base, severity=severity, **metadata)
    return words | {"level": "High" if severity == "major" else "Medium"}


def logged(count: int, *, deployment: str = "d-1", api_base: str | None = HOST) -> list[dict[str, Any]]:
    named = {"model": "openai/gpt-4o", "model_group": "chat", "api_base": api_base}
    return [log | named for log in errors(count, deployment=deployment)]


class TestOutagesThatTwoWaysTell:
    """Minor from 5 errors on, major from 10 on; within 60 s, so that one is over after 300 s without an error."""

    def levels(self, container: Container) -> list[str]:
        return [alert.level for alert in container.queue.alerts]

    @pytest.mark.parametrize(("in_words", "in_log"), ADDRESSES.values(), ids=ADDRESSES)
    @pytest.mark.parametrize("is_log_first", [True, False], ids=["log first", "own words first"])
    def test_each_severity_is_told_once(
        self, container: Container, in_words: str | None, in_log: str | None, is_log_first: bool
    ) -> None:
        for severity in ("minor", "major"):
            told_by = [[own_words(severity, api_base=in_words)], logged(5, api_base=in_log)]
            for events in reversed(told_by) if is_log_first else told_by:
                other = Container(claims=container.claims, outages=container.outages, queue=container.queue)
                assert other.react(*events, **OUTAGE_ONLY).failure is None
        assert self.levels(container) == ["Medium", "High"]

    def test_repeats_are_told_again_after_the_interval_and_counted_as_repeats(self, container: Container) -> None:
        repeats = [
            container.react(own_words(), now=NOW + timedelta(seconds=seconds), **OUTAGE_ONLY).repeat_count
            for seconds in (0, 60, 299, 300)
        ]
        assert repeats == [0, 1, 1, 0]
        assert self.levels(container) == ["Medium", "Medium"]

    def test_own_words_are_not_told_while_the_log_says_that_it_goes_on(self, container: Container) -> None:
        for minute in range(30):
            now = NOW + timedelta(minutes=minute)
            container.react(*logged(12 if minute == 0 else 6), now=now, **OUTAGE_ONLY)
            other = Container(claims=container.claims, queue=container.queue)
            other.react(own_words("minor"), own_words("major"), now=now, **OUTAGE_ONLY)
        assert self.levels(container) == ["High"]

    def test_a_container_that_did_not_tell_renews_what_another_has_told(self, container: Container) -> None:
        container.react(*logged(12), **OUTAGE_ONLY)
        other = Container(claims=container.claims, outages=container.outages, queue=container.queue)
        for minute in range(1, 11):
            other.react(*logged(6), now=NOW + timedelta(minutes=minute), **OUTAGE_ONLY)
        container.react(own_words("major"), now=NOW + timedelta(minutes=11), **OUTAGE_ONLY)
        assert self.levels(container) == ["High"]

    def test_what_own_words_have_told_stays_told_when_they_are_long_over(self, container: Container) -> None:
        container.react(own_words(), **OUTAGE_ONLY)
        container.react(*logged(5), now=NOW + timedelta(seconds=5), **OUTAGE_ONLY, **_never_major())
        other = Container(claims=container.claims, outages=container.outages, queue=container.queue)
        other.react(*logged(5), now=NOW + timedelta(minutes=20), **OUTAGE_ONLY, **_never_major())
        assert self.levels(container) == ["Medium"]

    def test_once_it_is_over_own_words_are_told_again(self, container: Container) -> None:
        container.react(*logged(5), **OUTAGE_ONLY)
        container.react(own_words(), now=NOW + timedelta(seconds=301), **OUTAGE_ONLY)
        assert self.levels(container) == ["Medium", "Medium"]

    def test_another_address_is_another_outage(self, container: Container) -> None:
        container.react(own_words(), own_words(api_base="https://b.example"), **OUTAGE_ONLY)
        container.react(*logged(5, api_base="https://c.example"), **OUTAGE_ONLY)
        assert self.levels(container) == ["Medium"] * 3

    def test_so_is_another_deployment_of_one_name_in_the_log(self, container: Container) -> None:
        container.react(*logged(5), *logged(5, deployment="d-2"), **OUTAGE_ONLY)
        assert self.levels(container) == ["Medium", "Medium"]

    def test_a_region_is_told_once(self, container: Container) -> None:
        region = {"api_base": "https://eastus.api.cognitive.microsoft.com"}
        of_two = [*logged(3, **region), *logged(3, deployment="d-2", **region)]
        words = said("region_outage_alerts", region="eastus", provider="openai", severity="minor")
        settings: dict[str, Any] = {"alert_types": ["region_outage_alerts"]}
        container.react(words, **settings)
        container.react(*of_two, **settings)
        container.react(words, **settings)
        assert container.told == [("region_outage_alerts", 1)]

    @pytest.mark.parametrize(
        "event",
        [own_words(model_id="d-1"), own_words(""), own_words("grave"), said("outage_alerts", severity="minor")],
        ids=["its deployment", "no severity", "an unknown severity", "no place"],
    )
    def test_words_that_name_more_or_less_are_told_like_any_other(self, container: Container, event: dict[str, Any]) -> None:
        container.react(event, **OUTAGE_ONLY)
        container.react(event, **OUTAGE_ONLY)
        assert (container.told, container.episodes.calls) == ([("outage_alerts", 1)], ["open", "clear", "hold"])

    def test_own_words_meet_transactions_in_the_way_as_long_as_it_is_sensible(self, container: Container) -> None:
        container.claims.conflicts = FRUITLESS_SUBMISSIONS - 1
        assert container.react(own_words(), **OUTAGE_ONLY).failure is None
        container.claims.conflicts = FRUITLESS_SUBMISSIONS
        assert isinstance(container.react(own_words("major"), **OUTAGE_ONLY).failure, DependencyUnavailable)
        assert self.levels(container) == ["Medium"]

    def test_a_queue_that_refuses_leaves_own_words_to_the_sweep(self, container: Container) -> None:
        container.queue.refuses = lambda _: True
        assert container.react(own_words(), **OUTAGE_ONLY).unsent_count == 1
        assert len(container.claims.outboxes) == 1

    def test_quiet_hours_hold_own_words_in_their_outbox(self, container: Container) -> None:
        told = container.react(own_words(), **OUTAGE_ONLY, **QUIET)
        assert (told.held_count, container.told, len(container.claims.outboxes)) == (1, [], 1)

    def test_a_note_that_could_not_be_made_is_the_senders_to_repeat(self, container: Container) -> None:
        container.claims.unavailable = {"note"}
        assert isinstance(container.react(*logged(5), **OUTAGE_ONLY).failure, DependencyUnavailable)
        assert self.levels(container) == ["Medium"]


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

    def test_one_without_a_name_is_not_taken_for_another_one(self, container: Container) -> None:
        (alert,) = alerts_in([budget_event("project_budget", spend=10, max_budget=10, team_id="t")])
        container.watch(raised=[alert])
        assert container.alerted.items == {}
        key = alerted_key("gw", "project", None)
        container.alerted.items[key] = (Alerted(key, alert), PERIOD_END)
        other = Container(alerted=container.alerted)
        other.watch(budget_event("project_budget", spend=10, max_budget=20, team_id="another"))
        assert other.told == []

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


class TestDueByTheClock:
    def due(self, name: str) -> DueAlert:
        (alert,) = alerts_in([budget_event(spend=10, max_budget=10, user_id=name)])
        return DueAlert(f"report#daily#{name:0>8}", Decimal(1), int(NOW.timestamp()), alert)

    def tell(self, container: Container, *names: str, **config: Any) -> tuple[Told, list[str]]:
        due = [self.due(name) for name in names]
        told, settled = tell_due_alerts(due, stores=container.stores, now=NOW, config=Config.model_validate(config))
        return told, [key.rpartition("#")[2].lstrip("0") for key, _ in settled]

    def test_what_somebody_has_told_is_settled_and_the_others_are_told(self, container: Container) -> None:
        assert self.tell(container, "b")[1] == ["b"]
        told, settled = self.tell(container, "a", "b", "c")
        assert (len(told.alerts), sorted(settled)) == (2, ["a", "b", "c"])
        assert [alert.entity.id for alert in container.queue.alerts] == ["b", "a", "c"]

    def test_more_than_one_transaction_takes_are_all_told(self, container: Container) -> None:
        names = [f"u{number}" for number in range(TOGETHER + 30)]
        told, settled = self.tell(container, *names)
        assert (len(told.alerts), len(settled)) == (len(names), len(names))

    def test_a_transaction_in_the_way_tells_nothing_and_the_next_run_does(self, container: Container) -> None:
        container.claims.conflicts = 1
        with pytest.raises(DependencyUnavailable, match="another transaction was in the way"):
            self.tell(container, "a")
        assert container.told == []
        assert len(self.tell(container, "a")[0].alerts) == 1

    def test_quiet_hours_hold_it(self, container: Container) -> None:
        told, settled = self.tell(container, "a", quiet_hours=[{"begin": "08:00", "end": "10:00", "levels": ["High"]}])
        assert (told.held_count, container.told, settled) == (1, [], ["a"])


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
