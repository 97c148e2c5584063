"""Worded alerts → Slack messages within Slack's limits: few alerts in full, a storm as one line each. Nobody is left out.

In this order: what happens now, aggregated; digests, aggregated; a message for each report; a message for each that
another sender wrote, as it came. Every item is in exactly one of them.

An aggregated message is a header, the alerts (worst first), a footer, and ``text``: the same in plain words, complete, since
notifications and screen readers get nothing else (https://docs.slack.dev/reference/methods/chat.postMessage#blocks_and_attachments).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.alerts import word
from notify.rendering.blocks import (
    CHART,
    HEADER_CHARACTERS,
    HEADLINE_CHARACTERS,
    MESSAGE_CHARACTERS,
    SECTION_CHARACTERS,
    TEXT_CHARACTERS,
    Block,
    context,
    divider,
    header,
    message_of,
    section,
)
from notify.rendering.passthrough import passed_on, text_of
from notify.rendering.slack_reports import report_message
from notify.rendering.wording import clock, escape, nouns, period, plural
from notify.rendering.words import Wording, headline_of

#: More alerts than this are told in one line each.
FULL_LAYOUT_ALERTS = 12

#: What a message may have beside its text.
LAYOUT = frozenset({"blocks", "attachments"})

_Worded = tuple[AlertItem, Wording]


def compose_messages(items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
    """Lay alerts out as messages. Every item is in exactly one of them, and named in its blocks and its text.

    ``note`` (plain text, shown under the headline) says something about all of them.
    """
    live: list[AlertItem] = []
    digests: list[AlertItem] = []
    alone: list[Message] = []
    passed: list[Message] = []
    for item in items:
        alert = item.alert
        if alert.budget is None and alert.report is not None:
            alone.append(report_message(item, alert.report, now=now, note=note))
        elif alert.budget is None and alert.slack_payload is not None:
            passed.append(Message(passed_on(item, alert.slack_payload, now=now, note=note), (item,)))
        else:
            (digests if alert.is_digest else live).append(item)
    return [
        *_aggregated(live, now=now, notes=[note] if note else []),
        *_aggregated(digests, now=now, notes=[_gathered(digests), *([note] if note else [])], prefix="Digest: "),
        *alone,
        *passed,
    ]


def plainer(message: Message) -> Message | None:
    """The same message for a Slack that refused it: first without charts, a block that not every workspace has yet; then as
    plain text, which names everyone too; None of plain text.
    """
    payload = message.payload
    if not LAYOUT & payload.keys():
        return None
    blocks = payload.get("blocks")
    others = [block for block in blocks if not _is_chart(block)] if isinstance(blocks, list) else []
    if others and others != blocks:
        return Message(payload | {"blocks": others}, message.items)
    bare = {name: value for name, value in payload.items() if name not in LAYOUT}
    return Message(bare | {"text": text_of(payload)}, message.items)


def _is_chart(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") == CHART


def _gathered(digests: Sequence[AlertItem]) -> str:
    """Over which time a digest was gathered."""
    if not digests:
        return ""
    seen = [(item.occurrences, item.alert.raised_at) for item in digests]
    first = min(occurrences.first_at or raised_at for occurrences, raised_at in seen)
    last = max(occurrences.last_at or raised_at for occurrences, raised_at in seen)
    return f"A digest of {period(first, max(first, last))}"


def _aggregated(items: Sequence[AlertItem], *, now: datetime, notes: Sequence[str], prefix: str = "") -> list[Message]:
    if not items:
        return []
    gateways = {gateway for item in items for gateway in item.gateways}
    with_gateway = len(gateways) > 1
    worded = sorted(((item, word(item, now=now, with_gateway=with_gateway)) for item in items), key=lambda pair: pair[1].order)
    is_storm = len(worded) > FULL_LAYOUT_ALERTS
    if is_storm:  # worst first, and what belongs together stays together
        rank = {(w.gravity, w.group): position for position, (_, w) in reversed(list(enumerate(worded)))}
        worded.sort(key=lambda pair: rank[pair[1].gravity, pair[1].group])
    headline = prefix + headline_of([wording for _, wording in worded], gateways=gateways)
    headline = headline if len(headline) <= HEADLINE_CHARACTERS else f"{headline[: HEADLINE_CHARACTERS - 1]}…"
    note = ". ".join(map(escape, notes))
    reserved = len(escape(headline)) + len(note) + HEADER_CHARACTERS - HEADLINE_CHARACTERS
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
    title = f"{wordings[0].emoji} {headline}" + (f" ({number} of {part_count})" if part_count > 1 else "")
    blocks = [header(title), *([context(note)] if note else [])]
    blocks += _lines(wordings) if is_storm else _paragraphs(wordings)
    blocks.append(context(footer_of(len(page), alert_count=alert_count, now=now)))
    text = f"{escape(title)}: {', '.join(wording.plain for wording in wordings)}" + (f". {note}" if note else "")
    return message_of(text, blocks, (item for item, _ in page))


def _paragraphs(wordings: Sequence[Wording]) -> list[Block]:
    blocks: list[Block] = []
    for wording in wordings:
        if blocks:
            blocks.append(divider())
        blocks.append(section(wording.full))
    return blocks


def _lines(wordings: Sequence[Wording]) -> list[Block]:
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
    return [section(text) for text in sections]


def _heading(wording: Wording) -> str:
    """A group's heading in a storm: ``Keys · Research`` for the group ``Key · Research``."""
    noun, separator, rest = wording.group.partition(" · ")
    return f"*{nouns(noun)}{separator}{rest}*"


def footer_of(count: int, *, alert_count: int, now: datetime) -> str:
    """When it was written, and how many alerts it tells: ``23 Nov 13:10 UTC · 6 of 30 alerts``."""
    alerts = plural(alert_count, "alert")
    return f"{clock(now)} · {alerts if count == alert_count else f'{count:,} of {alerts}'}"
