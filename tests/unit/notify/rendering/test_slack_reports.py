"""A report as one Slack message: complete in its text, within every limit, with a chart where there is something to compare."""

from datetime import timedelta
from typing import Any

import pytest

from gateway_alerts.alerts import Report, ReportRow, ReportSection
from local.slack_rules import check
from notify.destinations.base import Message
from notify.rendering.slack import compose_messages
from notify.rendering.slack_reports import MOST_SECTIONS
from tests.unit.notify.fakes import NOW, make_incident, make_item_of, shown_text


def section(title: str = "By team", *, number: int = 2, unit: str | None = "US dollars", **row: Any) -> ReportSection:
    rows = [ReportRow(**{"name": f"team-{n}", "value": f"${n}.00", "amount": n + 0.5} | row) for n in range(number)]
    return ReportSection(title=title, rows=tuple(rows), chart_unit=unit)


def message_of(*sections: ReportSection, note: str = "", **given: Any) -> Message:
    report = Report(title="Weekly spend report", period="16 Nov to 23 Nov", summary="$1.00", sections=sections)
    item = make_item_of(make_incident("spend_reports", **{"report": report} | given))
    (message,) = compose_messages([item], now=NOW, note=note)
    assert message.items == (item,)
    check(message.payload)
    return message


def charts_of(message: Message) -> list[dict[str, Any]]:
    return [block for block in message.payload["blocks"] if block["type"] == "data_visualization"]


def test_a_report_is_a_message_of_its_own() -> None:
    message = message_of(section())

    assert message.payload["blocks"] == [
        {"type": "header", "text": {"type": "plain_text", "text": "💸 Weekly spend report · prod-gateway", "emoji": True}},
        mrkdwn("16 Nov to 23 Nov\n*$1.00*"),
        mrkdwn("*By team*\n```\nteam-0  $0.00\nteam-1  $1.00\n```"),
        {
            "type": "data_visualization",
            "title": "By team",
            "chart": {
                "type": "bar",
                "series": [
                    {"name": "US dollars", "data": [{"label": "team-0", "value": 0.5}, {"label": "team-1", "value": 1.5}]}
                ],
                "axis_config": {"categories": ["team-0", "team-1"], "y_label": "US dollars"},
            },
        },
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "23 Nov 12:00 UTC", "verbatim": True}]},
    ]
    assert message.payload["text"] == (
        "💸 Weekly spend report · prod-gateway: 16 Nov to 23 Nov · $1.00 · By team: team-0 $0.00, team-1 $1.00"
    )
    assert message.payload["unfurl_links"] is False


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


@pytest.mark.parametrize(
    ("sections", "charts"),
    [
        pytest.param([section()], 1, id="a section that has a unit"),
        pytest.param([section(unit=None)], 0, id="none without a unit"),
        pytest.param([section(number=1)], 0, id="none of one figure"),
        pytest.param([section(amount=None)], 0, id="none without figures"),
        pytest.param([section(unit=" ")], 1, id="a unit that cannot be seen"),
        pytest.param([section("&" * 99, unit="<" * 99, name="長" * 99)], 1, id="overlong texts"),
        pytest.param([section("")], 1, id="a section without a title"),
        pytest.param([section(number=50)], 1, id="more rows than points"),
        pytest.param([section(), section(), section()], 2, id="no more than Slack takes"),
    ],
)
def test_charts(sections: list[ReportSection], charts: int) -> None:
    assert len(charts_of(message_of(*sections))) == charts


def test_a_note_and_a_delay_are_said_below_the_title_and_in_the_text() -> None:
    message = message_of(section(), note="Not posted to <a>.", raised_at=NOW - timedelta(hours=2))

    (below,) = message.payload["blocks"][1]["elements"]
    assert below["text"] == "Not posted to &lt;a&gt;. · raised 2 hours ago"
    assert " · Not posted to &lt;a&gt;. · raised 2 hours ago · " in message.payload["text"]


def test_more_sections_than_a_message_has_room_for_are_counted() -> None:
    message = message_of(*[section(f"section-{n}", unit=None) for n in range(MOST_SECTIONS + 3)])

    assert f"section-{MOST_SECTIONS - 1}*" in shown_text(message)
    assert "… and 3 more sections" in shown_text(message)


def test_sections_that_are_too_long_together_are_counted() -> None:
    long = {"name": "n" * 99, "value": "v" * 99, "remark": "&" * 99}
    message = message_of(*[section(f"section-{n}", number=20, **long) for n in range(9)])

    shown = [n for n in range(9) if f"section-{n}*" in shown_text(message)]
    assert shown == list(range(len(shown)))
    assert f"… and {9 - len(shown)} more sections" in shown_text(message)
    assert "section-0: " in message.payload["text"]
    assert message.payload["text"].endswith("…")


@pytest.mark.parametrize("length", [0, 80, 2_000])
@pytest.mark.parametrize("letter", ["&", "長", "x", "\u202e"])
def test_whatever_a_report_holds_its_message_is_within_the_limits(letter: str, length: int) -> None:
    text = letter * length
    each = ReportSection(
        title=text, chart_unit=text, more_count=9, rows=(ReportRow(name=text, value=text, remark=text, amount=1),) * 40
    )
    report = Report(title=text, period=text, summary=text, sections=(each,) * 40)
    message = message_of(report=report, gateway=text, message=text, note=text[:500])

    assert len(message.payload["text"]) <= 4_000
    assert len(shown_text(message)) <= 13_200


def test_a_report_that_says_nothing_tells_the_alerts_message() -> None:
    message = message_of(report=Report(title="", period=""), message="nothing was spent")

    assert message.payload["blocks"][0]["text"]["text"] == "💸 Spend report · prod-gateway"
    assert "nothing was spent" in shown_text(message)
    assert message.payload["text"] == "💸 Spend report · prod-gateway: nothing was spent"
