"""Every budget alert type keeps the same promises, and a new one needs no more than its class, its row and its sample."""

import inspect
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, override

import pytest

from evaluate import budget_alert_types
from evaluate.budget_alert_types import BUDGET_ALERT_TYPES, BaseBudgetAlertType, get_entity_type, get_event_group_type, given
from evaluate.pipeline import evaluate
from evaluate.shapes import parse_body, parse_objects
from gateway_alerts.alerts import QueuedAlert, parse_queued_alert
from gateway_alerts.config import parse_config
from gateway_alerts.events import UserInfo
from notify.grouping import Received, group_by_destination
from notify.rendering.slack import compose_messages
from tests.pipeline.evaluate.builders import alerts_in, budget_event, offers_in, request_log

SAMPLES = Path("events/evaluate")
NOW = datetime(2026, 11, 23, 9, 25, 44, tzinfo=UTC)
NAMES = list(BUDGET_ALERT_TYPES)
ENTITY_NAMES = [name for name, budget_type in BUDGET_ALERT_TYPES.items() if not budget_type.follows_event_group]
#: There is one whole proxy in a gateway, so it has no id of its own.
ONE_OF_ITS_KIND = "proxy_budget"
CROSSED = {"spend": 10, "max_budget": 10}


def sample(name: str) -> dict[str, Any]:
    """The budget event in a type's sample."""
    event = json.loads((SAMPLES / f"http_budget_event_{name}.json").read_text(encoding="utf-8"))
    return json.loads(event["body"])


def entity_type_of(name: str) -> BaseBudgetAlertType:
    return get_entity_type(BUDGET_ALERT_TYPES[name], UserInfo.model_validate(sample(name)["user_info"]))


def fields_of(name: str, entity_id: str) -> dict[str, str]:
    return BUDGET_ALERT_TYPES[name].fields_for_id(entity_id)


def two_ids(name: str) -> tuple[str, str]:
    return ("ada:one", "bob:one") if name.endswith("_member_budget") else ("one", "two")


def received(queued: QueuedAlert) -> Received:
    return Received("m", "handle of m", queued.model_dump_json(), sent_at=NOW, receive_count=1, queued=queued)


@pytest.mark.parametrize("name", NAMES)
class TestEveryType:
    def test_has_a_docstring_of_its_own(self, name: str) -> None:
        budget_type = type(BUDGET_ALERT_TYPES[name])
        assert "__doc__" in vars(budget_type)
        assert inspect.getdoc(budget_type)

    def test_says_whose_budget_in_a_stable_name(self, name: str) -> None:
        group = BUDGET_ALERT_TYPES[name].get_event_group()
        assert group.isidentifier()
        assert group.islower()
        assert len(f"budget#{group}#") + 32 <= 100

    def test_its_message_can_be_read(self, name: str) -> None:
        message = BUDGET_ALERT_TYPES[name].get_event_message()
        assert message[0].isupper()
        assert "Budget" in message

    def test_its_sample_is_one_event_of_this_type_and_makes_one_alert(self, name: str) -> None:
        event = sample(name)
        assert event["type"] == name
        (alert,) = alerts_in([event])
        assert alert.entity.type == entity_type_of(name).get_event_group()
        assert alert.entity.id is not None

    def test_an_entity_without_an_id_still_alerts_under_its_own_type(self, name: str) -> None:
        (alert,) = alerts_in([budget_event(name, **CROSSED)])
        assert alert.entity.type == BUDGET_ALERT_TYPES[name].get_event_group()
        assert alert.entity.id == ("default_id" if name == ONE_OF_ITS_KIND else None)

    def test_its_alert_goes_through_the_queue_and_can_be_shown(self, name: str) -> None:
        (alert,) = alerts_in([sample(name)])
        queued = parse_queued_alert(QueuedAlert(destination="default", alert=alert).model_dump_json())
        groups = group_by_destination([received(queued)])
        (message,) = compose_messages(groups["default"], now=NOW)
        assert alert.entity.name is None or alert.entity.name in json.dumps(message.payload, ensure_ascii=False)

    def test_it_may_be_given_thresholds_and_routes(self, name: str) -> None:
        group = BUDGET_ALERT_TYPES[name].get_event_group()
        config = parse_config(
            json.dumps({"thresholds": {group: [10]}, "routes": [{"entity_types": [group], "destinations": ["default"]}]})
        )
        config.check_entity_types(budget_alert_types.entity_types())


@pytest.mark.parametrize("name", ENTITY_NAMES)
class TestEveryEntity:
    def test_is_found_by_its_event_group(self, name: str) -> None:
        budget_type = BUDGET_ALERT_TYPES[name]
        assert get_event_group_type(budget_type.get_event_group()) is budget_type

    def test_its_id_names_the_fields_that_hold_it(self, name: str) -> None:
        for entity_id in two_ids(name):
            user_info = UserInfo.model_validate({"spend": 1, **fields_of(name, entity_id)})
            expected = "default_id" if name == ONE_OF_ITS_KIND else entity_id
            assert BUDGET_ALERT_TYPES[name].get_id(user_info) == expected

    def test_two_entities_are_two_identities(self, name: str) -> None:
        events = [budget_event(name, **CROSSED, **fields_of(name, entity_id)) for entity_id in two_ids(name)]
        keys = {offer.identity.table_key for offer in offers_in(events)}
        assert len(keys) == (1 if name == ONE_OF_ITS_KIND else 2)

    def test_an_entity_with_an_id_is_not_the_one_without(self, name: str) -> None:
        events = [budget_event(name, **CROSSED), budget_event(name, **CROSSED, **fields_of(name, two_ids(name)[0]))]
        keys = {offer.identity.table_key for offer in offers_in(events)}
        assert len(keys) == (1 if name == ONE_OF_ITS_KIND else 2)

    def test_its_budget_that_refused_a_request_is_the_same_budget(self, name: str) -> None:
        group, (entity_id, _) = BUDGET_ALERT_TYPES[name].get_event_group(), two_ids(name)
        refused = request_log(error={"entity_type": group, "entity_id": entity_id, "limit": 10, "spend": 10})
        (reported,) = offers_in([budget_event(name, **CROSSED, **fields_of(name, entity_id))])
        (refusal,) = offers_in([refused])
        assert refusal.identity == reported.identity

    @pytest.mark.parametrize("kind", ["soft_budget", "max_budget_alert", "projected_limit_exceeded"])
    def test_can_have_a_soft_budget_and_a_projection(self, name: str, kind: str) -> None:
        group = BUDGET_ALERT_TYPES[name].get_event_group()
        event = budget_event(kind, spend=10, max_budget=10, soft_budget=5, event_group=group, **fields_of(name, two_ids(name)[0]))
        (alert,) = alerts_in([event])
        assert alert.entity.type == group


def test_no_two_entities_of_any_types_share_an_identity() -> None:
    everywhere = {
        "token": "acme", "user_id": "acme", "team_id": "acme", "organization_id": "acme",
        "project_id": "acme", "customer_id": "acme", "entity_id": "acme",
    }  # fmt: skip
    named = [budget_event(name, **CROSSED, **everywhere) for name in ENTITY_NAMES]
    unnamed = [budget_event(name, **CROSSED) for name in ENTITY_NAMES if name != ONE_OF_ITS_KIND]
    keys = [offer.identity.table_key for offer in offers_in([*named, *unnamed])]
    assert len(set(keys)) == len(keys)


def test_every_sample_of_a_type_has_its_row() -> None:
    samples = {path.stem.removeprefix("http_budget_event_") for path in SAMPLES.glob("http_budget_event_*.json")}
    assert samples == set(NAMES)


EXTREMES: dict[str, dict[str, Any]] = {
    "the most that can be spent of the least that is a limit": {"spend": 1e15, "max_budget": 1e-12},
    "a limit that is no more than an exponent": {"spend": 1e15, "max_budget": "1E-999999"},
    "money with a thousand digits": {"spend": "9." + "9" * 1_000, "max_budget": "10." + "0" * 1_000},
    "a large credit over a larger one": {"spend": -1, "max_budget": -1e15},
    "a soft budget of next to nothing": {"spend": 1e15, "soft_budget": 1e-12},
    "a projection of next to nothing": {"spend": 1e15, "max_budget": 1e-12, "projected_spend": -1e15},
}


@pytest.mark.parametrize("figures", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("name", ["user_budget", "projected_limit_exceeded"])
def test_whatever_is_accepted_can_be_shown(name: str, figures: dict[str, Any]) -> None:
    (alert,) = alerts_in([budget_event(name, **figures, user_id="u", token="t")])
    queued = parse_queued_alert(QueuedAlert(destination="default", alert=alert).model_dump_json())
    assert compose_messages(group_by_destination([received(queued)])["default"], now=NOW)


class TestAddingAType:
    """The README's checklist: a class, a row, a sample. Nothing else."""

    SAMPLE: ClassVar[dict[str, Any]] = {
        "type": "guardrail_budget",
        "user_info": {"spend": 9.6, "max_budget": 10.0, "entity_id": "pii-masking", "entity_alias": "PII masking"},
    }

    class GuardrailBudgetAlert(BaseBudgetAlertType):
        """The budget of a guardrail."""

        @override
        def get_event_group(self) -> str:
            return "guardrail"

        @override
        def get_event_message(self) -> str:
            return "Guardrail Budget: "

        @override
        def get_id(self, user_info: UserInfo) -> str | None:
            return given(user_info.entity_id)

    @pytest.fixture(autouse=True)
    def row(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = self.GuardrailBudgetAlert()
        monkeypatch.setitem(BUDGET_ALERT_TYPES, "guardrail_budget", row)
        # What the module makes of the table when it is loaded.
        by_event_group = budget_alert_types._by_event_group(BUDGET_ALERT_TYPES)
        monkeypatch.setitem(budget_alert_types._ENTITY_TYPES, "guardrail", by_event_group["guardrail"])

    def test_its_sample_alerts_from_the_body_to_the_message(self) -> None:
        parsed = parse_body(json.dumps(self.SAMPLE).encode())
        evaluation = evaluate(parsed, gateway="gw", config=parse_config("{}"), now=NOW)
        assert evaluation.rejections == []
        (alert,) = alerts_in([self.SAMPLE])
        assert (alert.event, alert.entity.type, alert.entity.id) == ("threshold_crossed", "guardrail", "pii-masking")
        queued = QueuedAlert(destination="default", alert=alert)
        (message,) = compose_messages(group_by_destination([received(queued)])["default"], now=NOW)
        assert "Guardrail PII masking" in message.payload["text"]

    def test_soft_budgets_projections_and_refusals_find_it(self) -> None:
        soft = budget_event("soft_budget", spend=6, soft_budget=5, event_group="guardrail", entity_id="pii-masking")
        refused = request_log(error={"entity_type": "guardrail", "entity_id": "pii-masking", "limit": 10, "spend": 12})
        assert [(a.event, a.entity.type, a.entity.id) for a in alerts_in([soft, refused])] == [
            ("soft_budget_crossed", "guardrail", "pii-masking"),
            ("budget_crossed", "guardrail", "pii-masking"),
        ]

    def test_thresholds_and_routes_may_name_it(self) -> None:
        config = parse_config('{"thresholds": {"guardrail": [50]}}')
        config.check_entity_types(budget_alert_types.entity_types())
        (alert,) = alerts_in([budget_event("guardrail_budget", spend=5, max_budget=10)], config=config)
        assert str(alert.budget.rung) == "0.5"

    def test_it_is_listed_among_the_known_ones(self) -> None:
        (rejection,) = evaluate(
            parse_objects([budget_event("guard_budget")]), gateway="gw", config=parse_config(""), now=NOW
        ).rejections
        assert "guardrail_budget" in rejection.reason
