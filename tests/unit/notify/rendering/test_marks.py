"""mrkdwn taken apart."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.rendering.marks import Run, runs, unescaped, unmarked
from notify.rendering.wording import escape


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("plain", [Run("plain")], id="text without marks"),
        pytest.param("*Team Research* is over", [Run("Team Research", "bold"), Run(" is over")], id="bold"),
        pytest.param("_Refused._", [Run("Refused.", "italic")], id="italic"),
        pytest.param("base `a*b*c`", [Run("base "), Run("a*b*c", "code")], id="code, in which nothing is marked"),
        pytest.param("*a* *b*", [Run("a", "bold"), Run(" "), Run("b", "bold")], id="two in a line"),
        pytest.param("██ *96 %*   $9", [Run("██ "), Run("96 %", "bold"), Run("   $9")], id="blanks stay"),
        pytest.param("*Key a*b* is", [Run("Key a*b", "bold"), Run(" is")], id="a star within a name"),
        pytest.param("*Key _x_* is", [Run("Key _x_", "bold"), Run(" is")], id="an underlined name that is bold already"),
        pytest.param("(team_a_b)", [Run("(team_a_b)")], id="underscores within a word"),
        pytest.param("2 * 3 * 4", [Run("2 * 3 * 4")], id="stars between blanks"),
        pytest.param("*a\nb*", [Run("*a\nb*")], id="a mark that is never closed on its line"),
        pytest.param("*a &amp; &lt;b&gt;*", [Run("a & <b>", "bold")], id="escapes"),
        pytest.param("&amp;lt;", [Run("&lt;")], id="an escape that was in the text itself"),
    ],
)
def test_runs(mrkdwn: str, expected: list[Run]) -> None:
    assert runs(mrkdwn) == expected
    assert unmarked(mrkdwn) == "".join(run.text for run in expected)


@given(st.text())
def test_what_was_escaped_comes_back(text: str) -> None:
    assert unescaped(escape(text)) == text


@given(st.text(alphabet="ab *_`\n&;"))
def test_nothing_but_marks_is_lost_and_no_run_is_empty(text: str) -> None:
    found = runs(text)

    assert all(run.text for run in found)
    assert [c for c in unmarked(text) if c not in "*_`"] == [c for c in unescaped(text) if c not in "*_`"]


@pytest.mark.parametrize("text", ["*a " * 5_000, "_a " * 5_000, "`" * 15_000, "*a" * 7_500], ids=lambda text: text[:4])
def test_a_line_of_nothing_but_marks_takes_no_time(text: str) -> None:
    begun = time.perf_counter()
    runs(text)

    assert time.perf_counter() - begun < 1
