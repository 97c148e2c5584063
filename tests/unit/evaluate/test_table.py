import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.client import BaseClient

from evaluate.claims import Claim, DynamoDBClaims
from evaluate.table import AlertsTable, ConditionNotMet, agenda_shard, number, texts
from gateway_alerts.aws import aws_client
from gateway_alerts.dynamodb import item_key
from gateway_alerts.errors import DependencyUnavailable
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import Answer, AwsError, FakeAws, unreachable

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
def client(fake_aws: FakeAws) -> BaseClient:  # noqa: F811
    fake_aws.answers |= {"UpdateItem": {}, "DeleteItem": {}, "Query": {"Items": []}}
    return aws_client("dynamodb")


@pytest.fixture
def table(client: BaseClient) -> AlertsTable:
    return AlertsTable(client, name="alerts")


def asked(fake: FakeAws) -> dict[str, Any]:
    ((_, parameters),) = fake.calls
    return parameters


class TestWrites:
    def test_what_is_not_needed_is_not_sent(self, table: AlertsTable, fake_aws: FakeAws) -> None:  # noqa: F811
        """DynamoDB refuses values and names that are there and empty."""
        table.update("k", "REMOVE a", {})
        assert asked(fake_aws) == {
            "TableName": "alerts",
            "Key": item_key("k"),
            "UpdateExpression": "REMOVE a",
            "ReturnValues": "NONE",
        }

    def test_values_have_dynamodbs_types_and_money_is_exact(
        self,
        table: AlertsTable,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        table.update("k", "SET a = :a", {":i": 5, ":f": 0.5, ":d": Decimal("1E-18"), ":s": "x", ":l": ["a", "b"]})
        assert asked(fake_aws)["ExpressionAttributeValues"] == {
            ":i": {"N": "5"},
            ":f": {"N": "0.5"},
            ":d": {"N": "0.000000000000000001"},
            ":s": {"S": "x"},
            ":l": {"L": [{"S": "a"}, {"S": "b"}]},
        }

    def test_a_read_returns_all_of_the_item_as_it_is_then(
        self,
        table: AlertsTable,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        fake_aws.answers["UpdateItem"] = {"Attributes": {"n": {"N": "5"}}}
        assert table.update("k", "ADD n :one", {":one": 1}, is_read=True) == {"n": {"N": "5"}}
        assert asked(fake_aws)["ReturnValues"] == "ALL_NEW"

    @pytest.mark.parametrize(
        "write",
        [
            pytest.param(lambda table: table.update("k", "REMOVE n", {":one": 1}, condition="n = :one"), id="update"),
            pytest.param(lambda table: table.delete("k", condition="n = :one", values={":one": 1}), id="delete"),
        ],
    )
    def test_what_stood_in_the_way_is_told(
        self,
        table: AlertsTable,
        fake_aws: FakeAws,  # noqa: F811
        write: Callable[[AlertsTable], object],
    ) -> None:
        refused = AwsError("ConditionalCheckFailedException", Item={"n": {"N": "5"}})
        fake_aws.answers |= {"UpdateItem": refused, "DeleteItem": refused}
        with pytest.raises(ConditionNotMet) as caught:
            write(table)
        assert caught.value.item == {"n": {"N": "5"}}
        assert asked(fake_aws)["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"

    def test_a_condition_on_an_item_that_is_gone_has_nothing_in_the_way(
        self,
        table: AlertsTable,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException")
        with pytest.raises(ConditionNotMet) as caught:
            table.update("k", "REMOVE n", {}, condition="attribute_exists(n)")
        assert caught.value.item == {}


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        pytest.param(AwsError("AccessDeniedException"), "AccessDeniedException", id="DynamoDB refuses"),
        pytest.param(unreachable(), "ConnectTimeoutError", id="DynamoDB cannot be reached"),
    ],
)
@pytest.mark.parametrize("operation", ["update_item", "delete_item", "query"])
def test_every_call_that_fails_is_a_named_error(
    table: AlertsTable,
    fake_aws: FakeAws,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    failure: Answer,
    said: str,
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client's own pauses
    fake_aws.answers = dict.fromkeys(("UpdateItem", "DeleteItem", "Query"), failure)
    calls = {
        "update_item": lambda: table.update("k", "REMOVE n", {}),
        "delete_item": lambda: table.delete("k"),
        "query": lambda: list(table.due(now=NOW)),
    }
    with pytest.raises(DependencyUnavailable, match=f"DynamoDB: {operation}: {said}"):
        calls[operation]()


class TestAgenda:
    def test_every_shard_is_asked_and_every_page(self, table: AlertsTable, fake_aws: FakeAws) -> None:  # noqa: F811
        def answer(query: dict[str, Any]) -> Answer:
            shard = query["ExpressionAttributeValues"][":shard"]["S"]
            if "ExclusiveStartKey" in query:
                return {"Items": [{"pk": {"S": f"{shard} second"}}]}
            return {"Items": [{"pk": {"S": f"{shard} first"}}], "LastEvaluatedKey": {"pk": {"S": "x"}}}

        fake_aws.answers["Query"] = answer
        found = [item["pk"]["S"] for item in table.due(now=NOW)]
        assert found == [f"due-{shard} {page}" for shard in range(4) for page in ("first", "second")]

    def test_the_moment_itself_is_due_and_not_ahead(self, table: AlertsTable, fake_aws: FakeAws) -> None:  # noqa: F811
        list(table.due(now=NOW))
        list(table.ahead(now=NOW, shards="alerted"))
        conditions = [query["KeyConditionExpression"] for _, query in fake_aws.calls]
        assert (
            conditions == ["outbox_shard = :shard AND outbox_at <= :now"] * 4 + ["outbox_shard = :shard AND outbox_at > :now"] * 4
        )
        assert fake_aws.calls[-1][1]["ExpressionAttributeValues"] == {
            ":shard": {"S": "alerted-3"},
            ":now": {"N": str(int(NOW.timestamp()))},
        }

    def test_the_agenda_and_the_claims_outbox_share_an_index_and_no_shard(self, client: BaseClient, fake_aws: FakeAws) -> None:  # noqa: F811
        list(AlertsTable(client, name="alerts").due(now=NOW))
        claims = DynamoDBClaims(client, table_name="alerts", ttl_seconds=1)
        list(claims.pending(before=NOW + timedelta(days=1)))
        claims.submit([Claim("hanging#0000000a", Decimal(1), None, "{}")], now=NOW)
        asked_for = [call["ExpressionAttributeValues"][":shard"]["S"] for name, call in fake_aws.calls if name == "Query"]
        assert len(asked_for) == len(set(asked_for))
        assert agenda_shard("hanging#0000000a") not in fake_aws.calls[-1][1]["ExpressionAttributeValues"][":shard"]["S"]

    def test_shards_share_the_keys(self) -> None:
        shards = {agenda_shard(f"episode#{n:08x}") for n in range(64)}
        assert shards == {"due-0", "due-1", "due-2", "due-3"}


def test_what_an_item_does_not_have_is_none() -> None:
    item = {"n": {"N": "5.0"}, "l": {"L": [{"S": "a"}]}}
    assert (number(item, "n"), number(item, "m"), texts(item, "l"), texts(item, "m")) == (5, None, ("a",), ())
    assert math.isclose(number({"n": {"N": "1.7958816e9"}}, "n") or 0, 1_795_881_600)
