"""Every kind of destination keeps the same promises: a new row in ``DESTINATION_TYPES`` is held to them by being there.

What each kind says when it takes or refuses a message is in ``tests/unit/notify/outsides.py``.
"""

import logging
import re

import pytest
from pydantic import SecretStr

from gateway_alerts.errors import ConfigurationError
from gateway_alerts.observability import silence_clients
from notify.destinations.base import Destination, Message
from notify.destinations.registry import DESTINATION_TYPES
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from tests.unit.notify.fakes import NOW, assert_no_secret, make_item, make_items, said_by
from tests.unit.notify.outsides import ADDRESS, OUTSIDES, SIGNING_SECRET, Behaviour, opened

every_type = pytest.mark.parametrize("name", DESTINATION_TYPES)
NOTE = "These could not be posted to finance: channel_is_archived."


def a_message(destination: Destination) -> Message:
    return destination.compose([make_item()], now=NOW)[0]


def outcome_of(name: str, behaviour: Behaviour) -> Outcome:
    destination, _, _ = opened(name, behaviour)
    return destination.post(a_message(destination))


def test_what_is_outside_of_every_type_is_known_and_of_no_other() -> None:
    assert OUTSIDES.keys() == DESTINATION_TYPES.keys()


@every_type
@pytest.mark.parametrize("note", ["", NOTE], ids=["alone", "with a note"])
@pytest.mark.parametrize("number", [0, 1, 2, 12, 13, 100, 1_500])
def test_every_alert_is_in_exactly_one_message_and_named_in_it(name: str, number: int, note: str) -> None:
    items = make_items(number)
    ends = opened(name)

    messages = ends.destination.compose(items, now=NOW, note=note)

    assert sorted(id(item) for message in messages for item in message.items) == sorted(id(item) for item in items)
    for message in messages:
        assert message.items
        assert note in str(message.payload)
        for item in message.items:
            assert item.alert.entity.name in str(message.payload)
    assert ends.post_count == 0


@every_type
@pytest.mark.parametrize(
    "title", ["Ｔｅａｍ 生产 ", '█&<>"\\*_`' * 6, "{{DATE(2017-02-14T06:00:00Z)}}"], ids=["wide", "escaped", "DATE"]
)
def test_every_message_is_within_the_limits_whatever_names_hold(name: str, title: str) -> None:
    items = [make_item(entity_id=f"{n}", name=f"{title}{n}", team=title, owner=title) for n in range(400)]
    destination, _, _ = opened(name)

    messages = destination.compose(items[:12], now=NOW, note=NOTE) + destination.compose(items, now=NOW, note=NOTE)
    degraded = [plainer for message in messages if (plainer := destination.degrade(message)) is not None]

    assert [message.payload for message in messages + degraded if not OUTSIDES[name].fits(message.payload)] == []


@every_type
def test_composing_again_gives_the_same(name: str) -> None:
    destination, _, _ = opened(name)
    items = make_items(40)

    assert destination.compose(items, now=NOW) == destination.compose(items, now=NOW)


@every_type
@pytest.mark.parametrize("number", [1, 13])
def test_a_plainer_message_tells_the_same_and_has_none_plainer(name: str, number: int) -> None:
    destination, _, _ = opened(name)
    (message,) = destination.compose(make_items(number), now=NOW, note=NOTE)
    plainer = destination.degrade(message)

    if plainer is not None:
        told = unescaped(str(plainer.payload))
        assert plainer.items == message.items
        assert plainer.payload != message.payload
        assert [item.alert.entity.name for item in message.items if item.alert.entity.name not in told] == []
        assert unescaped(NOTE) in told
        assert destination.degrade(plainer) is None


def unescaped(text: str) -> str:
    """Text without what a plainer form may put before an underscore, and without that."""
    return re.sub(r"\\*_", "", text)


@every_type
def test_a_post_never_raises_and_never_shows_the_secret(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    silence_clients()
    caplog.set_level(logging.DEBUG)
    delivered, possible = set(), set()
    for what, behaviour in OUTSIDES[name].everything():
        destination, _, _ = opened(name, behaviour)

        outcome = destination.post(a_message(destination))

        assert isinstance(outcome, Outcome), what
        assert_no_secret(outcome, destination)
        assert SIGNING_SECRET not in said_by(outcome) + said_by(destination)
        possible |= {what} if OUTSIDES[name].delivers(what) else set()
        delivered |= {what} if outcome == Delivered() else set()

    assert delivered == possible != set()
    logged = "\n".join(said_by(record.getMessage()) for record in caplog.records)
    printed = capfd.readouterr()
    assert_no_secret(logged, *printed)
    assert SIGNING_SECRET not in logged + "".join(printed)


@every_type
def test_each_end_of_a_post_is_told_apart(name: str) -> None:
    outside = OUTSIDES[name]

    assert outcome_of(name, outside.takes) == Delivered()
    assert outcome_of(name, outside.busy) == RetryLater(Reason.RATE_LIMITED, outside.busy_seconds)
    assert outcome_of(name, outside.unreachable) == RetryLater(Reason.CANNOT_CONNECT)
    assert outcome_of(name, outside.silent) == Ambiguous(Reason.NO_ANSWER)
    refused, gone = outcome_of(name, outside.refuses), outcome_of(name, outside.gone)
    assert isinstance(refused, Permanent)
    assert refused.reason is Reason.PAYLOAD_REFUSED
    assert isinstance(gone, Permanent)
    assert gone.reason is Reason.CONFIGURATION
    assert gone.detail


@every_type
def test_one_client_is_used_and_only_when_something_is_posted(name: str) -> None:
    ends = opened(name)
    messages = ends.destination.compose(make_items(300), now=NOW)
    assert ends.clients_opened == 0

    for message in messages:
        ends.destination.post(message)

    assert ends.clients_opened == 1
    assert ends.post_count == len(messages)


@pytest.mark.parametrize("name", [name for name in DESTINATION_TYPES if name != "email"])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://hooks.slack.test/T0SECRET1",
        "https://",
        "https://[T0SECRET1",
        "https://x:T0SECRET1/",
        "https://a:T0SECRET1@x/",
    ],
)
def test_a_url_that_is_unsafe_or_none_is_refused_without_showing_it(name: str, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        opened(name, address=ADDRESS._replace(url=SecretStr(url)))

    assert_no_secret(str(caught.value), repr(caught.value))
