"""What cannot be delivered → the dead-letter queue, with its reason. It is told as kept only when that queue has it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from botocore.client import BaseClient

MAX_REASON_CHARACTERS = 256


class DeadLetter(NamedTuple):
    """A record that is given up: its message id, its body as it came, and why."""

    message_id: str
    body: str
    reason: str


class DeadLetters(Protocol):
    """Keeps what was given up."""

    def bury(self, letters: Sequence[DeadLetter]) -> set[str]:
        """Keep letters; returns the message ids that are kept. The others must go back to the queue."""


class SQSDeadLetters:
    """Dead letters in an SQS queue; the reason is the message attribute ``reason``."""

    def __init__(self, client: "Callable[[], BaseClient]", *, queue_url: str) -> None:
        self._client: Callable[[], Any] = client
        self._queue_url = queue_url

    def bury(self, letters: Sequence[DeadLetter]) -> set[str]:
        """See :class:`DeadLetters`."""
        from botocore.exceptions import BotoCoreError, ClientError

        kept: set[str] = set()
        for letter in letters:  # rare, and up to 1 MiB each: one at a time
            try:
                self._client().send_message(
                    QueueUrl=self._queue_url,
                    MessageBody=letter.body,
                    MessageAttributes={
                        "reason": {"DataType": "String", "StringValue": letter.reason[:MAX_REASON_CHARACTERS] or "unknown"}
                    },
                )
            except (BotoCoreError, ClientError):
                continue
            kept.add(letter.message_id)
        return kept
