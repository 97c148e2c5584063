"""A gate for each destination, shared by all containers: who may post now, and whether anybody is there.

Promise: no post to a destination before the time that it asked for has passed, and not faster than it takes them;
nobody sleeps. One container at a time posts a destination's alerts, or an answer of "later" to one would come too late
for the other, and both would post what SQS gave to both. That holds while the destination is broken too: who diverts its
alerts holds its gate meanwhile, and so does who probes. A gate is one item, ``gate#DESTINATION``::

    holder, held_until_millis   the invocation that is posting or diverting, and when it is taken for dead
    arrival_millis              the moment at which all posts granted so far would have gone at the steady rate
                                (generic cell rate algorithm: a burst may run ahead of it by BURST_POSTS, and the second
                                form of a message that was refused by one more)
    closed_until_millis         no post before this: the latest Retry-After
    broken_reason               set while the destination refuses everything for a reason that only an operator can mend
    probe_at_millis             when one post may try whether it has been mended

One conditional write reserves one post.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gateway_alerts.dynamodb import epoch_millis, item_key
from gateway_alerts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: "1 per second, short bursts more" (https://docs.slack.dev/apis/web-api/rate-limits#incoming-webhooks).
POST_INTERVAL_MILLIS = 1_000
BURST_POSTS = 5
PROBE_EVERY = timedelta(minutes=15)
#: Longer than NotifyFunction may run (``Timeout`` in the template), so who holds a gate for longer is dead. One second is
#: for clocks that differ.
HOLD_MILLIS = 31_000
#: How often two containers may be in each other's way before one leaves the gate to the other.
TRIES = 3


class Reservation(NamedTuple):
    """Whether one post may go now, and if not, in how many seconds to ask again.

    ``broken_reason`` is set when the destination is broken and nobody else is posting its alerts: a post that is granted all
    the same is a probe; when none is, the gate is held for posting the alerts elsewhere.
    """

    is_granted: bool
    wait_seconds: int = 0
    broken_reason: str | None = None


class Gates(Protocol):
    """Says when a destination may be called. Every method raises DependencyUnavailable."""

    def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
        """Reserve one post. Who has one, or is told a ``broken_reason``, holds the gate until :meth:`release`, and may
        reserve more. The second form of a message that was refused does not wait for the pace: later posts pay for it.
        """

    def release(self, destination: str, *, holder: str) -> None:
        """Let others post."""

    def close(self, destination: str, *, until: datetime) -> None:
        """Let nothing through before a moment. A later moment that was said before stands."""

    def set_broken(self, destination: str, *, reason: str, now: datetime) -> bool:
        """Note that the destination refuses everything; returns whether that is news."""

    def set_healed(self, destination: str) -> None:
        """Note that the destination takes posts again."""


class DynamoDBGates:
    """Gates in the alerts table."""

    def __init__(self, client: "Callable[[], BaseClient]", *, table_name: str) -> None:
        self._client: Callable[[], Any] = client
        self._table_name = table_name

    def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
        """See :class:`Gates`. One write when the gate has been idle, else two: what it is, then what it becomes."""
        moment = epoch_millis(now)
        reservation, after = decide(GateState(), holder=holder, moment=moment)
        in_the_way = self._update(destination, _RESERVE, condition=_IDLE, values={**_becomes(after), ":now": moment})
        for _ in range(TRIES):
            if in_the_way is None:
                return reservation
            state = in_the_way
            reservation, after = decide(state, holder=holder, moment=moment, is_second_form=is_second_form)
            if after == state:
                return reservation
            in_the_way = self._update(
                destination, _RESERVE, condition=_unchanged(state), values={**_becomes(after), **_seen(state)}
            )
        return reservation if in_the_way is None else Reservation(is_granted=False, wait_seconds=1)

    def release(self, destination: str, *, holder: str) -> None:
        """See :class:`Gates`."""
        self._update(destination, "REMOVE holder, held_until_millis", condition="holder = :holder", values={":holder": holder})

    def close(self, destination: str, *, until: datetime) -> None:
        """See :class:`Gates`."""
        self._update(
            destination,
            "SET closed_until_millis = :until",
            condition="attribute_not_exists(closed_until_millis) OR closed_until_millis < :until",
            values={":until": epoch_millis(until)},
        )

    def set_broken(self, destination: str, *, reason: str, now: datetime) -> bool:
        """See :class:`Gates`."""
        probe_at = epoch_millis(now + PROBE_EVERY)
        is_news = self._update(
            destination,
            "SET broken_reason = :reason, probe_at_millis = :probe_at",
            condition="attribute_not_exists(broken_reason)",
            values={":reason": reason or "unknown", ":probe_at": probe_at},
        )
        return is_news is None

    def set_healed(self, destination: str) -> None:
        """See :class:`Gates`."""
        self._update(
            destination,
            "REMOVE broken_reason SET probe_at_millis = :never",
            condition="attribute_exists(broken_reason)",
            values={":never": 0},
        )

    def _update(self, destination: str, update: str, *, condition: str, values: Mapping[str, int | str]) -> "GateState | None":
        """Write; None when it was written, else the state that stood in the way."""
        from botocore.exceptions import BotoCoreError, ClientError

        parameters: dict[str, Any] = {
            "TableName": self._table_name,
            "Key": item_key(f"gate#{destination}"),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {
                name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in values.items()
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            self._client().update_item(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise DependencyUnavailable(f"DynamoDB: gate: {error.response['Error']['Code']}") from None
            return _state(error.response.get("Item", {}))
        except BotoCoreError as error:
            raise DependencyUnavailable(f"DynamoDB: gate: {type(error).__name__}") from None
        return None


class GateState(NamedTuple):
    """One gate. Times are epoch milliseconds, 0 where there is none."""

    arrival_millis: int = 0
    closed_until_millis: int = 0
    probe_at_millis: int = 0
    held_until_millis: int = 0
    holder: str = ""
    broken_reason: str = ""


def decide(state: GateState, *, holder: str, moment: int, is_second_form: bool = False) -> tuple[Reservation, GateState]:
    """What a gate grants at a moment (epoch milliseconds), and what it is after that. Pure."""
    is_held = state.holder not in ("", holder) and moment < state.held_until_millis
    held = state._replace(held_until_millis=moment + HOLD_MILLIS, holder=holder)
    opens_at = max(
        state.closed_until_millis,
        state.probe_at_millis if state.broken_reason else 0,
        # When there is room for one more.
        0 if is_second_form else state.arrival_millis - (BURST_POSTS - 1) * POST_INTERVAL_MILLIS,
    )
    broken_reason = state.broken_reason or None
    if is_held and (broken_reason or moment >= opens_at):
        return Reservation(is_granted=False, wait_seconds=1), state
    if moment < opens_at:
        refusal = Reservation(is_granted=False, wait_seconds=_seconds(opens_at - moment), broken_reason=broken_reason)
        return refusal, held if broken_reason else state
    after = held._replace(
        arrival_millis=max(state.arrival_millis, moment) + POST_INTERVAL_MILLIS,
        probe_at_millis=moment + PROBE_EVERY // timedelta(milliseconds=1) if broken_reason else 0,
    )
    return Reservation(is_granted=True, broken_reason=broken_reason), after


_NUMBERS = ("arrival_millis", "closed_until_millis", "probe_at_millis", "held_until_millis")
_RESERVE = "SET arrival_millis = :arrival, probe_at_millis = :probe_at, held_until_millis = :held_until, holder = :holder"
_IDLE = (
    "(attribute_not_exists(arrival_millis) OR arrival_millis <= :now)"
    " AND (attribute_not_exists(closed_until_millis) OR closed_until_millis <= :now)"
    " AND (attribute_not_exists(held_until_millis) OR held_until_millis <= :now)"
    " AND attribute_not_exists(broken_reason)"
)


def _becomes(state: GateState) -> dict[str, int | str]:
    return {
        ":arrival": state.arrival_millis,
        ":probe_at": state.probe_at_millis,
        ":held_until": state.held_until_millis,
        ":holder": state.holder,
    }


def _unchanged(state: GateState) -> str:
    """The condition that a gate is still as it was seen; 0 stands for an attribute that is not there."""
    same = [
        f"{name} = :seen_{name}" if getattr(state, name) else f"(attribute_not_exists({name}) OR {name} = :seen_{name})"
        for name in _NUMBERS
    ]
    broken = "attribute_exists(broken_reason)" if state.broken_reason else "attribute_not_exists(broken_reason)"
    return " AND ".join([*same, broken])


def _seen(state: GateState) -> dict[str, int]:
    return {f":seen_{name}": getattr(state, name) for name in _NUMBERS}


def _state(item: Mapping[str, Any]) -> GateState:
    arrival, closed_until, probe_at, held_until = (int(item[name]["N"]) if name in item else 0 for name in _NUMBERS)
    holder, broken_reason = (item[name]["S"] if name in item else "" for name in ("holder", "broken_reason"))
    return GateState(arrival, closed_until, probe_at, held_until, holder, broken_reason)


def _seconds(millis: int) -> int:
    """Whole seconds, rounded up, at least one."""
    return max(1, -(-millis // 1000))
