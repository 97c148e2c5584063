"""A look-alike of Slack's incoming webhooks: takes and refuses messages as Slack does, keeps them, shows them.

``POST /inbox/{channel}`` takes a message; ``GET /`` is the page; ``GET /inbox.json`` gives the messages as they came.
"""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local import inbox_page
from local.http_events import Request, Response
from local.slack_html import message_html
from local.slack_rules import Refused, check, read_payload

#: The page is for looking; the oldest messages make room.
KEPT_MESSAGES = 5_000
_CHANNEL = re.compile(r"/inbox/([^/]+)")


@dataclass(frozen=True, slots=True)
class Message:
    """One message that was taken. ``number`` counts from 1."""

    number: int
    channel: str
    received_at: datetime
    payload: Mapping[str, Any]

    def as_json(self, *, with_html: bool) -> dict[str, Any]:
        """The message for the page or a test."""
        content: dict[str, Any] = {
            "number": self.number,
            "channel": self.channel,
            "received_at": self.received_at.isoformat(timespec="milliseconds"),
            "payload": self.payload,
        }
        return content | {"html": message_html(self.payload)} if with_html else content


class Inbox:
    """The messages of this run, in memory. Safe to use from several threads."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self._count = 0

    def messages(self, *, after: int = 0) -> list[Message]:
        """The messages with a number above ``after``, in the order of their arrival."""
        with self._lock:
            return [message for message in self._messages if message.number > after]

    def take(self, channel: str, payload: Mapping[str, Any]) -> Message:
        """Keep a message. Raises Refused when Slack would not take it."""
        check(payload)
        with self._lock:
            self._count += 1
            message = Message(self._count, channel, self._clock(), payload)
            self._messages.append(message)
        return message

    def answer(self, request: Request) -> Response | None:
        """Answer what is for the inbox; None for everything else."""
        url = urlsplit(request.target)
        channel = _CHANNEL.fullmatch(url.path)
        match request.method, url.path:
            case "POST", _ if channel:
                return self._post(unquote(channel[1]), request)
            case "GET" | "HEAD", "/":
                return Response(200, inbox_page.HTML, inbox_page.HEADERS)
            case "GET", "/inbox.json":
                return self._list(parse_qs(url.query))
        return None

    def _post(self, channel: str, request: Request) -> Response:
        content_type = next((value for name, value in request.headers if name.lower() == "content-type"), "")
        try:
            self.take(channel, read_payload(request.body, content_type))
        except Refused as refused:
            return _plain(400, str(refused))
        return _plain(200, "ok")

    def _list(self, query: Mapping[str, list[str]]) -> Response:
        after = query.get("after", ["0"])[0]
        messages = self.messages(after=int(after) if after.isdecimal() else 0)
        content = {"messages": [message.as_json(with_html="html" in query) for message in messages], "last": self._count}
        return Response(200, json.dumps(content).encode(), {"content-type": "application/json", "cache-control": "no-store"})


def _plain(status: int, word: str) -> Response:
    return Response(status, word.encode(), {"content-type": "text/plain; charset=utf-8"})
