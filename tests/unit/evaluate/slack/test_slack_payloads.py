"""What the drop-in Slack endpoint takes, what it refuses and with which of Slack's words, and what is left of a message."""

import json
import time
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.slack.slack_payloads import (
    MAX_ATTACHMENTS,
    MAX_BLOCKS,
    MAX_BODY_BYTES,
    MAX_DEPTH,
    MAX_FORM_FIELDS,
    MAX_LITELLM_CHARACTERS,
    MAX_PAYLOAD_BYTES,
    MAX_TEXT_CHARACTERS,
    read_slack_payload,
)
from gateway_alerts.errors import SlackRefused
from gateway_alerts.events import GatewayAlert, SlackMessage, WebhookEvent

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KEY = "sk-ant-api03-Ab3dEf6hIj9lMn2pQr5tUv8xYz"
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}


def message_of(payload: Any, *, content_type: str | None = JSON) -> dict[str, Any]:
    event = read_slack_payload(json.dumps(payload).encode(), content_type=content_type)
    assert isinstance(event, SlackMessage)
    return event.payload


def word_for(body: bytes, content_type: str | None = JSON) -> str:
    with pytest.raises(SlackRefused) as refused:
        read_slack_payload(body, content_type=content_type)
    assert refused.value.status == 400
    return refused.value.word


def nested(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


UNREADABLE = {
    "nothing": b"",
    "prose": b"hello",
    "not UTF-8": b'{"text": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"text": "x"}',
    "half a JSON": b'{"text": "x"',
    "more than one JSON": b'{"text": "x"}{}',
    "half of a surrogate pair": b'{"text": "\\ud800"}',
    "no number": b'{"text": "x", "blocks": [{"a": NaN}]}',
    "a number beyond all": b'{"text": "x", "blocks": [{"a": 1e999}]}',
    "digits beyond all": b'{"text": "x", "blocks": [{"a": %s}]}' % (b"9" * 5_000),
    "a text": b'"x"',
    "a list": b'[{"text": "x"}]',
    "null": b"null",
    "a text that is none": b'{"text": 1}',
    "a text that is an object": b'{"text": {"type": "mrkdwn", "text": "x"}}',
    "attachments that are none": b'{"attachments": "x"}',
    "an attachment that is none": b'{"attachments": ["x"]}',
    "a flag that is an object": b'{"text": "x", "unfurl_links": {}}',
    "a body that is too long": b'{"text": "%s"}' % (b"x" * MAX_BODY_BYTES),
    "a message that is too long": json.dumps({"blocks": [SECTION | {"block_id": "x" * MAX_PAYLOAD_BYTES}]}).encode(),
    "a message that is too deep": json.dumps({"blocks": [{"a": nested(MAX_DEPTH - 2)}]}).encode(),
    "a message that is deeper than any parser goes": b'{"text": "x", "blocks": ' + b"[" * 300_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_an_invalid_payload(body: bytes) -> None:
    began = time.process_time()
    assert word_for(body) == "invalid_payload"
    assert time.process_time() - began < 1


EMPTY: dict[str, Any] = {
    "nothing": {},
    "nothing that Slack takes": {"message": "x", "channel": "#a"},
    "null": {"text": None, "blocks": None, "attachments": None},
    "empty": {"text": "", "blocks": [], "attachments": []},
    "blank": {"text": " \n\t"},
    "an empty block": {"blocks": [{}]},
    "an empty attachment": {"attachments": [{}]},
    "flags alone": {"unfurl_links": False},
}


@pytest.mark.parametrize("payload", EMPTY.values(), ids=EMPTY)
def test_what_says_nothing_has_no_text(payload: dict[str, Any]) -> None:
    assert word_for(json.dumps(payload).encode()) == "no_text"


WRONG_BLOCKS: dict[str, Any] = {
    "an object": {"text": "x", "blocks": {"type": "divider"}},
    "a text": {"blocks": "[]"},
    "texts": {"blocks": ["x"]},
    "too many": {"blocks": [SECTION] * (MAX_BLOCKS + 1)},
}


@pytest.mark.parametrize("payload", WRONG_BLOCKS.values(), ids=WRONG_BLOCKS)
def test_blocks_that_are_none_are_invalid(payload: dict[str, Any]) -> None:
    assert word_for(json.dumps(payload).encode()) == "invalid_blocks"


def test_too_many_attachments_are_refused_as_such() -> None:
    attachment = {"text": "x"}
    assert len(message_of({"attachments": [attachment] * MAX_ATTACHMENTS})["attachments"]) == MAX_ATTACHMENTS
    assert word_for(json.dumps({"attachments": [attachment] * (MAX_ATTACHMENTS + 1)}).encode()) == "too_many_attachments"


TAKEN: dict[str, Any] = {
    "a text": {"text": "a"},
    "blocks": {"blocks": [SECTION]},
    "as many blocks as may be": {"blocks": [SECTION] * MAX_BLOCKS},
    "attachments": {"attachments": [{"fallback": "x", "color": "danger", "fields": [{"title": "a", "short": True}]}]},
    "all of them": {"text": "a <!here> & b", "blocks": [SECTION], "attachments": [{"text": "x"}]},
    "flags": {"text": "a", "mrkdwn": False, "link_names": 1, "parse": "none", "unfurl_links": False, "unfurl_media": False},
    "numbers": {"text": "a", "attachments": [{"ts": 1795425952.5, "n": -3, "huge": 10**40}]},
    "as deep as may be": {"blocks": [{"a": nested(MAX_DEPTH - 3)}]},
    "a text as long as Slack's": {"text": "é" * MAX_TEXT_CHARACTERS},
    "control characters": {"text": "a\x00b\u202ec"},
}


@pytest.mark.parametrize("payload", TAKEN.values(), ids=TAKEN)
def test_a_message_stays_as_it_came(payload: dict[str, Any]) -> None:
    assert message_of(payload) == payload


@pytest.mark.parametrize("payload", TAKEN.values(), ids=TAKEN)
def test_a_message_in_a_form_is_the_same(payload: dict[str, Any]) -> None:
    for text in (json.dumps(payload), json.dumps(payload, ensure_ascii=False)):
        for content_type in (FORM, FORM.upper(), f" {FORM}; charset=utf-8"):
            event = read_slack_payload(urlencode({"payload": text}).encode(), content_type=content_type)
            assert event == SlackMessage(payload=payload)


WRONG_FORMS = {
    "nothing": "",
    "no payload": "text=x",
    "an empty payload": "payload=",
    "a payload that is no JSON": "payload=x",
    "a payload that is not UTF-8": "payload=%22%ff%22",
    "a JSON that is no form": '{"text": "x"}',
    "a payload that was not encoded": 'payload={"text": "a&b"}',
    "too many fields": "&".join([*(f"a{n}=1" for n in range(MAX_FORM_FIELDS)), "payload=" + quote_plus('{"text": "x"}')]),
}


@pytest.mark.parametrize("body", WRONG_FORMS.values(), ids=WRONG_FORMS)
def test_a_form_without_a_message_is_an_invalid_payload(body: str) -> None:
    assert word_for(body.encode(), FORM) == "invalid_payload"


def test_a_form_that_is_not_utf8_is_an_invalid_payload() -> None:
    assert word_for(b'payload="\xff"', FORM) == "invalid_payload"


@pytest.mark.parametrize("content_type", [None, "", "text/plain", JSON, "application/json; charset=utf-8"])
def test_what_is_no_form_is_read_as_json_whatever_it_calls_itself(content_type: str | None) -> None:
    assert message_of({"text": "a"}, content_type=content_type) == {"text": "a"}
    assert word_for(urlencode({"payload": '{"text": "a"}'}).encode(), content_type) == "invalid_payload"


def test_what_slack_ignores_is_dropped() -> None:
    ignored = {
        "channel": "#other",
        "username": "Alertmanager",
        "icon_emoji": ":x:",
        "icon_url": "http://x",
        "thread_ts": "1.2",
        "metadata": {},
        "anything": [1],
    }
    assert message_of({"text": "a"} | ignored) == {"text": "a"}


def test_a_longer_text_is_cut_where_slack_would_cut_it() -> None:
    text = message_of({"text": "x" * (MAX_TEXT_CHARACTERS + 1)})["text"]
    assert text == "x" * (MAX_TEXT_CHARACTERS - 1) + "…"


def test_the_longest_message_is_taken_and_one_byte_more_is_not() -> None:
    empty = len('{"blocks":[{"a":""}]}')
    assert message_of({"blocks": [{"a": "x" * (MAX_PAYLOAD_BYTES - empty)}]})
    assert word_for(b'{"blocks": [{"a": "%s"}]}' % (b"x" * (MAX_PAYLOAD_BYTES - empty + 1))) == "invalid_payload"


def test_the_longest_body_is_taken_and_one_byte_more_is_not() -> None:
    body = b'{"text": "x"}'.ljust(MAX_BODY_BYTES)
    assert isinstance(read_slack_payload(body, content_type=JSON), SlackMessage)
    assert word_for(body + b" ") == "invalid_payload"


def test_secrets_are_masked_in_every_text_and_links_stay_whole() -> None:
    link = "https://grafana.example.com/alerting/grafana/cdeqMlhvflwe8c/view?orgId=1"
    payload = {
        "text": f"key {KEY}, <{link}|here>",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": KEY}, KEY: 1}],
        "attachments": [{"fields": [{"title": "a", "value": f"Bearer {KEY}"}], "title_link": link, "fallback": KEY}],
    }
    assert message_of(payload) == {
        "text": f"key sk-…8xYz, <{link}|here>",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "sk-…8xYz"}, "sk-…8xYz": 1}],
        "attachments": [{"fields": [{"title": "a", "value": "Bearer sk-…8xYz"}], "title_link": link, "fallback": "sk-…8xYz"}],
    }


LITELLM = "Alert type: `{}`\nLevel: `High`\nTimestamp: `09:25:49`\n\nMessage: {}"
FAILURE = LITELLM.format("llm_exceptions", "no")
BUDGET = LITELLM.format("budget_alerts", "Key Budget: \n\n*spend:* `9.6`\n*max_budget:* `10.0`\n*event_group:* `key`\n")


def read_text(text: str, **more: Any) -> Any:
    return read_slack_payload(json.dumps({"text": text} | more).encode(), content_type=JSON)


def test_litellms_texts_are_the_events_that_they_are() -> None:
    assert isinstance(read_text(FAILURE), GatewayAlert)
    assert isinstance(read_text(BUDGET), WebhookEvent)
    assert isinstance(read_text(FAILURE, username="LiteLLM", blocks=[], attachments=None), GatewayAlert)


def test_a_failed_request_is_read_whatever_the_length_of_its_prompt() -> None:
    prompt = "é" * 900_000
    text = LITELLM.format("llm_exceptions", f"LLM API call failed: `litellm.APIError: no\nModel: m\nMessages: `{prompt}``")
    alert = read_text(text)
    assert isinstance(alert, GatewayAlert)
    assert alert.message == "APIError: no"
    assert alert.metadata["model"] == "m"


def test_what_follows_a_text_that_is_too_long_is_left_out() -> None:
    after = "\n\nProxy URL: `http://gw`"
    fits, does_not = (LITELLM.format("db_exceptions", "é" * (MAX_LITELLM_CHARACTERS - spare)) + after for spare in (500, 50))
    assert read_text(fits).metadata == {"proxy_url": "http://gw"}
    assert read_text(does_not).metadata == {}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"text": LITELLM.format("from_the_future", "x")}, id="of a type that is not known"),
        pytest.param({"text": LITELLM.format("budget_alerts", "This is a test")}, id="of a budget without figures"),
        pytest.param({"text": FAILURE, "blocks": [SECTION]}, id="with blocks, which say more"),
        pytest.param({"text": FAILURE, "attachments": [{"text": "x"}]}, id="with attachments, which say more"),
    ],
)
def test_a_text_that_cannot_be_read_is_passed_on_as_it_is(payload: dict[str, Any]) -> None:
    assert message_of(payload) == payload


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@settings(deadline=None)
@given(blocks=st.lists(st.dictionaries(st.text(max_size=5), json_values, min_size=1, max_size=3), max_size=3))
def test_any_blocks_come_through_unchanged(blocks: list[dict[str, Any]]) -> None:
    assert message_of({"text": "a", "blocks": blocks}) == {"text": "a", "blocks": blocks}


HOSTILE = ("[]", "{}", '"sk-"', "1", '"://a:b@"', "null", '""')


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_body_of_the_largest_size_is_refused_in_no_time_to_speak_of(unit: str) -> None:
    many = ",".join([unit] * (MAX_BODY_BYTES // (len(unit) + 1) - 20))
    body = '{"text": "x", "blocks": [{"a": [' + many + "]}]}"
    began = time.process_time()
    assert word_for(body.encode()) == "invalid_payload"
    assert time.process_time() - began < 3


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_message_of_the_largest_size_is_read_in_no_time_to_speak_of(unit: str) -> None:
    payload = {"text": "x", "blocks": [{"a": [json.loads(unit)] * (MAX_PAYLOAD_BYTES // (len(unit) + 1) - 20)}]}
    body = json.dumps(payload).encode()
    began = time.process_time()
    read_slack_payload(body, content_type=JSON)
    assert time.process_time() - began < 1
