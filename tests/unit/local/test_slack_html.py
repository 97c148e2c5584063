from typing import Any

import pytest

from local.slack_html import block_html, message_html
from tests.unit.local.markup import assert_harmless

EVIL = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>"


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


@pytest.mark.parametrize(
    ("block", "html"),
    [
        ({"type": "header", "text": plain(":red_circle: 1 < 2")}, '<h2 class="header">🔴 1 &lt; 2</h2>'),
        ({"type": "section", "text": mrkdwn("*x*")}, '<div class="section"><div><strong>x</strong></div></div>'),
        ({"type": "section", "text": plain("*x*")}, '<div class="section"><div>*x*</div></div>'),
        (
            {"type": "section", "fields": [mrkdwn("a"), plain("b")]},
            '<div class="section"><div class="fields"><div>a</div><div>b</div></div></div>',
        ),
        ({"type": "context", "elements": [mrkdwn("_a_")]}, '<div class="context"><span><em>a</em></span></div>'),
        ({"type": "divider"}, '<hr class="divider">'),
        ({"type": "markdown", "text": "# <b>"}, '<div class="section markdown"># &lt;b&gt;</div>'),
        ({"type": "image", "image_url": "https://x/y.png", "alt_text": "a chart"}, '<span class="picture">🖼 a chart</span>'),
        (
            {"type": "actions", "elements": [{"type": "button", "text": plain("Go")}]},
            '<div class="actions"><span class="button">Go</span></div>',
        ),
        (
            {
                "type": "data_visualization",
                "title": "<Spend>",
                "chart": {"type": "pie", "segments": [{"label": "<a>", "value": 2}]},
            },
            f'<div class="chart">&lt;Spend&gt;<pre>&lt;a&gt;  {"█" * 20} 2</pre></div>',
        ),
        ({"type": "confetti"}, '<div class="unknown">confetti block</div>'),
        (
            {"type": "table", "rows": [[{"type": "raw_text", "text": "<a>"}]]},
            '<div class="table"><table><tr><td>&lt;a&gt;</td></tr></table></div>',
        ),
    ],
)
def test_a_block_is_shown_as_slack_shows_it(block: dict[str, Any], html: str) -> None:
    assert block_html(block) == html


def test_rich_text_is_shown() -> None:
    section = {
        "type": "rich_text_section",
        "elements": [
            {"type": "text", "text": "bold", "style": {"bold": True}},
            {"type": "emoji", "name": "fire"},
            {"type": "link", "url": "https://x", "text": "x"},
            {"type": "user", "user_id": "U1"},
        ],
    }
    items = {"type": "rich_text_list", "style": "ordered", "elements": [section]}
    html = block_html({"type": "rich_text", "elements": [items, {"type": "rich_text_quote", "elements": []}]})
    assert "<ol><li><div><strong>bold</strong>🔥<a href=" in html
    assert '<span class="mention">user</span>' in html
    assert "<blockquote></blockquote>" in html


def test_a_message_without_blocks_shows_its_text_and_attachments() -> None:
    html = message_html({"text": "*a*", "attachments": [{"text": "_b_"}, {"blocks": [{"type": "divider"}]}]})
    assert html == (
        '<div class="section"><strong>a</strong></div><div class="attachment"><em>b</em></div>'
        '<div class="attachment"><hr class="divider"></div>'
    )


def test_text_beside_blocks_is_not_shown_twice() -> None:
    assert "fallback" not in message_html({"text": "fallback", "blocks": [{"type": "divider"}]})


def _filled(shape: Any) -> Any:
    """The shape with every text replaced by something evil, types aside."""
    match shape:
        case dict():
            return {key: value if key in ("type", "style") else _filled(value) for key, value in shape.items()}
        case list():
            return [_filled(item) for item in shape]
        case str():
            return EVIL
    return shape


SHAPES: list[dict[str, Any]] = [
    {"type": "header", "text": plain("")},
    {"type": "section", "text": mrkdwn(""), "fields": [mrkdwn(""), plain("")], "accessory": {"type": "image", "alt_text": ""}},
    {"type": "context", "elements": [mrkdwn(""), {"type": "image", "image_url": "", "alt_text": ""}]},
    {"type": "image", "image_url": "", "alt_text": "", "title": plain("")},
    {"type": "markdown", "text": ""},
    {"type": "actions", "elements": [{"type": "button", "text": plain(""), "url": ""}]},
    {"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]},
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
        {"type": "text", "text": "", "style": {"code": True}},
        {"type": "link", "url": "", "text": ""},
        {"type": "emoji", "name": ""},
        {"type": EVIL},
    ]}]},
    {"type": EVIL},
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape["type"])[:12])
def test_nothing_of_a_message_becomes_markup_of_its_own(shape: dict[str, Any]) -> None:
    block = _filled(shape)
    assert_harmless(message_html({"blocks": [block], "attachments": [{"blocks": [block]}, {"title": EVIL, "text": EVIL}]}))
    assert_harmless(message_html({"text": EVIL}))


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"blocks": "x"},
        {"blocks": [1, None]},
        {"blocks": [{"type": "section", "text": 1, "fields": 2}]},
        {"attachments": [[]]},
    ],
)
def test_an_odd_message_is_shown_all_the_same(payload: dict[str, Any]) -> None:
    assert isinstance(message_html(payload), str)
