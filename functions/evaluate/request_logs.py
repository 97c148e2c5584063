"""Request logs → the failures and the slow requests in them, alike ones together. Pure.

A failure counts by what failed: what a provider answered always does, what a caller did wrong does not, and neither does
a request that a budget refused (that is a budget alert). Within those, ``errors`` of the configuration decides.
"""

from datetime import UTC, datetime
from functools import lru_cache

from evaluate.occurrences import Occurrence, facts_of
from gateway_alerts.alert_types import ALERT_TYPES, LLM_EXCEPTIONS, LLM_TOO_SLOW
from gateway_alerts.alerts import Entity
from gateway_alerts.config import Config
from gateway_alerts.distributions import bucket_of
from gateway_alerts.events import RequestLog
from gateway_alerts.masking import masked

#: The reference's names for what its own proxy refuses; below 500 it is the caller who is wrong.
CALLER_ERRORS = frozenset({"HTTPException", "ProxyException", "BudgetExceededError"})
BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
MAX_SAMPLE_CHARACTERS = 500
UNKNOWN_MODEL = "unknown model"


def ended_at(log: RequestLog, *, now: datetime) -> datetime:
    """When a request ended, as its log says, and no later than now."""
    return now if log.endTime is None else min(now, datetime.fromtimestamp(log.endTime, UTC))


def model_of(log: RequestLog) -> str:
    """The name under which callers know the model."""
    return log.model_group or log.model or UNKNOWN_MODEL


def upstream_model_of(log: RequestLog) -> str:
    """What the provider calls the model, without the provider's name; the name for callers where nothing says so."""
    return (log.model or "").removeprefix(f"{provider_of(log)}/") or model_of(log)


def provider_of(log: RequestLog) -> str:
    """Who was to answer; empty where nothing says so."""
    error = log.error_information
    return log.custom_llm_provider or (error.llm_provider if error else None) or ""


def api_base_of(log: RequestLog) -> str:
    """The deployment's address; empty where nothing says so."""
    return log.api_base or (log.hidden_params.api_base if log.hidden_params else None) or ""


def status_of(log: RequestLog) -> int | None:
    """The HTTP status of a failed request; None where it has none."""
    code = log.error_information.error_code if log.error_information else None
    return int(code) if code and code.isascii() and code.isdecimal() and len(code) == 3 else None


def is_failure(log: RequestLog, *, config: Config) -> bool:
    """Whether a request failed in a way that counts as ``llm_exceptions``."""
    error = log.error_information
    if log.status != "failure" or error is None:
        return False
    is_over_budget = error.error_budget_entity_type is not None or BUDGET_EXCEEDED in (error.normalized_error or "")
    status = status_of(log)
    is_callers_fault = error.error_class in CALLER_ERRORS and (status is None or status < 500)
    is_ignored = error.error_class in config.errors.ignore_classes or status in config.errors.ignore_codes
    return not (is_over_budget or is_callers_fault or is_ignored)


def failure_of(log: RequestLog, *, gateway: str, now: datetime) -> Occurrence:
    """The occurrence of one failed request."""
    error = log.error_information
    model, provider, at = model_of(log), provider_of(log), ended_at(log, now=now)
    error_class = (error.error_class if error else None) or "unknown error"
    said = {
        "Provider": provider,
        "Error": error_class,
        "Status": (error.error_code if error else None) or "",
        "API base": api_base_of(log),
    }
    return Occurrence(
        alert_type=LLM_EXCEPTIONS,
        gateway=gateway,
        alike=(model, error_class),
        level=ALERT_TYPES[LLM_EXCEPTIONS].level,
        # Cut after masking: of a key that is cut in two the mask would not know the first half.
        message=masked((error.error_message if error else None) or "")[:MAX_SAMPLE_CHARACTERS],
        entity=_model(model),
        first_at=at,
        last_at=at,
        facts=facts_of(said),
    )


def is_slow(log: RequestLog, *, config: Config) -> bool:
    """Whether a request was answered, and took longer than its model group may."""
    seconds = log.duration_seconds
    return log.status == "success" and seconds is not None and seconds > config.slow_after_seconds(model_of(log))


def slow_request_of(log: RequestLog, *, gateway: str, config: Config, now: datetime) -> Occurrence:
    """The occurrence of one slow request."""
    model, at, seconds = model_of(log), ended_at(log, now=now), log.duration_seconds or 0.0
    said = {"Threshold": f"{config.slow_after_seconds(model):g} s", "Provider": provider_of(log), "API base": api_base_of(log)}
    return Occurrence(
        alert_type=LLM_TOO_SLOW,
        gateway=gateway,
        alike=(upstream_model_of(log),),  # what a Slack text of the same request names
        level=ALERT_TYPES[LLM_TOO_SLOW].level,
        message="Requests take longer than their threshold",
        entity=_model(model),
        first_at=at,
        last_at=at,
        facts=facts_of(said),
        seconds={bucket_of(seconds): 1},
    )


@lru_cache(maxsize=1_000)
def _model(name: str) -> Entity:
    return Entity(type="model", id=masked(name), name=masked(name))
