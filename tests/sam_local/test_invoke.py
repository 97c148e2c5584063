"""Both functions in the built package, under `sam local`, on both kinds of way in, with real calls to an emulator."""

import json
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.sam_local.conftest import AWS, TOKEN, Backend, SamLocal

pytestmark = pytest.mark.sam_local


def _team_event(team_id: str) -> dict[str, Any]:
    budget = {"team_id": team_id, "team_alias": team_id, "spend": 104.2, "max_budget": 100.0}
    return {
        "version": "2.0",
        "routeKey": "POST /events",
        "rawPath": "/events",
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/events", "sourceIp": "127.0.0.1"}, "stage": "$default"},
        "body": json.dumps({"type": "team_budget", "user_info": budget | {"event_group": "team"}}),
        "isBase64Encoded": False,
    }


def test_a_crossing_over_http_is_queued_once(sam_local: SamLocal, backend: Backend) -> None:
    backend.queued()
    answers = [sam_local.invoke("EvaluateFunction", _team_event("over-http")) for _ in range(2)]
    assert [answer.get("statusCode") for answer in answers] == [200, 200], answers
    assert [json.loads(answer["body"])["alerts"] for answer in answers] == [1, 0]
    (message,) = backend.queued()
    assert "over-http" in json.dumps(message)


def test_a_crossing_over_eventbridge_is_queued(sam_local: SamLocal, backend: Backend) -> None:
    backend.queued()
    assert sam_local.invoke("EvaluateFunction", "evaluate/eventbridge_budget_event.json") is None
    assert backend.queued()


@pytest.mark.parametrize(
    ("sample", "answer"),
    [
        pytest.param("evaluate/http_slack_text_db_exceptions.json", {"statusCode": 200, "body": "ok"}, id="a text for Slack"),
        pytest.param("evaluate/sqs_request_logs.json", {"batchItemFailures": []}, id="a batch of request logs"),
    ],
)
def test_what_is_told_besides_budgets_is_queued(
    sam_local: SamLocal, backend: Backend, sample: str, answer: dict[str, Any]
) -> None:
    backend.queued()
    answered = sam_local.invoke("EvaluateFunction", sample)
    assert {name: answered[name] for name in answer} == answer
    assert backend.queued()


def test_a_batch_is_posted(sam_local: SamLocal, backend: Backend) -> None:
    backend.posts.clear()
    assert sam_local.invoke("NotifyFunction", "notify/sqs_one_alert.json") == {"batchItemFailures": []}
    (post,) = backend.posts
    assert post["text"]
    assert post["blocks"]


def test_start_api_serves_the_routes_of_the_template(sam_local: SamLocal, backend: Backend) -> None:
    backend.queued()
    event = _team_event("over-start-api")
    with sam_local.serving("start-api") as url:
        with urllib.request.urlopen(f"{url}/health", timeout=120) as answer:
            assert answer.status == 200
        request = urllib.request.Request(f"{url}/events/{TOKEN}", data=event["body"].encode(), method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert json.loads(answer.read()) == {"accepted": 1, "alerts": 1, "rejected": []}
        with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
            urllib.request.urlopen(f"{url}/events/wrong", data=b"{}", timeout=120)
        refusal.value.close()
    (message,) = backend.queued()
    assert "over-start-api" in json.dumps(message)


def test_start_lambda_takes_invocations_from_any_client(sam_local: SamLocal) -> None:
    with sam_local.serving("start-lambda") as url:
        client = boto3.client(
            "lambda",
            endpoint_url=url,
            region_name=AWS["AWS_DEFAULT_REGION"],
            aws_access_key_id=AWS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=AWS["AWS_SECRET_ACCESS_KEY"],
            config=Config(read_timeout=120, retries={"total_max_attempts": 1}),
        )
        for function, event, expected in (
            ("EvaluateFunction", {"schedule": "sweep_outbox"}, None),
            ("NotifyFunction", {"Records": []}, {"batchItemFailures": []}),
        ):
            answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
            assert "FunctionError" not in answer
            assert json.loads(answer["Payload"].read() or "null") == expected
