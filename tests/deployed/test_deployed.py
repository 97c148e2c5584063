"""The deployed application, end to end, under the rights that template.yaml gives its functions."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from evaluate.canary import canary_alert
from gateway_alerts.dynamodb import item_key
from tests.deployed.conftest import STACK_NAME, TOKEN, WINDOW_SECONDS, Deployment, wait_for

pytestmark = pytest.mark.deployed


@pytest.fixture
def api(deployment: Deployment) -> Iterator[httpx.Client]:
    with deployment.http() as client:
        yield client


def crossing(name: str) -> dict[str, Any]:
    return {"type": "user_budget", "user_info": {"spend": 101.0, "max_budget": 100.0, "user_id": name}}


def test_the_health_check_answers(api: httpx.Client) -> None:
    answer = api.get("/health")
    assert (answer.status_code, answer.text) == (200, '{"status": "ok"}')


def test_a_wrong_token_is_refused(api: httpx.Client) -> None:
    assert api.post("/events/wrong", json=[]).status_code == 401
    assert api.post("/events", json=[], headers={"authorization": "Bearer wrong"}).status_code == 401


def test_events_by_api_and_eventbridge_end_in_one_aggregated_post(deployment: Deployment, api: httpx.Client) -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    # The first invocation of each function starts it, which takes longer than the window.
    api.post("/events", json=[crossing("warm-up")], headers=bearer)
    wait_for(lambda: deployment.inbox.messages())
    wait_for(lambda: deployment.queue_depth("AlertsQueue") == 0)
    seen = len(deployment.inbox.messages())

    first = api.post("/events", json=[crossing("by-header"), crossing("by-header")], headers=bearer)
    second = api.post(f"/events/{TOKEN}", json=crossing("by-path"))
    repeated = api.post("/events", json=[crossing("by-header")], headers=bearer)
    entry = {
        "Source": "llm-gateway",
        "DetailType": "Budget Event",
        "Detail": json.dumps(crossing("by-bus") | {"gateway": "prod"}),
    }
    deployment.client("events").put_events(Entries=[entry])

    assert (first.status_code, first.json()["alerts"]) == (200, 1)
    assert (second.status_code, second.json()["alerts"]) == (200, 1)
    assert repeated.json()["alerts"] == 0

    def new_texts() -> list[str]:
        return [message.payload["text"] for message in deployment.inbox.messages()[seen:]]

    wait_for(lambda: all(name in " ".join(new_texts()) for name in ("by-header", "by-path", "by-bus")))
    assert len(new_texts()) == 1, new_texts()


def test_a_text_for_slack_is_answered_as_slack_does_and_posted(deployment: Deployment, api: httpx.Client) -> None:
    refused = api.post("/services/T0/B0/wrong", json={"text": "x"})
    assert (refused.status_code, refused.text) == (403, "invalid_token")
    taken = api.post(f"/services/T0/B0/{TOKEN}", json={"text": "the nightly backup has failed"})
    assert (taken.status_code, taken.text) == (200, "ok")
    wait_for(lambda: [m for m in deployment.inbox.messages() if "the nightly backup has failed" in json.dumps(m.payload)])


def test_request_logs_of_the_queue_are_told_whatever_lies_beside_them(deployment: Deployment) -> None:
    error = {"error_code": "429", "error_class": "RateLimitError", "error_message": "slow down"}
    log = {"litellm_call_id": "c", "status": "failure", "model_group": "queued-model", "error_information": error}
    url = deployment.resources["RequestLogQueue"]
    for body in (json.dumps(log), "not JSON"):
        deployment.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    wait_for(lambda: [m for m in deployment.inbox.messages() if "queued-model" in json.dumps(m.payload)])


def test_calls_begin_and_end_under_the_functions_rights(deployment: Deployment, api: httpx.Client) -> None:
    def signal(state: str) -> None:
        said = {"state": state, "call_id": "call-1", "model": "m"}
        event = {"alert_type": "llm_requests_hanging", "message": state, "metadata": said}
        assert api.post("/events", json=event, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200

    signal("started")
    assert [key for key in items(deployment) if key.startswith("hanging#")]
    signal("ended")
    assert not [key for key in items(deployment) if key.startswith("hanging#")]


def test_a_poison_message_ends_in_the_dead_letter_queue_and_its_neighbour_is_delivered(
    deployment: Deployment, api: httpx.Client
) -> None:
    queue_url = deployment.resources["AlertsQueue"]
    deployment.client("sqs").send_message(QueueUrl=queue_url, MessageBody='{"poison": true}')
    api.post(f"/events/{TOKEN}", json=crossing("neighbour"))
    wait_for(lambda: any("neighbour" in message.payload["text"] for message in deployment.inbox.messages()))
    wait_for(lambda: deployment.queue_depth("AlertsDeadLetterQueue") == 1, seconds=6 * (WINDOW_SECONDS + 5))
    (message,) = deployment.client("sqs").receive_message(QueueUrl=deployment.resources["AlertsDeadLetterQueue"])["Messages"]
    assert message["Body"] == '{"poison": true}'


def test_rejected_eventbridge_events_are_kept_by_the_rule_s_function(deployment: Deployment) -> None:
    event = {
        "source": "llm-gateway",
        "detail-type": "Budget Event",
        "detail": {"type": "some_future_budget", "user_info": {"spend": 1}},
    }
    answer = deployment.client("lambda").invoke(FunctionName=deployment.resources["EvaluateFunction"], Payload=json.dumps(event))
    assert "FunctionError" in answer  # which is what makes Lambda keep the event


def run_schedule(deployment: Deployment, name: str) -> None:
    answer = deployment.client("lambda").invoke(
        FunctionName=deployment.resources["EvaluateFunction"], Payload=json.dumps({"schedule": name})
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def items(deployment: Deployment) -> dict[str, Any]:
    answer = deployment.client("dynamodb").scan(TableName=deployment.resources["AlertsTable"], ConsistentRead=True)
    return {item["pk"]["S"]: item for item in answer["Items"]}


def delivered(deployment: Deployment) -> list[tuple[str, str]]:
    """Each alert that was noted: under which key, and its id."""
    answer = deployment.client("dynamodb").scan(TableName=deployment.resources["AlertsTable"], ConsistentRead=True)
    noted = [item for item in answer["Items"] if "alert_ids" in item]
    return [(item["pk"]["S"], alert_id) for item in noted for alert_id in item["alert_ids"]["SS"]]


def test_a_canary_arrives_under_the_functions_rights(deployment: Deployment, api: httpx.Client) -> None:
    posted = len(deployment.inbox.messages())
    run_schedule(deployment, "canary")
    wait_for(lambda: any(key == "delivered#canary" for key, _ in delivered(deployment)))
    assert len(deployment.inbox.messages()) == posted


def test_what_a_dead_process_left_is_swept_under_the_functions_rights(deployment: Deployment, api: httpx.Client) -> None:
    left = canary_alert(now=datetime(2026, 11, 1, tzinfo=UTC), request_id="of a process that died")
    outbox = {"outbox": {"L": [{"S": left.model_dump_json()}]}, "outbox_shard": {"S": "0"}, "outbox_at": {"N": "1"}}
    key = "budget#user#00000000"
    deployment.client("dynamodb").put_item(TableName=deployment.resources["AlertsTable"], Item=item_key(key) | outbox)

    run_schedule(deployment, "sweep_outbox")

    wait_for(lambda: ("delivered#canary", left.alert_id) in delivered(deployment))
    assert "outbox" not in items(deployment)[key]


def test_the_outputs_say_where_to_point_a_gateway(deployment: Deployment) -> None:
    (stack,) = deployment.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["WebhookUrl"].endswith("/events/YOUR_TOKEN")
    assert outputs["EventsUrl"].endswith("/events")
    assert not any(TOKEN in value for value in outputs.values())


def test_a_function_may_do_nothing_that_its_role_does_not_say(deployment: Deployment) -> None:
    """The emulator really enforces the roles: without its right to send, EvaluateFunction keeps the alert in the outbox."""
    iam, role = deployment.client("iam"), deployment.resources["EvaluateFunctionRole"]
    policy = iam.get_role_policy(RoleName=role, PolicyName="evaluate")["PolicyDocument"]
    shim = iam.get_role_policy(RoleName=role, PolicyName="emulator")["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName="emulator")
    try:
        with deployment.http() as api:
            answer = api.post(f"/events/{TOKEN}", json=crossing("kept-in-the-outbox"))
        assert (answer.status_code, answer.json()["alerts"]) == (200, 1)
        time.sleep(WINDOW_SECONDS + 1)
        assert not any("kept-in-the-outbox" in message.payload["text"] for message in deployment.inbox.messages())
        items = deployment.client("dynamodb").scan(TableName=deployment.resources["AlertsTable"])["Items"]
        assert [item for item in items if "kept-in-the-outbox" in json.dumps(item.get("outbox", {}))]
    finally:
        for name, document in (("evaluate", policy), ("emulator", shim)):
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
