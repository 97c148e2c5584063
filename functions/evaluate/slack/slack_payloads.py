"""What is posted to the drop-in Slack endpoint → the one event that it is. Pure.

In: the body of a request as a Slack incoming webhook takes it: JSON, or a form whose field ``payload`` is JSON. Out: the event
that LiteLLM's text tells (:mod:`evaluate.slack.litellm_text`), else a ``SlackMessage`` with what came, in its order.

Of a ``SlackMessage`` secrets are masked in every text, links stay whole, and a text beyond Slack's own limit is cut where Slack
would cut it. Dropped are the fields that an incoming webhook ignores (``channel``, ``username``, ``icon_emoji``, ``icon_url`` …:
those are the app's, https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/) and ``thread_ts``, which names a
message of another channel. Whether the blocks are valid is Slack's word, when it is delivered.

What is refused is refused with Slack's words (:class:`SlackRefused`), and before it costs anything: a body is read once, and its
size and depth are bounded.
"""

import math
from typing import Any
from urllib.parse import parse_qs

from pydantic_core import from_json, to_json

from evaluate.slack.litellm_text import parse_litellm_text
from gateway_alerts.errors import SlackRefused
from gateway_alerts.events import InboundEvent, SlackMessage
from gateway_alerts.masking import masked

#: Lambda takes no more (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), and LiteLLM posts a failed
#: request's whole prompt with it.
MAX_BODY_BYTES = 6 * 1024 * 1024
#: Of a text, those that are looked at for LiteLLM's grammar: what it says of an alert comes before the prompt.
MAX_LITELLM_CHARACTERS = 200_000
#: Of a message, so that the alert that carries it fits into a DynamoDB item of 400 KB and a queue message of 1 MiB.
MAX_PAYLOAD_BYTES = 200_000
#: Longer text is cut by Slack (https://docs.slack.dev/reference/methods/chat.postMessage#truncating).
MAX_TEXT_CHARACTERS = 40_000
#: Objects and lists within each other. A nested list in rich text within an attachment takes less than half of it.
MAX_DEPTH = 32
#: https://docs.slack.dev/reference/block-kit/blocks
MAX_BLOCKS = 50
#: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors
MAX_ATTACHMENTS = 100
#: Fields of a form; a webhook's has one.
MAX_FORM_FIELDS = 20

_FORM = "application/x-www-form-urlencoded"
_FLAGS = ("mrkdwn", "link_names", "parse", "unfurl_links", "unfurl_media")
_FIELDS = ("text", "blocks", "attachments", *_FLAGS)


def read_slack_payload(body: bytes, *, content_type: str | None) -> InboundEvent:
    """The event in a request's body, which is no longer base64.

    Raises:
        SlackRefused: the body cannot be read, or holds no message.
    """
    payload = _message_in(body, content_type=content_type or "")
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    if text and not blocks and not attachments and (event := parse_litellm_text(text[:MAX_LITELLM_CHARACTERS])) is not None:
        return event
    if text is not None and len(text) > MAX_TEXT_CHARACTERS:
        payload["text"] = f"{text[: MAX_TEXT_CHARACTERS - 1]}…"
    if len(to_json(payload)) > MAX_PAYLOAD_BYTES:
        raise SlackRefused("invalid_payload")
    return SlackMessage(payload=_masked(payload, depth=0))


def _message_in(body: bytes, *, content_type: str) -> dict[str, Any]:
    """The fields of a message, of the types that Slack takes, and at least one of them with something in it."""
    payload = _parsed(body, content_type=content_type)
    if not isinstance(payload, dict):
        raise SlackRefused("invalid_payload")
    fields = {name: payload[name] for name in _FIELDS if payload.get(name) is not None}
    text, blocks, attachments = fields.get("text", ""), fields.get("blocks", []), fields.get("attachments", [])
    are_flags = all(isinstance(fields[name], bool | int | str) for name in _FLAGS if name in fields)
    if not isinstance(text, str) or not _are_objects(attachments) or not are_flags:
        raise SlackRefused("invalid_payload")
    if not _are_objects(blocks) or len(blocks) > MAX_BLOCKS:
        raise SlackRefused("invalid_blocks")
    if len(attachments) > MAX_ATTACHMENTS:
        raise SlackRefused("too_many_attachments")
    if not (text.strip() or any(blocks) or any(attachments)):
        raise SlackRefused("no_text")
    return fields


def _parsed(body: bytes, *, content_type: str) -> object:
    if len(body) > MAX_BODY_BYTES:
        raise SlackRefused("invalid_payload")
    try:
        if content_type.strip().lower().startswith(_FORM):
            form = parse_qs(body.decode(), errors="strict", max_num_fields=MAX_FORM_FIELDS)
            body = form["payload"][0].encode()
        return from_json(body, allow_inf_nan=False)
    except (ValueError, KeyError):  # not UTF-8, not JSON, or no payload in the form
        raise SlackRefused("invalid_payload") from None


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _masked(value: Any, *, depth: int) -> Any:
    """The same with secrets masked in every text and name."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, float) and not math.isfinite(value):  # 1e400, which JSON cannot say
        raise SlackRefused("invalid_payload")
    if not isinstance(value, dict | list):
        return value
    if depth == MAX_DEPTH:
        raise SlackRefused("invalid_payload")
    if isinstance(value, list):
        return [_masked(item, depth=depth + 1) for item in value]
    return {masked(name): _masked(item, depth=depth + 1) for name, item in value.items()}
