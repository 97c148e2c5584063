from datetime import UTC, datetime, timedelta

import pytest

from evaluate.canary import canary_alert
from gateway_alerts.alerts import CANARY_DESTINATION, Alert, QueuedAlert, parse_queued_alert
from gateway_alerts.config import Config

NOW = datetime(2026, 11, 23, 9, 25, 44, 123456, tzinfo=UTC)


def test_a_canary_reads_back_from_the_queue() -> None:
    alert = canary_alert(now=NOW, request_id="r")
    queued = QueuedAlert(destination=CANARY_DESTINATION, alert=alert)
    assert parse_queued_alert(queued.model_dump_json()) == queued
    assert Alert.model_validate_json(alert.model_dump_json()) == alert


def test_it_says_when_it_left_and_where_to() -> None:
    alert = canary_alert(now=NOW, request_id="r")
    assert (alert.raised_at, alert.destinations) == (NOW, ("canary",))


@pytest.mark.parametrize(
    ("now", "request_id"),
    [
        pytest.param(NOW + timedelta(microseconds=1), "r", id="another moment"),
        pytest.param(NOW, "s", id="another request in the same moment"),
    ],
)
def test_each_is_told_apart(now: datetime, request_id: str) -> None:
    assert canary_alert(now=now, request_id=request_id).alert_id != canary_alert(now=NOW, request_id="r").alert_id


def test_those_that_meet_in_one_batch_are_one_line() -> None:
    keys = {canary_alert(now=NOW + timedelta(minutes=5 * n), request_id="r").dedupe_key for n in range(3)}
    assert len(keys) == 1


def test_no_entity_that_has_budgets_is_called_so() -> None:
    from evaluate.budget_alert_types import entity_types

    assert canary_alert(now=NOW, request_id="r").entity.type not in entity_types()


def test_no_alert_of_a_gateway_is_routed_to_it_unless_it_is_configured() -> None:
    assert "canary" not in Config().all_destinations()
    with pytest.raises(ValueError, match="destinations"):
        Config.model_validate({"routes": [{"destinations": ["canary"]}]})
