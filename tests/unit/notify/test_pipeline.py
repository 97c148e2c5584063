"""The way of a batch, with destinations and deliveries that are ours: what is posted, what goes back."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from notify.destinations.base import Message
from notify.destinations.slack import SlackWebhook
from notify.grouping import AlertItem
from notify.outcomes import Ambiguous, Delivered, Permanent, Reason, RetryLater
from notify.pipeline import Notified
from tests.unit.notify.fakes import (
    NOW,
    WEBHOOK,
    FakeDeadLetters,
    FakeDeliveries,
    FakeDestination,
    FakeDestinations,
    FakeReturns,
    FakeSlack,
    make_record,
    make_records,
    raw_record,
    run,
)

LATER = RetryLater(Reason.RATE_LIMITED, 30)
NEVER = Permanent(Reason.PAYLOAD_REFUSED, "invalid_blocks")
MAYBE = Ambiguous(Reason.NO_ANSWER)
BROKEN = Permanent(Reason.CONFIGURATION, "channel_is_archived")
STRANGE = Permanent(Reason.UNEXPECTED_ANSWER, "status 302")


def ids(*numbers: int, destination: str = "default") -> set[str]:
    return {f"{destination}-{n}" for n in numbers}


# --- all goes well ---------------------------------------------------------------------------------------------------


def test_a_batch_is_posted_noted_and_gone() -> None:
    target, deliveries = FakeDestination(size=10), FakeDeliveries()

    notified = run(make_records(3), destination=FakeDestinations(default=target), deliveries=deliveries)

    assert target.posted == [["service-00000", "service-00001", "service-00002"]]
    assert notified.failed == set()
    assert notified.faults == []
    assert notified.outcomes == [("default", Delivered())]
    assert notified.alert_count == 3
    assert len(deliveries.known) == 3
    assert deliveries.noted_at == [NOW]


def test_an_empty_batch_asks_nobody() -> None:
    notified = run([], destination=FakeDestinations(), deliveries=FakeDeliveries(cannot_read=True))

    assert notified == Notified()


def test_what_is_sent_again_is_not_posted_again() -> None:
    target, deliveries, records = FakeDestination(size=10), FakeDeliveries(), make_records(2)
    run(records, destination=FakeDestinations(default=target), deliveries=deliveries)

    again = run(
        [*records, make_record("new", entity_id="new", name="new")],
        destination=FakeDestinations(default=target),
        deliveries=deliveries,
    )

    assert target.posted == [["service-00000", "service-00001"], ["new"]]
    assert again.failed == set()
    assert again.redelivered_count == 2
    assert again.alert_count == 1


def test_a_delivery_to_one_destination_is_none_to_another() -> None:
    deliveries = FakeDeliveries()
    run([make_record("1", destination="a")], destination=FakeDestinations(a=FakeDestination()), deliveries=deliveries)
    other = FakeDestination()

    run([make_record("2", destination="b")], destination=FakeDestinations(b=other), deliveries=deliveries)

    assert len(other.posted) == 1


def test_two_copies_of_one_record_in_one_batch_are_one_alert() -> None:
    target = FakeDestination(size=10)

    notified = run([make_record("1"), make_record("2")], destination=FakeDestinations(default=target))

    assert target.posted == [["prod-search"]]
    assert notified.alert_count == 1
    assert notified.failed == set()


def test_every_alert_that_an_item_stands_for_is_noted() -> None:
    deliveries = FakeDeliveries()
    records = [make_record(f"r{n}", alert_id=f"a{n}") for n in range(3)]

    run(records, destination=FakeDestinations(default=FakeDestination()), deliveries=deliveries)

    assert deliveries.known == {("a0", "default"), ("a1", "default"), ("a2", "default")}


# --- a record fails --------------------------------------------------------------------------------------------------

POISON = [
    pytest.param("", id="empty"),
    pytest.param("not json", id="no JSON"),
    pytest.param("[]", id="a list"),
    pytest.param("null", id="null"),
    pytest.param("{}", id="an object without fields"),
    pytest.param('{"destination":"default","alert":{}}', id="an alert without fields"),
    pytest.param(make_record()["body"].replace('"96"', '"NaN"'), id="a spend that is no number"),
    pytest.param(make_record()["body"].replace('"limit":"100"', '"limit":"Infinity"'), id="an infinite limit"),
    pytest.param(make_record()["body"].replace('"maximum"', '"other"'), id="an unknown kind"),
    pytest.param(make_record()["body"].replace('"96"', "[null,null,null]"), id="a spend that is a list of three"),
    pytest.param(make_record()["body"].replace("prod-search", "\\ud800"), id="a name that is half a character"),
]


@pytest.mark.parametrize("body", POISON)
def test_a_record_that_cannot_be_read_is_given_up_alone_and_at_once(body: str) -> None:
    target, dead_letters = FakeDestination(size=10), FakeDeadLetters()
    records = [*make_records(2), raw_record("poison", body)]

    notified = run(records, destination=FakeDestinations(default=target), dead_letters=dead_letters)

    assert notified.failed == set()
    assert notified.buried_count == 1
    assert len(notified.faults) == 1
    (letter,) = dead_letters.letters
    assert (letter.message_id, letter.body) == ("poison", body)
    assert letter.reason.startswith("unreadable: ")
    assert target.posted == [["service-00000", "service-00001"]]


def test_a_batch_of_nothing_but_unreadable_records_asks_no_table() -> None:
    notified = run([raw_record("1", "x"), raw_record("2", "y")], deliveries=FakeDeliveries(cannot_read=True))

    assert notified.failed == set()
    assert notified.buried_count == 2


def test_an_unreadable_record_that_the_dead_letters_do_not_take_goes_back() -> None:
    dead_letters = FakeDeadLetters(refuses={"2"})

    notified = run([raw_record(name, "x") for name in "123"], dead_letters=dead_letters)

    assert notified.failed == {"2"}
    assert notified.buried_count == 2
    assert set(dead_letters.reasons) == {"1", "3"}


def test_a_fault_says_the_field_and_never_its_value() -> None:
    body = make_record()["body"].replace('"spend":"96"', '"spend":"SECRETVALUE"')

    dead_letters = FakeDeadLetters()
    (fault,) = run([raw_record("1", body)], dead_letters=dead_letters).faults

    for said in (fault, dead_letters.reasons["1"]):
        assert "alert.budget.spend" in said
        assert "SECRETVALUE" not in said


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"kind": "soft", "spend": "900", "max_budget": "1e27"}, id="a maximum of 28 digits"),
        pytest.param({"spend": "1e9", "limit": "1e-25"}, id="a limit next to nothing"),
        pytest.param({"spend": "1e300", "limit": "1"}, id="a spend beyond all money"),
        pytest.param({"spend": "0", "limit": "0", "rung": "0.85"}, id="nothing of nothing"),
        pytest.param({"spend": "5", "limit": "0", "rung": "0.85"}, id="something of nothing"),
        pytest.param({"spend": "-1", "limit": "-5", "rung": "0.85"}, id="a negative limit"),
        pytest.param({"spend": "101", "resets_at": "9999-12-31T23:59:59-10:00"}, id="a reset at the end of time"),
        pytest.param({"spend": "101", "resets_at": "0001-01-01T00:00:00+10:00"}, id="a reset at the beginning of time"),
        pytest.param({"spend": "101", "resets_at": "2026-12-01T00:00:00"}, id="a reset without a zone"),
        pytest.param({"raised_at": "2026-11-23T12:00:00"}, id="raised without a zone"),
        pytest.param({"name": "x" * 100_000}, id="a name of 100,000 characters"),
        pytest.param({"kind": "projected", "projected_exceeded_date": "&" * 2_000}, id="an endless date"),
    ],
)
def test_an_absurd_alert_does_not_take_its_neighbours_with_it(odd: dict[str, Any]) -> None:
    """It may be shown or sent back; the others are delivered either way."""
    slack = FakeSlack()
    target = SlackWebhook(SecretStr(WEBHOOK), client=slack.client)
    records = [
        edited(make_record("odd", entity_id="odd"), odd),
        make_record("again", entity_id="odd"),
        make_record("fine", name="fine-key"),
    ]

    notified = run(records, destination=lambda name: target)

    assert "fine" not in notified.failed
    assert any("fine-key" in request.content.decode() for request in slack.requests)


def edited(record: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A record with other fields of its alert, its entity or its figures, whatever an alert may hold."""
    body = json.loads(record["body"])
    for name, value in fields.items():
        part = body["alert"]
        for inner in ("entity", "budget"):
            part = body["alert"][inner] if name in body["alert"][inner] else part
        part[name] = value
    return record | {"body": json.dumps(body)}


# --- a post fails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "failed", "buried", "posts"),
    [
        pytest.param(Delivered(), set(), set(), 4, id="delivered: nothing goes back"),
        pytest.param(LATER, {2, 3, 4, 5, 6, 7}, set(), 2, id="retry later: the rest of this destination goes back unposted"),
        pytest.param(MAYBE, {2, 3, 4, 5, 6, 7}, set(), 2, id="ambiguous: the rest goes back, its own after a post"),
        pytest.param(NEVER, set(), {2, 3}, 4, id="message refused: its own alerts are given up, and no others"),
        pytest.param(BROKEN, {2, 3, 4, 5, 6, 7}, set(), 2, id="destination broken: the rest waits for it to heal"),
        pytest.param(STRANGE, {2, 3, 4, 5, 6, 7}, set(), 2, id="an unexpected answer: nobody of ours is there"),
    ],
)
def test_what_becomes_of_eight_alerts_when_the_second_of_four_messages_ends(
    second: Any, failed: set[int], buried: set[int], posts: int
) -> None:
    target, deliveries = FakeDestination(Delivered(), second, Delivered(), size=2), FakeDeliveries()
    returns, dead_letters = FakeReturns(), FakeDeadLetters()

    notified = run(
        make_records(8),
        destination=FakeDestinations(default=target),
        deliveries=deliveries,
        returns=returns,
        dead_letters=dead_letters,
    )

    assert notified.failed == ids(*failed) == set(returns.seconds)
    assert set(dead_letters.reasons) == ids(*buried)
    assert len(target.posted) == posts
    assert notified.alert_count == len(deliveries.known) == 8 - len(failed) - len(buried)
    assert [type(outcome) for _, outcome in notified.outcomes].count(type(second)) >= 1


@pytest.mark.parametrize("outcome", [LATER, BROKEN, MAYBE], ids=lambda outcome: type(outcome).__name__)
def test_a_destination_that_fails_does_not_touch_the_others(outcome: Any) -> None:
    fine = FakeDestination(size=10)
    records = [*make_records(2, destination="bad"), *make_records(2, destination="fine")]

    notified = run(records, destination=FakeDestinations(bad=FakeDestination(outcome), fine=fine))

    assert notified.failed == ids(0, 1, destination="bad")
    assert len(fine.posted) == 1


@pytest.mark.parametrize(
    "error",
    [ConfigurationError("no destination is called 'bad'"), DependencyUnavailable("secretsmanager:x could not be fetched")],
    ids=lambda error: type(error).__name__,
)
def test_a_destination_that_cannot_be_opened_does_not_touch_the_others(error: Exception) -> None:
    fine = FakeDestination(size=10)
    records = [*make_records(2, destination="bad"), *make_records(2, destination="fine")]

    notified = run(records, destination=FakeDestinations(bad=error, fine=fine))

    assert notified.failed == ids(0, 1, destination="bad")
    assert notified.faults == [f"bad: {error}"]
    assert len(fine.posted) == 1
    assert notified.alert_count == 2


def test_a_destination_that_cannot_compose_does_not_touch_the_others() -> None:
    class CannotCompose(FakeDestination):
        def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
            raise ConfigurationError("nothing fits")

    fine = FakeDestination()
    records = [make_record("bad-0", destination="bad"), make_record("fine-0", destination="fine")]

    dead_letters = FakeDeadLetters()

    notified = run(records, destination=FakeDestinations(bad=CannotCompose(), fine=fine), dead_letters=dead_letters)

    assert notified.failed == set()
    assert dead_letters.reasons == {"bad-0": "could not be put into words: ConfigurationError"}
    assert len(fine.posted) == 1


def test_a_defect_that_shows_with_one_alert_gives_up_that_one() -> None:
    class CannotWriteOne(FakeDestination):
        def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
            if any(item.alert.entity.name == "service-00001" for item in items):
                raise ArithmeticError("while dividing SECRETVALUE")
            return super().compose(items, now=now, note=note)

    target, dead_letters = CannotWriteOne(size=10), FakeDeadLetters()

    notified = run(make_records(4), destination=FakeDestinations(default=target), dead_letters=dead_letters)

    assert notified.failed == set()
    assert set(dead_letters.reasons) == ids(1)
    assert target.posted == [["service-00000", "service-00002", "service-00003"]]
    (fault,) = notified.faults
    assert "ArithmeticError" in fault
    assert "SECRETVALUE" not in fault


def test_a_defect_that_shows_with_several_alerts_only_ends_and_touches_no_other_destination() -> None:
    composed: list[int] = []

    class CannotWriteMany(FakeDestination):
        def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
            composed.append(len(items))
            if len(items) > 1:
                raise IndexError
            return super().compose(items, now=now, note=note)

    fine = FakeDestination(size=10)
    records = [*make_records(4, destination="bad"), *make_records(2, destination="fine")]
    target = CannotWriteMany()

    notified = run(records, destination=FakeDestinations(bad=target, fine=fine))

    assert notified.failed == set()
    assert notified.buried_count == 0
    assert len(target.posted) == 4  # each one by one
    assert len(fine.posted) == 1
    assert len(composed) < 20


def test_when_nothing_can_be_written_everything_is_given_up() -> None:
    class CannotWrite(FakeDestination):
        def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
            raise ValueError

    dead_letters = FakeDeadLetters(refuses={"default-1"})

    notified = run(make_records(3), destination=FakeDestinations(default=CannotWrite()), dead_letters=dead_letters)

    assert notified.failed == ids(1)
    assert dead_letters.reasons == dict.fromkeys(["default-0", "default-2"], "could not be put into words: ValueError")
    assert notified.buried_count == 2


def test_both_records_of_a_squashed_alert_go_back() -> None:
    notified = run([make_record("1"), make_record("2")], destination=FakeDestinations(default=FakeDestination(LATER)))

    assert notified.failed == {"1", "2"}


def test_ambiguous_posts_are_counted_as_possible_doubles() -> None:
    named = {name: FakeDestination(outcome) for name, outcome in (("a", MAYBE), ("b", Delivered()), ("c", MAYBE))}
    records = [record for name in named for record in make_records(2, destination=name)]

    assert run(records, destination=FakeDestinations(**named)).possible_double_count == 2


# --- time runs out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("posts", [0, 1, 2, 3])
def test_when_time_runs_out_the_rest_goes_back(posts: int) -> None:
    target = FakeDestination()

    notified = run(make_records(3), destination=FakeDestinations(default=target), has_time=lambda: len(target.posted) < posts)

    assert len(target.posted) == posts
    assert notified.failed == ids(*range(posts, 3))
    assert len(notified.outcomes) == posts


def test_when_time_runs_out_other_destinations_go_back_too() -> None:
    first, second = FakeDestination(), FakeDestination()
    records = [*make_records(1, destination="a"), *make_records(1, destination="b")]

    notified = run(records, destination=FakeDestinations(a=first, b=second), has_time=lambda: not first.posted)

    assert notified.failed == {"b-0"}
    assert second.posted == []


# --- the memory of deliveries fails ----------------------------------------------------------------------------------


def test_when_deliveries_cannot_be_read_everything_goes_back_and_nothing_is_posted() -> None:
    target = FakeDestination()

    notified = run(
        [*make_records(2), raw_record("poison", "")],
        destination=FakeDestinations(default=target),
        deliveries=FakeDeliveries(cannot_read=True),
    )

    assert notified.failed == {"default-0", "default-1"}
    assert notified.buried_count == 1
    assert target.posted == []
    assert any("DynamoDB" in fault for fault in notified.faults)


def test_when_a_delivery_cannot_be_noted_its_records_do_not_come_back() -> None:
    target = FakeDestination()

    notified = run(make_records(2), destination=FakeDestinations(default=target), deliveries=FakeDeliveries(cannot_note=True))

    assert notified.failed == set()
    assert notified.alert_count == 2
    assert len(target.posted) == 2
    assert all("delivered and not noted" in fault for fault in notified.faults)
    assert len(notified.faults) == 2


def test_a_delivery_is_noted_before_the_next_post() -> None:
    """A process that dies later then doubles one message at most."""
    deliveries = FakeDeliveries()
    known_at_post: list[int] = []

    class Watching(FakeDestination):
        def post(self, message: Message) -> Delivered:
            known_at_post.append(len(deliveries.known))
            return Delivered()

    run(make_records(3), destination=FakeDestinations(default=Watching()), deliveries=deliveries)

    assert known_at_post == [0, 1, 2]
