"""What is outside of each kind of destination, and everything that it may do to a post: a row of ``OUTSIDES`` each."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import botocore.exceptions
import httpx
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from pydantic import SecretStr

from notify.destinations.base import Destination
from notify.destinations.registry import DESTINATION_TYPES, Address, Clients
from tests.unit.notify.fakes import WEBHOOK, FakeSlack

SIGNING_SECRET = "signSECRET4signSECRET4"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:gateway-alerts-oncall"
ADDRESS = Address(url=SecretStr(WEBHOOK), secret=SecretStr(SIGNING_SECRET), topic_arn=TOPIC_ARN)

#: What an outside does to a post: a status with a body and headers, an answer that is made, or an error of its client.
Behaviour = tuple[int, str] | tuple[int, str, Mapping[str, str]] | httpx.Response | Exception


class FakeSNS:
    """SNS's end of the wire, which takes everything, or does to all what is given."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.published: list[dict[str, str]] = []
        self.clients_opened = 0
        self._fault = fault

    def client(self) -> "FakeSNS":
        self.clients_opened = 1
        return self

    def publish(self, **request: str) -> dict[str, str]:
        self.published.append(request)
        if self._fault is not None:
            raise self._fault
        return {"MessageId": "1"}


def sns_refuses(code: str, status: int = 400, said: str = "no") -> ClientError:
    """What the SDK raises when SNS answers with an error."""
    answer: Any = {"Error": {"Code": code, "Message": said}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Publish")


class Ends(NamedTuple):
    """Both ends of one destination: ours, and what is seen at the other."""

    destination: Destination
    http: FakeSlack
    sns: FakeSNS

    @property
    def clients_opened(self) -> int:
        return self.http.clients_opened + self.sns.clients_opened

    @property
    def post_count(self) -> int:
        return len(self.http.requests) + len(self.sns.published)


class Outside(NamedTuple):
    """What one kind of destination does.

    Attributes:
        takes, refuses, gone, busy, unreachable, silent: what it does when it takes a message, will never take it as it is,
            is not there any more, asks to come again, cannot be reached, and does not answer.
        busy_seconds: after how long it asks to come again; None when it does not say.
        everything: whatever it may do, by name.
        delivers: which of these mean that it has the message.
        fits: whether a message is within its limits.
    """

    takes: Behaviour
    refuses: Behaviour
    gone: Behaviour
    busy: Behaviour
    busy_seconds: int | None
    unreachable: Behaviour
    silent: Behaviour
    everything: Callable[[], Iterator[tuple[str, Behaviour]]]
    delivers: Callable[[str], bool]
    fits: Callable[[dict[str, Any]], bool]


def opened(kind: str, behaviour: Behaviour | None = None, *, address: Address = ADDRESS) -> Ends:
    """A destination whose outside does this to every post; it takes them when nothing is given."""
    behaviour = OUTSIDES[kind].takes if behaviour is None else behaviour
    http = FakeSlack(lambda _: _answer(behaviour))
    sns = FakeSNS(behaviour if isinstance(behaviour, Exception) else None)
    return Ends(DESTINATION_TYPES[kind](address, Clients(http=http.client, sns=sns.client)), http, sns)  # type: ignore[arg-type]


def _answer(behaviour: Behaviour) -> httpx.Response:
    match behaviour:
        case Exception():
            raise behaviour
        case httpx.Response():
            return behaviour
        case (status, body):
            return httpx.Response(status, text=body)
        case (status, body, headers):
            return httpx.Response(status, text=body, headers=headers)
    raise AssertionError(behaviour)


def all_kinds(error: type[Exception]) -> list[type[Exception]]:
    """An error and all that are of its kind."""
    return [error, *(kind for child in error.__subclasses__() for kind in all_kinds(child))]


def _everything_of_http() -> Iterator[tuple[str, Behaviour]]:
    for status in range(100, 600):
        yield f"status {status}", (status, f"you called {WEBHOOK}")
        yield f"empty status {status}", (status, "")
    for body in (b"\xff\xfe\x00", b"{", b"null", b"<html>", b"ok" * 100_000, "ｏｋ".encode()):
        yield f"body {body[:9]!r}", httpx.Response(200, content=body)
    for charset in ("base64", "nope", "utf-16", "idna", "rot13"):
        yield f"charset {charset}", httpx.Response(200, content=b"ok", headers={"content-type": f"text/plain; charset={charset}"})
    for encoding in ("gzip", "deflate", "br"):
        headers = {"content-encoding": encoding}
        yield f"encoding {encoding}", httpx.Response(200, stream=httpx.ByteStream(b"no"), headers=headers)
    for seconds in ("", "-1", "1e9", "9" * 5_000, "²", "Wed, 25 Nov 2026 10:00:00 GMT"):
        yield f"retry after {seconds[:9]}", httpx.Response(429, headers=[(b"retry-after", seconds.encode())])
    for location in ("", "http://[bad", f"{WEBHOOK}/moved", "//", "\x00"):
        yield f"location {location!r}", httpx.Response(302, headers=[(b"location", location.encode())])
    for error in all_kinds(httpx.TransportError):
        yield error.__name__, error(f"while calling {WEBHOOK}")


def _everything_of_sns() -> Iterator[tuple[str, Behaviour]]:
    yield "an answer", (200, "")
    for status in (0, 400, 401, 403, 404, 413, 429, 500, 503):
        for code in (
            "Throttled",
            "NotFound",
            "AuthorizationError",
            "InvalidParameter",
            "KMSDisabled",
            "InternalError",
            "",
            WEBHOOK,
        ):
            yield f"{code} with {status}", sns_refuses(code, status, f"you sent {WEBHOOK}")
    yield "an error without anything", ClientError({}, "Publish")
    yield "an answer that cannot be read", ResponseParserError(f"not XML: {WEBHOOK}")
    yield "an error of the machine", OSError(WEBHOOK)
    for error in all_kinds(BotoCoreError):
        if error.__module__ == botocore.exceptions.__name__:
            yield error.__name__, _made(error)


def _made(error: type[Exception]) -> Exception:
    """An error of the SDK, its text filled in with whatever it asks for."""

    class Anything(dict[str, str]):
        def __missing__(self, name: str) -> str:
            return WEBHOOK

    made = error.__new__(error)
    Exception.__init__(made, getattr(error, "fmt", "").format_map(Anything()))
    return made


_HTTP: dict[str, Any] = {
    "gone": (410, "gone"),
    "busy": (429, "", {"Retry-After": "9"}),
    "busy_seconds": 9,
    "unreachable": httpx.ConnectError("refused"),
    "silent": httpx.ReadTimeout("slow"),
    "everything": _everything_of_http,
}

#: By kind of destination.
OUTSIDES: dict[str, Outside] = {
    "slack": Outside(
        takes=(200, "ok"),
        refuses=(400, "invalid_blocks"),
        delivers=lambda what: what.startswith("charset"),
        fits=lambda payload: len(payload["text"]) <= 4_000 and len(payload.get("blocks", ())) <= 50,
        **_HTTP,
    ),
    "teams": Outside(
        takes=(202, ""),
        refuses=(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with …"),
        delivers=lambda what: what in ("status 202", "empty status 202", "empty status 200"),
        fits=lambda payload: len(json.dumps(payload, ensure_ascii=False).encode("utf-16-le")) <= 28 * 1024,
        **_HTTP,
    ),
    "webhook": Outside(
        takes=(204, ""),
        refuses=(422, ""),
        delivers=lambda what: "status 2" in what or what.startswith(("body", "charset", "encoding br")),
        fits=lambda payload: len(json.dumps(payload, ensure_ascii=False)) <= 256 * 1024 and len(payload["alerts"]) <= 100,
        **_HTTP,
    ),
    "email": Outside(
        takes=(200, ""),
        refuses=sns_refuses("InvalidParameter", 400, "Invalid parameter: Message too long"),
        gone=sns_refuses("NotFound", 404),
        busy=sns_refuses("Throttled", 429),
        busy_seconds=None,
        unreachable=botocore.exceptions.EndpointConnectionError(endpoint_url="https://sns.test"),
        silent=botocore.exceptions.ReadTimeoutError(endpoint_url="https://sns.test"),
        everything=_everything_of_sns,
        delivers=lambda what: what == "an answer",
        fits=lambda payload: len(payload.get("Subject", "")) < 100 and len(payload["Message"].encode()) <= 262_144,
    ),
}
