"""Errors of deployments → outages of deployments and of regions, counted across all containers and all gateways.

An error is a status of 408 or of 500 and above. Errors are counted in slots of time, so that a window slides over
them: ``minor_outage_alert_threshold`` of them within ``outage_alert_ttl`` are a minor outage, ``major_…`` a major one.
A region's outage takes errors of at least two deployments besides. Each severity is told once an outage; an outage is
over when there was no error for ``QUIET_WINDOWS`` windows. An error that is told of after its window does not count.

A gateway may also tell of an outage in its own words, which name neither the deployment nor the beginning. What both
ways know is claimed besides, so that an outage is told by the one that comes first::

    request log    its outage, with the name of its place              (period: until it is over; renewed while it lasts)
    own words      the name of the place; and the name without host    (for the type's interval)

    errors   ··x···xx·x·xx·│
              └─ window ───┘    6 ≥ minor: told         one item per deployment or region, ``outage#DIGEST``:
                                                        errors_SLOT, seen_DEPLOYMENT, kind_NAME, opened_at, last_error_at
"""

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import NamedTuple, Protocol

from evaluate.claims import Claim
from evaluate.gateway_alert import LEVELS, SUBJECTS
from evaluate.occurrences import Occurrence, facts_of
from evaluate.request_logs import api_base_of, ended_at, model_of, provider_of, status_of, upstream_model_of
from evaluate.table import AlertsTable, Attributes, ConditionNotMet, agenda_shard, number
from gateway_alerts.alert_types import OUTAGE_ALERTS, REGION_OUTAGE_ALERTS, Level
from gateway_alerts.alerts import Alert, Entity, Occurrences
from gateway_alerts.config import Config
from gateway_alerts.events import RequestLog
from gateway_alerts.keys import digest
from gateway_alerts.masking import masked

KEY_PREFIX = "outage#"
#: Slots in a window: a window's edge is this much of it unsharp.
SLOTS = 10
#: So many windows without an error, and the outage is over.
QUIET_WINDOWS = 5
#: A region is out when more than one deployment of it is.
REGION_DEPLOYMENTS = 2
#: Deployments that one write notes: enough for that, and far below the 4 KB of an update expression
#: (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
NOTED_DEPLOYMENTS = 50
KEEP_SECONDS = 7 * 86_400
MINOR, MAJOR, OVER = Decimal(1), Decimal(2), Decimal(3)
_SEVERITIES = {"minor": MINOR, "major": MAJOR}
TIMEOUT_STATUS = 408


class Place(NamedTuple):
    """What may be out: a deployment, or a provider's region."""

    alert_type: str
    provider: str
    #: The deployment's id, or the region's name.
    id: str
    model: str = ""
    api_base: str = ""
    #: What the provider calls the model. Not kept in the table: nobody needs it once an outage was told.
    upstream_model: str = ""

    @property
    def key(self) -> str:
        """The key of its count in the table."""
        return f"{KEY_PREFIX}{digest([self.alert_type, self.provider, self.id])}"

    @property
    def name_key(self) -> str:
        """The claim's key under which a gateway's own words may have told of it."""
        if self.alert_type == REGION_OUTAGE_ALERTS:
            return _name_key(self.alert_type, self.provider, self.id)
        return _name_key(self.alert_type, self.provider, self.upstream_model, _host(self.api_base))


@dataclass(slots=True)
class Errors:
    """Errors of one place that one invocation has seen, by moment; whose, and of which kind."""

    place: Place
    gateway: str
    at: list[datetime] = field(default_factory=list)
    deployments: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)


class Outage(NamedTuple):
    """A place, and what has been counted of it. ``rung`` is MINOR or MAJOR."""

    place: Place
    rung: Decimal
    opened_at: datetime
    last_error_at: datetime
    error_count: int
    kinds: tuple[tuple[str, int], ...]
    gateway: str

    @property
    def claim_key(self) -> str:
        """Its identity among the claims: each severity of it is told once."""
        return f"{KEY_PREFIX}{digest([self.place.alert_type, self.place.provider, self.place.id, self.opened_at.isoformat()])}"


class ReportedOutage(NamedTuple):
    """An outage that a gateway tells of in its own words.

    ``name_key`` is its place; ``name_key_without_host``, None where that says no more, is the same for request logs that
    tell no address.
    """

    occurrence: Occurrence
    rung: Decimal
    name_key: str
    name_key_without_host: str | None

    def claims(self, alert: Alert, *, config: Config) -> tuple[Claim, Claim | None]:
        """The claim that decides whether it is told, and the one that says so to request logs without an address."""
        ttl_seconds = config.repeat_interval_seconds(alert.alert_type)
        claim = Claim(self.name_key, self.rung, None, alert.model_dump_json(), ttl_seconds=ttl_seconds)
        if self.name_key_without_host is None:
            return claim, None
        return claim, claim._replace(key=self.name_key_without_host, outbox=None)


def reported_outage(occurrence: Occurrence) -> ReportedOutage | None:
    """The outage that an occurrence tells of; None when it is none, or names its deployment or no place."""
    alert_type = occurrence.alert_type
    said = dict(zip(SUBJECTS.get(alert_type, ()), occurrence.alike, strict=False))
    rung, provider = _SEVERITIES.get(said.get("severity") or ""), said.get("provider") or ""
    name = said.get("region" if alert_type == REGION_OUTAGE_ALERTS else "model")
    if rung is None or not name or said.get("model_id"):
        return None
    without_host = _name_key(alert_type, provider, name)
    if alert_type == REGION_OUTAGE_ALERTS:
        return ReportedOutage(occurrence, rung, without_host, None)
    host = _host(said.get("api_base") or "") or "no address"
    return ReportedOutage(occurrence, rung, _name_key(alert_type, provider, name, host), without_host)


def _name_key(alert_type: str, provider: str, name: str, host: str = "") -> str:
    return f"{KEY_PREFIX}{digest(['name', alert_type, provider, name, host])}"


def _host(api_base: str) -> str:
    from urllib.parse import urlsplit  # with the first outage

    try:
        return urlsplit(api_base).hostname or ""
    except ValueError:
        return ""


def is_outage_error(log: RequestLog) -> bool:
    """Whether a request failed in a way that counts towards an outage."""
    status = status_of(log)
    return log.status == "failure" and status is not None and (status == TIMEOUT_STATUS or status >= 500)


def region_of(api_base: str) -> str | None:
    """The region in a deployment's address; None where it holds none."""
    host = _host(api_base)
    return next((match[1] for pattern in _regions() if (match := pattern.match(host))), None)


@cache
def _regions() -> tuple[re.Pattern[str], ...]:
    """Where a region stands in the addresses that carry one: Vertex AI, Bedrock, SageMaker, Azure's regional endpoints."""
    return (
        re.compile(r"^([a-z]+-[a-z]+[0-9]+)-aiplatform\.googleapis\.com$"),
        re.compile(r"^(?:bedrock|bedrock-runtime|runtime\.sagemaker)\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.amazonaws\.com$"),
        re.compile(r"^([a-z]+[0-9]?)\.api\.cognitive\.microsoft\.com$"),
        re.compile(r"^[a-z0-9-]+\.([a-z]+[0-9]?)\.(?:models\.ai|inference\.ai)\.azure\.com$"),
    )


def errors_in(logs: Iterable[RequestLog], *, gateway: str, config: Config, now: datetime) -> list[Errors]:
    """The errors that count, by the places that they are of."""
    found: dict[str, Errors] = {}
    for log in logs:
        if not is_outage_error(log):
            continue
        # Masked here already, since it is kept in the table.
        provider, model, base = map(masked, (provider_of(log), model_of(log), api_base_of(log)))
        upstream_model = masked(upstream_model_of(log))
        at, deployment = ended_at(log, now=now), masked(log.model_id or "") or digest([model, base])
        places = []
        if config.is_enabled(OUTAGE_ALERTS):
            places.append(Place(OUTAGE_ALERTS, provider, deployment, model, base, upstream_model))
        region = region_of(api_base_of(log))
        if region is not None and config.is_enabled(REGION_OUTAGE_ALERTS):
            places.append(Place(REGION_OUTAGE_ALERTS, provider, region))
        for place in places:
            # It could make no outage any more, only end one too early or be one slot of too many.
            if at <= now - timedelta(seconds=window_seconds(place, config=config)):
                continue
            errors = found.setdefault(place.key, Errors(place, gateway))
            errors.at.append(at)
            errors.deployments.add(deployment)
            errors.kinds["time-outs" if status_of(log) == TIMEOUT_STATUS else "server errors"] += 1
    return list(found.values())


def window_seconds(place: Place, *, config: Config) -> int:
    """How long an error counts."""
    arguments = config.alerting_args
    return arguments.outage_alert_ttl if place.alert_type == OUTAGE_ALERTS else arguments.region_outage_alert_ttl


def quiet_seconds(place: Place, *, config: Config) -> int:
    """After how long without an error an outage is over."""
    return QUIET_WINDOWS * window_seconds(place, config=config)


def outage_in(counted: "Counted", place: Place, *, gateway: str, config: Config, now: datetime) -> Outage | None:
    """The outage that the counts make, None below the thresholds. Pure."""
    window = timedelta(seconds=window_seconds(place, config=config))
    count = sum(n for slot, n in counted.slots.items() if slot > now - window)
    arguments = config.alerting_args
    if count < arguments.minor_outage_alert_threshold:
        return None
    is_region = place.alert_type == REGION_OUTAGE_ALERTS
    if is_region and sum(at > now - window for at in counted.seen.values()) < REGION_DEPLOYMENTS:
        return None
    rung = MAJOR if count >= arguments.major_outage_alert_threshold else MINOR
    return Outage(place, rung, counted.opened_at, now, count, counted.kinds, gateway)


def outage_claim(outage: Outage, *, now: datetime, request_id: str, config: Config) -> tuple[Claim, Alert]:
    """The claim that decides who tells of an outage (or of its end, at rung OVER), with the alert."""
    place, is_over = outage.place, outage.rung == OVER
    severity = "major" if outage.rung == MAJOR else "minor"
    level: Level = "Low" if is_over else LEVELS[severity]
    name = masked(place.model or place.id)
    entity_type = "deployment" if place.alert_type == OUTAGE_ALERTS else "region"
    said = {
        "Severity": "" if is_over else severity,
        "Provider": place.provider,
        "API base": place.api_base,
        "Deployment": place.id if entity_type == "deployment" else "",
        "Window": f"{window_seconds(place, config=config)} s",
        **{kind.capitalize(): str(count) for kind, count in outage.kinds},
    }
    alert = Alert(
        alert_id=digest([outage.claim_key, str(outage.rung), now.isoformat(), request_id]),
        dedupe_key=outage.claim_key,
        alert_type=place.alert_type,
        event=place.alert_type,
        level=level,
        gateway=outage.gateway,
        message="No more errors" if is_over else f"{outage.error_count} errors",
        entity=Entity(type=entity_type, id=masked(place.id), name=name),
        occurrences=Occurrences(count=max(1, outage.error_count), first_at=outage.opened_at, last_at=outage.last_error_at),
        facts=facts_of(said),
        is_resolved=is_over,
        is_digest=config.is_digest(place.alert_type),
        raised_at=now,
        destinations=config.destinations_for(
            alert_type=place.alert_type, entity_type=entity_type, gateway=outage.gateway, level=level
        ),
    )
    return Claim(outage.claim_key, outage.rung, None, alert.model_dump_json()), alert


def name_claim(outage: Outage, rung: Decimal, *, now: datetime, config: Config) -> Claim:
    """The claim that says to a gateway's own words that an outage was told at a rung, until it is over."""
    until = now + timedelta(seconds=quiet_seconds(outage.place, config=config))
    return Claim(outage.place.name_key, rung, int(until.timestamp()), None)


class Counted(NamedTuple):
    """What the table has of a place: errors by the beginning of their slot, and when each deployment erred last."""

    opened_at: datetime
    slots: dict[datetime, int]
    seen: dict[str, datetime]
    kinds: tuple[tuple[str, int], ...]


class OutageCounts(Protocol):
    """Where errors are counted. Every method raises DependencyUnavailable when it cannot be reached."""

    def count(self, errors: Errors, *, window_seconds: int, quiet_seconds: int, now: datetime) -> Counted:
        """Add errors; returns all that is counted of their place."""

    def mark(self, outage: Outage) -> None:
        """Note that an outage is about to be told, so that its end is worth telling too."""

    def settle(self, item: Attributes, *, now: datetime) -> Outage | None:
        """Look after an item of the agenda: the outage that was told and is over; None when there is none."""

    def forget(self, outage: Outage) -> None:
        """Forget an outage that is over, unless there were errors since."""


class DynamoDBOutageCounts:
    """Counts in the alerts table."""

    def __init__(self, table: AlertsTable) -> None:
        self._table = table

    def count(self, errors: Errors, *, window_seconds: int, quiet_seconds: int, now: datetime) -> Counted:
        """See :class:`OutageCounts`. One write; one more where counts are old enough to be thrown away."""
        slot_seconds = max(1, window_seconds // SLOTS)
        slots = Counter(int(at.timestamp()) // slot_seconds * slot_seconds for at in errors.at)
        added = {f"errors_{slot}": count for slot, count in slots.items()} | {
            f"kind_{kind}": count for kind, count in errors.kinds.items()
        }
        last_at = int(max(errors.at).timestamp())
        seen = {f"seen_{deployment}": last_at for deployment in sorted(errors.deployments)[:NOTED_DEPLOYMENTS]}
        place = errors.place
        names = {f"#a{i}": name for i, name in enumerate(added)} | {f"#s{i}": name for i, name in enumerate(seen)}
        item = self._table.update(
            place.key,
            "SET opened_at = if_not_exists(opened_at, :opened_at), last_error_at = :last_at, quiet_seconds = :quiet, "
            "alert_type = :alert_type, provider = :provider, place_id = :place_id, model = :model, api_base = :api_base, "
            "gateway = :gateway, outbox_shard = :shard, outbox_at = if_not_exists(outbox_at, :due), expires_at = :expires_at"
            + "".join(f", #s{i} = :s{i}" for i in range(len(seen)))
            + " ADD "
            + ", ".join(f"#a{i} :a{i}" for i in range(len(added))),
            {
                ":opened_at": int(min(errors.at).timestamp()),
                ":last_at": last_at,
                ":quiet": quiet_seconds,
                ":alert_type": place.alert_type,
                ":provider": place.provider,
                ":place_id": place.id,
                ":model": place.model,
                ":api_base": place.api_base,
                ":gateway": errors.gateway,
                ":shard": agenda_shard(place.key),
                ":due": last_at + quiet_seconds,
                ":expires_at": last_at + KEEP_SECONDS,
                **{f":a{i}": count for i, count in enumerate(added.values())},
                **{f":s{i}": at for i, at in enumerate(seen.values())},
            },
            names=names,
            is_read=True,
        )
        counted = _counted(item)
        oldest = now - timedelta(seconds=2 * window_seconds)
        stale = [f"errors_{int(slot.timestamp())}" for slot in counted.slots if slot < oldest]
        if len(stale) > SLOTS:
            names = {f"#a{i}": name for i, name in enumerate(stale)}
            self._table.update(place.key, "REMOVE " + ", ".join(names), {}, names=names)
        return counted

    def settle(self, item: Attributes, *, now: datetime) -> Outage | None:
        """See :class:`OutageCounts`. One write when there were errors since."""
        last_at, quiet = number(item, "last_error_at") or 0, number(item, "quiet_seconds") or 0
        if last_at + quiet > int(now.timestamp()):
            with suppress(ConditionNotMet):  # forgotten meanwhile; an update would bring back an item without its figures
                self._table.update(
                    item["pk"]["S"],
                    "SET outbox_at = :due",
                    {":due": last_at + quiet},
                    condition="attribute_exists(last_error_at)",
                )
            return None
        counted = _counted(item)
        said = {name: item[name]["S"] for name in ("alert_type", "provider", "place_id", "model", "api_base", "gateway")}
        outage = Outage(
            place=Place(said["alert_type"], said["provider"], said["place_id"], said["model"], said["api_base"]),
            rung=OVER,
            opened_at=counted.opened_at,
            last_error_at=datetime.fromtimestamp(last_at, UTC),
            error_count=sum(count for _, count in counted.kinds),
            kinds=counted.kinds,
            gateway=said["gateway"],
        )
        if "is_told" not in item:
            self.forget(outage)
            return None
        return outage

    def mark(self, outage: Outage) -> None:
        """See :class:`OutageCounts`."""
        self._table.update(outage.place.key, "SET is_told = :told", {":told": 1})

    def forget(self, outage: Outage) -> None:
        """See :class:`OutageCounts`."""
        with suppress(ConditionNotMet):  # it goes on
            self._table.delete(
                outage.place.key,
                condition="last_error_at = :last_at",
                values={":last_at": int(outage.last_error_at.timestamp())},
            )


def _counted(item: Attributes) -> Counted:
    def by_prefix(prefix: str) -> dict[str, int]:
        return {name.removeprefix(prefix): int(value["N"]) for name, value in item.items() if name.startswith(prefix)}

    return Counted(
        opened_at=datetime.fromtimestamp(number(item, "opened_at") or 0, UTC),
        slots={datetime.fromtimestamp(int(slot), UTC): count for slot, count in by_prefix("errors_").items()},
        seen={name: datetime.fromtimestamp(at, UTC) for name, at in by_prefix("seen_").items()},
        kinds=tuple(sorted(by_prefix("kind_").items())),
    )
