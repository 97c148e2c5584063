"""What an emulator cannot be made to answer; the meaning of the conditions is tested against one in tests/integration."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ParamValidationError, ReadTimeoutError

from evaluate.claims import SETTLING_SECONDS, Claim, ClaimState, Decided, DynamoDBClaims, PendingOutbox, Verdict
from gateway_alerts.errors import DependencyUnavailable
from tests.unit.gateway_alerts.fake_aws import Answer, AwsError, FakeAws

NOW = datetime(2026, 11, 23, 9, 25, 44, tzinfo=UTC)
MOMENT = int(NOW.timestamp())
TTL_SECONDS = 86_400
CLAIM = Claim("budget#user#00000001", Decimal("0.85"), None, '{"alert": 1}')
OTHER = Claim("budget#user#00000002", Decimal("0.85"), None, '{"alert": 2}')


@pytest.fixture
def claims(fake_aws: FakeAws) -> DynamoDBClaims:
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return DynamoDBClaims(boto3.client("dynamodb", config=once), table_name="alerts", ttl_seconds=TTL_SECONDS)


def item(**attributes: Any) -> dict[str, Any]:
    """A table item: numbers as N, lists of text as L."""
    return {
        name: {"L": [{"S": text} for text in value]} if isinstance(value, list) else {"N": str(value)}
        for name, value in attributes.items()
    }


class TestVerdicts:
    def test_a_single_claim_that_is_written_has_won(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        fake_aws.answers["UpdateItem"] = {}
        assert claims.submit([CLAIM], now=NOW) == [Decided(Verdict.WON)]
        assert fake_aws.operations == ["UpdateItem"]

    def test_several_claims_are_one_transaction(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        fake_aws.answers["TransactWriteItems"] = {}
        assert claims.submit([CLAIM, OTHER], now=NOW) == [Decided(Verdict.WON)] * 2
        assert [len(asked["TransactItems"]) for _, asked in fake_aws.calls] == [2]

    def test_a_refused_claim_is_told_what_it_lost_against(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        seen = item(period_end=9, period_rung="0.95", period_claimed_at=8, ttl_claimed_at=7, ttl_rung=1)
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException", Item=seen)
        state = ClaimState(9, Decimal("0.95"), 8, 7, Decimal(1))
        assert claims.submit([CLAIM], now=NOW) == [Decided(Verdict.LOST, state)]

    def test_a_refused_claim_of_an_item_that_is_gone_lost_against_nothing(
        self, fake_aws: FakeAws, claims: DynamoDBClaims
    ) -> None:
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException")
        assert claims.submit([CLAIM], now=NOW) == [Decided(Verdict.LOST, ClaimState())]

    def test_our_own_write_that_was_sent_twice_has_won(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        seen = item(ttl_claimed_at=MOMENT, ttl_rung="0.85", outbox=['{"older": 1}', CLAIM.outbox])
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException", Item=seen)
        assert claims.submit([CLAIM], now=NOW) == [Decided(Verdict.WON)]

    def test_another_process_that_wrote_the_same_rung_has_won(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        seen = item(ttl_claimed_at=MOMENT, ttl_rung="0.85", outbox=[OTHER.outbox])
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException", Item=seen)
        assert claims.submit([CLAIM], now=NOW)[0].verdict is Verdict.LOST

    def test_a_claim_without_an_outbox_does_not_know_its_own_write(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException", Item=item(outbox=["x"]))
        assert claims.submit([CLAIM._replace(outbox=None)], now=NOW)[0].verdict is Verdict.LOST

    CONFLICTS: ClassVar[dict[str, tuple[list[dict[str, Any]], list[Verdict]]]] = {
        "one lost": (
            [{"Code": "ConditionalCheckFailed", "Item": item(ttl_rung=1)}, {"Code": "None"}],
            [Verdict.LOST, Verdict.UNDECIDED],
        ),
        "both lost": (
            [{"Code": "ConditionalCheckFailed"}, {"Code": "ConditionalCheckFailed"}],
            [Verdict.LOST, Verdict.LOST],
        ),
        "another transaction in the way of one": (
            [{"Code": "TransactionConflict"}, {"Code": "None"}],
            [Verdict.UNDECIDED, Verdict.UNDECIDED],
        ),
        "one lost, and another transaction in the way of the other": (
            [{"Code": "ConditionalCheckFailed"}, {"Code": "TransactionConflict"}],
            [Verdict.LOST, Verdict.UNDECIDED],
        ),
        "reasons without a code": ([{"Code": "ConditionalCheckFailed"}, {}], [Verdict.LOST, Verdict.UNDECIDED]),
    }

    @pytest.mark.parametrize(("reasons", "verdicts"), CONFLICTS.values(), ids=CONFLICTS)
    def test_a_cancelled_transaction_says_so_of_each(
        self, fake_aws: FakeAws, claims: DynamoDBClaims, reasons: list[dict[str, Any]], verdicts: list[Verdict]
    ) -> None:
        fake_aws.answers["TransactWriteItems"] = AwsError("TransactionCanceledException", CancellationReasons=reasons)
        assert [verdict for verdict, _ in claims.submit([CLAIM, OTHER], now=NOW)] == verdicts

    def test_a_transaction_in_the_way_of_a_single_claim_leaves_it_undecided(
        self, fake_aws: FakeAws, claims: DynamoDBClaims
    ) -> None:
        fake_aws.answers["UpdateItem"] = AwsError("TransactionConflictException")
        assert claims.submit([CLAIM], now=NOW) == [Decided(Verdict.UNDECIDED)]


UNAVAILABLE: dict[str, tuple[Exception, str]] = {
    "not allowed": (AwsError("AccessDeniedException"), "AccessDeniedException"),
    "no such table": (AwsError("ResourceNotFoundException"), "ResourceNotFoundException"),
    "throttled": (AwsError("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"),
    "a write that is not valid": (AwsError("ValidationException"), "ValidationException"),
    "cancelled without reasons": (AwsError("TransactionCanceledException"), "TransactionCanceledException"),
    "cancelled since throttled": (
        AwsError("TransactionCanceledException", CancellationReasons=[{"Code": "ThrottlingError"}, {"Code": "None"}]),
        "TransactionCanceledException",
    ),
    "cannot connect": (EndpointConnectionError(endpoint_url="https://aws.invalid"), "EndpointConnectionError"),
    "no answer": (ReadTimeoutError(endpoint_url="https://aws.invalid"), "ReadTimeoutError"),
    "a defect of the SDK": (ParamValidationError(report="of the fake"), "ParamValidationError"),
}


@pytest.mark.parametrize(("answer", "code"), UNAVAILABLE.values(), ids=UNAVAILABLE)
class TestUnavailable:
    def _break(self, fake_aws: FakeAws, answer: Answer) -> None:
        fake_aws.answers = dict.fromkeys(["UpdateItem", "TransactWriteItems", "Query"], answer)

    def test_a_claim(self, fake_aws: FakeAws, claims: DynamoDBClaims, answer: Answer, code: str) -> None:
        self._break(fake_aws, answer)
        for submission in ([CLAIM], [CLAIM, OTHER]):
            with pytest.raises(DependencyUnavailable, match=f"^DynamoDB: .*: {code}$"):
                claims.submit(submission, now=NOW)

    def test_a_note(self, fake_aws: FakeAws, claims: DynamoDBClaims, answer: Answer, code: str) -> None:
        self._break(fake_aws, answer)
        with pytest.raises(DependencyUnavailable, match=code):
            claims.note(CLAIM._replace(period_end=MOMENT + 1), now=NOW)

    def test_clearing(self, fake_aws: FakeAws, claims: DynamoDBClaims, answer: Answer, code: str) -> None:
        self._break(fake_aws, answer)
        for keys in (["k"], ["k", "l"]):
            with pytest.raises(DependencyUnavailable, match=code):
                claims.clear([PendingOutbox(key, ("a",)) for key in keys])

    def test_looking_for_what_was_left_behind(self, fake_aws: FakeAws, claims: DynamoDBClaims, answer: Answer, code: str) -> None:
        self._break(fake_aws, answer)
        with pytest.raises(DependencyUnavailable, match=code):
            list(claims.pending(before=NOW))


class TestOutbox:
    def test_every_page_of_every_shard_is_read(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        def page(asked: dict[str, Any]) -> Answer:
            shard = asked["ExpressionAttributeValues"][":shard"]["S"]
            number = int(asked.get("ExclusiveStartKey", {}).get("pk", {"S": "0"})["S"])
            entry = {"pk": {"S": f"{shard}-{number}"}, "outbox": {"L": [{"S": "alert"}]}}
            more = {"LastEvaluatedKey": {"pk": {"S": str(number + 1)}}} if number < 2 else {}
            return {"Items": [entry]} | more

        fake_aws.answers["Query"] = page
        assert [outbox.key for outbox in claims.pending(before=NOW)] == [f"{s}-{n}" for s in range(8) for n in range(3)]
        assert {asked["IndexName"] for _, asked in fake_aws.calls} == {"outbox-index"}

    def test_more_outboxes_than_a_transaction_takes_are_cleared_in_several(
        self, fake_aws: FakeAws, claims: DynamoDBClaims
    ) -> None:
        fake_aws.answers |= {"TransactWriteItems": {}, "UpdateItem": {}}
        claims.clear([PendingOutbox(f"k{n}", ("a",)) for n in range(201)])
        assert [len(asked.get("TransactItems", "1")) for _, asked in fake_aws.calls] == [100, 100, 1]
        assert fake_aws.operations == ["TransactWriteItems", "TransactWriteItems", "UpdateItem"]

    def test_nothing_to_clear_calls_nothing(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        claims.clear([])
        assert fake_aws.calls == []

    def test_where_one_has_changed_the_others_are_cleared_one_by_one(self, fake_aws: FakeAws, claims: DynamoDBClaims) -> None:
        reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed"}]
        fake_aws.answers |= {
            "TransactWriteItems": AwsError("TransactionCanceledException", CancellationReasons=reasons),
            "UpdateItem": lambda asked: AwsError("ConditionalCheckFailedException") if asked["Key"]["pk"]["S"] == "l" else {},
        }
        claims.clear([PendingOutbox("k", ("a",)), PendingOutbox("l", ("b",))])
        assert fake_aws.operations == ["TransactWriteItems", "UpdateItem", "UpdateItem"]


P, Q = MOMENT + 3_600, MOMENT + 7_200
LONG_AGO, JUST_NOW = MOMENT - SETTLING_SECONDS, MOMENT - SETTLING_SECONDS + 1
LOW, HIGH = Decimal("0.85"), Decimal(1)


def with_period(end: int, rung: Decimal, claimed_at: int = JUST_NOW) -> ClaimState:
    return ClaimState(period_end=end, period_rung=rung, period_claimed_at=claimed_at)


def with_ttl(claimed_at: int, rung: Decimal) -> ClaimState:
    return ClaimState(ttl_claimed_at=claimed_at, ttl_rung=rung)


#: state, period of the claim (None: none), rung → whether the claim is sure to lose without a word to anybody
SETTLES: dict[str, tuple[ClaimState, int | None, Decimal, bool]] = {
    "nothing is known": (ClaimState(), None, LOW, False),
    "nothing is known, and a period": (ClaimState(), P, LOW, False),
    "the period at this rung": (with_period(P, LOW), P, LOW, True),
    "the period at a higher rung": (with_period(P, HIGH), P, LOW, True),
    "the period at a lower rung": (with_period(P, LOW), P, HIGH, False),
    "an earlier period": (with_period(P, HIGH), Q, LOW, False),
    "a later period, just now": (with_period(Q, LOW), P, HIGH, True),
    "a later period, long ago, of one that runs": (with_period(Q, HIGH, LONG_AGO), P, LOW, False),
    "a later period, long ago, of one that is over": (with_period(Q, LOW, LONG_AGO), MOMENT, HIGH, True),
    "no period at this rung, of one with a period": (with_ttl(MOMENT, LOW), P, LOW, False),
    "no period at this rung": (with_ttl(MOMENT, LOW), None, LOW, True),
    "no period at a higher rung": (with_ttl(MOMENT, HIGH), None, LOW, True),
    "no period at a lower rung": (with_ttl(MOMENT, LOW), None, HIGH, False),
    "no period a second within its time to live": (with_ttl(MOMENT - TTL_SECONDS + 1, HIGH), None, LOW, True),
    "no period just at its time to live": (with_ttl(MOMENT - TTL_SECONDS, HIGH), None, LOW, False),
    "a period that runs, of one without": (with_period(P, LOW), None, LOW, True),
    "a period that runs, of a higher one without": (with_period(P, LOW), None, HIGH, False),
    "a period that is just over, of one without": (with_period(MOMENT, HIGH), None, LOW, False),
}


@pytest.mark.parametrize(("state", "period_end", "rung", "expected"), SETTLES.values(), ids=SETTLES)
def test_what_is_known_settles_a_claim_or_not(state: ClaimState, period_end: int | None, rung: Decimal, expected: bool) -> None:
    claim = Claim("k", rung, period_end, None)
    assert state.settles(claim, now=MOMENT, ttl_seconds=TTL_SECONDS) is expected


@pytest.mark.parametrize("period_end", [None, P], ids=["no period", "a period"])
def test_a_claim_settles_its_own_repeats(period_end: int | None) -> None:
    claim = Claim("k", LOW, period_end, None)
    state = ClaimState().after(claim, now=MOMENT)
    assert state.settles(claim, now=MOMENT, ttl_seconds=TTL_SECONDS)
    assert not state.settles(claim._replace(rung=HIGH), now=MOMENT, ttl_seconds=TTL_SECONDS)


def test_each_clock_keeps_its_own_time() -> None:
    state = ClaimState().after(Claim("k", LOW, P, None), now=1).after(Claim("k", HIGH, None, None), now=2)
    assert state == ClaimState(P, LOW, 1, 2, HIGH)
