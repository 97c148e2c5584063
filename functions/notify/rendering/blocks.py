"""Slack's blocks, and the limits that a message of ours keeps."""

from collections.abc import Iterable
from typing import Any

from notify.destinations.base import Message
from notify.grouping import AlertItem

#: https://docs.slack.dev/reference/block-kit/blocks/header-block
HEADER_CHARACTERS = 150
#: What a header keeps free for its emoji and its part: ``(100 of 100)``.
HEADLINE_CHARACTERS = HEADER_CHARACTERS - 20
#: https://docs.slack.dev/reference/block-kit/blocks/section-block
SECTION_CHARACTERS = 3_000
#: https://docs.slack.dev/reference/block-kit/blocks
MESSAGE_BLOCKS = 50
#: A message takes about 13,200 characters in its blocks although each single limit is kept (``msg_blocks_too_long``,
#: seen and not documented): stay well below.
MESSAGE_CHARACTERS = 11_000
#: Beyond 40,000 Slack cuts, and it asks for no more than 4,000
#: (https://docs.slack.dev/reference/methods/chat.postMessage#truncating).
TEXT_CHARACTERS = 4_000
MOST_TEXT_CHARACTERS = 40_000

#: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block; two of them in a message are not documented,
#: and seen to be all that it takes (https://github.com/vercel/chat/pull/696).
CHART = "data_visualization"
MESSAGE_CHARTS = 2
CHART_TITLE_CHARACTERS = 50
CHART_LABEL_CHARACTERS = 20
CHART_POINTS = 20

Block = dict[str, Any]


def message_of(text: str, blocks: list[Block], items: Iterable[AlertItem]) -> Message:
    """A message; ``text`` says all that its blocks say, in mrkdwn."""
    # Nothing that a name may look like is fetched or previewed.
    return Message({"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}, tuple(items))


def header(text: str) -> Block:
    """A title in plain text."""
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def section(text: str) -> Block:
    """A paragraph in mrkdwn."""
    return {"type": "section", "text": _mrkdwn(text)}


def context(text: str) -> Block:
    """A small line in mrkdwn."""
    return {"type": "context", "elements": [_mrkdwn(text)]}


def divider() -> Block:
    """A line."""
    return {"type": "divider"}


def bar_chart(title: str, *, unit: str, points: list[tuple[str, float]]) -> Block:
    """A bar for each point; ``unit`` says what the values count. Labels have to differ."""
    name = unit[:CHART_LABEL_CHARACTERS]
    return {
        "type": CHART,
        "title": title[:CHART_TITLE_CHARACTERS],
        "chart": {
            "type": "bar",
            "series": [{"name": name, "data": [{"label": label, "value": value} for label, value in points]}],
            "axis_config": {"categories": [label for label, _ in points], "y_label": name},
        },
    }


def _mrkdwn(text: str) -> Block:
    # verbatim: names are shown as they are, never turned into links, channels or people.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
