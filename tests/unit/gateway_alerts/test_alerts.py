import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway_alerts.alerts import (
    Alert,
    BudgetFigures,
    Entity,
    Fact,
    Occurrences,
    QueuedAlert,
    Report,
    ReportRow,
    ReportSection,
    parse_queued_alert,
)
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

#: what an alert of some type carries besides
CARRIED: dict[str, dict[str, Any]] = {
    "a budget": {},
    "a forecast": {"budget": ALERT.budget.model_copy(update={"exhausted_at": datetime(2026, 11, 28, 12, tzinfo=UTC)})},
    "nothing": {"budget": None},
    "a count, times and durations": {
        "budget": None,
        "occurrences": Occurrences(
            count=7,
            first_at=datetime(2026, 11, 23, 9, tzinfo=UTC),
            last_at=datetime(2026, 11, 23, 9, 5, tzinfo=UTC),
            seconds={-97: 1, 0: 2, 60: 4},
        ),
    },
    "facts, in their order": {"budget": None, "facts": (Fact(label="Provider", text="azure"), Fact(label="API base", text="a"))},
    "a report": {
        "budget": None,
        "report": Report(
            title="Spend",
            period="16 to 22 Nov",
            summary="$12.00 in all",
            sections=(
                ReportSection(
                    title="By team",
                    rows=(
                        ReportRow(name="Research", value="$9.00", amount=9.0),
                        ReportRow(name="Ops", value="$3.00", remark="new"),
                    ),
                    more_count=3,
                    chart_unit="$",
                ),
            ),
        ),
    },
    "a sender's own payload": {"budget": None, "slack_payload": {"blocks": [{"type": "divider"}], "text": "<!here> ü"}},
    "the end of an outage": {"budget": None, "is_resolved": True},
    "a digest": {"budget": None, "is_digest": True},
}


@pytest.mark.parametrize("carried", CARRIED.values(), ids=CARRIED)
def test_an_alert_comes_out_of_the_queue_as_it_went_in(carried: dict[str, Any]) -> None:
    queued = QueuedAlert(destination="teams", alert=ALERT.model_copy(update=carried))
    assert parse_queued_alert(queued.model_dump_json()) == queued


def test_an_alert_that_says_nothing_of_how_often_happened_once() -> None:
    assert parse_queued_alert(changed(occurrences=None)).alert.occurrences == Occurrences(count=1)


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
    "no occurrence": (changed(occurrences__count=0), "alert.occurrences.count: Input should be greater than or equal to 1"),
    "durations by no bucket": (changed(occurrences__seconds={"sk-SECRET": 1}), "alert.occurrences.seconds.…"),
    "a fact without a label": (changed(facts=[{"text": "sk-SECRET"}]), "alert.facts.0.label: Field required"),
    "a report without a title": (changed(report={"period": "sk-SECRET"}), "alert.report.title: Field required"),
    "a payload that is no object": (changed(slack_payload="sk-SECRET"), "alert.slack_payload: Input should be"),
    "a count of nothing": (changed(occurrences__count=0), "alert.occurrences.count: Input should be greater than"),
    "a count beyond everything": (changed(occurrences__count=10**13), "alert.occurrences.count: Input should be less than"),
    "a bucket of no duration": (changed(occurrences__seconds={"9999": 1}), "alert.occurrences.seconds"),
    "a negative number of durations": (changed(occurrences__seconds={"1": -1}), "alert.occurrences.seconds.…: Input should be"),
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
