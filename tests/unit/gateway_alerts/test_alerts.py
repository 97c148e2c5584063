import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway_alerts.alerts import Alert, BudgetFigures, Entity, QueuedAlert, parse_queued_alert
from gateway_alerts.errors import InvalidAlert

ALERT = Alert(
    alert_id="id-1",
    dedupe_key="budget#user#1@ttl",
    alert_type="budget_alerts",
    event="threshold_crossed",
    level="High",
    gateway="prod",
    message="User Budget: 95% of budget used",
    entity=Entity(type="user", id="u", name="ü@例え.jp"),
    budget=BudgetFigures(
        kind="maximum",
        spend=Decimal("9.600000000000000001"),
        limit=Decimal(10),
        rung=Decimal("0.95"),
        resets_at=datetime(2026, 12, 1, tzinfo=UTC),
    ),
    raised_at=datetime(2026, 11, 23, 9, 25, 44, 123456, tzinfo=UTC),
    destinations=("default", "teams"),
)
QUEUED = QueuedAlert(destination="teams", alert=ALERT)


def test_an_alert_comes_out_of_the_queue_as_it_went_in() -> None:
    assert parse_queued_alert(QUEUED.model_dump_json()) == QUEUED


def test_money_keeps_every_digit() -> None:
    assert '"9.600000000000000001"' in QUEUED.model_dump_json()


def changed(**fields: Any) -> str:
    """The message's JSON with some of the alert's fields replaced; None removes one."""
    document = json.loads(QUEUED.model_dump_json())
    for path, value in fields.items():
        *parents, name = path.split("__")
        place = document["alert"]
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return json.dumps(document)


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert parse_queued_alert(changed(severity="page", entity__colour="red")) == QUEUED


INVALID: dict[str, tuple[str, str]] = {
    "not JSON": ("sk-SECRET", "body: Invalid JSON"),
    "empty": ("", "body: Invalid JSON"),
    "no object": ("[]", "body: Input should be"),
    "something else": ('{"not": "an alert"}', "destination: Field required"),
    "no alert": ('{"destination": "default"}', "alert: Field required"),
    "no entity": (changed(entity=None), "alert.entity: Field required"),
    "an unknown level": (changed(level="sk-SECRET"), "alert.level: Input should be 'Low', 'Medium' or 'High'"),
    "spend in words": (changed(budget__spend="sk-SECRET"), "alert.budget.spend: Input should be a valid decimal"),
    "an infinite spend": (changed(budget__spend="Infinity"), "alert.budget.spend: Input should be a finite number"),
    "a limit beyond all money": (changed(budget__limit="1e16"), "alert.budget.limit: Input should be less than"),
    "a count of nothing": (changed(occurrences__count=0), "alert.occurrences.count: Input should be greater than"),
    "a count beyond everything": (changed(occurrences__count=10**13), "alert.occurrences.count: Input should be less than"),
    "a bucket of no duration": (changed(occurrences__seconds={"9999": 1}), "alert.occurrences.seconds"),
    "a negative number of durations": (changed(occurrences__seconds={"1": -1}), "alert.occurrences.seconds.1: Input should be"),
    "a negative rest of a report": (
        changed(report={"title": "", "period": "", "sections": [{"title": "", "rows": [], "more_count": -1}]}),
        "alert.report.sections.0.more_count: Input should be greater than",
    ),
    "a time without a zone": (changed(raised_at="2026-11-23T09:25:44"), "alert.raised_at: Input should have timezone info"),
}


@pytest.mark.parametrize(("body", "message"), INVALID.values(), ids=INVALID)
def test_what_is_no_alert_is_refused_by_field_and_never_shown(body: str, message: str) -> None:
    with pytest.raises(InvalidAlert) as raised:
        parse_queued_alert(body)
    assert str(raised.value).startswith(message)
    assert "SECRET" not in str(raised.value)
