"""Scheduled alerts with the real ledger and real claims: whoever runs at once, each is told once a period."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evaluate.claims import Claim, DynamoDBClaims, Verdict
from evaluate.usage import usage_ledger
from evaluate.usage.scheduled import DueAlert, due_alerts
from evaluate.usage.usage import usage_of
from evaluate.usage.usage_ledger import DynamoDBUsageLedger
from gateway_alerts.alert_types import DAILY_REPORTS, SPEND_REPORTS, USER_SPEND_THRESHOLDS
from gateway_alerts.config import Config
from local.resources import Resources
from tests.integration._ministack import eager_client, resources  # noqa: F401 (a fixture)
from tests.unit.evaluate.usage_builders import log

pytestmark = pytest.mark.integration

SUNDAY = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 9, 3, tzinfo=UTC)
CONTAINERS = 4
CONFIG = Config.model_validate(
    {
        "alert_types": [SPEND_REPORTS, DAILY_REPORTS, USER_SPEND_THRESHOLDS],
        "alerting_args": {"daily_spend_per_user_threshold": 5, "user_spend_check_interval": 900},
    }
)


class Stage:
    """A ledger and claims, each in its table of the emulator."""

    def __init__(self, resources: Resources) -> None:  # noqa: F811
        self.client = eager_client("dynamodb", resources.endpoint_url)
        self.client.create_table(
            TableName="usage",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        self.ledger = DynamoDBUsageLedger(self.client, table_name="usage", zone=ZoneInfo("UTC"))
        self.claims = DynamoDBClaims(self.client, table_name=resources.ref("AlertsTable"), ttl_seconds=86_400)

    def request(self, at: datetime, *, cost: float) -> None:
        usage = usage_of([log(cost=cost, user_id="ada", model_id="d1")], gateway="prod", now=at)
        self.ledger.append(at.isoformat(), usage, now=at)

    def run(self, now: datetime, request_id: str = "") -> list[tuple[DueAlert, Verdict]]:
        """One run, each of whose alerts is claimed."""
        due = due_alerts(ledger=self.ledger, config=CONFIG, now=now, request_id=request_id)
        verdicts = []
        for one in due:
            claim = Claim(one.claim_key, one.rung, one.period_end, one.alert.model_dump_json())
            ((verdict, _),) = self.claims.submit([claim], now=now)
            verdicts.append((one, verdict))
        return verdicts


@pytest.fixture
def stage(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:  # noqa: F811
    monkeypatch.setattr(usage_ledger, "BEFORE_FIRST_CLOSE", 4)
    stage = Stage(resources)
    yield stage
    stage.client.close()


def won(*runs: list[tuple[DueAlert, Verdict]]) -> list[tuple[str, str]]:
    return sorted(
        (due.alert.alert_type, due.alert.report.period if due.alert.report else due.alert.message)
        for run in runs
        for due, verdict in run
        if verdict is Verdict.WON
    )


def test_every_report_is_told_once_however_many_run(stage: Stage) -> None:
    stage.ledger.close(now=SUNDAY)
    stage.request(SUNDAY + timedelta(minutes=20), cost=3)
    stage.request(MONDAY.replace(hour=5), cost=7)

    with ThreadPoolExecutor(CONTAINERS) as containers:
        at_once: list[Any] = list(containers.map(lambda number: stage.run(MONDAY, f"request {number}"), range(CONTAINERS)))
    later = stage.run(MONDAY + timedelta(minutes=15))

    assert won(*at_once) == [
        (DAILY_REPORTS, "22 Nov 2026, 12:00–24:00 UTC"),
        (SPEND_REPORTS, "16–22 Nov 2026"),
        (USER_SPEND_THRESHOLDS, "Spent $7.00 on 23 Nov 2026; the threshold is $5.00 a day"),
    ]
    assert len(later) == 3
    assert won(later) == []

    stage.request(MONDAY.replace(hour=10), cost=8)
    in_the_evening = stage.run(MONDAY.replace(hour=12))
    assert won(in_the_evening) == [(DAILY_REPORTS, "23 Nov 2026, 00:00–12:00 UTC")]
