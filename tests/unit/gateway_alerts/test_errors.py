"""The tree that ``errors.py`` draws is the tree that there is."""

import inspect
import re
from collections.abc import Iterator

import pytest

from gateway_alerts import errors
from gateway_alerts.errors import EventRejected, GatewayAlertsError, RequestRefused, SlackRefused, Unauthorized, place_of


def subclasses(error: type[Exception]) -> Iterator[type[Exception]]:
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from subclasses(child)


ALL = list(subclasses(GatewayAlertsError))
DRAWN = re.compile(r"^(?P<indent>[│ ]*)[├└]── (?P<name>\w+)(?: +(?P<status>\d{3}) )?", re.MULTILINE)


def test_every_error_is_drawn_under_its_parent() -> None:
    drawn: dict[str, str] = {}
    parent = "GatewayAlertsError"
    for match in DRAWN.finditer(inspect.getdoc(errors) or ""):
        if not match["indent"]:
            parent = match["name"]
        drawn[match["name"]] = parent if match["indent"] else "GatewayAlertsError"
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in ALL}


def test_a_refused_request_has_the_status_that_is_drawn() -> None:
    drawn = {m["name"]: int(m["status"]) for m in DRAWN.finditer(inspect.getdoc(errors) or "") if m["status"]}
    assert drawn == {error.__name__: error.status for error in subclasses(RequestRefused)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("root", [RequestRefused, EventRejected])
def test_codes_are_stable_and_each_its_own(root: type[Exception]) -> None:
    codes = [error.code for error in [root, *subclasses(root)]]  # type: ignore[attr-defined]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)


def test_a_reason_begins_with_its_code() -> None:
    for error in subclasses(EventRejected):
        assert str(error("detail")) == f"{error.code}: detail"  # type: ignore[attr-defined]


def test_a_wrong_token_is_told_nothing_about_itself() -> None:
    assert str(Unauthorized()) == "a valid ingest token is required"


def test_a_message_is_refused_with_slacks_word_and_a_status() -> None:
    refused = SlackRefused("invalid_token", 403)
    assert (refused.word, refused.status, str(refused)) == ("invalid_token", 403, "invalid_token")
    assert SlackRefused("no_text").status == 400


def test_an_error_is_told_by_where_it_was_raised() -> None:
    with pytest.raises(ValueError, match="SECRET") as caught:
        raise ValueError("SECRET")
    file, _, line = place_of(caught.value).partition(":")
    assert file == "test_errors.py"
    assert line.isdigit()


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert place_of(ValueError()) == ""
