"""A scheduled report: in words as every alert, and as the lines of its tables.

A report is told in one message, so what is beyond a message's room is counted and not shown; the first rows are those
that its sender ranked first.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain

from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.alerts import Report, ReportSection
from notify.grouping import AlertItem
from notify.rendering.incidents import UNKNOWN
from notify.rendering.wording import capitalised, clean, cut, escape, lateness, shortened, shown_name
from notify.rendering.words import Gravity, Wording

#: Columns of a table, in the cells of a fixed-width font: a phone shows about 40 of them in a line.
NAME_CELLS, VALUE_CELLS, REMARK_CELLS = 24, 16, 28
UNNAMED = "(unnamed)"
#: Rows that are shown of one section.
SECTION_ROWS = 20
#: Characters, escaped.
TITLE_CHARACTERS = 120
SUMMARY_CHARACTERS = 600
SECTION_TITLE_CHARACTERS = 150
PLAIN_CHARACTERS = 1_500
FULL_CHARACTERS = 2_500


def word_report(item: AlertItem, report: Report, *, now: datetime, with_gateway: bool) -> Wording:
    """Put a report into words, for whoever lays it out as an alert among others."""
    alert = item.alert
    row = ALERT_TYPES.get(alert.alert_type, UNKNOWN)
    title, period = title_of(report), shortened(report.period, TITLE_CHARACTERS)
    gateway = f" · {escape(shown_name(alert.gateway))}" if with_gateway else ""
    summary, late = summary_of(item, report), lateness(alert.raised_at, now=now)
    brief = " · ".join(filter(None, [period, cut(summary, TITLE_CHARACTERS), *late]))
    head = [f"{row.emoji} *{title}*{gateway}", period, summary, *late]
    tables = (f"*{shortened(section.title, SECTION_TITLE_CHARACTERS)}*\n{_list(section)}" for section in report.sections)
    return Wording(
        gravity=Gravity.LOW,
        order=(Gravity.LOW, Decimal(0), title),
        group=capitalised(row.noun) + gateway,
        full=_joined(chain(head, tables), "\n", FULL_CHARACTERS),
        line=f"{row.emoji} *{title}* {brief}".rstrip(),
        lone_line=f"{row.emoji} *{title}* {brief}".rstrip() + gateway,
        plain=_joined([title + gateway, plain_of(item, report, limit=PLAIN_CHARACTERS, remarks=late)], " · ", FULL_CHARACTERS),
        emoji=row.emoji,
        noun=row.noun,
    )


def title_of(report: Report) -> str:
    """What a report is called, escaped."""
    return shortened(report.title, TITLE_CHARACTERS) or "Report"


def summary_of(item: AlertItem, report: Report) -> str:
    """What it comes to, escaped; of a report that says nothing else, the alert's message."""
    message = "" if report.sections else item.alert.message
    return shortened(report.summary or message, SUMMARY_CHARACTERS)


def plain_of(item: AlertItem, report: Report, *, limit: int, remarks: Sequence[str] = ()) -> str:
    """Its period, its summary and its sections with their rows on one line, escaped, as much of it as has room."""
    head = [shortened(report.period, TITLE_CHARACTERS), *remarks, summary_of(item, report)]
    sections = (f"{shortened(section.title, SECTION_TITLE_CHARACTERS)}: {_enumerated(section)}" for section in report.sections)
    return _joined(chain(head, sections), " · ", limit)


def table_of(section: ReportSection, *, limit: int) -> list[str]:
    """A section's rows as aligned lines for a fixed-width font, escaped, in at most so many characters."""
    rows = section.rows[:SECTION_ROWS]
    names = [_in_cells(row.name, NAME_CELLS) or UNNAMED for row in rows]
    values = [_in_cells(row.value, VALUE_CELLS) for row in rows]
    name_width, value_width = max(map(_cells, names), default=0), max(map(_cells, values), default=0)
    lines: list[str] = []
    for name, value, row in zip(names, values, rows, strict=True):
        gap = " " * (name_width - _cells(name) + 2 + value_width - _cells(value))
        line = escape(f"{name}{gap}{value}  {_in_cells(row.remark, REMARK_CELLS)}".rstrip())
        limit -= len(line) + 1
        if limit < 0:
            break
        lines.append(line)
    more = hidden_count(section, shown=len(lines))
    return [*lines, *([f"… and {more:,} more"] if more else [])]


def hidden_count(section: ReportSection, *, shown: int) -> int:
    """How many rows are not shown, those that the report itself left out included."""
    return len(section.rows) - shown + section.more_count


def points_of(section: ReportSection, *, most: int, label_characters: int) -> list[tuple[str, float]]:
    """Labels that differ, and the figures of the rows that have one; none where there is nothing to compare."""
    points: dict[str, float] = {}
    for row in section.rows:
        if row.amount is None or not math.isfinite(row.amount) or len(points) == most:
            continue
        label = _short_label(clean(row.name) or UNNAMED, taken=points, limit=label_characters)
        points[label] = row.amount
    return list(points.items()) if len(points) > 1 else []


def _short_label(name: str, *, taken: Iterable[str], limit: int) -> str:
    label = name if len(name) <= limit else f"{name[: limit - 1]}…"
    number = 2
    while label in taken:
        suffix = f" ({number})"
        label = f"{name[: limit - len(suffix)]}{suffix}"
        number += 1
    return label


def _enumerated(section: ReportSection) -> str:
    rows = section.rows[:SECTION_ROWS]
    shown = [
        " ".join(filter(None, [escape(shown_name(row.name) or UNNAMED), shortened(row.value, 40), _in_brackets(row.remark)]))
        for row in rows
    ]
    more = hidden_count(section, shown=len(rows))
    return ", ".join([*shown, *([f"{more:,} more"] if more else [])]) or "nothing"


def _list(section: ReportSection) -> str:
    rows = section.rows[:SECTION_ROWS]
    shown = [
        " · ".join(
            filter(None, [f"• {escape(shown_name(row.name) or UNNAMED)}", shortened(row.value, 40), shortened(row.remark, 60)])
        )
        for row in rows
    ]
    more = hidden_count(section, shown=len(rows))
    return "\n".join([*shown, *([f"… and {more:,} more"] if more else [])]) or "nothing"


def _in_brackets(remark: str) -> str:
    shown = shortened(remark, 60)
    return f"({shown})" if shown else ""


def _joined(parts: Iterable[str], separator: str, limit: int) -> str:
    """What there is of escaped parts, as far as it fits; those beyond are not even made."""
    text = ""
    for part in filter(None, parts):
        text += f"{separator}{part}" if text else part
        if len(text) > limit:
            break
    return cut(text, limit)


def _in_cells(text: str, limit: int) -> str:
    """Text on one line in at most so many cells; of a longer one the middle is left out, since names differ at both ends."""
    text = clean(text).replace("`", "'")  # nothing ends the fixed-width block that it stands in
    if len(text) > 2 * limit:  # whatever its width
        text = f"{text[:limit]}…{text[-limit:]}"
    if _cells(text) <= limit:
        return text
    begin, end = text, text
    while _cells(begin) > (limit - 1) // 2:
        begin = begin[:-1]
    while _cells(end) > limit - 1 - _cells(begin):
        end = end[1:]
    return f"{begin}…{end}"


def _cells(text: str) -> int:
    """How wide text is in a fixed-width font."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
