"""The handler, whole, with AWS answering from memory: what is asked of whom, what is answered, logged and counted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from evaluate.app import lambda_handler
from evaluate.claims import OUTBOX_SHARDS
from evaluate.ingress import MAX_BODY_BYTES
from evaluate.table import AGENDA_SHARDS
from gateway_alerts.errors import (
    ConfigurationError,
    DependencyUnavailable,
    EventRejected,
    GatewayAlertsError,
    MalformedBody,
    NotFound,
)
from tests.pipeline.evaluate.builders import budget_event, http_request, request_log
from tests.unit.cold_start import is_imported
from tests.unit.evaluate.conftest import QUEUE_URL, TABLE
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws, age_secrets

QUIET = budget_event(spend=1, max_budget=10, user_id="u")
CROSSING = budget_event(spend=9, max_budget=10, user_id="u")
UNKNOWN = budget_event("some_future_budget", spend=9)


class Output:
    """What the function wrote since the last look."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def read(self) -> tuple[list[dict[str, Any]], list[dict[str, float]]]:
        """Log lines, and the counts of each flush."""
        logs, flushes = [], []
        for line in map(json.loads, self._capsys.readouterr().out.splitlines()):
            if "_aws" in line:
                flushes.append({name: value[0] for name, value in line.items() if isinstance(value, list)})
            else:
                logs.append(line)
        return logs, flushes


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Output:
    return Output(capsys)


def post(body: Any, **how: Any) -> tuple[int, dict[str, Any]]:
    answer = lambda_handler(http_request(body, **how), None)
    assert answer is not None
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


def eventbridge(detail: Any) -> dict[str, Any]:
    return {"source": "llm-gateway", "detail-type": "Budget Event", "detail": detail}


class TestHttp:
    def test_a_crossing_is_claimed_queued_and_cleared(self, container: FakeAws) -> None:
        assert post(CROSSING) == (200, {"accepted": 1, "alerts": 1, "rejected": []})
        assert container.operations == ["GetParameter", "UpdateItem", "SendMessageBatch", "UpdateItem"]
        (_, claim), (_, send), (_, clear) = container.calls[1:]
        assert claim["TableName"] == clear["TableName"] == TABLE
        assert send["QueueUrl"] == QUEUE_URL
        (entry,) = send["Entries"]
        message = json.loads(entry["MessageBody"])
        assert (message["destination"], message["alert"]["gateway"]) == ("default", "local")
        assert json.loads(claim["ExpressionAttributeValues"][":alerts"]["L"][0]["S"]) == message["alert"]

    def test_the_time_of_an_alert_is_the_clock_of_the_invocation(self, container: FakeAws) -> None:
        before = datetime.now(UTC)
        post(CROSSING)
        (entry,) = dict(container.calls)["SendMessageBatch"]["Entries"]
        raised_at = datetime.fromisoformat(json.loads(entry["MessageBody"])["alert"]["raised_at"])
        assert before <= raised_at <= datetime.now(UTC)

    def test_an_event_that_crosses_nothing_asks_only_for_the_configuration(self, container: FakeAws) -> None:
        for _ in range(3):
            assert post(QUIET) == (200, {"accepted": 1, "alerts": 0, "rejected": []})
        assert container.operations == ["GetParameter"]

    def test_a_repeat_in_a_warm_container_asks_nobody(self, container: FakeAws) -> None:
        post(CROSSING)
        asked = len(container.calls)
        assert post(CROSSING) == (200, {"accepted": 1, "alerts": 0, "rejected": []})
        assert len(container.calls) == asked

    def test_refused_events_are_named_and_the_others_evaluated(self, container: FakeAws) -> None:
        status, body = post([UNKNOWN, CROSSING, 42])
        assert (status, body["accepted"], body["alerts"]) == (200, 1, 1)
        assert [(r["index"], r["reason"].partition(":")[0]) for r in body["rejected"]] == [
            (0, "unknown_budget_alert_type"),
            (2, "unrecognized_event"),
        ]

    @pytest.mark.parametrize("body", [[], [UNKNOWN], {"hello": "world"}], ids=["nothing", "an unknown type", "no event"])
    def test_400_when_nothing_was_usable(self, container: FakeAws, body: Any) -> None:
        status, answer = post(body)
        assert (status, answer["error"], answer["accepted"], answer["alerts"]) == (400, "nothing_usable", 0, 0)

    def test_the_token_of_the_secret_is_used_where_none_is_given_inline(
        self, container: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INGEST_TOKENS", "")
        assert post(QUIET)[0] == 401
        assert post(QUIET, token="secret-token")[0] == 200
        assert container.calls[0] == ("GetSecretValue", {"SecretId": "arn:tokens"})

    def test_a_rotated_secret_is_taken_up(self, container: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INGEST_TOKENS", "")
        assert post(QUIET, token="secret-token")[0] == 200
        container.answers["GetSecretValue"] = {"SecretString": "secret-gateway=secret-token,secret-gateway=next-token"}
        age_secrets()
        assert [post(QUIET, token=token)[0] for token in ("secret-token", "next-token", "other")] == [200, 200, 401]

    def test_health_asks_nobody_and_writes_nothing(self, container: FakeAws, output: Output) -> None:
        event = http_request("", routeKey="GET /health", requestContext={"http": {"method": "GET"}})
        answer = lambda_handler(event, None)
        assert answer is not None
        assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "ok"})
        assert (container.calls, output.read()) == ([], ([], []))


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no token": (http_request(QUIET, token=None), 401, "unauthorized"),
    "a wrong token": (http_request(QUIET, token="wrong"), 401, "unauthorized"),
    "a wrong token in the path": (http_request(QUIET, token="wrong", in_path=True), 401, "unauthorized"),
    "another route": (http_request(QUIET, routeKey="GET /events"), 404, "not_found"),
    "not JSON": (http_request("{nope"), 400, "malformed_body"),
    "an empty body": (http_request(""), 400, "malformed_body"),
    "no base64": (http_request("!", isBase64Encoded=True), 400, "malformed_body"),
    "too large": (http_request("x" * (MAX_BODY_BYTES + 1)), 413, "payload_too_large"),
    "too many events": (http_request([QUIET] * 10_001), 413, "payload_too_large"),
}


@pytest.mark.parametrize(("event", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_is_refused_is_told_why_logged_by_its_code_and_counted(
    container: FakeAws, output: Output, event: dict[str, Any], status: int, code: str
) -> None:
    answer = lambda_handler(event, None)
    assert answer is not None
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["error"]) == (status, code)
    assert (body["accepted"], body["alerts"], body["rejected"]) == (0, 0, [])
    logs, flushes = output.read()
    assert [(line["message"], line["reason"]) for line in logs] == [("refused", code)]
    assert flushes == [{"RequestsRefused": 1}]
    assert container.calls == []


#: AWS out of order in one place → how the sender is answered
OUTAGES: dict[str, dict[str, Any]] = {
    "the table refuses": {"UpdateItem": AwsError("AccessDeniedException")},
    "the table is not there": {"UpdateItem": AwsError("ResourceNotFoundException")},
    "the configuration cannot be fetched": {"GetParameter": AwsError("AccessDeniedException")},
    "the tokens cannot be fetched": {"GetSecretValue": AwsError("AccessDeniedException")},
}


@pytest.mark.parametrize("answers", OUTAGES.values(), ids=OUTAGES)
def test_503_when_a_dependency_fails_so_that_the_sender_comes_again(
    container: FakeAws, output: Output, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]
) -> None:
    monkeypatch.setenv("INGEST_TOKENS", "")
    container.answers |= answers
    status, body = post(CROSSING, token="secret-token")
    assert (status, body["error"]) == (503, "unavailable")
    logs, flushes = output.read()
    assert [(line["message"], line["reason"]) for line in logs] == [("failed", "DependencyUnavailable")]
    assert flushes[-1]["RequestsFailed"] == 1


def test_what_was_won_before_the_table_failed_is_queued_and_counted(container: FakeAws, output: Output) -> None:
    answers: Iterator[Any] = iter([{}, AwsError("AccessDeniedException"), {}])
    container.answers["TransactWriteItems"] = lambda asked: next(answers)
    status, _ = post([budget_event(spend=9, max_budget=10, user_id=f"u{n}") for n in range(150)])
    assert status == 503
    assert container.operations.count("SendMessageBatch") == 10
    _, flushes = output.read()
    assert [flush["ClaimsWon"] for flush in flushes if "ClaimsWon" in flush] == [100]
    assert sum(flush.get("AlertsRaised", 0) for flush in flushes) == 100


MISCONFIGURED: dict[str, tuple[dict[str, str], str]] = {
    "no table": ({"ALERTS_TABLE_NAME": ""}, "not set: ALERTS_TABLE_NAME"),
    "no tokens": ({"INGEST_TOKENS": "", "INGEST_TOKENS_SECRET_ARN": ""}, "not set: INGEST_TOKENS or INGEST_TOKENS_SECRET_ARN"),
    "malformed tokens": ({"INGEST_TOKENS": "a b=sk-SECRET"}, "INGEST_TOKENS: pair 1 is not GATEWAY=TOKEN"),
    "a wrong configuration": ({"CONFIG": '{"thresold": ["sk-SECRET"]}'}, "CONFIG: thresold: is not a setting"),
    "thresholds of an entity type that is not there": ({"CONFIG": '{"thresholds": {"kye": [1]}}'}, "CONFIG: thresholds.kye: "),
}


@pytest.mark.parametrize(("environment", "detail"), MISCONFIGURED.values(), ids=MISCONFIGURED)
def test_503_when_a_setting_is_wrong_and_the_log_says_which(
    container: FakeAws, output: Output, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], detail: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    status, body = post(CROSSING)
    assert (status, body["error"]) == (503, "misconfigured")
    assert detail not in json.dumps(body)
    logs, _ = output.read()
    assert [(line["message"], line["reason"]) for line in logs] == [("failed", "ConfigurationError")]
    assert logs[0]["detail"].startswith(detail)
    assert "sk-SECRET" not in json.dumps(logs)


class TestDryRun:
    def test_it_decides_in_the_order_of_the_events_and_claims_nothing(self, container: FakeAws) -> None:
        both = budget_event(
            "team_budget", spend=9.6, max_budget=10, soft_budget=5, team_id="t1", budget_reset_at="2026-12-01T00:00:00Z"
        )
        status, body = post([QUIET, both, UNKNOWN, CROSSING], query={"dry_run": "1"})
        decisions = body["decisions"]
        assert (status, [d["index"] for d in decisions]) == (200, [0, 1, 2, 3])
        assert [len(d["alerts"]) for d in decisions] == [0, 1, 0, 1]
        (alert,) = decisions[1]["alerts"]
        dedupe_key = alert.pop("dedupe_key")
        assert alert == {"event": "threshold_crossed", "entity_type": "team", "entity_id": "t1", "rung": "0.95", "level": "High"}
        assert dedupe_key.startswith("budget#team#")
        assert dedupe_key.endswith("@1796083200")
        assert decisions[0]["reason"] == "crosses nothing"
        assert decisions[1]["reason"] == "Team Budget: 95% of budget used"
        assert decisions[2]["reason"].startswith("unknown_budget_alert_type: ")
        assert container.operations == ["GetParameter"]

    def test_three_budgets_of_one_request_are_three_alerts_of_one_decision(self, container: FakeAws) -> None:
        log = request_log(hash="k", spend=9, max_budget=10, team_id="t", team_spend=20, team_max_budget=20)
        _, body = post(log, query={"dry_run": "true"})
        (decision,) = body["decisions"]
        assert [alert["entity_type"] for alert in decision["alerts"]] == ["key", "team"]
        assert decision["reason"] == "Key Budget: 85% of budget used; Team Budget: Budget Crossed"

    def test_it_says_the_same_whether_somebody_has_alerted_before_or_not(self, container: FakeAws) -> None:
        before = post(CROSSING, query={"dry_run": "1"})
        post(CROSSING)
        assert post(CROSSING, query={"dry_run": "1"}) == before

    def test_it_says_when_budget_alerts_are_off(self, container: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONFIG", '{"alert_types": []}')
        _, body = post(CROSSING, query={"dry_run": "1"})
        assert body["decisions"] == [{"index": 0, "alerts": [], "reason": "budget_alerts is not in alert_types"}]

    def test_a_rung_of_a_thousand_percent_is_written_out(self, container: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONFIG", '{"thresholds": [1000]}')
        _, body = post(budget_event(spend=100, max_budget=10), query={"dry_run": "1"})
        assert body["decisions"][0]["alerts"][0]["rung"] == "10"


class TestEventBridge:
    def test_a_crossing_is_queued_and_nothing_is_answered(self, container: FakeAws) -> None:
        assert lambda_handler(eventbridge(CROSSING), None) is None
        (entry,) = dict(container.calls)["SendMessageBatch"]["Entries"]
        assert json.loads(entry["MessageBody"])["alert"]["gateway"] == "eventbridge"

    def test_a_refused_event_raises_so_that_it_is_kept_and_its_neighbours_are_decided(
        self, container: FakeAws, output: Output
    ) -> None:
        with pytest.raises(EventRejected) as raised:
            lambda_handler(eventbridge({"events": [budget_event("sk-SECRET", spend=1), CROSSING]}), None)
        assert "SECRET" not in str(raised.value)
        assert "SendMessageBatch" in container.operations
        logs, flushes = output.read()
        assert [line["message"] for line in logs] == ["evaluated", "kept for the dead-letter queue"]
        assert flushes == [{"EventsAccepted": 1, "EventsRejected": 1, "ClaimsWon": 1}, {"AlertsRaised": 1}]

    UNREADABLE: ClassVar[dict[str, tuple[dict[str, Any], type[GatewayAlertsError]]]] = {
        "a detail that is no object": (eventbridge("text"), MalformedBody),
        "another source": ({"source": "aws.ec2", "detail-type": "x", "detail": {}}, NotFound),
        "nothing that we know": ({}, NotFound),
    }

    @pytest.mark.parametrize(("event", "error"), UNREADABLE.values(), ids=UNREADABLE)
    def test_what_cannot_be_read_raises_so_that_it_is_kept(
        self, container: FakeAws, event: dict[str, Any], error: type[GatewayAlertsError]
    ) -> None:
        with pytest.raises(error):
            lambda_handler(event, None)

    def test_an_outage_raises_so_that_it_comes_again(self, container: FakeAws) -> None:
        container.answers["UpdateItem"] = AwsError("AccessDeniedException")
        with pytest.raises(DependencyUnavailable):
            lambda_handler(eventbridge(CROSSING), None)

    def test_a_wrong_setting_raises(self, container: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALERTS_QUEUE_URL", "")
        with pytest.raises(ConfigurationError, match="not set: ALERTS_QUEUE_URL"):
            lambda_handler(eventbridge(CROSSING), None)


class TestSweep:
    def test_an_empty_outbox_asks_the_index_and_writes_nothing(self, container: FakeAws, output: Output) -> None:
        assert lambda_handler({"schedule": "sweep_outbox"}, None) is None
        assert container.operations == ["GetParameter"] + ["Query"] * (OUTBOX_SHARDS + AGENDA_SHARDS)
        assert output.read() == ([], [])

    def test_what_was_left_behind_is_sent_cleared_and_told(self, container: FakeAws, output: Output) -> None:
        post(CROSSING)
        outbox = dict(container.calls[:2])["UpdateItem"]["ExpressionAttributeValues"][":alerts"]
        pages = iter([{"Items": [{"pk": {"S": "budget#user#00000000"}, "outbox": outbox}]}])
        container.answers["Query"] = lambda asked: next(pages, {"Items": []})
        output.read()
        container.calls.clear()
        lambda_handler({"schedule": "sweep_outbox"}, None)
        assert container.operations == [
            "Query",
            "SendMessageBatch",
            "UpdateItem",
            *["Query"] * (OUTBOX_SHARDS - 1 + AGENDA_SHARDS),
        ]
        logs, flushes = output.read()
        assert [(line["message"], line["alert_count"]) for line in logs] == [("swept", 1)]
        assert flushes == [{"AlertsSwept": 1}]

    def test_an_outbox_that_cannot_be_read_fails_the_sweep_in_the_end(self, container: FakeAws, output: Output) -> None:
        broken = {"pk": {"S": "budget#user#00000000"}, "outbox": {"L": [{"S": "{}"}]}}
        pages = iter([{"Items": [broken]}])
        container.answers["Query"] = lambda asked: next(pages, {"Items": []})
        lambda_handler({"schedule": "sweep_outbox"}, None)
        assert container.operations.count("Query") == OUTBOX_SHARDS + AGENDA_SHARDS
        logs, flushes = output.read()
        assert [(line["level"], line["detail"]) for line in logs] == [("ERROR", "outbox of budget#user#00000000 cannot be read")]
        assert flushes == [{"SchedulesFailed": 1}]


class TestCanary:
    def test_each_canary_is_an_alert_of_its_own_and_no_claim(self, container: FakeAws, output: Output) -> None:
        for _ in range(2):
            assert lambda_handler({"schedule": "canary"}, None) is None
        assert container.operations == ["SendMessageBatch"] * 2
        messages = [json.loads(asked["Entries"][0]["MessageBody"]) for _, asked in container.calls]
        assert [message["destination"] for message in messages] == ["canary", "canary"]
        assert len({message["alert"]["alert_id"] for message in messages}) == 2
        assert output.read() == ([], [])


class TestSchedules:
    """One that fails is told and counted, and raises nothing: what Lambda would keep of it has no worth."""

    @pytest.mark.parametrize(
        ("schedule", "operation"), [("sweep_outbox", "Query"), ("canary", "SendMessageBatch")], ids=["sweep", "canary"]
    )
    def test_an_outage_is_counted_each_time(self, container: FakeAws, output: Output, schedule: str, operation: str) -> None:
        container.answers[operation] = AwsError("AccessDeniedException")
        for _ in range(3):
            assert lambda_handler({"schedule": schedule}, None) is None
        logs, flushes = output.read()
        assert [(line["level"], line["message"], line["reason"]) for line in logs] == [
            ("ERROR", "failed", "DependencyUnavailable")
        ] * 3
        assert flushes == [{"SchedulesFailed": 1}] * 3

    def test_a_wrong_setting_is_counted(self, container: FakeAws, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALERTS_QUEUE_URL", "")
        assert lambda_handler({"schedule": "canary"}, None) is None
        assert output.read()[1] == [{"SchedulesFailed": 1}]

    def test_a_defect_of_ours_raises_as_everywhere(self, container: FakeAws) -> None:
        container.answers["SendMessageBatch"] = {"Successful": ["x"]}
        with pytest.raises(RuntimeError, match=r"^unhandled \w+$"):
            lambda_handler({"schedule": "canary"}, None)


class TestWhatIsWritten:
    def test_quiet_invocations_write_nothing_and_their_counts_go_out_later(self, container: FakeAws, output: Output) -> None:
        for _ in range(10):
            post(QUIET)
        assert output.read() == ([], [])
        post(CROSSING)
        logs, flushes = output.read()
        assert len(logs) == 1
        assert flushes == [{"EventsAccepted": 11, "ClaimsWon": 1}, {"AlertsRaised": 1}]

    def test_an_invocation_that_has_something_to_say_says_it_in_one_line(self, container: FakeAws, output: Output) -> None:
        post([CROSSING, CROSSING, UNKNOWN, 42])
        ((line,), flushes) = output.read()
        wanted = {
            "message": "evaluated",
            "gateway": "local",
            "accepted_count": 2,
            "rejected_count": 2,
            "alert_count": 1,
            "repeat_count": 1,
            "unsent_count": 0,
            "reasons": ["unknown_budget_alert_type", "unrecognized_event"],
        }
        assert {name: line[name] for name in wanted} == wanted
        assert len(line["dedupe_keys"]) == 1
        assert flushes == [
            {"EventsAccepted": 2, "EventsRejected": 2, "ClaimsWon": 1, "ClaimsLost": 1},
            {"AlertsRaised": 1},
        ]

    def test_alerts_are_counted_by_what_they_say(
        self, container: FakeAws, output: Output, capsys: pytest.CaptureFixture[str]
    ) -> None:
        post([budget_event(spend=spend, max_budget=10, user_id=f"u{n}") for n, spend in enumerate((9, 9, 11))])
        blobs = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
        raised = [(blob["alert_type"], blob["reason"], blob["AlertsRaised"]) for blob in blobs if "AlertsRaised" in blob]
        assert raised == [("budget_alerts", "budget_crossed", [1.0]), ("budget_alerts", "threshold_crossed", [2.0])]

    def test_an_alert_that_the_queue_does_not_take_is_told_and_accepted(self, container: FakeAws, output: Output) -> None:
        container.answers["SendMessageBatch"] = AwsError("AccessDeniedException")
        assert post(CROSSING) == (200, {"accepted": 1, "alerts": 1, "rejected": []})
        assert container.operations == ["GetParameter", "UpdateItem", "SendMessageBatch"]
        ((line,), flushes) = output.read()
        assert line["unsent_count"] == 1
        assert flushes[0]["AlertsLeftInOutbox"] == 1

    def test_a_storm_names_twenty_keys_in_the_log(self, container: FakeAws, output: Output) -> None:
        post([budget_event(spend=9, max_budget=10, user_id=f"u{n}") for n in range(50)])
        ((line,), _) = output.read()
        assert (line["alert_count"], len(line["dedupe_keys"])) == (50, 20)

    def test_settings_without_effect_are_told_once(
        self, container: FakeAws, output: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CONFIG", '{"alerting_args": {"report_check_interval": 300}}')
        for _ in range(2):
            post(QUIET)
        logs, _ = output.read()
        assert [(line["message"], line["settings"]) for line in logs] == [
            ("settings without effect", ["alerting_args.report_check_interval"])
        ]

    def test_a_configuration_that_becomes_wrong_is_told_and_the_one_before_stays(
        self, container: FakeAws, output: Output
    ) -> None:
        container.answers["GetParameter"] = {"Parameter": {"Value": '{"thresholds": [10]}'}}
        post(QUIET)
        output.read()
        container.answers["GetParameter"] = {"Parameter": {"Value": '{"thresold": []}'}}
        age_secrets()
        assert post(budget_event(spend=2, max_budget=10))[1]["alerts"] == 1
        logs, _ = output.read()
        assert logs[0]["message"] == "configuration refused, the one before stays"


class TestDefectsOfOurs:
    """What nobody foresaw: an answer of AWS that makes no sense stands for it."""

    def test_it_is_logged_by_place_and_raised_without_its_message(self, container: FakeAws, output: Output) -> None:
        container.answers["SendMessageBatch"] = {"Successful": ["sk-SECRET"]}
        with pytest.raises(RuntimeError, match=r"^unhandled \w+$") as raised:
            lambda_handler(http_request(CROSSING), None)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__
        logs, flushes = output.read()
        assert [line["message"] for line in logs] == ["unhandled"]
        assert logs[0]["place"].rpartition(":")[2].isdigit()
        assert flushes[-1]["RequestsFailed"] == 1
        assert "SECRET" not in json.dumps(logs)

    def test_it_is_raised_for_an_event_that_has_no_detail_at_all(self, container: FakeAws) -> None:
        with pytest.raises(RuntimeError, match=r"^unhandled KeyError$"):
            lambda_handler({"source": "llm-gateway", "detail-type": "Budget Event"}, None)


SECRETS = {
    "in an unknown type": budget_event("sk-SECRET", spend=1),
    "in a wrong field": {"type": "user_budget", "user_info": {"spend": "sk-SECRET"}},
    "in ids and names of an alert": budget_event("token_budget", spend=9, max_budget=10, token="sk-SECRET", key_alias="SECRET"),
    "in an unknown event group": budget_event("soft_budget", spend=9, event_group="sk-SECRET"),
}
STATES_OF_AWS: dict[str, dict[str, Any]] = {
    "all is well": {},
    "no queue": {"SendMessageBatch": AwsError("AccessDeniedException")},
    "no table": {"UpdateItem": AwsError("AccessDeniedException")},
}


@pytest.mark.parametrize("answers", STATES_OF_AWS.values(), ids=STATES_OF_AWS)
@pytest.mark.parametrize("event", SECRETS.values(), ids=SECRETS)
def test_nothing_from_outside_is_in_a_log_line_or_a_metric(
    container: FakeAws, capsys: pytest.CaptureFixture[str], event: dict[str, Any], answers: dict[str, Any]
) -> None:
    container.answers |= answers
    lambda_handler(http_request(event, token="local-token"), None)
    captured = capsys.readouterr()
    assert captured.out
    for secret in ("SECRET", "local-token"):
        assert secret not in captured.out + captured.err


def test_a_wrong_token_is_in_no_log_line(container: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    for in_path in (False, True):
        lambda_handler(http_request(CROSSING, token="sk-SECRET", in_path=in_path), None)
    captured = capsys.readouterr()
    assert "SECRET" not in captured.out + captured.err


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("botocore.exceptions", id="the SDK, which the first claim needs"),
        pytest.param("aws_lambda_powertools", id="logs and metrics"),
        pytest.param("evaluate.slack.slack_payloads", id="the reading of Slack messages"),
        pytest.param("evaluate.usage.usage", id="the ledger, which request logs need"),
        pytest.param("evaluate.usage.usage_ledger", id="the ledger's table"),
        pytest.param("evaluate.usage.scheduled", id="the reports"),
        pytest.param("evaluate.usage.forecasts", id="the forecasts"),
    ],
)
def test_a_cold_start_does_not_import_what_a_quiet_invocation_does_not_need(module: str) -> None:
    assert not is_imported(module, by="import evaluate.app")
