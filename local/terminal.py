"""A Slack message → lines for a terminal. Pure; control characters of a message never reach the terminal."""

import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from local.mrkdwn import Markup, render, unescape, with_emoji

WIDTH = 96
BAR_CELLS = 20
#: Control, direction and other invisible characters, and halves of a character.
_UNPRINTABLE = ("Cc", "Cf", "Cs")
_ANSI = {"strong": "1", "em": "3", "s": "9", "code": "36", "dim": "2", "link": "4"}


def render_terminal(message: Mapping[str, Any], *, is_colored: bool = False, width: int = WIDTH) -> str:
    """A message as lines of ``width``: header, sections, dividers, context. ``is_colored`` uses bold, italic and dim."""
    markup = _markup(is_colored=is_colored)
    blocks = message.get("blocks") or [{"type": "section", "text": {"type": "mrkdwn", "text": message.get("text", "")}}]
    blocks += [_section_of(attachment) for attachment in message.get("attachments") or ()]
    return "\n".join(f"│ {line}".rstrip() for block in blocks for line in _lines(block, markup, width))


def _section_of(attachment: Mapping[str, Any]) -> dict[str, Any]:
    """A legacy attachment as a section: its title, its text and its fields."""
    fields = [f"*{field.get('title', '')}* {field.get('value', '')}" for field in attachment.get("fields") or ()]
    said = [f"*{attachment['title']}*" if attachment.get("title") else "", attachment.get("text") or "", *fields]
    text = "\n".join(filter(None, said)) or str(attachment.get("fallback", ""))
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _lines(block: Mapping[str, Any], markup: Markup, width: int) -> Iterator[str]:
    match block.get("type"):
        case "header":
            title = markup.escape(with_emoji(unescape(block["text"]["text"])))
            yield from (markup.tag("strong", line) for line in _wrapped(title, width))
            yield ""
        case "divider":
            yield markup.tag("dim", "─" * 40)
        case "context":
            yield ""
            elements = (_text(element, markup) or str(element.get("alt_text", "")) for element in block["elements"])
            yield markup.tag("dim", "  ".join(elements))
        case "data_visualization":
            yield markup.tag("dim", markup.escape(str(block.get("title", ""))))
            yield from map(markup.escape, chart_lines(block.get("chart")))
        case _:
            parts = [block.get("text"), *block.get("fields", [])]
            for text in filter(None, (_text(part, markup) for part in parts)):
                for line in text.rstrip("\n").split("\n"):
                    yield from _wrapped(line, width)


def chart_lines(chart: Any) -> Iterator[str]:
    """The first series of a chart (or a pie's segments) as bars of characters; the longest stands for the largest value."""
    match chart:
        case {"series": [{"data": list(points)}, *_]} | {"segments": list(points)}:
            largest = max(abs(point["value"]) for point in points) or 1
            label_width = max(len(point["label"]) for point in points)
            for point in points:
                bar = "█" * round(BAR_CELLS * abs(point["value"]) / largest)
                yield f"{point['label']:<{label_width}}  {bar} {point['value']:,g}"


def _text(node: Any, markup: Markup) -> str:
    match node:
        case {"type": "mrkdwn", "text": str(text)}:
            return render(text, markup)
        case {"text": str(text)} | str(text):
            return markup.escape(with_emoji(unescape(text)))
    return ""


def _wrapped(line: str, width: int) -> list[str]:
    # Runs of spaces are part of a line's layout.
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False, drop_whitespace=False) or [""]


def _markup(*, is_colored: bool) -> Markup:
    def tag(name: str, inner: str) -> str:
        if name == "blockquote":
            return "".join(f"▌ {line}\n" for line in inner.split("\n"))
        return f"\x1b[{_ANSI[name]}m{inner}\x1b[0m" if is_colored and name in _ANSI else inner

    return Markup(
        escape=_printable,
        tag=tag,
        link=lambda url, label: label if label == url else f"{label} ({_printable(url)})",
        mention=lambda label: label,
        newline="\n",
    )


def _printable(text: str) -> str:
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in _UNPRINTABLE)
