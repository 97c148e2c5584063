"""The reference's measured failures, each as a scenario for this application: what was done there is done here.

The left figures are published ones, measured on LiteLLM 1.109.1 and quoted with their numbers; the right ones come
from the sink's counts of this run. A scenario's ``faults`` say which promise of ours did not hold; none is the goal.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from local.faulty_slack import (
    ANSWER_LOST,
    ARCHIVED,
    SERVER_ERROR,
    Fault,
    always,
    during,
    on_first,
    on_share,
    posts_per_second,
    rate_limited,
    slow,
)
from local.stack import EVALUATE
from tests.load.kills import Kills
from tests.load.senders import Event, budget, name_of
from tests.load.stage import Stage, chunks, counted, crowd, doubled, lost, running_stage

#: A crossed budget's spend, of a limit of 100.
OVER = 101.0
SWEEP = {"schedule": "sweep_outbox"}
#: After this the sweep takes a dead process's alerts.
SWEEP_AFTER_SECONDS = 121
WAVE_SECONDS = 1.5
KILLING_SECONDS = 20.0


@dataclass(slots=True)
class Row:
    """One line of the comparison."""

    defect: str
    scenario: str
    reference: str
    here: str
    faults: list[str] = field(default_factory=list)
    remark: str = ""


class Group(NamedTuple):
    """Scenarios that share a stage."""

    name: str
    run: Callable[[], list[Row]]


def decisions() -> list[Row]:
    """Who alerts, and when again: D1, D3 to D6, D15."""
    gateways = {"d1": ["d1"], "d3": ["d3"], "d4": ["d4"], "d5": ["d5"], "d6": ["d6"], "d15": ["d15"]}
    with running_stage(gateways, evaluate_workers=2) as stage:
        return [scenario(stage) for scenario in (_d1, _d3, _d4, _d5, _d5_unnamed, _d6, _d15)]


def _d1(stage: Stage) -> Row:
    gateway, rounds = stage.gateways["d1"], 10
    names = crowd("d1", 1 + rounds)
    with ThreadPoolExecutor(50) as senders:
        first = sum(senders.map(lambda _: gateway.send(budget(names[0], OVER)), range(50)))
        later = [sum(senders.map(lambda _, n=name: gateway.send(budget(n, OVER)), range(25))) for name in names[1:]]
    stage.await_names("d1", names)
    stage.await_quiet()
    channel = stage.channel("d1")
    faults = _unless(first == 1 and later == [1] * rounds, "one crossing was decided more than once, or never")
    faults += _faults(stage, "d1", names)
    return Row(
        "D1",
        "one crossing, sent 50 times at once to 2 processes; then 10 rounds of 25 at once",
        "webhook: 50 of 50 posts; Slack: 49 queued; two processes: duplicates in 10/10 rounds",
        f"{first} alert of 50; 1 alert in {later.count(1)}/{rounds} rounds; {channel.names.total()} namings of {len(names)}",
        faults,
    )


def _d3(stage: Stage) -> Row:
    spends = (86.0, 96.0, 100.0)
    name = name_of("d3", 0)
    alerts = [stage.gateways["d3"].send(budget(name, spend)) for spend in spends]
    named = _named(stage, "d3", name, len(spends))
    return Row(
        "D3",
        "spend of 100: 86, then 96, then 100",
        "sent, nothing, sent",
        f"{', '.join(map(_said, alerts))}; named {named} times",
        _unless(alerts == [1, 1, 1] and named == len(spends), "each higher threshold alerts once"),
    )


def _d4(stage: Stage) -> Row:
    limits = (10.0, 20.0, 1_000.0)
    name = name_of("d4", 0)
    alerts = [stage.gateways["d4"].send(budget(name, limit, limit=limit)) for limit in limits]
    named = _named(stage, "d4", name, len(limits))
    return Row(
        "D4",
        "10 of 10; raised to 20 and used up; raised to 1,000 and used up",
        "sent, nothing, nothing",
        f"{', '.join(map(_said, alerts))}; named {named} times",
        _unless(alerts == [1, 1, 1] and named == len(limits), "a changed limit re-arms at once"),
    )


def _d5(stage: Stage) -> Row:
    name = name_of("d5", 0)
    periods = ("2030-01-01T00:00:00Z", "2030-01-01T01:00:00Z")
    alerts = [stage.gateways["d5"].send(budget(name, spend, budget_reset_at=end)) for end in periods for spend in (OVER, 0.0)]
    named = _named(stage, "d5", name, len(periods))
    return Row(
        "D5",
        "crossed, reset to 0, crossed in the next period (events name their period, as request logs do)",
        "sent, then nothing for 24 h",
        f"{_said(alerts[0])}, then {_said(alerts[2])}; named {named} times",
        _unless(alerts == [1, 0, 1, 0] and named == len(periods), "a new period re-arms at once"),
    )


def _d5_unnamed(stage: Stage) -> Row:
    name = name_of("d5", 1)
    alerts = [stage.gateways["d5"].send(budget(name, spend)) for spend in (OVER, 0.0, OVER)]
    named = _named(stage, "d5", name, 1)
    return Row(
        "D5",
        "the same by events that do not name their period (LiteLLM's webhook)",
        "sent, then nothing for 24 h",
        f"{_said(alerts[0])}, then {_said(alerts[2])} for budget_alert_ttl; named {named} times",
        _unless(alerts == [1, 0, 0] and named == 1, "without a period, budget_alert_ttl stands in for it"),
        remark="no better: the event does not say that the budget was reset",
    )


def _d6(stage: Stage) -> Row:
    send = stage.gateways["d6"].send
    figures = {"spend": 11.0, "max_budget": 10.0}
    name = name_of("d6", 0)
    same_name: list[Event] = [
        {"type": "token_budget", "user_info": figures | {"token": name, "event_group": "key"}},
        {"type": "user_budget", "user_info": figures | {"user_id": name, "event_group": "user"}},
        {"type": "team_budget", "user_info": figures | {"team_id": name, "event_group": "team"}},
        {"type": "organization_budget", "user_info": figures | {"organization_id": name, "event_group": "organization"}},
    ]
    alerts = sum(send(event) for event in same_name)
    without_id = send({"type": "user_budget", "user_info": figures | {"event_group": "user"}})
    proxy = send({"type": "proxy_budget", "user_info": figures | {"event_group": "proxy"}})
    soft = {"spend": 6.0, "soft_budget": 5.0}
    soft_budgets: list[Event] = [
        {"type": "soft_budget", "user_info": soft | {"user_id": name_of("d6", 1), "event_group": "user"}},
        {"type": "soft_budget", "user_info": soft | {"user_id": name_of("d6", 2), "event_group": "user"}},
        {"type": "soft_budget", "user_info": soft | {"organization_id": name_of("d6", 3), "event_group": "organization"}},
    ]
    softs = sum(send(event) for event in soft_budgets)
    named = _named(stage, "d6", name, len(same_name))
    stage.await_names("d6", crowd("d6", 4))
    return Row(
        "D6",
        "key, user, team and organization of one name; an entity without id, then the proxy; 3 soft budgets",
        "1 of 4; the proxy silenced; 1 of 3",
        f"{alerts} of 4, named {named} times; the proxy {'sent' if without_id and proxy else 'silenced'}; {softs} of 3",
        _unless((alerts, without_id, proxy, softs, named) == (4, 1, 1, 3, 4), "each entity alerts for itself")
        + _unless(not lost(stage.channel("d6"), crowd("d6", 4)), "not all were named"),
    )


def _d15(stage: Stage) -> Row:
    names = crowd("d15", 500)
    bodies = chunks([budget(name, OVER) for name in names], 50)
    passes = [_send_all(stage, "d15", bodies) for _ in range(3)]
    stage.await_names("d15", names)
    stage.await_quiet()
    return Row(
        "D15",
        "500 entities over budget, three passes",
        "350 (150 of them had alerted before), 500, 500 alerts",
        f"{', '.join(map(str, passes))} alerts; {_figures(stage, 'd15', names)}",
        _unless(passes == [500, 0, 0], "an entity alerts once") + _faults(stage, "d15", names),
    )


def delivery() -> list[Row]:
    """What becomes of many alerts at once, at a sink that is well or not: D8 to D10. All at the same time, each with
    its own destination.
    """
    scenarios: list[_Crowd] = [
        _Crowd("d8", "D8", 1_000, "healthy sink", "512 delivered, 488 lost"),
        _Crowd(
            "d8b",
            "D8",
            100,
            "10 alerts/s for 10 s, each post answered after 1 s",
            "16.8 % lost (600 alerts in 60 s)",
            (always(slow(1.0)),),
            per_second=10,
        ),
        _Crowd(
            "d9", "D9", 1_000, "429 on 20 % of posts, Retry-After 2", "784 delivered, 216 lost", (on_share(0.2, rate_limited(2)),)
        ),
        _Crowd("d9b", "D9", 1_000, "500 on 20 % of posts", "784 delivered, 216 lost", (on_share(0.2, SERVER_ERROR),)),
        _Crowd(
            "d9c",
            "D9",
            1_000,
            "429 on all posts for 10 s, each said after 3 s, Retry-After 2",
            "0 of 1000 delivered, queue emptied",
            (during(10.0, replace(rate_limited(2), after_seconds=3.0)),),
        ),
        _Crowd(
            "d9d",
            "D9",
            300,
            "taken and the answer lost, on 20 % of posts",
            "not measured (the answer is not looked at)",
            (on_share(0.2, ANSWER_LOST),),
        ),
        _Crowd(
            "d10",
            "D10",
            1_000,
            "sink takes 1 post/s, no bursts, Retry-After 1",
            "1 delivered, 999 lost; 500 in flight",
            (posts_per_second(1.0),),
        ),
    ]
    with running_stage({scenario.key: [scenario.key] for scenario in scenarios}, visibility_timeout_seconds=35) as stage:
        for scenario in scenarios:
            stage.sink.script(scenario.key, *scenario.script)
        with ThreadPoolExecutor(len(scenarios)) as threads:
            alert_counts = list(threads.map(lambda scenario: scenario.run(stage), scenarios))
        stage.await_quiet()  # a double comes after everybody has been named
        rows = [scenario.row(stage, count) for scenario, count in zip(scenarios, alert_counts, strict=True)]
        dead_letters = stage.dead_letter_count()
        rows[0].faults += _unless(dead_letters == 0, f"{dead_letters} alerts in the dead-letter queue")
    return rows


@dataclass(frozen=True, slots=True)
class _Crowd:
    """Many alerts for one channel."""

    key: str
    defect: str
    count: int
    what: str
    reference: str
    script: Sequence[Fault] = ()
    per_second: int | None = None

    def run(self, stage: Stage) -> int:
        """Send, wait until all are named, and return how many alerts were raised."""
        names = crowd(self.key, self.count)
        events = [budget(name, OVER) for name in names]
        if self.per_second is None:
            alerts = _send_all(stage, self.key, chunks(events, 50))
        else:
            alerts = 0
            started = time.monotonic()
            for position, event in enumerate(events):
                time.sleep(max(0.0, started + position / self.per_second - time.monotonic()))
                alerts += stage.gateways[self.key].send(event)
        stage.await_names(self.key, names)
        return alerts

    def row(self, stage: Stage, alerts: int) -> Row:
        """What became of them."""
        names = crowd(self.key, self.count)
        row = Row(
            self.defect,
            f"{self.count:,} alerts{'' if self.per_second else ' at once'}: {self.what}",
            self.reference,
            _figures(stage, self.key, names) + _possible_doubles(stage, self.key),
            _faults(stage, self.key, names),
        )
        row.faults += _unless(alerts == self.count, f"{alerts} alerts of {self.count} crossings")
        return row


def crash() -> list[Row]:
    """Processes killed with kill -9 while 100 alerts are decided, queued and posted: D11."""
    names = crowd("d11", 100)
    with running_stage({"d11": ["d11"]}, visibility_timeout_seconds=15) as stage:
        gateway = stage.gateways["d11"]
        with Kills(stage.stack, pause_seconds=(0.2, 0.8)) as kills:
            for body in chunks([budget(name, OVER) for name in names], 2):
                gateway.send(body)
                time.sleep(KILLING_SECONDS * len(body) / len(names))
        ended_at = time.monotonic()
        stage.await_quiet()
        left_for_the_sweep = len(lost(stage.channel("d11"), names))
        if left_for_the_sweep:
            time.sleep(max(0.0, ended_at + SWEEP_AFTER_SECONDS - time.monotonic()))
            stage.stack.invoke(EVALUATE, SWEEP)
            stage.await_names("d11", names)
            stage.await_quiet()
        channel = stage.channel("d11")
        explained = kills.explained_doubles(channel)
        return [
            Row(
                "D11",
                f"100 alerts, one pair after the other, kill -9 of {kills.evaluate_count} Evaluate and {kills.notify_count} "
                "Notify processes meanwhile",
                "100 marked as sent, 0 of 100 delivered",
                f"{_named_of(stage, 'd11', names)} named, {left_for_the_sweep} of them by the sweep; {doubled(channel)} doubled, "
                f"{explained} of them taken by the sink just before a kill; senders, who come again, were answered "
                f"{counted(gateway.answers)}",
                _unless(not lost(channel, names), f"{len(lost(channel, names))} lost")
                + _unless(
                    doubled(channel) == explained, f"{doubled(channel) - explained} doubled without a kill that explains it"
                )
                + _quality(stage, "d11"),
            )
        ]


def neighbours() -> list[Row]:
    """One destination's trouble, and what the others see of it: D18, D20."""
    gateways = {
        "d18": ["d18.webhook", "d18.slack"],
        "d18b": ["d18b.unset", "d18b.slack"],
        "d18c": ["d18c.archived", "d18c.slack"],
        "d20": ["d20.slow", "d20.quick"],
    }
    with running_stage(gateways, fallback="fallback", unset=["d18b.unset"]) as stage:
        return [scenario(stage) for scenario in (_d18, _d18_unset, _archived, _d20)]


def _d18(stage: Stage) -> Row:
    names = crowd("d18", 100)
    stage.sink.script("d18.webhook", always(SERVER_ERROR))
    _send_all(stage, "d18", chunks([budget(name, OVER) for name in names], 10))
    stage.await_names("d18.slack", names)
    meanwhile = len(set(stage.channel("d18.webhook").names))
    stage.sink.script("d18.webhook")
    stage.await_names("d18.webhook", names)
    return Row(
        "D18",
        "100 alerts for two destinations; one answers 500 until the other has all",
        "100 exceptions, 0 Slack items",
        f"beside it {_named_of(stage, 'd18.slack', names)} while it had {meanwhile}; "
        f"healed: {_named_of(stage, 'd18.webhook', names)}",
        _faults(stage, "d18.slack", names) + _faults(stage, "d18.webhook", names),
    )


def _d18_unset(stage: Stage) -> Row:
    names = crowd("d18b", 100)
    _send_all(stage, "d18b", chunks([budget(name, OVER) for name in names], 10))
    stage.await_names("d18b.slack", names)
    stage.await_names("fallback", names, seconds=60)
    return Row(
        "D18",
        "100 alerts for two destinations; the URL of one is not set; a fallback is configured",
        "100 exceptions, 0 Slack items",
        f"beside it {_named_of(stage, 'd18b.slack', names)}; fallback {_named_of(stage, 'fallback', names)}",
        _faults(stage, "d18b.slack", names) + _faults(stage, "fallback", names),
    )


def _archived(stage: Stage) -> Row:
    names, later = crowd("d18c", 40)[:20], crowd("d18c", 40)[20:]
    stage.sink.script("d18c.archived", always(ARCHIVED))
    for body in chunks([budget(name, OVER) for name in names], 10):
        stage.gateways["d18c"].send(body)
        stage.await_names("fallback", [event["user_info"]["user_id"] for event in body], seconds=60)
    alarms = sum(any("d18c.archived" in text for text in line.get("broken", ())) for line in stage.log_lines())
    notes = [m for m in stage.channel("fallback").taken if any("d18c" in n for n in m.names)]
    explained = sum("channel_is_archived" in str(message.payload) for message in notes)
    asked = stage.channel("d18c.archived").request_count
    stage.sink.script("d18c.archived")
    _let_the_probe_be_due(stage, "d18c.archived")
    for body in chunks([budget(name, OVER) for name in later], 10):
        stage.gateways["d18c"].send(body)
        stage.await_names("d18c.slack", [event["user_info"]["user_id"] for event in body])
    stage.await_names("d18c.archived", later, seconds=60)
    return Row(
        "D18",
        "20 alerts, then 20; the channel is archived for the first, and restored 15 minutes (put forward) before the others",
        "not measured (the answer is not looked at)",
        f"first: fallback {_named_of(stage, 'fallback', names)}, {explained} of {len(notes)} messages say why, {asked} post(s) "
        f"to the archived channel, {alarms} alarm(s); then: {_named_of(stage, 'd18c.archived', later)} in the restored channel",
        _faults(stage, "d18c.slack", names + later)
        + _unless(not lost(stage.channel("fallback"), names), "lost on the way to the fallback")
        + _unless(not lost(stage.channel("d18c.archived"), later), "the restored channel was not healed")
        + _unless(explained == len(notes) > 0, "the fallback's messages do not say why")
        + _unless(alarms == 1, f"the operator was alarmed {alarms} times"),
    )


def _let_the_probe_be_due(stage: Stage, channel: str) -> None:
    stack = stage.stack
    stack.dynamodb.update_item(
        TableName=stack.resources.ref("AlertsTable"),
        Key={"pk": {"S": f"gate#{channel}"}, "sk": {"N": "0"}},
        UpdateExpression="SET probe_at_millis = :now",
        ConditionExpression="attribute_exists(broken_reason)",
        ExpressionAttributeValues={":now": {"N": str(int(time.time() * 1000))}},
    )


def _d20(stage: Stage) -> Row:
    waves, per_wave = 8, 5
    names = crowd("d20", waves * per_wave)
    stage.sink.script("d20.slow", on_first(2, slow(30.0)))
    sent_at: dict[str, float] = {}
    for wave in chunks([budget(name, OVER) for name in names], per_wave):
        sent_at |= {event["user_info"]["user_id"]: time.monotonic() for event in wave}
        stage.gateways["d20"].send(wave)
        time.sleep(WAVE_SECONDS)
    stage.await_names("d20.quick", names)
    stage.await_names("d20.slow", names)
    stage.await_quiet()
    quick, sluggish = stage.channel("d20.quick"), stage.channel("d20.slow")
    waits = sorted(message.at - sent_at[name] for message in quick.taken for name in message.names) or [math.inf]
    wave_seconds = round(waves * WAVE_SECONDS)
    return Row(
        "D20",
        f"{len(names)} alerts in {wave_seconds} s for two destinations; one answers its first 2 posts after 30 s",
        "flush holds 30.0 s, the alert queued meanwhile is lost",
        f"quick: {_named_of(stage, 'd20.quick', names)}, after {waits[len(waits) // 2]:.1f} s (median), {waits[-1]:.1f} s "
        "(longest); "
        f"slow: {_named_of(stage, 'd20.slow', names)}, {doubled(sluggish)} twice (taken, and no answer in 10 s)"
        + _possible_doubles(stage, "d20.slow"),
        _faults(stage, "d20.quick", names)
        + _faults(stage, "d20.slow", names)
        + _unless(waits[-1] < 10, f"d20.quick: an alert waited {waits[-1]:.1f} s, as long as a post to the slow one"),
        remark="the wait holds the batch window of 1 s",
    )


def _send_all(stage: Stage, gateway: str, bodies: Sequence[list[Event]]) -> int:
    with ThreadPoolExecutor(8) as senders:
        return sum(senders.map(stage.gateways[gateway].send, bodies))


def _named(stage: Stage, channel: str, name: str, count: int) -> int:
    """How often a channel named somebody, once that is as often as wanted and nothing more is on its way."""
    stage.settle(lambda: stage.channel(channel).names[name] >= count, seconds=60)
    stage.await_quiet()
    return stage.channel(channel).names[name]


def _named_of(stage: Stage, channel: str, names: Sequence[str]) -> str:
    return f"{len(names) - len(lost(stage.channel(channel), names))} of {len(names)}"


def _figures(stage: Stage, name: str, names: Sequence[str]) -> str:
    channel = stage.channel(name)
    missing, again = len(lost(channel, names)), doubled(channel)
    return (
        f"{len(names) - missing} delivered, {missing} lost, {again} doubled; {channel.request_count} posts "
        f"({counted(channel.statuses)}), {_early(stage, name)}"
    )


def _possible_doubles(stage: Stage, name: str) -> str:
    """What NotifyFunction itself counted as possibly doubled (PostsPossiblyDoubled), if anything."""
    outcomes = [outcome for line in stage.log_lines() for outcome in line.get("outcomes", ())]
    count = sum((outcome["destination"], outcome["outcome"]) == (name, "Ambiguous") for outcome in outcomes)
    return f", {count} posts counted as possibly doubled" if count else ""


def _early(stage: Stage, name: str) -> str:
    early = stage.channel(name).early_seconds
    return f"{len(early)} too early" + (f" (by up to {max(early):.2f} s)" if early else "")


def _faults(stage: Stage, name: str, names: Iterable[str]) -> list[str]:
    """The promises that did not hold in a channel that had to name these once each."""
    channel = stage.channel(name)
    missing, unexplained = lost(channel, names), channel.unexplained
    return (
        _unless(not missing, f"{name}: {len(missing)} lost, such as {', '.join(missing[:3])}")
        + _unless(not unexplained, f"{name}: {len(unexplained)} doubled although the sink's answer arrived")
        + _unless(not doubled(channel) or bool(_possible_doubles(stage, name)), f"{name}: doubled, and nobody counted that")
        + _quality(stage, name)
    )


def _quality(stage: Stage, name: str) -> list[str]:
    channel = stage.channel(name)
    refused = channel.statuses["400"]
    return (
        _unless(not channel.early_count, f"{name}: {_early(stage, name)}, before Retry-After had passed")
        + _unless(not channel.half_named, f"{name}: {len(channel.half_named)} named in the text or the blocks only")
        + _unless(not refused, f"{name}: {refused} messages that Slack would refuse")
    )


def _said(alert_count: int) -> str:
    return "sent" if alert_count else "nothing"


def _unless(is_kept: bool, fault: str) -> list[str]:
    return [] if is_kept else [fault]


#: In the order in which they are printed; ``crash`` waits for two minutes, so it is started first.
GROUPS = (
    Group("decisions", decisions),
    Group("delivery", delivery),
    Group("crash", crash),
    Group("neighbours", neighbours),
)
