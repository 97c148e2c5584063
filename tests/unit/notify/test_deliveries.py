"""What has been delivered before: one item for each post, sought from when the oldest alert was raised."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError, ReadTimeoutError

from gateway_alerts.alerts import Alert
from gateway_alerts.errors import DependencyUnavailable
from notify.deliveries import CLOCKS_DIFFER, KEEP_SECONDS, DynamoDBDeliveries
from tests.unit.notify.fakes import NOW, FakeDynamoDB, assert_no_secret, client_error, make_alert, millis

TABLE = "alerts"


def deliveries_in(client: FakeDynamoDB) -> DynamoDBDeliveries:
    return DynamoDBDeliveries(lambda: client, table_name=TABLE)


def alerts(*alert_ids: str, raised_at: datetime = NOW) -> list[Alert]:
    return [make_alert(alert_id=alert_id, raised_at=raised_at) for alert_id in alert_ids]


def among(client: FakeDynamoDB, asked: Sequence[Alert], *, destination: str = "default", now: datetime = NOW) -> set[str]:
    return deliveries_in(client).among(asked, destination=destination, now=now)


def note(client: FakeDynamoDB, *alert_ids: str, destination: str = "default", now: datetime = NOW) -> None:
    deliveries_in(client).note(alert_ids, destination=destination, now=now)


def test_what_was_noted_is_found_and_nothing_else() -> None:
    client = FakeDynamoDB()
    note(client, "a", "b")
    note(client, "c", destination="finance")

    assert among(client, alerts("a", "c", "d")) == {"a"}
    assert among(client, alerts("a", "c", "d"), destination="finance") == {"c"}


def test_no_alert_asks_nothing() -> None:
    client = FakeDynamoDB()

    assert among(client, []) == set()
    assert client.calls == []


def test_a_read_is_consistent_and_begins_when_the_oldest_was_raised_by_a_clock_that_may_be_ahead() -> None:
    client, older = FakeDynamoDB(), NOW - timedelta(hours=3)

    among(client, [*alerts("a"), *alerts("b", raised_at=older)])

    ((operation, request),) = client.calls
    assert operation == "query"
    assert (request["TableName"], request["ConsistentRead"], request["ProjectionExpression"]) == (TABLE, True, "alert_ids")
    assert request["ExpressionAttributeValues"][":since"] == {"N": str(millis(older - CLOCKS_DIFFER))}


@pytest.mark.parametrize("behind", [timedelta(0), CLOCKS_DIFFER], ids=["as late", "by a clock that is behind"])
def test_a_delivery_is_found_that_was_noted_the_moment_its_alert_was_raised(behind: timedelta) -> None:
    client = FakeDynamoDB()
    note(client, "a", now=NOW - behind)

    assert among(client, alerts("a"), now=NOW + timedelta(hours=1)) == {"a"}


def test_of_an_alert_from_the_future_all_that_is_kept_is_asked() -> None:
    client = FakeDynamoDB()
    note(client, "a", now=NOW - timedelta(days=29))

    assert among(client, alerts("a", raised_at=NOW + timedelta(days=365))) == {"a"}


@pytest.mark.parametrize("raised_at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)], ids=["first", "last"])
def test_no_moment_is_too_far_away_to_be_asked_about(raised_at: datetime) -> None:
    client = FakeDynamoDB()
    note(client, "a")

    assert among(client, alerts("a", raised_at=raised_at)) == {"a"}


def test_an_item_outlives_every_queue() -> None:
    client = FakeDynamoDB()

    note(client, "a")

    assert client.posts["default", millis(NOW)]["expires_at"] == {"N": str(int(NOW.timestamp()) + KEEP_SECONDS)}
    assert KEEP_SECONDS > 14 * 86_400  # what a queue keeps at most


@pytest.mark.parametrize("number", [1, 100, 1_000, 10_000])
def test_a_post_is_one_write_and_one_read_however_many_alerts_it_told(number: int) -> None:
    client, alert_ids = FakeDynamoDB(), [f"alert-{n}" for n in range(number)]

    note(client, *alert_ids)

    assert among(client, alerts(*alert_ids)) == set(alert_ids)
    assert [operation for operation, _ in client.calls] == ["update", "query"]


def test_two_posts_of_one_millisecond_are_both_kept() -> None:
    client = FakeDynamoDB()
    note(client, "a")
    note(client, "b")

    assert among(client, alerts("a", "b")) == {"a", "b"}


def test_what_is_noted_or_asked_twice_is_sent_once() -> None:
    client = FakeDynamoDB()  # refuses a set that holds something twice, as DynamoDB does

    note(client, "a", "a")

    assert among(client, alerts("a", "a")) == {"a"}


def test_all_pages_are_read() -> None:
    client = FakeDynamoDB(page_size=2)
    for n in range(5):
        note(client, f"alert-{n}", now=NOW + timedelta(seconds=n))

    assert among(client, alerts(*(f"alert-{n}" for n in range(6)))) == {f"alert-{n}" for n in range(5)}
    assert [operation for operation, _ in client.calls].count("query") == 3


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
    client = FakeDynamoDB(fault=fault)

    with pytest.raises(DependencyUnavailable, match=type(fault).__name__) as caught:
        among(client, alerts("a")) if operation == "among" else note(client, "a")

    assert caught.value.__suppress_context__
    assert_no_secret(caught.value)


def test_a_client_that_cannot_be_made_is_an_unavailable_dependency_too() -> None:
    def no_client() -> Any:
        raise NoRegionError

    with pytest.raises(DependencyUnavailable, match="NoRegionError"):
        DynamoDBDeliveries(no_client, table_name=TABLE).among(alerts("a"), destination="default", now=NOW)
