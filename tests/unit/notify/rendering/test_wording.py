"""Amounts, fractions, times and names as a person reads them; text from outside made harmless."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_alerts.bounds import MAX_MONEY_USD, MIN_LIMIT_USD
from notify.rendering.slack import compose_messages
from notify.rendering.wording import (
    about,
    bar,
    clean,
    clock,
    cut,
    escape,
    lateness,
    nouns,
    percent,
    period,
    plural,
    resets,
    shortened,
    shortened_lines,
    shown_name,
    span,
    usd,
)
from tests.unit.notify.fakes import NOW, make_item

HASH = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
calm = settings(database=None, deadline=None, derandomize=True, max_examples=200)
money = st.decimals(min_value=-MAX_MONEY_USD, max_value=MAX_MONEY_USD)
limits = st.decimals(min_value=MIN_LIMIT_USD, max_value=MAX_MONEY_USD)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("-0", "$0.00"),
        ("1", "$1.00"),
        ("1234.5", "$1,234.50"),
        ("1234567.891", "$1,234,567.89"),
        ("0.01", "$0.01"),
        ("0.019", "$0.01"),
        ("99.999", "$99.99"),
        ("0.009", "$0.009"),
        ("0.00425", "$0.0042"),
        ("0.000012", "$0.000012"),
        ("0.000001", "$0.000001"),
        ("0.0000001", "under $0.000001"),
        ("-5", "-$5.00"),
        ("-1234.5", "-$1,234.50"),
        ("1E+3", "$1,000.00"),
        ("100000000000000", "$100,000,000,000,000.00"),
    ],
)
def test_usd(amount: str, shown: str) -> None:
    assert usd(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        pytest.param("0", "0 %", id="nothing"),
        pytest.param("0.0049", "0 %", id="next to nothing"),
        pytest.param("0.85", "85 %", id="a threshold, exactly"),
        pytest.param("0.8599", "85 %", id="rounded towards zero"),
        pytest.param("0.99", "99 %", id="99 % exactly"),
        pytest.param("0.991", "99.1 %", id="one decimal close below the whole"),
        pytest.param("0.9997", "99.9 %", id="99.97 % is not 100 %"),
        pytest.param("0.99999999999", "99.9 %", id="next to the whole is not the whole"),
        pytest.param("1", "100 %", id="the whole"),
        pytest.param("1.0099", "100 %", id="just beyond the whole"),
        pytest.param("1.045", "104 %", id="beyond"),
        pytest.param("12.345", "1,234 %", id="far beyond"),
        pytest.param("10000", "1,000,000 %", id="a million percent"),
        pytest.param("10001", "over 1,000,000 %", id="more than that says nothing more"),
        pytest.param("-1E+27", "under -1,000,000 %", id="nor does less"),
        pytest.param("-0.125", "-12 %", id="a credit"),
        pytest.param("-0.001", "0 %", id="next to no credit has no sign"),
    ],
)
def test_percent(fraction: str, shown: str) -> None:
    assert percent(Decimal(fraction)) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        pytest.param("0", "░░░░░░░░░░", id="0 %"),
        pytest.param("0.01", "░░░░░░░░░░", id="1 % is less than an eighth of a cell"),
        pytest.param("0.0125", "░░░░░░░░░░", id="a part of a cell is none"),
        pytest.param("0.125", "█░░░░░░░░░", id="12.5 %"),
        pytest.param("0.5", "█████░░░░░", id="50 %"),
        pytest.param("0.96", "█████████░", id="96 %"),
        pytest.param("0.9999", "█████████░", id="99.99 % is not full"),
        pytest.param("1", "██████████", id="100 %"),
        pytest.param("1.04", "██████████", id="104 % is full"),
        pytest.param("9", "██████████", id="900 % is full"),
        pytest.param("-0.5", "░░░░░░░░░░", id="negative is empty"),
    ],
)
def test_bar(fraction: str, shown: str) -> None:
    assert bar(Decimal(fraction)) == shown


@calm
@given(money, limits)
def test_any_amount_and_share_can_be_said(amount: Decimal, limit: Decimal) -> None:
    share = amount / limit

    assert "$" in usd(amount)
    assert percent(share).endswith(" %")
    assert len(bar(share)) == 10
    assert len(usd(amount)) < 40
    assert len(percent(share)) < 40


@calm
@given(st.decimals(min_value=0, max_value=2, places=6), st.decimals(min_value=0, max_value=2, places=6))
def test_more_of_a_budget_is_never_shown_as_less(one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    assert Decimal(percent(less).removesuffix(" %")) <= Decimal(percent(more).removesuffix(" %"))
    assert Decimal(percent(less).removesuffix(" %")) <= less * 100


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("prod-search", "prod-search", id="an ordinary name stays"),
        pytest.param("  two   words ", "two words", id="blanks are one blank"),
        pytest.param("a\nb\r\nc\td", "a b c d", id="line breaks and tabs are blanks"),
        pytest.param("a\u2028b\u2029c\x85d", "a b c d", id="so are the line breaks of Unicode"),
        pytest.param("a\u00a0b", "a b", id="and the blank that does not break"),
        pytest.param("abc\u202edcba\u202c", "abcdcba", id="no right-to-left override"),
        pytest.param("a\u200fb\u2066c\u2069", "abc", id="no direction marks"),
        pytest.param("pro\u200bd\ufeff\u00ad", "prod", id="no zero-width characters"),
        pytest.param("a\x00b\x1b[31mc\x7f", "ab[31mc", id="no control characters"),
        pytest.param("\ud800x", "x", id="no half of a surrogate pair"),
        pytest.param("\U000e0041x", "x", id="no tags"),
        pytest.param("team 🔥 ⚠️", "team 🔥 ⚠️", id="emoji are kept"),
        pytest.param("研究チーム 검색", "研究チーム 검색", id="Chinese, Japanese and Korean are kept"),
        pytest.param("é ü ß שלום", "é ü ß שלום", id="accents and right-to-left letters are kept"),
        pytest.param("", "", id="nothing"),
        pytest.param(" \u200b\u202e\n", "", id="nothing visible is nothing"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@calm
@given(st.text())
def test_clean_text_is_one_line_that_can_be_sent(text: str) -> None:
    shown = clean(text)

    assert shown.isprintable()
    assert clean(shown) == shown
    shown.encode()  # not half of a surrogate pair


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("R&D", "R&amp;D", id="ampersand"),
        pytest.param("<!channel>", "&lt;!channel&gt;", id="a mention of the channel"),
        pytest.param("<@U123> <#C123>", "&lt;@U123&gt; &lt;#C123&gt;", id="people and channels"),
        pytest.param("<https://evil.test|prod>", "&lt;https://evil.test|prod&gt;", id="a link"),
        pytest.param("&lt;", "&amp;lt;", id="what is escaped already is shown as it was"),
        pytest.param("plain", "plain", id="nothing to escape"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("prod-search", "prod-search", id="an ordinary name"),
        pytest.param(f" {HASH}\n", f"{HASH[:12]}…", id="a hash by its first digits"),
        pytest.param(HASH[:32], f"{HASH[:12]}…", id="a short hash too"),
        pytest.param(HASH[:31], HASH[:31], id="31 digits are a name"),
        pytest.param("3f0b2c58-4d0e-4b1f-9e65-0c9f7a1f0b11", "3f0b2c58-4d0e-4b1f-9e65-0c9f7a1f0b11", id="a UUID is whole"),
        pytest.param("x" * 80, "x" * 80, id="80 characters are whole"),
        pytest.param("y" * 50 + "z" * 50, "y" * 40 + "…" + "z" * 39, id="a long name keeps both ends"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_shown_name(text: str, shown: str) -> None:
    assert shown_name(text) == shown


def test_a_hash_within_a_name_is_shortened_too() -> None:
    assert HASH not in shown_name(f"{HASH} in Research")
    assert shown_name(f"{HASH} in Research").endswith(" in Research")


@calm
@given(st.text(max_size=300))
def test_a_shown_name_is_short(text: str) -> None:
    assert len(shown_name(text)) <= 80


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        pytest.param(datetime(2026, 11, 25, 10, 25, 59, tzinfo=UTC), "25 Nov 10:25 UTC", id="UTC"),
        pytest.param(datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))), "31 Dec 22:30 UTC", id="another zone"),
    ],
)
def test_clock(moment: datetime, shown: str) -> None:
    assert clock(moment) == shown


def _at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("resets_at", "shown"),
    [
        pytest.param(_at(2026, 11, 24), "resets at midnight UTC", id="the coming midnight"),
        pytest.param(_at(2026, 11, 23, 18), "resets 23 Nov 18:00 UTC, in 6 hours", id="the same day"),
        pytest.param(_at(2026, 11, 23, 12, 0, 30), "resets 23 Nov 12:00 UTC, in under a minute", id="in a moment"),
        pytest.param(_at(2026, 11, 24, 0, 30), "resets 24 Nov 00:30 UTC, in 12 hours", id="half an hour after midnight"),
        pytest.param(_at(2026, 11, 25), "resets 25 Nov 00:00 UTC, in 1 day", id="the midnight after"),
        pytest.param(_at(2026, 12, 1), "resets 1 Dec 00:00 UTC, in 7 days", id="next month"),
        pytest.param(NOW + timedelta(days=60), "resets 22 Jan 12:00 UTC, in 60 days", id="in sixty days"),
        pytest.param(NOW + timedelta(days=60, seconds=1), "resets 22 Jan 2027", id="later than that by its day and year"),
        pytest.param(_at(2030, 1, 1), "resets 1 Jan 2030", id="in years"),
        pytest.param(NOW, "was to reset 23 Nov 12:00 UTC", id="now: it should have"),
        pytest.param(_at(2026, 11, 20), "was to reset 20 Nov 00:00 UTC", id="days ago"),
        pytest.param(
            datetime(2026, 11, 24, 2, tzinfo=timezone(timedelta(hours=2))),
            "resets at midnight UTC",
            id="midnight said in another zone",
        ),
    ],
)
def test_resets(resets_at: datetime, shown: str) -> None:
    assert resets(resets_at, now=NOW) == shown


def test_a_reset_of_years_ago_says_its_year() -> None:
    assert "2024" in resets(_at(2024, 1, 1), now=NOW)


@pytest.mark.parametrize("edge", [_at(1, 1, 1), _at(9999, 12, 31, 23, 59)], ids=["the beginning of time", "the end of time"])
def test_any_reset_can_be_said(edge: datetime) -> None:
    """In UTC, as EvaluateFunction writes it."""
    assert str(edge.year) in resets(edge, now=NOW)


@pytest.mark.parametrize(
    ("wait", "shown"),
    [
        (timedelta(0), "under a minute"),
        (timedelta(seconds=59), "under a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=7, hours=23), "7 days"),
    ],
)
def test_span(wait: timedelta, shown: str) -> None:
    assert span(wait) == shown


@pytest.mark.parametrize(
    ("count", "noun", "shown"),
    [
        (1, "key", "1 key"),
        (2, "key", "2 keys"),
        (0, "alert", "0 alerts"),
        (2, "proxy", "2 proxies"),
        (1_000, "budget", "1,000 budgets"),
    ],
)
def test_plural(count: int, noun: str, shown: str) -> None:
    assert plural(count, noun) == shown


@pytest.mark.parametrize(
    ("noun", "shown"),
    [
        ("team", "teams"),
        ("Proxy", "Proxies"),
        ("Key", "Keys"),
        ("team member", "team members"),
        ("Model access group", "Model access groups"),
        ("LLM failure", "LLM failures"),
        ("user over a spend threshold", "users over a spend threshold"),
        ("user with unusual spend", "users with unusual spend"),
        ("Outage ended", "Outages ended"),
    ],
)
def test_nouns(noun: str, shown: str) -> None:
    assert nouns(noun) == shown


@pytest.mark.parametrize(
    ("escaped", "limit", "shown"),
    [
        pytest.param("short", 5, "short", id="what fits is whole"),
        pytest.param("longer", 5, "long…", id="what does not ends with an ellipsis"),
        pytest.param("a word", 3, "a…", id="not with a blank before it"),
        pytest.param("R&amp;D", 3, "R…", id="no part of an escape is left"),
        pytest.param("R&amp;D", 6, "R…", id="nor all of it but its end"),
        pytest.param("R&amp;DE", 7, "R&amp;…", id="a whole one is"),
        pytest.param("&lt;&gt;", 5, "&lt;…", id="the first of two"),
    ],
)
def test_cut(escaped: str, limit: int, shown: str) -> None:
    assert cut(escaped, limit) == shown


@calm
@given(st.text(max_size=300), st.integers(2, 300))
def test_shortened_text_is_short_one_line_and_harmless(text: str, limit: int) -> None:
    shown = shortened(text, limit)

    assert len(shown) <= limit
    assert shown.isprintable()
    assert not set("&<>") & set(shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", ""))


def test_a_hash_is_told_by_its_first_digits_where_it_is_a_name_and_never_before_it_is_masked() -> None:
    assert shortened(f"see {HASH}", 100) == f"see {HASH}"
    assert shortened(f"see {HASH}", 100, with_hashes=False) == f"see {HASH[:12]}…"
    assert HASH[:8] not in shortened(f"postgres://u:{HASH}@db", 100, with_hashes=False)


def test_of_an_overlong_text_no_half_of_a_key_is_shown() -> None:
    for blanks in range(590, 620):
        assert KEY[:8] not in shortened(" " * blanks + f"{KEY} {KEY}", 100)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        pytest.param("one\n\n two \r\nthree", 100, ["one", "two", "three"], id="lines without empty ones"),
        pytest.param("one\ntwo\nthree", 8, ["one", "two"], id="as many as fit"),
        pytest.param("one\ntwo three", 9, ["one", "two…"], id="the last one cut"),
        pytest.param("R&D <a>", 100, ["R&amp;D &lt;a&gt;"], id="escaped"),
        pytest.param("", 100, [], id="none"),
    ],
)
def test_shortened_lines(text: str, limit: int, shown: list[str]) -> None:
    assert shortened_lines(text, limit) == shown


@calm
@given(st.text(max_size=300), st.integers(2, 300))
def test_shortened_lines_are_short_altogether(text: str, limit: int) -> None:
    assert len("\n".join(shortened_lines(text, limit))) <= limit


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        pytest.param(_at(2026, 11, 23, 9, 20), _at(2026, 11, 23, 9, 25), "23 Nov 09:20 to 09:25 UTC", id="of one day"),
        pytest.param(_at(2026, 11, 23, 9, 20, 1), _at(2026, 11, 23, 9, 20, 59), "23 Nov 09:20 UTC", id="of one minute"),
        pytest.param(_at(2026, 11, 22, 23), _at(2026, 11, 23, 1), "22 Nov 23:00 to 23 Nov 01:00 UTC", id="over midnight"),
        pytest.param(
            datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=2))),
            _at(2026, 11, 22, 23, 30),
            "22 Nov 23:00 to 23:30 UTC",
            id="said in another zone",
        ),
    ],
)
def test_period(first: datetime, last: datetime, shown: str) -> None:
    assert period(first, last) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "under 1 ms"),
        (0.001, "0.001 s"),
        (0.3249, "0.32 s"),
        (3.21, "3.2 s"),
        (9.96, "10 s"),
        (47.6, "48 s"),
        (119.0, "119 s"),
        (119.8, "2 min"),
        (312.0, "5.2 min"),
        (725.0, "12 min"),
        (7_190.0, "2 h"),
        (100_000.0, "28 h"),
        (10.0**7, "2,778 h"),
    ],
)
def test_about(seconds: float, shown: str) -> None:
    assert about(seconds) == shown


@pytest.mark.parametrize(
    ("age", "said"),
    [
        pytest.param(timedelta(minutes=5), [], id="gathering is not late"),
        pytest.param(timedelta(hours=7), ["raised 7 hours ago"], id="after a night"),
        pytest.param(timedelta(hours=-1), [], id="by another clock"),
    ],
)
def test_lateness(age: timedelta, said: list[str]) -> None:
    assert lateness(NOW - age, now=NOW) == said


KEY = "sk-Ab3dEf6hIj9lMn2pQr5tUv"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(KEY, id="as it is"),
        pytest.param(KEY[:8] + "\u200b" + KEY[8:], id="with an invisible character in it"),
        pytest.param(f"the alias\n{KEY}\u202e!", id="among other text"),
        pytest.param(f"{'x' * 60} {KEY} {'x' * 60}", id="where an overlong name is cut"),
    ],
)
def test_a_key_in_a_name_is_masked(text: str) -> None:
    assert KEY not in clean(text)
    assert "sk-…5tUv" in clean(text)
    assert KEY[3:10] not in shown_name(text)


def test_a_key_in_a_name_is_masked_in_every_block_and_in_the_text() -> None:
    items = [make_item(name=KEY), make_item(name=None, entity_id=KEY, owner=f"Bearer {KEY}", team=KEY, gateway=f"gw {KEY}")]
    storm = [make_item(name=f"{KEY} {n}", team=KEY, entity_id=f"key-{n}") for n in range(40)]
    for batch in (items, storm):
        messages = compose_messages(batch, now=NOW)
        told = json.dumps([message.payload for message in messages], ensure_ascii=False)
        assert "sk-…5tUv" in told
        assert KEY[:10] not in told
