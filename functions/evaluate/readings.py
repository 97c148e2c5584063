"""An inbound event → the readings of budgets that it holds: which budget, and how much of it is spent.

A budget event and a webhook event hold one. A request log holds one for each of key, user and team that has a
limit, and one for the entity whose budget refused the request.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import ValidationError

from evaluate.budget_alert_types import (
    BaseBudgetAlertType,
    get_budget_alert_type,
    get_entity_type,
    get_event_group_type,
    given,
)
from gateway_alerts.errors import InvalidEvent
from gateway_alerts.events import BudgetEvent, ErrorInformation, InboundEvent, RequestLog, RequestMetadata, UserInfo, WebhookEvent

#: The webhook event of one customer request: its ``spend`` is the cost of that request, not what the budget has seen.
SPEND_TRACKED = "spend_tracked"
_PROJECTION_MESSAGE = "Projected Limit Exceeded"


class BudgetReading(NamedTuple):
    """One budget at one moment. ``entity_type`` says whose it is, ``budget_type`` what kind of call reported it."""

    budget_type: BaseBudgetAlertType
    entity_type: BaseBudgetAlertType
    user_info: UserInfo


def readings_of(event: InboundEvent) -> list[BudgetReading]:
    """The readings in one event; none for an event that is not about a budget.

    Raises:
        UnknownBudgetAlertType: a budget event's ``type`` is not in the table.
        UnknownEventGroup: nor is the entity that it names.
    """
    # By type: that an event is no instance of the other models was a quarter of what deciding on it costs.
    if type(event) is WebhookEvent:
        return _from_webhook(event)
    if type(event) is RequestLog:
        return list(_from_request_log(event))
    if type(event) is BudgetEvent:
        return [_reading(get_budget_alert_type(event.type), event.user_info)]
    return []


def _reading(budget_type: BaseBudgetAlertType, user_info: UserInfo) -> BudgetReading:
    return BudgetReading(budget_type, get_entity_type(budget_type, user_info), user_info)


def _from_webhook(event: WebhookEvent) -> list[BudgetReading]:
    verdict = event.event
    if verdict == SPEND_TRACKED:
        return []
    # The verdict is lost when the reference overwrites it (D29), the message keeps it.
    if verdict == "projected_limit_exceeded" or _PROJECTION_MESSAGE in event.event_message:
        return [_reading(get_budget_alert_type("projected_limit_exceeded"), event)]
    entity_type = get_event_group_type(event.event_group)
    return [BudgetReading(entity_type, entity_type, event)]


def _from_request_log(log: RequestLog) -> Iterator[BudgetReading]:
    caller = _caller(log.metadata)
    for event_group, spend, max_budget, resets_at in caller_budgets(log.metadata):
        if max_budget is None or spend is None:
            continue
        # The gateway knew the spend before this request; its cost comes on top.
        figures = {"spend": spend + (log.response_cost or 0), "max_budget": max_budget, "budget_reset_at": resets_at}
        yield _reading_of(event_group, caller | figures)
    if log.error_information is not None:
        yield from _from_refusal(log.error_information, log.metadata)


def _from_refusal(error: ErrorInformation, metadata: RequestMetadata) -> Iterator[BudgetReading]:
    """The budget that refused the request, if one did. Its spend is exact: the request was never made."""
    event_group, limit, spend = error.error_budget_entity_type, error.error_budget_limit, error.error_budget_spend
    if event_group is None or limit is None or spend is None:
        return
    who = _caller(metadata)
    entity_id = given(error.error_budget_entity_id)
    named = {} if entity_id is None else get_event_group_type(event_group).fields_for_id(entity_id)
    is_caller = all(who.get(field) == value for field, value in named.items())
    own_limit, resets_at = _own_budget(event_group, metadata) if is_caller else (None, None)
    figures = {
        "spend": spend,
        "max_budget": limit,
        # Another limit of the same entity (per model, per window) resets at a time of its own.
        "budget_reset_at": resets_at if own_limit == limit else None,
    }
    # Of another entity than the caller (a tag, say) nothing is known but its id.
    yield _reading_of(event_group, (who if is_caller else named) | figures)


def _reading_of(event_group: str, fields: dict[str, Any]) -> BudgetReading:
    entity_type = get_event_group_type(event_group)
    try:
        user_info = UserInfo.model_validate(fields | {"event_group": event_group})
    except ValidationError:  # each part was valid: only a sum can be too much
        raise InvalidEvent("spend and response_cost together are beyond all money") from None
    return BudgetReading(entity_type, entity_type, user_info)


def _own_budget(event_group: str, metadata: RequestMetadata) -> tuple[Decimal | None, datetime | None]:
    """Limit and reset time of the caller's key, user or team."""
    for group, _, max_budget, resets_at in caller_budgets(metadata):
        if group == event_group:
            return max_budget, resets_at
    return None, None


def caller_budgets(
    metadata: RequestMetadata,
) -> tuple[tuple[str, Decimal | None, Decimal | None, datetime | None], ...]:
    """Event group, spend before the request, limit and reset time of the caller's key, user and team."""
    return (
        (
            "key",
            metadata.user_api_key_spend,
            metadata.user_api_key_max_budget,
            metadata.user_api_key_budget_reset_at,
        ),
        (
            "user",
            metadata.user_api_key_user_spend,
            metadata.user_api_key_user_max_budget,
            metadata.user_api_key_user_budget_reset_at,
        ),
        (
            "team",
            metadata.user_api_key_team_spend,
            metadata.user_api_key_team_max_budget,
            metadata.user_api_key_team_budget_reset_at,
        ),
    )


def _caller(metadata: RequestMetadata) -> dict[str, Any]:
    return {
        "token": metadata.user_api_key_hash,
        "key_alias": metadata.user_api_key_alias,
        "user_id": metadata.user_api_key_user_id,
        "user_email": metadata.user_api_key_user_email,
        "team_id": metadata.user_api_key_team_id,
        "team_alias": metadata.user_api_key_team_alias,
        "organization_id": metadata.user_api_key_org_id,
        "organization_alias": metadata.user_api_key_org_alias,
        "project_id": metadata.user_api_key_project_id,
        "project_alias": metadata.user_api_key_project_alias,
        "customer_id": metadata.user_api_key_end_user_id,
    }
