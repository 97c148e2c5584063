"""The canary's own destination: alerts for it have arrived when they are here, and nobody is told.

How long they took is measured where every delivery is measured; the alarm is over what is missing.
"""

from collections.abc import Sequence
from datetime import datetime

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.outcomes import Delivered, Outcome
from notify.rendering.slack import compose_messages


class Canary:
    """Posts nowhere. Everything up to the post is done as for a channel, so that its defects show here too."""

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        """See :class:`notify.destinations.base.Destination`."""
        return compose_messages(items, now=now, note=note)

    def degrade(self, message: Message) -> Message | None:  # noqa: ARG002
        """Nothing refuses it."""
        return None

    def post(self, message: Message) -> Outcome:  # noqa: ARG002
        """It is here."""
        return Delivered()
