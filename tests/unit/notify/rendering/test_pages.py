"""Alerts on pages: worst first, within the room that there is, nobody left out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.grouping import AlertItem
from notify.rendering.pages import Page, lay_out
from tests.unit.notify.fakes import NOW, make_item, make_items
from tests.unit.notify.rendering.test_slack import some_items


def pages_of(items: list[AlertItem], *, room: int = 10_000) -> list[Page]:
    return lay_out(items, now=NOW, cost=len, room=room)


def test_nothing_is_no_page() -> None:
    assert pages_of([]) == []


def test_the_worst_is_first() -> None:
    items = [
        make_item(name="close", spend="96"),
        make_item(name="soft", kind="soft", spend="80", limit="80"),
        make_item(name="over", spend="120"),
        make_item(name="closer", spend="97"),
    ]
    (page,) = pages_of(items)

    assert [item.alert.entity.name for item in page.items] == ["over", "closer", "close", "soft"]
    assert page.title == "🔴 1 budget over, 2 close, 1 over soft budget · prod-gateway"
    assert page.footer == "23 Nov 12:00 UTC · 4 alerts"


@pytest.mark.parametrize(("number", "is_storm"), [(1, False), (12, False), (13, True)])
def test_a_storm_is_told_in_one_line_each(number: int, is_storm: bool) -> None:
    (page,) = pages_of(make_items(number))

    assert page.is_storm is is_storm
    assert all(("\n" not in told.mrkdwn) is is_storm for told in page.alerts)


def test_what_does_not_fit_is_on_the_next_page_and_each_says_which_it_is() -> None:
    items = make_items(100)
    line = max(len(told.mrkdwn) for page in pages_of(items) for told in page.alerts)
    pages = pages_of(items, room=line * 40)

    assert [page.title.rpartition(" (")[2] for page in pages] == ["1 of 3)", "2 of 3)", "3 of 3)"]
    assert {page.headline for page in pages} == {"100 budgets close · prod-gateway"}
    assert pages[0].footer == f"23 Nov 12:00 UTC · {len(pages[0].alerts)} of 100 alerts"


def test_an_alert_that_is_larger_than_a_page_has_one_to_itself() -> None:
    assert [len(page.alerts) for page in pages_of(make_items(3), room=1)] == [1, 1, 1]


def test_the_gateway_is_named_with_each_alert_when_there_are_several() -> None:
    (page,) = pages_of([make_item(gateway="blue"), make_item(gateway="green", entity_id="2")])

    assert page.title.endswith("2 gateways")
    assert [told.mrkdwn.splitlines()[0].rpartition(" · ")[2] for told in page.alerts] == ["blue", "green"]


@settings(max_examples=25, deadline=None)
@given(some_items(), st.sampled_from([1, 500, 4_000, 200_000]))
def test_everyone_is_on_exactly_one_page_and_no_page_is_fuller_than_it_may_be(items: list[AlertItem], room: int) -> None:
    pages = pages_of(items, room=room)

    assert sorted(id(item) for page in pages for item in page.items) == sorted(map(id, items))
    for page in pages:
        assert len(page.alerts) == 1 or sum(len(told.mrkdwn) for told in page.alerts) <= room
