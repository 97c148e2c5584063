"""Which alerts have reached which destination, so that a record that comes again is not posted again.

Promise: an alert that was noted is never posted again. Noting comes after the post; a process that dies between the
two leaves a possible double, which cannot be excluded with a sink that has no idempotency key.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from gateway_alerts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: Longer than any queue keeps a message (14 days), so that a redrive from the dead-letter queue is known too.
KEEP_SECONDS = 30 * 86_400
#: Keys of one BatchGetItem, items of one BatchWriteItem
#: (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html, …/API_BatchWriteItem.html).
READ_BATCH = 100
WRITE_BATCH = 25
TRIES = 4

#: (alert_id, destination name)
Delivery = tuple[str, str]


class Deliveries(Protocol):
    """Remembers deliveries. Both methods raise DependencyUnavailable."""

    def among(self, deliveries: Iterable[Delivery]) -> set[Delivery]:
        """Those that have been noted."""

    def note(self, deliveries: Iterable[Delivery], *, now: datetime) -> None:
        """Note deliveries."""


class DynamoDBDeliveries:
    """Deliveries in the alerts table, one item each: ``delivered#ALERT_ID#DESTINATION``."""

    def __init__(self, client: "Callable[[], BaseClient]", *, table_name: str) -> None:
        self._client: Callable[[], Any] = client
        self._table_name = table_name

    def among(self, deliveries: Iterable[Delivery]) -> set[Delivery]:
        """See :class:`Deliveries`. Consistent reads, a hundred keys a call."""
        by_key = {_key(delivery): delivery for delivery in deliveries}
        found: set[Delivery] = set()
        for keys in _chunks(list(by_key), READ_BATCH):
            request: Any = {
                self._table_name: {
                    "Keys": [{"pk": {"S": key}} for key in keys],
                    "ConsistentRead": True,
                    "ProjectionExpression": "pk",
                }
            }
            for _ in range(TRIES):
                answer = self._call("batch_get_item", request)
                found |= {by_key[item["pk"]["S"]] for item in answer["Responses"].get(self._table_name, ())}
                request = answer.get("UnprocessedKeys")
                if not request:
                    break
            else:
                raise DependencyUnavailable("DynamoDB: keys stayed unprocessed")
        return found

    def note(self, deliveries: Iterable[Delivery], *, now: datetime) -> None:
        """See :class:`Deliveries`. Twenty-five items a call."""
        expires_at = {"N": str(int(now.timestamp()) + KEEP_SECONDS)}
        items = [
            {"PutRequest": {"Item": {"pk": {"S": _key(delivery)}, "expires_at": expires_at}}}
            for delivery in dict.fromkeys(deliveries)
        ]
        for chunk in _chunks(items, WRITE_BATCH):
            request: Any = {self._table_name: chunk}
            for _ in range(TRIES):
                request = self._call("batch_write_item", request).get("UnprocessedItems")
                if not request:
                    break
            else:
                raise DependencyUnavailable("DynamoDB: items stayed unprocessed")

    def _call(self, operation: str, request: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(), operation)(RequestItems=request)
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailable(f"DynamoDB: {operation}: {type(error).__name__}") from None


def _key(delivery: Delivery) -> str:
    return "delivered#{}#{}".format(*delivery)


def _chunks[T](items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
