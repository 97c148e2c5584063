"""What was delivered, in the template's own table in the emulator: real conditions, real batches, real expiry."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.ministack import Ministack, running_ministack
from local.resources import Resources, aws_client
from local.template import expanded_template
from notify.deliveries import KEEP_SECONDS, DynamoDBDeliveries
from tests.unit.notify.fakes import NOW

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def emulator() -> Iterator[Ministack]:
    with running_ministack() as running:
        yield running


class Table:
    """The alerts table as it really is, and deliveries that are kept in it."""

    def __init__(self, emulator: Ministack) -> None:
        self.client = aws_client("dynamodb", emulator.endpoint_url)
        self.name = Resources(expanded_template(), emulator.endpoint_url).ref("AlertsTable")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.client.meta.events.register("provide-client-params.dynamodb", self._keep)
        self.deliveries = DynamoDBDeliveries(lambda: self.client, table_name=self.name)

    def _keep(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, params))

    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.client.scan(TableName=self.name)["Items"]
        return items

    def empty(self) -> None:
        for item in self.items():
            self.client.delete_item(TableName=self.name, Key={"pk": item["pk"]})
        self.calls.clear()


@pytest.fixture(scope="module")
def alerts_table(emulator: Ministack) -> Table:
    return Table(emulator)


@pytest.fixture
def table(alerts_table: Table) -> Table:
    alerts_table.empty()
    return alerts_table


def some(number: int, destination: str = "default") -> list[tuple[str, str]]:
    return [(f"alert-{n}", destination) for n in range(number)]


def test_what_was_noted_is_found_and_nothing_else(table: Table) -> None:
    table.deliveries.note([("a", "default"), ("b", "finance")], now=NOW)

    assert table.deliveries.among([("a", "default"), ("a", "finance"), ("b", "finance"), ("c", "default")]) == {
        ("a", "default"),
        ("b", "finance"),
    }


def test_nothing_was_delivered_at_first(table: Table) -> None:
    assert table.deliveries.among(some(3)) == set()


def test_an_item_ends_by_the_attribute_that_the_table_lets_items_end_by(table: Table) -> None:
    table.deliveries.note([("a", "default")], now=NOW)

    ttl = table.client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    (item,) = table.items()
    assert ttl["TimeToLiveStatus"] == "ENABLED"
    assert item == {"pk": {"S": "delivered#a#default"}, ttl["AttributeName"]: {"N": str(int(NOW.timestamp()) + KEEP_SECONDS)}}


def test_a_delivery_does_not_show_up_among_the_claims_that_wait_to_be_sent(table: Table) -> None:
    table.deliveries.note([("a", "default")], now=NOW)

    (item,) = table.items()
    description = table.client.describe_table(TableName=table.name)["Table"]
    index_keys = {key["AttributeName"] for index in description["GlobalSecondaryIndexes"] for key in index["KeySchema"]}
    assert not index_keys & set(item)


def test_reads_are_consistent(table: Table) -> None:
    table.deliveries.among(some(150))

    requests = [params["RequestItems"][table.name] for name, params in table.calls if name == "BatchGetItem"]
    assert [len(request["Keys"]) for request in requests] == [100, 50]
    assert all(request["ConsistentRead"] for request in requests)


@pytest.mark.parametrize("number", [1, 25, 26, 100, 101, 260])
def test_any_number_goes_in_and_comes_out(table: Table, number: int) -> None:
    table.deliveries.note(some(number), now=NOW)

    assert len(table.items()) == number
    assert table.deliveries.among(some(number + 1)) == set(some(number))


def test_noting_again_is_no_harm(table: Table) -> None:
    table.deliveries.note(some(2) * 2, now=NOW)
    table.deliveries.note(some(3), now=NOW)

    assert len(table.items()) == 3
    assert table.deliveries.among(some(3) * 2) == set(some(3))
