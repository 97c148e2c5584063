from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluate.episodes import FAILED_RELEASES, Due, DynamoDBEpisodes, Episode, KnownEpisodes, Told, tell, tell_due
from evaluate.table import AlertsTable
from gateway_alerts.alerts import Alert, Entity, Occurrences
from gateway_alerts.aws import aws_client
from gateway_alerts.bounds import MAX_SECONDS
from gateway_alerts.distributions import bucket_of
from gateway_alerts.errors import DependencyUnavailable, InvalidAlert
from tests.pipeline.evaluate.fakes import FakeEpisodes, FakeQueue
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_EXPRESSION_BYTES = 4_096
ALL_BUCKETS = range(bucket_of(0), bucket_of(MAX_SECONDS) + 1)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def episode(name: str = "a", *, number: int = 0, now: datetime = NOW, held_until: datetime | None = None, **more: Any) -> Episode:
    key = f"episode#db_exceptions#{name:0>8}"
    alert = Alert(
        alert_id=f"{name}-{number}",
        dedupe_key=key,
        alert_type="db_exceptions",
        event="db_exceptions",
        level="High",
        gateway="g",
        message=f"message {number}",
        entity=Entity(type="gateway", id="g"),
        raised_at=now,
        occurrences=Occurrences(first_at=now, last_at=now, **more),
    )
    return Episode(key, alert, 300, held_until)


class TestTell:
    def told(self, episodes: Sequence[Episode], *, store: FakeEpisodes, queue: FakeQueue | None = None) -> Told:
        return tell(episodes, store=store, queue=queue or FakeQueue(), known=KnownEpisodes(), now=NOW)

    @pytest.mark.parametrize("step", ["open", "hold"])
    def test_what_was_told_before_the_table_failed_is_told(self, step: str) -> None:
        store, queue = FakeEpisodes(), FakeQueue()
        self.told([episode("held")], store=store)
        store.poisoned = {episode("new" if step == "open" else "held").key}
        told = self.told(
            [episode("first"), episode("new" if step == "open" else "held"), episode("last")], store=store, queue=queue
        )
        assert [alert.alert_id for alert in told.alerts] == [alert.alert_id for alert in queue.alerts] == ["first-0"]
        assert isinstance(told.failure, DependencyUnavailable)
        assert store.items[episode("first").key].outbox == []
        assert episode("last").key not in store.items

    def test_a_queue_that_refuses_leaves_the_alert_in_its_outbox_and_no_other(self) -> None:
        store, queue = FakeEpisodes(), FakeQueue(refuses=lambda alert: alert.alert_id == "a-0")
        told = self.told([episode("a"), episode("b")], store=store, queue=queue)
        assert ([alert.alert_id for alert in told.alerts], told.unsent_count, told.failure) == (["b-0"], 1, None)
        assert [bool(store.items[episode(name).key].outbox) for name in "ab"] == [True, False]

    def test_what_could_not_be_cleared_is_no_failure_and_stays_on_the_agenda(self) -> None:
        store = FakeEpisodes()
        store.unavailable = {"clear"}
        told = self.told([episode("a")], store=store)
        assert ([alert.alert_id for alert in told.alerts], told.failure) == (["a-0"], None)
        assert len(store.due(now=later(120))) == 1

    def test_nothing_to_tell_asks_no_queue(self) -> None:
        queue = FakeQueue()
        self.told([episode(held_until=later(60))], store=FakeEpisodes(), queue=queue)
        assert queue.batches == []

    def test_what_is_known_to_run_is_counted_without_a_try_to_begin(self) -> None:
        store, known = FakeEpisodes(), KnownEpisodes()
        for second in range(3):
            tell([episode(number=second)], store=store, queue=FakeQueue(), known=known, now=later(second))
        assert store.calls == ["open", "clear", "hold", "hold"]

    def test_what_another_container_began_is_known_after_one_try(self) -> None:
        store, known = FakeEpisodes(), KnownEpisodes()
        self.told([episode()], store=store)
        for second in (1, 2):
            tell([episode(number=second)], store=store, queue=FakeQueue(), known=known, now=later(second))
        assert store.calls[2:] == ["open", "hold", "hold"]


class TestTellDue:
    def counted(self, *names: str) -> FakeEpisodes:
        store = FakeEpisodes()
        for name in names:
            tell([episode(name, held_until=later(60))], store=store, queue=FakeQueue(), known=KnownEpisodes(), now=NOW)
        return store

    def test_one_that_fails_each_time_keeps_no_other_from_being_told(self) -> None:
        store, queue = self.counted("a", "b", "c"), FakeQueue()
        store.poisoned = {episode("b").key}
        told = tell_due(store.due(now=later(60)), store=store, queue=queue, now=later(60))
        assert [alert.dedupe_key for alert in queue.alerts] == [episode("a").key, episode("c").key]
        assert isinstance(told.failure, DependencyUnavailable)
        assert [item["pk"]["S"] for item in store.due(now=later(60))] == [episode("b").key]

    def test_a_table_out_of_order_is_left_alone_and_what_was_released_is_sent(self) -> None:
        names = [f"{number:02}" for number in range(FAILED_RELEASES + 3)]
        store, queue = self.counted(*names), FakeQueue()
        due = store.due(now=later(60))
        store.poisoned = {item["pk"]["S"] for item in due[1:]}
        told = tell_due(due, store=store, queue=queue, now=later(60))
        assert len(queue.alerts) == len(told.alerts) == 1
        assert isinstance(told.failure, DependencyUnavailable)
        store.poisoned = set()
        tell_due(store.due(now=later(120)), store=store, queue=queue, now=later(120))
        assert len({alert.alert_id for alert in queue.alerts}) == len(queue.alerts) == len(names)

    def test_an_outbox_that_cannot_be_read_stays_and_its_neighbours_are_told(self) -> None:
        store, queue = self.counted("a", "b"), FakeQueue()
        store.items[episode("a").key].outbox = ["{}"]
        told = tell_due(store.due(now=later(60)), store=store, queue=queue, now=later(60))
        assert isinstance(told.failure, InvalidAlert)
        assert [alert.dedupe_key for alert in queue.alerts] == [episode("b").key]
        assert store.items[episode("a").key].outbox == ["{}"]

    def test_an_outbox_goes_before_what_was_counted_and_both_are_told(self) -> None:
        """However long the queue takes nothing, an item holds one alert and counts, and fits into the table."""
        store, known = FakeEpisodes(), KnownEpisodes()
        deaf, queue = FakeQueue(refuses=lambda _: True), FakeQueue()
        for second in range(3):
            tell([episode(number=second, now=later(second))], store=store, queue=deaf, known=known, now=later(second))
        for minute in (6, 11, 16):
            tell_due(store.due(now=later(60 * minute)), store=store, queue=deaf, now=later(60 * minute))
        assert len(store.items[episode().key].outbox) == 1
        for minute in (17, 18, 19):
            tell_due(store.due(now=later(60 * minute)), store=store, queue=queue, now=later(60 * minute))
        assert [alert.occurrences.count for alert in queue.alerts] == [1, 2]
        assert store.due(now=later(1e6)) == []


class TestKnownEpisodes:
    def test_one_that_is_over_is_not_known(self) -> None:
        known = KnownEpisodes()
        known.remember("k", later(300))
        assert known.running_until("k", now=later(299)) == later(300)
        assert known.running_until("k", now=later(300)) is None
        assert known.running_until("other", now=NOW) is None

    def test_the_one_met_longest_ago_goes_first(self) -> None:
        known = KnownEpisodes(limit=2)
        for key in ("a", "b", "a", "c"):
            known.remember(key, later(300))
        assert [key for key in "abc" if known.running_until(key, now=NOW)] == ["a", "c"]


class TestDynamoDB:
    @pytest.fixture
    def store(self, fake_aws: FakeAws) -> DynamoDBEpisodes:  # noqa: F811
        fake_aws.answers |= {"UpdateItem": {}}
        return DynamoDBEpisodes(AlertsTable(aws_client("dynamodb"), name="alerts"))

    def test_our_own_write_whose_first_answer_was_lost_has_begun_the_episode(
        self,
        store: DynamoDBEpisodes,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        one, other = episode(), episode(number=1)
        outbox = {"outbox": {"L": [{"S": one.alert.model_dump_json()}]}, "episode_until": {"N": str(NOW.timestamp() + 300)}}
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException", Item=outbox)
        assert store.open(one, now=NOW) is None
        assert store.open(other, now=NOW) == later(300)

    @pytest.mark.parametrize(
        ("item", "until"),
        [
            pytest.param({"episode_until": 300}, 300, id="it runs"),
            pytest.param({"episode_until": 300, "held_until": 500}, 500, id="a digest ends after it"),
            pytest.param({"held_until": -30}, 0, id="what was counted should have been told by now"),
            pytest.param({}, 0, id="nothing is told of it"),
        ],
    )
    def test_until_when_is_counted(
        self,
        store: DynamoDBEpisodes,
        fake_aws: FakeAws,  # noqa: F811
        item: dict[str, float],
        until: float,
    ) -> None:
        numbers = {name: {"N": str(int(later(seconds).timestamp()))} for name, seconds in item.items()}
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException", Item=numbers)
        assert store.open(episode(), now=NOW) == later(until)

    def test_every_duration_that_there_is_fits_into_one_write(
        self,
        store: DynamoDBEpisodes,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        full = episode(count=len(ALL_BUCKETS), seconds=dict.fromkeys(ALL_BUCKETS, 1))
        store.hold(full, until=later(300), now=NOW)
        (_, held) = fake_aws.calls[-1]
        item = {f"seconds_{bucket}": {"N": "1"} for bucket in ALL_BUCKETS} | {
            "pk": {"S": full.key},
            "held_alert": {"S": full.alert.model_dump_json()},
            "held_count": {"N": str(len(ALL_BUCKETS))},
            **{name: {"N": str(NOW.timestamp())} for name in ("held_until", "held_first_at", "held_last_at")},
        }
        released = store.release(item, now=later(1))
        (_, release) = fake_aws.calls[-1]
        for asked in (held, release):
            assert len(asked["UpdateExpression"].encode()) <= MAX_EXPRESSION_BYTES
            assert len(asked["ExpressionAttributeNames"]) == len(ALL_BUCKETS)
        assert released is not None
        told = Alert.model_validate_json(released.outbox[0])
        assert told.occurrences.seconds == full.alert.occurrences.seconds

    def test_more_that_was_counted_meanwhile_is_left_for_the_next_look(
        self,
        store: DynamoDBEpisodes,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException")
        moment = {"N": str(NOW.timestamp())}
        item = {"pk": {"S": "k"}, "held_alert": {"S": "{}"}, "held_count": {"N": "1"}, "held_until": moment}
        assert store.release(item, now=NOW) is None

    def test_a_counted_alert_that_cannot_be_read_is_handed_on_to_who_says_so(self, store: DynamoDBEpisodes) -> None:
        moment = {"N": str(NOW.timestamp())}
        item = {"pk": {"S": "k"}, "held_alert": {"S": "no alert"}, "held_count": {"N": "1"}, "held_until": moment}
        assert store.release(item, now=NOW) == Due("k", ("no alert",))

    @pytest.mark.parametrize(
        ("refused", "calls"),
        [(0, 1), (1, 2), (2, 2)],
        ids=["nothing new", "counted meanwhile", "something else is in the outbox"],
    )
    def test_an_outbox_is_cleared_in_one_write_or_two(
        self,
        store: DynamoDBEpisodes,
        fake_aws: FakeAws,  # noqa: F811
        refused: int,
        calls: int,
    ) -> None:
        answers: list[Any] = [AwsError("ConditionalCheckFailedException")] * refused + [{}]
        fake_aws.answers["UpdateItem"] = lambda _: answers.pop(0)
        store.clear(Due("k", ("alert",)))
        assert [asked["UpdateExpression"] for _, asked in fake_aws.calls] == [
            "REMOVE outbox, outbox_shard, outbox_at",
            "SET outbox_at = held_until REMOVE outbox",
        ][:calls]
