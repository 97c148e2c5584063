"""Another sender's message: as it came, with what we have to say below it, and in words for others than Slack."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_alerts.alerts import Occurrences
from local.slack_rules import check
from notify.rendering.alerts import word
from notify.rendering.passthrough import UNSAID, passed_on, text_of
from tests.unit.notify.fakes import NOW, make_incident, make_item_of

KEY = "sk-Ab3dEf6hIj9lMn2pQr5tUv"
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Deploy* failed, <@U1>"}}
BUTTON = {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Logs"}, "url": "https://x"}]}
ATTACHMENT = {
    "color": "danger",
    "fallback": "it failed",
    "title": "Build",
    "text": "*failed*",
    "fields": [{"title": "a", "value": "b"}],
}


def passed(payload: dict[str, Any], *, times: int = 1, note: str = "", **given: Any) -> dict[str, Any]:
    alert = make_incident("slack_message", slack_payload=payload, occurrences=Occurrences(count=times), **given)
    return passed_on(make_item_of(alert), payload, now=NOW, note=note)


def remark(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"text": "hello <!here>"}, id="text, with its mention"),
        pytest.param({"text": "x", "blocks": [SECTION, BUTTON]}, id="blocks"),
        pytest.param({"attachments": [ATTACHMENT]}, id="attachments"),
        pytest.param(
            {"text": "x", "username": "ci", "icon_emoji": ":robot:", "unfurl_links": True, "mrkdwn": False}, id="settings"
        ),
        pytest.param({"text": "x", "blocks": [{"type": "confetti", "deep": [1, None, True, 2.5]}]}, id="what we do not know"),
    ],
)
def test_it_is_passed_on_as_it_came(payload: dict[str, Any]) -> None:
    before = copy.deepcopy(payload)

    assert passed(payload) == before
    passed(payload, times=3, note="n")
    assert payload == before


@pytest.mark.parametrize(
    ("payload", "with_remark"),
    [
        pytest.param({"text": "x"}, {"text": "x\n_repeated 3 times_"}, id="below a text"),
        pytest.param(
            {"text": "x", "blocks": [SECTION]},
            {"text": "x\n_repeated 3 times_", "blocks": [SECTION, remark("repeated 3 times")]},
            id="below blocks, and in the text for those who do not see them",
        ),
        pytest.param(
            {"blocks": [SECTION]},
            {"blocks": [SECTION, remark("repeated 3 times")]},
            id="below blocks from which Slack makes the text",
        ),
        pytest.param(
            {"attachments": [ATTACHMENT]},
            {"attachments": [ATTACHMENT], "text": "_repeated 3 times_"},
            id="above attachments alone",
        ),
        pytest.param(
            {"text": "x", "blocks": [SECTION] * 50},
            {"text": "x\n_repeated 3 times_", "blocks": [SECTION] * 50},
            id="not as a block too many",
        ),
        pytest.param({"text": "x" * 40_000}, {"text": "x" * 40_000}, id="not where it would be cut"),
        pytest.param({"text": 5, "blocks": "none"}, {"text": 5, "blocks": "none"}, id="not in what Slack refuses anyway"),
    ],
)
def test_how_often_it_came_stands_where_there_is_room(payload: dict[str, Any], with_remark: dict[str, Any]) -> None:
    assert passed(payload, times=3) == with_remark


def test_a_delay_and_a_note_are_said_too() -> None:
    late = {"raised_at": NOW - timedelta(hours=7)}

    assert passed({"text": "x"}, times=2, note="Not to <a>.", **late)["text"] == (
        "x\n_repeated 2 times · raised 7 hours ago · Not to &lt;a&gt;._"
    )


def test_what_slack_takes_it_takes_with_a_remark_too() -> None:
    for payload in ({"text": "x" * 39_990}, {"blocks": [SECTION] * 49}, {"text": "x", "blocks": [SECTION] * 50}):
        check(payload)
        check(passed(payload, times=1_000_000))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"text": f"key {KEY}"}, id="in the text"),
        pytest.param({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": f"key {KEY}"}}]}, id="in a block"),
        pytest.param({"attachments": [{"fields": [{"title": "key", "value": KEY}]}]}, id="in a field"),
    ],
)
def test_a_key_that_a_sender_leaks_is_masked(payload: dict[str, Any]) -> None:
    assert KEY not in str(passed(payload))
    assert "sk-…5tUv" in str(passed(payload))


@pytest.mark.parametrize("name", ["url", "image_url", "title_link", "author_icon"])
def test_an_address_stays_whole(name: str) -> None:
    address = f"https://x/{KEY}"

    assert passed({"attachments": [{name: address}]}) == {"attachments": [{name: address}]}


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        pytest.param({"text": "*own*", "blocks": [SECTION]}, "*own*", id="its own text"),
        pytest.param({"text": " ", "blocks": [SECTION, BUTTON]}, "*Deploy* failed, <@U1>\nLogs", id="that of its blocks"),
        pytest.param({"attachments": [ATTACHMENT]}, "Build\n*failed*\na\nb", id="that of its attachments"),
        pytest.param({"attachments": [{"fallback": "it failed", "color": "danger"}]}, "it failed", id="their fallback"),
        pytest.param({"attachments": [{"blocks": [SECTION]}]}, "*Deploy* failed, <@U1>", id="blocks within"),
        pytest.param(
            {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "<!here> & you"}}]},
            "&lt;!here&gt; &amp; you",
            id="what mentions nobody there mentions nobody here",
        ),
        pytest.param(
            {"blocks": [{"type": "image", "image_url": "https://x", "alt_text": "a chart"}]}, "a chart", id="what a picture shows"
        ),
        pytest.param(
            {
                "blocks": [
                    {
                        "type": "rich_text",
                        "elements": [
                            {
                                "type": "rich_text_section",
                                "elements": [
                                    {"type": "text", "text": "see "},
                                    {"type": "link", "url": "https://x"},
                                    {"type": "text", "text": " "},
                                    {"type": "emoji", "name": "fire"},
                                ],
                            },
                            {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
                        ],
                    }
                ]
            },
            "see https://x :fire:\nquoted",
            id="rich text, a line each",
        ),
        pytest.param(
            {"blocks": [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]}]},
            "a\nb",
            id="cells of a table",
        ),
        pytest.param({"blocks": [{"type": "divider"}]}, UNSAID, id="nothing that can be said"),
        pytest.param({}, UNSAID, id="nothing"),
        pytest.param({"text": "x" * 50_000}, "x" * 40_000, id="as much as Slack takes"),
    ],
)
def test_text_of(payload: dict[str, Any], text: str) -> None:
    assert text_of(payload) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "alt_text", "name", "url", "fallback", "value"]) | st.text(max_size=5),
            inner | st.sampled_from(["mrkdwn", "plain_text", "rich_text_section", "emoji", "image", "link"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(database=None, deadline=None, derandomize=True, max_examples=200)
@given(st.dictionaries(st.sampled_from(["text", "blocks", "attachments", "username"]), JSON))
def test_any_payload_is_passed_on_and_put_into_words(payload: dict[str, Any]) -> None:
    item = make_item_of(make_incident("slack_message", slack_payload=payload, occurrences=Occurrences(count=2)))
    wording = word(item, now=NOW, with_gateway=True)

    assert text_of(payload).strip()
    assert payload.keys() <= passed_on(item, payload, now=NOW, note="n").keys()
    for text in (wording.full, wording.line, wording.lone_line, wording.plain):
        assert 0 < len(text) <= 3_000
        assert not set("&<>") & set(text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", ""))


def test_in_words() -> None:
    payload = {"text": "R&amp;D: *failed* <https://x|here>\n\nsecond line"}
    alert = make_incident("slack_message", level="Medium", slack_payload=payload, occurrences=Occurrences(count=3))
    wording = word(make_item_of(alert), now=NOW, with_gateway=False)

    assert wording.full == "💬 *Message* · repeated 3 times\nR&amp;D: *failed* &lt;https://x|here&gt;\nsecond line"
    assert wording.line == "💬 R&amp;D: *failed* &lt;https://x|here&gt; second line · repeated 3 times"
    assert wording.plain == "Message: R&amp;D: *failed* &lt;https://x|here&gt; second line · repeated 3 times"
    assert word(make_item_of(alert), now=NOW, with_gateway=True).lone_line.endswith(" · prod-gateway")
