"""Requests that have begun and not ended → what is told of them, all of them together by model.

A gateway that can says when a request begins and when it ends: gateway alerts of type ``llm_requests_hanging`` with
``state`` ``started`` or ``ended`` and a ``call_id``. Each begun request is one item, on the agenda for the moment from
which on it hangs; the sweep then claims all that hang at once (one transaction for a hundred), so that each is told
once, whoever dies. A request that ends in time is deleted and nothing is told::

    pk                       hanging#DIGEST of gateway and call id
    gateway, model, call_id, started_at
    outbox_shard, outbox_at  the agenda
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from evaluate.claims import Claim
from evaluate.occurrences import Occurrence
from evaluate.request_logs import UNKNOWN_MODEL
from evaluate.table import AlertsTable, Attributes, ConditionNotMet, agenda_shard
from gateway_alerts.alert_types import ALERT_TYPES, LLM_REQUESTS_HANGING
from gateway_alerts.alerts import Alert, Entity, Fact
from gateway_alerts.bounds import MAX_EPOCH_SECONDS, moment_of
from gateway_alerts.config import Config
from gateway_alerts.distributions import buckets_of
from gateway_alerts.errors import InvalidEvent
from gateway_alerts.events import GatewayAlert
from gateway_alerts.keys import digest
from gateway_alerts.masking import masked

KEY_PREFIX = "hanging#"
STARTED, ENDED = "started", "ended"
#: A request that nobody ended is forgotten after this.
KEEP_SECONDS = 2 * 86_400
#: Call ids that one alert names; each of them can be found in the gateway's own logs.
NAMED_CALLS = 50
ID_CHARACTERS = 12
#: There is one thing to tell of a request: that it hangs.
ONLY_RUNG = Decimal(1)


class Signal(NamedTuple):
    """A request has begun, or has ended. ``due_at`` is from when on it hangs."""

    is_start: bool
    gateway: str
    call_id: str
    model: str
    started_at: datetime
    due_at: datetime

    @property
    def key(self) -> str:
        """The request's key in the table."""
        return f"{KEY_PREFIX}{digest([self.gateway, self.call_id])}"


class HangingCall(NamedTuple):
    """A request that hangs, as the table has it."""

    key: str
    gateway: str
    model: str
    call_id: str
    started_at: datetime


def signal_of(alert: GatewayAlert, *, gateway: str, config: Config, now: datetime) -> Signal | None:
    """The signal in a gateway alert; None where it is an alert like any other.

    Raises:
        InvalidEvent: ``state`` is given, and it is neither of the two or no ``call_id`` comes with it.
    """
    said = alert.metadata
    if alert.alert_type != LLM_REQUESTS_HANGING or said.get("state") is None:
        return None
    call_id, state = said.get("call_id"), said["state"]
    if state not in (STARTED, ENDED) or not isinstance(call_id, str) or not call_id.strip():
        raise InvalidEvent("metadata: a request's state is 'started' or 'ended', and comes with its call_id")
    given_model = said.get("model")
    model = masked(given_model[:200]) if isinstance(given_model, str) and given_model else UNKNOWN_MODEL
    longest_ago = now - timedelta(seconds=KEEP_SECONDS)
    started_at = max(longest_ago, min(now, _moment(said.get("started_at")) or alert.occurred_at or now))
    wait = timedelta(seconds=min(config.slow_after_seconds(model), KEEP_SECONDS / 2))
    return Signal(state == STARTED, gateway, call_id, model, started_at, started_at + wait)


def _moment(value: object) -> datetime | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_EPOCH_SECONDS:
        return datetime.fromtimestamp(value, UTC)
    return moment_of(value)


def hanging_claims(
    calls: Sequence[HangingCall], *, now: datetime, request_id: str, config: Config
) -> tuple[list[Claim], list[tuple[str, Alert]]]:
    """Claims for requests that hang, and one alert for each gateway and model, with the key of the claim that carries it."""
    by_model: dict[tuple[str, str], list[HangingCall]] = {}
    for call in calls:
        by_model.setdefault((call.gateway, call.model), []).append(call)
    claims: list[Claim] = []
    alerts: list[tuple[str, Alert]] = []
    for (gateway, model), alike in by_model.items():
        ids = [f"{call.call_id[:ID_CHARACTERS]}{'…' if len(call.call_id) > ID_CHARACTERS else ''}" for call in alike]
        more = f" and {len(ids) - NAMED_CALLS} more" if len(ids) > NAMED_CALLS else ""
        waits = [(now - call.started_at).total_seconds() for call in alike]
        occurrence = Occurrence(
            alert_type=LLM_REQUESTS_HANGING,
            gateway=gateway,
            alike=(model, *(call.call_id for call in alike)),
            level=ALERT_TYPES[LLM_REQUESTS_HANGING].level,
            message="Requests have begun and not ended",
            entity=Entity(type="model", id=model, name=model),
            first_at=min(call.started_at for call in alike),
            last_at=max(call.started_at for call in alike),
            count=len(alike),
            facts=(
                Fact(label="Threshold", text=f"{config.slow_after_seconds(model):g} s"),
                Fact(label="Calls", text=masked(", ".join(ids[:NAMED_CALLS]) + more)),
            ),
            seconds=buckets_of(waits),
        )
        alert = occurrence.alert(now=now, request_id=request_id, config=config)
        alerts.append((alike[0].key, alert))
        outboxes: list[str | None] = [alert.model_dump_json(), *[None] * (len(alike) - 1)]
        claims += [Claim(call.key, ONLY_RUNG, None, outbox) for call, outbox in zip(alike, outboxes, strict=True)]
    return claims, alerts


class HangingCalls(Protocol):
    """Where requests that have begun are kept. Every method raises DependencyUnavailable when it cannot be reached."""

    def note(self, signal: Signal) -> None:
        """Keep a request that has begun, or forget one that has ended."""

    def forget(self, keys: Iterable[str]) -> None:
        """Forget requests; one that carries an alert in its outbox, of others too, stays until the queue has that."""


class DynamoDBHangingCalls:
    """Requests in the alerts table."""

    def __init__(self, table: AlertsTable) -> None:
        self._table = table

    def note(self, signal: Signal) -> None:
        """See :class:`HangingCalls`. One write."""
        if not signal.is_start:
            self.forget([signal.key])
            return
        started_at, due_at = int(signal.started_at.timestamp()), int(signal.due_at.timestamp())
        # A signal that is sent twice does not bring back what was told already.
        with suppress(ConditionNotMet):
            self._table.update(
                signal.key,
                "SET gateway = :gateway, model = :model, call_id = :call_id, started_at = :started_at, "
                "outbox_shard = :shard, outbox_at = :due_at, expires_at = :expires_at",
                {
                    ":gateway": signal.gateway,
                    ":model": signal.model,
                    ":call_id": masked(signal.call_id),
                    ":started_at": started_at,
                    ":shard": agenda_shard(signal.key),
                    ":due_at": due_at,
                    ":expires_at": due_at + KEEP_SECONDS,
                },
                condition="attribute_not_exists(ttl_claimed_at)",
            )

    def forget(self, keys: Iterable[str]) -> None:
        """See :class:`HangingCalls`. One write each."""
        for key in keys:
            with suppress(ConditionNotMet):
                self._table.delete(key, condition="attribute_not_exists(outbox)")


def hanging_call(item: Attributes) -> HangingCall:
    """A request of the agenda."""
    return HangingCall(
        key=item["pk"]["S"],
        gateway=item["gateway"]["S"],
        model=item["model"]["S"],
        call_id=item["call_id"]["S"],
        started_at=datetime.fromtimestamp(int(item["started_at"]["N"]), UTC),
    )
