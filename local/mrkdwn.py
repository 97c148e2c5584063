"""Slack's mrkdwn → HTML or terminal text. Pure. Everything from a message is escaped before it is marked up.

https://docs.slack.dev/messaging/formatting-message-text
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

#: The shortcodes that alerts are likely to use; another one is shown as it is written.
EMOJI = {
    "bar_chart": "📊",
    "bell": "🔔",
    "broken_heart": "💔",
    "chart_with_downwards_trend": "📉",
    "chart_with_upwards_trend": "📈",
    "fire": "🔥",
    "hourglass_flowing_sand": "⏳",
    "information_source": "ℹ️",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "moneybag": "💰",
    "money_with_wings": "💸",
    "red_circle": "🔴",
    "rotating_light": "🚨",
    "snail": "🐌",
    "tada": "🎉",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "x": "❌",
}
_SAFE_LINK = re.compile(r"https?://|mailto:")
#: Slack cuts longer text.
MAX_CHARACTERS = 40_000

# What must not be marked up is put aside first, and stands in the text as one private character.
_ASIDE = re.compile(r"```(?P<block>.+?)```|`(?P<code>[^`\n]+)`|<(?P<token>[^<>\n]+)>", re.DOTALL)
_FIRST_PRIVATE = 0xF0000
_PRIVATE = re.compile(r"[\U000f0000-\U000ffffd]")
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")
_MARKS = {"*": "strong", "_": "em", "~": "s"}
# A mark opens after and closes before something that is not a letter or a digit, and hugs its text.
_MARKED = {mark: re.compile(rf"(?<![\w{mark}])[{mark}](?=\S)([^\n]+?)(?<=\S)[{mark}](?!\w)") for mark in _MARKS}
_QUOTE = re.compile(r"(?:^(?:>|&gt;)[^\n]*(?:\n|\Z))+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Markup:
    """How one kind of output writes things. ``escape`` makes plain text harmless; the others get escaped text."""

    escape: Callable[[str], str]
    tag: Callable[[str, str], str]
    link: Callable[[str, str], str]
    mention: Callable[[str], str]
    newline: str


def _html_link(url: str, label: str) -> str:
    return f'<a href="{html.escape(url)}" rel="noreferrer noopener" target="_blank">{label}</a>'


HTML = Markup(
    escape=html.escape,
    tag=lambda name, inner: f"<{name}>{inner}</{name}>",
    link=_html_link,
    mention=lambda label: f'<span class="mention">{label}</span>',
    newline="<br>",
)


def to_html(text: str) -> str:
    """Mrkdwn as HTML."""
    return render(text, HTML)


def plain_to_html(text: str) -> str:
    """A plain text object as HTML; shortcodes become emoji."""
    return html.escape(with_emoji(unescape(text))).replace("\n", "<br>")


def unescape(text: str) -> str:
    """Undo the three escapes that Slack knows, and no others."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def with_emoji(text: str) -> str:
    """Known shortcodes as emoji."""
    return _SHORTCODE.sub(lambda match: EMOJI.get(match[1], match[0]), text)


def render(text: str, markup: Markup) -> str:
    """Mrkdwn in the given markup."""
    aside: list[str] = []

    def put_aside(match: re.Match[str]) -> str:
        aside.append(_standalone(match.groupdict(), markup))
        return chr(_FIRST_PRIVATE + len(aside) - 1)

    text = _ASIDE.sub(put_aside, _PRIVATE.sub("", text[:MAX_CHARACTERS]))

    def inline(part: str) -> str:
        part = markup.escape(with_emoji(unescape(part)))
        for mark, tag in _MARKS.items():
            part = _MARKED[mark].sub(partial(_marked, markup, tag), part)
        return part.replace("\n", markup.newline)

    pieces, position = [], 0
    for quote in _QUOTE.finditer(text):
        lines = [re.sub(r"^(?:>|&gt;) ?", "", line) for line in quote[0].rstrip("\n").split("\n")]
        pieces += [inline(text[position : quote.start()]), markup.tag("blockquote", inline("\n".join(lines)))]
        position = quote.end()
    pieces.append(inline(text[position:]))
    return _PRIVATE.sub(lambda match: aside[ord(match[0]) - _FIRST_PRIVATE], "".join(pieces))


def _marked(markup: Markup, tag: str, match: re.Match[str]) -> str:
    return markup.tag(tag, match[1])


def _standalone(groups: Mapping[str, str | None], markup: Markup) -> str:
    if groups["block"] is not None:
        return markup.tag("pre", markup.escape(unescape(groups["block"].strip("\n"))))
    if groups["code"] is not None:
        return markup.tag("code", markup.escape(unescape(groups["code"])))
    target, _, label = (groups["token"] or "").partition("|")
    shown = markup.escape(with_emoji(unescape(label or target)))
    match target[0]:
        case "!" | "@" | "#":
            return markup.mention(shown if label else markup.escape(f"@{target[1:]}" if target[0] == "!" else target))
    if _SAFE_LINK.match(target):
        return markup.link(unescape(target), shown)
    return markup.escape(f"<{groups['token']}>")
