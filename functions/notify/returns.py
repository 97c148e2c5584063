"""Alerts back to the queue, hidden until they can be delivered: nobody sleeps, and a batch that waits grows fuller.

Each return counts as a receive. The queue therefore lets a message be received a thousand times, and what is dead is
decided by NotifyFunction (``pipeline.DEAD_AFTER``), never by the count; see the README's decision record.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
BATCH_ENTRIES = 10
#: From the call on, for all of a message's receive (same page): 12 hours, less what it was hidden before.
MAX_SECONDS = 11 * 3_600


class Returns(Protocol):
    """Gives messages back."""

    def postpone(self, receipt_handles: Sequence[str], *, seconds: int) -> None:
        """Hide received messages for that long from now. One that fails is hidden for the queue's own time."""


class SQSReturns:
    """Returns to an SQS queue."""

    def __init__(self, client: "Callable[[], BaseClient]", *, queue_url: str) -> None:
        self._client: Callable[[], Any] = client
        self._queue_url = queue_url

    def postpone(self, receipt_handles: Sequence[str], *, seconds: int) -> None:
        """See :class:`Returns`."""
        from botocore.exceptions import BotoCoreError, ClientError

        for start in range(0, len(receipt_handles), BATCH_ENTRIES):
            entries = [
                {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": min(seconds, MAX_SECONDS)}
                for index, handle in enumerate(receipt_handles[start : start + BATCH_ENTRIES])
            ]
            try:
                self._client().change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)
            except (BotoCoreError, ClientError):
                return  # the queue's own visibility time-out brings them back, only later
