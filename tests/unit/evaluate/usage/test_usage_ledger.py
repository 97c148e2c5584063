"""What an emulator cannot be made to answer; the meaning of the rest is tested against one in tests/integration."""

import base64
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from botocore.config import Config

from evaluate.usage.periods import quarter_of
from evaluate.usage.usage import Spender, Usage
from evaluate.usage.usage_ledger import BEFORE_FIRST_CLOSE, SHARDS, TRIES, DynamoDBUsageLedger
from gateway_alerts.errors import DependencyUnavailable
from tests.unit.evaluate.usage_builders import spending
from tests.unit.gateway_alerts.fake_aws import Answer, AwsError, FakeAws, unreachable

NOW = datetime(2026, 11, 24, 12, 3, tzinfo=UTC)
QUARTER = quarter_of(NOW)
USAGE = Usage({"prod": spending({Spender("k"): 1})})


@pytest.fixture
def ledger(fake_aws: FakeAws) -> DynamoDBUsageLedger:
    """A ledger that is closed until an hour ago, and empty since."""
    fake_aws.answers |= {
        "PutItem": {},
        "Query": {"Items": []},
        "GetItem": {"Item": mark(QUARTER - 100, QUARTER - 4)},
        "UpdateItem": {"Attributes": mark(QUARTER - 100, QUARTER - 4)},
        "TransactWriteItems": {},
    }
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return DynamoDBUsageLedger(boto3.client("dynamodb", config=once), table_name="usage", zone=ZoneInfo("UTC"))


def mark(since: int, closed_until: int) -> dict[str, Any]:
    return {"since_quarter": {"N": str(since)}, "closed_until": {"N": str(closed_until)}}


def part(usage: Usage = USAGE, *, sort_key: str = "usage#00", **quarters: list[int]) -> dict[str, Any]:
    held = {name: {"NS": [str(number) for number in numbers]} for name, numbers in quarters.items()}
    body = base64.b64encode(usage.to_bytes()).decode()
    return {"sk": {"S": sort_key}, "deflated_usage": {"B": body}, **held}


class TestFailures:
    @pytest.mark.parametrize(
        ("operation", "method"),
        [("PutItem", "append"), ("Query", "read"), ("GetItem", "read"), ("UpdateItem", "close"), ("TransactWriteItems", "close")],
    )
    @pytest.mark.parametrize(
        ("failure", "reason"),
        [
            (AwsError("AccessDeniedException"), "AccessDeniedException"),
            (AwsError("ResourceNotFoundException"), "ResourceNotFoundException"),
            (AwsError("ValidationException"), "ValidationException"),
            (unreachable(), "ConnectTimeoutError"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_every_failure_is_told_by_its_reason(
        self,
        fake_aws: FakeAws,
        ledger: DynamoDBUsageLedger,
        operation: str,
        method: str,
        failure: Exception,
        reason: str,
    ) -> None:
        fake_aws.answers[operation] = failure
        with pytest.raises(DependencyUnavailable, match=rf"DynamoDB: usage: \w+: {reason}$"):
            call(ledger, method)

    def test_a_transaction_that_is_refused_for_another_reason_than_the_mark_failed(
        self,
        fake_aws: FakeAws,
        ledger: DynamoDBUsageLedger,
    ) -> None:
        reasons = [{"Code": "ValidationError"}, {"Code": "ConditionalCheckFailed"}]
        fake_aws.answers["TransactWriteItems"] = AwsError("TransactionCanceledException", CancellationReasons=reasons)
        with pytest.raises(DependencyUnavailable, match="TransactionCanceledException"):
            ledger.close(now=NOW)

    @pytest.mark.parametrize("code", ["ConditionalCheckFailed", "TransactionConflict"])
    def test_a_mark_that_somebody_else_has_moved_ends_the_close(
        self,
        fake_aws: FakeAws,
        ledger: DynamoDBUsageLedger,
        code: str,
    ) -> None:
        reasons = [{"Code": "None"}, {"Code": "None"}, {"Code": code}]
        fake_aws.answers["UpdateItem"] = {"Attributes": mark(QUARTER - 200, QUARTER - 150)}
        fake_aws.answers["TransactWriteItems"] = AwsError("TransactionCanceledException", CancellationReasons=reasons)

        assert ledger.close(now=NOW) == QUARTER - 200
        assert fake_aws.operations.count("TransactWriteItems") == 1


class TestCalls:
    def test_a_batch_is_one_write(self, fake_aws: FakeAws, ledger: DynamoDBUsageLedger) -> None:
        ledger.append("id", USAGE, now=NOW)
        assert fake_aws.operations == ["PutItem"]

    def test_a_quiet_quarter_is_one_write_and_no_transaction(self, fake_aws: FakeAws, ledger: DynamoDBUsageLedger) -> None:
        fake_aws.answers["UpdateItem"] = {"Attributes": mark(QUARTER - 100, QUARTER - 3)}
        ledger.close(now=NOW)
        assert fake_aws.operations == ["UpdateItem"]

    def test_closing_an_hour_reads_its_total_and_its_entries(self, fake_aws: FakeAws, ledger: DynamoDBUsageLedger) -> None:
        ledger.close(now=NOW)
        # The day's total; each shard of four quarters, and of the one before for repeats.
        assert fake_aws.operations == ["UpdateItem", *["Query"] * (1 + 5 * SHARDS), "TransactWriteItems"]
        assert all(asked["ConsistentRead"] for operation, asked in fake_aws.calls if operation == "Query")

    def test_the_totals_and_the_mark_are_one_transaction(self, fake_aws: FakeAws, ledger: DynamoDBUsageLedger) -> None:
        ledger.close(now=NOW)
        (writes,) = [asked["TransactItems"] for operation, asked in fake_aws.calls if operation == "TransactWriteItems"]

        assert [next(iter(write)) for write in writes] == ["Put", "Put", "Update"]
        assert [write["Put"]["Item"]["sk"]["S"] for write in writes[:2]] == ["usage#00", "budgets#00"]
        assert writes[2]["Update"]["ConditionExpression"] == "closed_until = :before"
        assert writes[2]["Update"]["ExpressionAttributeValues"] == {
            ":before": {"N": str(QUARTER - 4)},
            ":after": {"N": str(QUARTER)},
        }

    def test_days_before_the_ledger_are_not_asked_for(self, fake_aws: FakeAws, ledger: DynamoDBUsageLedger) -> None:
        since = QUARTER - 100
        ledger.read(range(since - 5_000, since - BEFORE_FIRST_CLOSE))
        assert fake_aws.operations == ["GetItem"]

    def test_pages_are_followed(self, fake_aws: FakeAws, ledger: DynamoDBUsageLedger) -> None:
        def pages(asked: dict[str, Any]) -> Answer:
            key = asked["ExpressionAttributeValues"][":pk"]["S"]
            if not key.startswith("day#"):
                return {"Items": []}
            first = "ExclusiveStartKey" not in asked
            page = part(sort_key="usage#00" if first else "usage#01", quarters=[QUARTER], busy_quarters=[QUARTER])
            return {"Items": [page]} | ({"LastEvaluatedKey": {"pk": {"S": key}}} if first else {})

        fake_aws.answers["Query"] = pages
        assert ledger.read(range(QUARTER, QUARTER + 1)).gateways["prod"].total.usd == 2


class TestTotalsThatChange:
    @pytest.mark.parametrize(("torn_reads", "expected"), [(0, 1), (1, 1), (TRIES - 1, 1), (TRIES, None)])
    def test_a_total_that_is_replaced_while_it_is_read_is_read_again(
        self,
        fake_aws: FakeAws,
        ledger: DynamoDBUsageLedger,
        torn_reads: int,
        expected: int | None,
    ) -> None:
        reads = 0

        def answer(asked: dict[str, Any]) -> Answer:
            nonlocal reads
            if not asked["ExpressionAttributeValues"][":pk"]["S"].startswith("day#"):
                return {"Items": []}
            reads += 1
            new = part(quarters=[QUARTER], busy_quarters=[QUARTER])
            old = part(sort_key="usage#01", quarters=[QUARTER - 1])
            return {"Items": [new, old] if reads <= torn_reads else [new]}

        fake_aws.answers["Query"] = answer
        if expected is None:
            with pytest.raises(DependencyUnavailable, match="replaced each time"):
                ledger.read(range(QUARTER - 1, QUARTER + 1))
        else:
            assert ledger.read(range(QUARTER - 1, QUARTER + 1)).gateways["prod"].total.usd == expected


def call(ledger: DynamoDBUsageLedger, method: str) -> None:
    match method:
        case "append":
            ledger.append("id", USAGE, now=NOW)
        case "close":
            ledger.close(now=NOW)
        case _:
            ledger.read(range(QUARTER - 1, QUARTER + 1))
