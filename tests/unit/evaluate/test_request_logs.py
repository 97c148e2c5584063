from datetime import UTC, datetime
from typing import Any

import pytest

from evaluate.request_logs import ended_at, failure_of, is_failure, is_slow, slow_request_of
from gateway_alerts.config import Config
from gateway_alerts.events import RequestLog

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY = "sk-1234567890abcdefghij"


def log(*, error: dict[str, Any] | None = None, **fields: Any) -> RequestLog:
    base = {"litellm_call_id": "c", "status": "failure" if error is not None else "success", "model_group": "gpt-4o"}
    return RequestLog.model_validate(base | fields | {"error_information": error})


PROVIDER = {"error_class": "RateLimitError", "error_code": "429", "llm_provider": "openai"}
FAILURES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "a provider's rate limit": (PROVIDER, {}, True),
    "a provider's server error": (PROVIDER | {"error_class": "InternalServerError", "error_code": "500"}, {}, True),
    "a provider's refusal of our key": (PROVIDER | {"error_class": "AuthenticationError", "error_code": "401"}, {}, True),
    "an error without a status": ({"error_class": "APIConnectionError"}, {}, True),
    "what the caller did wrong": ({"error_class": "ProxyException", "error_code": "400"}, {}, False),
    "the proxy's own failure": ({"error_class": "ProxyException", "error_code": "500"}, {}, True),
    "a caller's fault without a status": ({"error_class": "HTTPException"}, {}, False),
    "a budget that refused, by its fields": (PROVIDER | {"error_budget_entity_type": "key"}, {}, False),
    "a budget that refused, by its class": (PROVIDER | {"normalized_error": "429_BUDGET_EXCEEDED"}, {}, False),
    "a class that the configuration ignores": (PROVIDER, {"ignore_classes": ["RateLimitError"]}, False),
    "a status that the configuration ignores": (PROVIDER, {"ignore_codes": [429]}, False),
    "a status that is no number": (PROVIDER | {"error_code": "none"}, {"ignore_codes": [429]}, True),
}


@pytest.mark.parametrize(("error", "errors", "expected"), FAILURES.values(), ids=FAILURES)
def test_which_failures_count(error: dict[str, Any], errors: dict[str, Any], expected: bool) -> None:
    assert is_failure(log(error=error), config=Config.model_validate({"errors": errors})) is expected


def test_a_request_that_succeeded_is_no_failure() -> None:
    assert not is_failure(log(), config=Config())


def test_a_failure_tells_what_failed_and_never_a_key() -> None:
    error = PROVIDER | {"error_message": f"quota exceeded for {KEY}"}
    failure = failure_of(log(error=error, api_base="", hidden_params={"api_base": "https://a"}), gateway="prod", now=NOW)
    assert failure.alike == ("gpt-4o", "RateLimitError")
    assert failure.message.startswith("quota exceeded for sk-")
    assert KEY not in failure.message
    assert [(fact.label, fact.text) for fact in failure.facts] == [
        ("Provider", "openai"),
        ("Error", "RateLimitError"),
        ("Status", "429"),
        ("API base", "https://a"),
    ]


def test_a_long_error_is_shortened() -> None:
    error = PROVIDER | {"error_message": "x" * 5_000}
    assert len(failure_of(log(error=error), gateway="prod", now=NOW).message) == 500


def test_a_key_at_the_edge_of_a_long_error_is_masked_before_it_is_cut() -> None:
    error = PROVIDER | {"error_message": "x" * 490 + " " + KEY}
    assert "sk-1" not in failure_of(log(error=error), gateway="prod", now=NOW).message


SLOW: dict[str, tuple[dict[str, Any], bool]] = {
    "above the threshold": ({"response_time": 300.1}, True),
    "at the threshold": ({"response_time": 300.0}, False),
    "without a time": ({}, False),
    "failed": ({"response_time": 301.0, "status": "failure"}, False),
    "of a model with a threshold of its own": ({"response_time": 31.0, "model_group": "fast"}, True),
}


@pytest.mark.parametrize(("fields", "expected"), SLOW.values(), ids=SLOW)
def test_which_requests_are_slow(fields: dict[str, Any], expected: bool) -> None:
    assert is_slow(log(**fields), config=Config(alerting_threshold_by_model={"fast": 30})) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"model": "openai/gpt-4o-2024", "custom_llm_provider": "openai"}, "gpt-4o-2024", id="with its provider"),
        pytest.param({"model": "gpt-4o-2024", "custom_llm_provider": "openai"}, "gpt-4o-2024", id="by itself"),
        pytest.param({"model": "meta/llama", "custom_llm_provider": "groq"}, "meta/llama", id="with a slash of its own"),
        pytest.param({}, "gpt-4o", id="not said: as callers do"),
    ],
)
def test_a_slow_model_is_the_same_if_its_provider_calls_it_the_same(fields: dict[str, Any], expected: str) -> None:
    slow = slow_request_of(log(response_time=400.0, **fields), gateway="prod", config=Config(), now=NOW)
    assert (slow.alike, slow.entity.name) == ((expected,), "gpt-4o")


def test_a_slow_request_is_told_with_its_time() -> None:
    slow = slow_request_of(log(response_time=400.0), gateway="prod", config=Config(), now=NOW)
    assert sum(slow.seconds.values()) == 1
    assert slow.facts[0].text == "300 s"


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        pytest.param(None, NOW, id="not said: now"),
        pytest.param(NOW.timestamp() - 60, datetime(2026, 11, 24, 8, 59, tzinfo=UTC), id="as it says"),
        pytest.param(NOW.timestamp() + 60, NOW, id="by a clock that is ahead: now"),
    ],
)
def test_when_a_request_ended(ended: float | None, expected: datetime) -> None:
    assert ended_at(log(endTime=ended), now=NOW) == expected
