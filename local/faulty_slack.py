"""A Slack that misbehaves as it is told: for tests that want to see what becomes of alerts then.

Takes and refuses messages as Slack does, and counts what it was asked, what it took, whom that named, and who came before
a Retry-After had passed. A script of faults decides each answer; which posts a fault falls on follows from the seed and
the post's number in its channel, so a run can be repeated.

::

    POST /services/CHANNEL ─▶ first fault of the channel that has an answer ─▶ else Slack's own rules ─▶ ok
"""

import math
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from local.ministack import LOOPBACK
from local.slack_rules import Refused, check, read_payload, texts

_PATH = re.compile(r"/services/([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Post:
    """A request as a fault sees it. ``number`` counts the channel's requests from 1; ``at`` is in seconds since the first."""

    number: int
    at: float
    offset: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a post is answered, and whether the message was taken.

    Attributes:
        after_seconds: how long the answer is held back. A message that is taken is taken at once.
        is_lost: the connection is closed in place of the answer.
    """

    status: int
    word: str
    is_taken: bool = False
    retry_after_seconds: int | None = None
    after_seconds: float = 0.0
    is_lost: bool = False


OK = Answer(200, "ok", is_taken=True)

#: Decides the answer to a post, or leaves it to the next fault. Called for one post of a channel at a time.
Fault = Callable[[Post], Answer | None]


def on_share(share: float, answer: Answer) -> Fault:
    """The answer for this share of the posts, evenly spread: 0.2 is every fifth, the seed decides which."""
    return lambda post: answer if math.floor(post.number * share + post.offset) > _before(post, share) else None


def on_first(count: int, answer: Answer) -> Fault:
    """The answer for the first posts."""
    return lambda post: answer if post.number <= count else None


def during(seconds: float, answer: Answer) -> Fault:
    """The answer until so many seconds after the first post."""
    return lambda post: answer if post.at < seconds else None


def always(answer: Answer) -> Fault:
    """The answer for every post, until the channel is healed."""
    return lambda _: answer


def posts_per_second(rate: float, *, burst: int = 1) -> Fault:
    """A limiter: 429 with Retry-After for what comes faster, with a burst of that many."""
    full_at = 0.0  # when the whole burst is there again

    def limit(post: Post) -> Answer | None:
        nonlocal full_at
        start = max(full_at, post.at)
        wait = start - post.at - (burst - 1) / rate
        if wait > 0:
            return rate_limited(max(1, math.ceil(wait)))
        full_at = start + 1 / rate
        return None

    return limit


def rate_limited(retry_after_seconds: int) -> Answer:
    """Slack's 429."""
    return Answer(429, "rate_limited", retry_after_seconds=retry_after_seconds)


SERVER_ERROR = Answer(500, "internal_error")
ARCHIVED = Answer(410, "channel_is_archived")
#: Taken, and the connection reset: what a crash behind a load balancer looks like.
ANSWER_LOST = replace(OK, is_lost=True)


def slow(seconds: float) -> Answer:
    """Taken, and answered so late."""
    return replace(OK, after_seconds=seconds)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken. ``is_answered`` says whether ``ok`` reached its sender; ``at`` is by ``time.monotonic``."""

    at: float
    payload: Mapping[str, Any]
    names: Mapping[str, int]
    is_answered: bool


@dataclass(slots=True)
class Channel:
    """What happened in one channel. Snapshots are made by ``FaultySlack.channel``."""

    faults: Sequence[Fault] = ()
    request_count: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    early_seconds: list[float] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    half_named: set[str] = field(default_factory=set)
    first_at: float | None = None
    closed_until: float = 0.0

    @property
    def names(self) -> Counter[str]:
        """How often each entity was named in the messages taken."""
        return sum((Counter(message.names) for message in self.taken), Counter[str]())

    @property
    def early_count(self) -> int:
        """Calls made before a Retry-After had passed."""
        return len(self.early_seconds)

    @property
    def unexplained(self) -> list[str]:
        """Entities named again although the answer that first named them was sent."""
        answered: set[str] = set()
        again: list[str] = []
        for message in self.taken:
            again += [name for name in message.names if name in answered]
            again += [name for name, count in message.names.items() if count > 1]
            answered |= set(message.names) if message.is_answered else set()
        return again


class FaultySlack:
    """The sink: a server on a free port of loopback. Use as a context manager.

    Args:
        naming: what an entity's name looks like, so that names can be counted.
        seed: shifts which posts a share falls on.
        patience_seconds: how long callers wait; an answer held back for longer reaches nobody.
    """

    def __init__(self, *, naming: str, seed: int = 0, patience_seconds: float = 10.0) -> None:
        self._naming = re.compile(naming)
        self._seed = seed
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._channels: dict[str, Channel] = {}
        self.closed = threading.Event()

    @contextmanager
    def running(self) -> Iterator["FaultySlack"]:
        """Serve until left."""
        self._server = _Server(self)
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.closed.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def url(self, channel: str) -> str:
        """The webhook's URL of a channel."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}/services/{channel}"

    def script(self, channel: str, *faults: Fault) -> None:
        """Let a channel misbehave from now on; no faults heal it. What was counted stays."""
        with self._lock:
            self._channels.setdefault(channel, Channel()).faults = faults

    def channel(self, name: str) -> Channel:
        """What happened in a channel up to now."""
        with self._lock:
            channel = self._channels.setdefault(name, Channel())
            return replace(
                channel,
                statuses=Counter(channel.statuses),
                early_seconds=list(channel.early_seconds),
                taken=list(channel.taken),
                half_named=set(channel.half_named),
            )

    def answer(self, name: str, body: bytes, content_type: str, *, arrived_at: float) -> Answer:
        """Decide and count one post. ``arrived_at`` is by ``time.monotonic``."""
        with self._lock:
            channel = self._channels.setdefault(name, Channel())
            channel.first_at = arrived_at if channel.first_at is None else channel.first_at
            channel.request_count += 1
            if arrived_at < channel.closed_until:
                channel.early_seconds.append(channel.closed_until - arrived_at)
            post = Post(channel.request_count, max(0.0, arrived_at - channel.first_at), self._offset(name))
            answer = next((answer for fault in channel.faults if (answer := fault(post)) is not None), OK)
            if answer.is_taken:
                answer = self._take(channel, body, content_type, answer, arrived_at)
            channel.statuses["lost" if answer.is_lost else str(answer.status)] += 1
            if answer.retry_after_seconds is not None:
                said_at = time.monotonic() + answer.after_seconds
                channel.closed_until = max(channel.closed_until, said_at + answer.retry_after_seconds)
        return answer

    def _take(self, channel: Channel, body: bytes, content_type: str, answer: Answer, arrived_at: float) -> Answer:
        try:
            payload = read_payload(body, content_type)
            check(payload)
        except Refused as refused:
            return Answer(400, str(refused))
        names = Counter(self._naming.findall(payload.get("text") or ""))
        in_blocks = set(self._naming.findall(" ".join(texts(payload.get("blocks") or []))))
        if "blocks" in payload:
            channel.half_named |= in_blocks ^ set(names)
        is_answered = not answer.is_lost and answer.after_seconds < self._patience_seconds
        channel.taken.append(Taken(arrived_at, payload, names, is_answered))
        return answer

    def _offset(self, name: str) -> float:
        return random.Random(f"{self._seed} {name}").random()


def _before(post: Post, share: float) -> int:
    return math.floor((post.number - 1) * share + post.offset)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, sink: FaultySlack) -> None:
        self.sink = sink
        super().__init__((LOOPBACK, 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that went away is nothing to report: time-outs are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "faulty-slack"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""

    def do_POST(self) -> None:
        arrived_at = time.monotonic()
        sink = cast("_Server", self.server).sink
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        path = _PATH.fullmatch(self.path)
        if path is None:
            answer = Answer(404, "no_service")
        else:
            answer = sink.answer(path[1], body, self.headers.get("content-type", ""), arrived_at=arrived_at)
        if answer.after_seconds:
            sink.closed.wait(answer.after_seconds)
        if answer.is_lost:
            self.close_connection = True
            return
        self.send_response(answer.status)
        if answer.retry_after_seconds is not None:
            self.send_header("retry-after", str(answer.retry_after_seconds))
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(answer.word)))
        self.end_headers()
        self.wfile.write(answer.word.encode())
        self.wfile.flush()
