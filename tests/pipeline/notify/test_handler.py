"""Whole batches through ``lambda_handler``: real clients, and a loopback server for everything outside."""

import json
import logging
from typing import Any

import pytest

from gateway_alerts.errors import ConfigurationError
from notify.app import POST_MILLIS
from tests.pipeline.notify.conftest import FakeContext, Invoke, Outside
from tests.unit.notify.fakes import assert_no_secret, client_error, make_record, make_records

SLACK = "/slack/T0SECRET1/B0SECRET2/x9SECRET3"


def test_a_batch_is_one_message_and_none_when_it_comes_again(outside: Outside, invoke: Invoke) -> None:
    records = make_records(3)

    assert invoke(records) == set()
    assert invoke(records, warm=True) == set()
    assert invoke(records) == set()  # in another container too

    assert len(outside.posted) == 1
    assert all(f"service-0000{n}" in outside.texts()[0] for n in range(3))


def test_a_delivery_is_kept_in_the_table_with_its_end(outside: Outside, invoke: Invoke) -> None:
    invoke([make_record("1", alert_id="a")])

    (item,) = outside.dynamodb.items.values()
    assert item["pk"] == {"S": "delivered#a#default"}
    assert item["expires_at"]["N"].isdigit()


@pytest.mark.parametrize(
    ("answer", "failed", "outcome", "reason"),
    [
        pytest.param((429, "rate_limited", {"Retry-After": "9"}), True, "RetryLater", "rate_limited", id="rate limited"),
        pytest.param((404, "no_service", {}), True, "Permanent", "configuration", id="webhook gone"),
        pytest.param((400, "invalid_blocks", {}), True, "Permanent", "payload_refused", id="message refused"),
        pytest.param((500, "rollup_error", {}), True, "Ambiguous", "server_error", id="Slack's own fault"),
        pytest.param((200, "<html>", {}), True, "Permanent", "unexpected_answer", id="200 of something else"),
        pytest.param((302, "", {"Location": "/elsewhere"}), True, "Permanent", "unexpected_answer", id="a redirect"),
    ],
)
def test_a_post_that_is_not_delivered_goes_back_and_is_logged_without_the_secret(
    outside: Outside,
    invoke: Invoke,
    logged: list[dict[str, Any]],
    answer: tuple[int, str, dict[str, str]],
    failed: bool,
    outcome: str,
    reason: str,
) -> None:
    outside.slack_answers[SLACK] = answer

    assert invoke(make_records(2)) == {"default-0", "default-1"}

    assert len(outside.posted) == 1
    assert outside.dynamodb.items == {}
    (line,) = [line for line in logged if line["message"] == "notified"]
    assert line["level"] == "WARNING"
    assert line["outcomes"][0]["destination"] == "default"
    assert (line["outcomes"][0]["outcome"], line["outcomes"][0]["reason"]) == (outcome, reason)
    assert (line["record_count"], line["returned_count"], line["alert_count"]) == (2, 2, 0)
    assert_no_secret(json.dumps(logged))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param((404, "no_service", {}), {"detail": "no_service"}, id="Slack's own word for why"),
        pytest.param((418, "", {}), {"detail": "status 418"}, id="the status where there is no word"),
        pytest.param((429, "", {"Retry-After": "9"}), {"seconds": 9}, id="how long it asks to wait"),
    ],
)
def test_the_log_says_what_an_operator_needs(
    outside: Outside, invoke: Invoke, logged: list[dict[str, Any]], answer: tuple[int, str, dict[str, str]], said: dict[str, Any]
) -> None:
    outside.slack_answers[SLACK] = answer

    invoke(make_records(1))

    assert said.items() <= logged[-1]["outcomes"][0].items()


def test_nobody_listening_goes_back(outside: Outside, invoke: Invoke, logged: list[dict[str, Any]]) -> None:
    url = "http://127.0.0.1:1/T0SECRET1"

    assert invoke(make_records(1), SLACK_WEBHOOK_URL=url) == {"default-0"}

    assert logged[-1]["outcomes"][0]["reason"] == "cannot_connect"
    assert_no_secret(json.dumps(logged))


def test_one_line_is_logged_for_a_batch_that_was_delivered(invoke: Invoke, logged: list[dict[str, Any]]) -> None:
    invoke(make_records(30))

    (line,) = logged
    assert (line["level"], line["message"]) == ("INFO", "notified")
    assert (line["alert_count"], line["message_count"], line["returned_count"], line["faults"]) == (30, 1, 0, [])
    assert "service-00001" not in json.dumps(line)  # never the whole event


def test_unreadable_records_go_back_alone(outside: Outside, invoke: Invoke, logged: list[dict[str, Any]]) -> None:
    assert invoke([{"messageId": "poison", "body": "not json"}, make_record("fine")]) == {"poison"}

    assert len(outside.posted) == 1
    assert len(logged[-1]["faults"]) == 1
    assert logged[-1]["level"] == "WARNING"


def test_a_table_that_cannot_be_read_posts_nothing(outside: Outside, invoke: Invoke) -> None:
    outside.dynamodb.fault = client_error()

    assert invoke(make_records(2)) == {"default-0", "default-1"}

    assert outside.posted == []


@pytest.mark.parametrize(
    ("remaining", "posts"),
    [
        pytest.param(POST_MILLIS + 1, True, id="just enough time for a post"),
        pytest.param(POST_MILLIS, False, id="not quite enough"),
        pytest.param(0, False, id="none"),
    ],
)
def test_a_post_is_begun_only_when_it_can_be_ended(outside: Outside, invoke: Invoke, remaining: int, posts: bool) -> None:
    failed = invoke(make_records(1), context=FakeContext(remaining))

    assert bool(outside.posted) is posts
    assert failed == (set() if posts else {"default-0"})


def test_when_time_runs_out_in_a_storm_what_was_not_posted_goes_back(outside: Outside, invoke: Invoke) -> None:
    records = make_records(500)
    context = FakeContext(POST_MILLIS + 2_500, millis_per_question=1_000)

    failed = invoke(records, context=context)

    assert len(outside.posted) == 3
    assert 0 < len(failed) < 500
    assert len(outside.dynamodb.items) == 500 - len(failed)
    assert invoke(records) == set()  # the rest, when it comes again
    assert len(outside.dynamodb.items) == 500


def test_each_destination_has_its_own_webhook_and_its_own_fate(outside: Outside, invoke: Invoke) -> None:
    config = {name: {"url": f"os.environ/{name.upper()}_URL"} for name in ("finance", "gone", "unset")}
    urls = {"FINANCE_URL": outside.slack_url("/finance"), "GONE_URL": outside.slack_url("/gone")}
    outside.slack_answers["/gone"] = (410, "channel_is_archived", {})
    records = [r for name in ("finance", "gone", "unset", "unknown", "default") for r in make_records(1, destination=name)]

    failed = invoke(records, CONFIG=json.dumps({"destinations": config}), **urls)

    assert failed == {"gone-0", "unset-0", "unknown-0"}
    assert [path for path, _ in outside.posted] == ["/finance", "/gone", SLACK]


def test_url_and_configuration_may_live_in_secrets_manager_and_ssm(outside: Outside, invoke: Invoke) -> None:
    outside.secrets |= {"slack": f" {outside.slack_url('/from-secret')}\n", "finance": outside.slack_url("/finance")}
    outside.parameters |= {
        "/config": json.dumps({"destinations": {"a": {"url": "secretsmanager:finance"}, "b": {"url": "ssm:/url"}}}),
        "/url": outside.slack_url("/from-parameter"),
    }
    records = [record for name in ("default", "a", "b") for record in make_records(1, destination=name)]

    failed = invoke(records, SLACK_WEBHOOK_URL="", SLACK_WEBHOOK_SECRET_ARN="slack", CONFIG="", CONFIG_PARAMETER_NAME="/config")

    assert failed == set()
    assert [path for path, _ in outside.posted] == ["/from-secret", "/finance", "/from-parameter"]


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"SLACK_WEBHOOK_URL": ""}, id="no URL at all"),
        pytest.param({"SLACK_WEBHOOK_URL": "", "SLACK_WEBHOOK_SECRET_ARN": "missing"}, id="a secret that is not there"),
        pytest.param({"CONFIG_PARAMETER_NAME": "/missing"}, id="a configuration that is not there"),
        pytest.param({"CONFIG": "{"}, id="a configuration that is no JSON"),
        pytest.param({"SLACK_WEBHOOK_URL": "http://hooks.slack.test/T0SECRET1"}, id="an unsafe URL"),
        pytest.param({"SLACK_WEBHOOK_URL": "https://[hooks.slack.test/T0SECRET1"}, id="a malformed URL"),
    ],
)
def test_without_a_usable_destination_everything_goes_back_and_the_log_says_why(
    outside: Outside, invoke: Invoke, logged: list[dict[str, Any]], environment: dict[str, str]
) -> None:
    assert invoke(make_records(2), **environment) == {"default-0", "default-1"}

    assert outside.posted == []
    assert logged[-1]["level"] == "WARNING"
    assert logged[-1]["faults"][0].startswith("default: ")
    assert_no_secret(json.dumps(logged))


def test_a_missing_table_name_stops_the_function(invoke: Invoke) -> None:
    with pytest.raises(ConfigurationError, match="ALERTS_TABLE_NAME"):
        invoke([], ALERTS_TABLE_NAME="")


def test_the_webhooks_url_is_in_no_line_that_is_written(
    outside: Outside, invoke: Invoke, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Everything that goes to stdout and stderr (logs and metrics), with a root logger that takes everything."""
    caplog.set_level(logging.DEBUG)
    for answer in ((200, "ok", {}), (429, "", {}), (500, "", {}), (404, "no_service", {}), (302, "", {"Location": SLACK})):
        outside.slack_answers[SLACK] = answer
        invoke(make_records(1, gateway=f"gateway-{answer[0]}"))

    assert "AlertsDelivered" in (written := "".join(capfd.readouterr()))
    lines = [record.getMessage() for record in caplog.records if record.name.partition(".")[0] != "tests"]
    for secret in ("T0SECRET1", "B0SECRET2", "x9SECRET3"):
        assert secret not in written
        assert not [line for line in lines if secret in line]


@pytest.mark.parametrize("number", [1, 12, 13, 1_000])
def test_every_alert_of_a_batch_is_named(outside: Outside, invoke: Invoke, number: int) -> None:
    assert invoke(make_records(number)) == set()

    text = " ".join(outside.texts())
    assert all(f"service-{n:05}" in text for n in range(number))
    assert len(outside.posted) <= max(1, number // 100)
