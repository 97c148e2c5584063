"""Slack's blocks."""

from local.slack_rules import check
from notify.rendering.blocks import (
    CHART_LABEL_CHARACTERS,
    CHART_POINTS,
    HEADER_CHARACTERS,
    MESSAGE_BLOCKS,
    MOST_TEXT_CHARACTERS,
    SECTION_CHARACTERS,
    bar_chart,
    context,
    divider,
    header,
    message_of,
    section,
)
from tests.unit.notify.fakes import make_item


def test_slack_takes_blocks_that_use_their_limits() -> None:
    points = [(f"{n}".rjust(CHART_LABEL_CHARACTERS, "x"), -n / 3) for n in range(CHART_POINTS)]
    blocks = [
        header("x" * HEADER_CHARACTERS),
        section("x" * SECTION_CHARACTERS),
        bar_chart("x" * 99, unit="y" * 99, points=points),
        bar_chart("x", unit="y", points=points[:2]),
        *[divider()] * (MESSAGE_BLOCKS - 5),
        context("x"),
    ]
    message = message_of("x" * MOST_TEXT_CHARACTERS, blocks, [make_item()])

    assert len(message.payload["blocks"]) == MESSAGE_BLOCKS
    check(message.payload)


def test_nothing_is_turned_into_a_link_or_a_preview() -> None:
    payload = message_of("x", [section("x"), context("y")], []).payload

    assert payload["unfurl_links"] is False
    assert payload["unfurl_media"] is False
    assert payload["blocks"][0]["text"]["verbatim"] is True
    assert payload["blocks"][1]["elements"][0]["verbatim"] is True
