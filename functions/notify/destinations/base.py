"""What every kind of destination can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from notify.grouping import AlertItem
from notify.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a destination, in its wire format, and the alerts that it tells."""

    payload: dict[str, Any]
    items: tuple[AlertItem, ...]


class Destination(Protocol):
    """One place to post to."""

    def compose(self, items: Sequence[AlertItem], *, now: datetime) -> list[Message]:
        """As few messages as the destination's limits allow; every alert is in exactly one. Pure."""

    def post(self, message: Message) -> Outcome:
        """Post one message. Never raises for what the destination or the network does."""
