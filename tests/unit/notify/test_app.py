"""The wiring: from the environment to collaborators. Whole batches are in tests/pipeline/notify."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from gateway_alerts.aws import aws_client
from gateway_alerts.errors import ConfigurationError
from notify import app
from notify.app import Application
from notify.outcomes import Ambiguous, Delivered, Permanent, Reason, RetryLater
from notify.pipeline import Notified
from tests.unit.notify.fakes import NOW, WEBHOOK, assert_no_secret

ENVIRONMENT = {"ALERTS_TABLE_NAME": "alerts", "SLACK_WEBHOOK_URL": WEBHOOK}


@pytest.fixture(autouse=True)
def lambda_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "GatewayAlerts")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "notify")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws_client.cache_clear()
    yield
    aws_client.cache_clear()


def metrics_in(output: str) -> dict[str, float]:
    """The counts that were published, by name."""
    published: dict[str, float] = {}
    for line in output.splitlines():
        document = json.loads(line) if line.startswith("{") else {}
        for group in document.get("_aws", {}).get("CloudWatchMetrics", []):
            published |= {metric["Name"]: sum(document[metric["Name"]]) for metric in group["Metrics"]}
    return published


def test_nothing_is_connected_to_before_the_first_batch() -> None:
    Application(ENVIRONMENT)

    assert aws_client.cache_info().currsize == 0


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="ALERTS_TABLE_NAME"):
        Application({})


def test_an_application_does_not_show_the_secret() -> None:
    assert_no_secret(Application(ENVIRONMENT))


def test_the_default_destination_needs_a_url() -> None:
    with pytest.raises(ConfigurationError, match="SLACK_WEBHOOK_URL or SLACK_WEBHOOK_SECRET_ARN"):
        Application({"ALERTS_TABLE_NAME": "alerts"}).destination("default")


@pytest.mark.parametrize("url", ["   ", "http://hooks.slack.test/services/T0SECRET1"], ids=["blank", "http"])
def test_a_url_that_is_none_is_a_fault_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https") as caught:
        Application(ENVIRONMENT | {"SLACK_WEBHOOK_URL": url}).destination("default")

    assert_no_secret(str(caught.value))


def test_blanks_around_the_url_do_not_matter() -> None:
    application = Application(ENVIRONMENT | {"SLACK_WEBHOOK_URL": f" {WEBHOOK}\n"})

    assert application.destination("default")


def test_the_configuration_names_destinations_whose_urls_are_in_the_environment() -> None:
    config = '{"destinations": {"finance": {"url": "os.environ/FINANCE_URL"}}}'
    application = Application(ENVIRONMENT | {"CONFIG": config, "FINANCE_URL": WEBHOOK})

    assert application.destination("finance")
    with pytest.raises(ConfigurationError, match="nobody"):
        application.destination("nobody")


def test_a_wrong_configuration_is_named() -> None:
    with pytest.raises(ConfigurationError, match="CONFIG: destinatons: is not a setting"):
        Application(ENVIRONMENT | {"CONFIG": '{"destinatons": {}}'}).config()


def test_a_configuration_is_read_once_while_it_stays_the_same() -> None:
    application = Application(ENVIRONMENT | {"CONFIG": '{"routes": []}'})

    assert application.config() is application.config()


def test_a_post_ends_well_before_the_function_does() -> None:
    timeout = app.POST_TIMEOUT

    assert timeout.connect is not None
    assert timeout.read is not None
    assert 1_000 * (timeout.read + 1) <= app.POST_MILLIS
    assert timeout.connect <= timeout.read


def test_the_client_follows_no_redirects() -> None:
    with app._http_client() as client:
        assert client.follow_redirects is False
        assert client.timeout == app.POST_TIMEOUT


def test_an_empty_batch_and_an_unreadable_one_ask_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    application = Application(ENVIRONMENT)

    empty = application.handle({"Records": []}, remaining_millis=lambda: 30_000, now=NOW)
    unreadable = application.handle(
        {"Records": [{"messageId": name, "body": "{}"} for name in "ba"]}, remaining_millis=lambda: 30_000, now=NOW
    )

    assert empty == {"batchItemFailures": []}
    assert unreadable == {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}
    assert aws_client.cache_info().currsize == 0
    assert metrics_in(capsys.readouterr().out) == {"RecordsReturned": 2, "RecordsUnreadable": 2}


class ReportedApplication(Application):
    """Reports what it is given, so that a report can be read without a batch."""

    def report(self, notified: Notified, *, record_count: int, now: datetime = NOW) -> None:
        self._report(notified, record_count=record_count, now=now)


def test_the_counts_of_a_batch_are_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    notified = Notified(
        failed={"1", "2", "3"},
        outcomes=[
            ("a", Delivered()),
            ("a", Delivered()),
            ("b", RetryLater(Reason.RATE_LIMITED)),
            ("c", Permanent(Reason.CONFIGURATION, "no_service")),
            ("d", Ambiguous(Reason.NO_ANSWER)),
        ],
        alert_count=7,
        redelivered_count=4,
        unreadable_count=1,
    )

    ReportedApplication(ENVIRONMENT).report(notified, record_count=15)

    assert metrics_in(capsys.readouterr().out) == {
        "AlertsDelivered": 7,
        "AlertsRedelivered": 4,
        "RecordsReturned": 3,
        "RecordsUnreadable": 1,
        "PostsDelivered": 2,
        "PostsToRetry": 1,
        "PostsRefused": 1,
        "PostsPossiblyDoubled": 1,
    }


def test_destinations_share_the_one_client_of_the_container() -> None:
    application = Application(ENVIRONMENT)
    first, second = application.destination("default"), application.destination("default")

    assert _client_of(first)() is _client_of(second)()
    _client_of(first)().close()


def _client_of(destination: Any) -> Callable[[], httpx.Client]:
    client: Callable[[], httpx.Client] = destination._client
    return client
