"""Alerts as Teams messages: what a reader sees, within the size limit, names shown as they are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.teams import MESSAGE_BYTES, compose_cards, plainer, size_bytes
from tests.unit.notify.fakes import NOW, make_item, make_items
from tests.unit.notify.rendering.test_slack import name_of, some_items

#: From Microsoft's documentation and not from the code that is tested.
MAX_BYTES = 28 * 1024
MARKS = str.maketrans("", "", "*_`\u200b")


def card_of(message: Message) -> dict[str, Any]:
    (attachment,) = message.payload["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card: dict[str, Any] = attachment["content"]
    return card


def lines_of(message: Message) -> list[str]:
    """What a reader sees, line by line."""
    return [
        "".join(run if isinstance(run, str) else run["text"] for run in block["inlines"]) for block in card_of(message)["body"]
    ]


def only(items: list[AlertItem], *, note: str = "") -> Message:
    (message,) = compose_cards(items, now=NOW, note=note)
    return message


def test_a_card_is_a_title_the_alerts_and_a_footer() -> None:
    message = only([make_item(), make_item(entity_type="team", entity_id="r", name="Research", spend="104.2")])

    assert message.payload["type"] == "message"
    assert message.payload["summary"] == "🔴 1 budget over, 1 close · prod-gateway"
    assert (card_of(message)["type"], card_of(message)["version"]) == ("AdaptiveCard", "1.4")
    assert lines_of(message) == [
        "🔴 1 budget over, 1 close · prod-gateway",
        "Team Research is over its budget",
        "██████████ 104 %   $104.20 of $100.00",
        "Requests are refused until it resets or is raised.",
        "Key prod-search has $4.00 left",
        "█████████░ 96 %   $96.00 of $100.00",
        "23 Nov 12:00 UTC · 2 alerts",
    ]
    assert [block.get("separator", False) for block in card_of(message)["body"]] == [False, True, False, False, True, False, True]


def test_what_is_bold_and_italic_in_slack_is_so_here() -> None:
    body = card_of(only([make_item(spend="104")]))["body"]

    assert body[1]["inlines"] == [{"type": "TextRun", "text": "Key prod-search", "weight": "Bolder"}, " is over its budget"]
    assert body[3]["inlines"] == [
        {"type": "TextRun", "text": "Requests are refused until it resets or is raised.", "italic": True}
    ]


def test_a_note_stands_under_the_title() -> None:
    assert lines_of(only([make_item()], note="Not to finance: *x* & y."))[1] == "Not to finance: *x* & y."


def test_a_storm_is_a_line_each_without_rules_between() -> None:
    message = only(make_items(13))

    assert lines_of(message)[1] == "🟠 Key service-00009 94 % · $94.00 of $100.00"
    assert len(lines_of(message)) == 15
    assert [block.get("separator", False) for block in card_of(message)["body"]].count(True) == 1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("[click](https://evil.test)", id="a link"),
        pytest.param("R&D <b> &amp;", id="HTML and an escape"),
        pytest.param("# 1. - > ~~x~~", id="Markdown of blocks"),
        pytest.param(r"a\*b", id="a backslash"),
        pytest.param("<at>everyone</at>", id="a mention"),
        pytest.param("team_a_b", id="underscores"),
    ],
)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    assert f"Key {name} has $4.00 left" in lines_of(only([make_item(name=name)]))


def test_a_name_is_no_function_of_dates() -> None:
    message = only([make_item(name="{{DATE(2017-02-14T06:00:00Z)}}", gateway="{{TIME(2017-02-14T06:00:00Z)}}")])

    assert "{{" not in json.dumps(card_of(message))
    assert lines_of(message)[1].replace("\u200b", "").startswith("Key {{DATE(2017-02-14T06:00:00Z)}} has")


def test_nobody_is_mentioned_and_nothing_can_be_clicked() -> None:
    card = card_of(only(make_items(3)))

    assert card["msteams"] == {"width": "Full"}
    assert "actions" not in card
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a" * 100, 2 * 108, id="letters count twice, as in UTF-16"),
        pytest.param("█" * 100, 6 * 100 + 14, id="other characters six times, as JSON within JSON escapes them"),
        pytest.param("🔴" * 100, 12 * 100 + 14, id="emoji twelve times"),
    ],
)
def test_size(text: str, expected: int) -> None:
    assert size_bytes({"x": text}) == expected


def test_the_size_is_the_documented_one() -> None:
    assert MESSAGE_BYTES == MAX_BYTES


@settings(max_examples=25, deadline=None)
@given(some_items())
def test_every_message_fits_however_it_is_counted_and_names_everyone(items: list[AlertItem]) -> None:
    messages = compose_cards(items, now=NOW, note="These could not be posted to finance: channel_is_archived.")

    assert sorted(id(item) for message in messages for item in message.items) == sorted(map(id, items))
    for message in messages:
        text = json.dumps(message.payload, ensure_ascii=False, separators=(",", ":"))
        assert len(text.encode("utf-16-le")) <= MAX_BYTES
        assert len(text.encode()) <= MAX_BYTES
        assert len(json.dumps(text)) <= MAX_BYTES
        shown = "\n".join(lines_of(message)).translate(MARKS)
        # A mark within a name may be taken for Slack's.
        assert [name for item in message.items if (name := name_of(item).translate(MARKS)) not in shown] == []
        plain = plainer(message.payload)
        assert plain is not None
        assert len(json.dumps(plain, ensure_ascii=False).encode()) <= MAX_BYTES


@pytest.mark.parametrize("note", ["x", "é" * 3_000], ids=["a short note", "a long note"])
def test_a_message_that_is_full_to_the_brim_fits(note: str) -> None:
    first, *others = compose_cards(make_items(300), now=NOW, note=note)

    assert others
    assert size_bytes(first.payload) <= MAX_BYTES


def test_1500_alerts_take_few_messages() -> None:
    messages = compose_cards(make_items(1_500), now=NOW)

    assert len(messages) <= 25


def test_the_plainer_form_is_of_the_first_version_and_escapes_markdown() -> None:
    plain = plainer(only([make_item(name="[a](b) *c*_d_`e`\\")]).payload)
    assert plain is not None
    card = plain["attachments"][0]["content"]

    assert card["version"] == "1.0"
    assert {block["type"] for block in card["body"]} == {"TextBlock"}
    assert all(block["wrap"] is True for block in card["body"])
    assert card["body"][1]["text"] == r"Key \[a\](b) \*c\*\_d\_\`e\`\\ has $4.00 left"
    assert plainer(plain) is None
