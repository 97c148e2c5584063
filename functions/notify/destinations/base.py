"""What every kind of destination can do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from notify.grouping import AlertItem
from notify.outcomes import Outcome


class Message(NamedTuple):
    """One message for a destination, in its wire format, and the alerts that it tells."""

    payload: dict[str, Any]
    items: tuple[AlertItem, ...]


class Destination(Protocol):
    """One place to post to."""

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        """As few messages as the destination's limits allow; every alert is in exactly one. ``note`` is a sentence
        about all of them. Pure.
        """

    def degrade(self, message: Message) -> Message | None:
        """The same message in a plainer form, for a destination that refused this one; None when there is none. Pure."""

    def post(self, message: Message) -> Outcome:
        """Post one message. Never raises for what the destination or the network does."""
