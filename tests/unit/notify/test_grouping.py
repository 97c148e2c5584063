"""Records → what each destination is told."""

from datetime import timedelta
from typing import Any

import pytest

from gateway_alerts.alerts import Alert, Occurrences
from notify.grouping import AlertItem, Received, group_by_destination
from tests.unit.notify.fakes import NOW, make_incident, make_item_of, make_received, received_of


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
        pytest.param({"is_resolved": True}, id="that it is over"),
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


# --- how often it happened -------------------------------------------------------------------------------------------

BEFORE, AFTER = NOW - timedelta(minutes=9), NOW + timedelta(minutes=9)


def happened(alert_id: str, **occurrences: Any) -> Alert:
    return make_incident(alert_id=alert_id, occurrences=Occurrences(**occurrences))


@pytest.mark.parametrize(
    ("alerts", "count"),
    [
        pytest.param([happened("a")], 1, id="once"),
        pytest.param([happened("a", count=7)], 7, id="repeats that were counted before"),
        pytest.param([happened("a", count=7), happened("b", count=5)], 12, id="of two alerts together"),
        pytest.param([happened("a", count=7), happened("a", count=7)], 7, id="of one alert that came twice, once"),
        pytest.param([happened("a", count=7), happened("b"), happened("a", count=7)], 8, id="of both"),
    ],
)
def test_occurrences_are_added_up_by_alert(alerts: list[Alert], count: int) -> None:
    item = make_item_of(*alerts)

    assert item.count == count
    assert item.occurrences.count == count
    assert len(item.message_ids) == len(alerts)


@pytest.mark.parametrize(
    ("times", "first_at", "last_at"),
    [
        pytest.param([{}, {}], None, None, id="of nothing nothing"),
        pytest.param([{"first_at": NOW, "last_at": NOW}, {}], NOW, NOW, id="of one that says it"),
        pytest.param(
            [{"first_at": BEFORE, "last_at": NOW}, {"first_at": NOW, "last_at": AFTER}], BEFORE, AFTER, id="the widest of two"
        ),
        pytest.param(
            [{"first_at": NOW, "last_at": AFTER}, {"first_at": BEFORE, "last_at": NOW}],
            BEFORE,
            AFTER,
            id="whichever came first",
        ),
    ],
)
def test_times_are_the_widest(times: list[dict[str, Any]], first_at: Any, last_at: Any) -> None:
    occurrences = make_item_of(*(happened(str(n), **each) for n, each in enumerate(times))).occurrences

    assert (occurrences.first_at, occurrences.last_at) == (first_at, last_at)


def test_durations_are_added_up() -> None:
    item = make_item_of(happened("a", seconds={10: 2, 30: 1}), happened("b", seconds={30: 4, 50: 1}))

    assert item.occurrences.seconds == {10: 2, 30: 5, 50: 1}


def test_gateways_that_say_the_same_are_all_known_in_the_order_of_arrival() -> None:
    item = make_item_of(*(make_incident(alert_id=name, gateway=name) for name in ("eu", "us", "eu")))

    assert item.gateways == ("eu", "us")
    assert make_item_of(make_incident(gateway="eu")).gateways == ("eu",)


def test_an_item_that_was_not_grouped_tells_its_alert() -> None:
    alert = happened("a", count=3, first_at=NOW)

    assert AlertItem(alert).occurrences == alert.occurrences


def test_what_began_and_what_ended_are_told_apart_and_in_order() -> None:
    alerts = [make_incident("outage_alerts", alert_id=str(n), is_resolved=n == 1) for n in range(3)]

    items = group_by_destination(received_of(*alerts))["default"]

    assert [(item.alert.is_resolved, item.count) for item in items] == [(False, 2), (True, 1)]
