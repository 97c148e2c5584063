"""What a spend report says, and when there is none."""

from decimal import Decimal
from typing import Any

import pytest

from evaluate.usage.spend_reports import MOVERS, ROWS, spend_report
from evaluate.usage.usage import GatewayUsage, Spender
from gateway_alerts.alerts import Report, ReportSection
from tests.unit.evaluate.usage_builders import spending, spent

SEARCH = Spender("hash-1", "search", "u1", "ada@example.com", "t1", "Research")
BATCH = Spender("hash-2", "batch", "u2", None, "t1", "Research")
ALONE = Spender("hash-3")


def report(usage: GatewayUsage, **fields: Any) -> Report:
    made = spend_report(title="Weekly spend", period="16–22 Nov 2026", usage=usage, **fields)
    assert made is not None
    return made


def section(report: Report, title: str) -> ReportSection:
    (found,) = [section for section in report.sections if section.title.startswith(title)]
    return found


def rows(report: Report, title: str) -> list[tuple[str, str, str]]:
    return [(row.name, row.value, row.remark) for row in section(report, title).rows]


class TestSections:
    USAGE = spending(
        {SEARCH: 60, BATCH: 30, ALONE: 10},
        models={"gpt-4o": 70, "claude": 30},
        tags={"team:a": 70},
        customers={"acme": 5, "zeta": 6},
    )

    @pytest.mark.parametrize(
        ("title", "expected"),
        [
            ("By team", [("Research", "$90.00", "90 % · 2 requests"), ("no team", "$10.00", "10 % · 1 request")]),
            ("By model", [("gpt-4o", "$70.00", "70 % · 1 request"), ("claude", "$30.00", "30 % · 1 request")]),
            (
                "By key",
                [
                    ("search", "$60.00", "60 % · 1 request"),
                    ("batch", "$30.00", "30 % · 1 request"),
                    ("hash-3", "$10.00", "10 % · 1 request"),
                ],
            ),
            ("By tag", [("team:a", "$70.00", "70 % · 1 request")]),
            ("By customer", [("zeta", "$6.00", "6 % · 1 request"), ("acme", "$5.00", "5 % · 1 request")]),
        ],
    )
    def test_each_is_ranked_by_what_was_spent(self, title: str, expected: list[tuple[str, str, str]]) -> None:
        assert rows(report(self.USAGE), title) == expected

    @pytest.mark.parametrize(("title", "whole"), [("By team", True), ("By model", True), ("By key", True), ("By tag", False)])
    def test_what_every_request_has_adds_up_to_the_whole_and_says_so(self, title: str, whole: bool) -> None:
        assert ("$100.00 in all" in section(report(self.USAGE), title).title) == whole

    def test_figures_for_a_chart(self) -> None:
        teams = section(report(self.USAGE), "By team")
        assert teams.chart_unit == "USD"
        assert [row.amount for row in teams.rows] == [90, 10]
        assert section(report(self.USAGE), "By key").chart_unit is None

    def test_the_largest_are_named_and_the_rest_counted(self) -> None:
        made = report(spending({Spender(f"key-{n}"): n for n in range(1, 31)}))

        keys = section(made, "By key")
        assert [row.name for row in keys.rows] == [f"key-{n}" for n in range(30, 30 - ROWS, -1)]
        assert keys.more_count == 30 - ROWS

    def test_a_section_of_which_nothing_is_known_is_left_out(self) -> None:
        made = report(spending({Spender("hash-1"): 1}))
        assert [section.title for section in made.sections] == ["By key · $1.00 in all"]

    def test_a_key_that_was_renamed_is_one_key_with_the_name_of_its_largest_spend(self) -> None:
        made = report(spending({Spender("hash-1", "old name"): 1, Spender("hash-1", "new name"): 2, Spender("hash-1"): 9}))
        assert rows(made, "By key") == [("new name", "$12.00", "100 % · 3 requests")]

    def test_two_keys_of_one_name_stay_two(self) -> None:
        made = report(spending({Spender("hash-1", "same"): 1, Spender("hash-2", "same"): 2}))
        assert [name for name, _, _ in rows(made, "By key")] == ["same", "same"]

    def test_equal_spend_is_told_in_the_order_of_names(self) -> None:
        made = report(spending({Spender(name): 1 for name in ("b", "a", "c")}))
        assert [name for name, _, _ in rows(made, "By key")] == ["a", "b", "c"]

    def test_a_name_is_cut_to_what_a_message_holds(self) -> None:
        made = report(spending({Spender("x" * 2_000): 1}))
        assert len(rows(made, "By key")[0][0]) < 200


class TestMovers:
    def test_keys_that_rose_and_fell_most(self) -> None:
        before = spending({SEARCH: 10, BATCH: 50})

        made = report(spending({SEARCH: 60, BATCH: 30, ALONE: 10}), before=before, before_period="9–15 Nov 2026")

        assert rows(made, "Keys that rose most against 9–15 Nov 2026") == [
            ("search", "+$50.00", "from $10.00"),
            ("hash-3", "+$10.00", "new"),
        ]
        assert rows(made, "Keys that fell most against 9–15 Nov 2026") == [("batch", "-$20.00", "from $50.00")]

    def test_a_key_that_is_gone_has_fallen(self) -> None:
        made = report(spending({SEARCH: 10}), before=spending({SEARCH: 10, BATCH: 5}))
        assert rows(made, "Keys that fell") == [("batch", "-$5.00", "from $5.00")]

    @pytest.mark.parametrize(
        "before",
        [
            pytest.param(None, id="the period before is not wholly recorded"),
            pytest.param(GatewayUsage(), id="nothing was used before"),
            pytest.param(spending({SEARCH: 10}), id="nothing has changed"),
            pytest.param(spending({SEARCH: "10.009"}), id="by less than a cent"),
        ],
    )
    def test_no_movers(self, before: GatewayUsage | None) -> None:
        made = report(spending({SEARCH: 10}), before=before)
        assert not any(section.title.startswith("Keys that") for section in made.sections)

    def test_the_most_are_named_and_the_rest_counted(self) -> None:
        before = spending({Spender(f"key-{n}"): 1 for n in range(20)})
        made = report(spending({Spender(f"key-{n}"): 2 + n for n in range(20)}), before=before)

        risers = section(made, "Keys that rose")
        assert [row.name for row in risers.rows] == [f"key-{n}" for n in range(19, 19 - MOVERS, -1)]
        assert risers.more_count == 20 - MOVERS


class TestSummary:
    @pytest.mark.parametrize(
        ("before", "expected"),
        [
            pytest.param(None, "$100.00 in 3 requests", id="nothing to compare with"),
            pytest.param(80, "$100.00 in 3 requests · 25 % more than 9–15 Nov ($80.00)", id="more"),
            pytest.param(200, "$100.00 in 3 requests · 50 % less than 9–15 Nov ($200.00)", id="less"),
            pytest.param(100, "$100.00 in 3 requests · as much as 9–15 Nov", id="the same"),
            pytest.param(0, "$100.00 in 3 requests", id="nothing spent before"),
        ],
    )
    def test_the_whole_and_how_it_compares(self, before: int | None, expected: str) -> None:
        usage = GatewayUsage(spend={SEARCH: spent(100, requests=3)})
        known = None if before is None else spending({SEARCH: before})

        assert report(usage, before=known, before_period="9–15 Nov").summary == expected

    def test_a_note_and_what_was_not_kept_apart_are_said(self) -> None:
        usage = GatewayUsage(spend={SEARCH: spent(1)}, folded={"spend": 1_000, "tags": 234, "budgets": 9})

        assert report(usage, note="recorded since 20 Nov").summary == (
            "$1.00 in 1 request · (other) stands for 1,234 small entries too many to keep apart · recorded since 20 Nov"
        )

    def test_title_and_period(self) -> None:
        made = report(spending({SEARCH: 1}))
        assert (made.title, made.period) == ("Weekly spend", "16–22 Nov 2026")


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param(GatewayUsage(), id="nothing was used"),
        pytest.param(spending({SEARCH: 0}), id="nothing was spent"),
    ],
)
def test_an_empty_period_has_no_report(usage: GatewayUsage) -> None:
    before = spending({SEARCH: 10})
    assert spend_report(title="Weekly spend", period="16–22 Nov 2026", usage=usage, before=before) is None


def test_amounts_stay_decimal_until_they_are_words() -> None:
    usage = spending({Spender(f"k{n}"): Decimal("0.1") for n in range(10)})
    assert report(usage).summary.startswith("$1.00 in 10 requests")
