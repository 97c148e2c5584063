"""Request logs in, reports, users' spend and forecasts out: EvaluateFunction whole, on the template's own tables."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluate.app import Application
from gateway_alerts import aws
from local.resources import Resources
from tests.pipeline.evaluate.builders import http_request

pytestmark = pytest.mark.integration

#: A Monday.
START = datetime(2026, 11, 23, 0, 5, tzinfo=UTC)


class Gateway:
    """A gateway that sends request logs, and a clock that runs the schedule; every container is a new one."""

    def __init__(self, resources: Resources, **config: Any) -> None:
        self._resources = resources
        self._environment = {
            "ALERTS_TABLE_NAME": resources.ref("AlertsTable"),
            "USAGE_TABLE_NAME": resources.ref("UsageTable"),
            "ALERTS_QUEUE_URL": resources.ref("AlertsQueue"),
            "INGEST_TOKENS": "prod=local-token",
            "CONFIG": json.dumps(config),
        }
        self.application = Application(self._environment)
        self._calls = 0
        self.tick(START - timedelta(minutes=5))  # as from a stack's first quarter of an hour on

    def new_container(self) -> None:
        self.application = Application(self._environment)

    def log(self, *logs: dict[str, Any], at: datetime) -> None:
        answer = self.application.handle(http_request(list(logs)), now=at, request_id=f"r{at}")
        assert answer is not None
        assert answer["statusCode"] == 200, answer

    def request(self, *, at: datetime, cost: float = 1.0, spend: float = 0.0, status: str = "success", **metadata: Any) -> None:
        self._calls += 1
        self.log(
            {
                "litellm_call_id": f"c{self._calls}",
                "status": status,
                "response_cost": cost,
                "response_time": 2.0,
                "completion_tokens": 100,
                "model_group": "gpt-4o",
                "model_id": "d-1",
                "endTime": at.timestamp(),
                "error_information": {"error_code": "500", "error_class": "E"} if status == "failure" else None,
                "metadata": {
                    "user_api_key_hash": "hash-1",
                    "user_api_key_alias": "prod-search",
                    "user_api_key_spend": spend,
                    "user_api_key_user_id": "u-ada",
                    "user_api_key_team_alias": "Research",
                    "user_api_key_team_id": "t1",
                }
                | {f"user_api_key_{name}": value for name, value in metadata.items()},
            },
            at=at,
        )

    def tick(self, at: datetime) -> None:
        """The schedule's run of a moment, by its own time."""
        event = {"schedule": "reports", "time": at.isoformat().replace("+00:00", "Z")}
        self.application.handle(event, now=at + timedelta(seconds=20), request_id=f"t{at}")

    def told(self) -> list[dict[str, Any]]:
        """The alerts that have come into the queue since the last look."""
        sqs, alerts = self._resources.client("sqs"), []
        url = self._environment["ALERTS_QUEUE_URL"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                alerts.append(json.loads(message["Body"])["alert"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return alerts


@pytest.fixture(autouse=True)
def clients(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "GatewayAlerts")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "evaluate")
    monkeypatch.setattr(aws, "_clients", {name: resources.client(name) for name in ("dynamodb", "sqs")})


def test_a_day_is_reported_once_by_whichever_container_comes_first(resources: Resources) -> None:
    gateway = Gateway(resources, spend_report_frequency="1d", forecast=False)
    for hour in range(20):
        gateway.request(at=START + timedelta(hours=hour), cost=0.5)
    gateway.told()
    report_at = START.replace(hour=9, minute=20) + timedelta(days=1)
    for _ in range(2):
        gateway.tick(report_at)
        gateway.new_container()
    told = gateway.told()
    titles = sorted(alert["report"]["title"] for alert in told if alert["alert_type"] == "spend_reports")
    assert titles == ["Daily spend"]
    (spend,) = [alert["report"] for alert in told if alert["alert_type"] == "spend_reports"]
    assert "$10.00" in json.dumps(spend, ensure_ascii=False)
    assert "Research" in json.dumps(spend)


def test_deployments_are_reported_with_averages_and_failures(resources: Resources) -> None:
    gateway = Gateway(resources, forecast=False, alert_types=["daily_reports"])
    for minute in range(10):
        gateway.request(at=START + timedelta(minutes=minute), status="failure" if minute < 3 else "success")
    gateway.tick(START.replace(hour=12, minute=20))
    (alert,) = gateway.told()
    text = json.dumps(alert["report"], ensure_ascii=False)
    assert alert["alert_type"] == "daily_reports"
    assert "3" in text
    assert "gpt-4o" in text


def test_the_month_that_has_ended_is_reported(resources: Resources) -> None:
    gateway = Gateway(resources, forecast=False, alert_types=["spend_reports"])
    gateway.request(at=datetime(2026, 11, 28, 12, 0, tzinfo=UTC), cost=12.5)
    gateway.tick(datetime(2026, 12, 1, 9, 20, tzinfo=UTC))
    reports = [alert["report"] for alert in gateway.told()]
    (monthly,) = [report for report in reports if report["title"] == "Monthly spend"]
    assert "November" in monthly["period"] or "Nov" in monthly["period"]


def test_a_user_over_a_threshold_is_told_once_a_day(resources: Resources) -> None:
    gateway = Gateway(
        resources,
        forecast=False,
        alert_types=["user_spend_thresholds"],
        alerting_args={"daily_spend_per_user_threshold": 5, "user_spend_check_interval": 900},
    )
    for minute in range(6):
        gateway.request(at=START + timedelta(minutes=minute))
    for hour in (1, 2, 3):
        gateway.tick(START.replace(hour=hour, minute=20))
        gateway.new_container()
    (alert,) = gateway.told()
    assert (alert["alert_type"], alert["entity"]["id"]) == ("user_spend_thresholds", "u-ada")


def test_a_runaway_budget_is_foretold_once_a_period(resources: Resources) -> None:
    gateway = Gateway(resources, alert_types=["budget_alerts"], thresholds=[1])
    resets_at = (START + timedelta(days=7)).isoformat()
    for quarter in [*range(0, 4 * 60, 8), *range(4 * 60, 4 * 80)]:
        at = START + timedelta(minutes=15 * quarter)
        gateway.request(at=at, cost=0.01, spend=quarter * 0.3, max_budget=100, budget_reset_at=resets_at)
        if quarter % 16 == 0:
            gateway.tick(at + timedelta(minutes=10))
            gateway.new_container()
    alerts = gateway.told()
    assert [alert["event"] for alert in alerts] == ["projected_limit_exceeded"]
    (alert,) = alerts
    assert alert["entity"]["name"] == "prod-search"
    exhausted_at = datetime.fromisoformat(alert["budget"]["exhausted_at"])
    assert START + timedelta(days=2) < exhausted_at < START + timedelta(days=5)


def test_a_batch_that_is_sent_again_counts_once(resources: Resources) -> None:
    gateway = Gateway(resources, forecast=False, alert_types=["spend_reports"], spend_report_frequency="1d")
    log = {
        "litellm_call_id": "c",
        "status": "success",
        "response_cost": 3.0,
        "model_group": "m",
        "metadata": {"user_api_key_team_alias": "Research", "user_api_key_hash": "h"},
    }
    for _ in range(3):
        gateway.log(log, at=START)
    gateway.tick(START.replace(hour=9, minute=20) + timedelta(days=1))
    (alert,) = gateway.told()
    assert "$3.00" in json.dumps(alert["report"], ensure_ascii=False)
    assert "$9.00" not in json.dumps(alert["report"], ensure_ascii=False)
