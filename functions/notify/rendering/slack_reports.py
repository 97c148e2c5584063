"""A report → one Slack message: a title, its period, a table for each section, and a chart where its figures are worth it.

The message is within Slack's limits whatever the report holds; what has no room is counted. A chart only repeats its
table: Slack may not know the block yet, and then the message goes without (:meth:`SlackWebhook.degrade`).
"""

from collections.abc import Sequence
from datetime import datetime

from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.alerts import Report, ReportSection
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.blocks import (
    CHART_LABEL_CHARACTERS,
    CHART_POINTS,
    HEADLINE_CHARACTERS,
    MESSAGE_CHARACTERS,
    MESSAGE_CHARTS,
    SECTION_CHARACTERS,
    TEXT_CHARACTERS,
    Block,
    bar_chart,
    context,
    header,
    message_of,
    section,
)
from notify.rendering.incidents import UNKNOWN
from notify.rendering.reports import (
    SECTION_TITLE_CHARACTERS,
    TITLE_CHARACTERS,
    plain_of,
    points_of,
    summary_of,
    table_of,
)
from notify.rendering.wording import clean, clock, escape, lateness, shortened, shown_name

#: Sections that are shown; a message has 50 blocks, and a section may need two.
MOST_SECTIONS = 20
#: What a section needs to be worth its title.
LEAST_SECTION_CHARACTERS = 200


def report_message(item: AlertItem, report: Report, *, now: datetime, note: str) -> Message:
    """The one message of a report. ``note`` is plain text, shown under the title."""
    gateway = shown_name(item.alert.gateway) or "unnamed gateway"
    row = ALERT_TYPES.get(item.alert.alert_type, UNKNOWN)
    title = f"{row.emoji} {clean(report.title) or row.noun.capitalize()} · {gateway}"
    title = title if len(title) <= HEADLINE_CHARACTERS else f"{title[: HEADLINE_CHARACTERS - 1]}…"
    remarks = [*([escape(note)] if note else []), *lateness(item.alert.raised_at, now=now)]
    period, summary = shortened(report.period, TITLE_CHARACTERS), summary_of(item, report)
    above = " · ".join(remarks)
    begin = "\n".join(filter(None, [period, f"*{summary}*" if summary else ""]))
    room = MESSAGE_CHARACTERS - len(title) - len(above) - len(begin)
    blocks = [
        header(title),
        *([context(above)] if above else []),
        *([section(begin)] if begin else []),
        *_sections(report.sections, room=room),
        context(clock(now)),
    ]
    name = f"{escape(title)}: "
    return message_of(name + plain_of(item, report, limit=TEXT_CHARACTERS - len(name), remarks=remarks), blocks, [item])


def _sections(sections: Sequence[ReportSection], *, room: int) -> list[Block]:
    blocks: list[Block] = []
    charts = 0
    for number, each in enumerate(sections):
        if number == MOST_SECTIONS or room < LEAST_SECTION_CHARACTERS:
            blocks.append(context(f"… and {len(sections) - number} more sections"))
            break
        title = f"*{shortened(each.title, SECTION_TITLE_CHARACTERS)}*"
        rows = table_of(each, limit=min(room, SECTION_CHARACTERS) - len(title) - 20)
        text = "\n".join([title, *(["```", *rows, "```"] if rows else ["nothing"])])
        blocks.append(section(text))
        room -= len(text)
        points = points_of(each, most=CHART_POINTS, label_characters=CHART_LABEL_CHARACTERS)
        if each.chart_unit and points and charts < MESSAGE_CHARTS:
            charts += 1
            chart = bar_chart(clean(each.title) or "Chart", unit=clean(each.chart_unit) or "count", points=points)
            blocks.append(chart)
            room -= 50 + 2 * sum(len(label) for label, _ in points)
    return blocks
