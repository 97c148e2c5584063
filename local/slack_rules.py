"""What Slack refuses: the rules of incoming webhooks and of Block Kit that a message of ours could break.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors
https://docs.slack.dev/reference/block-kit/blocks
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

MAX_BLOCKS = 50
#: Nothing documents it; messages whose single limits are all kept fail beyond it with ``msg_blocks_too_long``.
MAX_BLOCK_TEXT_CHARACTERS = 13_200
MAX_MARKDOWN_CHARACTERS = 12_000
MAX_ATTACHMENTS = 100
#: Slack says six series; more have been seen to pass, and no more than two charts, which it does not say
#: (https://github.com/vercel/chat/pull/696).
MAX_SERIES = 12
MAX_CHARTS = 2
#: Longer text is cut, not refused (https://docs.slack.dev/reference/methods/chat.postMessage#truncating).
MAX_TEXT_CHARACTERS = 40_000

Block = Mapping[str, Any]


class Refused(Exception):
    """Slack would not take the message. The text is Slack's word for the reason; it answers status 400."""


def read_payload(body: bytes, content_type: str) -> dict[str, Any]:
    """The message in a request: JSON, or a form whose field ``payload`` is JSON. Raises Refused."""
    try:
        if content_type.startswith("application/x-www-form-urlencoded"):
            body = parse_qs(body.decode(), strict_parsing=True)["payload"][0].encode()
        payload = json.loads(body)
    except (ValueError, KeyError):
        raise Refused("invalid_payload") from None
    if not isinstance(payload, dict):
        raise Refused("invalid_payload")
    return payload


def check(payload: Mapping[str, Any]) -> None:
    """Take a message or refuse it. Raises Refused."""
    text, blocks, attachments = (payload.get(key) for key in ("text", "blocks", "attachments"))
    if text is not None and not isinstance(text, str):
        raise Refused("invalid_payload")
    if not text and not blocks and not attachments:
        raise Refused("no_text")
    if isinstance(attachments, list) and len(attachments) > MAX_ATTACHMENTS:
        raise Refused("too_many_attachments")
    if blocks is None:
        return
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks) or not _are_valid(blocks):
        raise Refused("invalid_blocks")
    if sum(map(len, texts(blocks))) > MAX_BLOCK_TEXT_CHARACTERS:
        raise Refused("msg_blocks_too_long")


def texts(node: Any) -> Iterator[str]:
    """Every text of a block or of a list of blocks."""
    match node:
        case {"text": str(text)}:
            yield text
        case dict():
            for value in node.values():
                yield from texts(value)
        case list():
            for value in node:
                yield from texts(value)


def _are_valid(blocks: list[Block]) -> bool:
    kinds = Counter(block.get("type") for block in blocks)
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    markdown = sum(len(str(block.get("text", ""))) for block in blocks if block.get("type") == "markdown")
    return (
        0 < len(blocks) <= MAX_BLOCKS
        and kinds["table"] <= 1
        and kinds["data_visualization"] <= MAX_CHARTS
        and markdown <= MAX_MARKDOWN_CHARACTERS
        and len(set(ids)) == len(ids)
        and all(isinstance(block_id, str) and len(block_id) <= 255 for block_id in ids)
        and all(_is_valid_block(block) for block in blocks)
    )


def _is_valid_block(block: Block) -> bool:
    is_valid = _VALID.get(str(block.get("type")))
    return is_valid is not None and is_valid(block)


def _is_text(node: Any, limit: int, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")) -> bool:
    match node:
        case {"type": kind, "text": str(text)}:
            return kind in kinds and 0 < len(text) <= limit
    return False


def _is_string(node: Any, limit: int) -> bool:
    return isinstance(node, str) and 0 < len(node) <= limit


def _is_list(node: Any, limit: int, is_valid: Callable[[Any], bool]) -> bool:
    return isinstance(node, list) and 0 < len(node) <= limit and all(map(is_valid, node))


def _is_header(block: Block) -> bool:
    return _is_text(block.get("text"), 150, ("plain_text",))


def _is_section(block: Block) -> bool:
    text, fields = block.get("text"), block.get("fields")
    is_text_valid = text is None or _is_text(text, 3_000)
    are_fields_valid = fields is None or _is_list(fields, 10, lambda field: _is_text(field, 2_000))
    return is_text_valid and are_fields_valid and not (text is None and fields is None)


def _is_context_element(element: Any) -> bool:
    return _is_text(element, 3_000) or (isinstance(element, dict) and element.get("type") == "image" and _is_picture(element))


def _is_picture(node: Block) -> bool:
    has_source = _is_string(node.get("image_url"), 3_000) or isinstance(node.get("slack_file"), dict)
    return has_source and _is_string(node.get("alt_text"), 2_000)


def _is_image(block: Block) -> bool:
    return _is_picture(block) and ("title" not in block or _is_text(block["title"], 2_000, ("plain_text",)))


def _is_action(element: Any) -> bool:
    if not isinstance(element, dict):
        return False
    if element.get("type") != "button":
        return True
    return (
        _is_text(element.get("text"), 75, ("plain_text",))
        and len(str(element.get("value", ""))) <= 2_000
        and len(str(element.get("url", ""))) <= 3_000
    )


def _is_chart(block: Block) -> bool:
    """https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block"""
    match block.get("chart"):
        case {"type": "pie", "segments": segments}:
            is_drawn = _is_list(segments, MAX_SERIES, _is_point)
        case {"type": "bar" | "line" | "area", "series": series, "axis_config": {"categories": list(categories)}}:
            are_labels = _is_list(categories, 20, lambda label: _is_string(label, 20)) and len(set(categories)) == len(categories)
            is_drawn = are_labels and _is_list(series, MAX_SERIES, lambda one: _is_series(one, categories))
        case _:
            is_drawn = False
    return is_drawn and _is_string(block.get("title"), 50)


def _is_series(series: Any, categories: list[str]) -> bool:
    match series:
        case {"name": name, "data": list(points)}:
            return _is_string(name, 20) and all(map(_is_point, points)) and [point["label"] for point in points] == categories
    return False


def _is_point(point: Any) -> bool:
    match point:
        case {"label": label, "value": int() | float() as value}:
            return _is_string(label, 20) and math.isfinite(value)
    return False


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) <= 20


_VALID: dict[str, Callable[[Block], bool]] = {
    "actions": lambda block: _is_list(block.get("elements"), 25, _is_action),
    "data_visualization": _is_chart,
    "context": lambda block: _is_list(block.get("elements"), 10, _is_context_element),
    "divider": lambda _: True,
    "header": _is_header,
    "image": _is_image,
    "markdown": lambda block: _is_string(block.get("text"), MAX_MARKDOWN_CHARACTERS),
    "rich_text": lambda block: isinstance(block.get("elements"), list),
    "section": _is_section,
    "table": lambda block: _is_list(block.get("rows"), 100, _is_row),
}
