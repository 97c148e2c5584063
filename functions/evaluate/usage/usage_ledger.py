"""Where usage is written down: an append-only ledger in DynamoDB, and a total for each local day.

Promise: what an invocation appends counts once, also when its sender repeats the batch: a repeat has the same entry id
and overwrites itself, or is left out where it came a quarter of an hour later. (One that comes later still counts again.)
Closing moves finished quarters into their day's total in one transaction that also moves the mark, so a quarter is in a
total or not, whoever closes at the same time and wherever a process dies. Items of the table::

    usage#QUARTER#SHARD    ENTRY ID#PART      one batch: the usage of its request logs
    day#DATE               usage#PART         a day's usage without its budgets; the ``quarters`` that it has, and which of
                                              them are ``busy_quarters``: the others hold nothing
    day#DATE               budgets#PART       its budgets, and the same quarters
    closed                 mark               ``since_quarter`` the ledger is kept, ``closed_until`` which one it is closed

Every part is usage by itself (:mod:`evaluate.usage.usage`). Items end KEEP_DAYS after their time. What is unreadable raises
InvalidUsage rather than being left out of a total for good.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from itertools import batched, chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from evaluate.usage.periods import DAY_SECONDS, QUARTER_SECONDS, by_day, day_of, quarter_of
from evaluate.usage.usage import MAX_ENTRIES, SAMPLE_QUARTERS, Usage
from gateway_alerts.dynamodb import items_of
from gateway_alerts.errors import DependencyUnavailable, InvalidUsage
from gateway_alerts.keys import digest

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: One partition takes about 1,000 writes a second (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).
SHARDS = 4
#: Below DynamoDB's 400 KB an item (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
PART_BYTES = 350_000
#: Below the 4 MB and 100 actions of a transaction (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
TOTAL_BYTES = 3_800_000
TOTAL_PARTS = 90
#: Longer than the longest baseline, and than two months.
KEEP_DAYS = 100
#: An invocation that began within a quarter has written its entry, or is dead: more than twice the function's time-out.
SETTLING = timedelta(minutes=2)
#: A day's total is written anew each time, so quarters are gathered before: an hour's.
CLOSED_AT_LEAST = 4
#: Two days: what one invocation has time for, when closing has to catch up.
CLOSED_AT_MOST = 192
#: What could have been appended before the ledger was first closed.
BEFORE_FIRST_CLOSE = DAY_SECONDS // QUARTER_SECONDS
#: So long a running day keeps every sample of a budget, where a transaction takes them: forecasts go by the last hours.
RECENT_QUARTERS = 24
#: How often a total is read again that is being replaced.
TRIES = 3
_MARK = {"pk": {"S": "closed"}, "sk": {"S": "mark"}}


class UsageLedger(Protocol):
    """Usage over time. Every method raises DependencyUnavailable; those that read also InvalidUsage."""

    def append(self, entry_id: str, usage: Usage, *, now: datetime) -> None:
        """Write down the usage of one batch."""

    def close(self, *, now: datetime) -> int:
        """Move what is finished into the totals of its days; returns the quarter since which the ledger is kept."""

    def read(self, quarters: range) -> Usage:
        """The usage in a range of quarters, without budgets."""

    def read_budgets(self, quarters: range) -> Usage:
        """The budgets in a range of quarters, and nothing else."""


class _Total(NamedTuple):
    """A day's total, or one kind of it, as it stands in the table."""

    bodies: list[bytes]
    sort_keys: set[str]
    quarters: frozenset[int]
    busy_quarters: frozenset[int]


class DynamoDBUsageLedger:
    """The ledger in a table with the keys ``pk`` and ``sk``; days are those of ``zone``."""

    def __init__(self, client: "BaseClient", *, table_name: str, zone: ZoneInfo) -> None:
        self._client: Any = client
        self._table_name = table_name
        self._zone = zone

    def append(self, entry_id: str, usage: Usage, *, now: datetime) -> None:
        """See :class:`UsageLedger`. One write, unless the usage is larger than an item."""
        expires_at = int((now + timedelta(days=KEEP_DAYS)).timestamp())
        for part, body in enumerate(usage.to_parts(max_bytes=PART_BYTES)):
            item = _item(_entries_key(quarter_of(now), _shard(entry_id)), f"{entry_id}#{part:02}", body, expires_at=expires_at)
            self._call("put_item", Item=item)

    def close(self, *, now: datetime) -> int:
        """See :class:`UsageLedger`. Waits for an hour's quarters, or the end of the day."""
        mark = self._marked(now)
        closed_until, since = _number(mark, "closed_until"), _number(mark, "since_quarter")
        finished = range(closed_until, min(quarter_of(now - SETTLING), closed_until + CLOSED_AT_MOST))
        for day, quarters in by_day(finished, self._zone):
            is_over = day_of(quarters[-1] + 1, self._zone) != day
            if len(quarters) < CLOSED_AT_LEAST and not is_over:
                break
            end = quarters[-1] + 1
            recent = math.inf if is_over else (end - RECENT_QUARTERS) // SAMPLE_QUARTERS * SAMPLE_QUARTERS
            if not self._close(day, range(quarters[0], end), keep_from=recent):
                break  # another invocation is closing
        return since

    def read(self, quarters: range) -> Usage:
        """See :class:`UsageLedger`. Totals where the range holds all of them, entries for the rest."""
        return _added(usage.without_budgets() for usage in self._read(quarters, kind="usage"))

    def read_budgets(self, quarters: range) -> Usage:
        """See :class:`UsageLedger`."""
        return _added(usage.only_budgets() for usage in self._read(quarters, kind="budgets"))

    def _read(self, quarters: range, *, kind: str) -> Iterator[Usage]:
        mark = self._call("get_item", Key=_MARK).get("Item")
        first = quarters.start if mark is None else max(quarters.start, _number(mark, "since_quarter") - BEFORE_FIRST_CLOSE)
        wanted = set(range(first, quarters.stop))
        for day, _ in by_day(sorted(wanted), self._zone):
            total = self._total(day, kind=kind)
            if total.quarters <= wanted:
                wanted -= total.quarters
                yield from map(Usage.from_bytes, total.bodies)
            else:  # a part of the day is wanted, or it was closed under another zone
                wanted -= total.quarters - total.busy_quarters
        for _, usage in self._entries(sorted(wanted)):
            yield usage

    def _entries(self, quarters: Iterable[int]) -> Iterator[tuple[int, Usage]]:
        """What was appended in quarters, ascending, with its quarter; without what repeats an entry of the quarter before."""
        last, last_ids = None, set[str]()
        for quarter in quarters:
            before = last_ids if last == quarter - 1 else {entry_id for entry_id, _ in self._entries_of(quarter - 1, "sk")}
            last, last_ids = quarter, set()
            for entry_id, body in self._entries_of(quarter, "sk, deflated_usage"):
                last_ids.add(entry_id)
                if entry_id not in before:
                    yield quarter, Usage.from_bytes(body)

    def _entries_of(self, quarter: int, attributes: str) -> Iterator[tuple[str, bytes]]:
        for shard in range(SHARDS):
            for item in self._query(_entries_key(quarter, shard), ProjectionExpression=attributes, ConsistentRead=True):
                yield item["sk"]["S"].rpartition("#")[0], item.get("deflated_usage", {}).get("B", b"")

    def _total(self, day: date, *, kind: str) -> _Total:
        """A day's total as one transaction left it."""
        for _ in range(TRIES):
            items = list(self._query(f"day#{day}", sort_key_prefix=kind, ConsistentRead=True))
            versions = {(_set(item, "quarters"), _set(item, "busy_quarters")) for item in items}
            if len(versions) <= 1:
                quarters, busy_quarters = versions.pop() if versions else (frozenset[int](), frozenset[int]())
                bodies = [item["deflated_usage"]["B"] for item in items]
                return _Total(bodies, {item["sk"]["S"] for item in items}, quarters, busy_quarters)
        raise DependencyUnavailable("DynamoDB: a day's total was replaced each time while it was read")

    def _close(self, day: date, quarters: range, *, keep_from: float) -> bool:
        """Add quarters to their day's total; False when somebody else has moved the mark."""
        before = self._total(day, kind="")
        busy_quarters = set(before.busy_quarters)

        def appended() -> Iterator[Usage]:
            for quarter, usage in self._entries(quarters):
                busy_quarters.add(quarter)
                yield usage

        total = _added(chain(map(Usage.from_bytes, before.bodies), appended()))
        bodies = _fitting_parts(total, keep_from=keep_from)
        expires_at = quarters.stop * QUARTER_SECONDS + KEEP_DAYS * DAY_SECONDS
        held = _numbers("quarters", {*before.quarters, *quarters}) | _numbers("busy_quarters", busy_quarters)
        writes = [
            {"Put": self._for_table(Item=_item(f"day#{day}", sort_key, body, expires_at=expires_at) | held)}
            for sort_key, body in bodies.items()
        ]
        writes += [
            {"Delete": self._for_table(Key={"pk": {"S": f"day#{day}"}, "sk": {"S": sort_key}})}
            for sort_key in sorted(before.sort_keys - bodies.keys())
        ]
        mark = self._for_table(
            Key=_MARK,
            UpdateExpression="SET closed_until = :after",
            ConditionExpression="closed_until = :before",
            ExpressionAttributeValues={":before": {"N": str(quarters.start)}, ":after": {"N": str(quarters.stop)}},
        )
        return self._call("transact_write_items", of_table=False, TransactItems=[*writes, {"Update": mark}]) is not None

    def _marked(self, now: datetime) -> dict[str, Any]:
        """The mark; set when it is asked for first."""
        since = quarter_of(now)
        answer = self._call(
            "update_item",
            Key=_MARK,
            UpdateExpression="SET since_quarter = if_not_exists(since_quarter, :since),"
            " closed_until = if_not_exists(closed_until, :first)",
            ExpressionAttributeValues={":since": {"N": str(since)}, ":first": {"N": str(since - BEFORE_FIRST_CLOSE)}},
            ReturnValues="ALL_NEW",
        )
        mark: dict[str, Any] = answer["Attributes"]
        return mark

    def _query(self, key: str, *, sort_key_prefix: str = "", **parameters: Any) -> Iterator[dict[str, Any]]:
        query: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": key}},
            **parameters,
        }
        if sort_key_prefix:
            query["KeyConditionExpression"] += " AND begins_with(sk, :sk)"
            query["ExpressionAttributeValues"][":sk"] = {"S": sort_key_prefix}
        return items_of(partial(self._call, "query"), **query)

    def _call(self, operation: str, *, of_table: bool = True, **parameters: Any) -> Any:
        """Call DynamoDB; None when the mark has moved.

        Raises:
            DependencyUnavailable: it failed otherwise.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**(self._for_table(**parameters) if of_table else parameters))
        except ClientError as error:
            reasons = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())}
            if reasons and reasons <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                return None
            raise DependencyUnavailable(f"DynamoDB: usage: {operation}: {error.response['Error']['Code']}") from None
        except BotoCoreError as error:
            raise DependencyUnavailable(f"DynamoDB: usage: {operation}: {type(error).__name__}") from None

    def _for_table(self, **parameters: Any) -> dict[str, Any]:
        return {"TableName": self._table_name, **parameters}


def _added(usages: Iterable[Usage]) -> Usage:
    """All of them together, without having all of them in memory."""
    total = Usage()
    for some in batched(usages, 50, strict=False):
        total = total.plus(*some)
    return total


def _fitting_parts(total: Usage, *, keep_from: float) -> dict[str, bytes]:
    """A day's total by sort key, as much of it as a transaction takes."""
    for smaller in _smaller_and_smaller(total, keep_from=keep_from):
        kinds = {"usage": smaller.without_budgets(), "budgets": smaller.only_budgets()}
        bodies = {
            f"{kind}#{part:02}": body
            for kind, usage in kinds.items()
            for part, body in enumerate(usage.to_parts(max_bytes=PART_BYTES))
        }
        if len(bodies) <= TOTAL_PARTS and sum(map(len, bodies.values())) <= TOTAL_BYTES:
            return bodies
    raise InvalidUsage("a day's total is larger than a transaction, however little of it is kept apart")


def _smaller_and_smaller(total: Usage, *, keep_from: float) -> Iterator[Usage]:
    """With all recent samples, without them, and with fewer and fewer entries kept apart."""
    yield total.thinned(keep_from=keep_from).bounded(MAX_ENTRIES)
    thinned, max_entries = total.thinned(), MAX_ENTRIES
    while max_entries:
        yield thinned.bounded(max_entries)
        max_entries = max_entries * 3 // 4


def _entries_key(quarter: int, shard: int) -> str:
    return f"usage#{quarter}#{shard}"


def _shard(entry_id: str) -> int:
    return int(digest(entry_id)[:8], 16) % SHARDS


def _item(key: str, sort_key: str, body: bytes, *, expires_at: int) -> dict[str, Any]:
    return {"pk": {"S": key}, "sk": {"S": sort_key}, "deflated_usage": {"B": body}, "expires_at": {"N": str(expires_at)}}


def _set(item: dict[str, Any], name: str) -> frozenset[int]:
    return frozenset(map(int, item.get(name, {}).get("NS", ())))


def _numbers(name: str, numbers: set[int]) -> dict[str, Any]:
    """A set of numbers as an attribute; none where it is empty, since DynamoDB keeps no empty set."""
    return {name: {"NS": [str(number) for number in sorted(numbers)]}} if numbers else {}


def _number(item: dict[str, Any], name: str) -> int:
    return int(item[name]["N"])
