"""A Slack incoming webhook. Success is the body ``ok`` and nothing else.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
https://docs.slack.dev/apis/web-api/rate-limits
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from notify.rendering.slack import compose_messages

#: Slack's words for a destination that is gone or closed to us; only an operator can mend it.
CONFIGURATION_ERRORS = frozenset(
    {
        "no_service",
        "no_service_id",
        "no_active_hooks",
        "no_team",
        "team_disabled",
        "channel_not_found",
        "channel_is_archived",
        "invalid_token",
        "action_prohibited",
        "posting_to_general_channel_denied",
        "user_not_found",
    }
)
#: Slack's words for a message that it will never take as it is.
PAYLOAD_ERRORS = frozenset(
    {
        "invalid_payload",
        "no_text",
        "too_many_attachments",
        "invalid_blocks",
        "invalid_attachments",
        "msg_blocks_too_long",
        "msg_too_long",
    }
)
#: Slack's word for a failure of its own, after which part of the work may have been done.
AMBIGUOUS_ERRORS = frozenset({"rollup_error"})
#: Slack's own answers are a word.
MAX_ANSWER_BYTES = 200
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SlackWebhook:
    """Posts to one incoming webhook. The URL is the secret: it is in no error, log or message."""

    def __init__(self, url: SecretStr, *, client: Callable[[], httpx.Client]) -> None:
        if not _is_safe(url.get_secret_value()):
            raise ConfigurationError("a Slack webhook's URL begins with https:// and is whole")
        self._url = url
        self._client = client

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        """See :class:`notify.destinations.base.Destination`."""
        return compose_messages(items, now=now, note=note)

    def degrade(self, message: Message) -> Message | None:
        """Without blocks: the text names everyone too."""
        if "blocks" not in message.payload:
            return None
        return Message({name: value for name, value in message.payload.items() if name != "blocks"}, message.items)

    def post(self, message: Message) -> Outcome:
        """See :class:`notify.destinations.base.Destination`."""
        try:
            with self._client().stream("POST", self._url.get_secret_value(), json=message.payload) as answer:
                body = _beginning(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return RetryLater(Reason.CANNOT_CONNECT)  # nothing was sent
        except (httpx.InvalidURL, UnicodeError):
            return Permanent(Reason.CONFIGURATION, "the URL cannot be called")
        except (httpx.HTTPError, OSError):
            return Ambiguous(Reason.NO_ANSWER)
        return verdict(answer.status_code, body, retry_after=answer.headers.get("retry-after"))


def _beginning(answer: httpx.Response) -> str:
    """As much of an answer as Slack's own are long; the rest is not read."""
    read = b""
    try:
        for part in answer.iter_bytes():
            read += part
            if len(read) >= MAX_ANSWER_BYTES:
                break
    except (httpx.HTTPError, OSError):
        if answer.status_code != 429:
            raise
        # Its head has said it all: nothing was taken, and when to come again.
    return read[:MAX_ANSWER_BYTES].decode(errors="replace")


def verdict(status: int, body: str, *, retry_after: str | None = None) -> Outcome:
    """What Slack's answer means. The body comes before the status: it says more, and a proxy may change the other."""
    word = body.strip()
    if word == "ok" and status == 200:
        return Delivered()
    if word in CONFIGURATION_ERRORS:
        return Permanent(Reason.CONFIGURATION, word)
    if word in PAYLOAD_ERRORS:
        return Permanent(Reason.PAYLOAD_REFUSED, word)
    if word in AMBIGUOUS_ERRORS:
        return Ambiguous(Reason.SERVER_ERROR)
    if status == 429:
        return RetryLater(Reason.RATE_LIMITED, _seconds(retry_after))
    if status >= 500:
        return Ambiguous(Reason.SERVER_ERROR)
    if status in (401, 403, 404, 410):
        return Permanent(Reason.CONFIGURATION, f"status {status}")
    if status in (400, 413, 422):
        return Permanent(Reason.PAYLOAD_REFUSED, f"status {status}")
    return Permanent(Reason.UNEXPECTED_ANSWER, f"status {status}")


def _is_safe(url: str) -> bool:
    """Whether a URL is whole, and encrypted unless it stays on this machine."""
    try:
        parts, port = httpx.URL(url), urlsplit(url).port
    except (httpx.InvalidURL, ValueError):
        return False
    is_encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.host in LOOPBACK)
    return is_encrypted and bool(parts.host) and port != 0


def _seconds(retry_after: str | None) -> int | None:
    is_number = retry_after is not None and re.fullmatch(r"[0-9]{1,6}", retry_after)
    return int(retry_after) if retry_after is not None and is_number else None
