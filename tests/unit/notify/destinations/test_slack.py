"""What Slack's answers mean, and what happens when there is none."""

import json
import logging
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError
from gateway_alerts.observability import build_logger
from notify.destinations.base import Message
from notify.destinations.slack import (
    AMBIGUOUS_ERRORS,
    CONFIGURATION_ERRORS,
    PAYLOAD_ERRORS,
    SlackWebhook,
    verdict,
)
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from tests.unit.notify.fakes import NOW, WEBHOOK, FakeSlack, assert_no_secret, make_item, said_by

MESSAGE = Message(payload={"text": "Key prod-search 96 %", "blocks": []}, items=())

#: Every status, when the body says nothing that is known: first, last, what kind of end it is, why.
STATUSES: list[tuple[int, int, type, Reason]] = [
    (100, 399, Permanent, Reason.UNEXPECTED_ANSWER),
    (400, 400, Permanent, Reason.PAYLOAD_REFUSED),
    (401, 401, Permanent, Reason.CONFIGURATION),
    (402, 402, Permanent, Reason.UNEXPECTED_ANSWER),
    (403, 404, Permanent, Reason.CONFIGURATION),
    (405, 409, Permanent, Reason.UNEXPECTED_ANSWER),
    (410, 410, Permanent, Reason.CONFIGURATION),
    (411, 412, Permanent, Reason.UNEXPECTED_ANSWER),
    (413, 413, Permanent, Reason.PAYLOAD_REFUSED),
    (414, 421, Permanent, Reason.UNEXPECTED_ANSWER),
    (422, 422, Permanent, Reason.PAYLOAD_REFUSED),
    (423, 428, Permanent, Reason.UNEXPECTED_ANSWER),
    (429, 429, RetryLater, Reason.RATE_LIMITED),
    (430, 499, Permanent, Reason.UNEXPECTED_ANSWER),
    (500, 599, Ambiguous, Reason.SERVER_ERROR),
]
EXPECTED = [(status, kind, reason) for first, last, kind, reason in STATUSES for status in range(first, last + 1)]

#: Every word that Slack documents for an incoming webhook, with the way in which it ends the post.
WORDS: dict[str, Outcome] = {
    "no_service": Permanent(Reason.CONFIGURATION, "no_service"),
    "no_service_id": Permanent(Reason.CONFIGURATION, "no_service_id"),
    "no_active_hooks": Permanent(Reason.CONFIGURATION, "no_active_hooks"),
    "no_team": Permanent(Reason.CONFIGURATION, "no_team"),
    "team_disabled": Permanent(Reason.CONFIGURATION, "team_disabled"),
    "channel_not_found": Permanent(Reason.CONFIGURATION, "channel_not_found"),
    "channel_is_archived": Permanent(Reason.CONFIGURATION, "channel_is_archived"),
    "invalid_token": Permanent(Reason.CONFIGURATION, "invalid_token"),
    "action_prohibited": Permanent(Reason.CONFIGURATION, "action_prohibited"),
    "posting_to_general_channel_denied": Permanent(Reason.CONFIGURATION, "posting_to_general_channel_denied"),
    "user_not_found": Permanent(Reason.CONFIGURATION, "user_not_found"),
    "invalid_payload": Permanent(Reason.PAYLOAD_REFUSED, "invalid_payload"),
    "no_text": Permanent(Reason.PAYLOAD_REFUSED, "no_text"),
    "too_many_attachments": Permanent(Reason.PAYLOAD_REFUSED, "too_many_attachments"),
    "invalid_blocks": Permanent(Reason.PAYLOAD_REFUSED, "invalid_blocks"),
    "invalid_attachments": Permanent(Reason.PAYLOAD_REFUSED, "invalid_attachments"),
    "msg_blocks_too_long": Permanent(Reason.PAYLOAD_REFUSED, "msg_blocks_too_long"),
    "msg_too_long": Permanent(Reason.PAYLOAD_REFUSED, "msg_too_long"),
    "rollup_error": Ambiguous(Reason.SERVER_ERROR),
}


def webhook(answer: Callable[[httpx.Request], httpx.Response] | None = None) -> tuple[SlackWebhook, FakeSlack]:
    slack = FakeSlack(answer)
    return SlackWebhook(SecretStr(WEBHOOK), client=slack.client), slack


def fails_with(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def test_the_table_of_statuses_says_every_status_once() -> None:
    assert [status for status, _, _ in EXPECTED] == list(range(100, 600))


@pytest.mark.parametrize(("status", "kind", "reason"), EXPECTED, ids=[f"status {status}" for status, _, _ in EXPECTED])
@pytest.mark.parametrize("body", ["", "<html>something else</html>"], ids=["without a body", "with a page"])
def test_status(status: int, kind: type, reason: Reason, body: str) -> None:
    target, _ = webhook(lambda _: httpx.Response(status, text=body))

    outcome = target.post(MESSAGE)

    assert type(outcome) is kind
    assert outcome.reason is reason


def test_the_words_tested_are_the_words_known() -> None:
    assert WORDS.keys() == CONFIGURATION_ERRORS | PAYLOAD_ERRORS | AMBIGUOUS_ERRORS


@pytest.mark.parametrize("status", [200, 400, 403, 404, 410, 418, 429, 500, 503])
@pytest.mark.parametrize(("word", "expected"), WORDS.items(), ids=WORDS.keys())
def test_a_documented_word_beats_the_status(word: str, expected: Outcome, status: int) -> None:
    target, _ = webhook(lambda _: httpx.Response(status, text=f"{word}\n"))

    assert target.post(MESSAGE) == expected


@pytest.mark.parametrize(
    ("status", "body", "is_delivered"),
    [
        pytest.param(200, "ok", True, id="ok with 200 is delivered"),
        pytest.param(200, " ok\n", True, id="ok between blanks is delivered"),
        pytest.param(200, "OK", False, id="OK in capitals is not"),
        pytest.param(200, "", False, id="an empty 200 is not"),
        pytest.param(200, "ok ok", False, id="more than ok is not"),
        pytest.param(200, "<html>ok</html>", False, id="a page of a proxy is not"),
        pytest.param(200, '{"ok":true}', False, id="the Web API's answer is not"),
        pytest.param(201, "ok", False, id="ok with 201 is not"),
        pytest.param(204, "", False, id="204 is not"),
        pytest.param(302, "ok", False, id="ok with a redirect is not"),
        pytest.param(400, "ok", False, id="ok with 400 is not"),
        pytest.param(429, "ok", False, id="ok with 429 is not"),
        pytest.param(500, "ok", False, id="ok with 500 is not"),
    ],
)
def test_success_is_ok_with_200_and_nothing_else(status: int, body: str, is_delivered: bool) -> None:
    target, _ = webhook(lambda _: httpx.Response(status, text=body))

    assert (target.post(MESSAGE) == Delivered()) is is_delivered


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
    ],
)
def test_retry_after(retry_after: str | None, seconds: int | None) -> None:
    assert verdict(429, "rate_limited", retry_after=retry_after) == RetryLater(Reason.RATE_LIMITED, seconds)


def test_retry_after_of_too_many_digits_is_no_crash() -> None:
    outcome = verdict(429, "", retry_after="9" * 5_000)

    assert isinstance(outcome, RetryLater)
    assert outcome.reason is Reason.RATE_LIMITED


def test_retry_after_is_read_from_the_answer() -> None:
    target, _ = webhook(lambda _: httpx.Response(429, text="rate_limited", headers={"Retry-After": "7"}))

    assert target.post(MESSAGE) == RetryLater(Reason.RATE_LIMITED, 7)


NETWORK = [
    pytest.param(httpx.ConnectError("refused"), RetryLater(Reason.CANNOT_CONNECT), id="connection refused: nothing was sent"),
    pytest.param(httpx.ConnectTimeout("slow"), RetryLater(Reason.CANNOT_CONNECT), id="connecting timed out: nothing was sent"),
    pytest.param(httpx.PoolTimeout("busy"), RetryLater(Reason.CANNOT_CONNECT), id="no connection free: nothing was sent"),
    pytest.param(httpx.ReadTimeout("slow"), Ambiguous(Reason.NO_ANSWER), id="no answer in time: it may have arrived"),
    pytest.param(httpx.WriteTimeout("slow"), Ambiguous(Reason.NO_ANSWER), id="sending timed out: it may have arrived"),
    pytest.param(httpx.ReadError("reset"), Ambiguous(Reason.NO_ANSWER), id="reset while reading: it may have arrived"),
    pytest.param(httpx.WriteError("reset"), Ambiguous(Reason.NO_ANSWER), id="reset while sending: it may have arrived"),
    pytest.param(
        httpx.RemoteProtocolError("eof"), Ambiguous(Reason.NO_ANSWER), id="hung up without an answer: it may have arrived"
    ),
    pytest.param(
        httpx.DecodingError("gzip"), Ambiguous(Reason.NO_ANSWER), id="an answer that cannot be read: it may have arrived"
    ),
]

NETWORK += [
    pytest.param(OSError("of the machine"), Ambiguous(Reason.NO_ANSWER), id="an error of the machine: it may have arrived"),
    *(
        pytest.param(
            error, Permanent(Reason.CONFIGURATION, "the URL cannot be called"), id=f"{type(error).__name__}: no such place"
        )
        for error in (httpx.InvalidURL(WEBHOOK), UnicodeError(WEBHOOK))
    ),
]


@pytest.mark.parametrize(("error", "expected"), NETWORK)
def test_network(error: Exception, expected: Outcome) -> None:
    target, _ = webhook(fails_with(error))

    assert target.post(MESSAGE) == expected


def _all_kinds(error: type[Exception]) -> list[type[Exception]]:
    return [error, *(kind for child in error.__subclasses__() for kind in _all_kinds(child))]


@pytest.mark.parametrize("error", _all_kinds(httpx.TransportError), ids=lambda error: error.__name__)
def test_no_error_of_the_network_is_raised(error: type[Exception]) -> None:
    target, _ = webhook(fails_with(error(f"while posting to {WEBHOOK}")))

    outcome = target.post(MESSAGE)

    assert isinstance(outcome, RetryLater | Ambiguous | Permanent)
    assert_no_secret(outcome)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(200, content=b"\xff\xfe\x00"), id="bytes that are no text"),
        pytest.param(
            httpx.Response(200, content=b"ok", headers={"content-type": "text/plain; charset=base64"}), id="an absurd charset"
        ),
        pytest.param(
            httpx.Response(200, content=b"ok", headers={"content-type": "text/plain; charset=nope"}), id="an unknown charset"
        ),
        pytest.param(httpx.Response(302, headers={"location": "http://[bad"}), id="a redirect to nowhere"),
        pytest.param(httpx.Response(200, content=b"x" * 1_000_000), id="a megabyte"),
    ],
)
def test_a_malformed_answer_is_an_outcome(answer: httpx.Response) -> None:
    target, _ = webhook(lambda _: answer)

    assert isinstance(target.post(MESSAGE), Delivered | Permanent | Ambiguous)


def test_an_answer_packed_wrongly_may_have_been_a_success() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(b"not gzip"), headers={"content-encoding": "gzip"})

    target, _ = webhook(answer)

    assert target.post(MESSAGE) == Ambiguous(Reason.NO_ANSWER)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_so_that_the_message_goes_nowhere_else(status: int) -> None:
    target, slack = webhook(lambda _: httpx.Response(status, headers={"Location": "https://elsewhere.test/"}))

    outcome = target.post(MESSAGE)

    assert [str(request.url) for request in slack.requests] == [WEBHOOK]
    assert outcome == Permanent(Reason.UNEXPECTED_ANSWER, f"status {status}")


def test_the_payload_is_posted_as_json_and_one_client_is_used() -> None:
    target, slack = webhook()

    outcomes = [target.post(MESSAGE) for _ in range(3)]

    assert outcomes == [Delivered()] * 3
    assert slack.clients_opened == 1
    assert {request.method for request in slack.requests} == {"POST"}
    assert {request.headers["content-type"] for request in slack.requests} == {"application/json"}
    assert json.loads(slack.requests[0].content) == MESSAGE.payload


def test_no_client_is_opened_before_the_first_post() -> None:
    target, slack = webhook()
    target.compose([make_item()], now=NOW)

    assert slack.clients_opened == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T/B/x",
        "HTTPS://hooks.slack.com/services/T/B/x",
        "https://hooks.slack.com:443/services/T/B/x",
        "http://127.0.0.1:8080/slack",
        "http://localhost:8080/slack",
        "http://[::1]:8080/slack",
    ],
)
def test_a_safe_url_is_taken(url: str) -> None:
    assert SlackWebhook(SecretStr(url), client=FakeSlack().client).post(MESSAGE) == Delivered()


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
        SlackWebhook(SecretStr(url), client=FakeSlack().client)

    # The line that raises may stand in a traceback; what it was called with may not.
    assert_no_secret(str(caught.value), repr(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_url_is_in_no_outcome_and_no_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Every path of a post, with a logger that takes everything."""
    build_logger("notify")
    caplog.set_level(logging.DEBUG)
    answers = [lambda _, status=status: httpx.Response(status, text=f"see {WEBHOOK}") for status in range(100, 600)]
    answers += [lambda _, word=word: httpx.Response(400, text=word) for word in WORDS]
    answers += [lambda _: httpx.Response(302, headers={"Location": f"{WEBHOOK}/moved"})]
    answers += [fails_with(kind(f"POST {WEBHOOK}")) for kind in _all_kinds(httpx.TransportError)]
    answers += [lambda _: httpx.Response(200, text="ok")]

    for answer in answers:
        target, _ = webhook(answer)
        assert_no_secret(target.post(MESSAGE), target)

    assert_no_secret("\n".join(said_by(record.getMessage()) for record in caplog.records))
    assert_no_secret(*capfd.readouterr())
