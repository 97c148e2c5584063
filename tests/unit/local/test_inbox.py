import http.client
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from local import inbox_page
from local.http_events import Request
from local.inbox import Inbox

NOW = datetime(2026, 11, 25, 10, 25, tzinfo=UTC)


def text(value: str, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": kind, "text": value}


def section(value: str) -> dict[str, Any]:
    return {"type": "section", "text": text(value)}


def header(value: str, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": "header", "text": text(value, kind)}


def context(*elements: Any) -> dict[str, Any]:
    return {"type": "context", "elements": list(elements)}


def chart(
    title: str = "x",
    type: str = "bar",  # noqa: A002
    categories: Sequence[str] = ("a", "b"),
    labels: Sequence[str] | None = None,
    values: Sequence[Any] | None = None,
    name: str = "x",
    **other: Any,
) -> dict[str, Any]:
    named = zip(labels or categories, values or range(len(categories)), strict=True)
    series = [{"name": name, "data": [{"label": label, "value": value} for label, value in named]}]
    drawn = {"type": type, "series": series, "axis_config": {"categories": list(categories)}}
    return {"type": "data_visualization", "title": title, "chart": drawn | other}


def button(**changes: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": [{"type": "button", "text": text("x", "plain_text")} | changes]}


def post(inbox: Inbox, body: Any, *, channel: str = "alerts", content_type: str = "application/json") -> tuple[int, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = inbox.answer(Request("POST", f"/inbox/{channel}", [("Content-Type", content_type)], raw, "127.0.0.1"))
    assert response is not None
    assert response.headers["content-type"].startswith("text/plain")
    return response.status, response.body.decode()


def get(inbox: Inbox, target: str) -> Any:
    response = inbox.answer(Request("GET", target, [], b"", "127.0.0.1"))
    assert response is not None
    return json.loads(response.body)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(clock=lambda: NOW)


def test_what_slack_takes_is_answered_with_exactly_ok_and_kept(inbox: Inbox) -> None:
    assert post(inbox, {"text": "one"}) == (200, "ok")
    assert post(inbox, {"text": "two", "blocks": [section("two")]}, channel="team%20a") == (200, "ok")
    messages = get(inbox, "/inbox.json")
    assert messages["last"] == 2
    assert messages["messages"][0] == {
        "number": 1,
        "channel": "alerts",
        "received_at": "2026-11-25T10:25:00.000+00:00",
        "payload": {"text": "one"},
    }
    assert messages["messages"][1]["channel"] == "team a"


def test_a_form_with_a_payload_is_taken_too(inbox: Inbox) -> None:
    form = urlencode({"payload": json.dumps({"text": "from a form"})}).encode()
    assert post(inbox, form, content_type="application/x-www-form-urlencoded") == (200, "ok")


def test_only_new_messages_are_asked_for_and_html_only_on_demand(inbox: Inbox) -> None:
    for number in range(3):
        post(inbox, {"text": f"*{number}*"})
    assert [message["number"] for message in get(inbox, "/inbox.json?after=2")["messages"]] == [3]
    assert get(inbox, "/inbox.json?after=2&html=1")["messages"][0]["html"] == '<div class="section"><strong>2</strong></div>'


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([section("x")] * 50, id="50 blocks"),
        pytest.param([section("x" * 3_000)], id="a section of 3,000"),
        pytest.param([header("x" * 150)], id="a header of 150"),
        pytest.param([{"type": "section", "fields": [text("x" * 1_000)] * 10}], id="10 fields"),
        pytest.param([context(*[text("x")] * 10)], id="10 context elements"),
        pytest.param([section("x" * 2_640)] * 5, id="13,200 characters"),
        pytest.param([{"type": "divider"}], id="a divider"),
        pytest.param([button(url="https://x" + "y" * 2_000)], id="a button"),
        pytest.param([{"type": "image", "image_url": "https://x/y", "alt_text": "x"}], id="an image"),
        pytest.param([{"type": "rich_text", "elements": []}], id="rich text"),
        pytest.param([{"type": "markdown", "text": "x" * 12_000}], id="markdown of 12,000"),
        pytest.param([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 20] * 100}], id="a table"),
        pytest.param([chart(title="x" * 50)] * 2, id="two charts"),
        pytest.param([chart(type="pie", segments=[{"label": "x", "value": 1}] * 12)], id="a pie"),
        pytest.param([chart(categories=[f"{n:020}" for n in range(20)])], id="a chart of 20 points with labels of 20"),
    ],
)
def test_what_keeps_the_limits_is_taken(inbox: Inbox, blocks: list[Any]) -> None:
    assert post(inbox, {"text": "x", "blocks": blocks}) == (200, "ok")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        pytest.param(b"{nope", "invalid_payload", id="not JSON"),
        pytest.param(b"\xff", "invalid_payload", id="not UTF-8"),
        pytest.param([1], "invalid_payload", id="not an object"),
        pytest.param({"text": 5}, "invalid_payload", id="text that is not text"),
        pytest.param({}, "no_text", id="nothing"),
        pytest.param({"text": ""}, "no_text", id="empty text"),
        pytest.param({"text": "", "blocks": []}, "no_text", id="no blocks and no text"),
        pytest.param({"text": "x", "attachments": [{}] * 101}, "too_many_attachments", id="101 attachments"),
    ],
)
def test_a_message_that_slack_cannot_read_is_refused_in_its_words(inbox: Inbox, body: Any, word: str) -> None:
    assert post(inbox, body) == (400, word)
    assert inbox.messages() == []


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([section("x")] * 51, id="51 blocks"),
        pytest.param([section("x" * 3_001)], id="a section over 3,000"),
        pytest.param([section("")], id="an empty section"),
        pytest.param([{"type": "section"}], id="a section without anything"),
        pytest.param([{"type": "section", "text": "x"}], id="a text that is not a text object"),
        pytest.param([{"type": "section", "fields": [text("x")] * 11}], id="11 fields"),
        pytest.param([{"type": "section", "fields": [text("x" * 2_001)]}], id="a field over 2,000"),
        pytest.param([header("x" * 151)], id="a header over 150"),
        pytest.param([header("x", "mrkdwn")], id="a header of mrkdwn"),
        pytest.param([context(*[text("x")] * 11)], id="11 context elements"),
        pytest.param([context()], id="an empty context"),
        pytest.param([context({"type": "button"})], id="a button in a context"),
        pytest.param([{"type": "actions", "elements": [{"type": "button"}] * 26}], id="26 actions"),
        pytest.param([button(text=text("x" * 76, "plain_text"))], id="a button text over 75"),
        pytest.param([button(value="x" * 2_001)], id="a button value over 2,000"),
        pytest.param([button(url="x" * 3_001)], id="a button URL over 3,000"),
        pytest.param([{"type": "image", "image_url": "https://x/y"}], id="an image without alt text"),
        pytest.param([{"type": "image", "image_url": "https://x/y", "alt_text": "x" * 2_001}], id="an alt text over 2,000"),
        pytest.param([{"type": "markdown", "text": "x" * 6_001}] * 2, id="markdown over 12,000 in all"),
        pytest.param([{"type": "table", "rows": [[]] * 101}], id="101 rows"),
        pytest.param([{"type": "table", "rows": [[{}] * 21]}], id="21 columns"),
        pytest.param([{"type": "table", "rows": [[]]}] * 2, id="two tables"),
        pytest.param([chart()] * 3, id="three charts"),
        pytest.param([chart(title="x" * 51)], id="a chart's title over 50"),
        pytest.param([chart(title="")], id="a chart without a title"),
        pytest.param([chart(type="map")], id="an unknown kind of chart"),
        pytest.param([chart(categories=[str(n) for n in range(21)])], id="a chart of 21 points"),
        pytest.param([chart(categories=["x" * 21])], id="a chart's label over 20"),
        pytest.param([chart(categories=["x", "x"])], id="a chart with a label twice"),
        pytest.param([chart(categories=["x"], labels=["y"])], id="a chart whose points are not its categories"),
        pytest.param([chart(name="x" * 21)], id="a series' name over 20"),
        pytest.param([chart(values=["1", "2"])], id="a chart's value in words"),
        pytest.param([chart(series=[])], id="a chart without a series"),
        pytest.param([chart(type="pie", segments=[{"label": "x", "value": 1}] * 13)], id="a pie of 13 parts"),
        pytest.param([section("x") | {"block_id": "x" * 256}], id="a block_id over 255"),
        pytest.param([section("x") | {"block_id": "same"}] * 2, id="a block_id twice"),
        pytest.param([{"type": "confetti"}], id="an unknown block"),
        pytest.param(["x"], id="a block that is not an object"),
        pytest.param({"type": "section"}, id="blocks that are not a list"),
    ],
)
def test_blocks_over_a_limit_are_refused(inbox: Inbox, blocks: Any) -> None:
    assert post(inbox, {"text": "x", "blocks": blocks}) == (400, "invalid_blocks")


def test_blocks_that_are_too_long_together_are_refused(inbox: Inbox) -> None:
    assert post(inbox, {"text": "x", "blocks": [section("x" * 2_641)] * 5}) == (400, "msg_blocks_too_long")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/inbox/alerts"),
        ("POST", "/"),
        ("POST", "/inbox/"),
        ("POST", "/inbox/a/b"),
        ("POST", "/events"),
        ("GET", "/health"),
    ],
)
def test_everything_else_is_left_to_the_http_api(inbox: Inbox, method: str, target: str) -> None:
    assert inbox.answer(Request(method, target, [], b"", "127.0.0.1")) is None


def test_the_page_is_one_document_whose_policy_lets_only_its_own_script_run(inbox: Inbox) -> None:
    response = inbox.answer(Request("GET", "/", [], b"", "127.0.0.1"))
    assert response is not None
    page = response.body.decode()
    assert page.startswith("<!doctype html>")
    assert "{{" not in page
    assert not any(f'{attribute}="http' in page for attribute in ("src", "href"))
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert inbox_page.HEADERS["content-type"] == "text/html; charset=utf-8"
    assert http.client.responses[response.status] == "OK"
