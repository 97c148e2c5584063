"""What another sender posts to the drop-in Slack endpoint: passed on as it came, and put into words for whoever is not Slack.

Its text, blocks and attachments stay as they are, but for secrets in them, which are masked. What we have to say (how
often it came, how late it is told) stands below, where there is room for it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway_alerts.alert_types import ALERT_TYPES, SLACK_MESSAGE
from gateway_alerts.masking import masked
from notify.grouping import AlertItem
from notify.rendering.blocks import MESSAGE_BLOCKS, MOST_TEXT_CHARACTERS, context
from notify.rendering.incidents import gravity_of
from notify.rendering.marks import unescaped
from notify.rendering.wording import escape, lateness, shortened, shortened_lines, shown_name
from notify.rendering.words import Wording

UNSAID = "(a message without text)"
FULL_CHARACTERS = 2_000
BRIEF_CHARACTERS = 160
#: What is no text, though it may look like a secret to a mask: a link would lead elsewhere.
_ADDRESSES = ("url", "link", "icon")
#: Of an attachment and of its fields; ``fallback`` says the same again
#: (https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments).
_ATTACHMENT_TEXTS = ("pretext", "title", "text", "value", "footer")


def passed_on(item: AlertItem, payload: Mapping[str, Any], *, now: datetime, note: str) -> dict[str, Any]:
    """The sender's payload, and below it what we have to say of it."""
    remarks = [*([f"repeated {item.count:,} times"] if item.count > 1 else []), *lateness(item.alert.raised_at, now=now)]
    remark = " · ".join([*remarks, *([escape(note)] if note else [])])
    passed: dict[str, Any] = {name: _without_secrets(name, value) for name, value in payload.items()}
    if not remark:
        return passed
    blocks, text = passed.get("blocks"), passed.get("text")
    if isinstance(blocks, list) and 0 < len(blocks) < MESSAGE_BLOCKS:
        passed["blocks"] = [*blocks, context(remark)]
    if isinstance(text, str) and text:
        said = f"{text}\n_{remark}_"
        passed["text"] = said if len(said) <= MOST_TEXT_CHARACTERS else text
    elif not blocks:  # else Slack makes the text from them
        passed["text"] = f"_{remark}_"
    return passed


def text_of(payload: Mapping[str, Any]) -> str:
    """The message without its layout, in mrkdwn: its own text, else that of its blocks and attachments. Never empty."""
    text = payload.get("text")
    if not isinstance(text, str) or not text.strip():
        texts = [*_texts(payload.get("blocks")), *_texts(payload.get("attachments"))]
        text = "\n".join(filter(str.strip, texts)) or UNSAID
    return text[:MOST_TEXT_CHARACTERS]


def word_payload(item: AlertItem, payload: Mapping[str, Any], *, now: datetime, with_gateway: bool) -> Wording:
    """Put the message into words, for whoever lays it out as an alert among others."""
    alert = item.alert
    row, gravity = ALERT_TYPES.get(alert.alert_type, ALERT_TYPES[SLACK_MESSAGE]), gravity_of(alert)
    said = unescaped(text_of(payload))
    gateway = f" · {escape(shown_name(alert.gateway))}" if with_gateway else ""
    brief = shortened(said, BRIEF_CHARACTERS) or UNSAID
    repeats = [f"repeated {item.count:,} times"] if item.count > 1 else []
    rest = "".join(f" · {remark}" for remark in [*repeats, *lateness(alert.raised_at, now=now)])
    return Wording(
        gravity=gravity,
        order=(gravity, Decimal(0), brief),
        group=f"Message{gateway}",
        full="\n".join([f"{row.emoji} *Message*{gateway}{rest}", *(shortened_lines(said, FULL_CHARACTERS) or [UNSAID])]),
        line=f"{row.emoji} {brief}{rest}",
        lone_line=f"{row.emoji} {brief}{rest}{gateway}",
        plain=f"Message: {brief}{gateway}{rest}",
        emoji=row.emoji,
        noun=row.noun,
    )


def _without_secrets(name: str, value: Any) -> Any:
    match value:
        case str():
            return value if any(word in name for word in _ADDRESSES) else masked(value)
        case list():
            return [_without_secrets(name, each) for each in value]
        case dict():
            return {key: _without_secrets(key, each) for key, each in value.items()}
    return value


def _texts(node: Any) -> Iterator[str]:
    """Every text of blocks or attachments, in order. Mrkdwn stays; what is shown as it is written is escaped."""
    match node:
        case {"type": "mrkdwn", "text": str(text)}:
            yield text
        case {"type": "rich_text_section" | "rich_text_preformatted" | "rich_text_quote", "elements": list(elements)}:
            yield "".join(text for element in elements for text in _texts(element))
        case {"type": "emoji", "name": str(name)}:
            yield f":{name}:"
        case {"type": "image", "alt_text": str(text)}:
            yield escape(text)
        case {"type": str(), "text": str(text)}:
            yield escape(text)
        case {"type": "link", "url": str(url)}:
            yield escape(url)
        case dict():
            said = [text for name, value in node.items() for text in _said(name, value)]
            yield from said or [text for text in [node.get("fallback")] if isinstance(text, str)]
        case list():
            for each in node:
                yield from _texts(each)


def _said(name: str, value: Any) -> Iterator[str]:
    """The texts of a field of a block or of an attachment."""
    if isinstance(value, dict | list):
        yield from _texts(value)
    elif isinstance(value, str) and name in _ATTACHMENT_TEXTS:
        yield value
