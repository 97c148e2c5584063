"""Records → what each destination is told."""

from datetime import timedelta
from typing import Any

import pytest

from notify.grouping import AlertItem, Received, group_by_destination
from tests.unit.notify.fakes import NOW, make_received


def received(message_id: str, destination: str = "default", **given: Any) -> Received:
    return make_received(message_id, destination=destination, **given)


def grouped(*records: Received) -> list[AlertItem]:
    return group_by_destination(records)["default"]


def test_nothing_makes_no_groups() -> None:
    assert group_by_destination([]) == {}


def test_each_destination_has_its_own_items_in_the_order_of_arrival() -> None:
    groups = group_by_destination(
        [received("1", "b", entity_id="x"), received("2", "a", entity_id="y"), received("3", "b", entity_id="z")]
    )

    assert {name: [item.message_ids for item in items] for name, items in groups.items()} == {"b": [["1"], ["3"]], "a": [["2"]]}
    assert list(groups) == ["b", "a"]


def test_one_alert_for_two_destinations_is_an_item_of_each() -> None:
    groups = group_by_destination([received("1", "a"), received("2", "b")])

    assert [groups[name][0].message_ids for name in "ab"] == [["1"], ["2"]]


def test_an_alert_delivered_twice_by_sqs_counts_once_and_answers_for_both_records() -> None:
    (item,) = grouped(received("1"), received("2"))

    assert item.count == 1
    assert item.message_ids == ["1", "2"]


def test_an_alert_raised_again_counts_twice_with_the_newest_figures() -> None:
    early = received("1", alert_id="a", spend="96", raised_at=NOW)
    late = received("2", alert_id="b", spend="98", raised_at=NOW + timedelta(minutes=1))

    for records in ([early, late], [late, early]):
        (item,) = grouped(*records)
        assert item.count == 2
        assert item.alert_ids == {"a", "b"}
        assert item.alert.budget.spend == 98
        assert sorted(item.message_ids) == ["1", "2"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"dedupe_key": "budget#key#other"}, id="another identity"),
        pytest.param({"event": "budget_crossed"}, id="another event"),
        pytest.param({"rung": "0.85"}, id="another rung"),
    ],
)
def test_what_says_something_else_is_an_item_of_its_own(other: dict[str, str]) -> None:
    same = {"dedupe_key": "budget#key#one", "event": "threshold_crossed", "rung": "0.95"}

    assert len(grouped(received("1", **same), received("2", **(same | other)))) == 2


def test_a_rung_is_a_number_not_its_spelling() -> None:
    assert len(grouped(received("1", rung="1"), received("2", rung="1.0"))) == 1


def test_key_user_team_and_organization_of_one_name_are_four_items() -> None:
    types = ("key", "user", "team", "organization")

    items = grouped(*(received(t, entity_type=t, entity_id="acme", name="acme") for t in types))

    assert [item.alert.entity.type for item in items] == list(types)
