"""The configuration document: one JSON object that an operator writes. Unknown settings are refused, by name.

LiteLLM's own settings keep their names and meaning, so that an operator can paste theirs; then come ours. A secret
is never in it, only a reference: ``os.environ/NAME``, ``secretsmanager:ARN_OR_NAME`` or ``ssm:NAME``.
"""

import re
from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.alerts import DEFAULT_DESTINATION
from gateway_alerts.errors import ConfigurationError
from gateway_alerts.masking import masked

SECRET_REFERENCE = re.compile(r"(os\.environ/|secretsmanager:|ssm:).+")
DEFAULT_THRESHOLDS = (Decimal("0.85"), Decimal("0.95"), Decimal(1))
#: The largest threshold that is read as a fraction (2 = 200 %); a list of larger numbers is percent.
MAX_FRACTION = Decimal(2)


def _known_alert_type(name: str) -> str:
    if name not in ALERT_TYPES:
        raise ValueError(f"is not an alert type; they are {', '.join(sorted(ALERT_TYPES))}")
    return name


def _secret_reference(value: str) -> str:
    if not SECRET_REFERENCE.fullmatch(value):
        raise ValueError("give a reference, never the secret: os.environ/NAME, secretsmanager:ARN_OR_NAME or ssm:NAME")
    return value


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


AlertType = Annotated[str, AfterValidator(_known_alert_type)]
SecretReference = Annotated[str, AfterValidator(_secret_reference)]
SecretReferences = Annotated[list[SecretReference], BeforeValidator(_as_list)]
Thresholds = Annotated[tuple[Decimal, ...], AfterValidator(_as_fractions)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AlertingArgs(_Settings):
    """LiteLLM's ``alerting_args``; seconds unless the name says otherwise. Only ``budget_alert_ttl`` has an effect so far."""

    budget_alert_ttl: Annotated[int, Field(ge=1)] = 86_400
    daily_report_frequency: int = 43_200
    report_check_interval: int = 300
    outage_alert_ttl: int = 60
    region_outage_alert_ttl: int = 60
    minor_outage_alert_threshold: int = 5
    major_outage_alert_threshold: int = 10
    max_outage_alert_list_size: int = 10
    log_to_console: bool = False
    daily_spend_per_user_threshold: float | None = None
    monthly_spend_per_user_threshold: float | None = None
    spend_anomaly_multiplier: float = 3.0
    spend_anomaly_baseline_days: int = 7
    spend_anomaly_min_spend: float = 10.0
    user_spend_check_interval: int = 3_600


class AlertTypeConfig(_Settings):
    """LiteLLM's ``alert_type_config`` of one alert type. No effect so far."""

    digest: bool = False
    digest_interval: int = 86_400


class Destination(_Settings):
    """One place to post to. ``url`` is a reference to a secret, since a webhook's URL is one."""

    type: Literal["slack"] = "slack"
    url: SecretReference


class Route(_Settings):
    """Alerts that match every condition given go to ``destinations``. A condition left out matches everything."""

    alert_types: list[AlertType] | None = None
    entity_types: list[str] | None = None
    gateways: list[str] | None = None
    levels: list[Literal["Low", "Medium", "High"]] | None = None
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
    alerting_threshold: float | None = None
    alerting_args: AlertingArgs = AlertingArgs()
    alert_type_config: dict[AlertType, AlertTypeConfig] = {}
    thresholds: Annotated[dict[str, Thresholds], BeforeValidator(lambda v: v if isinstance(v, Mapping) else {"default": v})] = {}
    routes: list[Route] = []
    destinations: dict[str, Destination] = {}
    fallback_destination: str | None = None

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> "Config":
        known = {DEFAULT_DESTINATION, *self.destinations}
        for position, route in enumerate(self.routes):
            if not known.issuperset(route.destinations):
                raise ValueError(f"routes.{position}.destinations: names one that is not in destinations")
        if self.fallback_destination is not None and self.fallback_destination not in known:
            raise ValueError("fallback_destination: is not in destinations")
        return self

    def check_entity_types(self, known: Container[str]) -> None:
        """Refuse settings for entity types that do not exist.

        Raises:
            ConfigurationError: names the setting.
        """
        for entity_type in self.thresholds:
            if entity_type != "default" and entity_type not in known:
                raise ConfigurationError(f"CONFIG: thresholds.{_shown(entity_type)}: is not an entity type")
        for position, route in enumerate(self.routes):
            if any(entity_type not in known for entity_type in route.entity_types or ()):
                raise ConfigurationError(f"CONFIG: routes.{position}.entity_types: names one that is not an entity type")

    def is_enabled(self, alert_type: str) -> bool:
        """Whether alerts of this type are raised at all."""
        return ALERT_TYPES[alert_type] if self.alert_types is None else alert_type in self.alert_types

    def thresholds_of(self, entity_type: str) -> tuple[Decimal, ...]:
        """The rungs of an entity type's maximum budget, ascending, as fractions; empty turns its alerts off."""
        fallback = self.thresholds.get("default", DEFAULT_THRESHOLDS)
        return self.thresholds.get(entity_type, fallback)

    def destinations_for(self, *, alert_type: str, entity_type: str, gateway: str, level: str) -> tuple[str, ...]:
        """Names of the destinations of an alert: the first route that matches, else LiteLLM's
        ``alert_to_webhook_url``, else the default destination.
        """
        for route in self.routes:
            if route.matches(alert_type=alert_type, entity_type=entity_type, gateway=gateway, level=level):
                return tuple(dict.fromkeys(route.destinations))
        count = len(self.alert_to_webhook_url.get(alert_type, ()))
        return tuple(_webhook_name(alert_type, index) for index in range(count)) or (DEFAULT_DESTINATION,)

    def all_destinations(self) -> dict[str, Destination]:
        """Every destination that the document names, those of ``alert_to_webhook_url`` included; not the default one."""
        webhooks = {
            _webhook_name(alert_type, index): Destination(url=url)
            for alert_type, urls in self.alert_to_webhook_url.items()
            for index, url in enumerate(urls)
        }
        return webhooks | self.destinations

    def settings_without_effect(self) -> list[str]:
        """Settings that were given and that this version does not use yet, for a warning at start."""
        given: list[str] = [name for name in ("alerting_threshold", "alert_type_config") if name in self.model_fields_set]
        given += [f"alerting_args.{name}" for name in sorted(self.alerting_args.model_fields_set - {"budget_alert_ttl"})]
        return given


def _webhook_name(alert_type: str, index: int) -> str:
    return alert_type if index == 0 else f"{alert_type}.{index + 1}"


def parse_config(document: str) -> Config:
    """Read the configuration from its JSON; an empty text is the default configuration.

    Raises:
        ConfigurationError: names every setting that is wrong, and never shows a value.
    """
    try:
        return Config.model_validate_json(document or "{}")
    except ValidationError as error:
        faults = [_fault(fault) for fault in error.errors(include_input=False, include_url=False)]
        raise ConfigurationError("CONFIG: " + "; ".join(faults)) from None
    except (ValueError, OverflowError):  # no text, or an array in place of a number
        raise ConfigurationError("CONFIG: cannot be read") from None


def _fault(fault: Any) -> str:
    place = ".".join(_shown(str(part)) for part in fault["loc"])
    what = "is not a setting" if fault["type"] == "extra_forbidden" else fault["msg"]
    return f"{place}: {what}" if place else what


def _shown(name: str) -> str:
    """A name that an operator wrote, unless it could be a secret in the wrong place."""
    return masked(name) if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) else "…"
