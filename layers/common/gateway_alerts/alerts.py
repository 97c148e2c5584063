"""What goes through the alerts queue: one alert for one destination, as JSON.

EvaluateFunction writes it, NotifyFunction reads it. Money is in US dollars, times carry their zone, ``rung`` is
a fraction of the limit.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gateway_alerts.alert_types import Level
from gateway_alerts.bounds import MAX_MONEY_USD, MAX_SECONDS, in_utc
from gateway_alerts.distributions import bucket_of
from gateway_alerts.errors import InvalidAlert

BudgetKind = Literal["maximum", "projected", "soft"]

DEFAULT_DESTINATION = "default"
#: The alert type of the test alerts that show whether the way is open.
CANARY = "canary"
#: Where the canary goes: it posts nowhere, unless the configuration has a destination of this name.
CANARY_DESTINATION = "canary"

#: More than anything can happen; a larger one is a fault, and too long to be written out.
MAX_COUNT = 10**12
#: Those of less than a tenth of a millisecond to ``MAX_SECONDS``.
Bucket = Annotated[int, Field(ge=bucket_of(0), le=bucket_of(MAX_SECONDS))]
Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
Money = Annotated[Decimal, Field(ge=-MAX_MONEY_USD, le=MAX_MONEY_USD)]


class _QueueModel(BaseModel):
    # Built when it is first used: most invocations of EvaluateFunction raise no alert.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


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
    #: When the limit will be reached at the present rate, where we forecast it ourselves.
    exhausted_at: Moment | None = None
    resets_at: Moment | None = None


class Occurrences(_QueueModel):
    """How often something happened, and when; what has a duration, with its distribution.

    ``seconds`` counts durations by bucket (:mod:`gateway_alerts.distributions`), so that two of them can be added up.
    """

    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    first_at: Moment | None = None
    last_at: Moment | None = None
    seconds: dict[Bucket, Annotated[int, Field(ge=0, le=MAX_COUNT)]] = {}


class Fact(_QueueModel):
    """One thing that is known about an alert: ``API base``, ``https://a.example``. Plain text, shown in the order given."""

    label: str
    text: str


class ReportRow(_QueueModel):
    """One line of a report's section: what it is about, its figure in words, and what stands beside it."""

    name: str
    value: str
    remark: str = ""
    #: The figure as a number, where the section is worth a chart.
    amount: float | None = None


class ReportSection(_QueueModel):
    """A ranked list under a title, the first ``rows`` first. ``chart_unit`` says what ``amount`` counts; None for no chart."""

    title: str
    rows: tuple[ReportRow, ...]
    more_count: Annotated[int, Field(ge=0, le=MAX_COUNT)] = 0
    chart_unit: str | None = None


class Report(_QueueModel):
    """What a scheduled report says about a period."""

    title: str
    period: str
    summary: str = ""
    sections: tuple[ReportSection, ...] = ()


class Alert(_QueueModel):
    """One alert. ``alert_id`` is unique to one decision; ``dedupe_key`` names the identity that was decided.

    Beside the message it carries what its alert type has: a budget's ``budget``, ``facts``, a scheduled ``report``, or
    the ``slack_payload`` of a sender that is passed through as it is.
    """

    alert_id: str
    dedupe_key: str
    alert_type: str
    event: str
    level: Level
    gateway: str
    message: str
    entity: Entity
    budget: BudgetFigures | None = None
    occurrences: Occurrences = Field(default_factory=Occurrences)
    facts: tuple[Fact, ...] = ()
    report: Report | None = None
    slack_payload: dict[str, Any] | None = None
    #: It tells that something is over: a budget was reset or raised, an outage has ended.
    is_resolved: bool = False
    #: It was gathered over a digest's interval.
    is_digest: bool = False
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
        fields = {name for model in _QueueModel.__subclasses__() for name in model.model_fields}
        # The key of a mapping came from outside, as a value did.
        place = ".".join(str(part) if isinstance(part, int) or part in fields else "…" for part in first["loc"])
        raise InvalidAlert(f"{place or 'body'}: {first['msg']}") from None
    except (ValueError, OverflowError):  # no text, or an array in place of an amount
        raise InvalidAlert("body: cannot be read") from None
