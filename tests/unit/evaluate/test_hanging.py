from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluate.hanging import HangingCall, hanging_claims, signal_of
from gateway_alerts.config import Config
from gateway_alerts.errors import InvalidEvent
from gateway_alerts.events import GatewayAlert

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def signal(**metadata: Any) -> Any:
    alert = GatewayAlert(alert_type="llm_requests_hanging", message="m", metadata=metadata)
    return signal_of(alert, gateway="prod", config=Config(alerting_threshold=60), now=NOW)


def test_an_alert_without_a_state_is_one_like_any_other() -> None:
    assert signal(call_id="c") is None


STARTS: dict[str, tuple[Any, datetime]] = {
    "epoch seconds": (NOW.timestamp() - 10, NOW - timedelta(seconds=10)),
    "ISO 8601": ("2026-11-24T08:59:50Z", NOW - timedelta(seconds=10)),
    "ISO 8601 without a zone, which is UTC": ("2026-11-24T08:59:50", NOW - timedelta(seconds=10)),
    "a clock that is ahead": ("2026-11-24T10:00:00Z", NOW),
    "beyond the calendar, which is no time": ("0001-01-01T00:00:00+14:00", NOW),
    "longer ago than a request is kept": (0, NOW - timedelta(days=2)),
    "not said": (None, NOW),
    "no time": ("soon", NOW),
    "a truth": (True, NOW),
}


@pytest.mark.parametrize(("given", "started_at"), STARTS.values(), ids=STARTS)
def test_when_a_request_began(given: Any, started_at: datetime) -> None:
    begun = signal(state="started", call_id="c", started_at=given)
    assert (begun.started_at, begun.due_at) == (started_at, started_at + timedelta(seconds=60))


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"state": "paused", "call_id": "c"}, id="another state"),
        pytest.param({"state": "started"}, id="no call id"),
        pytest.param({"state": "ended", "call_id": " "}, id="a blank call id"),
        pytest.param({"state": "ended", "call_id": 5}, id="a call id that is no text"),
        pytest.param({"state": ["started"], "call_id": "c"}, id="a state that is no text"),
    ],
)
def test_a_signal_that_cannot_be_told_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent, match="state is 'started' or 'ended'"):
        signal(**metadata)


def test_the_same_call_of_two_gateways_is_two() -> None:
    alert = GatewayAlert(alert_type="llm_requests_hanging", message="m", metadata={"state": "ended", "call_id": "c"})
    keys = {signal_of(alert, gateway=gateway, config=Config(), now=NOW).key for gateway in ("a", "b")}  # type: ignore[union-attr]
    assert len(keys) == 2


def test_all_that_hang_are_named_up_to_a_number_and_counted_beyond() -> None:
    calls = [HangingCall(f"hanging#{n:08x}", "prod", "m", f"call-{n:03}", NOW - timedelta(seconds=70)) for n in range(60)]
    claims, ((key, alert),) = hanging_claims(calls, now=NOW, request_id="r", config=Config())
    assert key == calls[0].key
    assert [claim.outbox is not None for claim in claims] == [True] + [False] * 59
    assert alert.occurrences.count == 60
    (named,) = [fact.text for fact in alert.facts if fact.label == "Calls"]
    assert named.startswith("call-000, call-001")
    assert named.endswith(" and 10 more")
