"""Alerts and records to test with, and stand-ins for what NotifyFunction talks to. A stand-in keeps what was done to it."""

import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from threading import Lock
from typing import Any

import httpx
from botocore.exceptions import ClientError

from gateway_alerts.alerts import Alert, BudgetFigures, Entity, Fact, QueuedAlert
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from notify.dead_letters import DeadLetter
from notify.destinations.base import Message
from notify.gates import PROBE_EVERY, GateState, Reservation, decide
from notify.grouping import AlertItem, Received, group_by_destination
from notify.outcomes import Delivered, Outcome
from notify.pipeline import Notified, Ports, notify

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

#: A webhook's URL is its secret; whatever is said about it must hold none of these.
WEBHOOK = "https://hooks.slack.test/services/T0SECRET1/B0SECRET2/x9SECRET3"
SECRETS = ("T0SECRET1", "B0SECRET2", "x9SECRET3", "hooks.slack.test")

_ENTITY = {"entity_type": "type", "entity_id": "id", "name": "name", "owner": "owner", "team": "team"}
_ALERT = (
    "alert_id",
    "dedupe_key",
    "alert_type",
    "event",
    "level",
    "gateway",
    "message",
    "raised_at",
    "destinations",
    "is_resolved",
    "is_digest",
)
_EVENTS = {"projected": "projected_limit_exceeded", "soft": "soft_budget_crossed"}


def make_alert(**given: Any) -> Alert:
    """An alert of key ``prod-search`` at 96 % of $100, but for what is given: fields of the alert, of its entity
    (``entity_type``, ``entity_id``, ``name``, ``owner``, ``team``) and of its figures, by name.
    """
    entity = {"type": "key", "id": "key-1", "name": "prod-search"} | {
        _ENTITY[k]: given.pop(k) for k in list(given) if k in _ENTITY
    }
    alert = {key: given.pop(key) for key in list(given) if key in _ALERT}
    if "facts" in given:
        alert["facts"] = tuple(Fact(label=label, text=text) for label, text in given.pop("facts"))
    budget: dict[str, Any] = {"kind": "maximum", "spend": "96", "limit": "100"} | given
    over = budget["kind"] != "maximum" or Decimal(budget["spend"]) >= Decimal(budget["limit"])
    budget.setdefault("rung", "1" if over else "0.95")
    identity = f"budget#{entity['type']}#{entity['id']}@{alert.get('gateway', '')}"
    defaults = {
        "alert_id": f"alert-{identity}",
        "dedupe_key": identity,
        "alert_type": "budget_alerts",
        "event": _EVENTS.get(budget["kind"], "budget_crossed" if over else "threshold_crossed"),
        "level": "High",
        "gateway": "prod-gateway",
        "message": "Key Budget: Threshold Crossed",
        "raised_at": NOW,
    }
    return Alert(**(defaults | alert), entity=Entity(**entity), budget=BudgetFigures(**budget))


def make_incident(alert_type: str = "llm_exceptions", **given: Any) -> Alert:
    """An alert of any other type, of model ``gpt-4o``, but for what is given: fields of the alert and of its entity, by name.
    ``facts`` are pairs of label and text.
    """
    entity = {"type": "model", "id": "gpt-4o", "name": "gpt-4o"} | {_ENTITY[k]: given.pop(k) for k in list(given) if k in _ENTITY}
    facts = tuple(Fact(label=label, text=text) for label, text in given.pop("facts", ()))
    defaults = {
        "alert_id": f"alert-{alert_type}-{entity['id']}",
        "dedupe_key": f"{alert_type}#{entity['id']}",
        "alert_type": alert_type,
        "event": alert_type,
        "level": "High",
        "gateway": "prod-gateway",
        "message": "it failed",
        "raised_at": NOW,
    }
    return Alert(**(defaults | given), entity=Entity(**entity), facts=facts)


def make_item_of(*alerts: Alert) -> AlertItem:
    """The one item that alerts of one sameness are grouped into."""
    ((item,),) = group_by_destination(received_of(*alerts)).values()
    return item


def received_of(*alerts: Alert) -> list[Received]:
    """A record of each alert, as it has been read."""
    return [
        Received(f"message-{n}", f"handle-{n}", "", NOW, 1, QueuedAlert(destination="default", alert=alert))
        for n, alert in enumerate(alerts)
    ]


def make_received(
    message_id: str = "1", *, destination: str = "default", sent_at: datetime = NOW, receive_count: int = 1, **given: Any
) -> Received:
    """A record as it has been read."""
    queued = QueuedAlert(destination=destination, alert=make_alert(**given))
    return Received(message_id, f"handle of {message_id}", queued.model_dump_json(), sent_at, receive_count, queued)


def make_item(*, times: int = 1, **given: Any) -> AlertItem:
    """One alert as it will be shown, raised so many times."""
    alert_id = make_alert(**given).alert_id
    records = [make_received(f"message-{alert_id}-{n}", **given | {"alert_id": f"{alert_id}-{n}"}) for n in range(times)]
    return AlertItem(make_alert(**given), {record.queued.alert.alert_id for record in records}, records)


def make_items(number: int, **given: Any) -> list[AlertItem]:
    """So many keys close to their budgets, with ordinary names."""
    return [make_item(entity_id=f"key-{n:05}", name=f"service-{n:05}", spend=str(85 + n % 10), **given) for n in range(number)]


_message_number = count()


def make_record(
    message_id: str | None = None,
    *,
    destination: str = "default",
    sent_at: datetime = NOW,
    receive_count: int = 1,
    **given: Any,
) -> dict[str, Any]:
    """An SQS record as Lambda gives it, as far as it is read."""
    body = QueuedAlert(destination=destination, alert=make_alert(**given)).model_dump_json()
    return raw_record(message_id or f"sqs-{next(_message_number)}", body, sent_at=sent_at, receive_count=receive_count)


def raw_record(message_id: str, body: str, *, sent_at: datetime = NOW, receive_count: int = 1) -> dict[str, Any]:
    """An SQS record with whatever body."""
    attributes = {"SentTimestamp": str(int(sent_at.timestamp() * 1_000)), "ApproximateReceiveCount": str(receive_count)}
    return {"messageId": message_id, "receiptHandle": f"handle of {message_id}", "body": body, "attributes": attributes}


def make_records(number: int, *, destination: str = "default", **given: Any) -> list[dict[str, Any]]:
    """Records of so many keys."""
    return [
        make_record(f"{destination}-{n}", destination=destination, entity_id=f"key-{n:05}", name=f"service-{n:05}", **given)
        for n in range(number)
    ]


def again(records: Iterable[Mapping[str, Any]], **attributes: Any) -> list[dict[str, Any]]:
    """The same records as the queue gives them out later: received once more."""
    return [
        raw_record(
            record["messageId"],
            record["body"],
            **{
                "sent_at": datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1_000, UTC),
                "receive_count": int(record["attributes"]["ApproximateReceiveCount"]) + 1,
            }
            | attributes,
        )
        for record in records
    ]


class FakeDeliveries:
    """Deliveries in memory, as pairs of ``alert_id`` and destination. A failure is said by a flag."""

    def __init__(self, known: Iterable[tuple[str, str]] = (), *, cannot_read: bool = False, cannot_note: bool = False) -> None:
        self.known = set(known)
        self.noted_at: list[datetime] = []
        self._cannot_read, self._cannot_note = cannot_read, cannot_note

    def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
        if self._cannot_read:
            raise DependencyUnavailable("DynamoDB: query: ClientError")
        return {alert.alert_id for alert in alerts if (alert.alert_id, destination) in self.known}

    def note(self, alert_ids: Iterable[str], *, destination: str, now: datetime) -> None:
        if self._cannot_note:
            raise DependencyUnavailable("DynamoDB: update_item: ClientError")
        self.known |= {(alert_id, destination) for alert_id in alert_ids}
        self.noted_at.append(now)


class FakeGates:
    """Gates that grant everything, or what is given in turn. What was done to them is kept."""

    def __init__(self, *reservations: Reservation, cannot: Iterable[str] = ()) -> None:
        self.reserved: list[str] = []
        self.released: list[str] = []
        self.closed: dict[str, datetime] = {}
        self.broken: dict[str, str] = {}
        self.healed: list[str] = []
        self._reservations, self._cannot = list(reservations), set(cannot)

    def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
        self._check("reserve")
        self.reserved.append(destination)
        return self._reservations.pop(0) if self._reservations else Reservation(is_granted=True)

    def release(self, destination: str, *, holder: str) -> None:
        self._check("release")
        self.released.append(destination)

    def close(self, destination: str, *, until: datetime) -> None:
        self._check("close")
        self.closed[destination] = max(until, self.closed.get(destination, until))

    def set_broken(self, destination: str, *, reason: str, now: datetime) -> bool:
        self._check("set_broken")
        is_news = destination not in self.broken
        self.broken.setdefault(destination, reason)
        return is_news

    def set_healed(self, destination: str) -> None:
        self._check("set_healed")
        self.broken.pop(destination, None)
        self.healed.append(destination)

    def _check(self, method: str) -> None:
        if method in self._cannot:
            raise DependencyUnavailable("DynamoDB: gate: ClientError")


class MemoryGates(FakeGates):
    """Gates that decide as the real ones do, shared by as many containers as a test has."""

    def __init__(self, **states: GateState) -> None:
        super().__init__()
        self.states = dict(states)
        self._lock = Lock()

    def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
        with self._lock:
            self.reserved.append(destination)
            reservation, after = decide(
                self.states.get(destination, GateState()), holder=holder, moment=millis(now), is_second_form=is_second_form
            )
            self.states[destination] = after
        return reservation

    def release(self, destination: str, *, holder: str) -> None:
        super().release(destination, holder=holder)
        if self.states[destination].holder == holder:
            self._set(destination, holder="", held_until_millis=0)

    def close(self, destination: str, *, until: datetime) -> None:
        super().close(destination, until=until)
        self._set(destination, closed_until_millis=millis(self.closed[destination]))

    def set_broken(self, destination: str, *, reason: str, now: datetime) -> bool:
        is_news = super().set_broken(destination, reason=reason, now=now)
        if is_news:
            self._set(destination, broken_reason=reason, probe_at_millis=millis(now + PROBE_EVERY))
        return is_news

    def set_healed(self, destination: str) -> None:
        super().set_healed(destination)
        self._set(destination, broken_reason="", probe_at_millis=0)

    def _set(self, destination: str, **fields: Any) -> None:
        self.states[destination] = self.states.get(destination, GateState())._replace(**fields)


def millis(moment: datetime) -> int:
    """Epoch milliseconds."""
    return int(moment.timestamp() * 1_000)


class FakeReturns:
    """Returns in memory: ``seconds`` by message id, as the queue would hide it."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.seconds: dict[str, int] = {}

    def postpone(self, receipt_handles: Sequence[str], *, seconds: int) -> None:
        self.calls.append((len(receipt_handles), seconds))
        self.seconds |= {handle.removeprefix("handle of "): seconds for handle in receipt_handles}


class FakeDeadLetters:
    """The dead-letter queue in memory. It takes everything, but for the message ids that it ``refuses``."""

    def __init__(self, *, refuses: Iterable[str] = ()) -> None:
        self.letters: list[DeadLetter] = []
        self._refuses = set(refuses)

    def bury(self, letters: Sequence[DeadLetter]) -> set[str]:
        taken = [letter for letter in letters if letter.message_id not in self._refuses]
        self.letters += taken
        return {letter.message_id for letter in taken}

    @property
    def reasons(self) -> dict[str, str]:
        """Why each was given up, by message id."""
        return {letter.message_id: letter.reason for letter in self.letters}


def one_by_one(tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks one after the other."""
    for task in tasks:
        task()


def at_once(tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks in a thread each, as the function does."""
    with ThreadPoolExecutor(max_workers=max(1, len(tasks))) as threads:
        for finished in [threads.submit(task) for task in tasks]:
            finished.result(timeout=10)


def make_ports(**given: Any) -> Ports:
    """What a batch is delivered with; everything grants, takes and keeps, but for what is given."""
    defaults: dict[str, Any] = {
        "destination": FakeDestinations(default=FakeDestination()),
        "deliveries": FakeDeliveries(),
        "gates": FakeGates(),
        "returns": FakeReturns(),
        "dead_letters": FakeDeadLetters(),
        "fallback": None,
        "has_time": lambda: True,
        "clock": lambda: NOW,
        "holder": "container",
        "side_by_side": one_by_one,
    }
    return Ports(**defaults | given)


def run(records: Sequence[Mapping[str, Any]], *, now: datetime = NOW, **ports: Any) -> Notified:
    """Deliver a batch with ports that are ours; no time passes."""
    ports.setdefault("clock", lambda: now)
    return notify(records, ports=make_ports(**ports), now=now)


class FakeDestination:
    """A destination whose messages hold ``size`` alerts. ``outcomes`` are given to its posts in turn, the last for the rest.

    ``notes`` are those of the posts; ``plain`` says which posts were in the plainer form, which there is if it ``degrades``.
    """

    def __init__(self, *outcomes: Outcome, size: int = 1, degrades: bool = False) -> None:
        self.posted: list[list[str]] = []
        self.notes: list[str] = []
        self.plain: list[bool] = []
        self._outcomes, self._size, self._degrades = list(outcomes or [Delivered()]), size, degrades

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        parts = [tuple(items[start : start + self._size]) for start in range(0, len(items), self._size)]
        return [Message({"names": [item.alert.entity.name for item in part], "note": note}, part) for part in parts]

    def degrade(self, message: Message) -> Message | None:
        return Message(message.payload | {"plain": True}, message.items) if self._degrades else None

    def post(self, message: Message) -> Outcome:
        self.posted.append(message.payload["names"])
        self.notes.append(message.payload["note"])
        self.plain.append("plain" in message.payload)
        return self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]


class FakeDestinations:
    """Opens destinations by name; an exception in place of a destination is raised."""

    def __init__(self, **named: FakeDestination | Exception) -> None:
        self._named = named

    def __call__(self, name: str) -> FakeDestination:
        found = self._named.get(name, ConfigurationError(f"no destination is called {name!r}"))
        if isinstance(found, Exception):
            raise found
        return found


class FakeSlack:
    """Slack's end of the wire. ``answer`` makes the answer to a request, or raises what httpx would."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.clients_opened = 0
        self._answer = answer or (lambda request: httpx.Response(200, text="ok"))
        self._client: httpx.Client | None = None

    def client(self) -> httpx.Client:
        """One client, as the application keeps one."""
        if self._client is None:
            self.clients_opened += 1
            self._client = httpx.Client(transport=httpx.MockTransport(self._handle), follow_redirects=False)
        return self._client

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)


class FakeDynamoDB:
    """The alerts table as far as it is used: gates (``items``, by key) and deliveries (``posts``, by destination and time).
    A page of a query has ``page_size`` items.
    """

    def __init__(self, *, page_size: int = 1_000, fault: Exception | None = None) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.posts: dict[tuple[str, int], dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fault = fault
        self._page_size = page_size
        self._lock = Lock()

    def query(self, **request: Any) -> dict[str, Any]:
        """What was posted to a destination since a time, in its order."""
        self._called("query", request)
        assert request["KeyConditionExpression"] == "pk = :key AND sk >= :since"
        values = {name: _plain(value) for name, value in request["ExpressionAttributeValues"].items()}
        start = request.get("ExclusiveStartKey", {"sk": {"N": "-1"}})
        keys = sorted(
            (destination, millis)
            for destination, millis in self.posts
            if f"delivered#{destination}" == values[":key"] and millis >= values[":since"] and millis > int(start["sk"]["N"])
        )
        page = keys[: self._page_size]
        answer: dict[str, Any] = {"Items": [{"alert_ids": self.posts[key]["alert_ids"]} for key in page]}
        if len(keys) > len(page):
            answer["LastEvaluatedKey"] = {"pk": {"S": page[-1][0]}, "sk": {"N": str(page[-1][1])}}
        return answer

    def update_item(self, **request: Any) -> dict[str, Any]:
        """A post that is added to those of its destination, or a conditional update of a gate."""
        self._called("update", request)
        if request["Key"]["pk"]["S"].startswith("delivered#"):
            return self._add(request)
        with self._lock:
            assert request["Key"]["sk"] == {"N": "0"}
            key, item = request["Key"]["pk"]["S"], self.items.get(request["Key"]["pk"]["S"], {})
            values = {name: _plain(value) for name, value in request.get("ExpressionAttributeValues", {}).items()}
            if not _holds(request["ConditionExpression"], {name: _plain(value) for name, value in item.items()}, values):
                answer = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}} | (
                    {"Item": item} if item else {}
                )
                raise ClientError(answer, "UpdateItem")
            after = {"pk": {"S": key}} | item
            for action, what in re.findall(r"(SET|REMOVE) (.+?)(?= SET | REMOVE |$)", request["UpdateExpression"]):
                for part in what.split(", "):
                    name, _, value = part.partition(" = ")
                    if action == "REMOVE":
                        after.pop(name, None)
                    else:
                        after[name] = request["ExpressionAttributeValues"][value]
            self.items[key] = after
        return {}

    def _add(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert request["UpdateExpression"] == "ADD alert_ids :alert_ids SET expires_at = :expires_at"
        values = request["ExpressionAttributeValues"]
        added = values[":alert_ids"]["SS"]
        assert added, "DynamoDB refuses an empty set"
        assert len(set(added)) == len(added), "and one that holds something twice"
        with self._lock:
            key = (request["Key"]["pk"]["S"].removeprefix("delivered#"), int(request["Key"]["sk"]["N"]))
            before = self.posts.get(key, {"alert_ids": {"SS": []}})["alert_ids"]["SS"]
            self.posts[key] = {"alert_ids": {"SS": [*before, *added]}, "expires_at": values[":expires_at"]}
        return {}

    def _called(self, operation: str, request: Mapping[str, Any]) -> None:
        self.calls.append((operation, dict(request)))
        if self.fault is not None:
            raise self.fault


def _plain(value: Mapping[str, str]) -> int | str:
    return int(value["N"]) if "N" in value else value["S"]


def _holds(condition: str, item: Mapping[str, int | str], values: Mapping[str, int | str]) -> bool:
    """Whether a condition holds, in DynamoDB's language as far as it is spoken here."""
    condition = re.sub(r"attribute_not_exists\((\w+)\)", r"('\1' not in item)", condition)
    condition = re.sub(r"attribute_exists\((\w+)\)", r"('\1' in item)", condition)
    condition = re.sub(r"(\w+) (=|<|<=) (:\w+)", r"('\1' in item and item['\1'] \2 values['\3'])", condition)
    condition = condition.replace(" = ", " == ").replace(" AND ", " and ").replace(" OR ", " or ")
    return bool(eval(condition, {"item": item, "values": values}))


def client_error(code: str = "ProvisionedThroughputExceededException") -> ClientError:
    """What boto3 raises when DynamoDB refuses."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Query")


def shown_text(message: Message) -> str:
    """Everything that a message's blocks show, as one text."""
    blocks = message.payload["blocks"]
    texts = [block["text"] for block in blocks if "text" in block] + [e for block in blocks for e in block.get("elements", [])]
    return "\n".join(text["text"] for text in texts)


def said_by(thing: object) -> str:
    """Everything that a person could get to read of a thing: its text, its repr, and the traceback of an error."""
    told = [str(thing), repr(thing)]
    if isinstance(thing, BaseException):
        told += traceback.format_exception(thing)
    return "\n".join(told)


def assert_no_secret(*things: object) -> None:
    """No part of the webhook's URL is in anything that was said."""
    for thing in things:
        told = said_by(thing)
        found = [secret for secret in SECRETS if secret in told]
        assert not found, f"{found} in {told[:500]}"
