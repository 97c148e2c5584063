"""Alerts as documents: what a receiver gets, within the bounds, nothing that is not for it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from gateway_alerts.alerts import Alert
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.webhook import DOCUMENT_ALERTS, DOCUMENT_BYTES, VERSION, compose_documents
from tests.unit.notify.fakes import NOW, make_item, make_items
from tests.unit.notify.rendering.test_slack import some_items

LEAKED_KEY = "sk-proj-Ab3PlantedKeyhIj9lMn2pQr5tUv8xYz"


def documents(items: list[AlertItem], *, note: str = "") -> list[dict[str, Any]]:
    """As a receiver reads them."""
    return [json.loads(json.dumps(message.payload)) for message in messages(items, note=note)]


def messages(items: list[AlertItem], *, note: str = "") -> list[Message]:
    return compose_documents(items, now=NOW, note=note)


def with_fields(item: AlertItem, **fields: Any) -> AlertItem:
    item.alert = Alert.model_validate_json(json.dumps(item.alert.model_dump(mode="json") | fields))
    return item


def test_a_document() -> None:
    (document,) = documents([make_item(times=3, spend="96.10", resets_at=NOW, team="Research", destinations=("finance", "x"))])
    (alert,) = document.pop("alerts")

    assert len(document.pop("delivery")) == 32
    assert document == {"version": 1, "sent_at": "2026-11-23T12:00:00+00:00", "part": 1, "parts": 1}
    assert alert["count"] == 3
    assert alert["alert_type"] == "budget_alerts"
    assert alert["entity"] == {"type": "key", "id": "key-1", "name": "prod-search", "owner": None, "team": "Research"}
    assert (alert["budget"]["spend"], alert["budget"]["resets_at"]) == ("96.10", "2026-11-23T12:00:00Z")
    assert "finance" not in json.dumps(alert)


def test_an_alert_has_every_field_of_the_model_but_for_our_other_destinations() -> None:
    (document,) = documents([make_item()])

    assert document["alerts"][0].keys() == (Alert.model_fields.keys() - {"destinations"}) | {"count"}


def test_a_note_is_in_it_when_there_is_one() -> None:
    assert documents([make_item()], note="Not to finance.")[0]["note"] == "Not to finance."
    assert "note" not in documents([make_item()])[0]


@pytest.mark.parametrize(("number", "sizes"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_a_document_has_a_hundred_alerts_at_most_and_says_which_part_it_is(number: int, sizes: list[int]) -> None:
    found = documents(make_items(number))

    assert [len(document["alerts"]) for document in found] == sizes
    assert [(document["part"], document["parts"]) for document in found] == [(n + 1, len(sizes)) for n in range(len(sizes))]


def test_a_document_is_bounded_in_bytes_and_an_alert_beyond_that_goes_alone() -> None:
    large, endless = "é" * 40_000, "é" * 300_000
    items = [with_fields(make_item(entity_id=f"{n}"), message=endless if n == 3 else large) for n in range(7)]
    found = messages(items)

    assert [len(message.items) for message in found] == [3, 1, 3]
    sizes = [len(json.dumps(message.payload, ensure_ascii=False).encode()) for message in found]
    assert [size <= DOCUMENT_BYTES for size in sizes] == [True, False, True]


def test_a_document_that_is_full_to_the_brim_is_within_the_bound() -> None:
    item = make_item()
    around = len(json.dumps(messages([with_fields(item, message="")])[0].payload["alerts"][0], ensure_ascii=False))
    brim = DOCUMENT_BYTES // DOCUMENT_ALERTS - around

    for length in range(brim - 20, brim + 1):
        first, *_ = messages([with_fields(make_item(), message="x" * length)] * DOCUMENT_ALERTS, note="é" * 500)
        assert len(json.dumps(first.payload, ensure_ascii=False).encode()) <= DOCUMENT_BYTES


def test_the_order_is_that_in_which_they_came() -> None:
    items = [make_item(name="low", spend="86"), make_item(name="over", entity_id="2", spend="120")]

    assert [alert["entity"]["name"] for alert in documents(items)[0]["alerts"]] == ["low", "over"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"message": f"key {LEAKED_KEY} failed"}, id="in a message"),
        pytest.param({"facts": [{"label": "key", "text": LEAKED_KEY}]}, id="in a fact"),
        pytest.param({"slack_payload": {"blocks": [{"text": LEAKED_KEY}]}}, id="deep in a payload"),
        pytest.param({"slack_payload": {LEAKED_KEY: 1}}, id="for a name in a payload"),
        pytest.param({"gateway": LEAKED_KEY}, id="for the gateway"),
        pytest.param({"dedupe_key": LEAKED_KEY}, id="in the identity"),
    ],
)
def test_a_key_that_a_gateway_leaks_is_masked(fields: dict[str, Any]) -> None:
    (document,) = documents([with_fields(make_item(), **fields)])

    assert LEAKED_KEY[8:] not in json.dumps(document)
    assert "sk-…8xYz" in json.dumps(document, ensure_ascii=False)


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_a_number_that_json_cannot_say_is_null(number: str) -> None:
    item = make_item()
    text = json.dumps(item.alert.model_dump(mode="json") | {"slack_payload": {"x": "@"}}).replace('"@"', number)
    item.alert = Alert.model_validate_json(text)

    assert json.loads(json.dumps(messages([item])[0].payload, allow_nan=False))["alerts"][0]["slack_payload"] == {"x": None}


def test_a_delivery_is_named_after_the_alerts_that_are_in_it() -> None:
    items = make_items(3)
    (first,), (again,), (fewer,) = documents(items), documents(items[::-1]), documents(items[:2])

    assert first["delivery"] == again["delivery"] != fewer["delivery"]


@settings(max_examples=30, deadline=None)
@given(some_items())
def test_everyone_is_in_exactly_one_document_within_the_bounds(items: list[AlertItem]) -> None:
    found = messages(items)

    assert [id(item) for message in found for item in message.items] == list(map(id, items))
    assert len({message.payload["delivery"] for message in found}) == len(found)
    for message in found:
        assert message.payload["version"] == VERSION
        assert 0 < len(message.payload["alerts"]) == len(message.items) <= DOCUMENT_ALERTS
        assert len(json.dumps(message.payload, ensure_ascii=False).encode()) <= DOCUMENT_BYTES
