"""An alert that a gateway raises itself, by its own shape or as Slack text → the occurrence that is told. Pure.

What two of them must share to be one depends on the type: a failure is its model and error class, a slow model is what
its provider calls it; of any other type it is what it says. Times, counts and the gateway's address are never part of it.
"""

import json
from datetime import datetime
from typing import Any

from evaluate.occurrences import Occurrence
from gateway_alerts.alert_types import (
    ALERT_TYPES,
    LLM_EXCEPTIONS,
    LLM_REQUESTS_HANGING,
    LLM_TOO_SLOW,
    OUTAGE_ALERTS,
    REGION_OUTAGE_ALERTS,
    SLACK_MESSAGE,
    Level,
)
from gateway_alerts.alerts import Entity, Fact
from gateway_alerts.config import Config
from gateway_alerts.distributions import buckets_of
from gateway_alerts.errors import UnknownAlertType
from gateway_alerts.events import MAX_MESSAGE_CHARACTERS, GatewayAlert, SlackMessage
from gateway_alerts.keys import digest
from gateway_alerts.masking import masked

#: The metadata by which alerts of a type are the same; of a type that is not here it is everything that is said.
SUBJECTS: dict[str, tuple[str, ...]] = {
    # Not the provider: most texts do not name it, and the request log of the same failure does.
    LLM_EXCEPTIONS: ("model", "error_class"),
    LLM_TOO_SLOW: ("model",),
    LLM_REQUESTS_HANGING: ("model",),
    OUTAGE_ALERTS: ("model", "model_id", "provider", "api_base", "severity"),
    REGION_OUTAGE_ALERTS: ("region", "provider", "severity"),
}
#: Metadata that changes from one to the next of the same.
_VOLATILE = frozenset({"count", "proxy_url", "started_at", "call_id", "response_seconds", "state"})
#: Prompts, shown only where the configuration says so.
PROMPTS = frozenset({"prompt", "messages", "input"})
#: Used elsewhere in the alert, so no facts.
_NOT_FACTS = frozenset({"count", "response_seconds", "state"})
MAX_FACT_CHARACTERS = 300
#: The level of an outage by its severity.
LEVELS: dict[str, Level] = {"minor": "Medium", "major": "High"}
MAX_COUNT = 1_000_000

#: Metadata that names whom an alert is about → its entity type; the first that is given, a region's outage apart.
_ENTITIES = (
    ("model", "model"),
    ("key_alias", "key"),
    ("team_alias", "team"),
    ("team_id", "team"),
    ("user_id", "user"),
    ("server", "mcp_server"),
    ("region", "region"),
)
#: Entity types of alerts that are about no budget.
ENTITY_TYPES = frozenset({*(entity_type for _, entity_type in _ENTITIES), "deployment", "gateway", "user"})
_LABELS = {"api_base": "API base", "model_id": "Deployment", "error_class": "Error", "error_code": "Status", "proxy_url": "Proxy"}


def occurrence_of(alert: GatewayAlert, *, gateway: str, config: Config, now: datetime) -> Occurrence:
    """The occurrence that an alert tells of.

    Raises:
        UnknownAlertType: no alert type is called that.
    """
    row = ALERT_TYPES.get(alert.alert_type)
    if row is None or row.name == SLACK_MESSAGE:
        raise UnknownAlertType(f"{alert.alert_type[:80]!r}; known are {', '.join(sorted(ALERT_TYPES.keys() - {SLACK_MESSAGE}))}")
    said = {name: _said(value) for name, value in alert.metadata.items() if value not in (None, "", [], {})}
    message = masked(alert.message.strip())
    at = alert.occurred_at or now
    subject = tuple(said.get(name) for name in SUBJECTS.get(row.name, ()))
    seconds = _number(alert.metadata.get("response_seconds"))
    return Occurrence(
        alert_type=row.name,
        gateway=gateway,
        alike=subject if any(subject) else (message, *_stable(said)),
        level=alert.level or LEVELS.get(said.get("severity", "")) or row.level,
        message=message,
        entity=_entity(said, gateway=gateway, is_region=row.name == REGION_OUTAGE_ALERTS),
        first_at=at,
        last_at=at,
        count=min(MAX_COUNT, max(1, int(_number(alert.metadata.get("count")) or 1))),
        facts=tuple(
            Fact(label=_LABELS.get(name) or name.replace("_", " ").capitalize(), text=text)
            for name, text in said.items()
            if name not in _NOT_FACTS and (config.show_prompts or name not in PROMPTS)
        ),
        seconds={} if seconds is None else buckets_of([seconds]),
    )


def slack_message_of(message: SlackMessage, *, gateway: str, now: datetime) -> Occurrence:
    """The occurrence of a message of another sender, which is passed on as it came."""
    text = message.payload.get("text")
    return Occurrence(
        alert_type=SLACK_MESSAGE,
        gateway=gateway,
        alike=(digest(message.payload),),
        level=ALERT_TYPES[SLACK_MESSAGE].level,
        message=text if isinstance(text, str) else "",
        entity=Entity(type="gateway", id=gateway, name=gateway),
        first_at=now,
        last_at=now,
        slack_payload=message.payload,
    )


def _said(value: Any) -> str:
    match value:
        case str():
            text = value
        case list() if not any(isinstance(each, dict | list) for each in value):
            text = ", ".join(map(str, value))
        case dict() if not any(isinstance(each, dict | list) for each in value.values()):
            text = ", ".join(f"{name}: {each}" for name, each in value.items())
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
    # Cut after masking: of a key that is cut in two the mask would not know the first half.
    text = masked(text[:MAX_MESSAGE_CHARACTERS])
    return text if len(text) <= MAX_FACT_CHARACTERS else f"{text[: MAX_FACT_CHARACTERS - 1]}…"


def _stable(said: dict[str, str]) -> list[str]:
    return [f"{name}={text}" for name, text in sorted(said.items()) if name not in _VOLATILE]


def _number(value: object) -> float | None:
    """A number that a sender gave as one, or as its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None


def _entity(said: dict[str, str], *, gateway: str, is_region: bool) -> Entity:
    for name, entity_type in _ENTITIES[::-1] if is_region else _ENTITIES:
        if name in said:
            return Entity(type=entity_type, id=said[name], name=said[name])
    return Entity(type="gateway", id=gateway, name=gateway)
