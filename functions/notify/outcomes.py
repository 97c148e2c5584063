"""How a post can end. There are four ways, and each says what becomes of its alerts."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a post was not plainly delivered; a metric's dimension, so the list is closed."""

    RATE_LIMITED = "rate_limited"
    CANNOT_CONNECT = "cannot_connect"
    NO_ANSWER = "no_answer"
    SERVER_ERROR = "server_error"
    CONFIGURATION = "configuration"
    PAYLOAD_REFUSED = "payload_refused"
    UNEXPECTED_ANSWER = "unexpected_answer"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination said that it has the message."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The destination does not have it, and asks to come again after ``seconds`` (None: it did not say when)."""

    reason: Reason
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Permanent:
    """The destination does not have it and will not take it as it is. ``detail`` is its own word for why."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The message was sent, and no answer says whether the destination has it. Sending it again may double it."""

    reason: Reason


Outcome = Delivered | RetryLater | Permanent | Ambiguous
