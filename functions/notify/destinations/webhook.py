"""A webhook of anybody's: a POST of JSON, which any 2xx takes. What is in it: :mod:`notify.rendering.webhook`.

Every POST carries ``X-Gateway-Alerts-Delivery``: the document's ``delivery``, by which a receiver can tell one that it has
seen already. When the destination has a ``secret`` it is signed, as Slack and Stripe sign::

    X-Gateway-Alerts-Timestamp: 1795435200          seconds since 1970: the document's ``sent_at``
    X-Gateway-Alerts-Signature: v1=6f2c…            hex of HMAC-SHA256(secret, "v1:" + timestamp + ":" + raw body)

A receiver compares in constant time, over the body as it came, and refuses what is old. In Python::

    import hashlib, hmac, time

    def is_genuine(headers, body: bytes, secret: str) -> bool:
        timestamp = headers.get("X-Gateway-Alerts-Timestamp", "")
        if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > 300:
            return False
        signed = b"v1:" + timestamp.encode() + b":" + body
        expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), headers.get("X-Gateway-Alerts-Signature", "").encode())
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

import httpx
from pydantic import SecretStr

from notify.destinations import http
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.outcomes import Delivered, Outcome
from notify.rendering.webhook import compose_documents

DELIVERY_HEADER = "X-Gateway-Alerts-Delivery"
TIMESTAMP_HEADER = "X-Gateway-Alerts-Timestamp"
SIGNATURE_HEADER = "X-Gateway-Alerts-Signature"


class Webhook:
    """Posts to one URL, which is taken for a secret as the signing secret is: neither is in an error, a log or a message."""

    def __init__(self, url: SecretStr, *, secret: SecretStr | None, client: Callable[[], httpx.Client]) -> None:
        self._url = http.safe_url(url)
        self._secret = secret
        self._client = client

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        """See :class:`notify.destinations.base.Destination`."""
        return compose_documents(items, now=now, note=note)

    def degrade(self, message: Message) -> Message | None:  # noqa: ARG002
        """A document has no decoration to leave out."""
        return None

    def post(self, message: Message) -> Outcome:
        """See :class:`notify.destinations.base.Destination`."""
        body = http.encoded(message.payload)
        headers = {DELIVERY_HEADER: message.payload["delivery"]}
        if self._secret is not None:
            sent_at = datetime.fromisoformat(message.payload["sent_at"])
            headers |= signed(body, secret=self._secret, timestamp=str(int(sent_at.timestamp())))
        answer = http.post_json(self._client, self._url, body, headers)
        if not isinstance(answer, httpx.Response):
            return answer
        return verdict(answer.status_code, retry_after=answer.headers.get("retry-after"))


def signed(body: bytes, *, secret: SecretStr, timestamp: str) -> dict[str, str]:
    """The headers that prove who sent a body and when."""
    content = f"v1:{timestamp}:".encode() + body
    signature = hmac.new(secret.get_secret_value().encode(errors="surrogatepass"), content, hashlib.sha256).hexdigest()
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: f"v1={signature}"}


def verdict(status: int, *, retry_after: str | None = None) -> Outcome:
    """What a receiver's answer means: any 2xx is a success, whatever the body says."""
    return Delivered() if 200 <= status < 300 else http.verdict(status, retry_after=retry_after)
