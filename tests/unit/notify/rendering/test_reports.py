"""A report in words, and the lines of its tables."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_alerts.alerts import Report, ReportRow, ReportSection
from notify.rendering.alerts import word
from notify.rendering.reports import SECTION_ROWS, points_of, table_of
from notify.rendering.words import Gravity, Wording
from tests.unit.notify.fakes import NOW, make_incident, make_item_of

TEAMS = ReportSection(
    title="By team",
    rows=(ReportRow(name="R&D", value="$812.40", remark="63 %"), ReportRow(name="Support", value="$20.00")),
    more_count=4,
)
REPORT = Report(title="Weekly spend report", period="16 Nov to 23 Nov", summary="$832.40", sections=(TEAMS,))


def worded(report: Report, *, with_gateway: bool = False, **given: Any) -> Wording:
    item = make_item_of(make_incident("spend_reports", report=report, **given))
    return word(item, now=NOW, with_gateway=with_gateway)


def rows(*names: str, **row: Any) -> ReportSection:
    return ReportSection(title="x", rows=tuple(ReportRow(**{"name": name, "value": "1"} | row) for name in names))


def test_a_report_in_words() -> None:
    wording = worded(REPORT)

    assert wording.full == (
        "💸 *Weekly spend report*\n16 Nov to 23 Nov\n$832.40\n"
        "*By team*\n• R&amp;D · $812.40 · 63 %\n• Support · $20.00\n… and 4 more"
    )
    assert wording.line == "💸 *Weekly spend report* 16 Nov to 23 Nov · $832.40"
    assert wording.plain == (
        "Weekly spend report · 16 Nov to 23 Nov · $832.40 · By team: R&amp;D $812.40 (63 %), Support $20.00, 4 more"
    )
    assert (wording.gravity, wording.emoji, wording.noun) == (Gravity.LOW, "💸", "spend report")


@pytest.mark.parametrize(
    ("report", "full"),
    [
        pytest.param(Report(title="", period=""), "💸 *Report*\nit failed", id="one that says nothing tells the alert's message"),
        pytest.param(
            Report(title="<!here>", period="&", sections=(ReportSection(title="T", rows=()),)),
            "💸 *&lt;!here&gt;*\n&amp;\n*T*\nnothing",
            id="a section without rows says so",
        ),
    ],
)
def test_what_a_report_may_lack(report: Report, full: str) -> None:
    assert worded(report).full == full


def test_a_gateway_and_a_delay_are_said() -> None:
    wording = worded(REPORT, with_gateway=True, gateway="eu", raised_at=NOW - timedelta(hours=2))

    for text in (wording.full, wording.lone_line, wording.plain):
        assert " · eu" in text
        assert text.count("raised 2 hours ago") == 1


@pytest.mark.parametrize(
    ("section", "lines"),
    [
        pytest.param(
            TEAMS,
            ["R&amp;D      $812.40  63 %", "Support   $20.00", "… and 4 more"],
            id="names to the left, values to the right",
        ),
        pytest.param(rows(), [], id="none"),
        pytest.param(rows("", "b"), ["(unnamed)  1", "b          1"], id="one without a name"),
        pytest.param(rows("研究", "ab"), ["研究  1", "ab    1"], id="wide characters take two cells"),
        pytest.param(rows("e\u0301a", "abc"), ["e\u0301a   1", "abc  1"], id="accents that combine take none"),
        pytest.param(rows("a`b", "``` x"), ["a'b    1", "''' x  1"], id="nothing ends the block"),
        pytest.param(
            rows("azure/gpt-4o-mini-2024-07-18-eu"),
            ["azure/gpt-4…024-07-18-eu  1"],
            id="the middle is left out",
        ),
    ],
)
def test_table(section: ReportSection, lines: list[str]) -> None:
    assert table_of(section, limit=1_000) == lines


def test_rows_that_have_no_room_are_counted() -> None:
    many = rows(*(f"row-{n}" for n in range(SECTION_ROWS + 5)))

    assert len(table_of(many, limit=10_000)) == SECTION_ROWS + 1
    assert table_of(many, limit=10_000)[-1] == "… and 5 more"
    assert table_of(many, limit=20) == ["row-0   1", "row-1   1", f"… and {SECTION_ROWS + 3} more"]


@settings(database=None, deadline=None, derandomize=True, max_examples=100)
@given(
    names=st.lists(st.text(max_size=300) | st.just("\u0301" * 5_000) | st.just("長" * 5_000), max_size=5),
    limit=st.integers(0, 500),
)
def test_any_table_is_short_aligned_and_harmless(names: list[str], limit: int) -> None:
    section = rows(*names, remark="r")
    lines = table_of(section, limit=limit)
    told = [line for line in lines if not line.startswith("… and ")]

    assert len("\n".join(told)) <= limit
    assert "`" not in "".join(lines)
    assert not set("&<>") & set("".join(lines).replace("&amp;", "").replace("&lt;", "").replace("&gt;", ""))


@pytest.mark.parametrize(
    ("amounts", "points"),
    [
        pytest.param({"a": 1.0, "b": 2.0}, [("a", 1.0), ("b", 2.0)], id="every row with a figure"),
        pytest.param({"a": 1.0, "b": None, "c": 3.0}, [("a", 1.0), ("c", 3.0)], id="not those without"),
        pytest.param(
            {"a": 1.0, "b": math.inf, "c": math.nan, "d": -4.0}, [("a", 1.0), ("d", -4.0)], id="nor what cannot be drawn"
        ),
        pytest.param({"a": 1.0}, [], id="one alone has nothing to compare"),
        pytest.param({}, [], id="none"),
        pytest.param({str(n): n for n in range(5)}, [("0", 0), ("1", 1), ("2", 2)], id="the first of many"),
        pytest.param(
            {"deployment-a": 1.0, "deployment-b": 2.0, "deploym…": 3.0},
            [("deploym…", 1.0), ("depl (2)", 2.0), ("depl (3)", 3.0)],
            id="labels that would be the same are counted",
        ),
        pytest.param({"": 1.0, "\u200b": 2.0}, [("(unname…", 1.0), ("(unn (2)", 2.0)], id="those without a name too"),
    ],
)
def test_points_of_a_chart(amounts: dict[str, float | None], points: list[tuple[str, float]]) -> None:
    section = ReportSection(title="x", rows=tuple(ReportRow(name=name, value="", amount=a) for name, a in amounts.items()))

    assert points_of(section, most=3, label_characters=8) == points


@pytest.mark.parametrize("length", [0, 2_000])
def test_a_report_in_words_is_short_whatever_it_holds(length: int) -> None:
    section = ReportSection(
        title="&" * length, rows=(ReportRow(name="<" * length, value="&" * length, remark=">" * length),) * 50
    )
    wording = worded(Report(title="&" * length, period="<" * length, summary=">" * length, sections=(section,) * 30))

    for text in (wording.full, wording.line, wording.lone_line, wording.plain):
        assert 0 < len(text) <= 3_000
        assert not set("&<>") & set(text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", ""))
