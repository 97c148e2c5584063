"""What all destinations that are a URL have in common: which URLs are safe, one POST, and what its end means.

A webhook's URL is its secret: it is in no error, log or outcome. httpx's errors are translated here and nowhere else.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError
from notify.outcomes import Ambiguous, Outcome, Permanent, Reason, RetryLater

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: What a destination says of a post is a word or a line.
MAX_ANSWER_BYTES = 200


def safe_url(url: SecretStr) -> SecretStr:
    """The URL, when it is whole, encrypted unless it stays on this machine, and names no user, who could pass for the host.

    Raises:
        ConfigurationError: it is not; the URL is not shown.
    """
    if not _is_safe(url.get_secret_value()):
        raise ConfigurationError("a destination's URL begins with https://, is whole, and holds no user or password")
    return url


def encoded(payload: Mapping[str, Any]) -> bytes:
    """The JSON that is posted."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def post_json(
    client: Callable[[], httpx.Client], url: SecretStr, content: bytes, headers: Mapping[str, str] | None = None
) -> httpx.Response | Outcome:
    """Post once: the answer, or how it ended without one. Redirects are not followed: they would carry it elsewhere."""
    headers = {"content-type": "application/json"} | dict(headers or {})
    try:
        with client().stream("POST", url.get_secret_value(), content=content, headers=headers, follow_redirects=False) as answer:
            return httpx.Response(answer.status_code, headers=answer.headers, content=_beginning(answer))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        return RetryLater(Reason.CANNOT_CONNECT)  # nothing was sent
    except (httpx.InvalidURL, UnicodeError):
        return Permanent(Reason.CONFIGURATION, "the URL cannot be called")
    except (httpx.HTTPError, OSError):
        return Ambiguous(Reason.NO_ANSWER)


def _beginning(answer: httpx.Response) -> bytes:
    """As much of an answer as is looked at; the rest is not read."""
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
    return read[:MAX_ANSWER_BYTES]


def words(answer: httpx.Response) -> str:
    """The beginning of an answer's body, which says what its status does not."""
    return answer.content[:MAX_ANSWER_BYTES].decode(errors="replace").strip()


def verdict(status: int, *, retry_after: str | None = None) -> Outcome:
    """What a status means that is not the destination's own success. ``retry_after`` is that header."""
    match status:
        case 429:
            return RetryLater(Reason.RATE_LIMITED, _seconds(retry_after))
        case 503 if _seconds(retry_after) is not None:  # it knows when, so it has not taken it
            return RetryLater(Reason.RATE_LIMITED, _seconds(retry_after))
        case 408 | 425:  # by their definition not taken: https://www.rfc-editor.org/rfc/rfc9110#status.408, rfc8470#section-5.2
            return RetryLater(Reason.SERVER_ERROR)
        case 400 | 413 | 422:
            return Permanent(Reason.PAYLOAD_REFUSED, f"status {status}")
        case 401 | 403 | 404 | 410:
            return Permanent(Reason.CONFIGURATION, f"status {status}")
        case _ if status >= 500:
            return Ambiguous(Reason.SERVER_ERROR)
    return Permanent(Reason.UNEXPECTED_ANSWER, f"status {status}")


def _is_safe(url: str) -> bool:
    try:
        parts, port = httpx.URL(url), urlsplit(url).port
    except (httpx.InvalidURL, ValueError):
        return False
    is_encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.host in LOOPBACK)
    return is_encrypted and bool(parts.host) and port != 0 and not parts.userinfo


def _seconds(retry_after: str | None) -> int | None:
    is_number = retry_after is not None and re.fullmatch(r"[0-9]{1,6}", retry_after)
    return int(retry_after) if retry_after is not None and is_number else None
