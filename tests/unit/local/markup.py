"""What the renderers may write, whatever is in a message."""

from html.parser import HTMLParser

_BLOCKS = {"blockquote", "br", "div", "h2", "hr", "li", "ol", "p", "pre", "table", "td", "tr", "ul"}
_INLINE = {"a", "code", "em", "s", "span", "strong"}
_ATTRIBUTES = {"class", "href", "rel", "target"}


class _Reader(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _BLOCKS | _INLINE, tag
        for name, value in attrs:
            assert name in _ATTRIBUTES, name
            assert name != "href" or (value or "").startswith(("http://", "https://", "mailto:")), value

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def assert_harmless(html: str) -> None:
    """Every tag and attribute is one that the renderers write themselves."""
    _Reader().feed(html)
