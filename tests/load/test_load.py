"""Load on one machine, and processes killed under it: nothing lost, and every double explained. No time is asserted."""

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from local.faulty_slack import on_first, slow
from local.stack import EVALUATE
from local.template import expanded_template, resource
from local.workers import FunctionError
from notify.http_client import REQUEST_SECONDS
from tests.load.kills import Kills
from tests.load.memory import Memory
from tests.load.scenarios import OVER, SWEEP, SWEEP_AFTER_SECONDS
from tests.load.senders import Event, Gateway, budget, name_of
from tests.load.stage import SEED, Stage, chunks, counted, crowd, doubled, lost, running_stage, wait_until

pytestmark = pytest.mark.load

#: Growth over the second half of a run that is still called flat: the claims that EvaluateFunction remembers, 500 bytes
#: each and no more than 50,000 of them, and what an allocator does.
FLAT_SHARE = 0.05


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    def print_now(*figures: str) -> None:
        with capsys.disabled():
            print("", *figures, sep="\n  ", flush=True)

    return print_now


def _assert_all_told(stage: Stage, channel: str, names: list[str]) -> None:
    told = stage.channel(channel)
    assert lost(told, names) == []
    assert told.half_named == set()
    assert told.early_count == 0
    assert told.statuses["400"] == 0
    assert stage.dead_letter_count() == 0


# ---------------------------------------------------------------- killed


def _from_the_bus(event: Event) -> dict[str, Any]:
    return {"source": "llm-gateway", "detail-type": "Budget Event", "detail": event | {"gateway": "kill"}}


def _redriven(stage: Stage) -> Iterator[dict[str, Any]]:
    """Events out of the events' dead-letter queue, as an operator would put them in again."""
    sqs, url = stage.stack.sqs, stage.stack.resources.ref("EventsDeadLetterQueue")
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            yield json.loads(message["Body"])["requestPayload"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_nothing_is_lost_when_processes_are_killed_again_and_again(say: Any) -> None:
    crossing_count, seconds = 3_000, 60.0
    names = crowd("kill", crossing_count)
    dice = random.Random(SEED)
    events = [budget(name, dice.choice([OVER, 150.0, 100.0])) for name in names]
    with running_stage({"kill": ["kill"]}, visibility_timeout_seconds=15, retry_seconds=(1.0, 2.0)) as stage:
        gateway = stage.gateways["kill"]
        started = time.monotonic()
        bus: list[Future[bool]] = []

        def send_paced(sender: int, share: list[Event], size: int) -> None:
            """A sender's share, spread over the time of the killing."""
            bodies = chunks(share, size)
            for position, body in enumerate(bodies):
                time.sleep(max(0.0, started + seconds * position / len(bodies) - time.monotonic()))
                if sender == 0:
                    bus.extend(stage.stack.put_event(_from_the_bus(event)) for event in body)
                else:
                    gateway.send(body if len(body) > 1 else body[0])

        # One bus, two webhooks that send one event at a time, two request loggers that send 20.
        shares = [events[number::5] for number in range(5)]
        with Kills(stage.stack) as kills, ThreadPoolExecutor(5) as senders:
            sizes = (10, 1, 1, 20, 20)
            for finished in [senders.submit(send_paced, n, shares[n], sizes[n]) for n in range(5)]:
                finished.result()
        ended_at = time.monotonic()
        kept_events = sum(not future.result() for future in bus)
        for event in _redriven(stage):
            assert stage.stack.put_event(event).result()
        stage.await_quiet()
        before_the_sweep = len(lost(stage.channel("kill"), names))
        time.sleep(max(0.0, ended_at + SWEEP_AFTER_SECONDS - time.monotonic()))
        _sweep(stage)
        stage.await_names("kill", names)
        stage.await_quiet()
        channel = stage.channel("kill")
        explained = kills.explained_doubles(channel)
        batches_killed = sum("a batch of" in line and "failed" in line for line in _stack_lines(stage))
        say(
            f"killed: {kills.evaluate_count} EvaluateFunction, {kills.notify_count} NotifyFunction processes; "
            f"{gateway.answers['500']} requests and {batches_killed} batches were under way",
            f"{crossing_count:,} crossings from 5 senders, who were answered {counted(gateway.answers)}; "
            f"{len(bus)} of them by the bus, {kept_events} of these kept in the events' dead-letter queue and put in again",
            f"lost: {len(lost(channel, names))}; named by the sweep or a redelivery only: {before_the_sweep}; "
            f"posts: {channel.request_count} ({counted(channel.statuses)})",
            f"doubled: {doubled(channel)}, of which {explained} taken by the sink just before a NotifyFunction was killed",
        )
        _assert_all_told(stage, "kill", names)
        assert doubled(channel) == explained


def _sweep(stage: Stage) -> None:
    def swept() -> bool:
        try:
            stage.stack.invoke(EVALUATE, SWEEP)
        except FunctionError:
            return False
        return True

    assert wait_until(swept, seconds=60)


def _stack_lines(stage: Stage) -> list[str]:
    assert stage.stack.log_path is not None
    return [line for line in stage.stack.log_path.read_text(errors="replace").splitlines() if line.startswith("local: ")]


# ---------------------------------------------------------------- many at once


def test_10_000_crossings_at_once_from_20_senders_are_all_told_once(say: Any) -> None:
    names = crowd("many", 10_000)
    with running_stage({"many": ["many"]}, visibility_timeout_seconds=60) as stage:
        gateway = stage.gateways["many"]

        def send(share: list[Event]) -> int:
            """A fifth one by one, as a webhook does, the rest in bodies of 50, as request logs come."""
            singles, rest = share[: len(share) // 5], share[len(share) // 5 :]
            return sum(map(gateway.send, singles)) + sum(map(gateway.send, chunks(rest, 50)))

        started = time.monotonic()
        with ThreadPoolExecutor(20) as senders:
            alerts = sum(senders.map(send, [[budget(name, OVER) for name in names[n::20]] for n in range(20)]))
        sent_after = time.monotonic() - started
        stage.await_names("many", names, seconds=600)
        stage.await_quiet()
        channel = stage.channel("many")
        say(
            f"10,000 crossings from 20 senders at once in {sent_after:.0f} s: {alerts:,} alerts",
            f"answered {counted(gateway.answers)}",
            f"lost: {len(lost(channel, names))}; doubled: {doubled(channel)}; posts: {channel.request_count} "
            f"({counted(channel.statuses)}), all told after {channel.taken[-1].at - started:.0f} s at about 1 post/s",
        )
        assert alerts == 10_000
        assert doubled(channel) == 0
        _assert_all_told(stage, "many", names)


# ---------------------------------------------------------------- silence


def test_two_destinations_that_do_not_answer_keep_no_other_waiting(say: Any) -> None:
    silent = [f"silent{number}" for number in range(2)]
    concurrency = resource(expanded_template(), "NotifyFunctionAlertBatch")["ScalingConfig"]["MaximumConcurrency"]
    with running_stage({name: [name] for name in [*silent, "quick"]}, notify_workers=concurrency) as stage:
        for name in silent:
            stage.sink.script(name, on_first(1, slow(30.0)))
            stage.gateways[name].send(budget(name_of(name, 0), OVER))
            # Each in a batch of its own, and so in a container of its own.
            assert wait_until(lambda name=name: stage.channel(name).request_count == 1, seconds=30)
        first_taken_at = stage.channel(silent[0]).taken[0].at
        stage.gateways["quick"].send(budget(name_of("quick", 0), OVER))
        stage.await_names("quick", [name_of("quick", 0)])
        quick_at = stage.channel("quick").taken[0].at
        stage.await_quiet()
        say(
            f"the first of two silent destinations was given up {REQUEST_SECONDS:.0f} s after its post, "
            f"the quick one was told after {quick_at - first_taken_at:.1f} s of them"
        )
        assert quick_at - first_taken_at < REQUEST_SECONDS
        for name in silent:
            assert lost(stage.channel(name), [name_of(name, 0)]) == []


# ---------------------------------------------------------------- an hour


def _hour(gateway: Gateway, names: list[str], minutes: range) -> int:
    """A sender's minutes of an hour: in each, new crossings, the same again, and many events that cross nothing."""
    alerts = 0
    for minute in minutes:
        new = names[minute * 60 : (minute + 1) * 60]
        events = [budget(name, OVER) for name in new]
        events += [budget(name, OVER + 1) for name in names[max(0, minute - 1) * 60 : minute * 60]]
        events += [budget(f"quiet-{minute}-{number}", 10.0) for number in range(240)]
        random.Random(minute).shuffle(events)
        alerts += sum(map(gateway.send, chunks(events, 10)))
    return alerts


def test_an_hour_of_a_steady_stream_is_told_in_full_and_memory_stays_flat(say: Any) -> None:
    names = crowd("hour", 3_600)
    with running_stage({"hour": ["hour"]}, visibility_timeout_seconds=60) as stage:
        gateway = stage.gateways["hour"]
        pools = {"evaluate": stage.stack.evaluate, "notify": stage.stack.notify}
        started = time.monotonic()
        with Memory(lambda: [pid for pool in pools.values() for pid in pool.pids]) as memory:
            # One sender has the even minutes, the other the odd ones, so a crossing's repeat comes from the other.
            with ThreadPoolExecutor(2) as senders:
                alerts = sum(senders.map(lambda first: _hour(gateway, names, range(first, 60, 2)), range(2)))
            sent_after = time.monotonic() - started
            stage.await_names("hour", names)
            stage.await_quiet()
        channel, growth = stage.channel("hour"), memory.growth()
        say(
            f"an hour in {sent_after:.0f} s: {60 * 360:,} events, {len(names):,} crossings, {alerts:,} alerts; "
            f"answered {counted(gateway.answers)}",
            f"lost: {len(lost(channel, names))}; doubled: {doubled(channel)}; posts: {channel.request_count} "
            f"({counted(channel.statuses)})",
            *(
                f"{name} {pid}: {growth[pid].at_half / 1024:.1f} MiB at half time, {growth[pid].at_end / 1024:.1f} at the end, "
                f"slope {growth[pid].slope / 1024:+.2f} MiB over the second half ({growth[pid].share:+.1%})"
                for name, pool in pools.items()
                for pid in pool.pids
                if pid in growth
            ),
        )
        assert alerts == len(names)
        assert doubled(channel) == 0
        _assert_all_told(stage, "hour", names)
        assert all(of_process.share < FLAT_SHARE for of_process in growth.values())
