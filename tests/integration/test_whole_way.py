"""The whole way on this machine: HTTP in, real functions in worker processes, real SQS and DynamoDB calls, messages out."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.stack import Stack, StackSettings

pytestmark = pytest.mark.integration

CAPTURES = Path(__file__).parents[1] / "data" / "litellm"
TOKEN = "local-token"
#: An alert type that is gathered for a day.
DIGEST = "cooldown_deployment"
#: Long enough for a loaded machine; a test ends as soon as what it waits for is there.
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    config = json.dumps({"alert_type_config": {DIGEST: {"digest": True}}})
    with Stack(StackSettings(batch_window_seconds=1, visibility_timeout_seconds=30, config=config)) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=60, max_keepalive_connections=60)
    with httpx.Client(base_url=stack.url, timeout=60, limits=limits, trust_env=False) as http:
        yield http


class Outside:
    """What a gateway and a reader of the channel can do."""

    def __init__(self, stack: Stack, client: httpx.Client) -> None:
        self._stack = stack
        self._client = client
        self._seen = len(stack.inbox.messages())

    def send(self, events: Any, **options: Any) -> dict[str, Any]:
        answer = self.post(json.dumps(events), **options)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def post(self, body: str | bytes, *, token: str = TOKEN, **options: Any) -> httpx.Response:
        return self._client.post("/events", content=body, headers={"authorization": f"Bearer {token}"}, **options)

    def messages(self, *, until: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """New messages, once they are as wanted and nothing more is on its way."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            messages = [message.payload for message in self._stack.inbox.messages()[self._seen :]]
            if until(messages) and self._stack.queue_depth() == 0:
                return messages
            time.sleep(0.05)
        pytest.fail(f"not in the inbox after {PATIENCE_SECONDS} s: {json.dumps(messages)[:2000]}")

    def texts(self, *, naming: int, name: str) -> list[str]:
        """Texts of new messages, once they name ``name`` as often as wanted."""
        messages = self.messages(until=lambda found: _count(found, name) >= naming)
        return [message["text"] for message in messages]


def _count(messages: list[dict[str, Any]], name: str) -> int:
    return sum(message["text"].count(name) for message in messages)


@pytest.fixture
def outside(stack: Stack, client: httpx.Client) -> Outside:
    return Outside(stack, client)


def user(name: str, spend: float, **more: Any) -> dict[str, Any]:
    info = {"spend": spend, "max_budget": 100.0, "user_id": name, "user_email": name}
    return {"type": "user_budget", "user_info": info | more}


def test_50_concurrent_copies_of_one_crossing_give_one_alert(outside: Outside) -> None:
    with ThreadPoolExecutor(50) as senders:
        answers = list(senders.map(lambda _: outside.send(user("copied", 101.0)), range(50)))
    assert sum(answer["alerts"] for answer in answers) == 1
    assert sum(answer["accepted"] for answer in answers) == 50
    assert sum(text.count("User copied") for text in outside.texts(naming=1, name="User copied")) == 1


def test_50_concurrent_batches_with_the_same_crossings_give_one_alert_each(outside: Outside) -> None:
    events = [user(f"batched-{number}", 101.0) for number in range(5)]
    with ThreadPoolExecutor(50) as senders:
        answers = list(senders.map(lambda _: outside.post(json.dumps(events)), range(50)))
    # Transactions in each other's way may end in 503, which every sender answers by coming again.
    assert {answer.status_code for answer in answers} <= {200, 503}
    outside.send(events)
    texts = outside.texts(naming=5, name="User batched-")
    assert sorted(re.findall(r"batched-\d", " ".join(texts))) == [f"batched-{number}" for number in range(5)]


def test_1000_alerts_at_once_are_all_named_in_under_60_posts(outside: Outside) -> None:
    def batch(number: int) -> int:
        events = [user(f"crowd-{number * 100 + index:04d}", 101.0) for index in range(100)]
        return int(outside.send(events)["alerts"])

    with ThreadPoolExecutor(10) as senders:
        assert sum(senders.map(batch, range(10))) == 1000
    messages = outside.messages(until=lambda found: _count(found, "crowd-") >= 1000)
    wanted = {f"crowd-{number:04d}" for number in range(1000)}
    assert set(re.findall(r"crowd-\d{4}", " ".join(message["text"] for message in messages))) == wanted
    assert set(re.findall(r"crowd-\d{4}", " ".join(json.dumps(message["blocks"]) for message in messages))) == wanted
    assert len(messages) < 60


def test_each_higher_threshold_alerts_and_a_repeat_does_not(outside: Outside) -> None:
    spends = [86.0, 86.5, 96.0, 95.5, 100.0, 120.0]
    assert [outside.send(user("climber", spend))["alerts"] for spend in spends] == [1, 0, 1, 0, 1, 0]
    texts = outside.texts(naming=3, name="User climber")
    assert sum(text.count("User climber") for text in texts) == 3


def test_a_jump_over_several_thresholds_is_one_alert(outside: Outside) -> None:
    assert outside.send([user("jumper", 86.0), user("jumper", 96.0), user("jumper", 130.0)])["alerts"] == 1
    assert "User jumper 130 %" in "".join(outside.texts(naming=1, name="User jumper"))


def test_a_raised_limit_alerts_again(outside: Outside) -> None:
    assert outside.send(user("raised", 100.0))["alerts"] == 1
    assert outside.send(user("raised", 200.0, max_budget=200.0))["alerts"] == 1
    assert outside.send(user("raised", 210.0, max_budget=200.0))["alerts"] == 0


def test_a_new_period_alerts_again(outside: Outside) -> None:
    assert outside.send(user("periodic", 100.0, budget_reset_at="2030-01-01T00:00:00Z"))["alerts"] == 1
    assert outside.send(user("periodic", 100.0, budget_reset_at="2030-02-01T00:00:00Z"))["alerts"] == 1
    assert outside.send(user("periodic", 100.0, budget_reset_at="2030-02-01T00:00:00Z"))["alerts"] == 0


def test_four_entities_of_one_name_give_four_alerts(outside: Outside) -> None:
    figures = {"spend": 11.0, "max_budget": 10.0}
    events = [
        {"type": "token_budget", "user_info": figures | {"token": "acme", "event_group": "key"}},
        {"type": "user_budget", "user_info": figures | {"user_id": "acme", "event_group": "user"}},
        {"type": "team_budget", "user_info": figures | {"team_id": "acme", "event_group": "team"}},
        {"type": "organization_budget", "user_info": figures | {"organization_id": "acme", "event_group": "organization"}},
    ]
    assert [outside.send(event)["alerts"] for event in events] == [1, 1, 1, 1]
    texts = " ".join(outside.texts(naming=4, name="acme"))
    assert all(f"{noun} acme" in texts for noun in ("Key", "User", "Team", "Organization"))


def test_the_same_crossing_by_request_log_and_webhook_is_one_alert(outside: Outside) -> None:
    record = json.loads((CAPTURES / "generic_api" / "success_key_4_left.json").read_text())["body"]
    key = {"user_api_key_hash": "f00d" * 16, "user_api_key_alias": "k5"}
    metadata = record["metadata"] | key | {"user_api_key_budget_reset_at": "2030-01-01T00:00:00Z"}
    webhook = json.loads((CAPTURES / "webhook" / "key_5pct.json").read_text())["body"] | {"token": "f00d" * 16}
    assert outside.send(webhook)["alerts"] == 1
    assert outside.send([record | {"metadata": metadata}])["alerts"] == 0
    assert outside.send(webhook)["alerts"] == 0


def _bodies(folder: str) -> Mapping[str, Any]:
    return {path.stem: json.loads(path.read_text())["body"] for path in sorted((CAPTURES / folder).glob("*.json"))}


@pytest.mark.parametrize(
    ("folder", "silent"),
    [
        ("webhook", {"spend_tracked"}),
        (
            "generic_api",
            {
                "success_plain_key",
                "success_slow",
                "success_soft_key",
                "success_stream",
                "success_team_soft_key",
                "success_user_10_key",
            },
        ),
    ],
)
def test_captured_requests_give_the_alerts_that_their_numbers_call_for(outside: Outside, folder: str, silent: set[str]) -> None:
    bodies = _bodies(folder)
    answers = {name: outside.send(body) for name, body in bodies.items()}
    assert {name for name, answer in answers.items() if answer["alerts"] == 0} == silent
    assert all(answer["rejected"] == [] and answer["accepted"] == 1 for answer in answers.values())


def test_one_bad_event_does_not_stop_its_neighbours(outside: Outside) -> None:
    events = [user("neighbour", 101.0), {"type": "some_future_budget", "user_info": {"spend": 1}}, 42, user("neighbour-2", 99.0)]
    answer = outside.send(events)
    assert (answer["accepted"], answer["alerts"]) == (2, 2)
    assert [(refusal["index"], refusal["reason"].partition(":")[0]) for refusal in answer["rejected"]] == [
        (1, "unknown_budget_alert_type"),
        (2, "unrecognized_event"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param("{nope", 400, "malformed_body", id="malformed JSON"),
        pytest.param('{"hello": "world"}', 400, "nothing_usable", id="a wrong shape"),
        pytest.param('{"type":"user_budget","user_info":{"spend":NaN}}', 400, "nothing_usable", id="NaN"),
        pytest.param('{"type":"zzz","user_info":{"spend":1}}', 400, "nothing_usable", id="an unknown budget type"),
        pytest.param("[" * 100_000, 400, "malformed_body", id="deep nesting"),
    ],
)
def test_bad_bodies_get_a_named_answer(outside: Outside, body: str, status: int, error: str) -> None:
    answer = outside.post(body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_body_of_7_mb_is_refused(outside: Outside) -> None:
    assert outside.post(b" " * 7_000_000).status_code == 413


def test_wrong_and_missing_tokens_look_alike(outside: Outside, client: httpx.Client) -> None:
    wrong = outside.post("[]", token="wrong-secret")
    missing = client.post("/events", content="[]")
    in_path = client.post("/events/wrong-secret", content="[]")
    assert {answer.status_code for answer in (wrong, missing, in_path)} == {401}
    assert len({answer.text for answer in (wrong, missing, in_path)}) == 1


def test_nothing_secret_is_logged(stack: Stack, outside: Outside) -> None:
    outside.post("[]", token="wrong-secret")
    outside.post('{"type":"user_budget","user_info":{"spend":"sk-secret-in-a-field"}}')
    assert stack.log_path is not None
    log = stack.log_path.read_text()
    assert '"refused"' in log.replace('"message":"refused"', '"refused"')
    for secret in (TOKEN, "wrong-secret", "sk-secret-in-a-field", "/inbox/alerts"):
        assert secret not in log


def test_a_dry_run_decides_and_does_nothing(outside: Outside) -> None:
    event = user("dry", 101.0)
    for _ in range(2):
        decision = outside.send([event, user("dry", 1.0)], params={"dry_run": "1"})["decisions"]
        assert [alert["event"] for alert in decision[0]["alerts"]] == ["budget_crossed"]
        assert decision[1] == {"index": 1, "alerts": [], "reason": "crosses nothing"}
    assert outside.send(event)["alerts"] == 1


def test_an_eventbridge_event_takes_the_same_way(stack: Stack, outside: Outside) -> None:
    event = {"source": "llm-gateway", "detail-type": "Budget Event", "detail": user("from-the-bus", 101.0)}
    assert stack.put_event(event).result(PATIENCE_SECONDS)
    assert outside.texts(naming=1, name="User from-the-bus")


def failed(model: str) -> dict[str, Any]:
    error = {"error_code": "429", "error_class": "RateLimitError", "error_message": "slow down", "llm_provider": "openai"}
    return {"litellm_call_id": "c", "status": "failure", "model_group": model, "error_information": error}


def slow(model: str) -> dict[str, Any]:
    return {"litellm_call_id": "c", "status": "success", "model_group": model, "response_time": 900.0}


def test_a_text_for_slack_a_gateway_alert_and_request_logs_are_told_once_and_their_repeats_counted(
    stack: Stack, outside: Outside, client: httpx.Client
) -> None:
    text = {"text": "Level: `High`\nTimestamp: `09:25:44`\n\nMessage: disk-a is full"}
    alert = {"alert_type": "db_exceptions", "message": "database-b is gone"}
    for _ in range(2):
        answer = client.post(f"/services/T0/B0/{TOKEN}", json=text)
        assert (answer.status_code, answer.text) == (200, "ok")
        outside.send([alert, failed("model-c"), slow("model-d")])
    names = ("disk-a", "database-b", "model-c", "model-d")
    messages = outside.messages(until=lambda found: all(name in json.dumps(found) for name in names))
    assert [sum(name in json.dumps(message) for message in messages) for name in names] == [1, 1, 1, 1]
    held = {
        item["pk"]["S"].split("#")[1]: int(item["held_count"]["N"])
        for item in stack.dynamodb.scan(TableName=stack.resources.ref("AlertsTable"))["Items"]
        if "held_count" in item
    }
    assert [held.get(name) for name in ("db_exceptions", "llm_exceptions", "llm_too_slow")] == [1, 1, 1]


def test_request_logs_of_the_queue_take_the_same_way_and_the_queue_is_empty_then(stack: Stack, outside: Outside) -> None:
    url = stack.resources.ref("RequestLogQueue")
    for log in (failed("model-e"), failed("model-e"), slow("model-f")):
        stack.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(log))
    outside.messages(until=lambda found: all(name in json.dumps(found) for name in ("model-e", "model-f")))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while stack.queue_depth("RequestLogQueue") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stack.queue_depth("RequestLogQueue") == 0


def test_a_digest_is_told_whole_by_the_sweep_when_its_time_has_come(stack: Stack, outside: Outside) -> None:
    alerts = [
        {"alert_type": DIGEST, "message": f"digested-{n} is set aside", "metadata": {"model": f"digested-{n}"}} for n in range(3)
    ]
    for _ in range(2):
        assert outside.send(alerts)["alerts"] == 0
    stack.invoke("EvaluateFunction", {"schedule": "sweep_outbox"})
    table = stack.resources.ref("AlertsTable")
    held = [
        item["pk"] for item in stack.dynamodb.scan(TableName=table)["Items"] if item["pk"]["S"].startswith(f"episode#{DIGEST}#")
    ]
    assert len(held) == 3
    for key in held:
        stack.dynamodb.update_item(  # a day passes
            TableName=table,
            Key={"pk": key, "sk": {"N": "0"}},
            UpdateExpression="SET held_until = :past, outbox_at = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )
    for _ in range(2):
        stack.invoke("EvaluateFunction", {"schedule": "sweep_outbox"})
    messages = outside.messages(until=lambda found: all(f"digested-{n}" in json.dumps(found) for n in range(3)))
    assert [sum(f"digested-{n}" in message["text"] for message in messages) for n in range(3)] == [1, 1, 1]
