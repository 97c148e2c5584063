"""A Microsoft Teams incoming webhook, or the URL of a Workflows flow "when a Teams webhook request is received".

A flow answers 202 and posts the card afterwards: delivered means that the flow has it. A flow that fails after that says
so in its own run history only. An incoming webhook answers 200 whatever happened, and the body says what: ``1``, or
``… Microsoft Teams endpoint returned HTTP error 429 …``.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using#rate-limiting-for-connectors
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

import httpx
from pydantic import SecretStr

from notify.destinations import http
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.outcomes import Delivered, Outcome, Reason, RetryLater
from notify.rendering.teams import compose_cards, plainer

#: Status and body of a success. A flow with an answer of its own may say nothing but 200.
DELIVERED = frozenset({(200, "1"), (200, "")})
_ERROR_WITHIN = re.compile(r"endpoint returned HTTP error ([1-5][0-9]{2})\b")


class TeamsWebhook:
    """Posts to one URL, which is the secret: it is in no error, log or message."""

    def __init__(self, url: SecretStr, *, client: Callable[[], httpx.Client]) -> None:
        self._url = http.safe_url(url)
        self._client = client

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        """See :class:`notify.destinations.base.Destination`."""
        return compose_cards(items, now=now, note=note)

    def degrade(self, message: Message) -> Message | None:
        """In elements that every client has known from the beginning."""
        plain = plainer(message.payload)
        return None if plain is None else Message(plain, message.items)

    def post(self, message: Message) -> Outcome:
        """See :class:`notify.destinations.base.Destination`."""
        answer = http.post_json(self._client, self._url, http.encoded(message.payload))
        if not isinstance(answer, httpx.Response):
            return answer
        return verdict(answer.status_code, http.words(answer), retry_after=answer.headers.get("retry-after"))


def verdict(status: int, body: str, *, retry_after: str | None = None) -> Outcome:
    """What Teams' answer means. An error that the body names comes before the status, which is 200 then."""
    within = _ERROR_WITHIN.search(body)
    if within is not None:
        status = int(within[1])
    elif status == 202 or (status, body) in DELIVERED:
        return Delivered()
    if status == 412:  # to be tried again: https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
        return RetryLater(Reason.SERVER_ERROR)
    return http.verdict(status, retry_after=retry_after)
