"""Between LiteLLM and the stack: passes on every request as it came, and keeps it, so that a test sees what was sent.

::

    LiteLLM ─▶ tap ─▶ the stack's HTTP API
                └─ posts, by their way in

As an HTTP proxy it stands in for a provider that is down: what is for any other host is answered with 503.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from local.ministack import LOOPBACK

Way = Literal["webhook", "request log", "Slack text"]


@dataclass(frozen=True, slots=True)
class Post:
    """A request of LiteLLM's, and the stack's answer to it. ``token`` is the secret in its header or path."""

    way: Way
    token: str
    body: Any
    status: int
    answer: str


class Tap:
    """The requests of this run, in the order of their answers."""

    def __init__(self, stack_url: str) -> None:
        self.stack_address = cast(str, urlsplit(stack_url).netloc)
        #: How late Slack texts are passed on: a slow Slack, as LiteLLM sees it.
        self.slack_delay_seconds = 0.0
        #: Passes on the request log and keeps the rest to itself: as if an operator had set up nothing else.
        self.is_request_log_only = False
        self._lock = threading.Lock()
        self._posts: list[Post] = []
        self._server = _Server(self)

    @contextmanager
    def running(self) -> Iterator["Tap"]:
        """Pass on until left."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    @property
    def url(self) -> str:
        """What LiteLLM takes for our HTTP API."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def posts(self, way: Way, token: str) -> list[Post]:
        """What a gateway has sent by one way in."""
        with self._lock:
            return [post for post in self._posts if (post.way, post.token) == (way, token)]

    def records(self, token: str) -> list[dict[str, Any]]:
        """The request log of a gateway, record by record."""
        return [record for post in self.posts("request log", token) for record in post.body]

    def keep(self, post: Post) -> None:
        """Called by the server after each request."""
        with self._lock:
            self._posts.append(post)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        super().__init__((LOOPBACK, 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""

    def do_POST(self) -> None:
        tap = cast("_Server", self.server).tap
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.startswith("http://"):
            self._answer(503, b'{"message": "down"}')
            return
        way, token = self._way()
        if way == "Slack text":
            time.sleep(tap.slack_delay_seconds)
        if tap.is_request_log_only and way != "request log":
            status, answer = 200, b"ok"
        else:
            status, answer = self._passed_on(body)
        tap.keep(Post(way, token, json.loads(body), status, answer.decode()))
        self._answer(status, answer)

    def _answer(self, status: int, answer: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    def _passed_on(self, body: bytes) -> tuple[int, bytes]:
        address = cast("_Server", self.server).tap.stack_address
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        with closing(HTTPConnection(address, timeout=60)) as connection:
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def _way(self) -> tuple[Way, str]:
        _, root, *token = self.path.split("/")
        if root == "services":
            return "Slack text", token[0]
        if token:
            return "webhook", token[0]
        return "request log", self.headers["authorization"].removeprefix("Bearer ")
