"""Claims in the template's own table in the emulator: its real conditions, transactions and index."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.claims import KEEP_SECONDS, OUTBOX_SHARDS, Claim, ClaimState, DynamoDBClaims, PendingOutbox, Verdict
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import raise_alerts, sweep_outbox
from gateway_alerts.alerts import Alert
from gateway_alerts.dynamodb import item_key
from gateway_alerts.errors import DependencyUnavailable
from local.ministack import free_port
from local.resources import Resources
from tests.integration._ministack import eager_client, resources  # noqa: F401 (a fixture)
from tests.pipeline.evaluate.builders import CONFIG, NOW, budget_event, offers_in
from tests.pipeline.evaluate.fakes import FakeClaims, FakeQueue

pytestmark = pytest.mark.integration

TTL_SECONDS = 86_400
MOMENT = int(NOW.timestamp())
LOW, MIDDLE, HIGH = Decimal("0.85"), Decimal("0.95"), Decimal(1)
DECEMBER, JANUARY = MOMENT + 7 * 86_400, MOMENT + 38 * 86_400
numbers = count()


class Table:
    """The alerts table as it really is, and claims in it."""

    def __init__(self, resources: Resources) -> None:  # noqa: F811
        self.client = eager_client("dynamodb", resources.endpoint_url)
        self.name = resources.ref("AlertsTable")
        self.claims = DynamoDBClaims(self.client, table_name=self.name, ttl_seconds=TTL_SECONDS)

    def item(self, key: str) -> dict[str, Any]:
        item: dict[str, Any] = self.client.get_item(TableName=self.name, Key=item_key(key), ConsistentRead=True).get("Item", {})
        return item

    def outbox(self, key: str) -> list[str]:
        return [alert["S"] for alert in self.item(key).get("outbox", {}).get("L", ())]

    def state(self, key: str) -> ClaimState:
        item = self.item(key)

        def number(name: str) -> int | None:
            return int(item[name]["N"]) if name in item else None

        return ClaimState(
            number("period_end"),
            Decimal(item.get("period_rung", {"N": "0"})["N"]),
            number("period_claimed_at") or 0,
            number("ttl_claimed_at"),
            Decimal(item.get("ttl_rung", {"N": "0"})["N"]),
        )


@pytest.fixture(scope="module")
def table(resources: Resources) -> Table:  # noqa: F811
    return Table(resources)


@pytest.fixture
def claims(table: Table) -> DynamoDBClaims:
    return table.claims


@pytest.fixture
def no_outbox(table: Table) -> Iterator[None]:
    """An outbox that nobody else has left anything in."""
    table.claims.clear(list(table.claims.pending(before=NOW + timedelta(days=1_000))))
    yield
    table.claims.clear(list(table.claims.pending(before=NOW + timedelta(days=1_000))))


def new_key() -> str:
    return f"budget#user#{next(numbers):032x}"


def claim(key: str, rung: Decimal = LOW, period_end: int | None = None) -> Claim:
    return Claim(key, rung, period_end, f'{{"alert": {next(numbers)}}}')


def verdict(claims: DynamoDBClaims, one: Claim, *, seconds: int = 0) -> Verdict:
    ((decided, _),) = claims.submit([one], now=NOW + timedelta(seconds=seconds))
    return decided


#: Steps (seconds after the first, period, rung) and what becomes of each.
Step = tuple[int, int | None, Decimal, str]
HISTORIES: dict[str, list[Step]] = {
    "a rung once, without a period": [(0, None, LOW, "won"), (1, None, LOW, "lost"), (TTL_SECONDS - 1, None, LOW, "lost")],
    "a rung again after its time to live": [(0, None, LOW, "won"), (TTL_SECONDS, None, LOW, "won")],
    "up the ladder, without a period": [
        (0, None, LOW, "won"),
        (1, None, MIDDLE, "won"),
        (2, None, HIGH, "won"),
        (3, None, MIDDLE, "lost"),
    ],
    "a rung once in its period, however long it is": [
        (0, DECEMBER, LOW, "won"),
        (1, DECEMBER, LOW, "lost"),
        (6 * 86_400, DECEMBER, LOW, "lost"),
    ],
    "up the ladder in a period": [(0, DECEMBER, LOW, "won"), (1, DECEMBER, HIGH, "won"), (2, DECEMBER, MIDDLE, "lost")],
    "a new period at once": [(0, DECEMBER, HIGH, "won"), (1, JANUARY, LOW, "won")],
    "a late event of the period before": [(0, JANUARY, LOW, "won"), (1, DECEMBER, HIGH, "lost")],
    "a period that was shortened, as soon as reports have settled": [
        (0, JANUARY, HIGH, "won"),
        (599, DECEMBER, LOW, "lost"),
        (600, DECEMBER, LOW, "won"),
        (601, DECEMBER, LOW, "lost"),
    ],
    "a period that is over is no shortened one": [(0, JANUARY, LOW, "won"), (8 * 86_400, DECEMBER, HIGH, "lost")],
    "webhook first, request log after it": [(0, None, LOW, "won"), (599, DECEMBER, LOW, "lost")],
    "webhook first, request log long after it": [(0, None, LOW, "won"), (600, DECEMBER, LOW, "won")],
    "webhook first, request log after it with a higher rung": [(0, None, LOW, "won"), (1, DECEMBER, MIDDLE, "won")],
    "request log first, webhook after it": [(0, DECEMBER, LOW, "won"), (1, None, LOW, "lost"), (6 * 86_400, None, LOW, "lost")],
    "request log first, webhook after it with a higher rung": [(0, DECEMBER, LOW, "won"), (1, None, MIDDLE, "won")],
    "request log first, webhook after the period": [(0, DECEMBER, HIGH, "won"), (7 * 86_400, None, LOW, "won")],
}


@pytest.mark.parametrize("steps", HISTORIES.values(), ids=HISTORIES)
def test_who_wins(claims: DynamoDBClaims, steps: list[Step]) -> None:
    key = new_key()
    outcome = [verdict(claims, claim(key, rung, period), seconds=seconds).value for seconds, period, rung, _ in steps]
    assert outcome == [expected for *_, expected in steps]


def test_a_winner_leaves_its_alert_where_the_sweep_finds_it(table: Table) -> None:
    one = claim(new_key(), HIGH, DECEMBER)
    verdict(table.claims, one)
    item = table.item(one.key)
    assert table.outbox(one.key) == [one.outbox]
    assert item["outbox_at"] == {"N": str(MOMENT)}
    assert int(item["outbox_shard"]["S"]) in range(OUTBOX_SHARDS)
    assert item["expires_at"] == {"N": str(DECEMBER + KEEP_SECONDS)}


def test_a_loser_changes_nothing(table: Table) -> None:
    key = new_key()
    verdict(table.claims, claim(key, HIGH))
    before = table.item(key)
    verdict(table.claims, claim(key, LOW), seconds=1)
    assert table.item(key) == before


def test_our_own_write_sent_twice_has_won_and_is_there_once(table: Table) -> None:
    for period in (None, DECEMBER):
        one = claim(new_key(), LOW, period)
        assert [verdict(table.claims, one) for _ in range(3)] == [Verdict.WON] * 3
        assert table.outbox(one.key) == [one.outbox]


class TestSubmissions:
    def test_all_win_together(self, table: Table) -> None:
        submission = [claim(new_key()) for _ in range(100)]
        assert {decided for decided, _ in table.claims.submit(submission, now=NOW)} == {Verdict.WON}
        assert [table.outbox(one.key) for one in submission] == [[one.outbox] for one in submission]

    def test_where_one_loses_nothing_is_written_and_it_is_told_against_what(self, table: Table) -> None:
        first, taken, last = claim(new_key()), claim(new_key()), claim(new_key(), LOW, DECEMBER)
        verdict(table.claims, taken)
        decided = table.claims.submit([first, claim(taken.key), last], now=NOW)
        assert [v for v, _ in decided] == [Verdict.UNDECIDED, Verdict.LOST, Verdict.UNDECIDED]
        assert decided[1].state == ClaimState(ttl_claimed_at=MOMENT, ttl_rung=LOW)
        assert (table.item(first.key), table.item(last.key)) == ({}, {})

    def test_a_claim_whose_alert_another_one_carries_has_no_outbox(self, table: Table) -> None:
        maximum, soft = claim(new_key()), claim(new_key())._replace(outbox=None)
        table.claims.submit([maximum, soft], now=NOW)
        assert (table.outbox(maximum.key), "outbox" in table.item(soft.key)) == ([maximum.outbox], False)


class TestNotes:
    def test_a_noted_period_has_alerted_for_good_and_has_no_outbox(self, table: Table) -> None:
        key = new_key()
        verdict(table.claims, claim(key))
        table.claims.clear([PendingOutbox(key, tuple(table.outbox(key)))])
        table.claims.note(claim(key, LOW, DECEMBER), now=NOW)
        assert table.outbox(key) == []
        assert verdict(table.claims, claim(key, LOW, DECEMBER), seconds=3_600) is Verdict.LOST
        assert verdict(table.claims, claim(key, MIDDLE, DECEMBER), seconds=3_600) is Verdict.WON

    def test_a_note_never_takes_anything_back(self, table: Table) -> None:
        key = new_key()
        verdict(table.claims, claim(key, HIGH, JANUARY))
        before = table.item(key)
        table.claims.note(claim(key, LOW, JANUARY), now=NOW)
        table.claims.note(claim(key, HIGH, DECEMBER), now=NOW)
        assert table.item(key) == before


class TestReplace:
    def test_what_waits_at_the_rung_or_below_is_taken_out_and_settled(self, table: Table, no_outbox: None) -> None:
        for rung in (MIDDLE, HIGH):
            key = new_key()
            verdict(table.claims, claim(key, MIDDLE))
            table.claims.replace(Claim(key, rung, None, None), now=NOW + timedelta(seconds=5))
            assert table.outbox(key) == []
            assert verdict(table.claims, claim(key, rung), seconds=TTL_SECONDS + 4) is Verdict.LOST
        assert list(table.claims.pending(before=NOW + timedelta(days=1))) == []

    def test_what_is_higher_is_left_alone(self, table: Table) -> None:
        key = new_key()
        verdict(table.claims, claim(key, HIGH))
        before = table.item(key)
        table.claims.replace(Claim(key, MIDDLE, None, None), now=NOW + timedelta(seconds=5))
        assert table.item(key) == before

    def test_a_claim_that_nobody_made_is_settled(self, table: Table) -> None:
        key = new_key()
        table.claims.replace(Claim(key, MIDDLE, None, None), now=NOW)
        assert verdict(table.claims, claim(key, MIDDLE), seconds=1) is Verdict.LOST
        assert verdict(table.claims, claim(key, HIGH), seconds=1) is Verdict.WON


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 300, 599, 600, 3_600, 86_399, 86_400, 7 * 86_400]),
        st.lists(
            st.tuples(
                st.integers(0, 1),
                st.sampled_from([None, None, DECEMBER, DECEMBER, JANUARY, MOMENT + 900]),
                st.sampled_from([LOW, MIDDLE, HIGH]),
                st.sampled_from([None, 300]),
            ),
            min_size=1,
            max_size=2,
            unique_by=lambda one: one[0],
        ),
    ),
    min_size=2,
    max_size=9,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_table_says_what_the_rules_say_and_what_memory_says(
    table: Table, steps: Sequence[tuple[int, Sequence[tuple[int, int | None, Decimal, int | None]]]]
) -> None:
    model = FakeClaims(ttl_seconds=TTL_SECONDS)
    keys = (new_key(), new_key())
    now = NOW
    for seconds, claimed in steps:
        now += timedelta(seconds=seconds)
        submission = [
            claim(keys[which], rung, period)._replace(ttl_seconds=ttl_seconds) for which, period, rung, ttl_seconds in claimed
        ]
        states = [model.items[one.key].state if one.key in model.items else ClaimState() for one in submission]
        decided = table.claims.submit(submission, now=now)
        assert decided == model.submit(submission, now=now)
        for one, state, (outcome, seen) in zip(submission, states, decided, strict=True):
            if state.settles(one, now=int(now.timestamp()), ttl_seconds=one.ttl_seconds or TTL_SECONDS):
                # Memory may answer in the table's place: it would have lost, and left nothing to note.
                assert outcome is Verdict.LOST
                assert one.period_end is None or (seen.period_end or 0) >= one.period_end
            if outcome is Verdict.LOST and one.period_end is not None and (seen.period_end or 0) < one.period_end:
                table.claims.note(one, now=now)
                model.note(one, now=now)
    for key in keys:
        item = model.items.get(key)
        assert table.state(key) == (item.state if item else ClaimState())
        assert table.outbox(key) == (item.outbox if item else [])


THREADS = 32


def all_at_once(work: Any) -> list[Any]:
    """The work, by 32 threads that begin together; each is given its number."""
    barrier = Barrier(THREADS)

    def begin(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(begin, range(THREADS)))


@pytest.mark.parametrize("period", [None, DECEMBER], ids=["no period", "a period"])
def test_of_32_threads_with_the_same_claim_exactly_one_wins(table: Table, period: int | None) -> None:
    for _ in range(8):
        key = new_key()
        outcomes = all_at_once(lambda _, key=key: verdict(table.claims, claim(key, LOW, period)))
        assert outcomes.count(Verdict.WON) == 1
        assert outcomes.count(Verdict.LOST) == THREADS - 1
        assert len(table.outbox(key)) == 1


EVENTS: dict[str, list[dict[str, Any]]] = {
    "one claim": [{"spend": 9}],
    "soft and maximum, which are a transaction": [{"spend": 9, "soft_budget": 5}],
    "several entities, in the same transaction": [
        {"spend": 9, "name": "a"},
        {"spend": 10, "name": "b"},
        {"spend": 9, "soft_budget": 1},
    ],
    "with a period": [{"spend": 9, "soft_budget": 5, "budget_reset_at": "2026-12-01T00:00:00Z"}],
}


@pytest.mark.parametrize("events", EVENTS.values(), ids=EVENTS)
def test_of_32_containers_with_the_same_events_exactly_one_alerts_for_each(table: Table, events: list[dict[str, Any]]) -> None:
    for _ in range(3):
        run = next(numbers)
        bodies = [
            budget_event(
                max_budget=10, user_id=f"{run}-{event.get('name', 'u')}", **{k: v for k, v in event.items() if k != "name"}
            )
            for event in events
        ]

        def send(number: int, bodies: list[dict[str, Any]] = bodies) -> list[Alert]:
            queue = FakeQueue()
            for _attempt in range(20):  # the sender comes again after a 503
                raised = raise_alerts(
                    offers_in(bodies),
                    claims=lambda: table.claims,
                    queue=lambda: queue,
                    known=KnownClaims(),
                    now=NOW,  # in the same microsecond: the request tells them apart
                    request_id=f"request-{number}",
                    config=CONFIG,
                )
                if raised.failure is None:
                    return queue.alerts
            raise AssertionError("never decided")

        alerts = [alert for alerts in all_at_once(send) for alert in alerts]
        assert sorted(alert.entity.id or "" for alert in alerts) == sorted(body["user_info"]["user_id"] for body in bodies)


def test_of_32_threads_on_different_rungs_the_highest_wins_once_and_none_below_follows(table: Table) -> None:
    for _ in range(4):
        key, rungs = new_key(), [LOW, MIDDLE, HIGH, LOW]
        outcomes = all_at_once(
            lambda number, key=key, rungs=rungs: (
                rungs[number % 4],
                verdict(table.claims, claim(key, rungs[number % 4], DECEMBER)),
            )
        )
        won = sorted(rung for rung, outcome in outcomes if outcome is Verdict.WON)
        assert won == sorted(set(won))
        assert won[-1] == HIGH
        assert table.state(key).period_rung == HIGH


@pytest.mark.usefixtures("no_outbox")
class TestOutbox:
    def test_only_what_is_older_is_found_in_every_shard(self, table: Table) -> None:
        old = [claim(f"budget#user#{n:032x}#{next(numbers)}#{n:08x}") for n in range(2 * OUTBOX_SHARDS)]
        new = [one._replace(key=f"{one.key[:-9]}x#{one.key[-8:]}") for one in old]
        table.claims.submit(old, now=NOW)
        table.claims.submit(new, now=NOW + timedelta(seconds=1))
        found = list(table.claims.pending(before=NOW + timedelta(seconds=1)))
        assert sorted(found) == sorted(PendingOutbox(one.key, (one.outbox or "",)) for one in old)
        assert list(table.claims.pending(before=NOW)) == []
        assert {table.item(outbox.key)["outbox_shard"]["S"] for outbox in found} == {str(n) for n in range(OUTBOX_SHARDS)}

    def test_within_a_shard_the_oldest_comes_first(self, table: Table) -> None:
        keys = [f"budget#user#{next(numbers)}#00000000" for _ in range(3)]
        for seconds, key in zip((2, 0, 1), keys, strict=True):
            verdict(table.claims, claim(key), seconds=seconds)
        found = [outbox.key for outbox in table.claims.pending(before=NOW + timedelta(days=1))]
        assert found == [keys[1], keys[2], keys[0]]

    def test_a_storm_that_a_dead_process_left_is_found_over_several_pages(self, table: Table) -> None:
        text = "x" * 250_000  # a query's page ends at 1 MB
        left = [claim(f"budget#user#{next(numbers)}#00000000")._replace(outbox=text) for _ in range(9)]
        for one in left:
            table.claims.submit([one], now=NOW)
        assert sorted(outbox.key for outbox in table.claims.pending(before=NOW + timedelta(days=1))) == sorted(
            one.key for one in left
        )

    @pytest.mark.parametrize("count", [1, 3, 150])
    def test_what_was_cleared_is_gone_and_stays_decided(self, table: Table, count: int) -> None:
        won = [claim(new_key()) for _ in range(count)]
        for start in range(0, count, 100):
            table.claims.submit(won[start : start + 100], now=NOW)
        table.claims.clear([PendingOutbox(one.key, (one.outbox or "",)) for one in won])
        assert list(table.claims.pending(before=NOW + timedelta(days=1))) == []
        assert verdict(table.claims, claim(won[0].key), seconds=1) is Verdict.LOST
        assert not {"outbox", "outbox_at", "outbox_shard"} & set(table.item(won[-1].key))

    def test_an_outbox_that_has_changed_since_is_left_alone_and_its_neighbours_are_not(self, table: Table) -> None:
        first, changed, last = (claim(new_key()) for _ in range(3))
        table.claims.submit([first, changed, last], now=NOW)
        higher = claim(changed.key, HIGH)
        verdict(table.claims, higher, seconds=1)
        table.claims.clear([PendingOutbox(one.key, (one.outbox or "",)) for one in (first, changed, last)])
        assert [table.outbox(one.key) for one in (first, changed, last)] == [[], [changed.outbox, higher.outbox], []]

    def test_clearing_again_is_no_harm(self, table: Table) -> None:
        one, other = claim(new_key()), claim(new_key())
        table.claims.submit([one, other], now=NOW)
        for _ in range(2):
            table.claims.clear([PendingOutbox(c.key, (c.outbox or "",)) for c in (one, other)])
        assert (table.outbox(one.key), table.outbox(other.key)) == ([], [])

    def test_a_process_that_died_after_winning_loses_nothing(self, table: Table) -> None:
        dead = FakeQueue(refuses=lambda alert: True)
        name = f"user-{next(numbers)}"
        offers = offers_in([budget_event(spend=9.6, max_budget=10, soft_budget=5, user_id=name)])
        raise_alerts(
            offers,
            claims=lambda: table.claims,
            queue=lambda: dead,
            known=KnownClaims(),
            now=NOW,
            request_id="dead",
            config=CONFIG,
        )
        queue = FakeQueue()
        swept = sweep_outbox(claims=table.claims, queue=queue, now=NOW + timedelta(minutes=3))
        assert swept.alerts == queue.alerts == dead.batches[0]
        assert sweep_outbox(claims=table.claims, queue=queue, now=NOW + timedelta(minutes=4)).alerts == []


@pytest.fixture(scope="module")
def nowhere() -> DynamoDBClaims:
    """Claims at an address where nothing listens."""
    client = eager_client("dynamodb", f"http://127.0.0.1:{free_port()}")
    return DynamoDBClaims(client, table_name="alerts", ttl_seconds=TTL_SECONDS)


CALLS: dict[str, Any] = {
    "a claim": lambda claims: claims.submit([claim("k#00000000")], now=NOW),
    "several claims": lambda claims: claims.submit([claim("k#00000000"), claim("l#00000000")], now=NOW),
    "a note": lambda claims: claims.note(claim("k#00000000", LOW, DECEMBER), now=NOW),
    "replacing": lambda claims: claims.replace(claim("k#00000000"), now=NOW),
    "clearing": lambda claims: claims.clear([PendingOutbox("k", ("a",))]),
    "looking for what was left behind": lambda claims: list(claims.pending(before=NOW)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_table_that_cannot_be_reached_is_unavailable(nowhere: DynamoDBClaims, call: Any) -> None:
    with pytest.raises(DependencyUnavailable, match="EndpointConnectionError"):
        call(nowhere)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_table_that_is_not_there_is_unavailable(table: Table, call: Any) -> None:
    with pytest.raises(DependencyUnavailable, match="ResourceNotFoundException"):
        call(DynamoDBClaims(table.client, table_name="no-such-table", ttl_seconds=TTL_SECONDS))


def test_time_is_the_callers(table: Table) -> None:
    key, long_ago = new_key(), datetime.fromisoformat("2024-01-01T00:00:00+00:00")
    assert table.claims.submit([claim(key)], now=long_ago)[0].verdict is Verdict.WON
    assert table.claims.submit([claim(key)], now=long_ago + timedelta(hours=23))[0].verdict is Verdict.LOST
