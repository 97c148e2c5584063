"""Gates in the template's own table in the emulator: real conditions, many containers at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from gateway_alerts.dynamodb import item_key
from local.resources import Resources
from notify.gates import BURST_POSTS, HOLD_MILLIS, PROBE_EVERY, DynamoDBGates, Reservation
from tests.integration._ministack import eager_client
from tests.integration._ministack import resources as _resources
from tests.unit.notify.fakes import NOW

pytestmark = pytest.mark.integration
resources = _resources  # the emulator of this module
CONTAINERS = 16
GONE = "channel_is_archived"


@pytest.fixture
def client(resources: Resources) -> Iterator[Any]:
    client = eager_client("dynamodb", resources.endpoint_url)
    yield client
    client.delete_item(TableName=resources.ref("AlertsTable"), Key=item_key("gate#team"))
    client.close()


@pytest.fixture
def gates(client: Any, resources: Resources) -> DynamoDBGates:
    return DynamoDBGates(lambda: client, table_name=resources.ref("AlertsTable"))


def all_at_once[T](call: Callable[[int], T]) -> list[T]:
    start = Barrier(CONTAINERS)

    def one(number: int) -> T:
        start.wait(timeout=10)
        return call(number)

    with ThreadPoolExecutor(CONTAINERS) as threads:
        return list(threads.map(one, range(CONTAINERS)))


def reserve(gates: DynamoDBGates, holder: str = "me", *, at: timedelta = timedelta(0)) -> Reservation:
    return gates.reserve("team", holder=holder, now=NOW + at)


def test_one_of_many_containers_gets_an_idle_gate(gates: DynamoDBGates) -> None:
    reservations = all_at_once(lambda n: reserve(gates, f"container {n}"))

    assert sum(reservation.is_granted for reservation in reservations) == 1
    assert all(reservation.is_granted or reservation.wait_seconds == 1 for reservation in reservations)


def test_many_threads_of_one_holder_get_no_more_than_a_burst_at_one_moment(gates: DynamoDBGates) -> None:
    granted = sum(reservation.is_granted for _ in range(3) for reservation in all_at_once(lambda _: reserve(gates)))

    assert 1 <= granted <= BURST_POSTS


def test_a_burst_then_one_a_second(gates: DynamoDBGates) -> None:
    grants = [tenth for tenth in range(60) if reserve(gates, at=timedelta(milliseconds=100 * tenth)).is_granted]

    assert grants == [0, 1, 2, 3, 4, 10, 20, 30, 40, 50]


def test_the_gate_is_the_holders_until_it_is_let_go_or_taken_for_dead(gates: DynamoDBGates) -> None:
    assert reserve(gates, "first").is_granted
    assert not reserve(gates, "second").is_granted
    gates.release("team", holder="second")
    assert not reserve(gates, "second").is_granted
    gates.release("team", holder="first")
    assert reserve(gates, "second").is_granted
    assert not reserve(gates, "third", at=timedelta(milliseconds=HOLD_MILLIS - 1)).is_granted
    assert reserve(gates, "third", at=timedelta(milliseconds=HOLD_MILLIS)).is_granted


def test_closing_never_shortens_whoever_closes_when(gates: DynamoDBGates) -> None:
    all_at_once(lambda n: gates.close("team", until=NOW + timedelta(seconds=10 * (n * 7 % CONTAINERS))))

    assert reserve(gates) == Reservation(is_granted=False, wait_seconds=150)
    assert not reserve(gates, at=timedelta(seconds=149.999)).is_granted
    assert reserve(gates, at=timedelta(seconds=150)).is_granted


def test_that_a_destination_broke_is_news_to_one_of_many(gates: DynamoDBGates) -> None:
    assert sum(all_at_once(lambda _: gates.set_broken("team", reason=GONE, now=NOW))) == 1
    assert reserve(gates) == Reservation(is_granted=False, wait_seconds=900, broken_reason=GONE)


def test_a_probe_is_given_to_exactly_one_of_many_and_the_next_after_its_time(gates: DynamoDBGates) -> None:
    gates.set_broken("team", reason=GONE, now=NOW)

    for at in (PROBE_EVERY, 2 * PROBE_EVERY):
        reservations = all_at_once(lambda n, at=at: reserve(gates, f"container {n} at {at}", at=at))
        assert sum(reservation.is_granted for reservation in reservations) == 1
        assert {reservation.broken_reason for reservation in reservations if reservation.is_granted} == {GONE}


def test_a_destination_heals_and_may_break_again(gates: DynamoDBGates) -> None:
    gates.set_healed("team")
    gates.set_broken("team", reason=GONE, now=NOW)
    assert reserve(gates, at=PROBE_EVERY).is_granted
    gates.set_healed("team")

    assert reserve(gates, at=PROBE_EVERY) == Reservation(is_granted=True)
    assert gates.set_broken("team", reason="no_service", now=NOW + PROBE_EVERY)
    assert reserve(gates, at=PROBE_EVERY).broken_reason == "no_service"


def test_a_gate_is_no_claim_that_waits_to_be_sent(gates: DynamoDBGates, client: Any, resources: Resources) -> None:
    reserve(gates)

    item = client.get_item(TableName=resources.ref("AlertsTable"), Key=item_key("gate#team"))["Item"]
    assert not {"outbox_shard", "outbox_at"} & set(item)
