"""What comes in: the wire formats of LiteLLM 1.109.1, as frozen models that ignore what they do not know.

Money is ``Decimal`` from here on. A JSON number becomes the ``Decimal`` of its shortest text (``8.6``, not
``8.5999…``), which is what the sender's float meant. Spend must be finite; a limit beyond all money is no limit.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

#: Characters of any id, alias or message that a gateway may send. LiteLLM's own longest field is a 64-character hash.
MAX_TEXT_CHARACTERS = 2_000
#: US dollars. A spend beyond it is a fault of the sender, and a limit beyond it is no limit.
MAX_MONEY_USD = Decimal(10) ** 15
#: US dollars. A limit closer to zero is zero: any spend would be a percentage that nobody can read.
MIN_LIMIT_USD = Decimal("1e-12")
_LEAST_MONEY_USD, _MIN_NEGATIVE_LIMIT_USD = -MAX_MONEY_USD, -MIN_LIMIT_USD


def _limit(value: Decimal | None) -> Decimal | None:
    if value is None:
        return None
    if value.is_nan():
        raise ValueError("is not a number")
    if value < _LEAST_MONEY_USD:
        raise ValueError(f"is below {_LEAST_MONEY_USD:f}")
    if _MIN_NEGATIVE_LIMIT_USD < value < MIN_LIMIT_USD:
        return Decimal(0)
    return None if value > MAX_MONEY_USD else value


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken to be UTC, as LiteLLM's are."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar") from None


Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
Spend = Annotated[Decimal, Field(ge=-MAX_MONEY_USD, le=MAX_MONEY_USD)]
#: None where there is no limit: none was given, or an infinite one.
Limit = Annotated[Decimal | None, Field(allow_inf_nan=True), AfterValidator(_limit)]
Moment = Annotated[datetime, AfterValidator(in_utc)]


class _WireModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class UserInfo(_WireModel):
    """The reference's ``CallInfo``: one reading of one budget, and whom it belongs to. All amounts in US dollars.

    ``entity_id`` and ``entity_alias`` are ours, for entities that the reference gives no field (tag, agent, model
    access group, and whatever is added later); so are the aliases of organization and project.
    """

    spend: Spend
    max_budget: Limit = None
    soft_budget: Limit = None
    token: Text | None = None
    key_alias: Text | None = None
    user_id: Text | None = None
    user_email: Text | None = None
    team_id: Text | None = None
    team_alias: Text | None = None
    organization_id: Text | None = None
    organization_alias: Text | None = None
    project_id: Text | None = None
    project_alias: Text | None = None
    customer_id: Text | None = None
    entity_id: Text | None = None
    entity_alias: Text | None = None
    event_group: Text | None = None
    projected_spend: Spend | None = None
    projected_exceeded_date: Text | None = None
    budget_reset_at: Moment | None = None
    occurred_at: Moment | None = None


class BudgetEvent(_WireModel):
    """Shape 1: the reference's call ``budget_alerts(type, user_info)``."""

    type: Text
    user_info: UserInfo


class WebhookEvent(UserInfo):
    """Shape 2: what the reference posts to ``WEBHOOK_URL``: the fields of ``UserInfo`` and its own verdict.

    The verdict is the gateway's; ours is made from the numbers. ``event`` and ``event_message`` only tell which
    budget alert type it was, since the wire format does not carry ``type``.
    """

    event: Text
    event_group: Text
    event_message: Text = ""


class RequestMetadata(_WireModel):
    """Who made a request, and their budgets as the gateway knew them *before* the request."""

    user_api_key_hash: Text | None = None
    user_api_key_alias: Text | None = None
    user_api_key_spend: Spend | None = None
    user_api_key_max_budget: Limit = None
    user_api_key_budget_reset_at: Moment | None = None
    user_api_key_user_id: Text | None = None
    user_api_key_user_email: Text | None = None
    user_api_key_user_spend: Spend | None = None
    user_api_key_user_max_budget: Limit = None
    user_api_key_user_budget_reset_at: Moment | None = None
    user_api_key_team_id: Text | None = None
    user_api_key_team_alias: Text | None = None
    user_api_key_team_spend: Spend | None = None
    user_api_key_team_max_budget: Limit = None
    user_api_key_team_budget_reset_at: Moment | None = None
    user_api_key_org_id: Text | None = None
    user_api_key_org_alias: Text | None = None
    user_api_key_project_id: Text | None = None
    user_api_key_project_alias: Text | None = None
    user_api_key_end_user_id: Text | None = None


class ErrorInformation(_WireModel):
    """Why a request failed; the budget fields are set when a budget refused it."""

    error_budget_entity_type: Text | None = None
    error_budget_entity_id: Text | None = None
    error_budget_limit: Limit = None
    error_budget_spend: Spend | None = None


class RequestLog(_WireModel):
    """Shape 3: one ``StandardLoggingPayload`` of the reference's ``generic_api`` callback."""

    litellm_call_id: Text
    status: Text
    response_cost: Spend | None = None
    metadata: RequestMetadata = RequestMetadata()
    error_information: ErrorInformation | None = None


InboundEvent = BudgetEvent | WebhookEvent | RequestLog
