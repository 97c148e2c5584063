"""The sweep: alerts that a dead process left in the outbox reach the queue."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from evaluate.pipeline import SWEEP_AFTER, Raised, sweep_outbox
from gateway_alerts.errors import DependencyUnavailable, InvalidAlert
from tests.pipeline.evaluate.builders import NOW, budget_event
from tests.pipeline.evaluate.conftest import Way
from tests.pipeline.evaluate.fakes import FakeQueue, Item

LATER = NOW + SWEEP_AFTER + timedelta(seconds=1)


def leave_behind(way: Way, *names: str) -> None:
    """Alerts that were claimed by a process that never queued them."""
    refuses, way.queue.refuses = way.queue.refuses, lambda alert: True
    way.send(*(budget_event(spend=9, max_budget=10, user_id=name) for name in names))
    way.queue.refuses = refuses
    way.forget()


def sweep(way: Way, *, queue: FakeQueue | None = None) -> Raised:
    return sweep_outbox(claims=way.store, queue=queue or way.queue, now=LATER)


def ids(alerts: Iterable[object]) -> list[str | None]:
    return [alert.entity.id for alert in alerts]  # type: ignore[attr-defined]


def test_an_empty_outbox_calls_no_queue(way: Way) -> None:
    assert sweep(way) == Raised()
    assert way.queue.batches == []


def test_what_was_left_behind_is_sent_and_cleared(way: Way) -> None:
    leave_behind(way, "a", "b")
    swept = sweep(way)
    assert ids(swept.alerts) == ids(way.queue.alerts) == ["a", "b"]
    assert (swept.unsent_count, swept.failure, way.store.outboxes) == (0, None, {})


def test_a_second_sweep_sends_nothing(way: Way) -> None:
    leave_behind(way, "a")
    sweep(way)
    assert sweep(way).alerts == []


def test_what_was_left_behind_is_the_alert_that_was_decided(way: Way) -> None:
    leave_behind(way, "a")
    (decided,) = (alert for alerts in way.store.outboxes.values() for alert in alerts)
    assert sweep(way).alerts == [decided]


def test_a_process_that_may_still_live_is_left_alone(way: Way) -> None:
    leave_behind(way, "a")
    swept = sweep_outbox(claims=way.store, queue=way.queue, now=NOW + SWEEP_AFTER)
    assert swept.alerts == []
    assert len(way.store.outboxes) == 1


def test_what_the_queue_does_not_take_stays_for_the_next_sweep(way: Way) -> None:
    leave_behind(way, "a", "b", "c")
    swept = sweep(way, queue=FakeQueue(refuses=lambda alert: alert.entity.id == "b"))
    assert (ids(swept.alerts), swept.unsent_count) == (["a", "c"], 1)
    assert ids(alert for alerts in way.store.outboxes.values() for alert in alerts) == ["b"]
    assert ids(sweep(way).alerts) == ["b"]


def test_several_alerts_of_one_claim_are_sent_and_cleared_together(way: Way) -> None:
    for spend in (9, 10):
        way.queue.refuses = lambda alert: True
        way.send(budget_event(spend=spend, max_budget=10, user_id="a"))
        way.forget()
    refusing = FakeQueue(refuses=lambda alert: alert.budget.rung == 1)
    assert sweep(way, queue=refusing).unsent_count == 1
    assert len(way.store.outboxes) == 1  # sent twice rather than lost: NotifyFunction knows what it delivered
    accepting = FakeQueue()
    assert len(sweep(way, queue=accepting).alerts) == 2
    assert way.store.outboxes == {}


def test_an_outbox_that_cannot_be_read_stays_and_holds_up_nobody(way: Way) -> None:
    leave_behind(way, "a", "c")
    first, *_ = way.store.items
    way.store.items = {"budget#user#00000000": Item(outbox=['{"from": "an older version"}'], outbox_at=1), **way.store.items}
    swept = sweep(way)
    assert ids(swept.alerts) == ["a", "c"]
    assert isinstance(swept.failure, InvalidAlert)
    assert way.store.items["budget#user#00000000"].outbox
    assert not way.store.items[first].outbox


@pytest.mark.parametrize("method", ["pending", "clear"])
def test_a_store_that_cannot_be_reached_is_told(way: Way, method: str) -> None:
    leave_behind(way, "a")
    way.store.unavailable = {method}
    with pytest.raises(DependencyUnavailable):
        sweep(way)
    way.store.unavailable = set()
    assert ids(sweep(way).alerts) == ["a"]
