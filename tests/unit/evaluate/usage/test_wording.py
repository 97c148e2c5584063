from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.usage.wording import MAX_NAME_CHARACTERS, millis, percent, plural, short, usd

calm = settings(database=None, deadline=None, derandomize=True, max_examples=200)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("1234.5", "$1,234.50"),
        ("1234567.891", "$1,234,567.89"),
        ("0.005", "$0.005"),
        ("0.0042", "$0.0042"),
        ("0.00421", "$0.0042"),
        ("0.00000012", "$0.00000012"),
        ("0.0099999", "$0.01"),
        ("0.01", "$0.01"),
        ("-12.5", "-$12.50"),
        ("-0.0042", "-$0.0042"),
        ("1E+3", "$1,000.00"),
    ],
)
def test_an_amount(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text


@calm
@given(st.decimals(min_value="0.000000000001", max_value=10**9, places=12))
def test_what_is_something_is_not_shown_as_nothing(amount: Decimal) -> None:
    assert Decimal(usd(amount).lstrip("$").replace(",", "")) > 0


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"),
        (1, 0, "0 %"),
        (1, 3, "33 %"),
        (1, 300, "0.3 %"),
        (5, 100, "5 %"),
        (1, 100_000, "under 0.1 %"),
        (99_999, 100_000, "over 99 %"),
        (100, 100, "100 %"),
        (2_500, 100, "2,500 %"),
        (9_999, 100_000, "10 %"),
    ],
)
def test_a_share(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0041, "4.1 ms"), (0.0412, "41 ms"), (0.9, "900 ms"), (1.25, "1.2 s"), (1234.5, "1,234.5 s")]
)
def test_a_short_duration(seconds: float, text: str) -> None:
    assert millis(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 requests"), (1, "1 request"), (1_234, "1,234 requests")])
def test_a_count(count: int, text: str) -> None:
    assert plural(count, "request") == text


def test_an_overlong_name_keeps_both_ends() -> None:
    name = "begin" + "x" * 500 + "end"

    assert len(short(name)) == MAX_NAME_CHARACTERS
    assert short(name).startswith("begin")
    assert short(name).endswith("end")
    assert short("x" * MAX_NAME_CHARACTERS) == "x" * MAX_NAME_CHARACTERS
