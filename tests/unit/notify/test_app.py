"""The wiring: from the environment to collaborators. Whole batches are in tests/pipeline/notify."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import httpx
import pytest

from gateway_alerts import aws
from gateway_alerts.errors import ConfigurationError
from notify import app
from notify.app import Application
from notify.http_client import REQUEST_SECONDS
from notify.outcomes import Ambiguous, Delivered, Permanent, Reason, RetryLater
from notify.pipeline import Notified
from tests.unit.cold_start import is_imported
from tests.unit.notify.fakes import NOW, WEBHOOK, assert_no_secret

NEEDED = {
    "ALERTS_TABLE_NAME": "alerts",
    "ALERTS_QUEUE_URL": "https://sqs.test/alerts",
    "ALERTS_DEAD_LETTER_QUEUE_URL": "https://sqs.test/dead",
}
ENVIRONMENT = NEEDED | {"SLACK_WEBHOOK_URL": WEBHOOK}


@pytest.fixture(autouse=True)
def lambda_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "GatewayAlerts")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "notify")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws._clients.clear()
    yield
    aws._clients.clear()


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

    assert aws._clients == {}


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="ALERTS_TABLE_NAME"):
        Application({})


def test_an_application_does_not_show_the_secret() -> None:
    assert_no_secret(Application(ENVIRONMENT))


def test_the_default_destination_needs_a_url() -> None:
    with pytest.raises(ConfigurationError, match="SLACK_WEBHOOK_URL or SLACK_WEBHOOK_SECRET_ARN"):
        Application(NEEDED).destination("default")


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
    assert 1_000 * (REQUEST_SECONDS + 1) <= app.POST_MILLIS


def test_an_empty_batch_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    application = Application(ENVIRONMENT)

    answer = application.handle({"Records": []}, remaining_millis=lambda: 30_000, request_id="request", now=NOW)

    assert answer == {"batchItemFailures": []}
    assert aws._clients == {}
    assert metrics_in(capsys.readouterr().out) == {"BatchRecords": 0}


@pytest.mark.parametrize("number", [0, 1, 2, 20])
def test_side_by_side_runs_every_task_and_waits_for_all(number: int) -> None:
    application = Application(ENVIRONMENT)
    ended: list[int] = []

    application._side_by_side([partial(ended.append, n) for n in range(number)])

    assert sorted(ended) == list(range(number))
    application._http().close()


def test_several_destinations_are_posted_to_at_the_same_time() -> None:
    application, meeting = Application(ENVIRONMENT), Barrier(app.SIDE_BY_SIDE)

    application._side_by_side([lambda: meeting.wait(timeout=5) and None for _ in range(app.SIDE_BY_SIDE)])  # or it breaks

    application._http().close()


def test_a_defect_in_one_task_is_raised_after_all_have_ended() -> None:
    application = Application(ENVIRONMENT)
    ended: list[int] = []

    def fails() -> None:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        application._side_by_side([fails, partial(ended.append, 1), partial(ended.append, 2)])

    assert sorted(ended) == [1, 2]
    application._http().close()


@pytest.mark.parametrize(
    ("config", "fallback"),
    [
        pytest.param("{}", None, id="none by default"),
        pytest.param('{"fallback_destination": "default"}', "default", id="the one that is named"),
        pytest.param("{", None, id="none without a configuration: each destination says why"),
    ],
)
def test_the_fallback_is_what_the_configuration_says(config: str, fallback: str | None) -> None:
    assert Application(ENVIRONMENT | {"CONFIG": config})._fallback() == fallback


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
        buried_count=2,
        diverted_count=5,
        broken=["c: no_service"],
        delays=[("a", timedelta(seconds=2)), ("a", timedelta(seconds=3)), ("canary", timedelta(seconds=7))],
        waiting=timedelta(seconds=90),
    )

    ReportedApplication(ENVIRONMENT).report(notified, record_count=15)

    assert metrics_in(capsys.readouterr().out) == {
        "AlertsDelivered": 7,
        "AlertsRedelivered": 4,
        "RecordsReturned": 3,
        "AlertsDeadLettered": 2,
        "AlertsDiverted": 5,
        "DestinationsBroken": 1,
        "PostsDelivered": 2,
        "PostsFailed": 1,  # of each reason; they are apart by dimension
        "BatchRecords": 15,
        "WaitingSeconds": 90,
        "DeliverySeconds": 5,
        "CanaryDelivered": 1,
        "CanarySeconds": 7,
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


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("gateway_alerts.events", id="the models of what EvaluateFunction is sent"),
        pytest.param("concurrent.futures", id="threads, for several destinations"),
        pytest.param("notify.destinations.teams", id="the cards of Teams"),
        pytest.param("notify.destinations.webhook", id="the generic webhook"),
        pytest.param("notify.destinations.email", id="mails"),
    ],
)
def test_a_cold_start_does_not_import_what_most_batches_do_not_need(module: str) -> None:
    assert not is_imported(module, by="import notify.app")
