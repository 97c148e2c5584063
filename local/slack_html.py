"""A Slack message → HTML. Pure; nothing of a message reaches the page unescaped, and nothing is loaded from outside."""

from collections.abc import Mapping
from html import escape
from typing import Any

from local.mrkdwn import plain_to_html, to_html
from local.terminal import chart_lines

_RICH_STYLES = {"bold": "strong", "italic": "em", "strike": "s", "code": "code"}


def message_html(payload: Mapping[str, Any]) -> str:
    """A message's blocks and attachments, or its text when it has none."""
    parts = [block_html(block) for block in _objects(payload.get("blocks"))]
    if not parts and isinstance(payload.get("text"), str):
        parts.append(f'<div class="section">{to_html(payload["text"])}</div>')
    parts += [_attachment(attachment) for attachment in _objects(payload.get("attachments"))]
    return "".join(parts)


def block_html(block: Mapping[str, Any]) -> str:
    """One block. A kind that is not known is named, so that it is not missed."""
    match block.get("type"):
        case "header":
            return f'<h2 class="header">{_text(block.get("text"))}</h2>'
        case "section":
            return _section(block)
        case "context":
            elements = "".join(f"<span>{_element(element)}</span>" for element in _objects(block.get("elements")))
            return f'<div class="context">{elements}</div>'
        case "divider":
            return '<hr class="divider">'
        case "rich_text":
            return f'<div class="section">{"".join(_rich(element) for element in _objects(block.get("elements")))}</div>'
        case "markdown":
            return f'<div class="section markdown">{escape(str(block.get("text", "")))}</div>'
        case "image":
            return _picture(block)
        case "actions":
            return f'<div class="actions">{"".join(_element(element) for element in _objects(block.get("elements")))}</div>'
        case "table":
            return _table(block)
        case "data_visualization":
            return _chart(block)
        case kind:
            return f'<div class="unknown">{escape(str(kind))} block</div>'


def _section(block: Mapping[str, Any]) -> str:
    text = f"<div>{_text(block['text'])}</div>" if "text" in block else ""
    fields = "".join(f"<div>{_text(field)}</div>" for field in _objects(block.get("fields")))
    accessory = _element(block["accessory"]) if isinstance(block.get("accessory"), dict) else ""
    return f'<div class="section">{text}{f"""<div class="fields">{fields}</div>""" if fields else ""}{accessory}</div>'


def _text(node: Any) -> str:
    match node:
        case {"type": "mrkdwn", "text": str(text)}:
            return to_html(text)
        case {"text": str(text)}:
            return plain_to_html(text)
    return ""


def _element(element: Mapping[str, Any]) -> str:
    match element:
        case {"type": "image"}:
            return _picture(element)
        case {"type": "button"}:
            return f'<span class="button">{_text(element.get("text"))}</span>'
        case {"type": "mrkdwn" | "plain_text"}:
            return _text(element)
    return f'<span class="unknown">{escape(str(element.get("type")))}</span>'


def _picture(node: Mapping[str, Any]) -> str:
    # Not loaded: the page shows what is here and asks nobody.
    return f'<span class="picture">🖼 {escape(str(node.get("alt_text", "")))}</span>'


def _table(block: Mapping[str, Any]) -> str:
    rows = block.get("rows")
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in _objects(row)) + "</tr>"
        for row in (rows if isinstance(rows, list) else [])
    )
    return f'<div class="table"><table>{body}</table></div>'


def _chart(block: Mapping[str, Any]) -> str:
    drawn = "\n".join(chart_lines(block.get("chart")))
    return f'<div class="chart">{escape(str(block.get("title", "")))}<pre>{escape(drawn)}</pre></div>'


def _cell(cell: Mapping[str, Any]) -> str:
    if cell.get("type") == "rich_text":
        return "".join(_rich(element) for element in _objects(cell.get("elements")))
    return escape(str(cell.get("text", "")))


def _rich(element: Mapping[str, Any]) -> str:
    inner = "".join(_rich(child) for child in _objects(element.get("elements")))
    match element.get("type"):
        case "rich_text_section":
            return f"<div>{inner}</div>"
        case "rich_text_quote":
            return f"<blockquote>{inner}</blockquote>"
        case "rich_text_preformatted":
            return f"<pre>{inner}</pre>"
        case "rich_text_list":
            items = "".join(f"<li>{_rich(child)}</li>" for child in _objects(element.get("elements")))
            tag = "ol" if element.get("style") == "ordered" else "ul"
            return f"<{tag}>{items}</{tag}>"
        case "emoji":
            return plain_to_html(f":{element.get('name', '')}:")
        case "link":
            return to_html(f"<{element.get('url', '')}|{element.get('text') or element.get('url', '')}>")
        case "text":
            return _styled(escape(str(element.get("text", ""))).replace("\n", "<br>"), element.get("style"))
    return f'<span class="mention">{escape(str(element.get("type")))}</span>'


def _styled(inner: str, style: Any) -> str:
    for name, tag in _RICH_STYLES.items():
        if isinstance(style, dict) and style.get(name):
            inner = f"<{tag}>{inner}</{tag}>"
    return inner


def _attachment(attachment: Mapping[str, Any]) -> str:
    blocks = "".join(block_html(block) for block in _objects(attachment.get("blocks")))
    texts = (attachment.get(key) for key in ("pretext", "title", "text", "fallback"))
    text = next((to_html(text) for text in texts if isinstance(text, str) and text), "")
    return f'<div class="attachment">{blocks or text}</div>'


def _objects(node: Any) -> list[Mapping[str, Any]]:
    return [item for item in node if isinstance(item, dict)] if isinstance(node, list) else []
