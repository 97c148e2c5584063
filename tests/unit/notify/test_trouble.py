"""What becomes of a batch when destinations, gates or queues are in trouble: it waits, is diverted or given up, never lost."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway_alerts.alerts import Alert
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from notify.dead_letters import DeadLetter
from notify.destinations.base import Message
from notify.destinations.slack import SlackWebhook
from notify.gates import PROBE_EVERY, Reservation
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from notify.pipeline import (
    CANARY_WORTH,
    DEAD_AFTER,
    FIRST_WAIT_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_WAIT_SECONDS,
    RATE_LIMITED_SECONDS,
    Notified,
)
from tests.unit.notify.fakes import (
    NOW,
    WEBHOOK,
    FakeDeadLetters,
    FakeDeliveries,
    FakeDestination,
    FakeDestinations,
    FakeGates,
    FakeReturns,
    FakeSlack,
    MemoryGates,
    again,
    assert_no_secret,
    at_once,
    make_item,
    make_items,
    make_record,
    make_records,
    one_by_one,
    raw_record,
    run,
    shown_text,
)

LATER = RetryLater(Reason.RATE_LIMITED, 30)
REFUSED = Permanent(Reason.PAYLOAD_REFUSED, "invalid_blocks")
MAYBE = Ambiguous(Reason.NO_ANSWER)
GONE = Permanent(Reason.CONFIGURATION, "channel_is_archived")
UNREACHABLE = RetryLater(Reason.CANNOT_CONNECT)
LONG_AGO = NOW - DEAD_AFTER - timedelta(seconds=1)


class Stack:
    """What containers share: gates, deliveries, queues. ``batch`` is one container's invocation."""

    def __init__(self, fallback: str | None = None, **destinations: Any) -> None:
        self.destinations, self.fallback = FakeDestinations(**destinations), fallback
        self.gates, self.deliveries = MemoryGates(), FakeDeliveries()
        self.returns, self.dead_letters = FakeReturns(), FakeDeadLetters()

    def batch(self, records: Sequence[Any], *, at: timedelta = timedelta(0), **given: Any) -> Notified:
        self.returns = FakeReturns()
        ports = {
            "destination": self.destinations,
            "gates": self.gates,
            "deliveries": self.deliveries,
            "returns": self.returns,
            "dead_letters": self.dead_letters,
            "fallback": self.fallback,
            "holder": f"container at {at}",
        }
        return run(records, now=NOW + at, **ports | given)


# --- later -----------------------------------------------------------------------------------------------------------


def test_429_closes_the_gate_for_the_second_container_until_its_time() -> None:
    target = FakeDestination(LATER, Delivered())
    stack, records = Stack(default=target), make_records(2)

    assert stack.batch(records).failed == {"default-0", "default-1"}
    assert stack.returns.seconds == {"default-0": 30, "default-1": 30}
    other = [make_record("other", entity_id="other", name="other")]
    assert stack.batch(other, at=timedelta(seconds=10)).failed == {"other"}
    assert stack.returns.seconds == {"other": 20}
    assert len(target.posted) == 1  # nobody called in between
    assert stack.batch(again([*records, *other]), at=timedelta(seconds=30)).failed == set()
    assert [name for posted in target.posted[1:] for name in posted] == ["service-00000", "service-00001", "other"]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        pytest.param(None, RATE_LIMITED_SECONDS, id="it did not say when"),
        pytest.param(0, 1, id="at once is a second"),
        pytest.param(7, 7, id="as it says"),
        pytest.param(86_400, 86_400, id="a day: the queue's limit is the adapter's"),
    ],
)
def test_the_gate_closes_for_as_long_as_was_asked_counted_from_the_answer(asked: int | None, seconds: int) -> None:
    gates, returns, answered = FakeGates(), FakeReturns(), NOW + timedelta(seconds=4)

    run(
        make_records(1),
        destination=FakeDestinations(default=FakeDestination(RetryLater(Reason.RATE_LIMITED, asked))),
        gates=gates,
        returns=returns,
        clock=lambda: answered,
    )

    assert gates.closed == {"default": answered + timedelta(seconds=seconds)}
    assert returns.seconds == {"default-0": seconds}


@pytest.mark.parametrize("outcome", [UNREACHABLE, MAYBE], ids=lambda outcome: outcome.reason)
@pytest.mark.parametrize("waited", [0, 20, 3_600])
def test_who_does_not_answer_is_left_in_peace_and_not_called_for_every_new_alert(outcome: Outcome, waited: int) -> None:
    gates, returns, answered = FakeGates(), FakeReturns(), NOW + timedelta(seconds=9)

    run(
        make_records(2, sent_at=NOW - timedelta(seconds=waited)),
        destination=FakeDestinations(default=FakeDestination(outcome)),
        gates=gates,
        returns=returns,
        clock=lambda: answered,
    )

    (seconds,) = set(returns.seconds.values())
    assert gates.closed == {"default": answered + timedelta(seconds=min(seconds, LONGEST_PAUSE_SECONDS))}


def test_a_probe_that_is_refused_heals_since_somebody_answered() -> None:
    gates, target = FakeGates(Reservation(is_granted=True, broken_reason="no_service")), FakeDestination(REFUSED)

    run(make_records(1), destination=FakeDestinations(default=target), gates=gates)

    assert gates.healed == ["default"]


def test_what_the_gate_does_not_let_through_waits_for_the_gates_time_and_later_batches_are_fuller() -> None:
    target = FakeDestination(size=1)
    stack, records = Stack(default=target), make_records(8)

    notified = stack.batch(records)

    assert len(target.posted) == 5  # the burst
    assert notified.failed == {"default-5", "default-6", "default-7"}
    assert stack.returns.seconds == {"default-5": 1, "default-6": 1, "default-7": 1}
    fuller = FakeDestination(size=10)
    stack.destinations = FakeDestinations(default=fuller)
    assert stack.batch(again(records), at=timedelta(seconds=1)).failed == set()
    assert fuller.posted == [["service-00005", "service-00006", "service-00007"]]


def test_a_gate_that_another_container_holds_is_left_to_it() -> None:
    stack = Stack(default=FakeDestination())
    stack.gates.reserve("default", holder="another", now=NOW)

    assert stack.batch(make_records(1)).failed == {"default-0"}
    assert stack.returns.seconds == {"default-0": 1}


def test_the_gate_is_let_go_after_the_batch_however_it_ended() -> None:
    for outcome in (Delivered(), LATER, MAYBE, REFUSED, GONE):
        stack = Stack(default=FakeDestination(outcome))
        stack.batch(make_records(1))

        assert stack.gates.states["default"].holder == "", outcome


@pytest.mark.parametrize("method", ["reserve", "release", "close", "set_broken", "set_healed"])
def test_gates_that_do_not_answer_lose_nothing(method: str) -> None:
    for outcome in (Delivered(), LATER, GONE):
        gates, returns = FakeGates(Reservation(is_granted=True, broken_reason="gone"), cannot=[method]), FakeReturns()
        target, deliveries = FakeDestination(outcome), FakeDeliveries()

        notified = run(
            make_records(1), destination=FakeDestinations(default=target), gates=gates, returns=returns, deliveries=deliveries
        )

        is_delivered = outcome == Delivered() and method != "reserve"
        assert notified.failed == set(returns.seconds) == (set() if is_delivered else {"default-0"})
        assert len(deliveries.known) == is_delivered
        assert len(target.posted) == (method != "reserve")


# --- ambiguous -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waited", "seconds"),
    [(0, 15), (14, 15), (16, 16), (30, 30), (120, 120), (899, 899), (901, 900), (80_000, 900)],
)
@pytest.mark.parametrize("outcome", [MAYBE, UNREACHABLE, Ambiguous(Reason.SERVER_ERROR)], ids=lambda outcome: outcome.reason)
def test_what_ended_unclear_comes_back_after_pauses_that_double(outcome: Outcome, waited: int, seconds: int) -> None:
    returns = FakeReturns()
    records = make_records(2, sent_at=NOW - timedelta(seconds=waited))

    notified = run(records, destination=FakeDestinations(default=FakeDestination(outcome, size=5)), returns=returns)

    assert notified.failed == {"default-0", "default-1"}
    assert returns.seconds == {"default-0": seconds, "default-1": seconds}
    assert notified.possible_double_count == isinstance(outcome, Ambiguous)
    assert FIRST_WAIT_SECONDS <= seconds <= LONGEST_WAIT_SECONDS


# --- refused ---------------------------------------------------------------------------------------------------------


def test_a_refused_message_is_sent_in_its_plainer_form() -> None:
    target, deliveries, dead_letters = (
        FakeDestination(REFUSED, Delivered(), degrades=True, size=2),
        FakeDeliveries(),
        FakeDeadLetters(),
    )
    target.degrade = once_plainer(target)  # type: ignore[method-assign]

    notified = run(
        make_records(2), destination=FakeDestinations(default=target), deliveries=deliveries, dead_letters=dead_letters
    )

    assert target.plain == [False, True]
    assert [outcome for _, outcome in notified.outcomes] == [REFUSED, Delivered()]
    assert (notified.alert_count, len(deliveries.known), dead_letters.letters) == (2, 2, [])


def test_a_message_that_is_refused_in_its_plainest_form_is_given_up_alone() -> None:
    target, dead_letters = FakeDestination(REFUSED, REFUSED, Delivered(), degrades=True), FakeDeadLetters()
    target.degrade = once_plainer(target)  # type: ignore[method-assign]

    notified = run(make_records(3), destination=FakeDestinations(default=target), dead_letters=dead_letters)

    assert dead_letters.reasons == {"default-0": "payload_refused: invalid_blocks"}
    assert notified.failed == set()
    assert notified.alert_count == 2
    assert target.plain == [False, True, False, False]


def test_a_plainer_form_goes_at_once_however_busy_the_destination_and_the_next_post_pays_for_it() -> None:
    target, records = FakeDestination(*[Delivered()] * 4, REFUSED, Delivered(), degrades=True), make_records(6)
    stack = Stack(default=target)

    notified = stack.batch(records)

    assert target.plain == [False] * 5 + [True]  # the last of the burst is refused
    assert notified.alert_count == 5
    assert stack.returns.seconds == {"default-5": 2}
    assert stack.batch(again(records[5:]), at=timedelta(seconds=1.9)).failed == {"default-5"}
    assert stack.batch(again(records[5:]), at=timedelta(seconds=2)).failed == set()


def test_a_plainer_form_waits_for_a_gate_that_is_closed() -> None:
    gates = FakeGates(Reservation(is_granted=True), Reservation(is_granted=False, wait_seconds=3))
    target, returns = FakeDestination(REFUSED, Delivered(), degrades=True), FakeReturns()

    notified = run(make_records(2), destination=FakeDestinations(default=target), gates=gates, returns=returns)

    assert len(target.posted) == 1
    assert returns.seconds == {"default-0": 3, "default-1": 3}
    assert notified.failed == {"default-0", "default-1"}


def once_plainer(target: FakeDestination) -> Callable[[Message], Message | None]:
    return lambda message: None if "plain" in message.payload else FakeDestination.degrade(target, message)


def test_slacks_plainer_form_has_no_blocks_and_names_everyone_and_there_is_no_plainer_one() -> None:
    webhook = SlackWebhook(SecretStr(WEBHOOK), client=FakeSlack().client)
    (message,) = webhook.compose([make_item(name="prod-search")], now=NOW, note="Why.")

    plainer = webhook.degrade(message)

    assert plainer is not None
    assert plainer.payload == {name: value for name, value in message.payload.items() if name != "blocks"}
    assert "prod-search" in plainer.payload["text"]
    assert plainer.items == message.items
    assert webhook.degrade(plainer) is None


# --- broken ----------------------------------------------------------------------------------------------------------


def test_a_broken_destinations_alerts_go_to_the_fallback_with_a_note_and_count_as_its_own_deliveries() -> None:
    team, ops = FakeDestination(GONE, size=5), FakeDestination(size=5)
    stack = Stack(fallback="ops", team=team, ops=ops)

    notified = stack.batch(make_records(3, destination="team"))

    assert ops.posted == [["service-00000", "service-00001", "service-00002"]]
    assert ops.notes == ["These could not be posted to team: channel_is_archived."]
    assert {destination for _, destination in stack.deliveries.known} == {"team"}
    assert (notified.failed, notified.alert_count, notified.diverted_count) == (set(), 3, 3)
    assert notified.broken == ["team: channel_is_archived"]


def test_a_broken_destination_is_left_in_peace_and_nobody_is_alarmed_twice() -> None:
    team, ops = FakeDestination(GONE), FakeDestination()
    stack = Stack(fallback="ops", team=team, ops=ops)

    stack.batch(make_records(1, destination="team"))
    later = stack.batch([make_record("2", destination="team", entity_id="2")], at=timedelta(minutes=1))

    assert (len(team.posted), len(ops.posted)) == (1, 2)
    assert later.broken == []
    assert set(ops.notes) == {"These could not be posted to team: channel_is_archived."}


def test_only_the_rest_is_diverted() -> None:
    team, ops = FakeDestination(Delivered(), GONE), FakeDestination(size=5)

    notified = Stack(fallback="ops", team=team, ops=ops).batch(make_records(3, destination="team"))

    assert ops.posted == [["service-00001", "service-00002"]]
    assert (notified.alert_count, notified.diverted_count) == (3, 2)


@pytest.mark.parametrize("fallback", [None, "team"], ids=["no fallback", "it is its own fallback"])
def test_without_a_fallback_alerts_wait_for_the_destination_to_heal(fallback: str | None) -> None:
    stack = Stack(fallback=fallback, team=FakeDestination(GONE, size=5))

    assert stack.batch(make_records(2, destination="team")).failed == {"team-0", "team-1"}
    assert stack.returns.seconds == {"team-0": 900, "team-1": 900}
    assert timedelta(seconds=LONGEST_WAIT_SECONDS) >= PROBE_EVERY  # a probe is due when they come again


@pytest.mark.parametrize(
    "ops",
    [FakeDestination(GONE), ConfigurationError("os.environ/OPS_URL is empty or not set")],
    ids=["the fallback is gone too", "the fallback cannot be opened"],
)
def test_when_the_fallback_is_broken_too_alerts_wait_and_nothing_goes_in_circles(ops: Any) -> None:
    stack = Stack(fallback="ops", team=FakeDestination(GONE), ops=ops)

    notified = stack.batch(make_records(2, destination="team"))

    assert notified.failed == set(stack.returns.seconds) == {"team-0", "team-1"}
    assert set(stack.returns.seconds.values()) == {LONGEST_WAIT_SECONDS}
    assert len(notified.broken) == 2
    assert stack.dead_letters.letters == []


def test_when_the_fallback_is_rate_limited_the_diverted_wait_for_it() -> None:
    stack = Stack(fallback="ops", team=FakeDestination(GONE), ops=FakeDestination(LATER))

    stack.batch(make_records(1, destination="team"))

    assert stack.returns.seconds == {"team-0": 30}


@pytest.mark.parametrize("outcome", [Permanent(Reason.UNEXPECTED_ANSWER, "status 302"), GONE], ids=lambda o: o.reason)
def test_a_probe_after_a_quarter_of_an_hour_heals(outcome: Outcome) -> None:
    team = FakeDestination(outcome, Delivered())
    stack, records = Stack(team=team), make_records(3, destination="team")
    stack.batch(records)

    assert stack.batch(again(records), at=timedelta(minutes=14)).failed == {"team-0", "team-1", "team-2"}
    assert len(team.posted) == 1
    healed = stack.batch(again(records), at=timedelta(minutes=15))

    assert (healed.failed, healed.alert_count) == (set(), 3)
    assert stack.gates.healed == ["team"]
    assert stack.gates.states["team"].broken_reason == ""


def test_a_probe_that_fails_is_the_only_post_and_the_rest_goes_on_being_diverted() -> None:
    team, ops = FakeDestination(GONE), FakeDestination(size=5)
    stack = Stack(fallback="ops", team=team, ops=ops)
    stack.batch(make_records(1, destination="team"))

    probed = stack.batch([make_record(f"{n}", destination="team", entity_id=f"{n}") for n in range(4)], at=PROBE_EVERY)

    assert len(team.posted) == 2
    assert (probed.failed, probed.diverted_count, probed.broken) == (set(), 4, [])


@pytest.mark.parametrize("error", [ConfigurationError("no destination is called 'team'")], ids=["unknown"])
def test_a_destination_that_cannot_be_opened_is_diverted_too_and_said(error: Exception) -> None:
    ops = FakeDestination()
    notified = Stack(fallback="ops", team=error, ops=ops).batch(make_records(1, destination="team"))

    assert ops.notes == ["These could not be posted to team: no destination is called 'team'."]
    assert (notified.failed, notified.broken) == (set(), [f"team: {error}"])


def test_a_secret_that_cannot_be_fetched_now_waits_and_is_not_diverted() -> None:
    ops = FakeDestination()
    stack = Stack(fallback="ops", team=DependencyUnavailable("secretsmanager:x could not be fetched"), ops=ops)

    notified = stack.batch(make_records(1, destination="team"))

    assert (ops.posted, notified.broken) == ([], [])
    assert stack.returns.seconds == {"team-0": FIRST_WAIT_SECONDS}


def test_the_note_is_shown_in_the_text_and_in_the_blocks_and_the_message_stays_within_limits() -> None:
    note = "These could not be posted to <!channel> & co: no_service."
    for count in (1, 12, 13, 400):
        messages = SlackWebhook(SecretStr(WEBHOOK), client=FakeSlack().client).compose(make_items(count), now=NOW, note=note)
        for message in messages:
            escaped = "These could not be posted to &lt;!channel&gt; &amp; co: no_service."
            assert escaped in message.payload["text"]
            assert escaped in shown_text(message)
            assert len(message.payload["text"]) <= 4_000
            assert len(shown_text(message)) < 13_200
            assert len(message.payload["blocks"]) <= 50


def test_without_a_note_there_is_no_block_for_it() -> None:
    webhook = SlackWebhook(SecretStr(WEBHOOK), client=FakeSlack().client)
    (plain,), (noted,) = (webhook.compose([make_item()], now=NOW, note=note) for note in ("", "Why."))

    assert len(noted.payload["blocks"]) == len(plain.payload["blocks"]) + 1


# --- one message in two batches -------------------------------------------------------------------------------------


class Overtaken:
    """Gates that another batch passes while this one is before them: after whatever this one has asked until then."""

    def __init__(self, gates: MemoryGates, other: Callable[[], object]) -> None:
        self._gates, self._others = gates, [other]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gates, name)

    def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
        while self._others:
            self._others.pop()()
        return self._gates.reserve(destination, holder=holder, now=now, is_second_form=is_second_form)


@pytest.mark.parametrize("size", [1, 2, 5], ids=lambda size: f"{size} alerts a message")
@pytest.mark.parametrize("shared", [1, 2, 3, 4], ids=lambda shared: f"{shared} of 4 alerts in both batches")
def test_what_another_batch_has_delivered_by_the_time_the_gate_opens_is_not_posted_again(shared: int, size: int) -> None:
    target = FakeDestination(size=size)
    stack, records = Stack(default=target), make_records(4)
    gates = Overtaken(stack.gates, lambda: stack.batch(records[:shared], holder="the other"))

    notified = stack.batch(records, gates=gates, at=timedelta(seconds=9))

    names = [name for posted in target.posted for name in posted]
    assert sorted(names) == [f"service-{n:05}" for n in range(4)]
    assert (notified.alert_count, notified.redelivered_count) == (4 - shared, shared)
    assert notified.failed == set()


def test_of_an_alert_that_was_raised_twice_what_another_batch_has_not_delivered_is() -> None:
    target, records = FakeDestination(), [make_record(f"r{n}", alert_id=f"a{n}") for n in range(2)]
    stack = Stack(default=target)
    gates = Overtaken(stack.gates, lambda: stack.batch(records[:1], holder="the other"))

    notified = stack.batch(records, gates=gates)

    assert (len(target.posted), notified.alert_count, notified.redelivered_count) == (2, 1, 1)
    assert stack.deliveries.known == {("a0", "default"), ("a1", "default")}


def test_what_another_batch_has_diverted_is_not_diverted_again() -> None:
    team, ops = FakeDestination(GONE), FakeDestination(size=5)
    stack, records = Stack(fallback="ops", team=team, ops=ops), make_records(2, destination="team")
    gates = Overtaken(stack.gates, lambda: stack.batch(records, holder="the other"))

    notified = stack.batch(records, gates=gates)

    assert len(ops.posted) == 1
    assert (notified.failed, notified.redelivered_count) == (set(), 2)


class Busy(FakeDestination):
    """A destination to which a post takes as long as another batch."""

    def __init__(self, *outcomes: Outcome, other: Callable[[], object]) -> None:
        super().__init__(*outcomes, size=5)
        self._others = [other]

    def post(self, message: Message) -> Outcome:
        while self._others:
            self._others.pop()()
        return super().post(message)


@pytest.mark.parametrize(("probe", "places"), [(Delivered(), (1, 0)), (GONE, (1, 1))], ids=["it heals", "it does not"])
def test_while_one_batch_probes_another_with_the_same_alert_waits_instead_of_diverting(
    probe: Outcome, places: tuple[int, int]
) -> None:
    others: list[Notified] = []
    records, ops = make_records(1, destination="team"), FakeDestination()
    team = Busy(probe, other=lambda: others.append(stack.batch(records, holder="the other", at=PROBE_EVERY)))
    stack = Stack(fallback="ops", team=team, ops=ops)
    stack.gates.set_broken("team", reason=GONE.detail, now=NOW)

    notified = stack.batch(records, at=PROBE_EVERY)

    assert [other.failed for other in others] == [{"team-0"}]
    assert (len(team.posted), len(ops.posted), notified.failed) == (*places, set())


def test_while_one_batch_diverts_another_with_the_same_alert_waits_instead_of_probing() -> None:
    others: list[Notified] = []
    records, team = make_records(1, destination="team"), FakeDestination()
    ops = Busy(Delivered(), other=lambda: others.append(stack.batch(records, holder="the other", at=PROBE_EVERY)))
    stack = Stack(fallback="ops", team=team, ops=ops)
    stack.gates.set_broken("team", reason=GONE.detail, now=NOW)

    notified = stack.batch(records, at=PROBE_EVERY - timedelta(seconds=1))

    assert [other.failed for other in others] == [{"team-0"}]
    assert (len(team.posted), len(ops.posted), notified.failed) == (0, 1, set())
    assert stack.gates.states["team"].holder == ""


class CountedDeliveries(FakeDeliveries):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.asked: list[int] = []

    def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
        self.asked.append(len(alerts))
        return super().among(alerts, destination=destination, now=now)


def test_what_was_delivered_is_asked_once_however_many_messages_and_not_before_a_gate_that_is_shut() -> None:
    deliveries, targets = CountedDeliveries(), FakeDestinations(a=FakeDestination(), b=FakeDestination())
    shut = FakeGates(Reservation(is_granted=False, wait_seconds=9))

    run(make_records(3, destination="a"), destination=targets, deliveries=deliveries)
    run(make_records(2, destination="b"), destination=targets, deliveries=deliveries, gates=shut)

    assert deliveries.asked == [3]


def test_when_nobody_can_tell_what_was_delivered_the_batch_waits_and_lets_the_gate_go() -> None:
    target = FakeDestination()
    stack = Stack(default=target)

    notified = stack.batch(make_records(2), deliveries=FakeDeliveries(cannot_read=True))

    assert notified.failed == {"default-0", "default-1"}
    assert stack.returns.seconds == {"default-0": FIRST_WAIT_SECONDS, "default-1": FIRST_WAIT_SECONDS}
    assert (target.posted, stack.gates.states["default"].holder) == ([], "")


# --- given up --------------------------------------------------------------------------------------------------------

TROUBLE: dict[str, tuple[dict[str, Any], str]] = {
    "rate limited": ({"destination": FakeDestinations(default=FakeDestination(LATER))}, "rate_limited"),
    "no answer": ({"destination": FakeDestinations(default=FakeDestination(MAYBE))}, "no_answer"),
    "broken": ({"destination": FakeDestinations(default=FakeDestination(GONE))}, "channel_is_archived"),
    "unknown": ({"destination": FakeDestinations()}, "no destination is called 'default'"),
    "no secret": ({"destination": FakeDestinations(default=DependencyUnavailable("no secret"))}, "no secret"),
    "gate shut": ({"gates": FakeGates(*[Reservation(is_granted=False, wait_seconds=9)] * 9)}, "rate_limited"),
    "no time": ({"has_time": lambda: False}, "no time left"),
}


@pytest.mark.parametrize(("ports", "reason"), TROUBLE.values(), ids=TROUBLE)
def test_what_goes_back_for_a_day_is_given_up_with_its_reason_and_the_younger_goes_on_waiting(
    ports: dict[str, Any], reason: str
) -> None:
    dead_letters, returns = FakeDeadLetters(refuses={"old-1"}), FakeReturns()
    old = [make_record(f"old-{n}", entity_id=f"old-{n}", sent_at=LONG_AGO) for n in range(2)]
    young = [make_record("young", entity_id="young", sent_at=NOW - DEAD_AFTER)]

    notified = run([*old, *young], dead_letters=dead_letters, returns=returns, **ports)

    assert dead_letters.letters == [DeadLetter("old-0", old[0]["body"], f"undelivered for a day: {reason}")]
    assert notified.failed == {"old-1", "young"}  # what the dead-letter queue did not take is not acknowledged
    assert set(returns.seconds) == {"young"}
    assert notified.buried_count == 1


def test_a_day_old_alert_that_can_be_delivered_is() -> None:
    dead_letters = FakeDeadLetters()

    notified = run(make_records(2, sent_at=LONG_AGO), dead_letters=dead_letters)

    assert (notified.alert_count, notified.failed, dead_letters.letters) == (2, set(), [])


def test_when_the_table_cannot_be_read_even_old_alerts_come_back() -> None:
    dead_letters = FakeDeadLetters()

    notified = run(make_records(1, sent_at=LONG_AGO), deliveries=FakeDeliveries(cannot_read=True), dead_letters=dead_letters)

    assert (notified.failed, dead_letters.letters) == ({"default-0"}, [])


def test_what_was_delivered_is_never_given_up() -> None:
    """Its record came again, and there was never time for it."""
    stack, records = Stack(default=FakeDestination()), make_records(2)
    stack.batch(records[:1])

    notified = stack.batch(again(records), at=DEAD_AFTER + timedelta(seconds=1), has_time=lambda: False)

    assert set(stack.dead_letters.reasons) == {"default-1"}
    assert (notified.failed, notified.redelivered_count) == (set(), 1)


# --- nobody's trouble is another's -----------------------------------------------------------------------------------

BAD: dict[str, Any] = {
    "later": FakeDestination(LATER),
    "maybe": FakeDestination(MAYBE),
    "gone": FakeDestination(GONE),
    "refused": FakeDestination(REFUSED),
    "unknown": ConfigurationError("no destination is called 'unknown'"),
    "unfetched": DependencyUnavailable("no secret"),
}


@pytest.mark.parametrize("side_by_side", [one_by_one, at_once], ids=["one by one", "at once"])
def test_every_kind_of_trouble_at_once_touches_no_other_destination(side_by_side: Any) -> None:
    fine = {f"fine{n}": FakeDestination(size=5) for n in range(4)}
    names = [name for pair in zip([*BAD], [*fine, "fine0", "fine1"], strict=True) for name in pair]
    records = [record for name in dict.fromkeys(names) for record in make_records(3, destination=name)]
    dead_letters, returns = FakeDeadLetters(), FakeReturns()

    notified = run(
        records,
        destination=FakeDestinations(**BAD, **fine),
        dead_letters=dead_letters,
        returns=returns,
        side_by_side=side_by_side,
    )

    assert all(len(target.posted) == 1 for target in fine.values())
    assert notified.alert_count == 12
    assert set(dead_letters.reasons) == {f"refused-{n}" for n in range(3)}
    assert notified.failed == {f"{name}-{n}" for name in BAD if name != "refused" for n in range(3)} == set(returns.seconds)


def test_a_slow_destination_does_not_hold_up_the_others() -> None:
    others_are_done = Event()

    class Slow(FakeDestination):
        def post(self, message: Message) -> Outcome:
            assert others_are_done.wait(timeout=5)
            return super().post(message)

    class Last(FakeDestination):
        def post(self, message: Message) -> Outcome:
            others_are_done.set()
            return super().post(message)

    records = [*make_records(1, destination="slow"), *make_records(1, destination="fine")]

    notified = run(records, destination=FakeDestinations(slow=Slow(), fine=Last()), side_by_side=at_once)

    assert (notified.alert_count, notified.failed) == (2, set())


@pytest.mark.parametrize("side_by_side", [one_by_one, at_once], ids=["one by one", "at once"])
def test_a_defect_of_ours_at_one_destination_sends_back_its_alerts_and_touches_no_other(side_by_side: Any) -> None:
    class Defect(FakeDestination):
        def post(self, message: Message) -> Outcome:
            if len(self.posted) == 1:
                raise ZeroDivisionError(f"while posting to {WEBHOOK}")
            return super().post(message)

    bad, fine = Defect(), FakeDestination(size=5)
    records = [*make_records(3, destination="bad"), *make_records(2, destination="fine")]

    notified = run(records, destination=FakeDestinations(bad=bad, fine=fine), side_by_side=side_by_side)

    assert notified.failed == {"bad-1", "bad-2"}  # the first was delivered
    assert notified.alert_count == 3
    assert_no_secret(notified)


class Raises:
    """A port that raises what nobody foresaw, whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        def method(*_: object, **__: object) -> Any:
            raise ArithmeticError(name)

        return method


@pytest.mark.parametrize("port", ["returns", "dead_letters"])
def test_no_record_is_lost_when_a_port_raises_what_nobody_foresaw(port: str) -> None:
    """Every record is delivered, kept by the dead letters, or goes back; or the whole batch does, by an exception."""
    records = [
        *make_records(2, destination="later"),
        *make_records(2, destination="refused"),
        make_record("old", destination="later", entity_id="old", sent_at=LONG_AGO),
    ]
    given = {"returns": FakeReturns(), "dead_letters": FakeDeadLetters()} | {port: Raises()}

    try:
        notified = run(
            records, destination=FakeDestinations(later=FakeDestination(LATER), refused=FakeDestination(REFUSED)), **given
        )
    except ArithmeticError:
        return

    kept = set() if port == "dead_letters" else set(given["dead_letters"].reasons)
    assert notified.failed | kept == {record["messageId"] for record in records}


OUTCOMES = st.sampled_from([Delivered(), LATER, MAYBE, REFUSED, GONE, UNREACHABLE])


@settings(database=None, deadline=None, derandomize=True, max_examples=300)
@given(
    st.dictionaries(st.sampled_from("abcd"), st.lists(OUTCOMES, min_size=1, max_size=4), min_size=1),
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 5), st.booleans()), max_size=12),
    st.sampled_from([None, "a", "b", "e"]),
    st.sets(st.integers(0, 11), max_size=3),
    st.booleans(),
)
def test_every_record_ends_in_exactly_one_place(
    outcomes: dict[str, list[Outcome]],
    alerts: list[tuple[str, int, bool]],
    fallback: str | None,
    refuses: set[int],
    degrades: bool,
) -> None:
    """Delivered and noted, given up, or back and hidden: never two of them, never none."""
    targets = {name: FakeDestination(*ends, degrades=False, size=2) for name, ends in outcomes.items()}
    stack = Stack(fallback=fallback, **targets)
    stack.dead_letters = FakeDeadLetters(refuses={str(n) for n in refuses})
    records = [
        make_record(str(n), destination=name, entity_id=f"{key}", alert_id=f"alert {key}", sent_at=LONG_AGO if is_old else NOW)
        for n, (name, key, is_old) in enumerate(alerts)
    ]
    if degrades:
        records.append(raw_record("poison", "{"))

    notified = stack.batch(records)

    delivered = {str(n) for n, (name, key, _) in enumerate(alerts) if (f"alert {key}", name) in stack.deliveries.known}
    buried = set(stack.dead_letters.reasons)
    places = [delivered, buried, notified.failed]
    assert set().union(*places) == {record["messageId"] for record in records}
    assert sum(map(len, places)) == len(records)
    assert set(stack.returns.seconds) <= notified.failed
    assert notified.failed - set(stack.returns.seconds) <= {str(n) for n in refuses}


# --- the canary ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "goes_back"),
    [pytest.param(CANARY_WORTH, True, id="still worth waiting for"), pytest.param(CANARY_WORTH * 2, False, id="too old")],
)
def test_a_canary_that_is_late_is_dropped_and_never_a_dead_letter(age: timedelta, goes_back: bool) -> None:
    dead_letters, returns = FakeDeadLetters(), FakeReturns()
    records = [make_record("bird", destination="canary", alert_type="canary", sent_at=NOW - age)]

    notified = run(
        records, destination=FakeDestinations(canary=FakeDestination(LATER)), dead_letters=dead_letters, returns=returns
    )

    assert notified.failed == set(returns.seconds) == ({"bird"} if goes_back else set())
    assert dead_letters.letters == []
    assert any("too old" in fault for fault in notified.faults) is not goes_back
