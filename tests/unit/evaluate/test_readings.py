from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from evaluate.budget_alert_types import BUDGET_ALERT_TYPES
from evaluate.readings import BudgetReading, readings_of
from gateway_alerts.errors import InvalidEvent, UnknownBudgetAlertType, UnknownEventGroup
from gateway_alerts.events import BudgetEvent, RequestLog, WebhookEvent
from tests.pipeline.evaluate.builders import request_log

RESETS = "2026-12-01T00:00:00Z"
RESETS_AT = datetime(2026, 12, 1, tzinfo=UTC)

#: A caller with everything that a request log says of one.
CALLER: dict[str, Any] = {
    "hash": "the-key",
    "alias": "Key Alias",
    "user_id": "the-user",
    "user_email": "user@example.com",
    "team_id": "the-team",
    "team_alias": "Team Alias",
    "org_id": "the-organization",
    "org_alias": "Organization Alias",
    "project_id": "the-project",
    "project_alias": "Project Alias",
    "end_user_id": "the-customer",
}


def readings_of_log(log: Mapping[str, Any]) -> list[BudgetReading]:
    return readings_of(RequestLog.model_validate(log))


def told(reading: BudgetReading) -> tuple[str, str | None, Decimal, Decimal | None, datetime | None]:
    """Whose budget, and its figures."""
    info = reading.user_info
    return (
        reading.entity_type.get_event_group(),
        reading.entity_type.get_id(info),
        info.spend,
        info.max_budget,
        info.budget_reset_at,
    )


def test_a_budget_event_is_one_reading_of_its_type() -> None:
    event = BudgetEvent.model_validate({"type": "team_budget", "user_info": {"spend": 8.6, "max_budget": 10, "team_id": "t"}})
    (reading,) = readings_of(event)
    assert reading.budget_type is reading.entity_type is BUDGET_ALERT_TYPES["team_budget"]
    assert told(reading) == ("team", "t", Decimal("8.6"), Decimal(10), None)


def test_a_soft_budget_event_is_a_reading_of_the_entity_that_it_names() -> None:
    event = BudgetEvent.model_validate({"type": "soft_budget", "user_info": {"spend": 1, "event_group": "project"}})
    (reading,) = readings_of(event)
    assert reading.budget_type is BUDGET_ALERT_TYPES["soft_budget"]
    assert reading.entity_type is BUDGET_ALERT_TYPES["project_budget"]


REFUSED: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "an unknown type": ({"type": "some_future_budget", "user_info": {"spend": 1}}, UnknownBudgetAlertType),
    "an unknown entity": ({"type": "soft_budget", "user_info": {"spend": 1, "event_group": "galaxy"}}, UnknownEventGroup),
}


@pytest.mark.parametrize(("event", "error"), REFUSED.values(), ids=REFUSED)
def test_a_budget_event_of_something_unknown_is_refused(event: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        readings_of(BudgetEvent.model_validate(event))


def webhook(**fields: Any) -> WebhookEvent:
    return WebhookEvent.model_validate({"spend": 6, "max_budget": 100, "event_group": "key", "event": "budget_crossed"} | fields)


WEBHOOK: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "the spend of one customer request is no budget's": ({"event": "spend_tracked", "event_group": "end_user"}, []),
    "a crossing is a reading of its entity": ({"event_group": "team"}, [("team_budget", "team")]),
    "a soft budget's is too, and the numbers tell": (
        {"event": "soft_budget_crossed", "event_group": "user"},
        [("user_budget", "user")],
    ),
    "a projection by its event": ({"event": "projected_limit_exceeded"}, [("projected_limit_exceeded", "key")]),
    "a projection whose event was overwritten, by its message (D29)": (
        {"event": "threshold_crossed", "event_message": "Key Budget: Projected Limit Exceeded5% or less of budget remaining"},
        [("projected_limit_exceeded", "key")],
    ),
    "a projection of a team": (
        {"event": "projected_limit_exceeded", "event_group": "team"},
        [("projected_limit_exceeded", "team")],
    ),
}


@pytest.mark.parametrize(("fields", "expected"), WEBHOOK.values(), ids=WEBHOOK)
def test_a_webhook_event(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    names = {id(budget_type): name for name, budget_type in BUDGET_ALERT_TYPES.items()}
    readings = readings_of(webhook(**fields))
    assert [(names[id(r.budget_type)], r.entity_type.get_event_group()) for r in readings] == expected


@pytest.mark.parametrize("event", ["budget_crossed", "projected_limit_exceeded"])
def test_a_webhook_event_of_an_unknown_entity_is_refused(event: str) -> None:
    with pytest.raises(UnknownEventGroup):
        readings_of(webhook(event=event, event_group="galaxy"))


BUDGETS = {
    "key": {"spend": 1, "max_budget": 10, "budget_reset_at": RESETS},
    "user": {"user_spend": 1, "user_max_budget": 10, "user_budget_reset_at": RESETS},
    "team": {"team_spend": 1, "team_max_budget": 10, "team_budget_reset_at": RESETS},
}
CALLERS_ID = {"key": "the-key", "user": "the-user", "team": "the-team"}


@pytest.mark.parametrize("group", BUDGETS)
def test_a_request_log_holds_the_callers_budgets_with_the_cost_of_the_request_added(group: str) -> None:
    (reading,) = readings_of_log(request_log(cost=0.25, **CALLER, **BUDGETS[group]))
    assert reading.budget_type is reading.entity_type
    assert told(reading) == (group, CALLERS_ID[group], Decimal("1.25"), Decimal(10), RESETS_AT)


def test_key_user_and_team_of_one_request_are_three_readings() -> None:
    log = request_log(cost=0.5, **CALLER, **BUDGETS["key"], **BUDGETS["user"], **BUDGETS["team"])
    assert [told(reading)[0] for reading in readings_of_log(log)] == ["key", "user", "team"]


WITHOUT_BUDGET: dict[str, dict[str, Any]] = {
    "no limit": {"spend": 1},
    "no spend": {"max_budget": 10},
    "nothing at all": {},
}


@pytest.mark.parametrize("figures", WITHOUT_BUDGET.values(), ids=WITHOUT_BUDGET)
def test_a_budget_without_limit_or_spend_is_not_read(figures: dict[str, Any]) -> None:
    assert readings_of_log(request_log(cost=1, **CALLER, **figures)) == []


def test_a_request_without_a_cost_leaves_the_spend_as_it_was() -> None:
    (reading,) = readings_of_log(request_log(cost=None, hash="k", spend=1.5, max_budget=10))
    assert reading.user_info.spend == Decimal("1.5")


def test_spend_and_cost_that_are_together_beyond_all_money_are_refused() -> None:
    with pytest.raises(InvalidEvent, match="spend and response_cost together"):
        readings_of_log(request_log(cost=1e15, hash="k", spend=1e15, max_budget=10))


def test_a_request_log_of_a_gateway_without_keys_holds_nothing() -> None:
    assert readings_of_log({"litellm_call_id": "c", "status": "success"}) == []


def test_what_is_known_of_the_caller_goes_with_each_budget() -> None:
    (reading,) = readings_of_log(request_log(**CALLER, **BUDGETS["team"]))
    info = reading.user_info
    assert (info.token, info.key_alias, info.user_id, info.user_email) == (
        "the-key",
        "Key Alias",
        "the-user",
        "user@example.com",
    )
    assert (info.team_alias, info.organization_alias, info.project_alias) == (
        "Team Alias",
        "Organization Alias",
        "Project Alias",
    )
    assert (info.organization_id, info.project_id, info.customer_id) == (
        "the-organization",
        "the-project",
        "the-customer",
    )


#: Whose budget refused the request, by which id → the id that we know it by
REFUSALS: dict[str, tuple[str, str | None, str | None]] = {
    "the caller's key": ("key", "the-key", "the-key"),
    "another key": ("key", "another-key", "another-key"),
    "the caller's user": ("user", "the-user", "the-user"),
    "the caller's team": ("team", "the-team", "the-team"),
    "the caller as a member of the team": ("team_member", "the-user:the-team", "the-user:the-team"),
    "another member": ("team_member", "another:the-team", "another:the-team"),
    "the caller's organization": ("organization", "the-organization", "the-organization"),
    "the caller as a member of the organization": (
        "organization_member",
        "the-user:the-organization",
        "the-user:the-organization",
    ),
    "the caller's project": ("project", "the-project", "the-project"),
    "the whole gateway": ("proxy", "litellm-proxy-budget", "default_id"),
    "the caller's customer": ("end_user", "the-customer", "the-customer"),
    "another customer": ("end_user", "customer-9", "customer-9"),
    "a tag": ("tag", "tag:with:colons", "tag:with:colons"),
    "an agent": ("agent", "agent-1", "agent-1"),
    "a model access group": ("model_access_group", "frontier", "frontier"),
    "the caller's key, which the error leaves unnamed": ("key", None, "the-key"),
    "a tag that the error leaves unnamed": ("tag", " ", None),
}


@pytest.mark.parametrize(("group", "entity_id", "our_id"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_request_is_a_reading_of_the_budget_that_refused_it(
    group: str, entity_id: str | None, our_id: str | None
) -> None:
    log = request_log(cost=0.25, **CALLER, error={"entity_type": group, "entity_id": entity_id, "limit": 10.0, "spend": 12.0})
    (reading,) = readings_of_log(log)
    # Its spend is exact: the request was never made, so its cost is not added.
    assert told(reading) == (group, our_id, Decimal(12), Decimal(10), None)


def test_every_entity_type_has_a_refusal_above() -> None:
    entity_types = {t.get_event_group() for t in BUDGET_ALERT_TYPES.values() if not t.follows_event_group}
    assert {group for group, _, _ in REFUSALS.values()} == entity_types


def refused_by(group: str, entity_id: str, *, limit: float) -> Mapping[str, Any]:
    return {"entity_type": group, "entity_id": entity_id, "limit": limit, "spend": limit + 1}


@pytest.mark.parametrize("group", BUDGETS)
def test_the_callers_own_budget_that_refused_keeps_its_reset_time_and_names(group: str) -> None:
    log = request_log(**CALLER, **BUDGETS[group], error=refused_by(group, CALLERS_ID[group], limit=10))
    _, refusal = readings_of_log(log)
    assert refusal.user_info.budget_reset_at == RESETS_AT
    assert refusal.user_info.team_alias == "Team Alias"


def test_another_limit_of_the_caller_resets_at_a_time_that_we_do_not_know() -> None:
    log = request_log(**CALLER, **BUDGETS["key"], error=refused_by("key", "the-key", limit=2))
    _, refusal = readings_of_log(log)
    assert refusal.user_info.budget_reset_at is None


@pytest.mark.parametrize("group", BUDGETS)
def test_another_one_with_the_same_limit_does_not_borrow_the_callers_reset_time(group: str) -> None:
    log = request_log(**CALLER, **BUDGETS[group], error=refused_by(group, "another", limit=10))
    _, refusal = readings_of_log(log)
    assert told(refusal) == (group, "another", Decimal(11), Decimal(10), None)


def test_a_caller_whose_id_holds_a_colon_is_known_as_a_member() -> None:
    caller = CALLER | {"user_id": "a:b"}
    (refusal,) = readings_of_log(request_log(**caller, error=refused_by("team_member", "a:b:the-team", limit=2)))
    assert refusal.entity_type.get_id(refusal.user_info) == "a%3Ab:the-team"
    assert refusal.user_info.user_email == "user@example.com"


def test_what_is_known_of_the_caller_does_not_describe_a_tag() -> None:
    (refusal,) = readings_of_log(request_log(**CALLER, error=refused_by("tag", "search", limit=2)))
    info = refusal.user_info
    assert (info.entity_id, info.event_group) == ("search", "tag")
    assert (info.token, info.user_email, info.team_alias) == (None, None, None)


INCOMPLETE: dict[str, dict[str, Any]] = {
    "no entity": {"limit": 10, "spend": 12},
    "no limit": {"entity_type": "key", "spend": 12},
    "no spend": {"entity_type": "key", "limit": 10},
    "nothing, as for any other error": {"entity_id": "the-key"},
}


@pytest.mark.parametrize("error", INCOMPLETE.values(), ids=INCOMPLETE)
def test_an_error_that_no_budget_caused_holds_nothing(error: dict[str, Any]) -> None:
    assert readings_of_log(request_log(**CALLER, error=error)) == []


def test_a_refusal_by_an_unknown_entity_is_refused_by_name() -> None:
    with pytest.raises(UnknownEventGroup):
        readings_of_log(request_log(error=refused_by("galaxy", "g", limit=2)))
