"""A Slack incoming webhook. Success is the body ``ok`` and nothing else.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
https://docs.slack.dev/apis/web-api/rate-limits
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import httpx
from pydantic import SecretStr

from notify.destinations import http
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason
from notify.rendering.slack import compose_messages, plainer

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


class SlackWebhook:
    """Posts to one incoming webhook. The URL is the secret: it is in no error, log or message."""

    def __init__(self, url: SecretStr, *, client: Callable[[], httpx.Client]) -> None:
        self._url = http.safe_url(url)
        self._client = client

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        """See :class:`notify.destinations.base.Destination`."""
        return compose_messages(items, now=now, note=note)

    def degrade(self, message: Message) -> Message | None:
        """First without charts, then without blocks: the text names everyone too."""
        return plainer(message)

    def post(self, message: Message) -> Outcome:
        """See :class:`notify.destinations.base.Destination`."""
        answer = http.post_json(self._client, self._url, http.encoded(message.payload))
        if not isinstance(answer, httpx.Response):
            return answer
        return verdict(answer.status_code, http.words(answer), retry_after=answer.headers.get("retry-after"))


def verdict(status: int, word: str, *, retry_after: str | None = None) -> Outcome:
    """What Slack's answer means. The body comes before the status: it says more, and a proxy may change the other."""
    if word == "ok" and status == 200:
        return Delivered()
    if word in CONFIGURATION_ERRORS:
        return Permanent(Reason.CONFIGURATION, word)
    if word in PAYLOAD_ERRORS:
        return Permanent(Reason.PAYLOAD_REFUSED, word)
    if word in AMBIGUOUS_ERRORS:
        return Ambiguous(Reason.SERVER_ERROR)
    return http.verdict(status, retry_after=retry_after)
