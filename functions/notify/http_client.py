"""The HTTP client of a container. Promise: a request with its whole answer takes no longer than ``REQUEST_SECONDS``.

httpx's time-outs are for one read each, so an answer that drips byte by byte, in its head or in its body, meets none of
them. Here each read is given only what is left of its request's time. That can be said nowhere but beneath httpx, to the
sockets that httpcore reads from; ``tests/unit/notify/test_http_client.py`` would tell if a new version took no notice.
"""

import math
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

#: ``app.POST_MILLIS`` leaves room for it.
REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 3.0


def make_http_client(*, request_seconds: float = REQUEST_SECONDS) -> httpx.Client:
    """A client for many threads; each of them has its own request's time. It loads the certificates once and keeps its
    connections.
    """
    request = _Request()

    def begin(_: httpx.Request) -> None:
        request.ends_at = time.monotonic() + request_seconds

    client = httpx.Client(
        timeout=httpx.Timeout(request_seconds, connect=min(CONNECT_SECONDS, request_seconds)),
        follow_redirects=False,
        event_hooks={"request": [begin]},
    )
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001  # httpx has no other way to it
        if isinstance(transport, httpx.HTTPTransport):
            transport._pool._network_backend = _Backend(request)  # noqa: SLF001
    return client


class _Request(threading.local):
    """The request that this thread is busy with: until when, by ``time.monotonic``."""

    ends_at = math.inf

    def seconds(self, wanted: float | None) -> float:
        """What one read, write or handshake may take."""
        left = max(0.001, self.ends_at - time.monotonic())
        return left if wanted is None else min(wanted, left)


class _Backend(httpcore.SyncBackend):
    """Opens connections whose reads keep to their request's time."""

    def __init__(self, request: _Request) -> None:
        self._request = request

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """See ``httpcore.NetworkBackend``."""
        seconds = self._request.seconds(timeout)
        return _Stream(super().connect_tcp(host, port, seconds, local_address, socket_options), self._request)


class _Stream(httpcore.NetworkStream):
    """One connection. The methods are those of ``httpcore.NetworkStream``."""

    def __init__(self, stream: httpcore.NetworkStream, request: _Request) -> None:
        self._stream = stream
        self._request = request

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes."""
        return self._stream.read(max_bytes, self._request.seconds(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of them."""
        self._stream.write(buffer, self._request.seconds(timeout))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Encrypt it."""
        seconds = self._request.seconds(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._request)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore wants to know of the socket."""
        return self._stream.get_extra_info(info)
