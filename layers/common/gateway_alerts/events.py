"""What comes in: the wire formats of LiteLLM 1.109.1, as frozen models that ignore what they do not know.

Money is ``Decimal`` from here on. A JSON number becomes the ``Decimal`` of its shortest text (``8.6``, not
``8.5999…``), which is what the sender's float meant. Spend must be finite; a limit beyond all money is no limit.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gateway_alerts.alert_types import Level
from gateway_alerts.bounds import MAX_EPOCH_SECONDS, MAX_MONEY_USD, MAX_SECONDS, MIN_LIMIT_USD, in_utc

#: Characters of any id, alias or message that a gateway may send. LiteLLM's own longest field is a 64-character hash.
MAX_TEXT_CHARACTERS = 2_000
#: Characters of a gateway alert's message and of a request's error text; what is longer is cut where it comes in.
MAX_MESSAGE_CHARACTERS = 10_000
#: Of a gateway alert's ``metadata``.
MAX_METADATA_ENTRIES = 50
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


def _cut(value: object) -> object:
    """An overlong message is shortened, not refused: its beginning says what it is about."""
    return f"{value[: MAX_MESSAGE_CHARACTERS - 1]}…" if isinstance(value, str) and len(value) > MAX_MESSAGE_CHARACTERS else value


Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
Message = Annotated[str, BeforeValidator(_cut)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
Spend = Annotated[Decimal, Field(ge=-MAX_MONEY_USD, le=MAX_MONEY_USD)]
#: None where there is no limit: none was given, or an infinite one.
Limit = Annotated[Decimal | None, Field(allow_inf_nan=True), AfterValidator(_limit)]
Moment = Annotated[datetime, AfterValidator(in_utc)]


class _WireModel(BaseModel):
    # Built when it is first used: a container meets one or two of the shapes, and building is what a cold start costs most.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


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
    """Why a request failed; the budget fields are set when a budget refused it.

    ``error_code`` is an HTTP status in text, ``normalized_error`` the reference's own class of it, such as
    ``429_BUDGET_EXCEEDED``; both are empty when the request succeeded.
    """

    error_code: Text | None = None
    error_class: Text | None = None
    error_message: Message | None = None
    llm_provider: Text | None = None
    normalized_error: Text | None = None
    error_budget_entity_type: Text | None = None
    error_budget_entity_id: Text | None = None
    error_budget_limit: Limit = None
    error_budget_spend: Spend | None = None


class HiddenParams(_WireModel):
    """What the reference's router adds to a request; ``api_base`` is set here where the log's own is empty."""

    api_base: Text | None = None


class RequestLog(_WireModel):
    """Shape 3: one ``StandardLoggingPayload`` of the reference's ``generic_api`` and ``aws_sqs`` callbacks.

    ``response_time`` is in seconds, and of a stream only until its first part; ``startTime`` and ``endTime`` are in epoch
    seconds; ``model_id`` names the deployment, ``model_group`` the name under which callers know it.
    """

    litellm_call_id: Text
    status: Text
    response_cost: Spend | None = None
    response_time: Seconds | None = None
    cache_hit: bool | None = None
    startTime: Annotated[float, Field(ge=0, le=MAX_EPOCH_SECONDS)] | None = None  # noqa: N815 (the wire's name)
    endTime: Annotated[float, Field(ge=0, le=MAX_EPOCH_SECONDS)] | None = None  # noqa: N815 (the wire's name)
    model: Text | None = None
    model_group: Text | None = None
    model_id: Text | None = None
    custom_llm_provider: Text | None = None
    api_base: Text | None = None
    prompt_tokens: Annotated[int, Field(ge=0)] | None = None
    completion_tokens: Annotated[int, Field(ge=0)] | None = None
    end_user: Text | None = None
    request_tags: tuple[Text, ...] | None = None
    metadata: RequestMetadata = Field(default_factory=RequestMetadata)
    hidden_params: HiddenParams | None = None
    error_information: ErrorInformation | None = None

    @property
    def duration_seconds(self) -> float | None:
        """From the request's start to the end of its answer, the last part of a stream included; None where nobody said."""
        if self.startTime is None or self.endTime is None:
            return self.response_time
        seconds = self.endTime - self.startTime
        return seconds if 0 <= seconds <= MAX_SECONDS else self.response_time


class GatewayAlert(_WireModel):
    """Shape 4: an alert that a gateway raises itself, under one of the names in ``gateway_alerts.alert_types``.

    ``metadata`` holds what is known besides, as JSON values. These names in it have a meaning of their own, the others
    are shown as they are: ``model``, ``provider``, ``api_base``, ``region``, ``model_id`` (the deployment),
    ``error_class``, ``error_code``, ``response_seconds``, ``call_id``, ``state`` (``started`` or ``ended``), ``started_at``
    (epoch seconds or ISO 8601), ``count``, and of whom it speaks ``key_alias``, ``user_id``, ``team_alias``, ``team_id``.
    """

    alert_type: Text
    level: Level | None = None
    message: Message
    metadata: Annotated[dict[Text, Any], Field(max_length=MAX_METADATA_ENTRIES)] = {}
    occurred_at: Moment | None = None


class SlackMessage(_WireModel):
    """Shape 5: what another sender posts to the drop-in Slack endpoint, as it came; ``text`` or ``blocks`` is there."""

    payload: dict[str, Any]


InboundEvent = BudgetEvent | WebhookEvent | RequestLog | GatewayAlert | SlackMessage
