"""A key has an id and an alias, and LiteLLM's Slack text tells the alias alone: all ways in still meet in one claim."""

from datetime import timedelta
from itertools import count, permutations
from typing import Any

import pytest

from evaluate.claims import DynamoDBClaims
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import raise_alerts
from local.resources import Resources
from tests.integration._ministack import eager_client, resources  # noqa: F401 (a fixture)
from tests.pipeline.evaluate.builders import CONFIG, NOW, budget_event, offers_in, request_log
from tests.pipeline.evaluate.fakes import FakeQueue

pytestmark = pytest.mark.integration

numbers = count()


class Gateway:
    """One gateway of its own, whose events meet a container that knows nothing each time."""

    def __init__(self, resources: Resources) -> None:  # noqa: F811
        self.name = f"gw-{next(numbers)}"
        self.queue = FakeQueue()
        self.calls: list[str] = []
        client = eager_client("dynamodb", resources.endpoint_url)
        client.meta.events.register("before-call.dynamodb.*", lambda model, **_: self.calls.append(model.name))
        self.claims = DynamoDBClaims(client, table_name=resources.ref("AlertsTable"), ttl_seconds=86_400)

    def report(self, *events: dict[str, Any], after: float = 0, known: KnownClaims | None = None) -> int:
        """How many alerts the events raise."""
        raised = raise_alerts(
            offers_in(events, gateway=self.name),
            claims=lambda: self.claims,
            queue=lambda: self.queue,
            known=known or KnownClaims(),
            now=NOW + timedelta(seconds=after),
            request_id=f"r-{next(numbers)}",
            config=CONFIG,
        )
        assert raised.failure is None
        return len(raised.alerts)


@pytest.fixture
def gateway(resources: Resources) -> Gateway:  # noqa: F811
    return Gateway(resources)


RESETS_AT = (NOW + timedelta(days=7)).isoformat()


def by_text(spend: float = 10.2) -> dict[str, Any]:
    return {"event": "budget_crossed", "event_group": "key", "spend": spend, "max_budget": 10, "key_alias": "prod"}


def by_webhook(spend: float = 10.2, token: str = "hash-1") -> dict[str, Any]:
    return by_text(spend) | {"token": token}


def by_log(spend: float = 10.2, token: str = "hash-1") -> dict[str, Any]:
    return request_log(hash=token, alias="prod", spend=spend, max_budget=10, budget_reset_at=RESETS_AT)


WAYS = {"text": by_text, "webhook": by_webhook, "log": by_log}


@pytest.mark.parametrize("order", list(permutations(WAYS)), ids=" then ".join)
def test_one_crossing_by_three_ways_is_one_alert(gateway: Gateway, order: tuple[str, ...]) -> None:
    assert sum(gateway.report(WAYS[way](), after=number) for number, way in enumerate(order)) == 1


@pytest.mark.parametrize("order", list(permutations(WAYS)), ids=" then ".join)
def test_a_higher_rung_by_any_way_alerts_once_more(gateway: Gateway, order: tuple[str, ...]) -> None:
    for number, way in enumerate(order):
        gateway.report(WAYS[way](8.6), after=number)
    assert sum(gateway.report(WAYS[way](9.6), after=10 + number) for number, way in enumerate(order)) == 1


@pytest.mark.parametrize("event", [by_webhook, by_log, budget_event], ids=["webhook", "log", "budget event"])
def test_keys_that_share_an_alias_alert_each(gateway: Gateway, event: Any) -> None:
    def report(token: str) -> int:
        if event is budget_event:
            return gateway.report(budget_event("token_budget", spend=10.2, max_budget=10, token=token, key_alias="prod"))
        return gateway.report(event(token=token))

    assert [report(f"hash-{n}") for n in (1, 2, 3, 1, 2, 3)] == [1, 1, 1, 0, 0, 0]
    assert {alert.entity.id for alert in gateway.queue.alerts} == {"hash-1", "hash-2", "hash-3"}


def test_keys_that_share_an_alias_in_one_request_alert_each_in_one_call(gateway: Gateway) -> None:
    assert gateway.report(*[by_webhook(token=f"hash-{n}") for n in range(30)]) == 30
    assert gateway.calls.count("TransactWriteItems") == 2  # claimed together, cleared together
    assert gateway.report(*[by_webhook(token=f"hash-{n}") for n in range(30)]) == 0


def test_a_container_remembers_whose_the_alias_is(gateway: Gateway) -> None:
    gateway.report(by_webhook(token="hash-1"))
    known = KnownClaims()
    gateway.report(by_webhook(8.6, token="hash-2"), known=known)
    gateway.calls.clear()
    assert gateway.report(by_webhook(9.6, token="hash-2"), known=known) == 1
    assert gateway.calls == ["UpdateItem", "UpdateItem"]  # claimed under its own id at once, and cleared


def test_an_alias_is_not_a_token(gateway: Gateway) -> None:
    assert gateway.report(by_webhook(token="prod") | {"key_alias": None}) == 1
    assert gateway.report(by_text()) == 1
