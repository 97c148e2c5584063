import pytest

from local.terminal import render_terminal

MESSAGE = {
    "text": "fallback",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "🔴 1 budget over · R&amp;D"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Team A &amp; B* is over\n██ 104 %   $104.20 of $100.00"}},
        {"type": "divider"},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "<https://x|docs>"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "25 Nov"}]},
    ],
}


def test_a_message_is_shown_in_plain_lines() -> None:
    assert render_terminal(MESSAGE).split("\n") == [
        "│ 🔴 1 budget over · R&D",
        "│",
        "│ Team A & B is over",
        "│ ██ 104 %   $104.20 of $100.00",
        "│ ────────────────────────────────────────",
        "│ docs (https://x)",
        "│",
        "│ 25 Nov",
    ]


def test_in_a_terminal_what_is_bold_is_bold() -> None:
    assert "\x1b[1mTeam A & B\x1b[0m is over" in render_terminal(MESSAGE, is_colored=True)


def test_a_message_without_blocks_shows_its_text() -> None:
    assert render_terminal({"text": "*only* text"}) == "│ only text"


def test_a_chart_is_drawn_in_characters() -> None:
    points = [{"label": "Search", "value": 30}, {"label": "R&D\x1b[2J", "value": 7.5}, {"label": "none", "value": 0}]
    chart = {"type": "bar", "series": [{"name": "USD", "data": points}]}
    for drawn in (chart, {"type": "pie", "segments": points}):
        lines = render_terminal({"blocks": [{"type": "data_visualization", "title": "Spend", "chart": drawn}]}).split("\n")
        assert lines == ["│ Spend", f"│ Search   {'█' * 20} 30", f"│ R&D[2J  {'█' * 5} 7.5", "│ none      0"]


def test_a_chart_of_another_kind_is_named() -> None:
    assert render_terminal({"blocks": [{"type": "data_visualization", "title": "Spend", "chart": {"type": "map"}}]}) == "│ Spend"


def test_a_quote_stands_apart_from_what_follows() -> None:
    assert render_terminal({"text": "said:\n&gt; one\n&gt; two\nthen"}).split("\n") == ["│ said:", "│ ▌ one", "│ ▌ two", "│ then"]
    assert render_terminal({"text": "&gt; last"}) == "│ ▌ last"


@pytest.mark.parametrize("is_colored", [True, False])
def test_control_characters_do_not_reach_the_terminal(is_colored: bool) -> None:
    evil = "a\x1b]0;title\x07b\x1b[2Jc\r\u202ed"
    message = {
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": evil}},
            {"type": "section", "text": {"type": "mrkdwn", "text": f"{evil} `{evil}` <https://x/{evil}|{evil}>"}},
        ]
    }
    shown = render_terminal(message, is_colored=is_colored)
    assert "a]0;titleb[2Jcd" in shown
    assert not {"\x07", "\r", "\u202e"} & set(shown)
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown


def test_lines_are_as_wide_as_they_are_wanted() -> None:
    header = {"type": "header", "text": {"type": "plain_text", "text": "word " * 20}}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "word " * 20}}
    for block in (header, section):
        lines = render_terminal({"blocks": [block]}, width=30).split("\n")
        assert len(lines) > 3
        assert all(len(line) <= 32 for line in lines)


def test_long_lines_are_wrapped_at_words() -> None:
    lines = render_terminal({"text": "word " * 60}).split("\n")
    assert len(lines) > 2
    assert all(len(line) <= 100 for line in lines)
