"""The HTTP API's stand-in, and the inbox, on one port of loopback.

Only the template's routes exist. A path can hold a token, so no path is ever logged: reports name the route.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from local.http_events import Request, Response, Route, lambda_event, response_of
from local.ministack import LOOPBACK, PortInUse
from local.workers import FunctionError, NoWorkerFree

#: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BODY_BYTES = 10 * 1024 * 1024
INTEGRATION_SECONDS = 29.0
#: Lambda's limit, which the event reaches before the body reaches API Gateway's
#: (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MAX_EVENT_BYTES = 6 * 1024 * 1024
#: A body beyond all limits is read up to here, so that its sender gets to read the refusal.
MAX_DRAINED_BYTES = 64 * 1024 * 1024
IDLE_SECONDS = 75.0

#: (function, event, seconds to wait for a worker) → the function's answer.
Invoke = Callable[[str, Any, float], Any]
#: Answers a request that is not for the HTTP API, or None.
SideDoor = Callable[[Request], Response | None]


class HttpApi:
    """Requests → Lambda events → responses."""

    def __init__(self, routes: Sequence[Route], invoke: Invoke, *, report: Callable[[str], None] = lambda _: None) -> None:
        self._routes = routes
        self._invoke = invoke
        self._report = report

    def answer(self, request: Request) -> Response:
        """Answer one request as API Gateway would."""
        started = time.monotonic()
        path = urlsplit(request.target).path
        for route in self._routes:
            parameters = route.match(request.method, path)
            if parameters is not None:
                response = self._call(route, lambda_event(request, route, parameters, now=datetime.now(UTC)))
                self._report(f"{route.key} → {response.status} ({(time.monotonic() - started) * 1000:.0f} ms)")
                return response
        self._report(f"{request.method} without a route → 404")
        return Response.of_message(404, "Not Found")

    def _call(self, route: Route, event: dict[str, Any]) -> Response:
        if len(json.dumps(event)) > MAX_EVENT_BYTES:
            return Response.of_message(413, "Request Entity Too Large")
        try:
            return response_of(self._invoke(route.function, event, INTEGRATION_SECONDS))
        except NoWorkerFree:
            return Response.of_message(503, "Service Unavailable")
        except (FunctionError, ValueError):
            return Response.of_message(500, "Internal Server Error")


class LocalServer(ThreadingHTTPServer):
    """Listens at once; answers from ``start`` on."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int) -> None:
        """Listen on a port of 127.0.0.1; 0 takes a free one. Raises PortInUse."""
        self.api: HttpApi | None = None
        self.side_door: SideDoor = lambda _: None
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise PortInUse(f"port {port} cannot be used: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self, api: HttpApi, side_door: SideDoor) -> None:
        """Begin to answer."""
        self.api, self.side_door = api, side_door
        self._thread.start()

    def close(self) -> None:
        """Stop answering, and give the port back."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Say what broke, unless it is only a client that went away."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"local server: {type(error).__name__}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "gateway-alerts-local"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: the request line holds tokens."""

    def _respond(self) -> None:
        server = cast("LocalServer", self.server)
        body = self._read_body()
        if body is None:
            self._send(Response.of_message(413, "Request Entity Too Large"))
            return
        request = Request(self.command, self.path, self.headers.items(), body, self.client_address[0])
        response = server.side_door(request)
        if response is None:
            assert server.api is not None
            response = server.api.answer(request)
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _respond  # noqa: N815

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        for cookie in response.cookies:
            self.send_header("set-cookie", cookie)
        self.send_header("content-length", str(len(response.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _read_body(self) -> bytes | None:
        """The body; None when it is larger than API Gateway takes."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("content-length", "0")
        size = int(length) if length.isdecimal() else 0
        if size <= MAX_BODY_BYTES:
            body = self.rfile.read(size)
            if len(body) < size:
                raise ConnectionError("the client went away")
            return body
        self.close_connection = True
        for _ in range(min(size, MAX_DRAINED_BYTES) // 65_536 + 1):
            size -= len(self.rfile.read(min(size, 65_536)))
        return None

    def _read_chunks(self) -> bytes | None:
        chunks: list[bytes] = []
        total = 0
        while size := self._chunk_size():
            total += size
            chunk = self.rfile.read(size + len(b"\r\n"))
            if total <= MAX_BODY_BYTES:
                chunks.append(chunk[:-2])
            elif total > MAX_DRAINED_BYTES:
                break
        else:
            while self.rfile.readline(1_024).strip():  # trailers
                pass
            return b"".join(chunks) if total <= MAX_BODY_BYTES else None
        self.close_connection = True
        return None

    def _chunk_size(self) -> int:
        try:
            return int(self.rfile.readline(1_024).partition(b";")[0], 16)
        except ValueError:
            raise ConnectionError("not chunked as announced") from None
