"""The alerts table as its adapters use it: conditional updates, and the agenda of what is due.

The agenda is the sparse index ``outbox-index``: an item with ``outbox_shard`` and ``outbox_at`` is on it. Claims keep their
outbox in the shards ``0`` to ``7`` (``evaluate.claims``); everything else that the sweep has to look after is in ``due-N``,
from the moment ``outbox_at`` (epoch seconds) on.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from evaluate.claims import OUTBOX_INDEX
from gateway_alerts.dynamodb import item_key, items_of
from gateway_alerts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: One partition takes about 1,000 writes a second; an item is on the agenda once per episode, not per event.
AGENDA_SHARDS = 4
DUE = "due"

Attributes = Mapping[str, Any]
Value = int | float | Decimal | str | list[str]
Values = Mapping[str, Value]


class ConditionNotMet(Exception):
    """A conditional write was refused; ``item`` is what stood in its way, in DynamoDB's own notation."""

    def __init__(self, item: Attributes) -> None:
        super().__init__("the condition was not met")
        self.item = item


class AlertsTable:
    """One table and its client. Every method raises DependencyUnavailable when it cannot be reached."""

    def __init__(self, client: "BaseClient", *, name: str) -> None:
        self._client: Any = client
        self._name = name

    def update(
        self,
        key: str,
        expression: str,
        values: Values,
        *,
        names: Mapping[str, str] | None = None,
        condition: str = "",
        is_read: bool = False,
    ) -> Attributes:
        """Update one item; with ``is_read`` returns all of it as it is then.

        Raises:
            ConditionNotMet: ``condition`` did not hold.
        """
        parameters: dict[str, Any] = {
            "TableName": self._name,
            "Key": item_key(key),
            "UpdateExpression": expression,
            "ReturnValues": "ALL_NEW" if is_read else "NONE",
        }
        if values:
            parameters["ExpressionAttributeValues"] = {name: _typed(value) for name, value in values.items()}
        if names:
            parameters["ExpressionAttributeNames"] = dict(names)
        if condition:
            parameters |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        attributes: Attributes = self._call("update_item", **parameters).get("Attributes", {})
        return attributes

    def delete(self, key: str, *, condition: str = "", values: Values | None = None) -> None:
        """Delete one item. Raises ConditionNotMet."""
        parameters: dict[str, Any] = {"TableName": self._name, "Key": item_key(key)}
        if condition:
            parameters |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if values:
            parameters["ExpressionAttributeValues"] = {name: _typed(value) for name, value in values.items()}
        self._call("delete_item", **parameters)

    def due(self, *, now: datetime, shards: str = DUE) -> Iterator[Attributes]:
        """Every item of the agenda whose time has come, the earliest of each shard first."""
        return self._agenda("outbox_at <= :now", now=now, shards=shards)

    def ahead(self, *, now: datetime, shards: str = DUE) -> Iterator[Attributes]:
        """Every item of the agenda whose time is still to come."""
        return self._agenda("outbox_at > :now", now=now, shards=shards)

    def _agenda(self, when: str, *, now: datetime, shards: str) -> Iterator[Attributes]:
        for shard in range(AGENDA_SHARDS):
            yield from items_of(
                partial(self._call, "query"),
                TableName=self._name,
                IndexName=OUTBOX_INDEX,
                KeyConditionExpression=f"outbox_shard = :shard AND {when}",
                ExpressionAttributeValues={":shard": {"S": f"{shards}-{shard}"}, ":now": {"N": str(int(now.timestamp()))}},
            )

    def _call(self, operation: str, **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                raise ConditionNotMet(error.response.get("Item", {})) from None
            raise DependencyUnavailable(f"DynamoDB: {operation}: {code}") from None
        except BotoCoreError as error:
            raise DependencyUnavailable(f"DynamoDB: {operation}: {type(error).__name__}") from None


def agenda_shard(key: str, shards: str = DUE) -> str:
    """The shard of the agenda that an item belongs to; keys end in a digest."""
    return f"{shards}-{int(key[-8:], 16) % AGENDA_SHARDS}"


def number(item: Attributes, name: str) -> int | None:
    """A whole number of an item; None where it has none."""
    return int(float(item[name]["N"])) if name in item else None


def texts(item: Attributes, name: str) -> tuple[str, ...]:
    """A list of texts of an item; empty where it has none."""
    return tuple(entry["S"] for entry in item[name]["L"]) if name in item else ()


def _typed(value: Value) -> dict[str, Any]:
    if isinstance(value, list):
        return {"L": [{"S": text} for text in value]}
    return {"S": value} if isinstance(value, str) else {"N": format(value, "f") if isinstance(value, Decimal) else str(value)}
