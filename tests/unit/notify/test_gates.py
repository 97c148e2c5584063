"""When a destination may be called: the decision as a table and as a property, and the writes that keep it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_alerts.errors import DependencyUnavailable
from notify.gates import BURST_POSTS, HOLD_MILLIS, PROBE_EVERY, TRIES, DynamoDBGates, GateState, Reservation, decide
from tests.unit.notify.fakes import NOW, FakeDynamoDB, assert_no_secret, client_error, millis

T = millis(NOW)
PROBE_MILLIS = PROBE_EVERY // timedelta(milliseconds=1)
GONE = "channel_is_archived"


def granted(**after: object) -> tuple[Reservation, GateState]:
    changes = {"arrival_millis": T + 1_000, "held_until_millis": T + HOLD_MILLIS, "holder": "me"} | after
    return Reservation(is_granted=True, broken_reason=changes.get("broken_reason")), GateState(**changes)


def refused(wait_seconds: int, broken_reason: str | None = None) -> tuple[Reservation, None]:
    return Reservation(is_granted=False, wait_seconds=wait_seconds, broken_reason=broken_reason), None


def held_for_diverting(wait_seconds: int, **state: object) -> tuple[Reservation, GateState]:
    after = GateState(broken_reason=GONE, held_until_millis=T + HOLD_MILLIS, holder="me", **state)
    return Reservation(is_granted=False, wait_seconds=wait_seconds, broken_reason=GONE), after


TABLE = {
    "idle": (GateState(), granted()),
    "idle for long": (GateState(arrival_millis=T - 60_000), granted()),
    "one post ago, and room in the burst": (GateState(arrival_millis=T + 1_000), granted(arrival_millis=T + 2_000)),
    "the last of a burst of five": (GateState(arrival_millis=T + 4_000), granted(arrival_millis=T + 5_000)),
    "after a burst of five": (GateState(arrival_millis=T + 5_000), refused(1)),
    "a moment before there is room": (GateState(arrival_millis=T + 4_001), refused(1)),
    "far ahead of the rate": (GateState(arrival_millis=T + 9_500), refused(6)),
    "closed": (GateState(closed_until_millis=T + 30_000), refused(30)),
    "closed, waits are rounded up": (GateState(closed_until_millis=T + 29_001), refused(30)),
    "closed for a moment more": (GateState(closed_until_millis=T + 1), refused(1)),
    "opens at its moment": (GateState(closed_until_millis=T), granted(closed_until_millis=T)),
    "closed and ahead of the rate": (GateState(arrival_millis=T + 14_000, closed_until_millis=T + 2_000), refused(10)),
    "held by another": (GateState(holder="you", held_until_millis=T + 9_000), refused(1)),
    "held by another who is taken for dead": (GateState(holder="you", held_until_millis=T), granted()),
    "held by me": (GateState(holder="me", held_until_millis=T + 9_000), granted()),
    "let go": (GateState(holder="", held_until_millis=T + 9_000), granted()),
    "held by another and closed": (
        GateState(holder="you", held_until_millis=T + 9_000, closed_until_millis=T + 5_000),
        refused(5),
    ),
    "broken, no probe yet": (
        GateState(broken_reason=GONE, probe_at_millis=T + 900_000),
        held_for_diverting(900, probe_at_millis=T + 900_000),
    ),
    "broken, time for a probe": (
        GateState(broken_reason=GONE, probe_at_millis=T),
        granted(broken_reason=GONE, probe_at_millis=T + PROBE_MILLIS),
    ),
    "broken and closed": (
        GateState(broken_reason=GONE, probe_at_millis=T - 1, closed_until_millis=T + 7_000),
        held_for_diverting(7, probe_at_millis=T - 1, closed_until_millis=T + 7_000),
    ),
    "broken, and another probes or diverts": (
        GateState(broken_reason=GONE, probe_at_millis=T + 900_000, holder="you", held_until_millis=T + 1),
        refused(1),
    ),
    "broken, and who diverted is taken for dead": (
        GateState(broken_reason=GONE, probe_at_millis=T + 900_000, holder="you", held_until_millis=T),
        held_for_diverting(900, probe_at_millis=T + 900_000),
    ),
}


@pytest.mark.parametrize(("state", "expected"), TABLE.values(), ids=TABLE)
def test_decide(state: GateState, expected: tuple[Reservation, GateState | None]) -> None:
    reservation, after = expected

    assert decide(state, holder="me", moment=T) == (reservation, after or state)


def test_a_burst_of_five_then_one_a_second() -> None:
    state, grants = GateState(), []
    for tenth in range(100):
        reservation, state = decide(state, holder="me", moment=T + tenth * 100)
        grants += [tenth / 10] if reservation.is_granted else []

    assert grants == [0.0, 0.1, 0.2, 0.3, 0.4, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]


SECOND_FORMS = {
    "after a burst of five": (GateState(arrival_millis=T + 5_000), granted(arrival_millis=T + 6_000)),
    "far ahead of the rate": (GateState(arrival_millis=T + 9_500), granted(arrival_millis=T + 10_500)),
    "closed": (GateState(closed_until_millis=T + 30_000), refused(30)),
    "held by another": (GateState(holder="you", held_until_millis=T + 9_000), refused(1)),
}


@pytest.mark.parametrize(("state", "expected"), SECOND_FORMS.values(), ids=SECOND_FORMS)
def test_the_second_form_of_a_refused_message_waits_for_everything_but_the_pace(
    state: GateState, expected: tuple[Reservation, GateState | None]
) -> None:
    reservation, after = expected

    assert decide(state, holder="me", moment=T, is_second_form=True) == (reservation, after or state)


def test_a_destination_that_refuses_every_first_form_gets_one_message_in_two_seconds() -> None:
    gates, calls = gates_in(FakeDynamoDB()), []
    for tenth in range(200):
        now = NOW + timedelta(milliseconds=tenth * 100)
        if gates.reserve("team", holder="me", now=now).is_granted:
            assert gates.reserve("team", holder="me", now=now, is_second_form=True).is_granted
            calls += [tenth / 10] * 2

    assert calls[6::2] == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]


def test_a_broken_destination_is_probed_once_in_fifteen_minutes() -> None:
    state, probes = GateState(broken_reason=GONE, probe_at_millis=T + PROBE_MILLIS), []
    for minute in range(120):
        reservation, state = decide(state, holder=f"container {minute}", moment=T + minute * 60_000)
        probes += [minute] if reservation.is_granted else []

    assert probes == [15, 30, 45, 60, 75, 90, 105]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 5_000),  # milliseconds since the step before
        st.sampled_from(["reserve"] * 5 + ["release", "close", "break", "heal"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 40_000),  # how long it is closed
    ),
    max_size=80,
)


@settings(database=None, deadline=None, derandomize=True, max_examples=500)
@given(STEPS)
def test_whatever_is_asked_no_more_goes_than_the_rate_allows_and_nothing_while_closed(
    steps: list[tuple[int, str, str, int]],
) -> None:
    gates, now = gates_in(FakeDynamoDB()), NOW
    grants: list[int] = []
    closed_until, holder, held_until, probe_at = T, "", T, None
    for pause, action, who, closed_for in steps:
        now += timedelta(milliseconds=pause)
        moment = millis(now)
        match action:
            case "reserve":
                reservation = gates.reserve("team", holder=who, now=now)
                is_anothers = holder not in ("", who) and moment < held_until
                assert (reservation.broken_reason is not None) is (probe_at is not None and not is_anothers)
                if reservation.broken_reason is not None:
                    holder, held_until = who, moment + HOLD_MILLIS
                if reservation.is_granted:
                    assert moment >= closed_until
                    assert not is_anothers
                    assert probe_at is None or moment >= probe_at
                    grants.append(moment)
                    holder, held_until = who, moment + HOLD_MILLIS
                    probe_at = None if probe_at is None else moment + PROBE_MILLIS
                else:
                    assert reservation.wait_seconds >= 1
            case "release":
                gates.release("team", holder=who)
                holder = "" if holder == who else holder
            case "close":
                gates.close("team", until=now + timedelta(milliseconds=closed_for))
                closed_until = max(closed_until, moment + closed_for)
            case "break":
                assert gates.set_broken("team", reason=GONE, now=now) is (probe_at is None)
                probe_at = moment + PROBE_MILLIS if probe_at is None else probe_at
            case _:
                gates.set_healed("team")
                probe_at = None
    for first in range(len(grants)):
        for last in range(first, len(grants)):
            assert last - first + 1 <= BURST_POSTS + (grants[last] - grants[first]) / 1_000


def gates_in(client: FakeDynamoDB) -> DynamoDBGates:
    return DynamoDBGates(lambda: client, table_name="alerts")


def test_an_idle_gate_costs_one_write_and_a_busy_one_two() -> None:
    client = FakeDynamoDB()
    gates = gates_in(client)

    assert gates.reserve("team", holder="me", now=NOW) == Reservation(is_granted=True)
    assert len(client.calls) == 1
    assert gates.reserve("team", holder="me", now=NOW) == Reservation(is_granted=True)
    assert len(client.calls) == 3
    assert list(client.items) == ["gate#team"]


def test_a_refusal_writes_nothing() -> None:
    client = FakeDynamoDB()
    gates = gates_in(client)
    gates.close("team", until=NOW + timedelta(seconds=30))
    before = dict(client.items["gate#team"])

    assert gates.reserve("team", holder="me", now=NOW) == Reservation(is_granted=False, wait_seconds=30)
    assert client.items["gate#team"] == before


def test_gates_are_apart() -> None:
    gates = gates_in(FakeDynamoDB())
    gates.close("a", until=NOW + timedelta(hours=1))
    gates.set_broken("b", reason=GONE, now=NOW)

    assert not gates.reserve("a", holder="me", now=NOW).is_granted
    assert not gates.reserve("b", holder="me", now=NOW).is_granted
    assert gates.reserve("c", holder="me", now=NOW).is_granted


def test_who_holds_the_gate_keeps_others_out_until_release() -> None:
    gates = gates_in(FakeDynamoDB())
    gates.reserve("team", holder="me", now=NOW)

    assert not gates.reserve("team", holder="you", now=NOW).is_granted
    gates.release("team", holder="you")  # it is not theirs
    assert not gates.reserve("team", holder="you", now=NOW).is_granted
    gates.release("team", holder="me")
    assert gates.reserve("team", holder="you", now=NOW).is_granted


def test_who_diverts_from_a_broken_destination_holds_its_gate_and_asking_again_prolongs_that() -> None:
    gates = gates_in(FakeDynamoDB())
    gates.set_broken("team", reason=GONE, now=NOW)
    almost = timedelta(milliseconds=HOLD_MILLIS - 1)

    assert gates.reserve("team", holder="me", now=NOW).broken_reason == GONE
    assert gates.reserve("team", holder="you", now=NOW + almost) == Reservation(is_granted=False, wait_seconds=1)
    assert gates.reserve("team", holder="me", now=NOW + almost).broken_reason == GONE
    assert gates.reserve("team", holder="you", now=NOW + 2 * almost) == Reservation(is_granted=False, wait_seconds=1)
    gates.release("team", holder="me")
    assert gates.reserve("team", holder="you", now=NOW + 2 * almost).broken_reason == GONE


def test_closing_never_shortens() -> None:
    gates = gates_in(FakeDynamoDB())
    for seconds in (30, 10, 60, 20):
        gates.close("team", until=NOW + timedelta(seconds=seconds))

    assert gates.reserve("team", holder="me", now=NOW).wait_seconds == 60


def test_that_a_destination_is_broken_is_news_once_until_it_heals() -> None:
    gates = gates_in(FakeDynamoDB())

    assert gates.set_broken("team", reason=GONE, now=NOW)
    assert not gates.set_broken("team", reason="no_service", now=NOW + timedelta(minutes=1))
    assert gates.reserve("team", holder="me", now=NOW).broken_reason == GONE
    gates.set_healed("team")
    assert gates.reserve("team", holder="me", now=NOW) == Reservation(is_granted=True)
    assert gates.set_broken("team", reason=GONE, now=NOW)


def test_healing_what_was_never_broken_is_no_harm() -> None:
    client = FakeDynamoDB()

    gates_in(client).set_healed("team")

    assert client.items == {}


def test_a_destination_that_breaks_without_a_word_is_broken_all_the_same_and_heals() -> None:
    gates = gates_in(FakeDynamoDB())
    gates.set_broken("team", reason="", now=NOW)

    assert gates.reserve("team", holder="me", now=NOW).broken_reason
    assert gates.reserve("team", holder="me", now=NOW + PROBE_EVERY).is_granted


class Contended(FakeDynamoDB):
    """Somebody else changes the gate before each of the first ``times`` conditional writes."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def update_item(self, **request: object) -> dict[str, object]:
        if self.times:
            self.times -= 1
            item = self.items.setdefault("gate#team", {"pk": {"S": "gate#team"}, "arrival_millis": {"N": str(T)}})
            item["arrival_millis"] = {"N": str(int(item["arrival_millis"]["N"]) + 1)}
        return super().update_item(**request)


@pytest.mark.parametrize("times", range(TRIES + 1))
def test_who_is_overtaken_looks_again(times: int) -> None:
    client = Contended(times)

    assert gates_in(client).reserve("team", holder="me", now=NOW).is_granted
    assert len(client.calls) == times + 1


def test_who_is_overtaken_again_and_again_leaves_the_gate_to_the_others() -> None:
    client = Contended(100)

    assert gates_in(client).reserve("team", holder="me", now=NOW) == Reservation(is_granted=False, wait_seconds=1)
    assert len(client.calls) == TRIES + 1


def test_of_many_at_once_no_more_than_a_burst_go() -> None:
    client = FakeDynamoDB()
    with ThreadPoolExecutor(16) as threads:
        reservations = list(threads.map(lambda n: gates_in(client).reserve("team", holder=f"container {n}", now=NOW), range(64)))

    assert sum(reservation.is_granted for reservation in reservations) == 1  # one container at a time


CALLS = {
    "reserve": lambda gates: gates.reserve("team", holder="me", now=NOW),
    "release": lambda gates: gates.release("team", holder="me"),
    "close": lambda gates: gates.close("team", until=NOW),
    "set_broken": lambda gates: gates.set_broken("team", reason=GONE, now=NOW),
    "set_healed": lambda gates: gates.set_healed("team"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (client_error(), "ProvisionedThroughputExceededException"),
        (client_error("AccessDeniedException"), "AccessDeniedException"),
        (ReadTimeoutError(endpoint_url="https://dynamodb.test"), "ReadTimeoutError"),
    ],
    ids=["throttled", "denied", "no answer"],
)
def test_an_error_of_the_sdk_is_translated(call: object, fault: Exception, said: str) -> None:
    with pytest.raises(DependencyUnavailable, match=said) as caught:
        call(gates_in(FakeDynamoDB(fault=fault)))

    assert caught.value.__suppress_context__
    assert_no_secret(caught.value)
