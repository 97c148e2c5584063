"""Alerts and records to test with, and stand-ins for what NotifyFunction talks to. A stand-in keeps what was done to it."""

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
from botocore.exceptions import ClientError

from gateway_alerts.alerts import Alert, BudgetFigures, Entity, QueuedAlert
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from notify.deliveries import Delivery
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.outcomes import Delivered, Outcome

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

#: A webhook's URL is its secret; whatever is said about it must hold none of these.
WEBHOOK = "https://hooks.slack.test/services/T0SECRET1/B0SECRET2/x9SECRET3"
SECRETS = ("T0SECRET1", "B0SECRET2", "x9SECRET3", "hooks.slack.test")

_ENTITY = {"entity_type": "type", "entity_id": "id", "name": "name", "owner": "owner", "team": "team"}
_ALERT = ("alert_id", "dedupe_key", "alert_type", "event", "level", "gateway", "message", "raised_at", "destinations")
_EVENTS = {"projected": "projected_limit_exceeded", "soft": "soft_budget_crossed"}


def make_alert(**given: Any) -> Alert:
    """An alert of key ``prod-search`` at 96 % of $100, but for what is given: fields of the alert, of its entity
    (``entity_type``, ``entity_id``, ``name``, ``owner``, ``team``) and of its figures, by name.
    """
    entity = {"type": "key", "id": "key-1", "name": "prod-search"} | {
        _ENTITY[k]: given.pop(k) for k in list(given) if k in _ENTITY
    }
    alert = {key: given.pop(key) for key in list(given) if key in _ALERT}
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


def make_item(*, times: int = 1, **given: Any) -> AlertItem:
    """One alert as it will be shown, raised so many times."""
    alert = make_alert(**given)
    return AlertItem(
        alert, {f"{alert.alert_id}-{n}" for n in range(times)}, [f"message-{alert.alert_id}-{n}" for n in range(times)]
    )


def make_items(number: int, **given: Any) -> list[AlertItem]:
    """So many keys close to their budgets, with ordinary names."""
    return [make_item(entity_id=f"key-{n:05}", name=f"service-{n:05}", spend=str(85 + n % 10), **given) for n in range(number)]


_message_number = count()


def make_record(message_id: str | None = None, *, destination: str = "default", **given: Any) -> dict[str, str]:
    """An SQS record as Lambda gives it, as far as it is read."""
    body = QueuedAlert(destination=destination, alert=make_alert(**given)).model_dump_json()
    return {"messageId": message_id or f"sqs-{next(_message_number)}", "body": body}


def make_records(number: int, *, destination: str = "default", **given: Any) -> list[dict[str, str]]:
    """Records of so many keys."""
    return [
        make_record(f"{destination}-{n}", destination=destination, entity_id=f"key-{n:05}", name=f"service-{n:05}", **given)
        for n in range(number)
    ]


class FakeDeliveries:
    """Deliveries in memory. A failure is said by a flag."""

    def __init__(self, known: Iterable[Delivery] = (), *, cannot_read: bool = False, cannot_note: bool = False) -> None:
        self.known = set(known)
        self.noted_at: list[datetime] = []
        self._cannot_read, self._cannot_note = cannot_read, cannot_note

    def among(self, deliveries: Iterable[Delivery]) -> set[Delivery]:
        if self._cannot_read:
            raise DependencyUnavailable("DynamoDB: batch_get_item: ClientError")
        return self.known & set(deliveries)

    def note(self, deliveries: Iterable[Delivery], *, now: datetime) -> None:
        if self._cannot_note:
            raise DependencyUnavailable("DynamoDB: batch_write_item: ClientError")
        self.known |= set(deliveries)
        self.noted_at.append(now)


class FakeDestination:
    """A destination whose messages hold ``size`` alerts. ``outcomes`` are given to its posts in turn, the last for the rest."""

    def __init__(self, *outcomes: Outcome, size: int = 1) -> None:
        self.posted: list[list[str]] = []
        self._outcomes, self._size = list(outcomes or [Delivered()]), size

    def compose(self, items: Sequence[AlertItem], *, now: datetime) -> list[Message]:
        parts = [tuple(items[start : start + self._size]) for start in range(0, len(items), self._size)]
        return [Message(payload={"names": [item.alert.entity.name for item in part]}, items=part) for part in parts]

    def post(self, message: Message) -> Outcome:
        self.posted.append(message.payload["names"])
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
    """The two batch operations on one table. The first ``slow_calls`` calls leave all but one key or item unprocessed."""

    def __init__(self, *, slow_calls: int = 0, fault: Exception | None = None) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fault = fault
        self._slow_calls = slow_calls

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, request),) = self._called("get", RequestItems).items()
        keys = [key["pk"]["S"] for key in request["Keys"]]
        assert len(set(keys)) == len(keys) <= 100, "DynamoDB refuses more than 100 keys, and a key that is there twice"
        now, later = self._split(request["Keys"])
        answer: dict[str, Any] = {"Responses": {table: [{"pk": key["pk"]} for key in now if key["pk"]["S"] in self.items]}}
        return answer | ({"UnprocessedKeys": {table: request | {"Keys": later}}} if later else {"UnprocessedKeys": {}})

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, requests),) = self._called("write", RequestItems).items()
        keys = [request["PutRequest"]["Item"]["pk"]["S"] for request in requests]
        assert len(set(keys)) == len(keys) <= 25, "DynamoDB refuses more than 25 items, and a key that is there twice"
        now, later = self._split(requests)
        self.items |= {r["PutRequest"]["Item"]["pk"]["S"]: r["PutRequest"]["Item"] for r in now}
        return {"UnprocessedItems": {table: later}} if later else {"UnprocessedItems": {}}

    def _called(self, operation: str, request_items: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, dict(request_items)))
        if self.fault is not None:
            raise self.fault
        return dict(request_items)

    def _split[T](self, things: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
        if len(self.calls) > self._slow_calls:
            return things, []
        return things[:1], things[1:]


def client_error(code: str = "ProvisionedThroughputExceededException") -> ClientError:
    """What boto3 raises when DynamoDB refuses."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "BatchGetItem")


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
