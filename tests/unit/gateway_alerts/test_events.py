from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from gateway_alerts.events import BudgetEvent, ErrorInformation, RequestLog, RequestMetadata, UserInfo, WebhookEvent

LIMITS: dict[str, tuple[Any, Decimal | None]] = {
    "an amount": (10.1, Decimal("10.1")),
    "an amount as text": ("10.10", Decimal("10.1")),
    "missing": (None, None),
    "infinite": ("Infinity", None),
    "beyond all money": (1e16, None),
    "all the money there is": (1e15, Decimal(10) ** 15),
    "zero": (0, Decimal(0)),
    "minus zero": (-0.0, Decimal(0)),
    "closer to zero than any money": (1e-13, Decimal(0)),
    "closer to zero from below": (-1e-13, Decimal(0)),
    "with an absurd exponent": ("1E-999999", Decimal(0)),
    "the smallest": (1e-12, Decimal("1e-12")),
    "negative": (-5, Decimal(-5)),
}


@pytest.mark.parametrize("field", ["max_budget", "soft_budget"])
@pytest.mark.parametrize(("given", "expected"), LIMITS.values(), ids=LIMITS)
def test_a_limit(field: str, given: Any, expected: Decimal | None) -> None:
    assert getattr(UserInfo(spend=1, **{field: given}), field) == expected


NO_LIMITS: dict[str, tuple[Any, str]] = {
    "NaN": ("NaN", "is not a number"),
    "a signalling NaN": ("sNaN", "is not a number"),
    "minus infinity": ("-Infinity", "is below -1000000000000000"),
    "far below any money": (-1e16, "is below -1000000000000000"),
    "a word": ("much", "valid decimal"),
    "a truth": (True, "Decimal input should be"),
}
LIMIT_FIELDS = {
    "a maximum budget": (UserInfo, "max_budget"),
    "a soft budget": (UserInfo, "soft_budget"),
    "a key's": (RequestMetadata, "user_api_key_max_budget"),
    "a user's": (RequestMetadata, "user_api_key_user_max_budget"),
    "a team's": (RequestMetadata, "user_api_key_team_max_budget"),
    "a refused request's": (ErrorInformation, "error_budget_limit"),
}


@pytest.mark.parametrize(("model", "field"), LIMIT_FIELDS.values(), ids=LIMIT_FIELDS)
@pytest.mark.parametrize(("given", "why"), NO_LIMITS.values(), ids=NO_LIMITS)
def test_what_is_no_amount_is_no_limit_anywhere(model: Any, field: str, given: Any, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        model.model_validate({"spend": 1, field: given})


@pytest.mark.parametrize("given", ["NaN", "sNaN", "Infinity", "-Infinity", 1e16, -1e16, "much", None, True])
def test_what_is_no_amount_is_no_spend(given: Any) -> None:
    with pytest.raises(ValidationError):
        UserInfo(spend=given)


@pytest.mark.parametrize("given", [7, 7.0, True, ["u"]])
def test_an_id_is_a_text_and_no_number_that_two_readers_could_spell_differently(given: Any) -> None:
    with pytest.raises(ValidationError, match="valid string"):
        UserInfo(spend=1, user_id=given)


MOMENTS = {
    "in UTC": "2026-12-01T00:00:00Z",
    "in another zone": "2026-12-01T09:00:00+09:00",
    "without a zone, as LiteLLM's are": "2026-12-01T00:00:00",
    "in seconds": 1796083200,
}


@pytest.mark.parametrize("given", MOMENTS.values(), ids=MOMENTS)
def test_a_moment_is_in_utc(given: Any) -> None:
    moment = UserInfo(spend=1, budget_reset_at=given).budget_reset_at
    assert moment == datetime(2026, 12, 1, tzinfo=UTC)
    assert moment.utcoffset() == datetime(2026, 12, 1, tzinfo=UTC).utcoffset()


@pytest.mark.parametrize("given", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"], ids=["last day", "first day"])
@pytest.mark.parametrize("field", ["budget_reset_at", "occurred_at"])
def test_a_moment_beyond_the_calendar_is_refused(field: str, given: str) -> None:
    with pytest.raises(ValidationError, match="is beyond the calendar"):
        UserInfo(spend=1, **{field: given})


def test_events_are_frozen() -> None:
    event = BudgetEvent(type="user_budget", user_info=UserInfo(spend=1))
    with pytest.raises(ValidationError, match="frozen"):
        event.type = "team_budget"


def test_a_webhook_event_is_user_info_with_a_verdict() -> None:
    event = WebhookEvent.model_validate({"spend": 1, "event": "budget_crossed", "event_group": "key", "new": 1})
    assert isinstance(event, UserInfo)
    assert event.event_message == ""


@pytest.mark.parametrize("missing", ["event", "event_group", "spend"])
def test_a_webhook_event_without_its_verdict_is_none(missing: str) -> None:
    fields = {"spend": 1, "event": "budget_crossed", "event_group": "key"}
    del fields[missing]
    with pytest.raises(ValidationError, match=missing):
        WebhookEvent.model_validate(fields)


def test_a_request_log_needs_no_more_than_id_and_status() -> None:
    log = RequestLog.model_validate({"litellm_call_id": "c", "status": "success", "error_information": None})
    assert (log.metadata, log.response_cost) == (RequestMetadata(), None)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        pytest.param({"startTime": 10.0, "endTime": 12.5, "response_time": 0.5}, 2.5, id="a stream: until its last part"),
        pytest.param({"response_time": 0.5}, 0.5, id="without times: what the response took"),
        pytest.param({"startTime": 12.0, "endTime": 10.0, "response_time": 0.5}, 0.5, id="a clock that went back"),
        pytest.param({"startTime": 0, "endTime": 1_795_427_808.0, "response_time": 0.5}, 0.5, id="no start is no duration"),
        pytest.param({"startTime": 10.0}, None, id="nothing is known"),
    ],
)
def test_how_long_a_request_took_in_all(fields: dict[str, Any], seconds: float | None) -> None:
    log = RequestLog.model_validate({"litellm_call_id": "call-1", "status": "success", **fields})
    assert log.duration_seconds == seconds
