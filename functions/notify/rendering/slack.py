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
from notify.rendering.alerts import word
from notify.rendering.wording import clock, escape, nouns, plural, shown_name
from notify.rendering.words import EMOJI, Gravity, Wording

#: https://docs.slack.dev/reference/block-kit/blocks/header-block
HEADER_CHARACTERS = 150
#: What a header keeps free for its emoji and its part: ``(100 of 100)``.
HEADLINE_CHARACTERS = HEADER_CHARACTERS - 20
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


def compose_messages(items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
    """Lay alerts out as messages. Every item is in exactly one of them, and named in its blocks and its text.

    ``note`` (plain text, shown under the headline) says something about all of them.
    """
    if not items:
        return []
    with_gateway = len({item.alert.gateway for item in items}) > 1
    worded = sorted(((item, word(item, now=now, with_gateway=with_gateway)) for item in items), key=lambda pair: pair[1].order)
    is_storm = len(worded) > FULL_LAYOUT_ALERTS
    if is_storm:  # worst first, and what belongs together stays together
        rank = {(w.gravity, w.group): position for position, (_, w) in reversed(list(enumerate(worded)))}
        worded.sort(key=lambda pair: rank[pair[1].gravity, pair[1].group])
    headline = headline_of([wording for _, wording in worded], items)
    reserved = len(escape(headline)) + len(escape(note)) + HEADER_CHARACTERS - HEADLINE_CHARACTERS
    pages = list(_pages(worded, is_storm=is_storm, reserved=reserved))
    return [
        _message(
            page,
            headline=headline,
            note=note,
            part=(number, len(pages)),
            alert_count=len(worded),
            is_storm=is_storm,
            now=now,
        )
        for number, page in enumerate(pages, start=1)
    ]


def _pages(worded: Sequence[_Worded], *, is_storm: bool, reserved: int) -> Iterator[list[_Worded]]:
    """Cut the alerts into messages: as many as fit under the limits of block text and plain text, beside the title."""
    page: list[_Worded] = []
    size = text_size = 0
    for pair in worded:
        cost, text_cost = _cost(pair[1], is_storm=is_storm), len(pair[1].plain) + len(", ")
        is_full = size + cost + reserved > MESSAGE_CHARACTERS
        is_text_full = text_size + text_cost + reserved > TEXT_CHARACTERS
        if page and (is_full or is_text_full):
            yield page
            page, size, text_size = [], 0, 0
        page.append(pair)
        size, text_size = size + cost, text_size + text_cost
    yield page


def _cost(wording: Wording, *, is_storm: bool) -> int:
    """Characters that an alert takes at most: in a storm it may need its group's heading."""
    if not is_storm:
        return len(wording.full)
    return max(len(wording.lone_line), len(wording.line) + len(_heading(wording)) + 1) + 1


def _message(
    page: Sequence[_Worded],
    *,
    headline: str,
    note: str,
    part: tuple[int, int],
    alert_count: int,
    is_storm: bool,
    now: datetime,
) -> Message:
    number, part_count = part
    wordings = [wording for _, wording in page]
    items = tuple(item for item, _ in page)
    title = f"{EMOJI[wordings[0].gravity]} {headline}" + (f" ({number} of {part_count})" if part_count > 1 else "")
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}}]
    if note:
        blocks.append({"type": "context", "elements": [_mrkdwn(escape(note))]})
    blocks += _lines(wordings) if is_storm else _paragraphs(wordings)
    blocks.append({"type": "context", "elements": [_mrkdwn(footer_of(len(items), alert_count=alert_count, now=now))]})
    text = f"{escape(title)}: {', '.join(wording.plain for wording in wordings)}" + (f". {escape(note)}" if note else "")
    # Nothing that a name may look like is fetched or previewed.
    return Message({"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}, items)


def _paragraphs(wordings: Sequence[Wording]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for wording in wordings:
        if blocks:
            blocks.append({"type": "divider"})
        blocks.append(_section(wording.full))
    return blocks


def _lines(wordings: Sequence[Wording]) -> list[dict[str, Any]]:
    """One line an alert, in as few sections as their limit allows: first those alone in their group, then each
    group under its heading.
    """
    members = Counter((wording.gravity, wording.group) for wording in wordings)
    sections: list[str] = []
    heading = None
    for wording in sorted(wordings, key=lambda w: (w.gravity, members[w.gravity, w.group] > 1)):
        is_alone = members[wording.gravity, wording.group] == 1
        wanted = "" if is_alone else _heading(wording)
        line = wording.lone_line if is_alone else wording.line
        addition = line if wanted in ("", heading) else f"{wanted}\n{line}"
        fits = sections and len(sections[-1]) + 1 + len(addition) <= SECTION_CHARACTERS
        # A line without a heading must not seem to stand under the one before.
        if fits and not (wanted == "" and heading):
            sections[-1] += f"\n{addition}"
        else:
            sections.append(addition)
        heading = wanted
    return [_section(text) for text in sections]


def _heading(wording: Wording) -> str:
    """A group's heading in a storm: ``Keys · Research`` for the group ``Key · Research``."""
    noun, separator, rest = wording.group.partition(" · ")
    return f"*{nouns(noun)}{separator}{rest}*"


def headline_of(wordings: Sequence[Wording], items: Sequence[AlertItem]) -> str:
    """``2 budgets over, 1 close · prod-gateway``, short enough for a header with its part."""
    gateways = {item.alert.gateway for item in items}
    where = shown_name(next(iter(gateways))) if len(gateways) == 1 else plural(len(gateways), "gateway")
    (gravest, count), *others = sorted(Counter(wording.gravity for wording in wordings).items())
    parts = [f"{plural(count, 'budget')} {_SAYS[gravest]}", *(f"{n:,} {_SAYS[gravity]}" for gravity, n in others)]
    headline = f"{', '.join(parts)} · {where or 'unnamed gateway'}"
    return headline if len(headline) <= HEADLINE_CHARACTERS else f"{headline[: HEADLINE_CHARACTERS - 1]}…"


def footer_of(count: int, *, alert_count: int, now: datetime) -> str:
    """When it was written, and how many alerts it tells: ``23 Nov 13:10 UTC · 6 of 30 alerts``."""
    alerts = plural(alert_count, "alert")
    return f"{clock(now)} · {alerts if count == alert_count else f'{count:,} of {alerts}'}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: names are shown as they are, never turned into links, channels or people.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
