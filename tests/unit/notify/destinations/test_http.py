"""Which URLs are safe, what every status means, and what happens when there is no answer."""

import json
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError
from notify.destinations.http import MAX_ANSWER_BYTES, encoded, post_json, safe_url, verdict, words
from notify.outcomes import Ambiguous, Outcome, Permanent, Reason, RetryLater
from tests.unit.notify.fakes import WEBHOOK, FakeSlack, assert_no_secret
from tests.unit.notify.outsides import all_kinds

#: Every status: first, last, what kind of end it is, why.
STATUSES: list[tuple[int, int, type, Reason]] = [
    (100, 399, Permanent, Reason.UNEXPECTED_ANSWER),
    (400, 400, Permanent, Reason.PAYLOAD_REFUSED),
    (401, 401, Permanent, Reason.CONFIGURATION),
    (402, 402, Permanent, Reason.UNEXPECTED_ANSWER),
    (403, 404, Permanent, Reason.CONFIGURATION),
    (405, 407, Permanent, Reason.UNEXPECTED_ANSWER),
    (408, 408, RetryLater, Reason.SERVER_ERROR),
    (409, 409, Permanent, Reason.UNEXPECTED_ANSWER),
    (410, 410, Permanent, Reason.CONFIGURATION),
    (411, 412, Permanent, Reason.UNEXPECTED_ANSWER),
    (413, 413, Permanent, Reason.PAYLOAD_REFUSED),
    (414, 421, Permanent, Reason.UNEXPECTED_ANSWER),
    (422, 422, Permanent, Reason.PAYLOAD_REFUSED),
    (423, 424, Permanent, Reason.UNEXPECTED_ANSWER),
    (425, 425, RetryLater, Reason.SERVER_ERROR),
    (426, 428, Permanent, Reason.UNEXPECTED_ANSWER),
    (429, 429, RetryLater, Reason.RATE_LIMITED),
    (430, 499, Permanent, Reason.UNEXPECTED_ANSWER),
    (500, 599, Ambiguous, Reason.SERVER_ERROR),
]
EXPECTED = [(status, kind, reason) for first, last, kind, reason in STATUSES for status in range(first, last + 1)]


def posted(answer: Callable[[httpx.Request], httpx.Response], url: str = WEBHOOK) -> httpx.Response | Outcome:
    return post_json(FakeSlack(answer).client, SecretStr(url), b"{}")


def fails_with(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def test_the_table_says_every_status_once() -> None:
    assert [status for status, _, _ in EXPECTED] == list(range(100, 600))


@pytest.mark.parametrize(("status", "kind", "reason"), EXPECTED, ids=[f"status {status}" for status, _, _ in EXPECTED])
def test_status(status: int, kind: type, reason: Reason) -> None:
    outcome = verdict(status)

    assert type(outcome) is kind
    assert outcome.reason is reason


@pytest.mark.parametrize("status", [status for status, kind, _ in EXPECTED if kind is Permanent])
def test_what_an_operator_has_to_look_into_names_the_status(status: int) -> None:
    assert verdict(status) == Permanent(verdict(status).reason, f"status {status}")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        pytest.param(None, None, id="absent: it did not say when"),
        pytest.param("0", 0, id="zero: at once"),
        pytest.param("30", 30, id="thirty seconds"),
        pytest.param("86400", 86_400, id="a day"),
        pytest.param("", None, id="empty is not said"),
        pytest.param("-1", None, id="negative is not said"),
        pytest.param("1.5", None, id="a fraction is not said"),
        pytest.param("Wed, 25 Nov 2026 10:00:00 GMT", None, id="a date is not said"),
        pytest.param("soon", None, id="a word is not said"),
        pytest.param("²", None, id="a superscript digit is not said"),
        pytest.param("٣", None, id="an Arabic digit is not said"),
        pytest.param("9" * 5_000, None, id="too many digits are not said"),
    ],
)
def test_retry_after(retry_after: str | None, seconds: int | None) -> None:
    assert verdict(429, retry_after=retry_after) == RetryLater(Reason.RATE_LIMITED, seconds)


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [
        pytest.param(503, "7", RetryLater(Reason.RATE_LIMITED, 7), id="503 that says when has not taken it, and is heeded"),
        pytest.param(503, "soon", Ambiguous(Reason.SERVER_ERROR), id="503 that does not say when may have taken it"),
        pytest.param(500, "7", Ambiguous(Reason.SERVER_ERROR), id="500 may have taken it, whatever it says"),
    ],
)
def test_a_server_in_trouble(status: int, retry_after: str, expected: Outcome) -> None:
    assert verdict(status, retry_after=retry_after) == expected


NETWORK = [
    pytest.param(httpx.ConnectError("refused"), RetryLater(Reason.CANNOT_CONNECT), id="connection refused: nothing was sent"),
    pytest.param(httpx.ConnectTimeout("slow"), RetryLater(Reason.CANNOT_CONNECT), id="connecting timed out: nothing was sent"),
    pytest.param(httpx.PoolTimeout("busy"), RetryLater(Reason.CANNOT_CONNECT), id="no connection free: nothing was sent"),
    pytest.param(httpx.ReadTimeout("slow"), Ambiguous(Reason.NO_ANSWER), id="no answer in time: it may have arrived"),
    pytest.param(httpx.WriteTimeout("slow"), Ambiguous(Reason.NO_ANSWER), id="sending timed out: it may have arrived"),
    pytest.param(httpx.ReadError("reset"), Ambiguous(Reason.NO_ANSWER), id="reset while reading: it may have arrived"),
    pytest.param(httpx.WriteError("reset"), Ambiguous(Reason.NO_ANSWER), id="reset while sending: it may have arrived"),
    pytest.param(httpx.RemoteProtocolError("eof"), Ambiguous(Reason.NO_ANSWER), id="hung up: it may have arrived"),
    pytest.param(
        httpx.DecodingError("gzip"), Ambiguous(Reason.NO_ANSWER), id="an answer that cannot be read: it may have arrived"
    ),
    pytest.param(OSError("of the machine"), Ambiguous(Reason.NO_ANSWER), id="an error of the machine: it may have arrived"),
    *(
        pytest.param(error, Permanent(Reason.CONFIGURATION, "the URL cannot be called"), id=f"{type(error).__name__}: no place")
        for error in (httpx.InvalidURL(WEBHOOK), UnicodeError(WEBHOOK))
    ),
]


@pytest.mark.parametrize(("error", "expected"), NETWORK)
def test_network(error: Exception, expected: Outcome) -> None:
    assert posted(fails_with(error)) == expected


@pytest.mark.parametrize("error", all_kinds(httpx.TransportError), ids=lambda error: error.__name__)
def test_no_error_of_the_network_is_raised(error: type[Exception]) -> None:
    outcome = posted(fails_with(error(f"while posting to {WEBHOOK}")))

    assert isinstance(outcome, RetryLater | Ambiguous | Permanent)
    assert_no_secret(outcome)


def test_a_client_that_cannot_be_made_is_an_outcome() -> None:
    def client() -> httpx.Client:
        raise OSError("too many open files")

    assert post_json(client, SecretStr(WEBHOOK), b"{}") == Ambiguous(Reason.NO_ANSWER)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_whatever_the_client_would_do(status: int) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(status, headers={"Location": "https://elsewhere.test/"})

    client = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True)
    response = post_json(lambda: client, SecretStr(WEBHOOK), b"{}")

    assert asked == [WEBHOOK]
    assert isinstance(response, httpx.Response)
    assert response.status_code == status


def test_what_is_posted() -> None:
    slack = FakeSlack()
    post_json(slack.client, SecretStr(WEBHOOK), encoded({"é": [1, "a"]}), {"X-Delivery": "1"})

    (request,) = slack.requests
    assert (request.method, str(request.url)) == ("POST", WEBHOOK)
    assert request.content == '{"é":[1,"a"]}'.encode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-delivery"] == "1"


def test_what_json_cannot_say_is_not_posted() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encoded({"amount": float("nan")})
    assert json.loads(encoded({"amount": 1.5})) == {"amount": 1.5}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b" ok\r\n", "ok", id="without the blanks around it"),
        pytest.param(b"\xff\xfe", "��", id="bytes that are no text"),
        pytest.param(b"x" * 1_000_000, "x" * MAX_ANSWER_BYTES, id="the beginning of a megabyte"),
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "base64", "nope"])
def test_words(content: bytes, said: str, charset: str) -> None:
    answer = httpx.Response(200, content=content, headers={"content-type": f"text/plain; charset={charset}"})

    assert words(answer) == said


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T/B/x",
        "HTTPS://hooks.slack.com/services/T/B/x",
        "https://hooks.slack.com:443/services/T/B/x",
        "https://prod-01.westus.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=a-b_c",
        "https://tenant.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d",
        "http://127.0.0.1:8080/slack",
        "http://localhost:8080/slack",
        "http://[::1]:8080/slack",
    ],
)
def test_a_safe_url_is_taken(url: str) -> None:
    assert safe_url(SecretStr(url)).get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("hooks.slack.test/services/T0SECRET1", id="no scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https:///services/T0SECRET1", id="no host but a path"),
        pytest.param("http://hooks.slack.test/services/T0SECRET1", id="http beyond this machine"),
        pytest.param("http://127.0.0.1.hooks.slack.test/T0SECRET1", id="a host that begins like loopback"),
        pytest.param("http://127.0.0.1@hooks.slack.test/T0SECRET1", id="loopback as the user of another host"),
        pytest.param("http://localhost.hooks.slack.test/T0SECRET1", id="a host that begins with localhost"),
        pytest.param("https://hooks.slack.com@evil.test/T0SECRET1", id="a user that looks like the host"),
        pytest.param("https://user:T0SECRET1@hooks.slack.test/x", id="a user and a password"),
        pytest.param("http://user@127.0.0.1/T0SECRET1", id="a user on this machine"),
        pytest.param(r"https://hooks.slack.com\@evil.test/T0SECRET1", id="a backslash that hides the host"),
        pytest.param("ftp://hooks.slack.test/T0SECRET1", id="another scheme"),
        pytest.param("file:///etc/T0SECRET1", id="a file"),
        pytest.param("https://[hooks.slack.test/T0SECRET1", id="a bracket that is never closed"),
        pytest.param("https://hooks.slack.test:T0SECRET1/x", id="a port that is no number"),
        pytest.param("https://hooks.slack.test:99999/T0SECRET1", id="a port that does not exist"),
        pytest.param("https://hooks.slack.test:0/T0SECRET1", id="port zero"),
        pytest.param("https://hooks.slack.test/T0SECRET1\x00", id="a control character"),
        pytest.param("https://xn--é.hooks.slack.test/T0SECRET1", id="a host that cannot be spelled"),
        pytest.param("https://hooks.slack.test/" + "T0SECRET1" * 10_000, id="an endless one"),
    ],
)
def test_an_unsafe_or_malformed_url_is_a_fault_of_the_configuration_that_does_not_show_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        safe_url(SecretStr(url))

    # The line that raises may stand in a traceback; what it was called with may not.
    assert_no_secret(str(caught.value), repr(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
