"""A request has one time for all of it, however its answer comes: held against a server on loopback that drips."""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpcore
import httpx
import pytest
from pydantic import SecretStr
from pytest_socket import enable_socket

from notify.destinations.base import Message
from notify.destinations.slack import SlackWebhook
from notify.http_client import CONNECT_SECONDS, REQUEST_SECONDS, _Request, _Stream, make_http_client
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater

MESSAGE = Message(payload={"text": "Key prod-search 96 %"}, items=())
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#: What a request has in these tests. A drip each tenth of it would go on for ten times as long.
SECONDS = 0.4
DRIP_SECONDS = SECONDS / 10
DRIPS = 100


@pytest.fixture(autouse=True)
def loopback(no_sockets: None) -> None:
    enable_socket()


def drips(at_once: bytes, end: bytes = b"") -> Iterator[bytes]:
    """A beginning, then one byte after the other, each in time for itself, and an end for whoever waits for it."""
    yield at_once
    for _ in range(DRIPS):
        time.sleep(DRIP_SECONDS)
        yield b"x"
    yield end


@contextmanager
def server(*answers: Iterable[bytes]) -> Iterator[str]:
    """A server that gives each request the next answer, part by part; the address of a webhook."""
    left, closing = iter(answers), threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65_536):
                for part in next(left):
                    if closing.is_set():
                        return
                    connection.sendall(part)

    def accept() -> None:
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            threads.submit(serve, connection)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(8) as threads:
        listener.settimeout(0.05)
        threads.submit(accept)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/services/T/B/x"
        finally:
            closing.set()


@contextmanager
def posting(*answers: Iterable[bytes]) -> Iterator[SlackWebhook]:
    with server(*answers) as url, make_http_client(request_seconds=SECONDS) as client:
        yield SlackWebhook(SecretStr(url), client=lambda: client)


STATUS = b"HTTP/1.1 200 "
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
RATE_LIMITED = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param((STATUS, b"\r\nContent-Length: 2\r\n\r\nok"), Ambiguous(Reason.NO_ANSWER), id="in its status"),
        pytest.param((HEAD % 2 + b"X: ", b"\r\n\r\nok"), Ambiguous(Reason.NO_ANSWER), id="in its headers"),
        pytest.param((HEAD % DRIPS + b"\r\n", b""), Ambiguous(Reason.NO_ANSWER), id="in its body: it may have been taken"),
        pytest.param(
            (RATE_LIMITED, b""), RetryLater(Reason.RATE_LIMITED, 7), id="in the body of a 429, whose head has said when"
        ),
    ],
)
def test_an_answer_that_drips_ends_in_time(answer: tuple[bytes, bytes], expected: Outcome) -> None:
    with posting(drips(*answer)) as webhook:
        assert webhook.post(MESSAGE) == expected


def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 1_000

    with posting(endless()) as webhook:
        assert webhook.post(MESSAGE) == Permanent(Reason.UNEXPECTED_ANSWER, "status 200")


def test_each_request_has_its_own_time_on_a_connection_that_is_kept() -> None:
    def late() -> Iterator[bytes]:
        time.sleep(SECONDS * 0.6)
        yield OK

    with posting(late(), late(), late()) as webhook:
        assert [webhook.post(MESSAGE) for _ in range(3)] == [Delivered()] * 3


def test_one_threads_request_does_not_take_anothers_time() -> None:
    with posting(drips(STATUS), [OK], [OK]) as webhook, ThreadPoolExecutor(1) as other:
        slow = other.submit(webhook.post, MESSAGE)
        time.sleep(SECONDS / 2)

        assert [webhook.post(MESSAGE) for _ in range(2)] == [Delivered()] * 2
        assert slow.result() == Ambiguous(Reason.NO_ANSWER)


def test_an_encrypted_connection_keeps_to_it_as_well() -> None:
    asked: list[float | None] = []

    class Watching(httpcore.MockStream):
        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            asked.append(timeout)
            return super().read(max_bytes, timeout)

        def start_tls(
            self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
        ) -> httpcore.NetworkStream:
            asked.append(timeout)
            return self

    request, context = _Request(), ssl.create_default_context()
    request.ends_at = time.monotonic() + 60
    stream = _Stream(Watching([b"ok"]), request).start_tls(context, "hooks.slack.test", 90)
    stream.read(10, None)

    assert [seconds is not None and 0 < seconds <= 60 for seconds in asked] == [True, True]
    assert stream.get_extra_info("ssl_object") is not None
    stream.close()


def test_before_any_request_only_the_time_that_was_asked_for_counts() -> None:
    assert _Request().seconds(3) == 3


def test_the_client_follows_no_redirects_and_gives_up_connecting_early() -> None:
    with make_http_client() as client:
        assert client.follow_redirects is False
        assert client.timeout == httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS)


def test_a_proxy_of_the_environment_is_used_and_keeps_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(drips(STATUS, b"\r\nContent-Length: 2\r\n\r\nok")) as url:
        monkeypatch.setenv("HTTP_PROXY", url.removesuffix("/services/T/B/x"))
        with make_http_client(request_seconds=SECONDS) as client, pytest.raises(httpx.ReadTimeout):
            client.get("http://slack.test/")
