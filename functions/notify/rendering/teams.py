"""Worded alerts → Microsoft Teams messages, one Adaptive Card each, within Teams' size limit. Pure.

A card is a title, the alerts (worst first), and a footer. Text stands in ``RichTextBlock``s, which know no Markdown: names
show as they are on every client, while backslash escapes in a ``TextBlock`` stay visible on phones
(https://github.com/microsoft/AdaptiveCards/issues/5590).
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.marks import Run, runs
from notify.rendering.pages import Page, lay_out

#: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
MESSAGE_BYTES = 28 * 1024
#: What the title (twice), the footer and the frame around them take at most.
FRAME_BYTES = 4_000
#: Every client shows it; 1.5 is empty on some phones.
CARD_VERSION = "1.4"

_STYLES: dict[str, dict[str, Any]] = {"bold": {"weight": "Bolder"}, "italic": {"italic": True}, "code": {"fontType": "Monospace"}}
#: What Markdown in the middle of a line may start with.
_MARKDOWN = re.compile(r"[\\`*_\[\]]")


def compose_cards(items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
    """Lay alerts out as cards. Every item is in exactly one of them. ``note`` (plain text) stands under the title."""
    room = MESSAGE_BYTES - FRAME_BYTES - (size_bytes(_block([Run(note)])) if note else 0)
    pages = lay_out(items, now=now, cost=lambda mrkdwn: sum(map(size_bytes, _blocks(mrkdwn))), room=room)
    return [Message(_message(page, note=note), page.items) for page in pages]


def plainer(payload: dict[str, Any]) -> dict[str, Any] | None:
    """The same card in elements of the first version, Markdown escaped; None when it is that already."""
    (attachment,) = payload["attachments"]
    card = attachment["content"]
    if all(block["type"] == "TextBlock" for block in card["body"]):
        return None
    texts = ("".join(run if isinstance(run, str) else run["text"] for run in block["inlines"]) for block in card["body"])
    body = [{"type": "TextBlock", "text": _MARKDOWN.sub(r"\\\g<0>", text), "wrap": True} for text in texts]
    plain_card = {"type": "AdaptiveCard", "version": "1.0", "body": body}
    return payload | {"attachments": [attachment | {"content": plain_card}]}


def size_bytes(part: dict[str, Any]) -> int:
    """How much a part of a message takes, as the larger of the ways in which Teams has been seen to count it: in UTF-16
    (messages of 14 KB were refused), and as JSON within JSON (24,453 bytes were refused as 28,897:
    https://github.com/MicrosoftDocs/msteams-docs/issues/11274).
    """
    text = json.dumps(part, ensure_ascii=False, separators=(",", ":"))
    return max(len(text.encode("utf-16-le")), len(json.dumps(text)))


def _message(page: Page, *, note: str) -> dict[str, Any]:
    title = {"type": "TextRun", "text": _shown(page.title), "size": "Medium", "weight": "Bolder"}
    body = [
        {"type": "RichTextBlock", "inlines": [title]},
        *([_block([Run(note)])] if note else []),
        *(block for told in page.alerts for block in _blocks(told.mrkdwn, is_apart=not page.is_storm)),
        {
            "type": "RichTextBlock",
            "separator": True,
            "inlines": [{"type": "TextRun", "text": _shown(page.footer), "isSubtle": True, "size": "Small"}],
        },
    ]
    card = {"type": "AdaptiveCard", "version": CARD_VERSION, "msteams": {"width": "Full"}, "body": body}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    # ``summary`` is what a notification says.
    return {"type": "message", "summary": page.title, "attachments": [attachment]}


def _blocks(mrkdwn: str, *, is_apart: bool = True) -> list[dict[str, Any]]:
    """A block for each line, since not every client breaks a line within one; the first apart from what is above."""
    first, *rest = [runs(line) for line in mrkdwn.split("\n") if line.strip()]
    apart: dict[str, Any] = {"separator": True} if is_apart else {"spacing": "Small"}
    return [_block(first, **apart), *(_block(line, spacing="None") for line in rest)]


def _block(line: Sequence[Run], **layout: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", **layout, "inlines": [_inline(run) for run in line]}


def _inline(run: Run) -> str | dict[str, Any]:
    text = _shown(run.text)
    return text if run.style == "plain" else {"type": "TextRun", "text": text, **_STYLES[run.style]}


def _shown(text: str) -> str:
    """Text in which ``{{DATE(…)}}`` is no function
    (https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features#datetime-function-rules).
    """
    return text.replace("{{", "{\u200b{")
