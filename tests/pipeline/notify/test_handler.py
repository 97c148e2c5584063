"""Whole batches through ``lambda_handler``: real clients, and a loopback server for everything outside."""

import json
import logging
import time
from datetime import timedelta
from typing import Any

import pytest

from gateway_alerts.errors import ConfigurationError
from notify.app import POST_MILLIS
from notify.gates import BURST_POSTS
from tests.pipeline.notify.conftest import FakeContext, Invoke, Outside
from tests.unit.notify.fakes import assert_no_secret, client_error, make_record, make_records, raw_record

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

    assert outside.delivered() == [("default", "a")]
    (item,) = outside.dynamodb.posts.values()
    assert item["expires_at"]["N"].isdigit()


@pytest.mark.parametrize(
    ("answer", "seconds", "posts", "outcome", "reason"),
    [
        pytest.param((429, "rate_limited", {"Retry-After": "9"}), 9, 1, "RetryLater", "rate_limited", id="rate limited"),
        pytest.param((429, "rate_limited", {}), 30, 1, "RetryLater", "rate_limited", id="rate limited, nobody knows how long"),
        pytest.param((404, "no_service", {}), 900, 1, "Permanent", "configuration", id="webhook gone"),
        pytest.param((400, "invalid_blocks", {}), None, 2, "Permanent", "payload_refused", id="message refused, plain too"),
        pytest.param((500, "rollup_error", {}), 15, 1, "Ambiguous", "server_error", id="Slack's own fault"),
        pytest.param((200, "<html>", {}), 900, 1, "Permanent", "unexpected_answer", id="200 of something else"),
        pytest.param((302, "", {"Location": "/elsewhere"}), 900, 1, "Permanent", "unexpected_answer", id="a redirect"),
    ],
)
def test_a_post_that_is_not_delivered_is_hidden_or_given_up_and_logged_without_the_secret(
    outside: Outside,
    invoke: Invoke,
    logged: list[dict[str, Any]],
    answer: tuple[int, str, dict[str, str]],
    seconds: int | None,
    posts: int,
    outcome: str,
    reason: str,
) -> None:
    outside.slack_answers[SLACK] = answer
    expected = {"default-0": seconds, "default-1": seconds} if seconds else {}

    assert invoke(make_records(2)) == set(expected)

    assert outside.postponed == expected
    assert [why for _, why in outside.dead] == ([] if seconds else ["payload_refused: invalid_blocks"] * 2)
    assert len(outside.posted) == posts
    assert outside.delivered() == []
    (line,) = [line for line in logged if line["message"] == "notified"]
    assert line["level"] == "WARNING"
    assert line["outcomes"][0]["destination"] == "default"
    assert (line["outcomes"][0]["outcome"], line["outcomes"][0]["reason"]) == (outcome, reason)
    assert (line["record_count"], line["returned_count"], line["alert_count"]) == (2, len(expected), 0)
    assert_no_secret(json.dumps(logged), *outside.dead)


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


def test_unreadable_records_are_given_up_alone(outside: Outside, invoke: Invoke, logged: list[dict[str, Any]]) -> None:
    assert invoke([raw_record("poison", "not json"), make_record("fine")]) == set()

    assert len(outside.posted) == 1
    ((body, reason),) = outside.dead
    assert body == "not json"
    assert reason.startswith("unreadable: ")
    assert (logged[-1]["level"], logged[-1]["buried_count"], len(logged[-1]["faults"])) == ("WARNING", 1, 1)


def test_what_the_dead_letter_queue_does_not_take_comes_back(outside: Outside, invoke: Invoke) -> None:
    outside.is_dead_letter_queue_full = True
    outside.slack_answers[SLACK] = (404, "no_service", {})

    assert invoke([raw_record("poison", "not json"), *make_records(2)], waited=timedelta(hours=25)) == {
        "poison",
        "default-0",
        "default-1",
    }
    assert outside.dead == []


def test_what_nobody_took_for_a_day_is_given_up_with_its_reason(outside: Outside, invoke: Invoke) -> None:
    outside.slack_answers[SLACK] = (404, "no_service", {})
    records = make_records(2)

    assert invoke(records, waited=timedelta(hours=23, minutes=59)) == {"default-0", "default-1"}
    assert outside.dead == []
    assert invoke(records, waited=timedelta(hours=24, minutes=1)) == set()

    assert [reason for _, reason in outside.dead] == ["undelivered for a day: no_service"] * 2


def test_an_alert_that_is_a_day_old_is_still_told_if_it_can_be(outside: Outside, invoke: Invoke) -> None:
    assert invoke(make_records(1), waited=timedelta(hours=30)) == set()

    assert outside.dead == []
    assert "raised 1 day ago" in outside.texts()[0]


def test_429_keeps_every_container_away_until_the_time_that_was_asked_for(outside: Outside, invoke: Invoke) -> None:
    outside.slack_answers[SLACK] = (429, "rate_limited", {"Retry-After": "40"})
    assert invoke(make_records(1)) == {"default-0"}
    outside.slack_answers.clear()

    assert invoke([make_record("other", entity_id="other")]) == {"other"}  # another container

    assert len(outside.posted) == 1
    assert outside.postponed["default-0"] == 40
    assert 38 <= outside.postponed["other"] <= 40


def test_a_broken_destinations_alerts_go_to_the_fallback_with_a_note_and_are_not_told_again(
    outside: Outside, invoke: Invoke, logged: list[dict[str, Any]]
) -> None:
    config = json.dumps({"destinations": {"team": {"url": "os.environ/TEAM_URL"}}, "fallback_destination": "default"})
    environment = {"CONFIG": config, "TEAM_URL": outside.slack_url("/team")}
    outside.slack_answers["/team"] = (410, "channel_is_archived", {})
    records = make_records(2, destination="team")

    assert invoke(records, **environment) == set()
    assert invoke(records, **environment) == set()  # known: nothing is told again
    assert invoke([make_record("later", destination="team", entity_id="later")], **environment) == set()

    assert [path for path, _ in outside.posted] == ["/team", SLACK, SLACK]  # the broken one is left in peace
    for _, payload in outside.posted[1:]:
        note = "These could not be posted to team: channel_is_archived."
        assert note in payload["text"]
        assert note in json.dumps(payload["blocks"])
    assert {destination for destination, _ in outside.delivered()} == {"team"}
    assert [line["broken"] for line in logged] == [["team: channel_is_archived"], [], []]


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
    assert len(outside.delivered()) == 500 - len(failed)
    assert outside.postponed == dict.fromkeys(failed, 1)
    outside.dynamodb.items.pop("gate#default")  # a while later
    assert invoke(records) == set()  # the rest, when it comes again
    assert len(outside.delivered()) == 500


def test_each_destination_has_its_own_webhook_and_its_own_fate(outside: Outside, invoke: Invoke) -> None:
    config = {name: {"url": f"os.environ/{name.upper()}_URL"} for name in ("finance", "gone", "unset")}
    urls = {"FINANCE_URL": outside.slack_url("/finance"), "GONE_URL": outside.slack_url("/gone")}
    outside.slack_answers["/gone"] = (410, "channel_is_archived", {})
    records = [r for name in ("finance", "gone", "unset", "unknown", "default") for r in make_records(1, destination=name)]

    failed = invoke(records, CONFIG=json.dumps({"destinations": config}), **urls)

    assert failed == {"gone-0", "unset-0", "unknown-0"}
    assert sorted(path for path, _ in outside.posted) == ["/finance", "/gone", SLACK]  # side by side


def test_url_and_configuration_may_live_in_secrets_manager_and_ssm(outside: Outside, invoke: Invoke) -> None:
    outside.secrets |= {"slack": f" {outside.slack_url('/from-secret')}\n", "finance": outside.slack_url("/finance")}
    outside.parameters |= {
        "/config": json.dumps({"destinations": {"a": {"url": "secretsmanager:finance"}, "b": {"url": "ssm:/url"}}}),
        "/url": outside.slack_url("/from-parameter"),
    }
    records = [record for name in ("default", "a", "b") for record in make_records(1, destination=name)]

    failed = invoke(records, SLACK_WEBHOOK_URL="", SLACK_WEBHOOK_SECRET_ARN="slack", CONFIG="", CONFIG_PARAMETER_NAME="/config")

    assert failed == set()
    assert sorted(path for path, _ in outside.posted) == ["/finance", "/from-parameter", "/from-secret"]  # side by side


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
    records = make_records(number)
    failed = invoke(records)
    outside.dynamodb.items.pop("gate#default")  # a while later
    assert invoke([record for record in records if record["messageId"] in failed]) == set()

    text = " ".join(outside.texts())
    assert all(f"service-{n:05}" in text for n in range(number))
    assert len(outside.posted) <= max(1, number // 100)


def test_of_a_storm_a_burst_is_posted_and_the_rest_waits_its_turn(outside: Outside, invoke: Invoke) -> None:
    began = time.monotonic()
    failed = invoke(make_records(1_000))
    seconds = time.monotonic() - began

    assert BURST_POSTS <= len(outside.posted) <= BURST_POSTS + seconds  # one more each second
    assert failed == set(outside.postponed)
    assert set(outside.postponed.values()) == {1}
    assert len(outside.delivered()) + len(failed) == 1_000


def test_a_defect_of_ours_is_logged_by_its_place_and_without_its_text(
    invoke: Invoke, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(f"while posting to T0SECRET1 {SLACK}")

    monkeypatch.setattr("notify.app.notify", broken)

    with pytest.raises(RuntimeError, match="unhandled ZeroDivisionError") as caught:
        invoke(make_records(1))

    assert caught.value.__suppress_context__
    assert_no_secret(str(caught.value))
    assert (logged[-1]["message"], logged[-1]["reason"]) == ("unhandled", "ZeroDivisionError")
    assert_no_secret(json.dumps(logged))
