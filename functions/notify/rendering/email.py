"""Worded alerts → plain text mails within the limits of SNS. Pure.

A mail is a title, the alerts (worst first), and a footer; its subject says how many of what.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.marks import unmarked
from notify.rendering.pages import Page, lay_out

#: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: subjects are "less than 100 characters long".
SUBJECT_CHARACTERS = 99
SUBJECT_PREFIX = "Gateway Alerts: "
#: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
BODY_BYTES = 262_144
#: What title, footer and the blanks around them take at most.
FRAME_BYTES = 4_000


def compose_mails(items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
    """Lay alerts out as mails. Every item is in exactly one of them. ``note`` (plain text) stands under the title."""
    room = BODY_BYTES - FRAME_BYTES - len(note.encode())
    pages = lay_out(items, now=now, cost=lambda mrkdwn: len(unmarked(mrkdwn).encode()) + len("\n\n"), room=room)
    return [Message({"Subject": _subject(page), "Message": _body(page, note=note)}, page.items) for page in pages]


def _subject(page: Page) -> str:
    """``Gateway Alerts: 2 budgets over, 1 close - prod-gateway (1 of 2)``. A subject is ASCII: other letters lose their
    accents or are left out; the body has them.
    """
    part = page.title.partition(page.headline)[2]
    text = unicodedata.normalize("NFKD", page.headline.replace("·", "-")).encode("ascii", "ignore").decode()
    said = " ".join(text.split()).removesuffix(" -")
    return f"{SUBJECT_PREFIX}{said[: SUBJECT_CHARACTERS - len(SUBJECT_PREFIX) - len(part)]}{part}"


def _body(page: Page, *, note: str) -> str:
    alerts = ("\n" if page.is_storm else "\n\n").join(unmarked(told.mrkdwn) for told in page.alerts)
    return "\n\n".join(filter(None, [page.title, note, alerts, page.footer])) + "\n"
