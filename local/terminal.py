"""A Slack message → lines for a terminal. Pure; control characters of a message never reach the terminal."""

import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from local.mrkdwn import Markup, render, unescape, with_emoji

WIDTH = 96
#: Control, direction and other invisible characters, and halves of a character.
_UNPRINTABLE = ("Cc", "Cf", "Cs")
_ANSI = {"strong": "1", "em": "3", "s": "9", "code": "36", "dim": "2", "link": "4"}


def render_terminal(message: Mapping[str, Any], *, is_colored: bool = False) -> str:
    """A message as lines: header, sections, dividers, context. ``is_colored`` uses bold, italic and dim."""
    markup = _markup(is_colored=is_colored)
    blocks = message.get("blocks") or [{"type": "section", "text": {"type": "mrkdwn", "text": message.get("text", "")}}]
    return "\n".join(f"│ {line}".rstrip() for block in blocks for line in _lines(block, markup))


def _lines(block: Mapping[str, Any], markup: Markup) -> Iterator[str]:
    match block.get("type"):
        case "header":
            yield markup.tag("strong", markup.escape(with_emoji(unescape(block["text"]["text"]))))
            yield ""
        case "divider":
            yield markup.tag("dim", "─" * 40)
        case "context":
            yield ""
            elements = (_text(element, markup) or str(element.get("alt_text", "")) for element in block["elements"])
            yield markup.tag("dim", "  ".join(elements))
        case _:
            parts = [block.get("text"), *block.get("fields", [])]
            for text in filter(None, (_text(part, markup) for part in parts)):
                for line in text.split("\n"):
                    yield from _wrapped(line)


def _text(node: Any, markup: Markup) -> str:
    match node:
        case {"type": "mrkdwn", "text": str(text)}:
            return render(text, markup)
        case {"text": str(text)} | str(text):
            return markup.escape(with_emoji(unescape(text)))
    return ""


def _wrapped(line: str) -> list[str]:
    # Runs of spaces are part of a line's layout.
    return textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False, drop_whitespace=False) or [""]


def _markup(*, is_colored: bool) -> Markup:
    def tag(name: str, inner: str) -> str:
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
