"""Worded alerts → Slack messages within Slack's limits: few alerts in full, a storm as one line each. Nobody is left out.

A message is a header, the alerts (worst first), a footer, and ``text``: the same in plain words, complete, since
notifications and screen readers get nothing else (https://docs.slack.dev/reference/methods/chat.postMessage#blocks_and_attachments).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.budgets import EMOJI, Gravity, Wording, word
from notify.rendering.wording import clock, escape, nouns, plural, shown_name

#: https://docs.slack.dev/reference/block-kit/blocks/header-block
HEADER_CHARACTERS = 150
#: https://docs.slack.dev/reference/block-kit/blocks/section-block
SECTION_CHARACTERS = 3_000
#: A message takes about 13,200 characters in its blocks although each single limit is kept (``msg_blocks_too_long``,
#: seen and not documented): stay well below. The limit of 50 blocks is then out of reach.
MESSAGE_CHARACTERS = 11_000
#: https://docs.slack.dev/reference/methods/chat.postMessage#truncating
TEXT_CHARACTERS = 4_000
#: More alerts than this are told in one line each.
FULL_LAYOUT_ALERTS = 12

_SAYS = {
    Gravity.OVER: "over",
    Gravity.CLOSE: "close",
    Gravity.PROJECTED: "projected over",
    Gravity.SOFT: "over soft budget",
}

_Worded = tuple[AlertItem, Wording]


def compose_messages(items: Sequence[AlertItem], *, now: datetime) -> list[Message]:
    """Lay alerts out as messages. Every item is in exactly one of them, and named in its blocks and its text."""
    with_gateway = len({item.alert.gateway for item in items}) > 1
    worded = sorted(((item, word(item, now=now, with_gateway=with_gateway)) for item in items), key=lambda pair: pair[1].order)
    is_storm = len(worded) > FULL_LAYOUT_ALERTS
    if is_storm:  # worst first, and what belongs together stays together
        rank = {wording.group: position for position, (_, wording) in reversed(list(enumerate(worded)))}
        worded.sort(key=lambda pair: (pair[1].gravity, rank[pair[1].group]))
    pages = list(_pages(worded, is_storm=is_storm))
    headline = _headline([wording for _, wording in worded], items)
    return [
        _message(page, headline=headline, part=(number, len(pages)), is_storm=is_storm, now=now)
        for number, page in enumerate(pages, start=1)
    ]


def _pages(worded: Sequence[_Worded], *, is_storm: bool) -> Iterator[list[_Worded]]:
    """Cut the alerts into messages: as many as fit under the limits of block text and plain text."""
    page: list[_Worded] = []
    size = text_size = 0
    for pair in worded:
        cost, text_cost = _cost(pair[1], is_storm=is_storm), len(pair[1].plain) + len(", ")
        # Both start with the headline.
        is_full = size + cost + HEADER_CHARACTERS > MESSAGE_CHARACTERS
        is_text_full = text_size + text_cost + HEADER_CHARACTERS > TEXT_CHARACTERS
        if page and (is_full or is_text_full):
            yield page
            page, size, text_size = [], 0, 0
        page.append(pair)
        size, text_size = size + cost, text_size + text_cost
    if page:
        yield page


def _cost(wording: Wording, *, is_storm: bool) -> int:
    """Characters that an alert takes at most: in a storm it may need its group's heading."""
    return len(wording.line) + len(_heading(wording)) + 2 if is_storm else len(wording.full)


def _message(page: Sequence[_Worded], *, headline: str, part: tuple[int, int], is_storm: bool, now: datetime) -> Message:
    number, count = part
    wordings = [wording for _, wording in page]
    title = f"{headline} ({number} of {count})" if count > 1 else headline
    emoji = EMOJI[wordings[0].gravity]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": f"{emoji} {title}"[:HEADER_CHARACTERS], "emoji": True}}
    ]
    blocks += _lines(wordings) if is_storm else _paragraphs(wordings)
    blocks.append({"type": "context", "elements": [_mrkdwn(_footer([item for item, _ in page], now=now))]})
    text = f"{escape(title)}: {', '.join(wording.plain for wording in wordings)}"
    return Message(payload={"text": text, "blocks": blocks}, items=tuple(item for item, _ in page))


def _paragraphs(wordings: Sequence[Wording]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for wording in wordings:
        if blocks:
            blocks.append({"type": "divider"})
        blocks.append(_section(wording.full))
    return blocks


def _lines(wordings: Sequence[Wording]) -> list[dict[str, Any]]:
    """One line an alert, under a heading for each group, in as few sections as their limit allows."""
    sections: list[str] = []
    group = None
    for wording in wordings:
        addition = wording.line if wording.group == group else f"{_heading(wording)}\n{wording.line}"
        if sections and len(sections[-1]) + 1 + len(addition) <= SECTION_CHARACTERS:
            sections[-1] += f"\n{addition}"
        else:
            sections.append(addition)
        group = wording.group
    return [_section(text) for text in sections]


def _heading(wording: Wording) -> str:
    """A group's heading in a storm: ``Keys · Research`` for the group ``Key · Research``."""
    noun, separator, rest = wording.group.partition(" · ")
    return f"*{nouns(noun)}{separator}{rest}*"


def _headline(wordings: Sequence[Wording], items: Sequence[AlertItem]) -> str:
    """``2 budgets over, 1 close · prod-gateway``."""
    counts = Counter(wording.gravity for wording in wordings)
    (gravest, count), *others = sorted(counts.items())
    parts = [f"{plural(count, 'budget')} {_SAYS[gravest]}", *(f"{n:,} {_SAYS[gravity]}" for gravity, n in others)]
    gateways = {item.alert.gateway for item in items}
    where = shown_name(next(iter(gateways))) if len(gateways) == 1 else plural(len(gateways), "gateway")
    return f"{', '.join(parts)} · {where}"


def _footer(items: Sequence[AlertItem], *, now: datetime) -> str:
    parts = [clock(now), plural(len(items), "alert")]
    repeated = [item.count for item in items if item.count > 1]
    if len(repeated) == 1:
        parts.append(f"one repeated {repeated[0]} times")
    elif repeated:
        parts.append(f"{len(repeated)} repeated")
    return " · ".join(parts)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: names are shown as they are, never turned into links, channels or people.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
