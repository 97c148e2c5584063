"""What was delivered, in the template's own table in the emulator: real sets, real ranges, real expiry."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from gateway_alerts.alerts import Alert
from local.ministack import Ministack, running_ministack
from local.resources import Resources, aws_client
from local.template import expanded_template
from notify.deliveries import CLOCKS_DIFFER, KEEP_SECONDS, DynamoDBDeliveries
from tests.unit.notify.fakes import NOW, make_alert, millis

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
        self.deliveries = DynamoDBDeliveries(lambda: self.client, table_name=self.name)

    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.client.scan(TableName=self.name)["Items"]
        return items

    def empty(self) -> None:
        for item in self.items():
            self.client.delete_item(TableName=self.name, Key={"pk": item["pk"], "sk": item["sk"]})

    def note(self, *alert_ids: str, destination: str = "default", later: timedelta = timedelta(0)) -> None:
        self.deliveries.note(alert_ids, destination=destination, now=NOW + later)

    def among(self, *asked: Alert, destination: str = "default") -> set[str]:
        return self.deliveries.among(asked, destination=destination, now=NOW + timedelta(hours=1))


@pytest.fixture(scope="module")
def alerts_table(emulator: Ministack) -> Table:
    return Table(emulator)


@pytest.fixture
def table(alerts_table: Table) -> Table:
    alerts_table.empty()
    return alerts_table


def some(number: int) -> list[str]:
    return [f"alert-{n}" for n in range(number)]


def alert(alert_id: str, *, later: timedelta = timedelta(0)) -> Alert:
    return make_alert(alert_id=alert_id, raised_at=NOW + later)


def test_what_was_noted_is_found_and_nothing_else(table: Table) -> None:
    table.note("a", "b")
    table.note("c", destination="finance")

    assert table.among(alert("a"), alert("c"), alert("d")) == {"a"}
    assert table.among(alert("a"), alert("c"), destination="finance") == {"c"}


def test_nothing_was_delivered_at_first(table: Table) -> None:
    assert table.among(alert("a")) == set()


def test_an_item_ends_by_the_attribute_that_the_table_lets_items_end_by(table: Table) -> None:
    table.note("a")

    ttl = table.client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    (item,) = table.items()
    assert ttl["TimeToLiveStatus"] == "ENABLED"
    assert item == {
        "pk": {"S": "delivered#default"},
        "sk": {"N": str(millis(NOW))},
        "alert_ids": {"SS": ["a"]},
        ttl["AttributeName"]: {"N": str(int(NOW.timestamp()) + KEEP_SECONDS)},
    }


@pytest.mark.parametrize("number", [1, 26, 1_000, 10_000])
def test_any_number_goes_in_and_comes_out(table: Table, number: int) -> None:
    table.note(*some(number))

    assert len(table.items()) == 1
    assert table.among(*map(alert, some(number + 1))) == set(some(number))


def test_all_pages_are_read(table: Table) -> None:
    """A page ends at a megabyte."""
    ids = [f"{post}-{n}-{'x' * 64}" for post in range(5) for n in range(5_000)]
    for post in range(5):
        table.note(*ids[post * 5_000 : (post + 1) * 5_000], later=timedelta(seconds=post))

    assert table.among(*map(alert, [ids[0], ids[-1], "b"])) == {ids[0], ids[-1]}


def test_noting_again_is_no_harm(table: Table) -> None:
    table.note("a", "a", "b")
    table.note("a", "b", "c")

    assert table.among(*map(alert, "abcd")) == {"a", "b", "c"}


def test_what_was_noted_before_the_alerts_were_raised_is_left_out_but_for_clocks_that_differ(table: Table) -> None:
    table.note("a", later=-CLOCKS_DIFFER)
    table.note("b", later=-CLOCKS_DIFFER - timedelta(seconds=1))

    assert table.among(alert("a"), alert("b")) == {"a"}
    assert table.among(alert("a"), alert("b"), alert("c", later=-timedelta(hours=1))) == {"a", "b"}
