"""Occurrences → alerts: the first of an episode at once, what follows within its interval counted and told at its end.

Promise: every occurrence is told, in an alert of its own or in the count of one; a death at any step neither loses an
alert nor repeats one (a sender that repeats its request is counted again). An episode is one item per
``Occurrence.key``, shared by all containers::

    time    ──●────────●──●───●─────┬──────────────●──▶
             told     counted       told: "3 more"  counted …
              ├── interval_seconds ─┤

    episode_until                     what comes before this is counted
    held_count, held_first_at,        what has been counted, its newest alert, its durations by bucket, and when it is
    held_last_at, held_alert,         to be told
    seconds_BUCKET, held_until
    outbox                            the alert that the queue does not have yet; while there is one, what comes is counted, so
                                      that the item does not outgrow the table however long the queue takes nothing
    outbox_shard, outbox_at           the agenda (``evaluate.table``): when the sweep has to look

Digests and quiet hours are the same, without the first alert: all of it is counted until they end, and then told. Held
becomes outbox by one conditional write, with the alert's id in it; so whoever dies between that and the queue leaves
it to the next sweep, and NotifyFunction knows an alert that it has delivered.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from evaluate.alert_queue import AlertQueue
from evaluate.claims import SWEEP_AFTER_SECONDS
from evaluate.table import AlertsTable, Attributes, ConditionNotMet, agenda_shard, number, texts
from gateway_alerts.alerts import Alert, Occurrences
from gateway_alerts.errors import DependencyUnavailable, GatewayAlertsError, InvalidAlert
from gateway_alerts.keys import digest

KEY_PREFIX = "episode#"
#: Episodes that a container remembers; about 200 bytes each.
KNOWN_EPISODES = 20_000
#: Long after everything in it has been told; deletion is no clock of ours.
KEEP_SECONDS = 40 * 86_400
#: Releases that fail before the sweep leaves the others to the next one.
FAILED_RELEASES = 5
_BUCKET = "seconds_"


class Episode(NamedTuple):
    """An alert that is to be told, and how. ``held_until`` is the end of a digest or of quiet hours, None for at once."""

    key: str
    alert: Alert
    interval_seconds: int
    held_until: datetime | None = None


class Due(NamedTuple):
    """Alerts of an episode that are to be sent now."""

    key: str
    outbox: tuple[str, ...]


class EpisodeStore(Protocol):
    """Where episodes are kept. Every method raises DependencyUnavailable when it cannot be reached."""

    def open(self, episode: Episode, *, now: datetime) -> datetime | None:
        """Begin an episode with its first alert in the outbox; None when it has begun, else when the one that runs ends."""

    def hold(self, episode: Episode, *, until: datetime, now: datetime) -> None:
        """Count an alert, to be told at ``until`` or when those counted before it are."""

    def release(self, item: Attributes, *, now: datetime) -> Due | None:
        """What an item of the agenda has to tell; None when it has changed since, and comes again."""

    def clear(self, due: Due) -> None:
        """Take alerts out of the outbox, now that the queue has them. What has changed since is left alone."""


class KnownEpisodes:
    """Until when the episodes run that this container has met: what is known to be counted needs no try to begin."""

    def __init__(self, limit: int = KNOWN_EPISODES) -> None:
        self._limit = limit
        self._until: OrderedDict[str, datetime] = OrderedDict()

    def running_until(self, key: str, *, now: datetime) -> datetime | None:
        """When the episode that is running ends; None when none is known to run."""
        until = self._until.get(key)
        return until if until is not None and until > now else None

    def remember(self, key: str, until: datetime) -> None:
        """Keep when an episode ends; the one that was met longest ago goes first."""
        self._until[key] = until
        self._until.move_to_end(key)
        if len(self._until) > self._limit:
            self._until.popitem(last=False)


@dataclass(slots=True)
class Told:
    """What became of episodes: alerts that are on their way, and how many were counted for later.

    ``unsent_count`` alerts are safe in an outbox, and not in the queue yet; ``repeat_count`` were told before.
    ``failure`` says why not all were taken.
    """

    alerts: list[Alert] = field(default_factory=list)
    held_count: int = 0
    repeat_count: int = 0
    unsent_count: int = 0
    failure: GatewayAlertsError | None = None


def tell(episodes: Iterable[Episode], *, store: EpisodeStore, queue: AlertQueue, known: KnownEpisodes, now: datetime) -> Told:
    """Tell what is new, count what is not."""
    told = Told()
    begun: list[tuple[Due, Alert]] = []
    try:
        for episode in episodes:
            until = episode.held_until or known.running_until(episode.key, now=now)
            if until is None:
                until = store.open(episode, now=now)
                if until is None:
                    begun.append((Due(episode.key, (episode.alert.model_dump_json(),)), episode.alert))
                    known.remember(episode.key, now + timedelta(seconds=episode.interval_seconds))
                    continue
                known.remember(episode.key, until)
            store.hold(episode, until=until, now=now)
            told.held_count += 1
    except DependencyUnavailable as error:
        told.failure = error
    _send(begun, told, store=store, queue=queue)
    return told


def tell_due(items: Iterable[Attributes], *, store: EpisodeStore, queue: AlertQueue, now: datetime) -> Told:
    """Tell what has been counted, and send what dead processes left in an outbox. What fails comes again."""
    told = Told()
    due: list[tuple[Due, Alert]] = []
    failed_count = 0
    for item in items:
        try:
            released = store.release(item, now=now)
        except DependencyUnavailable as error:
            # One that fails each time keeps nobody else from being told; a table that is out of order is left alone.
            told.failure = error
            failed_count += 1
            if failed_count == FAILED_RELEASES:
                break
            continue
        if released is None:
            continue
        try:
            alerts = [Alert.model_validate_json(text) for text in released.outbox]
        except (ValueError, OverflowError):
            # Left where it is; the failure keeps the alarm up until somebody has looked.
            told.failure = InvalidAlert(f"outbox of {released.key} cannot be read")
            continue
        due += [(released, alert) for alert in alerts]
    _send(due, told, store=store, queue=queue)
    return told


def _send(due: Sequence[tuple[Due, Alert]], told: Told, *, store: EpisodeStore, queue: AlertQueue) -> None:
    if not due:
        return
    sent = queue.send([alert for _, alert in due])
    told.alerts += [alert for _, alert in due if alert.alert_id in sent]
    told.unsent_count += len(due) - len(sent)
    unsent = {outbox.key for outbox, alert in due if alert.alert_id not in sent}
    # What could not be cleared is sent again, and known by its id.
    with suppress(DependencyUnavailable):
        for outbox in dict.fromkeys(outbox for outbox, _ in due):
            if outbox.key not in unsent:
                store.clear(outbox)


class DynamoDBEpisodes:
    """Episodes in the alerts table."""

    def __init__(self, table: AlertsTable) -> None:
        self._table = table

    def open(self, episode: Episode, *, now: datetime) -> datetime | None:
        """See :class:`EpisodeStore`. One write."""
        moment, text = int(now.timestamp()), episode.alert.model_dump_json()
        try:
            self._table.update(
                episode.key,
                "SET episode_until = :until, outbox = :alerts, outbox_shard = :shard, "
                "outbox_at = :sweep_at, interval_seconds = :interval, expires_at = :expires_at",
                {
                    ":until": moment + episode.interval_seconds,
                    ":alerts": [text],
                    ":shard": agenda_shard(episode.key),
                    ":sweep_at": moment + SWEEP_AFTER_SECONDS,
                    ":interval": episode.interval_seconds,
                    ":expires_at": moment + KEEP_SECONDS,
                    ":now": moment,
                },
                condition="(attribute_not_exists(episode_until) OR episode_until <= :now) "
                "AND attribute_not_exists(held_count) AND attribute_not_exists(outbox)",
            )
        except ConditionNotMet as refused:
            if text in texts(refused.item, "outbox"):
                return None  # our own write, sent twice by the client because its first answer was lost
            until = max(number(refused.item, "held_until") or 0, number(refused.item, "episode_until") or 0, moment)
            return datetime.fromtimestamp(until, UTC)
        return None

    def hold(self, episode: Episode, *, until: datetime, now: datetime) -> None:
        """See :class:`EpisodeStore`. One write."""
        happened = episode.alert.occurrences
        # All buckets that there are, 266, must fit into the 4 KB of an update expression: hence their short names
        # (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
        buckets = dict(enumerate(happened.seconds.items()))
        self._table.update(
            episode.key,
            "SET held_alert = :alert, held_last_at = :last_at, held_first_at = if_not_exists(held_first_at, :first_at), "
            "held_until = if_not_exists(held_until, :until), outbox_at = if_not_exists(outbox_at, :until), "
            "outbox_shard = :shard, interval_seconds = :interval, expires_at = :expires_at "
            "ADD held_count :count" + "".join(f", #b{index} :b{index}" for index in buckets),
            {
                ":alert": episode.alert.model_dump_json(),
                ":last_at": (happened.last_at or now).timestamp(),
                ":first_at": (happened.first_at or now).timestamp(),
                ":until": int(until.timestamp()),
                ":shard": agenda_shard(episode.key),
                ":interval": episode.interval_seconds,
                ":expires_at": int(until.timestamp()) + KEEP_SECONDS,
                ":count": happened.count,
                **{f":b{index}": count for index, (_, count) in buckets.items()},
            },
            names={f"#b{index}": f"{_BUCKET}{bucket}" for index, (bucket, _) in buckets.items()},
        )

    def release(self, item: Attributes, *, now: datetime) -> Due | None:
        """See :class:`EpisodeStore`. One write when something was counted, else none."""
        key, outbox = item["pk"]["S"], texts(item, "outbox")
        count, until = number(item, "held_count"), number(item, "held_until")
        moment = int(now.timestamp())
        if outbox:
            return Due(key, outbox)  # that first
        if count is None or until is None or until > moment:
            return None
        buckets = [name for name in item if name.startswith(_BUCKET)]
        text = _held_alert(item, key=key, count=count, now=now)
        try:
            self._table.update(
                key,
                "SET outbox = :alerts, outbox_at = :sweep_at, episode_until = :until "
                "REMOVE held_count, held_alert, held_first_at, held_last_at, held_until"
                + "".join(f", #b{index}" for index in range(len(buckets))),
                {
                    ":alerts": [text],
                    ":sweep_at": moment + SWEEP_AFTER_SECONDS,
                    ":until": moment + (number(item, "interval_seconds") or 0),
                    ":seen": count,
                    ":seen_until": until,
                },
                names={f"#b{index}": name for index, name in enumerate(buckets)},
                condition="held_count = :seen AND held_until = :seen_until AND attribute_not_exists(outbox)",
            )
        except ConditionNotMet:
            return None  # more has been counted since: the next look has it
        return Due(key, (text,))

    def clear(self, due: Due) -> None:
        """See :class:`EpisodeStore`. One write, two when something has been counted meanwhile."""
        values = {":alerts": list(due.outbox)}
        with suppress(ConditionNotMet):
            self._table.update(
                due.key,
                "REMOVE outbox, outbox_shard, outbox_at",
                values,
                condition="outbox = :alerts AND attribute_not_exists(held_count)",
            )
            return
        with suppress(ConditionNotMet):
            self._table.update(
                due.key,
                "SET outbox_at = held_until REMOVE outbox",
                values,
                condition="outbox = :alerts AND attribute_exists(held_count)",
            )


def _held_alert(item: Attributes, *, key: str, count: int, now: datetime) -> str:
    """The JSON of the alert that tells what was counted: the newest of it, with how often and since when."""
    newest = item["held_alert"]["S"]
    try:
        alert = Alert.model_validate_json(newest)
    except (ValueError, OverflowError):
        return str(newest)  # whoever reads the outbox says that it cannot be read
    occurrences = Occurrences(
        count=count,
        first_at=datetime.fromtimestamp(float(item["held_first_at"]["N"]), UTC),
        last_at=datetime.fromtimestamp(float(item["held_last_at"]["N"]), UTC),
        seconds={int(name.removeprefix(_BUCKET)): int(value["N"]) for name, value in item.items() if name.startswith(_BUCKET)},
    )
    alert_id = digest([key, item["held_first_at"]["N"], count, now.isoformat()])
    return alert.model_copy(update={"alert_id": alert_id, "occurrences": occurrences, "raised_at": now}).model_dump_json()
