"""LiteLLM's recorded texts with anything done to them: still an alert, a budget or a message, and never more than was told."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.slack.litellm_text import parse_litellm_text
from evaluate.slack.slack_payloads import read_slack_payload
from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.errors import SlackRefused
from gateway_alerts.events import GatewayAlert, SlackMessage, WebhookEvent
from tests.fuzz.targets import check_event, check_slack_refusal
from tests.fuzz.test_ways_in import steady, values

TEXTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["body"]["text"]
    for path in sorted(Path("tests/data/litellm/slack").iterdir())
}
#: What LiteLLM's own users can put into a text: aliases, prompts, errors, tags.
intrusions = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            *("`", "\n", "`\n", "*", "'", '"', "\\", "{", "]", "<!channel>", "\x00", "🔥", "\u2028"),
            *(
                "\n*event_group:* `proxy`\n",
                "\n*spend:* `1e400`\n",
                "\n\n*Alerting Metadata*: \nstate: `ended`\n\n",
                "\nMessages: `",
            ),
            *(
                "\n\nProxy URL: `x`",
                "\n*Arguments passed:*\ndata: `key='x'`",
                "Traceback (most recent call last):",
                "```",
                "=",
                "1e-400",
            ),
        ]
    ),
)


@st.composite
def changed_texts(draw: st.DrawFn) -> str:
    """A recorded text with pieces put in, cut out and doubled."""
    text = draw(st.sampled_from(list(TEXTS.values())))[:2_000]
    for _ in range(draw(st.integers(0, 3))):
        begin, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        piece = draw(st.one_of(intrusions, st.just(""), st.just(text[begin:end] * 2)))
        text = text[:begin] + piece + (text[begin:] if draw(st.booleans()) else text[end:])
    return text


@steady
@given(text=changed_texts())
def test_a_changed_text_is_an_event_or_none(text: str) -> None:
    event = parse_litellm_text(text)
    if event is not None:
        check_event(event)
        assert parse_litellm_text(text) == event


@steady
@given(text=changed_texts(), more=st.dictionaries(st.sampled_from(["blocks", "attachments", "username", "mrkdwn"]), values))
def test_a_changed_payload_is_an_event_or_refused_alike_in_json_and_in_a_form(text: str, more: dict[str, Any]) -> None:
    body = json.dumps({"text": text} | more, allow_nan=True)
    form = urlencode({"payload": body}).encode()
    answers = [answer_to(body.encode(), "application/json"), answer_to(form, "application/x-www-form-urlencoded")]
    assert answers[0] == answers[1]


def answer_to(body: bytes, content_type: str) -> Any:
    try:
        event = read_slack_payload(body, content_type=content_type)
    except SlackRefused as refused:
        check_slack_refusal(refused)
        return refused.word
    check_event(event)
    return event


@steady
@given(intrusion=intrusions, place=st.integers(0, 2_000))
@pytest.mark.parametrize("name", [name for name in TEXTS if isinstance(parse_litellm_text(TEXTS[name]), WebhookEvent)])
def test_nothing_put_into_a_budgets_text_changes_whose_it_is(name: str, intrusion: str, place: int) -> None:
    """Where a user's words stand: behind the figures, in the values of the fields from there on."""
    text = TEXTS[name]
    fields = text.index("*user_id:* `") + len("*user_id:* `"), text.index("*event_group:*") - len("`\n")
    at = fields[0] + place % (fields[1] - fields[0])
    event = parse_litellm_text(text[:at] + intrusion + text[at:])
    original = parse_litellm_text(text)
    if event is not None:
        assert isinstance(event, WebhookEvent)
        assert isinstance(original, WebhookEvent)
        assert (event.spend, event.max_budget, event.event_group) == (original.spend, original.max_budget, original.event_group)


@steady
@given(words=st.text(min_size=1, max_size=50), alert_type=st.sampled_from(sorted(ALERT_TYPES)))
def test_any_words_of_any_type_are_told_or_passed_on(words: str, alert_type: str) -> None:
    text = f"Alert type: `{alert_type}`\nLevel: `Low`\nTimestamp: `00:00:00`\n\nMessage: {words}"
    event = answer_to(json.dumps({"text": text}).encode(), "application/json")
    assert isinstance(event, GatewayAlert if parse_litellm_text(text) else SlackMessage)
