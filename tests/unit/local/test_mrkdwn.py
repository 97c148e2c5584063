import pytest

from local.mrkdwn import plain_to_html, to_html
from tests.unit.local.markup import assert_harmless


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _italic_ ~gone~ `code`", "<strong>bold</strong> <em>italic</em> <s>gone</s> <code>code</code>"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("*a b*, (*c*) *d*.", "<strong>a b</strong>, (<strong>c</strong>) <strong>d</strong>."),
        ("2*3*4 snake_case_name a~b~c", "2*3*4 snake_case_name a~b~c"),
        ("* not bold * and *not\nbold*", "* not bold * and *not<br>bold*"),
        ("`*not bold* <x>`", "<code>*not bold* &lt;x&gt;</code>"),
        ("```a\n*b*\n```", "<pre>a\n*b*</pre>"),
        ("line\nline", "line<br>line"),
        ("&gt; quoted\nnot", "<blockquote>quoted</blockquote>not"),
        ("> quoted\n> more", "<blockquote>quoted<br>more</blockquote>"),
        (":red_circle: :warning: :no_such_thing:", "🔴 ⚠️ :no_such_thing:"),
        ("10:25:30", "10:25:30"),
        ("██████ *96 %*   $9.60 of $10.00", "██████ <strong>96 %</strong>   $9.60 of $10.00"),
    ],
)
def test_marks_become_tags(text: str, html: str) -> None:
    assert to_html(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<https://x/?a=1&amp;b=2|docs>", '<a href="https://x/?a=1&amp;b=2" rel="noreferrer noopener" target="_blank">docs</a>'),
        ("*<https://x|docs>*", '<strong><a href="https://x" rel="noreferrer noopener" target="_blank">docs</a></strong>'),
        ("<mailto:a@b|a@b>", '<a href="mailto:a@b" rel="noreferrer noopener" target="_blank">a@b</a>'),
        ("<!channel>", '<span class="mention">@channel</span>'),
        ("<@U123>", '<span class="mention">@U123</span>'),
        ("<#C1|general>", '<span class="mention">general</span>'),
    ],
)
def test_links_and_mentions(text: str, html: str) -> None:
    assert to_html(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<img src=x onerror=alert(1)>",
        "&lt;img src=x onerror=alert(1)&gt;",
        "`<img src=x onerror=alert(1)>`",
        "```<img src=x onerror=alert(1)>```",
        "*<img src=x onerror=alert(1)>*",
        "> <img src=x onerror=alert(1)>",
        "<javascript:alert(1)|click>",
        "<JavaScript:alert(1)|click>",
        "<data:text/html,x|click>",
        '<https://x" onmouseover="alert(1)|click>',
        "<https://x|<img src=x onerror=alert(1)>>",
        "<https://x|&lt;img src=x onerror=alert(1)&gt;>",
        "<!x|<b onclick=alert(1)>>",
        ':" onclick="alert(1):',
        "\U000f0000\U000f0001<b onclick=x>",
    ],
)
def test_nothing_of_a_message_becomes_markup_of_its_own(text: str) -> None:
    for html in (to_html(text), plain_to_html(text)):
        assert_harmless(html)


def test_text_is_unescaped_exactly_once() -> None:
    assert to_html("R&amp;D &amp;lt;b&amp;gt; a < b") == "R&amp;D &amp;lt;b&amp;gt; a &lt; b"


def test_overlong_text_is_cut_as_slack_cuts_it() -> None:
    assert len(to_html("x" * 50_000)) == 40_000
    assert to_html("<a>" * 20_000).count("&lt;a&gt;") == 13_333
