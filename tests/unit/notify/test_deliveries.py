"""What has been delivered before, in DynamoDB's two batch operations."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError, ReadTimeoutError

from gateway_alerts.errors import DependencyUnavailable
from notify.deliveries import KEEP_SECONDS, TRIES, DynamoDBDeliveries
from tests.unit.notify.fakes import NOW, FakeDynamoDB, assert_no_secret, client_error

TABLE = "alerts"


def deliveries_in(client: FakeDynamoDB) -> DynamoDBDeliveries:
    return DynamoDBDeliveries(lambda: client, table_name=TABLE)


def some(number: int, destination: str = "default") -> list[tuple[str, str]]:
    return [(f"alert-{n}", destination) for n in range(number)]


def test_what_was_noted_is_found_and_nothing_else() -> None:
    deliveries = deliveries_in(FakeDynamoDB())
    deliveries.note([("a", "default"), ("b", "finance")], now=NOW)

    assert deliveries.among([("a", "default"), ("b", "default"), ("c", "default"), ("b", "finance")]) == {
        ("a", "default"),
        ("b", "finance"),
    }


def test_nothing_asks_nothing() -> None:
    client = FakeDynamoDB()

    assert deliveries_in(client).among([]) == set()
    deliveries_in(client).note([], now=NOW)
    assert client.calls == []


def test_a_read_is_consistent_and_reads_the_key_alone() -> None:
    client = FakeDynamoDB()

    deliveries_in(client).among([("a", "default")])

    assert client.calls == [
        (
            "get",
            {TABLE: {"Keys": [{"pk": {"S": "delivered#a#default"}}], "ConsistentRead": True, "ProjectionExpression": "pk"}},
        )
    ]


def test_an_item_outlives_every_queue() -> None:
    client = FakeDynamoDB()

    deliveries_in(client).note([("a", "default")], now=NOW)

    assert client.items["delivered#a#default"]["expires_at"] == {"N": str(int(NOW.timestamp()) + KEEP_SECONDS)}
    assert KEEP_SECONDS > 14 * 86_400  # what a queue keeps at most


@pytest.mark.parametrize(
    ("number", "reads", "writes"),
    [(1, [1], [1]), (25, [25], [25]), (26, [26], [25, 1]), (100, [100], [25] * 4), (250, [100, 100, 50], [25] * 10)],
)
def test_calls_take_a_hundred_keys_and_twenty_five_items(number: int, reads: list[int], writes: list[int]) -> None:
    client = FakeDynamoDB()

    deliveries_in(client).note(some(number), now=NOW)
    found = deliveries_in(client).among(some(number))

    assert found == set(some(number))
    assert [len(request[TABLE]) for operation, request in client.calls if operation == "write"] == writes
    assert [len(request[TABLE]["Keys"]) for operation, request in client.calls if operation == "get"] == reads


def test_what_is_asked_or_noted_twice_is_sent_once() -> None:
    client = FakeDynamoDB()  # refuses a key that is there twice, as DynamoDB does

    deliveries_in(client).note([("a", "default")] * 3, now=NOW)

    assert deliveries_in(client).among([("a", "default")] * 3) == {("a", "default")}


def test_what_stays_unprocessed_is_sent_again_and_found() -> None:
    client = FakeDynamoDB(slow_calls=TRIES - 1)
    deliveries_in(client).note(some(5), now=NOW)
    assert len(client.items) == 5

    client = FakeDynamoDB(slow_calls=TRIES - 1)
    client.items = {f"delivered#alert-{n}#default": {} for n in range(5)}
    assert deliveries_in(client).among(some(5)) == set(some(5))
    assert [len(request[TABLE]["Keys"]) for _, request in client.calls] == [5, 4, 3, 2]
    assert all(request[TABLE]["ConsistentRead"] for _, request in client.calls)


@pytest.mark.parametrize("operation", ["among", "note"])
def test_what_stays_unprocessed_for_good_is_said(operation: str) -> None:
    client = FakeDynamoDB(slow_calls=1_000)

    with pytest.raises(DependencyUnavailable, match="unprocessed"):
        _call(deliveries_in(client), operation, some(25))

    assert len(client.calls) == TRIES


@pytest.mark.parametrize("operation", ["among", "note"])
@pytest.mark.parametrize(
    "fault",
    [
        client_error(),
        client_error("AccessDeniedException"),
        EndpointConnectionError(endpoint_url="https://dynamodb.test"),
        ReadTimeoutError(endpoint_url="https://dynamodb.test"),
        NoRegionError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_an_error_of_the_sdk_is_translated(operation: str, fault: Exception) -> None:
    with pytest.raises(DependencyUnavailable, match=type(fault).__name__) as caught:
        _call(deliveries_in(FakeDynamoDB(fault=fault)), operation, some(1))

    assert caught.value.__suppress_context__
    assert_no_secret(caught.value)


def test_a_client_that_cannot_be_made_is_an_unavailable_dependency_too() -> None:
    def no_client() -> Any:
        raise NoRegionError

    with pytest.raises(DependencyUnavailable, match="NoRegionError"):
        DynamoDBDeliveries(no_client, table_name=TABLE).among(some(1))


def _call(deliveries: DynamoDBDeliveries, operation: str, given: list[tuple[str, str]]) -> None:
    if operation == "among":
        deliveries.among(given)
    else:
        deliveries.note(given, now=NOW)
