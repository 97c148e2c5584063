"""Alerts → the alerts queue, one message for each destination of an alert.

Promise: an alert is reported as sent only when SQS has all its messages. An entry that SQS refuses does not affect
its neighbours; it is tried once more, then left to the outbox. A message may be sent twice (an answer that was lost),
never silently not at all.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gateway_alerts.alerts import Alert, QueuedAlert

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: Entries and bytes of one SendMessageBatch (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
BATCH_ENTRIES = 10
BATCH_BYTES = 1_048_576
TRIES = 2


class AlertQueue(Protocol):
    """Takes alerts for delivery."""

    def send(self, alerts: Sequence[Alert]) -> set[str]:
        """Queue alerts; returns the ``alert_id`` of those that are wholly queued."""


class SQSAlertQueue:
    """Alerts in an SQS standard queue."""

    def __init__(self, client: "BaseClient", *, queue_url: str) -> None:
        self._client: Any = client
        self._queue_url = queue_url

    def send(self, alerts: Sequence[Alert]) -> set[str]:
        """See :class:`AlertQueue`."""
        messages = [
            (alert.alert_id, QueuedAlert(destination=destination, alert=alert).model_dump_json())
            for alert in alerts
            for destination in alert.destinations
        ]
        unsent = {alert_id for batch in _batches(messages) for alert_id in self._send_batch(batch)}
        return {alert.alert_id for alert in alerts} - unsent

    def _send_batch(self, batch: Sequence[tuple[str, str]]) -> set[str]:
        """Send up to ten messages; returns the alerts that were not taken."""
        from botocore.exceptions import BotoCoreError, ClientError

        left = {str(index): message for index, message in enumerate(batch)}
        for _ in range(TRIES):
            entries = [{"Id": entry_id, "MessageBody": body} for entry_id, (_, body) in left.items()]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except (ClientError, BotoCoreError):
                break  # the client has tried again already; whether SQS took them is not known
            for success in answer.get("Successful", ()):
                left.pop(success["Id"], None)
            if not left:
                break
        return {alert_id for alert_id, _ in left.values()}


def _batches(messages: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size_bytes = 0
    for message in messages:
        message_bytes = len(message[1].encode())
        if batch and (len(batch) == BATCH_ENTRIES or size_bytes + message_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += message_bytes
    if batch:
        yield batch
