"""The handler by its other ways in: the drop-in Slack endpoint and the queue of request logs."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from evaluate.app import lambda_handler
from gateway_alerts.errors import DependencyUnavailable, PayloadTooLarge
from tests.pipeline.evaluate.builders import http_request, request_log
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws

BUDGET_TEXT = (
    "Alert type: `budget_alerts`\nLevel: `High`\nTimestamp: `09:25:40`\n\nMessage: User Budget: Budget Crossed\n"
    " Total Budget:`10.0`\n\n*spend:* `10.2`\n*max_budget:* `10.0`\n*user_id:* `u-ada`\n*event_group:* `user`\n\n\n"
)
FAILURE_TEXT = (
    "Alert type: `llm_exceptions`\nLevel: `High`\nTimestamp: `09:25:49`\n\n"
    "Message: LLM API call failed: `litellm.RateLimitError: quota exceeded`"
)


def slack(body: Any, *, token: str = "local-token", **overrides: Any) -> tuple[int, str]:
    event = http_request(body, token=None) | {
        "routeKey": "POST /services/{token+}",
        "rawPath": f"/services/{token}",
        "pathParameters": {"token": token},
    }
    answer = lambda_handler(event | overrides, None)
    assert answer is not None
    assert answer["headers"]["content-type"].startswith("text/plain")
    return answer["statusCode"], answer["body"]


def queued(container: FakeAws) -> list[dict[str, Any]]:
    """The alerts that SQS was given."""
    sent = [asked for operation, asked in container.calls if operation == "SendMessageBatch"]
    return [json.loads(entry["MessageBody"])["alert"] for batch in sent for entry in batch["Entries"]]


class TestSlackEndpoint:
    def test_a_budget_text_is_a_budget_alert(self, container: FakeAws) -> None:
        assert slack({"text": BUDGET_TEXT}) == (200, "ok")
        (alert,) = queued(container)
        assert (alert["event"], alert["entity"]["id"], alert["budget"]["spend"]) == ("budget_crossed", "u-ada", "10.2")

    def test_the_same_text_again_is_no_second_alert(self, container: FakeAws) -> None:
        for _ in range(3):
            assert slack({"text": BUDGET_TEXT}) == (200, "ok")
        assert len(queued(container)) == 1

    def test_another_alert_of_litellm_is_of_its_type(self, container: FakeAws) -> None:
        assert slack({"text": FAILURE_TEXT}) == (200, "ok")
        (alert,) = queued(container)
        assert (alert["alert_type"], alert["level"]) == ("llm_exceptions", "High")

    def test_texts_that_differ_in_their_time_are_counted(self, container: FakeAws) -> None:
        slack({"text": FAILURE_TEXT})
        slack({"text": FAILURE_TEXT.replace("09:25:49", "09:25:50")})
        assert len(queued(container)) == 1
        last = [asked for operation, asked in container.calls if operation == "UpdateItem"][-1]
        assert "ADD held_count" in last["UpdateExpression"]

    def test_a_type_that_is_off_is_answered_and_not_told(self, container: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONFIG", '{"alert_types": ["budget_alerts"]}')
        assert slack({"text": FAILURE_TEXT}) == (200, "ok")
        assert queued(container) == []

    def test_another_senders_message_is_passed_on_intact(self, container: FakeAws) -> None:
        payload = {"text": "[FIRING:1] DiskFull", "attachments": [{"color": "danger", "title": "DiskFull"}]}
        assert slack(payload) == (200, "ok")
        (alert,) = queued(container)
        assert (alert["alert_type"], alert["slack_payload"]) == ("slack_message", payload)

    def test_a_form_is_taken_as_slack_takes_it(self, container: FakeAws) -> None:
        body = urlencode({"payload": json.dumps({"text": "hello"})})
        assert slack(body, headers={"content-type": "application/x-www-form-urlencoded"}) == (200, "ok")
        assert queued(container)[0]["slack_payload"]["text"] == "hello"

    @pytest.mark.parametrize("token", ["local-token", "T000/B000/local-token"])
    def test_the_token_is_the_whole_path_or_its_last_part(self, container: FakeAws, token: str) -> None:
        assert slack({"text": "hello"}, token=token) == (200, "ok")

    @pytest.mark.parametrize(
        ("body", "how", "expected"),
        [
            pytest.param({"text": "hello"}, {"token": "wrong"}, (403, "invalid_token"), id="a wrong token"),
            pytest.param({"text": "hello"}, {"token": "local-token/more"}, (403, "invalid_token"), id="a token before the end"),
            pytest.param("no json", {}, (400, "invalid_payload"), id="no JSON"),
            pytest.param("[]", {}, (400, "invalid_payload"), id="no object"),
            pytest.param({"text": ""}, {}, (400, "no_text"), id="nothing to say"),
            pytest.param("!", {"isBase64Encoded": True}, (400, "invalid_payload"), id="no base64"),
        ],
    )
    def test_it_refuses_in_slacks_words(
        self, container: FakeAws, body: Any, how: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        assert slack(body, **how) == expected
        assert queued(container) == []

    def test_an_outage_is_503_and_the_sender_comes_again(self, container: FakeAws) -> None:
        container.answers["UpdateItem"] = AwsError("ResourceNotFoundException")
        assert slack({"text": FAILURE_TEXT}) == (503, "service_unavailable")


def batch(*bodies: str) -> dict[str, Any]:
    records = [{"messageId": f"m{index}", "body": body, "eventSource": "aws:sqs"} for index, body in enumerate(bodies)]
    return {"Records": records}


OVER = request_log(user_id="u", user_spend=10, user_max_budget=10)


class TestRequestLogQueue:
    def test_logs_are_evaluated_as_the_gateway_that_the_template_names(
        self, container: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUEST_LOG_GATEWAY", "prod")
        assert lambda_handler(batch(json.dumps(OVER)), None) == {"batchItemFailures": []}
        assert [alert["gateway"] for alert in queued(container)] == ["prod"]

    def test_what_cannot_be_read_goes_back_alone(self, container: FakeAws) -> None:
        encrypted = json.dumps({"__encrypted__": True, "payload": "x"})
        answer = lambda_handler(batch("{nope", json.dumps(OVER), encrypted, f"{json.dumps(OVER)},{json.dumps(OVER)}"), None)
        assert answer == {"batchItemFailures": [{"itemIdentifier": f"m{index}"} for index in (0, 2, 3)]}
        assert len(queued(container)) == 1

    def test_an_outage_gives_all_of_it_back(self, container: FakeAws) -> None:
        container.answers["UpdateItem"] = AwsError("ResourceNotFoundException")
        with pytest.raises(DependencyUnavailable):
            lambda_handler(batch(json.dumps(OVER)), None)

    def test_more_than_a_request_may_hold_is_refused_whole(self, container: FakeAws) -> None:
        with pytest.raises(PayloadTooLarge):
            lambda_handler(batch(*["{}"] * 10_001), None)


class TestGatewayAlerts:
    def test_one_is_told_and_answered_like_any_event(self, container: FakeAws) -> None:
        event = {"alert_type": "db_exceptions", "level": "High", "message": "connection refused"}
        answer = lambda_handler(http_request(event), None)
        assert answer is not None
        assert json.loads(answer["body"]) == {"accepted": 1, "alerts": 1, "rejected": []}
        assert queued(container)[0]["message"] == "connection refused"

    def test_an_unknown_type_is_refused_by_name(self, container: FakeAws) -> None:
        answer = lambda_handler(http_request({"alert_type": "nothing", "message": "x"}), None)
        assert answer is not None
        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["rejected"][0]["reason"].startswith("unknown_alert_type: 'nothing'; known are")

    def test_a_dry_run_says_what_would_be_told_and_tells_nothing(self, container: FakeAws) -> None:
        event = {"alert_type": "db_exceptions", "message": "connection refused"}
        answer = lambda_handler(http_request([event, OVER], query={"dry_run": "1"}), None)
        assert answer is not None
        told, over = json.loads(answer["body"])["decisions"]
        assert (told["reason"], told["alerts"][0]["event"]) == ("connection refused", "db_exceptions")
        assert over["alerts"][0]["event"] == "budget_crossed"
        assert queued(container) == []

    def test_what_a_customer_spent_is_summed_up_and_alerts(self, container: FakeAws) -> None:
        container.answers["UpdateItem"] = lambda asked: (
            {"Attributes": {"spend": {"N": "2.4"}}} if asked["Key"]["pk"]["S"].startswith("customer#") else {}
        )
        event = {"event": "spend_tracked", "event_group": "end_user", "customer_id": "c", "spend": 0.1, "max_budget": 2.5}
        lambda_handler(http_request(event), None)
        (alert,) = queued(container)
        assert (alert["entity"]["type"], alert["budget"]["spend"], alert["budget"]["rung"]) == ("end_user", "2.4", "0.95")
