"""Every way in, whole, with anything: no unhandled exception, no 500, an answer in JSON, every event accounted for once."""

import base64
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.app import lambda_handler
from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.errors import EventRejected, MalformedBody, NotFound, PayloadTooLarge
from notify import app as notify_app
from tests.fuzz.targets import ANSWER_BYTES, TARGETS, check_answer
from tests.pipeline.evaluate.builders import http_request
from tests.security.planted import VALID_TOKEN, FakeContext, Watch, record, watch_over
from tests.unit.conftest import clean_environment  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import FakeAws
from tests.unit.notify.fakes import make_record

#: The same inputs each time, so that a failure is a change of ours; `make fuzz` looks for new ones.
steady = settings(
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def watch(
    clean_environment: None,  # noqa: F811
    fake_aws: FakeAws,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Watch:
    return watch_over(fake_aws, monkeypatch, capfd)


NAMES = (
    *("type", "user_info", "spend", "max_budget", "soft_budget", "token", "key_alias", "user_id", "user_email", "team_id"),
    *("team_alias", "organization_id", "customer_id", "entity_id", "entity_alias", "event_group", "event", "event_message"),
    *("projected_spend", "projected_exceeded_date", "budget_reset_at", "litellm_call_id", "status", "response_cost", "metadata"),
    *("user_api_key_hash", "user_api_key_spend", "user_api_key_max_budget", "user_api_key_budget_reset_at", "error_information"),
    *("user_api_key_team_id", "user_api_key_team_spend", "user_api_key_team_max_budget", "error_budget_entity_type"),
    *("error_budget_entity_id", "error_budget_limit", "error_budget_spend", "gateway", "events"),
    *("error_code", "error_class", "error_message", "llm_provider", "model_group", "model_id", "api_base", "endTime"),
    *("response_time", "hidden_params", "custom_llm_provider"),
)
#: What a gateway's own alert can say; a signal about a call among it.
SAID = ("state", "call_id", "started_at", "model", "provider", "region", "count", "response_seconds", "severity", "prompt")
WORDS = (
    *("token_budget", "user_budget", "team_budget", "soft_budget", "projected_limit_exceeded", "proxy_budget", "tag_budget"),
    *("key", "user", "team", "threshold_crossed", "budget_crossed", "success", "failure", "2026-12-01T00:00:00Z", "2026-12-01"),
    *(
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "1e400",
        "-1",
        "0.1",
        "NaN",
        "",
        "sk-1234",
        "🔥",
        "\u202e",
        "\x00",
    ),
)
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=20), st.sampled_from(["x" * 2_000, "x" * 2_001]))
#: JSON arrays of three are a sign, digits and an exponent to ``Decimal``.
tuples = st.sampled_from([[None] * 3, [0, [1], 0], [0, [], "F"], [2, [1], 0], [0, ["a"], 0], [1, [1], 10**30], [0, [1], 0.5]])
numbers = st.one_of(
    tuples, st.integers(), st.floats(), st.sampled_from([0, 9, 10, 10.0, 1e15, 1e16, -1e15, 5e-324, 1e308, 10**400, 0.1, -0.0])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(NAMES), texts), inner, max_size=5)
    ),
    max_leaves=8,
)
said = st.dictionaries(
    st.one_of(st.sampled_from(SAID), texts),
    st.one_of(st.sampled_from(["started", "ended", "call-1", "2026-11-24T08:59:50", 0, 1e300, -1]), numbers, texts, values),
    max_size=9,
)
fields = st.dictionaries(st.sampled_from(NAMES), st.one_of(numbers, texts, values), max_size=9)
gateway_alerts = st.builds(
    lambda name, message, metadata, more: {"alert_type": name, "message": message, "metadata": metadata, **more},
    st.one_of(st.sampled_from(sorted(ALERT_TYPES)), texts),
    texts,
    said,
    st.dictionaries(st.sampled_from(["level", "occurred_at", "metadata"]), st.one_of(texts, values), max_size=1),
)
signals = st.builds(
    lambda state, metadata: {
        "alert_type": "llm_requests_hanging",
        "message": "m",
        "metadata": {"state": state, "call_id": "call-1", **metadata},
    },
    st.sampled_from(["started", "ended"]),
    said,
)
failures = st.builds(
    lambda code, error, more: {
        "litellm_call_id": "c",
        "status": "failure",
        "error_information": {"error_code": code, **error},
        **more,
    },
    st.sampled_from(["500", "408", "429", "٥٠٠", ""]),
    fields,
    fields,
)
spent = st.builds(
    lambda spend, more: {"event": "spend_tracked", "event_group": "end_user", "customer_id": "c", "spend": spend, **more},
    numbers,
    st.dictionaries(st.just("max_budget"), numbers),
)
#: Near the four shapes: right in most places, anything in some.
near_events = st.one_of(
    gateway_alerts,
    signals,
    failures,
    spent,
    st.builds(lambda kind, info: {"type": kind, "user_info": info}, st.one_of(st.sampled_from(WORDS[:7]), values), fields),
    st.builds(lambda info: {"type": "user_budget", "user_info": {"spend": 9, "max_budget": 10, **info}}, fields),
    st.builds(lambda info: {"event": "budget_crossed", "event_group": "key", "spend": 9, "max_budget": 10, **info}, fields),
    st.builds(lambda info, more: {"litellm_call_id": "c", "status": "success", "metadata": info, **more}, fields, fields),
    values,
)
bodies = st.one_of(
    st.lists(near_events, max_size=6).map(json.dumps),
    near_events.map(json.dumps),
    st.lists(st.one_of(near_events.map(json.dumps), st.text(max_size=30)), max_size=6).map("\n".join),
    st.builds(lambda text, cut: text[:cut], near_events.map(json.dumps), st.integers(0, 60)),
    st.text(max_size=100),
)


def ask(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = lambda_handler(event, FakeContext())
    assert answer is not None
    check_answer(answer)
    return answer["statusCode"], json.loads(answer["body"])


def count_of_events(body: str) -> int | None:
    """How many events a body in JSON holds; None where it is none, or lines."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return len(value) if isinstance(value, list) else 1


@steady
@given(body=bodies)
def test_any_body_is_answered_and_every_event_of_it_is_accounted_for_once(watch: Watch, body: str) -> None:
    for query in (None, {"dry_run": "1"}):
        status, answer = ask(http_request(body, token=VALID_TOKEN, query=query))
        assert status in (200, 400, 413)
        if "decisions" in answer:
            indexes = [decision["index"] for decision in answer["decisions"]]
            assert indexes == list(range(len(indexes)))
            assert count_of_events(body) in (None, len(indexes))
        elif answer.get("error") in (None, "nothing_usable"):
            rejected = [rejection["index"] for rejection in answer["rejected"]]
            assert len(set(rejected)) == len(rejected)
            assert count_of_events(body) in (None, answer["accepted"] + len(rejected))


@steady
@given(data=st.binary(max_size=200), is_base64=st.booleans())
def test_any_bytes_are_answered(watch: Watch, data: bytes, is_base64: bool) -> None:
    body = base64.b64encode(data).decode() if is_base64 else data.decode(errors="surrogateescape")
    status, _ = ask(http_request(body, token=VALID_TOKEN, isBase64Encoded=is_base64))
    assert status in (200, 400)


@steady
@given(
    route=st.one_of(st.sampled_from(["POST /events", "POST /events/{token}", "GET /health", "$default"]), st.text(max_size=20)),
    headers=st.one_of(
        st.none(), st.dictionaries(st.one_of(st.sampled_from(["authorization", "Authorization"]), st.text()), st.text())
    ),
    path=st.one_of(st.none(), st.dictionaries(st.sampled_from(["token", "proxy"]), st.text())),
    query=st.one_of(st.none(), st.dictionaries(st.sampled_from(["dry_run", "token"]), st.text())),
    method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS"]),
)
def test_any_route_header_path_and_query_is_answered(
    watch: Watch, route: str, headers: Any, path: Any, query: Any, method: str
) -> None:
    event = http_request("{}", token=None) | {"routeKey": route, "headers": headers, "queryStringParameters": query}
    event["requestContext"] = {"http": {"method": method}}
    if path is not None:
        event["pathParameters"] = path
    status, _ = ask(event)
    assert status in ((200,) if (route, method) == ("GET /health", "GET") else (401, 404))


@steady
@given(authorization=st.text(max_size=40))
def test_wrong_tokens_look_all_alike(watch: Watch, authorization: str) -> None:
    missing = lambda_handler(http_request("{}", token=None), FakeContext())
    in_header = http_request("{nope", token=None)
    in_header["headers"]["authorization"] = authorization
    assert lambda_handler(in_header, FakeContext()) == missing
    assert lambda_handler(http_request("", token=authorization, in_path=True), FakeContext()) == missing


@steady
@given(
    detail=st.one_of(
        near_events, st.builds(lambda events, more: {**more, "events": events}, st.lists(near_events, max_size=4), fields)
    )
)
def test_any_eventbridge_detail_is_taken_or_kept(watch: Watch, detail: Any) -> None:
    detail = json.loads(json.dumps(detail))
    event = {"source": "llm-gateway", "detail-type": "Gateway Alert", "detail": detail}
    try:
        assert lambda_handler(event, FakeContext()) is None
    except (EventRejected, MalformedBody, PayloadTooLarge) as refused:
        str(refused).encode()


@steady
@given(
    message=st.one_of(bodies, st.builds(json.dumps, st.dictionaries(st.sampled_from(["text", "blocks", "attachments"]), values))),
    content_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "", "🔥"]),
    token=st.sampled_from([VALID_TOKEN, f"T0/B0/{VALID_TOKEN}", "", "/", "wrong\udc80"]),
)
def test_any_post_to_slacks_address_is_answered_in_slacks_words(
    watch: Watch, message: str, content_type: str, token: str
) -> None:
    event = http_request(message, token=None, routeKey="POST /services/{token+}", pathParameters={"token": token})
    answer = lambda_handler(event | {"headers": {"content-type": content_type}}, FakeContext())
    assert answer is not None
    expected = (200, 400) if VALID_TOKEN in token else (403,)
    assert answer["statusCode"] in expected
    assert answer["body"] in ("ok", "invalid_payload", "no_text", "invalid_blocks", "too_many_attachments", "invalid_token")


@steady
@given(given_bodies=st.lists(st.one_of(near_events.map(json.dumps), st.text(max_size=50)), min_size=1, max_size=6))
def test_any_message_of_the_queue_is_taken_or_returned_and_its_neighbours_are_taken(
    watch: Watch, given_bodies: list[str]
) -> None:
    good = json.dumps({"litellm_call_id": "c", "status": "success"})
    records = [
        {"messageId": f"m-{number}", "eventSource": "aws:sqs", "body": body} for number, body in enumerate([*given_bodies, good])
    ]
    answer = lambda_handler({"Records": records}, FakeContext())
    assert answer is not None
    returned = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert len(set(returned)) == len(returned)
    assert set(returned) <= {f"m-{number}" for number in range(len(given_bodies))}


@steady
@given(schedule=values)
def test_any_schedule_is_done_or_refused_by_name(watch: Watch, schedule: Any) -> None:
    try:
        assert lambda_handler({"schedule": schedule}, FakeContext()) is None
    except NotFound:
        assert schedule not in ("sweep_outbox", "canary", "reports")


@cache
def queued_alert() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(make_record()["body"])
    return found


def _with(place: str, value: Any) -> str:
    body = json.loads(json.dumps(queued_alert()))
    *way, last = place.split(".")
    holder = body
    for name in way:
        holder = holder[name]
    holder[last] = value
    return json.dumps(body)


PLACES = [
    *("destination", "alert", "alert.level", "alert.event", "alert.gateway", "alert.entity", "alert.entity.type"),
    *(
        "alert.entity.name",
        "alert.entity.id",
        "alert.entity.team",
        "alert.budget.kind",
        "alert.budget.spend",
        "alert.budget.limit",
    ),
    *("alert.alert_type", "alert.facts", "alert.report", "alert.slack_payload", "alert.occurrences", "alert.is_digest"),
    *("alert.budget.rung", "alert.budget.max_budget", "alert.budget.projected_spend", "alert.budget.projected_exceeded_date"),
    *("alert.budget.resets_at", "alert.raised_at", "alert.destinations", "alert.message", "alert.dedupe_key"),
]


@steady
@given(records=st.lists(st.one_of(st.builds(_with, st.sampled_from(PLACES), values), st.text(max_size=50)), max_size=4))
def test_any_record_is_delivered_returned_or_kept_and_never_fails_its_neighbours(watch: Watch, records: list[str]) -> None:
    watch.posted.clear()
    watch.aws.calls.clear()
    good = make_record(name="good neighbour", entity_id="good", alert_id="good")["body"]
    given_records = [record(body, message_id=f"m-{n}", sent_at=datetime.now(UTC)) for n, body in enumerate([*records, good])]
    answer = notify_app.lambda_handler({"Records": given_records}, FakeContext())
    returned = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert len(set(returned)) == len(returned)
    assert set(returned) <= {f"m-{n}" for n in range(len(records))}
    assert any("good neighbour" in text for text in watch.posted)
    buried = [asked["MessageBody"] for name, asked in watch.aws.calls if name == "SendMessage"]
    assert not [n for n, body in enumerate(records) if f"m-{n}" in returned and body in buried and records.count(body) == 1]


def test_ten_thousand_refusals_of_the_longest_kind_fit_into_an_answer(watch: Watch) -> None:
    """The largest request is the answer's worst case, for what it quotes as for what it counts."""
    unit = '{"type":"%s","user_info":{"spend":1}}'
    for text in ("x", "\\u0000", "é", "🔥", "\\ud83d\\ude00", '\\"', "'", "\\\\"):
        room = (6_000_000 // 10_000 - len(unit)) // len(text.encode())
        body = "[" + ",".join([unit % (text * room)] * 10_000) + "]"
        for query in (None, {"dry_run": "1"}):
            ask(http_request(body, token=VALID_TOKEN, query=query))
    wide = (
        "["
        + ",".join(['{"type":"user_budget","user_info":{"spend":{},"max_budget":[],"token":1,"user_id":2,"team_id":3}}'] * 10_000)
        + "]"
    )
    ask(http_request(wide, token=VALID_TOKEN, query={"dry_run": "1"}))


def test_ten_thousand_alerts_of_the_longest_names_fit_into_a_dry_run(watch: Watch) -> None:
    event = '{"type":"user_budget","user_info":{"spend":9,"max_budget":10,"user_id":"%s%05d"}}'
    for text in ("x", "\\u0001", "🔥"):
        room = (6_000_000 // 10_000 - len(event) - 5) // len(text.encode())
        ask(
            http_request(
                "[" + ",".join(event % (text * room, n) for n in range(10_000)) + "]", token=VALID_TOKEN, query={"dry_run": "1"}
            )
        )


@pytest.mark.parametrize("name", TARGETS)
@settings(steady, max_examples=200)
@given(
    given_bytes=st.one_of(
        st.binary(max_size=200),
        st.one_of(bodies, st.builds(_with, st.sampled_from(PLACES), values)).map(lambda text: text.encode(errors="replace")),
    )
)
def test_targets_of_the_fuzzer(name: str, given_bytes: bytes) -> None:
    TARGETS[name](given_bytes)


def test_the_limit_is_lambdas() -> None:
    assert ANSWER_BYTES == 6_291_456
