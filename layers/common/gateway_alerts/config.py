"""The configuration document: one JSON object that an operator writes. Unknown settings are refused, by name.

LiteLLM's own settings keep their names and meaning, so that an operator can paste theirs; then come ours. A secret
is never in it, only a reference: ``os.environ/NAME``, ``secretsmanager:ARN_OR_NAME`` or ``ssm:NAME``.
"""

import re
from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway_alerts.alert_types import ALERT_TYPES, SLACK_MESSAGE, Level
from gateway_alerts.alerts import DEFAULT_DESTINATION
from gateway_alerts.errors import ConfigurationError
from gateway_alerts.masking import masked

DEFAULT_THRESHOLDS = (Decimal("0.85"), Decimal("0.95"), Decimal(1))
#: The largest threshold that is read as a fraction (2 = 200 %); a list of larger numbers is percent.
MAX_FRACTION = Decimal(2)
DEFAULT_ALERTING_THRESHOLD_SECONDS = 300.0
#: Intervals are counted from here, on the clock of ``time_zone``: a day begins at midnight, a week on Monday.
_FIRST_MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001 (a wall clock's time has no zone)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not an IANA time zone, such as Europe/Berlin") from None
    return name


def _known_alert_type(name: str) -> str:
    if name not in ALERT_TYPES:
        raise ValueError(f"is not an alert type; they are {', '.join(sorted(ALERT_TYPES))}")
    return name


def _like(pattern: str, wanted: str) -> AfterValidator:
    """Takes texts of a pattern; a refusal tells what is wanted and never what was given."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"give {wanted}")
        return value

    return AfterValidator(check)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_fractions(values: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    if any(not value.is_finite() or value <= 0 for value in values):
        raise ValueError("a threshold is a number above 0")
    as_percent = [value > MAX_FRACTION for value in values]
    if any(as_percent) and not all(as_percent):
        raise ValueError("give all thresholds as fractions (0.85, 1) or all as percent (85, 100), not both")
    fractions = {value / 100 if any(as_percent) else value for value in values}
    return tuple(sorted(Decimal(format(fraction.normalize(), "f")) for fraction in fractions))


Seconds = Annotated[int, Field(ge=1, le=366 * 86_400)]
#: From when on a request is slow, in seconds.
Slow = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Clock = Annotated[str, _like(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day, such as 22:00")]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
SpendReportFrequency = Annotated[str, _like(r"([1-9]|[12][0-9]|3[01])d", "1d to 31d")]
AlertType = Annotated[str, AfterValidator(_known_alert_type)]
Thresholds = Annotated[tuple[Decimal, ...], AfterValidator(_as_fractions)]
SecretReference = Annotated[
    str,
    _like(
        r"(os\.environ/|secretsmanager:|ssm:).+",
        "a reference, never the secret: os.environ/NAME, secretsmanager:ARN_OR_NAME or ssm:NAME",
    ),
]
SecretReferences = Annotated[list[SecretReference], BeforeValidator(_as_list)]
TopicArn = Annotated[str, _like(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", "the ARN of an SNS topic")]


class _Settings(BaseModel):
    # Built when it is first used: once, as parts of the whole document, and not each by itself besides.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class AlertingArgs(_Settings):
    """LiteLLM's ``alerting_args``; seconds unless the name says otherwise, spend in US dollars."""

    budget_alert_ttl: Seconds = 86_400
    daily_report_frequency: Seconds = 43_200
    report_check_interval: Seconds = 300
    outage_alert_ttl: Seconds = 60
    region_outage_alert_ttl: Seconds = 60
    minor_outage_alert_threshold: Count = 5
    major_outage_alert_threshold: Count = 10
    max_outage_alert_list_size: Count = 10
    log_to_console: bool = False
    daily_spend_per_user_threshold: Annotated[Decimal, Field(gt=0)] | None = None
    monthly_spend_per_user_threshold: Annotated[Decimal, Field(gt=0)] | None = None
    spend_anomaly_multiplier: Annotated[Decimal, Field(gt=0)] = Decimal(3)
    spend_anomaly_baseline_days: Annotated[int, Field(ge=1, le=90)] = 7
    spend_anomaly_min_spend: Annotated[Decimal, Field(ge=0)] = Decimal(10)
    user_spend_check_interval: Annotated[int, Field(ge=60)] = 3_600

    @model_validator(mode="after")
    def _major_is_above_minor(self) -> "AlertingArgs":
        if self.major_outage_alert_threshold < self.minor_outage_alert_threshold:
            raise ValueError("major_outage_alert_threshold is below minor_outage_alert_threshold")
        return self


class AlertTypeConfig(_Settings):
    """LiteLLM's ``alert_type_config`` of one alert type: with ``digest`` its alerts are gathered for ``digest_interval``
    seconds and told together, every one of them named.
    """

    digest: bool = False
    digest_interval: Annotated[int, Field(ge=60, le=31 * 86_400)] = 86_400


class Errors(_Settings):
    """Which failed requests count as ``llm_exceptions``. Those that a budget refused never do: they are budget alerts."""

    #: LiteLLM's exceptions (``RateLimitError`` …) that do not count.
    ignore_classes: list[str] = []
    #: HTTP statuses that do not count.
    ignore_codes: list[Annotated[int, Field(ge=100, le=599)]] = []


class QuietHours(_Settings):
    """Alerts of these levels wait until the quiet hours are over, and are told then. Times are in ``time_zone``."""

    begin: Clock
    end: Clock
    levels: Annotated[list[Level], Field(min_length=1)] = ["Low", "Medium"]

    @model_validator(mode="after")
    def _end_is_not_begin(self) -> "QuietHours":
        if self.begin == self.end:
            raise ValueError("begin and end are the same")
        return self

    def end_after(self, now: datetime, *, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours that are running end; None when none are. They may span midnight."""
        local = now.astimezone(zone)
        begin, end, clock = time.fromisoformat(self.begin), time.fromisoformat(self.end), local.time()
        is_quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
        if not is_quiet:
            return None
        day = local.date() if clock < end else local.date() + timedelta(days=1)
        return _in_utc(datetime.combine(day, end), zone=zone, after=local)


class Destination(_Settings):
    """One place to post to. ``url`` is a reference to a secret, since a webhook's URL is one.

    ``secret`` is what a ``webhook`` signs with (HMAC-SHA256), ``topic_arn`` the SNS topic of an ``email``, which has
    no ``url``.
    """

    type: Literal["slack", "teams", "webhook", "email"] = "slack"
    url: SecretReference | None = None
    secret: SecretReference | None = None
    topic_arn: TopicArn | None = None

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> "Destination":
        needed, unused = ("topic_arn", "url") if self.type == "email" else ("url", "topic_arn")
        if getattr(self, needed) is None:
            raise ValueError(f"a destination of type {self.type} needs {needed}")
        if getattr(self, unused) is not None:
            raise ValueError(f"a destination of type {self.type} has no {unused}")
        if self.secret is not None and self.type != "webhook":
            raise ValueError("secret: only a destination of type webhook signs")
        return self


class Route(_Settings):
    """Alerts that match every condition given go to ``destinations``. A condition left out matches everything."""

    alert_types: list[AlertType] | None = None
    entity_types: list[str] | None = None
    gateways: list[str] | None = None
    levels: list[Level] | None = None
    destinations: Annotated[list[str], Field(min_length=1)]

    def matches(self, *, alert_type: str, entity_type: str, gateway: str, level: str) -> bool:
        """Whether an alert with these properties takes this route."""
        conditions = (
            (self.alert_types, alert_type),
            (self.entity_types, entity_type),
            (self.gateways, gateway),
            (self.levels, level),
        )
        return all(wanted is None or actual in wanted for wanted, actual in conditions)


class Config(_Settings):
    """The whole document. Every setting has a default, so ``{}`` is a valid configuration."""

    alert_types: list[AlertType] | None = None
    alert_to_webhook_url: dict[AlertType, SecretReferences] = {}
    #: Seconds after which a request is slow, or hanging. LiteLLM's own default differs by how it is configured: 300 or 600.
    alerting_threshold: Slow = DEFAULT_ALERTING_THRESHOLD_SECONDS
    # Validated as parts of the document, as everything that it names: made by themselves, each would be built twice.
    alerting_args: AlertingArgs = Field(default={}, validate_default=True)
    alert_type_config: dict[AlertType, AlertTypeConfig] = {}
    #: LiteLLM's general setting: how many days a spend report covers; with it come one a month and one a day if it says so.
    spend_report_frequency: SpendReportFrequency = "7d"
    thresholds: Annotated[dict[str, Thresholds], BeforeValidator(lambda v: v if isinstance(v, Mapping) else {"default": v})] = {}
    routes: list[Route] = []
    destinations: dict[str, Destination] = {}
    fallback_destination: str | None = None
    quiet_hours: list[QuietHours] = []
    #: Model group → seconds, in place of ``alerting_threshold``.
    alerting_threshold_by_model: dict[str, Slow] = {}
    #: Seconds within which repeats of an alert type are counted rather than told.
    repeat_intervals: dict[AlertType, Annotated[int, Field(ge=10, le=86_400)]] = {}
    errors: Errors = Field(default={}, validate_default=True)
    #: IANA name; days, months, quiet hours and reports are in it.
    time_zone: TimeZone = "UTC"
    #: When reports are posted.
    report_time: Clock = "09:00"
    #: Tell when a budget was reset or raised, or an outage is over.
    resolved_notices: bool = False
    #: Warn when the spend seen so far will reach a budget before it resets.
    forecast: bool = True
    #: Show prompts that a gateway puts into its alerts.
    show_prompts: bool = False

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> "Config":
        known = {DEFAULT_DESTINATION, *self.destinations}
        for position, route in enumerate(self.routes):
            if not known.issuperset(route.destinations):
                raise ValueError(f"routes.{position}.destinations: names one that is not in destinations")
        if self.fallback_destination is not None and self.fallback_destination not in known:
            raise ValueError("fallback_destination: is not in destinations")
        return self

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> "Config":
        for name in self._webhooks().keys() & self.destinations.keys():
            raise ValueError(f"destinations.{name}: is the name of alert_to_webhook_url's, give it another")
        return self

    def check_entity_types(self, known: Container[str], *, others: Container[str] = ()) -> None:
        """Refuse settings for entity types that do not exist: ``known`` have budgets, ``others`` have none.

        Raises:
            ConfigurationError: names the setting.
        """
        for entity_type in self.thresholds:
            if entity_type != "default" and entity_type not in known:
                raise ConfigurationError(f"CONFIG: thresholds.{shown(entity_type)}: is not an entity type")
        for position, route in enumerate(self.routes):
            if any(entity_type not in known and entity_type not in others for entity_type in route.entity_types or ()):
                raise ConfigurationError(f"CONFIG: routes.{position}.entity_types: names one that is not an entity type")

    def is_enabled(self, alert_type: str) -> bool:
        """Whether alerts of this type are raised at all. LiteLLM's list has no name for what other senders post to the
        drop-in Slack endpoint, so that is on whatever the list says.
        """
        if self.alert_types is None or alert_type == SLACK_MESSAGE:
            return ALERT_TYPES[alert_type].is_on
        return alert_type in self.alert_types

    def slow_after_seconds(self, model_group: str) -> float:
        """From when on a request of this model group is slow, or hanging."""
        return self.alerting_threshold_by_model.get(model_group, self.alerting_threshold)

    def repeat_interval_seconds(self, alert_type: str) -> int:
        """Within how many seconds repeats are counted rather than told."""
        return self.repeat_intervals.get(alert_type, ALERT_TYPES[alert_type].interval_seconds)

    def is_digest(self, alert_type: str) -> bool:
        """Whether alerts of this type are gathered and told together."""
        settings = self.alert_type_config.get(alert_type)
        return settings is not None and settings.digest

    def held_until(self, *, alert_type: str, level: str, now: datetime) -> datetime | None:
        """When an alert that is raised now may be told: None for at once, else the end of its digest's interval, or of
        the quiet hours that are running at that moment.
        """
        told_at = now
        if self.is_digest(alert_type):
            told_at = interval_end(now, seconds=self.alert_type_config[alert_type].digest_interval, zone=self.zone)
        quiet_hours = [quiet for quiet in self.quiet_hours if level in quiet.levels]
        # Once for each: one may begin where another ends, and together they must not hold an alert for ever.
        for _ in quiet_hours:
            ends = [end for quiet in quiet_hours if (end := quiet.end_after(told_at, zone=self.zone))]
            told_at = max(ends, default=told_at)
        return told_at if told_at > now else None

    @property
    def zone(self) -> ZoneInfo:
        """``time_zone`` as it is calculated with."""
        return ZoneInfo(self.time_zone)

    def thresholds_of(self, entity_type: str) -> tuple[Decimal, ...]:
        """The rungs of an entity type's maximum budget, ascending, as fractions; empty turns its alerts off."""
        thresholds = self.thresholds
        return thresholds.get(entity_type, thresholds.get("default", DEFAULT_THRESHOLDS))

    def destinations_for(self, *, alert_type: str, entity_type: str, gateway: str, level: str) -> tuple[str, ...]:
        """Names of the destinations of an alert: the first route that matches, else LiteLLM's
        ``alert_to_webhook_url``, else the default destination.
        """
        return self._routed(alert_type, entity_type, gateway, level)

    @cached_property
    def _routed(self) -> Callable[[str, str, str, str], tuple[str, ...]]:
        """Alerts come in few kinds: with a thousand routes, looking at each was nine tenths of an alert's cost."""
        return lru_cache(maxsize=1_000)(self._route)

    def _route(self, alert_type: str, entity_type: str, gateway: str, level: str) -> tuple[str, ...]:
        for route in self.routes:
            if route.matches(alert_type=alert_type, entity_type=entity_type, gateway=gateway, level=level):
                return tuple(dict.fromkeys(route.destinations))
        count = len(self.alert_to_webhook_url.get(alert_type, ()))
        return tuple(_webhook_name(alert_type, index) for index in range(count)) or (DEFAULT_DESTINATION,)

    def all_destinations(self) -> dict[str, Destination]:
        """Every destination that the document names, those of ``alert_to_webhook_url`` included; not the default one."""
        return self._webhooks() | self.destinations

    def _webhooks(self) -> dict[str, Destination]:
        return {
            _webhook_name(alert_type, index): Destination(url=url)
            for alert_type, urls in self.alert_to_webhook_url.items()
            for index, url in enumerate(urls)
        }

    def settings_without_effect(self) -> list[str]:
        """Settings that were given and have nothing to do here, for a warning at start."""
        without_need = {"report_check_interval", "max_outage_alert_list_size", "log_to_console"}
        return [f"alerting_args.{name}" for name in sorted(self.alerting_args.model_fields_set & without_need)]


def interval_end(now: datetime, *, seconds: int, zone: ZoneInfo) -> datetime:
    """The end of the interval that ``now`` lies in, in UTC. Intervals follow one another without a gap on the zone's wall
    clock, from a Monday's midnight on: one of an hour ends at full hours, of a day at midnight, of a week on Mondays.
    """
    local = now.astimezone(zone)
    interval = timedelta(seconds=seconds)
    passed_count = (local.replace(tzinfo=None) - _FIRST_MONDAY) // interval
    return _in_utc(_FIRST_MONDAY + (passed_count + 1) * interval, zone=zone, after=local)


def _in_utc(wall: datetime, *, zone: ZoneInfo, after: datetime) -> datetime:
    """A wall clock's time that is yet to come. In the hour that comes twice a year it is of the same pass as ``after``,
    else it would lie before it; in the hour that is left out it is as long after as if the clock had not been set.
    """
    return wall.replace(tzinfo=zone, fold=after.fold).astimezone(UTC)


def _webhook_name(alert_type: str, index: int) -> str:
    return alert_type if index == 0 else f"{alert_type}.{index + 1}"


def parse_config(document: str) -> Config:
    """Read the configuration from its JSON; an empty text is the default configuration.

    Raises:
        ConfigurationError: names every setting that is wrong, and never shows a value.
    """
    if document.strip() in ("", "{}"):
        return _default_config()
    try:
        return Config.model_validate_json(document)
    except ValidationError as error:
        faults = [_fault(fault) for fault in error.errors(include_input=False, include_url=False)]
        raise ConfigurationError("CONFIG: " + "; ".join(faults)) from None
    except (ValueError, OverflowError):  # no text, or an array in place of a number
        raise ConfigurationError("CONFIG: cannot be read") from None


def _default_config() -> Config:
    """What an empty document says. Nothing in it needs a validator, which would take longer to build than any other of ours."""
    return Config.model_construct(
        alerting_args=AlertingArgs.model_construct(), errors=Errors.model_construct(), _fields_set=set()
    )


def _fault(fault: Any) -> str:
    place = ".".join(shown(str(part)) for part in fault["loc"])
    what = "is not a setting" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    return f"{place}: {what}" if place else what


def shown(name: str) -> str:
    """A name that an operator wrote, unless it could be a secret in the wrong place."""
    return masked(name) if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) else "…"
