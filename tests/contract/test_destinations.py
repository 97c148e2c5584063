"""Every kind of destination keeps the same promises: a new row in ``DESTINATION_TYPES`` is held to them by being there."""

import logging
from collections.abc import Callable, Iterator

import httpx
import pytest
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError
from gateway_alerts.observability import build_logger
from notify.destinations.base import Destination, Message
from notify.destinations.registry import DESTINATION_TYPES
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, RetryLater
from tests.unit.notify.fakes import NOW, WEBHOOK, FakeSlack, assert_no_secret, make_item, make_items, said_by

Answer = Callable[[httpx.Request], httpx.Response]

every_type = pytest.mark.parametrize("name", DESTINATION_TYPES)


def opened(name: str, answer: Answer | None = None) -> tuple[Destination, FakeSlack]:
    outside = FakeSlack(answer)
    return DESTINATION_TYPES[name](SecretStr(WEBHOOK), outside.client), outside


def a_message(destination: Destination) -> Message:
    return destination.compose([make_item()], now=NOW)[0]


def raises(error: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def answers() -> Iterator[tuple[str, Answer]]:
    """Everything that a destination or the network may do to a post."""
    for status in range(100, 600):
        yield f"status {status}", lambda _, status=status: httpx.Response(status, text=f"you called {WEBHOOK}")
        yield f"empty status {status}", lambda _, status=status: httpx.Response(status)
    for body in (b"\xff\xfe\x00", b"{", b"null", b"<html>", b"ok" * 100_000, "ｏｋ".encode()):
        yield f"body {body[:9]!r}", lambda _, body=body: httpx.Response(200, content=body)
    for charset in ("base64", "nope", "utf-16", "idna", "rot13"):
        headers = {"content-type": f"text/plain; charset={charset}"}
        yield f"charset {charset}", lambda _, headers=headers: httpx.Response(200, content=b"ok", headers=headers)
    for encoding in ("gzip", "deflate", "br"):
        headers = {"content-encoding": encoding}
        yield (
            f"encoding {encoding}",
            lambda _, headers=headers: httpx.Response(200, stream=httpx.ByteStream(b"no"), headers=headers),
        )
    for seconds in ("", "-1", "1e9", "9" * 5_000, "²", "Wed, 25 Nov 2026 10:00:00 GMT"):
        headers = [(b"retry-after", seconds.encode())]
        yield f"retry after {seconds[:9]}", lambda _, headers=headers: httpx.Response(429, headers=headers)
    for location in ("", "http://[bad", f"{WEBHOOK}/moved", "//", "\x00"):
        headers = [(b"location", location.encode())]
        yield f"location {location!r}", lambda _, headers=headers: httpx.Response(302, headers=headers)
    for error in _all_kinds(httpx.TransportError):
        yield error.__name__, raises(error(f"while calling {WEBHOOK}"))


def _all_kinds(error: type[Exception]) -> list[type[Exception]]:
    return [error, *(kind for child in error.__subclasses__() for kind in _all_kinds(child))]


@every_type
@pytest.mark.parametrize("number", [0, 1, 2, 12, 13, 100, 1_500])
def test_every_alert_is_in_exactly_one_message_and_named_in_it(name: str, number: int) -> None:
    items = make_items(number)
    destination, outside = opened(name)

    messages = destination.compose(items, now=NOW)

    assert sorted(id(item) for message in messages for item in message.items) == sorted(id(item) for item in items)
    for message in messages:
        assert message.items
        for item in message.items:
            assert item.alert.entity.name in str(message.payload)
    assert outside.requests == []


@every_type
def test_composing_again_gives_the_same(name: str) -> None:
    destination, _ = opened(name)
    items = make_items(40)

    assert destination.compose(items, now=NOW) == destination.compose(items, now=NOW)


@every_type
def test_a_post_never_raises_and_never_shows_the_secret(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    build_logger("notify")
    caplog.set_level(logging.DEBUG)
    delivered = []
    for what, answer in answers():
        destination, _ = opened(name, answer)

        outcome = destination.post(a_message(destination))

        assert isinstance(outcome, Outcome), what
        assert_no_secret(outcome, destination)
        delivered += [what] if outcome == Delivered() else []

    assert not [what for what in delivered if not what.startswith("charset")]
    assert_no_secret("\n".join(said_by(record.getMessage()) for record in caplog.records), *capfd.readouterr())


@every_type
def test_where_nothing_was_sent_it_may_come_again_and_where_something_was_it_may_be_doubled(name: str) -> None:
    def after(error: Exception) -> Outcome:
        destination, _ = opened(name, raises(error))
        return destination.post(a_message(destination))

    assert isinstance(after(httpx.ConnectError("refused")), RetryLater)
    assert isinstance(after(httpx.ConnectTimeout("slow")), RetryLater)
    assert isinstance(after(httpx.ReadTimeout("slow")), Ambiguous)
    assert isinstance(after(httpx.ReadError("reset")), Ambiguous)


@every_type
def test_429_is_later_with_the_seconds_that_were_asked_for(name: str) -> None:
    destination, _ = opened(name, lambda _: httpx.Response(429, headers={"Retry-After": "9"}))
    outcome = destination.post(a_message(destination))

    assert isinstance(outcome, RetryLater)
    assert outcome.seconds == 9


@every_type
def test_a_destination_that_is_gone_is_permanent(name: str) -> None:
    destination, _ = opened(name, lambda _: httpx.Response(410, text="gone"))

    assert isinstance(destination.post(a_message(destination)), Permanent)


@every_type
def test_one_client_is_used_and_only_when_something_is_posted(name: str) -> None:
    destination, outside = opened(name)
    messages = destination.compose(make_items(300), now=NOW)
    assert outside.clients_opened == 0

    for message in messages:
        destination.post(message)

    assert outside.clients_opened == 1
    assert len(outside.requests) == len(messages)


@every_type
@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://hooks.slack.test/T0SECRET1", "https://", "https://[T0SECRET1", "https://x:T0SECRET1/"]
)
def test_a_url_that_is_unsafe_or_none_is_refused_without_showing_it(name: str, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DESTINATION_TYPES[name](SecretStr(url), FakeSlack().client)

    assert_no_secret(str(caught.value), repr(caught.value))
