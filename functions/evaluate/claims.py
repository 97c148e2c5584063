"""Who alerts: one conditional write in DynamoDB decides, and carries the alert until the queue has it.

Promise: of any number of concurrent, repeated or reordered offers of one rung, exactly one wins. What may happen
besides: a process that dies after winning leaves its alert in the claim, and the sweep sends it.

A claim is one item per identity (``BudgetIdentity.table_key``) with two clocks, because one budget can be reported by
senders that name its period (request logs) and by senders that do not (the webhook)::

    period_end, period_rung     the period that an event named last, and the highest rung that has alerted in it
    period_claimed_at           when that was
    ttl_claimed_at, ttl_rung    when an event without a period last alerted, and its rung; good for budget_alert_ttl,
                                or as long as the claim says

    an event that names its period P wins        unless a period after P has alerted (it is late; but when P is still
                                                 running and that alert is older than SETTLING_SECONDS, the period was
                                                 shortened), or P itself at its rung or above, or an event without a
                                                 period did within SETTLING_SECONDS (the same crossing by another way
                                                 in: P is then noted, not alerted)
    an event that names no period wins           unless one did at its rung or above within budget_alert_ttl,
                                                 or the period that is running has, at its rung or above

An identity can be a name that several entities bear (a key's alias), because one way in tells no id. ``owner`` is the
first that claimed it with an id; an event of another one loses, is told whose it is, and claims under its own id.
What names no id claims whatever the owner::

    owner                             digest of the owner's id
    outbox, outbox_at, outbox_shard   alerts that the queue does not have yet, and the sparse index that finds them
    expires_at                        for DynamoDB's deletion of old items, which is no clock of ours

``_wins_if`` says this to DynamoDB and ``ClaimState.settles`` to this process; a test holds the two together.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gateway_alerts.dynamodb import item_key, items_of
from gateway_alerts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

OUTBOX_INDEX = "outbox-index"
#: One partition takes about 1,000 writes a second (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).
OUTBOX_SHARDS = 8
#: Actions in one TransactWriteItems (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
TRANSACTION_ACTIONS = 100
#: Submissions in which nothing is decided (two transactions in each other's way) before the sender is asked to come again.
FRUITLESS_SUBMISSIONS = 8
#: Older than this, a process that claimed is dead: far more than the function's time-out.
SWEEP_AFTER_SECONDS = 120
#: Within this time reports of one budget may disagree about its period: the webhook names none, and a gateway's
#: instances may still hold the one before a change. What comes later is taken at its word.
SETTLING_SECONDS = 600
#: Far longer than any budget's period beyond its end, so that deletion never re-arms anything.
KEEP_SECONDS = 400 * 86_400


class ClaimState(NamedTuple):
    """What is known of one claim. Times are epoch seconds; None where it never happened."""

    period_end: int | None = None
    period_rung: Decimal = Decimal(0)
    period_claimed_at: int = 0
    ttl_claimed_at: int | None = None
    ttl_rung: Decimal = Decimal(0)
    owner: str | None = None

    def is_anothers(self, owner: str | None) -> bool:
        """Whether the name belongs to another one than ``owner``."""
        return None not in (self.owner, owner) and self.owner != owner

    def settles(self, claim: "Claim", *, now: int, ttl_seconds: int) -> bool:
        """Whether the claim is sure to lose, and its loss would change nothing."""
        if self.is_anothers(claim.owner):
            return False
        if claim.period_end is not None:
            if self.period_end is None:
                return False
            is_shortened = claim.period_end > now and self.period_claimed_at <= now - SETTLING_SECONDS
            is_late = self.period_end > claim.period_end and not is_shortened
            is_repeat = self.period_end == claim.period_end and self.period_rung >= claim.rung
            return is_late or is_repeat
        is_repeat = self.ttl_claimed_at is not None and self.ttl_claimed_at > now - ttl_seconds and self.ttl_rung >= claim.rung
        return is_repeat or self.came_by_another_way(claim, now=now)

    def came_by_another_way(self, claim: "Claim", *, now: int) -> bool:
        """Whether a claim that lost did so to the clock that is not its own: to senders that tell the other half."""
        if claim.period_end is not None:
            came_just_now = self.ttl_claimed_at is not None and self.ttl_claimed_at > now - SETTLING_SECONDS
            return came_just_now and self.ttl_rung >= claim.rung
        return self.period_end is not None and self.period_end > now and self.period_rung >= claim.rung

    def after(self, claim: "Claim", *, now: int) -> "ClaimState":
        """The state once the claim has won, or has been noted."""
        owner = self.owner or claim.owner
        if claim.period_end is not None:
            return self._replace(period_end=claim.period_end, period_rung=claim.rung, period_claimed_at=now, owner=owner)
        return self._replace(ttl_claimed_at=now, ttl_rung=claim.rung, owner=owner)


class Claim(NamedTuple):
    """A try to be the one who alerts. ``outbox`` is the alert's JSON; None when another claim of the same
    submission carries the alert for this one too. ``owner`` is who claims, where the key is made from a name.
    ``held_until`` (epoch seconds) is when the alert may be sent, None for at once. ``ttl_seconds`` is how long it is good
    for where it names no period; None for ``budget_alert_ttl``.
    """

    key: str
    rung: Decimal
    period_end: int | None
    outbox: str | None
    owner: str | None = None
    held_until: int | None = None
    ttl_seconds: int | None = None

    def held(self, until: datetime | None) -> "Claim":
        """The claim whose alert may be sent at a moment, None for at once."""
        return self._replace(held_until=None if until is None else int(until.timestamp()))


class Verdict(Enum):
    """What became of one claim of a submission."""

    WON = "won"
    LOST = "lost"
    #: It was not decided, since another claim of the submission lost. Submit it again.
    UNDECIDED = "undecided"


class Decided(NamedTuple):
    """The verdict on one claim, and for a lost one the state that it lost against."""

    verdict: Verdict
    state: ClaimState = ClaimState()


class PendingOutbox(NamedTuple):
    """Alerts (JSON) that a claim still carries."""

    key: str
    alerts: tuple[str, ...]


class ClaimStore(Protocol):
    """Where claims are decided. Every method raises DependencyUnavailable when it cannot be reached."""

    def submit(self, claims: Sequence[Claim], *, now: datetime) -> list[Decided]:
        """Decide up to ``TRANSACTION_ACTIONS`` claims with different keys: all win, or those that lose are told and
        nothing is written.
        """

    def note(self, claim: Claim, *, now: datetime) -> None:
        """Note a period that has alerted already, without alerting."""

    def replace(self, claim: Claim, *, now: datetime) -> None:
        """Claim without an alert, and take out of the outbox what waits there at this rung or below: another claim has told
        it better. A higher rung is left alone.
        """

    def clear(self, outboxes: Sequence[PendingOutbox]) -> None:
        """Take alerts out of the outbox, now that the queue has them. What has changed since is left alone."""

    def pending(self, *, before: datetime) -> Iterator[PendingOutbox]:
        """Alerts that have waited in the outbox since before a moment, oldest first within a shard."""


class DynamoDBClaims:
    """Claims in the alerts table, with its index ``outbox-index``."""

    def __init__(self, client: "BaseClient", *, table_name: str, ttl_seconds: int) -> None:
        self._client: Any = client
        self._table_name = table_name
        self._ttl_seconds = ttl_seconds

    def submit(self, claims: Sequence[Claim], *, now: datetime) -> list[Decided]:
        """See :class:`ClaimStore`. One UpdateItem for one claim, one TransactWriteItems for several."""
        from botocore.exceptions import BotoCoreError, ClientError

        updates = [self._claiming_update(claim, now=int(now.timestamp())) for claim in claims]
        try:
            if len(updates) == 1:
                self._client.update_item(**updates[0])
            else:
                self._client.transact_write_items(TransactItems=[{"Update": update} for update in updates])
        except ClientError as error:
            return [_decide(claim, reason) for claim, reason in zip(claims, _cancellation_reasons(error), strict=True)]
        except BotoCoreError as error:
            raise _unavailable("claim", error) from None
        return [Decided(Verdict.WON)] * len(claims)

    def note(self, claim: Claim, *, now: datetime) -> None:
        """See :class:`ClaimStore`."""
        update = self._claiming_update(claim._replace(outbox=None), now=int(now.timestamp()), is_note=True)
        self._call("update_item", **update)

    def replace(self, claim: Claim, *, now: datetime) -> None:
        """See :class:`ClaimStore`."""
        moment = int(now.timestamp())
        self._call(
            "update_item",
            TableName=self._table_name,
            Key=item_key(claim.key),
            UpdateExpression="SET ttl_claimed_at = :now, ttl_rung = :rung, expires_at = :expires_at "
            "REMOVE outbox, outbox_shard, outbox_at",
            ConditionExpression="attribute_not_exists(ttl_rung) OR ttl_rung <= :rung",
            ExpressionAttributeValues={
                ":now": {"N": str(moment)},
                ":rung": {"N": format(claim.rung, "f")},
                ":expires_at": {"N": str(moment + KEEP_SECONDS)},
            },
        )

    def clear(self, outboxes: Sequence[PendingOutbox]) -> None:
        """See :class:`ClaimStore`."""
        updates = [self._clearing_update(outbox) for outbox in outboxes]
        for start in range(0, len(updates), TRANSACTION_ACTIONS):
            chunk = updates[start : start + TRANSACTION_ACTIONS]
            if len(chunk) > 1 and self._call("transact_write_items", TransactItems=[{"Update": u} for u in chunk]):
                continue
            for update in chunk:  # one alone, or at least one has changed: the others are cleared one by one
                self._call("update_item", **update)

    def pending(self, *, before: datetime) -> Iterator[PendingOutbox]:
        """See :class:`ClaimStore`."""
        for shard in range(OUTBOX_SHARDS):
            items = items_of(
                partial(self._call, "query"),
                TableName=self._table_name,
                IndexName=OUTBOX_INDEX,
                KeyConditionExpression="outbox_shard = :shard AND outbox_at < :before",
                ExpressionAttributeValues={":shard": {"S": str(shard)}, ":before": {"N": str(int(before.timestamp()))}},
            )
            for item in items:
                yield PendingOutbox(item["pk"]["S"], tuple(alert["S"] for alert in item["outbox"]["L"]))

    def _claiming_update(self, claim: Claim, *, now: int, is_note: bool = False) -> dict[str, Any]:
        values: dict[str, Any] = {":rung": {"N": format(claim.rung, "f")}, ":now": {"N": str(now)}}
        if claim.period_end is None:
            assignments = ["ttl_claimed_at = :now", "ttl_rung = :rung"]
            ttl_seconds = self._ttl_seconds if claim.ttl_seconds is None else claim.ttl_seconds
            values[":armed"] = {"N": str(now - ttl_seconds)}
        else:
            assignments = ["period_end = :period_end", "period_rung = :rung", "period_claimed_at = :now"]
            values[":period_end"] = {"N": str(claim.period_end)}
        wins_if = _wins_if(claim, now=now, is_note=is_note)
        if ":settled" in wins_if:  # DynamoDB refuses values that no expression uses
            values[":settled"] = {"N": str(now - SETTLING_SECONDS)}
        if claim.owner is not None:
            wins_if += " AND (attribute_not_exists(#owner) OR #owner = :owner)"  # all of its parts are joined by AND
            assignments.append("#owner = :owner")
            values[":owner"] = {"S": claim.owner}
        assignments.append("expires_at = :expires_at")
        values[":expires_at"] = {"N": str(max(now, claim.period_end or 0) + KEEP_SECONDS)}
        if claim.outbox is not None:
            assignments += ["outbox = list_append(if_not_exists(outbox, :none), :alerts)"]
            assignments += ["outbox_shard = :shard", "outbox_at = :outbox_at"]
            values |= {
                ":none": {"L": []},
                ":alerts": {"L": [{"S": claim.outbox}]},
                ":shard": {"S": str(int(claim.key[-8:], 16) % OUTBOX_SHARDS)},
                ":outbox_at": {"N": str(now if claim.held_until is None else claim.held_until - SWEEP_AFTER_SECONDS)},
            }
        return {
            "TableName": self._table_name,
            "Key": item_key(claim.key),
            "UpdateExpression": "SET " + ", ".join(assignments),
            "ConditionExpression": wins_if,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        } | ({} if claim.owner is None else {"ExpressionAttributeNames": {"#owner": "owner"}})  # a reserved word

    def _clearing_update(self, outbox: PendingOutbox) -> dict[str, Any]:
        return {
            "TableName": self._table_name,
            "Key": item_key(outbox.key),
            "UpdateExpression": "REMOVE outbox, outbox_shard, outbox_at",
            "ConditionExpression": "outbox = :alerts",
            "ExpressionAttributeValues": {":alerts": {"L": [{"S": alert} for alert in outbox.alerts]}},
        }

    def _call(self, operation: str, **parameters: Any) -> Any:
        """Call DynamoDB; None when a condition was not met."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            _cancellation_reasons(error)
            return None
        except BotoCoreError as error:
            raise _unavailable(operation, error) from None


def _wins_if(claim: Claim, *, now: int, is_note: bool) -> str:
    """The condition under which a claim wins; see the module's docstring."""
    if claim.period_end is None:
        is_armed = "attribute_not_exists(ttl_claimed_at) OR ttl_claimed_at <= :armed OR ttl_rung < :rung"
        period_has_it = "period_end > :now AND period_rung >= :rung"
        return f"({is_armed}) AND NOT ({period_has_it})"
    is_new_period = "attribute_not_exists(period_end) OR period_end < :period_end"
    is_higher = "period_end = :period_end AND period_rung < :rung"
    is_due = f"(({is_new_period}) OR ({is_higher}))"
    if claim.period_end > now:
        is_shortened = "period_end > :period_end AND period_claimed_at <= :settled"
        is_due = f"(({is_new_period}) OR ({is_higher}) OR ({is_shortened}))"
    came_by_another_way = "ttl_claimed_at > :settled AND ttl_rung >= :rung"
    return is_due if is_note else f"{is_due} AND NOT ({came_by_another_way})"


def _cancellation_reasons(error: "ClientError") -> list[Mapping[str, Any]]:
    """Why a conditional write was refused, one reason for each of its actions.

    Raises:
        DependencyUnavailable: it was refused for another reason than its conditions.
    """
    response: Mapping[str, Any] = error.response
    code = response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return [{"Code": "ConditionalCheckFailed", "Item": response.get("Item", {})}]
    if code == "TransactionConflictException":
        return [{"Code": "TransactionConflict"}]
    reasons: list[Mapping[str, Any]] = list(response.get("CancellationReasons", ()))
    decisive = {reason.get("Code", "None") for reason in reasons}
    if not reasons or decisive - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
        raise _unavailable("write", error) from None
    return reasons


def _decide(claim: Claim, reason: Mapping[str, Any]) -> Decided:
    if reason.get("Code", "None") != "ConditionalCheckFailed":
        return Decided(Verdict.UNDECIDED)
    item = reason.get("Item", {})
    if claim.outbox is not None and {"S": claim.outbox} in item.get("outbox", {}).get("L", ()):
        # Our own write, sent twice by the client because its first answer was lost.
        return Decided(Verdict.WON)
    return Decided(
        Verdict.LOST,
        ClaimState(
            period_end=_number(item, "period_end"),
            period_rung=Decimal(item.get("period_rung", {"N": "0"})["N"]),
            period_claimed_at=_number(item, "period_claimed_at") or 0,
            ttl_claimed_at=_number(item, "ttl_claimed_at"),
            ttl_rung=Decimal(item.get("ttl_rung", {"N": "0"})["N"]),
            owner=item["owner"]["S"] if "owner" in item else None,
        ),
    )


def _number(item: Mapping[str, Any], name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def _unavailable(what: str, error: Exception) -> DependencyUnavailable:
    from botocore.exceptions import ClientError

    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    return DependencyUnavailable(f"DynamoDB: {what}: {code}")
