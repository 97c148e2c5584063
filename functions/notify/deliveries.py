"""Which alerts have reached which destination, so that a record that comes again is not posted again.

Promise: an alert that was noted is never posted again. Noting comes after the post; a process that dies between the
two leaves a possible double, which cannot be excluded with a sink that has no idempotency key.

One item notes a whole post. Under one key, those of a destination are in the order of their time::

    pk, sk          ``delivered#DESTINATION``, and when it was noted in epoch milliseconds
    alert_ids       what the post told
    expires_at      for DynamoDB's deletion of old items

No alert is delivered before it was raised, so what a destination has noted since the oldest of some alerts was raised
says of each of them whether it was delivered.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from gateway_alerts.alerts import Alert
from gateway_alerts.dynamodb import epoch_millis, item_key, items_of
from gateway_alerts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: Longer than any queue keeps a message (14 days), so that a redrive from the dead-letter queue is known too.
KEEP_SECONDS = 30 * 86_400
#: The clock that raised an alert may be ahead of the one that its delivery is noted by, by no more than this.
CLOCKS_DIFFER = timedelta(minutes=1)


class Deliveries(Protocol):
    """Remembers deliveries. Both methods raise DependencyUnavailable."""

    def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
        """The ``alert_id`` of those of some alerts that have been noted for a destination."""

    def note(self, alert_ids: Iterable[str], *, destination: str, now: datetime) -> None:
        """Note what one post has told, before the next one."""


class DynamoDBDeliveries:
    """Deliveries in the alerts table."""

    def __init__(self, client: "Callable[[], BaseClient]", *, table_name: str) -> None:
        self._client: Callable[[], Any] = client
        self._table_name = table_name

    def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
        """See :class:`Deliveries`. Consistent reads, a megabyte a call: some 30,000 deliveries."""
        if not alerts:
            return set()
        since = epoch_millis(_earliest([alert.raised_at for alert in alerts], now=now))
        items = items_of(
            partial(self._call, "query"),
            TableName=self._table_name,
            KeyConditionExpression="pk = :key AND sk >= :since",
            ExpressionAttributeValues={":key": {"S": _key(destination)}, ":since": {"N": str(since)}},
            ProjectionExpression="alert_ids",
            ConsistentRead=True,
        )
        asked = {alert.alert_id for alert in alerts}
        return {alert_id for item in items for alert_id in asked.intersection(item["alert_ids"]["SS"])}

    def note(self, alert_ids: Iterable[str], *, destination: str, now: datetime) -> None:
        """See :class:`Deliveries`. One write; two posts of one millisecond share an item."""
        self._call(
            "update_item",
            TableName=self._table_name,
            Key=item_key(_key(destination), epoch_millis(now)),
            UpdateExpression="ADD alert_ids :alert_ids SET expires_at = :expires_at",
            ExpressionAttributeValues={
                ":alert_ids": {"SS": sorted(set(alert_ids))},
                ":expires_at": {"N": str(int(now.timestamp()) + KEEP_SECONDS)},
            },
        )

    def _call(self, operation: str, **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(), operation)(**parameters)
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailable(f"DynamoDB: {operation}: {type(error).__name__}") from None


def _key(destination: str) -> str:
    return f"delivered#{destination}"


def _earliest(raised_at: Sequence[datetime], *, now: datetime) -> datetime:
    """When the first of some alerts can have been delivered. One that is from the future says nothing about that."""
    first_kept = now - timedelta(seconds=KEEP_SECONDS)
    if max(raised_at) > now + CLOCKS_DIFFER:
        return first_kept
    return max(min(raised_at), first_kept) - CLOCKS_DIFFER
