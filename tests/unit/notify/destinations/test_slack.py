"""What Slack's answers mean, and what happens when there is none."""

import json
import logging
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError
from gateway_alerts.observability import silence_clients
from notify.destinations import http
from notify.destinations.base import Message
from notify.destinations.slack import (
    AMBIGUOUS_ERRORS,
    CONFIGURATION_ERRORS,
    PAYLOAD_ERRORS,
    SlackWebhook,
)
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from tests.unit.notify.destinations.test_http import fails_with
from tests.unit.notify.fakes import NOW, WEBHOOK, FakeSlack, assert_no_secret, make_item, said_by
from tests.unit.notify.outsides import all_kinds

MESSAGE = Message(payload={"text": "Key prod-search 96 %", "blocks": []}, items=())

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


@pytest.mark.parametrize("status", range(100, 600))
@pytest.mark.parametrize("body", ["", "<html>something else</html>"], ids=["without a body", "with a page"])
def test_a_status_means_what_it_means_everywhere_when_the_body_says_nothing_that_is_known(status: int, body: str) -> None:
    target, _ = webhook(lambda _: httpx.Response(status, text=body))

    assert target.post(MESSAGE) == http.verdict(status)


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


def test_retry_after_is_read_from_the_answer() -> None:
    target, _ = webhook(lambda _: httpx.Response(429, text="rate_limited", headers={"Retry-After": "7"}))

    assert target.post(MESSAGE) == RetryLater(Reason.RATE_LIMITED, 7)


def test_no_answer_is_an_outcome() -> None:
    target, _ = webhook(fails_with(httpx.ReadTimeout("slow")))

    assert target.post(MESSAGE) == Ambiguous(Reason.NO_ANSWER)


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


def test_an_unsafe_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="begins with https://"):
        SlackWebhook(SecretStr("http://hooks.slack.test/services/T0SECRET1"), client=FakeSlack().client)


def test_the_url_is_in_no_outcome_and_no_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Every path of a post, with a logger that takes everything."""
    silence_clients()
    caplog.set_level(logging.DEBUG)
    answers = [lambda _, status=status: httpx.Response(status, text=f"see {WEBHOOK}") for status in range(100, 600)]
    answers += [lambda _, word=word: httpx.Response(400, text=word) for word in WORDS]
    answers += [lambda _: httpx.Response(302, headers={"Location": f"{WEBHOOK}/moved"})]
    answers += [fails_with(kind(f"POST {WEBHOOK}")) for kind in all_kinds(httpx.TransportError)]
    answers += [lambda _: httpx.Response(200, text="ok")]

    for answer in answers:
        target, _ = webhook(answer)
        assert_no_secret(target.post(MESSAGE), target)

    assert_no_secret("\n".join(said_by(record.getMessage()) for record in caplog.records))
    assert_no_secret(*capfd.readouterr())
