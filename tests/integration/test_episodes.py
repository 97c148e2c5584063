"""Episodes, outages and hanging requests in the template's own table in the emulator: its conditions, counters and agenda."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.claims import DynamoDBClaims
from evaluate.episodes import Due, DynamoDBEpisodes, Episode, KnownEpisodes, Told, tell
from evaluate.hanging import DynamoDBHangingCalls
from evaluate.known_claims import KnownClaims
from evaluate.occurrences import Occurrence
from evaluate.outages import DynamoDBOutageCounts
from evaluate.pipeline import evaluate, raise_alerts, sweep_outbox
from evaluate.reactions import Stores, look_after, react, watch_budgets
from evaluate.resolutions import DynamoDBAlertedBudgets, KnownAlerted
from evaluate.shapes import parse_objects
from evaluate.table import AlertsTable, texts
from evaluate.table import number as number_of
from gateway_alerts.alerts import Alert, Entity
from gateway_alerts.config import Config
from gateway_alerts.distributions import buckets_of
from local.resources import Resources
from tests.integration._ministack import eager_client
from tests.pipeline.evaluate.fakes import EpisodeItem, FakeEpisodes, FakeQueue

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
INTERVAL = timedelta(seconds=300)
TTL_SECONDS = 86_400


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


@dataclass
class System:
    """The table as it really is, a queue in memory, and as many containers as are asked for."""

    client: Any
    table: AlertsTable
    name: str
    queue: FakeQueue

    def stores(self, *, queue: FakeQueue | None = None) -> Stores:
        """A container that has met nothing yet."""
        sends_to = queue or self.queue
        return Stores(
            claims=lambda: DynamoDBClaims(self.client, table_name=self.name, ttl_seconds=TTL_SECONDS),
            episodes=lambda: DynamoDBEpisodes(self.table),
            outages=lambda: DynamoDBOutageCounts(self.table),
            calls=lambda: DynamoDBHangingCalls(self.table),
            alerted=lambda: DynamoDBAlertedBudgets(self.table),
            queue=lambda: sends_to,
            known=KnownEpisodes(),
            known_alerted=KnownAlerted(),
        )

    def receive(
        self, *events: dict[str, Any], now: datetime = NOW, stores: Stores | None = None, gateway: str = "prod", **config: Any
    ) -> Told:
        """One request with these events, to a container."""
        settings = Config.model_validate(config)
        evaluation = evaluate(parse_objects(events), gateway=gateway, config=settings, now=now)
        assert not evaluation.rejections
        container = stores or self.stores()
        raised = raise_alerts(
            [offer for _, offers in evaluation.offers for offer in offers],
            claims=container.claims,
            queue=container.queue,
            known=KnownClaims(),
            now=now,
            request_id=uuid4().hex,
            config=settings,
        )
        told = react(evaluation.signals, gateway=gateway, stores=container, now=now, request_id=uuid4().hex, config=settings)
        watched = watch_budgets(
            raised.alerts,
            evaluation.readings,
            gateway=gateway,
            stores=container,
            now=now,
            request_id=uuid4().hex,
            config=settings,
        )
        told.alerts += watched.alerts
        return told

    def sweep(self, *, now: datetime, queue: FakeQueue | None = None, **config: Any) -> Told:
        """What the schedule does."""
        stores = self.stores(queue=queue)
        sweep_outbox(claims=stores.claims(), queue=stores.queue(), now=now)
        due = self.table.due(now=now)
        return look_after(due, stores=stores, now=now, request_id="sweep", config=Config.model_validate(config))

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.scan(TableName=self.name)["Items"]
        return found

    @property
    def told(self) -> list[tuple[str, str | None, int]]:
        return [(alert.alert_type, alert.entity.name, alert.occurrences.count) for alert in self.queue.alerts]


@pytest.fixture
def system(resources: Resources) -> System:
    client, name = eager_client("dynamodb", resources.endpoint_url), resources.ref("AlertsTable")
    return System(client, AlertsTable(client, name=name), name, FakeQueue())


def failure(model: str = "gpt-4o", *, code: str = "429", error: str = "RateLimitError", **fields: Any) -> dict[str, Any]:
    return {
        "litellm_call_id": "c",
        "status": "failure",
        "model_group": model,
        "model_id": f"{model}-1",
        "custom_llm_provider": "openai",
        "error_information": {"error_code": code, "error_class": error, "error_message": "boom", "llm_provider": "openai"},
    } | fields


def gateway_alert(alert_type: str = "db_exceptions", message: str = "connection refused", **metadata: Any) -> dict[str, Any]:
    return {"alert_type": alert_type, "message": message, "metadata": metadata}


class TestEpisodes:
    def test_the_first_is_told_at_once_and_what_follows_by_its_number(self, system: System) -> None:
        system.receive(failure(), failure())
        for second in range(3):
            told = system.receive(failure(), now=later(seconds=10 + second))
            assert (told.alerts, told.held_count) == ([], 1)
        assert system.told == [("llm_exceptions", "gpt-4o", 2)]
        system.sweep(now=later(seconds=299))
        assert len(system.told) == 1
        system.sweep(now=later(seconds=301))
        assert system.told[1:] == [("llm_exceptions", "gpt-4o", 3)]
        happened = system.queue.alerts[1].occurrences
        assert (happened.first_at, happened.last_at) == (later(seconds=10), later(seconds=12))

    def test_after_a_quiet_interval_the_next_is_told_at_once(self, system: System) -> None:
        system.receive(failure())
        system.sweep(now=later(seconds=301))
        system.receive(failure(), now=later(seconds=302))
        assert [count for *_, count in system.told] == [1, 1]

    def test_what_was_counted_opens_the_next_interval(self, system: System) -> None:
        system.receive(failure())
        system.receive(failure(), now=later(seconds=5))
        system.sweep(now=later(seconds=301))
        system.receive(failure(), now=later(seconds=310))
        assert [count for *_, count in system.told] == [1, 1]
        system.sweep(now=later(seconds=602))
        assert [count for *_, count in system.told] == [1, 1, 1]

    def test_a_container_that_knows_the_episode_writes_once(self, system: System) -> None:
        container = system.stores()
        system.receive(failure(), stores=container)
        calls: list[str] = []
        system.client.meta.events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name))
        system.receive(failure(), now=later(seconds=1), stores=container)
        assert calls == ["UpdateItem"]

    def test_of_many_at_once_one_is_told_and_all_are_counted(self, system: System) -> None:
        containers, start = 16, Barrier(16)

        def receive(_: int) -> None:
            start.wait()
            system.receive(failure())

        with ThreadPoolExecutor(containers) as threads:
            list(threads.map(receive, range(containers)))
        assert [count for *_, count in system.told] == [1]
        system.sweep(now=later(seconds=301))
        assert [count for *_, count in system.told] == [1, containers - 1]

    def test_models_and_error_classes_are_told_apart_and_providers_named_together(self, system: System) -> None:
        system.receive(
            failure("a"), failure("b"), failure("a", error="Timeout", code="408"), failure("a", custom_llm_provider="azure")
        )
        assert sorted(count for *_, count in system.told) == [1, 1, 2]
        providers = [fact.text for alert in system.queue.alerts for fact in alert.facts if fact.label == "Provider"]
        assert "azure, openai" in providers or "openai, azure" in providers

    def test_durations_add_up(self, system: System) -> None:
        slow = {"litellm_call_id": "c", "status": "success", "model_group": "m"}
        for second, seconds in enumerate([301.0, 400.0, 500.0]):
            system.receive(slow | {"response_time": seconds}, now=later(seconds=second))
        system.sweep(now=later(seconds=301))
        assert system.queue.alerts[0].occurrences.seconds == buckets_of([301.0])
        assert system.queue.alerts[1].occurrences.seconds == buckets_of([400.0, 500.0])

    def test_gateways_do_not_share_an_episode(self, system: System) -> None:
        system.receive(gateway_alert(), gateway="east")
        system.receive(gateway_alert(), gateway="west")
        assert len(system.told) == 2

    def test_what_differs_in_time_alone_is_the_same(self, system: System) -> None:
        system.receive(gateway_alert() | {"occurred_at": "2026-11-24T08:59:58Z"})
        told = system.receive(gateway_alert() | {"occurred_at": "2026-11-24T08:59:59Z"}, now=later(seconds=1))
        assert told.held_count == 1


class TestDeathOfAProcess:
    def test_what_was_begun_and_not_queued_is_sent_by_the_sweep_once(self, system: System) -> None:
        deaf = FakeQueue(refuses=lambda _: True)
        told = system.receive(gateway_alert(), stores=system.stores(queue=deaf))
        assert (told.alerts, told.unsent_count) == ([], 1)
        system.sweep(now=later(seconds=100))
        assert system.told == []
        system.sweep(now=later(seconds=121))
        system.sweep(now=later(seconds=300))
        assert system.told == [("db_exceptions", "prod", 1)]

    def test_what_was_counted_and_released_and_not_queued_keeps_its_id(self, system: System) -> None:
        system.receive(gateway_alert())
        system.receive(gateway_alert(), now=later(seconds=1))
        deaf = FakeQueue(refuses=lambda _: True)
        system.sweep(now=later(seconds=301), queue=deaf)
        assert len(deaf.batches) == 1
        (offered,) = deaf.batches[0]
        system.sweep(now=later(seconds=422))
        assert [alert.alert_id for alert in system.queue.alerts[1:]] == [offered.alert_id]

    def test_a_queue_that_takes_nothing_for_hours_makes_no_item_grow_and_nothing_is_lost(self, system: System) -> None:
        deaf = FakeQueue(refuses=lambda _: True)
        for minute in range(0, 60, 6):  # each after the interval of the one before
            system.receive(gateway_alert(), now=later(minutes=minute), stores=system.stores(queue=deaf))
            system.sweep(now=later(minutes=minute, seconds=130), queue=deaf)
        assert [len(item["outbox"]["L"]) for item in system.items()] == [1]
        for minute in (61, 63, 65):
            system.sweep(now=later(minutes=minute))
        assert [count for *_, count in system.told] == [1, 9]

    def test_what_is_counted_between_sending_and_clearing_is_told_too(self, system: System) -> None:
        class Meanwhile(FakeQueue):
            def send(self, alerts: Any) -> set[str]:
                if not self.batches:
                    system.receive(gateway_alert(), now=later(seconds=1))
                return super().send(alerts)

        queue = Meanwhile()
        system.receive(gateway_alert(), stores=system.stores(queue=queue))
        assert len(queue.alerts) == 1
        system.sweep(now=later(seconds=301))
        assert system.told == [("db_exceptions", "prod", 1)]

    def test_two_sweeps_at_once_tell_once(self, system: System) -> None:
        system.receive(gateway_alert())
        system.receive(gateway_alert(), now=later(seconds=1))
        due = list(system.table.due(now=later(seconds=301)))
        for _ in range(2):
            look_after(due, stores=system.stores(), now=later(seconds=301), request_id="s", config=Config())
        assert [count for *_, count in system.told] == [1, 1]

    def test_an_outbox_that_cannot_be_read_stays_and_is_told_of(self, system: System) -> None:
        system.receive(gateway_alert(), stores=system.stores(queue=FakeQueue(refuses=lambda _: True)))
        (item,) = system.items()
        system.table.update(item["pk"]["S"], "SET outbox = :outbox", {":outbox": ["not an alert"]})
        told = system.sweep(now=later(seconds=121))
        assert "cannot be read" in str(told.failure)
        assert system.items()[0]["outbox"] == {"L": [{"S": "not an alert"}]}


class TestDigests:
    CONFIG: ClassVar[dict[str, Any]] = {"alert_type_config": {"llm_exceptions": {"digest": True, "digest_interval": 3_600}}}

    def test_nothing_is_told_before_the_interval_ends_and_then_everything(self, system: System) -> None:
        for minute in range(5):
            system.receive(*[failure(f"model-{n}") for n in range(20)], now=later(minutes=minute), **self.CONFIG)
        system.sweep(now=later(minutes=59), **self.CONFIG)
        assert system.told == []
        system.sweep(now=later(minutes=60, seconds=1), **self.CONFIG)
        assert sorted(system.told) == sorted(("llm_exceptions", f"model-{n}", 5) for n in range(20))
        assert all(alert.is_digest for alert in system.queue.alerts)

    def test_a_death_in_the_middle_neither_loses_nor_repeats(self, system: System) -> None:
        system.receive(*[failure(f"model-{n}") for n in range(5)], **self.CONFIG)
        halting = FakeQueue(refuses=lambda alert: alert.entity.name in ("model-3", "model-4"))
        system.sweep(now=later(minutes=61), queue=halting, **self.CONFIG)
        system.sweep(now=later(minutes=64), **self.CONFIG)
        ids = [alert.alert_id for alert in [*halting.alerts, *system.queue.alerts]]
        assert len(ids) == len(set(ids)) == 5

    def test_quiet_hours_hold_what_is_not_grave(self, system: System) -> None:
        quiet = {"quiet_hours": [{"begin": "08:00", "end": "10:00"}]}
        system.receive(gateway_alert("new_model_added", "m-new"), gateway_alert("db_exceptions"), **quiet)
        assert [alert_type for alert_type, *_ in system.told] == ["db_exceptions"]
        system.sweep(now=later(hours=1, seconds=1), **quiet)
        assert [alert_type for alert_type, *_ in system.told] == ["db_exceptions", "new_model_added"]


class TestOutages:
    def errors(self, system: System, count: int, *, every: float, config: dict[str, Any] | None = None, **fields: Any) -> None:
        """As many gateways as errors, one error each."""
        for number in range(count):
            now = later(seconds=number * every)
            log = failure(**{"code": "500", "endTime": now.timestamp()} | fields)
            system.receive(log, now=now, gateway=f"pod-{number % 4}", **({"alert_types": ["outage_alerts"]} | (config or {})))

    def test_ten_errors_across_four_gateways_are_one_minor_and_one_major_outage(self, system: System) -> None:
        self.errors(system, 10, every=1.2)
        severities = [fact.text for alert in system.queue.alerts for fact in alert.facts if fact.label == "Severity"]
        assert severities == ["minor", "major"]
        assert [alert.entity.type for alert in system.queue.alerts] == ["deployment"] * 2

    def test_errors_that_are_further_apart_than_the_window_are_none(self, system: System) -> None:
        self.errors(system, 10, every=20)
        assert system.told == []

    def test_what_the_caller_did_wrong_is_none(self, system: System) -> None:
        self.errors(system, 10, every=1, error_information={"error_code": "429", "error_class": "RateLimitError"})
        assert system.told == []

    def test_errors_in_one_request_count_at_once(self, system: System) -> None:
        system.receive(*[failure(code="500", endTime=NOW.timestamp())] * 12, alert_types=["outage_alerts"])
        assert [alert.level for alert in system.queue.alerts] == ["High"]

    def test_a_region_is_out_when_two_deployments_of_it_are_and_as_its_own_type(self, system: System) -> None:
        config = {"alert_types": ["region_outage_alerts"]}
        base = "https://us-central1-aiplatform.googleapis.com/v1"
        self.errors(system, 8, every=1, config=config, api_base=base, model_id="one")
        assert system.told == []
        self.errors(system, 1, every=1, config=config, api_base=base, model_id="two")
        assert [(alert.alert_type, alert.entity.type, alert.entity.id) for alert in system.queue.alerts] == [
            ("region_outage_alerts", "region", "us-central1")
        ]

    @pytest.mark.parametrize("is_log_first", [True, False], ids=["log first", "own words first"])
    def test_own_words_and_the_log_of_one_outage_tell_it_once_by_each_severity(self, system: System, is_log_first: bool) -> None:
        for number, severity in enumerate(("minor", "major")):
            metadata = {"model": "gpt-4o", "provider": "openai", "api_base": "https://a.example", "severity": severity}
            level = "High" if severity == "major" else "Medium"
            words = {"alert_type": "outage_alerts", "message": "out", "level": level, "metadata": metadata}
            now = later(seconds=number)
            logs = [failure(code="500", model="gpt-4o", endTime=now.timestamp())] * 5
            for events in (logs, [words]) if is_log_first else ([words], logs):
                system.receive(*events, now=now, alert_types=["outage_alerts"])
        assert [alert.level for alert in system.queue.alerts] == ["Medium", "High"]
        assert sum("outbox" in item for item in system.items()) == 0

    def test_its_end_is_told_where_that_is_wanted(self, system: System) -> None:
        self.errors(system, 6, every=1)
        system.sweep(now=later(minutes=4), resolved_notices=True)
        assert len(system.told) == 1
        system.sweep(now=later(minutes=5, seconds=6), resolved_notices=True)
        system.sweep(now=later(minutes=7), resolved_notices=True)
        assert [alert.is_resolved for alert in system.queue.alerts] == [False, True]

    def test_its_end_is_not_told_otherwise_and_the_next_outage_is(self, system: System) -> None:
        self.errors(system, 6, every=1)
        system.sweep(now=later(minutes=6))
        for number in range(6):
            now = later(minutes=10, seconds=number)
            system.receive(failure(code="500", endTime=now.timestamp()), now=now, alert_types=["outage_alerts"])
        assert [alert.is_resolved for alert in system.queue.alerts] == [False, False]

    def test_errors_that_never_made_an_outage_end_without_a_word(self, system: System) -> None:
        self.errors(system, 2, every=1)
        system.sweep(now=later(minutes=6), resolved_notices=True)
        assert (system.told, system.items()) == ([], [])

    def test_errors_that_go_on_put_the_end_off(self, system: System) -> None:
        self.errors(system, 6, every=1)
        system.receive(
            failure(code="500", endTime=later(minutes=3).timestamp()), now=later(minutes=3), alert_types=["outage_alerts"]
        )
        system.sweep(now=later(minutes=5, seconds=6), resolved_notices=True)
        assert len(system.told) == 1
        system.sweep(now=later(minutes=8, seconds=1), resolved_notices=True)
        assert len(system.told) == 2

    def test_old_slots_are_thrown_away(self, system: System) -> None:
        for minute in range(0, 60, 3):
            now = later(minutes=minute)
            system.receive(failure(code="500", endTime=now.timestamp()), now=now, alert_types=["outage_alerts"])
        (item,) = system.items()
        assert sum(name.startswith("errors_") for name in item) <= 13


class TestHangingRequests:
    CONFIG: ClassVar[dict[str, Any]] = {"alerting_threshold": 60}

    def signal(self, state: str, call_id: str, **metadata: Any) -> dict[str, Any]:
        said = {"state": state, "call_id": call_id, "model": "gpt-4o"} | metadata
        return {"alert_type": "llm_requests_hanging", "message": state, "metadata": said}

    def test_all_that_hang_are_told_together(self, system: System) -> None:
        system.receive(*[self.signal("started", f"call-{n:03}") for n in range(130)], **self.CONFIG)
        system.receive(*[self.signal("ended", f"call-{n:03}") for n in range(10)], now=later(seconds=30), **self.CONFIG)
        system.sweep(now=later(seconds=59), **self.CONFIG)
        assert system.told == []
        system.sweep(now=later(seconds=61), **self.CONFIG)
        assert sum(count for *_, count in system.told) == 120
        assert {name for _, name, _ in system.told} == {"gpt-4o"}
        system.sweep(now=later(seconds=300), **self.CONFIG)
        assert sum(count for *_, count in system.told) == 120
        assert system.items() == []

    def test_a_signal_that_comes_again_is_one_request(self, system: System) -> None:
        for _ in range(2):
            system.receive(self.signal("started", "call-1"), **self.CONFIG)
        system.sweep(now=later(seconds=61), **self.CONFIG)
        assert system.told == [("llm_requests_hanging", "gpt-4o", 1)]

    def test_a_death_before_the_queue_is_swept_up(self, system: System) -> None:
        system.receive(self.signal("started", "call-1"), self.signal("started", "call-2"), **self.CONFIG)
        system.sweep(now=later(seconds=61), queue=FakeQueue(refuses=lambda _: True), **self.CONFIG)
        system.sweep(now=later(seconds=183), **self.CONFIG)
        system.sweep(now=later(seconds=400), **self.CONFIG)
        assert system.told == [("llm_requests_hanging", "gpt-4o", 2)]

    def test_a_request_that_ends_takes_no_alert_with_it_that_quiet_hours_hold(self, system: System) -> None:
        quiet = self.CONFIG | {"quiet_hours": [{"begin": "08:00", "end": "10:00"}]}
        calls = ["call-1", "call-2"]
        system.receive(*[self.signal("started", call) for call in calls], **quiet)
        system.sweep(now=later(seconds=61), **quiet)
        system.receive(*[self.signal("ended", call) for call in calls], now=later(seconds=90), **quiet)
        system.sweep(now=later(hours=1, seconds=1), **quiet)
        assert system.told == [("llm_requests_hanging", "gpt-4o", 2)]

    def test_what_another_sweep_has_told_is_forgotten_not_told(self, system: System) -> None:
        system.receive(self.signal("started", "call-1"), **self.CONFIG)
        due = list(system.table.due(now=later(seconds=61)))
        system.sweep(now=later(seconds=61), **self.CONFIG)
        system.receive(self.signal("started", "call-2"), now=later(seconds=2), **self.CONFIG)
        due += list(system.table.due(now=later(seconds=63)))
        look_after(due, stores=system.stores(), now=later(seconds=63), request_id="s", config=Config(**self.CONFIG))
        assert next(count for *_, count in system.told) == 1


class TestBudgetsThatAreWellAgain:
    CONFIG: ClassVar[dict[str, Any]] = {"resolved_notices": True}

    def event(self, spend: float, limit: float, *, resets_in: float | None = 3_600) -> dict[str, Any]:
        period = {} if resets_in is None else {"budget_reset_at": later(seconds=resets_in).isoformat()}
        info = {"spend": spend, "max_budget": limit, "team_id": "t", "team_alias": "Research"} | period
        return {"type": "team_budget", "user_info": info}

    def said(self, system: System) -> list[tuple[str, bool]]:
        return [(alert.message, alert.is_resolved) for alert in system.queue.alerts]

    def test_one_that_was_raised_is_told_by_whichever_container_sees_it(self, system: System) -> None:
        system.receive(self.event(10, 10), **self.CONFIG)
        for second in (1, 2):
            system.receive(self.event(10, 20), now=later(seconds=second), **self.CONFIG)
        assert self.said(system) == [("Team Budget: Budget Crossed", False), ("was raised", True)]
        assert system.queue.alerts[1].budget.limit == 20

    def test_one_that_was_raised_too_little_alerts_instead(self, system: System) -> None:
        system.receive(self.event(10, 10), **self.CONFIG)
        system.receive(self.event(10, 10.5), now=later(seconds=1), **self.CONFIG)
        assert [is_resolved for _, is_resolved in self.said(system)] == [False, False]

    def test_one_that_was_reset_is_told_when_its_period_ends(self, system: System) -> None:
        system.receive(self.event(10, 10), **self.CONFIG)
        system.sweep(now=later(minutes=59), **self.CONFIG)
        assert len(system.queue.alerts) == 1
        for minute in (61, 62):
            system.sweep(now=later(minutes=minute), **self.CONFIG)
        assert self.said(system)[1:] == [("was reset", True)]

    def test_one_without_a_period_ends_without_a_word(self, system: System) -> None:
        system.receive(self.event(10, 10, resets_in=None), **self.CONFIG)
        system.sweep(now=later(hours=25), **self.CONFIG)
        assert len(system.queue.alerts) == 1
        assert not [item for item in system.items() if item["pk"]["S"].startswith("alerted#")]

    def test_none_is_told_unless_it_is_wanted(self, system: System) -> None:
        system.receive(self.event(10, 10))
        system.receive(self.event(10, 20), now=later(seconds=1))
        system.sweep(now=later(hours=2))
        assert [is_resolved for _, is_resolved in self.said(system)] == [False]


def test_an_occurrence_told_by_hand_is_what_the_table_holds(system: System) -> None:
    """The alert that is released is the newest one, with the count of all."""
    base = Occurrence(
        alert_type="db_exceptions",
        gateway="prod",
        alike=("x",),
        level="High",
        message="first",
        entity=Entity(type="gateway", id="prod"),
        first_at=NOW,
        last_at=NOW,
    )
    stores = system.stores()
    for number, message in enumerate(["first", "second", "third"]):
        at = later(seconds=number)
        alert: Alert = replace(base, message=message, first_at=at, last_at=at).alert(now=at, request_id="r", config=Config())
        tell(
            [Episode(alert.dedupe_key, alert, 300)],
            store=stores.episodes(),
            queue=stores.queue(),
            known=stores.known,
            now=at,
        )
    system.sweep(now=later(seconds=301))
    assert [alert.message for alert in system.queue.alerts] == ["first", "third"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(1, 3)),
        st.tuples(st.just("hold"), st.integers(1, 3)),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("release"), st.none()),
        st.tuples(st.just("clear"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([1, 60, 119, 120, 299, 300])),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_table_says_what_the_fake_says(system: System, steps: list[tuple[str, Any]]) -> None:
    """The fake that the tests of the pipeline trust is held against the table's own conditions."""
    real, fake, now, key = DynamoDBEpisodes(system.table), FakeEpisodes(), NOW, f"episode#db_exceptions#{uuid4().hex}"
    looks = [({"pk": {"S": key}}, {"pk": {"S": key}, "seen": EpisodeItem()})]
    outboxes: list[tuple[Due, Due]] = []
    for number, (step, given_number) in enumerate(steps):
        if step == "wait":
            now += timedelta(seconds=given_number)
        elif step in ("open", "hold"):
            base = Occurrence("db_exceptions", "g", (key,), "High", f"m{number}", Entity(type="gateway"), now, now)
            happened = replace(base, count=given_number, seconds={number: given_number})
            episode = Episode(key, happened.alert(now=now, request_id=f"r{number}", config=Config()), 300)
            if step == "open":
                assert real.open(episode, now=now) == fake.open(episode, now=now)
            else:
                real.hold(episode, until=now + timedelta(seconds=90), now=now)
                fake.hold(episode, until=now + timedelta(seconds=90), now=now)
        elif step == "look":
            (item,) = [item for item in system.items() if item["pk"]["S"] == key] or [{"pk": {"S": key}}]
            looks.append((item, {"pk": {"S": key}, "seen": deepcopy(fake.items.get(key, EpisodeItem()))}))
        elif step == "release":
            released = [store.release(look, now=now) for store, look in zip((real, fake), looks[-1], strict=True)]
            assert without_ids(released[0]) == without_ids(released[1])
            if released[0] is not None and released[1] is not None:
                outboxes.append((released[0], released[1]))
        elif outboxes:
            real.clear(outboxes[-1][0])
            fake.clear(outboxes[-1][1])
        (item,) = [item for item in system.items() if item["pk"]["S"] == key] or [{}]
        expected = fake.items.get(key, EpisodeItem())
        assert without_ids(Due(key, texts(item, "outbox"))) == without_ids(Due(key, tuple(expected.outbox)))
        assert number_of(item, "outbox_at") == expected.due_at
        assert number_of(item, "held_count") == (expected.held.count if expected.held else None)
        assert number_of(item, "held_until") == (expected.held.until if expected.held else None)
        assert (number_of(item, "episode_until") or 0) == expected.until


def without_ids(due: Due | None) -> list[Alert] | None:
    """The alerts, without the ids that a release makes up."""
    if due is None:
        return None
    return [Alert.model_validate_json(text).model_copy(update={"alert_id": ""}) for text in due.outbox]
