"""What goes through the alerts queue: one alert for one destination, as JSON.

EvaluateFunction writes it, NotifyFunction reads it. Money is in US dollars, times carry their zone, ``rung`` is
a fraction of the limit.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gateway_alerts.errors import InvalidAlert
from gateway_alerts.events import MAX_MONEY_USD, in_utc

Level = Literal["Low", "Medium", "High"]
BudgetKind = Literal["maximum", "projected", "soft"]

DEFAULT_DESTINATION = "default"
#: The alert type of the test alerts that show whether the way is open.
CANARY = "canary"
#: Where the canary goes: it posts nowhere, unless the configuration has a destination of this name.
CANARY_DESTINATION = "canary"

Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
Money = Annotated[Decimal, Field(ge=-MAX_MONEY_USD, le=MAX_MONEY_USD)]


class _QueueModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Entity(_QueueModel):
    """Whom an alert is about. ``id`` is None when the gateway did not say; ``name`` is what a person calls it."""

    type: str
    id: str | None = None
    name: str | None = None
    owner: str | None = None
    team: str | None = None


class BudgetFigures(_QueueModel):
    """The figures of one budget at the moment of the alert."""

    kind: BudgetKind
    spend: Money
    limit: Money
    rung: Decimal
    max_budget: Money | None = None
    soft_budget: Money | None = None
    soft_budget_crossed: bool = False
    projected_spend: Money | None = None
    projected_exceeded_date: str | None = None
    resets_at: Moment | None = None


class Alert(_QueueModel):
    """One alert. ``alert_id`` is unique to one decision; ``dedupe_key`` names the identity that was decided."""

    alert_id: str
    dedupe_key: str
    alert_type: str
    event: str
    level: Level
    gateway: str
    message: str
    entity: Entity
    budget: BudgetFigures
    raised_at: Moment
    destinations: tuple[str, ...] = (DEFAULT_DESTINATION,)


class QueuedAlert(_QueueModel):
    """The body of one queue message: an alert for one of its destinations."""

    destination: str
    alert: Alert


def parse_queued_alert(body: str) -> QueuedAlert:
    """Read a queue message's body.

    Raises:
        InvalidAlert: the body is not one of ours; the message names the field, never its value.
    """
    try:
        return QueuedAlert.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidAlert(f"{place or 'body'}: {first['msg']}") from None
    except (ValueError, OverflowError):  # no text, or an array in place of an amount
        raise InvalidAlert("body: cannot be read") from None
