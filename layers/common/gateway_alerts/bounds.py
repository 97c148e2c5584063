"""What amounts, durations and moments are taken at all: the same for what comes in and for what is queued. Pure.

They stand apart from the events, so that NotifyFunction, which meets none, does not build their models.
"""

from datetime import UTC, datetime
from decimal import Decimal

#: Year 9999, the last that a calendar here knows.
MAX_EPOCH_SECONDS = 253_402_300_799.0
#: Seconds that a request may have taken; a longer one is a fault of the sender.
MAX_SECONDS = 10.0**7
#: US dollars. A spend beyond it is a fault of the sender, and a limit beyond it is no limit.
MAX_MONEY_USD = Decimal(10) ** 15
#: US dollars. A limit closer to zero is zero: any spend would be a percentage that nobody can read.
MIN_LIMIT_USD = Decimal("1e-12")


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken to be UTC, as LiteLLM's are.

    Raises:
        ValueError: it is beyond the calendar there.
    """
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar") from None


def moment_of(text: object) -> datetime | None:
    """The moment that an ISO 8601 text says, in UTC; None for anything else, and for one that is beyond the calendar."""
    try:
        return in_utc(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None
