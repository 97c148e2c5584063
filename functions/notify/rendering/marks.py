"""Slack's mrkdwn, as ``Wording`` holds it, taken apart for destinations that spell it otherwise. Pure.

In: ``*Key a &amp; b* is over``. Out: the same text in runs, each with its style and nothing escaped.
"""

import re
from typing import Literal, NamedTuple

Style = Literal["plain", "bold", "italic", "code"]

#: What is marked ends on its line. A mark within a word (``team_a_b``) marks nothing. The bound keeps a line of nothing but
#: marks from taking quadratic time.
_MARKED = re.compile(
    r"(?<![\w*_`])(?:"
    r"\*(?P<bold>[^\s*](?:[^\n]{0,300}?[^\s*])??)\*"
    r"|_(?P<italic>[^\s_](?:[^\n]{0,300}?[^\s_])??)_"
    r"|`(?P<code>[^`\n]{1,300})`"
    r")(?![\w*_`])"
)


class Run(NamedTuple):
    """Text of one style."""

    text: str
    style: Style = "plain"


def runs(mrkdwn: str) -> list[Run]:
    """The text in order, no run empty."""
    found: list[Run] = []
    end = 0
    for match in _MARKED.finditer(mrkdwn):
        style: Style = "bold" if match["bold"] else "italic" if match["italic"] else "code"
        found += [Run(mrkdwn[end : match.start()]), Run(match[style], style)]
        end = match.end()
    found.append(Run(mrkdwn[end:]))
    return [Run(unescaped(run.text), run.style) for run in found if run.text]


def unmarked(mrkdwn: str) -> str:
    """The text alone."""
    return "".join(run.text for run in runs(mrkdwn))


def unescaped(text: str) -> str:
    """What :func:`notify.rendering.wording.escape` escaped."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
