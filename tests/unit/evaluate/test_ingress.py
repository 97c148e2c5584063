import base64
import json
from typing import Any

import pytest

from evaluate.ingress import (
    MAX_BODY_BYTES,
    EventsRequest,
    Request,
    Task,
    is_http,
    is_schedule,
    read_request,
)
from evaluate.shapes import parse_body
from evaluate.tokens import IngestTokens
from gateway_alerts.errors import DependencyUnavailable, MalformedBody, NotFound, PayloadTooLarge, Unauthorized
from tests.pipeline.evaluate.builders import budget_event, http_request

TOKENS = IngestTokens.parse("local=local-token,prod=prod-token")
EVENT = budget_event(spend=9, max_budget=10)


def tokens() -> IngestTokens:
    return TOKENS


def no_tokens() -> IngestTokens:
    raise AssertionError("no token is to be checked")


def read(event: dict[str, Any]) -> EventsRequest:
    request = read_request(event, tokens=tokens)
    assert isinstance(request, EventsRequest)
    return request


WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "a bearer token": (http_request(EVENT), "local"),
    "another gateway's token": (http_request(EVENT, token="prod-token"), "prod"),
    "a token in the path": (http_request(EVENT, in_path=True), "local"),
    "another gateway's token in the path": (http_request(EVENT, token="prod-token", in_path=True), "prod"),
    "a header in capitals": (http_request(EVENT, headers={"AUTHORIZATION": "Bearer local-token"}), "local"),
    "a scheme in lower case and a blank too many": (
        http_request(EVENT, headers={"Authorization": "bearer  local-token "}),
        "local",
    ),
    "a token in the path and no headers at all": (http_request(EVENT, in_path=True, headers=None), "local"),
}


@pytest.mark.parametrize(("event", "gateway"), WAYS.values(), ids=WAYS)
def test_a_valid_token_says_which_gateway_speaks(event: dict[str, Any], gateway: str) -> None:
    request = read(event)
    assert request == EventsRequest(gateway=gateway, parsed=parse_body(json.dumps(EVENT).encode()))


WRONG: dict[str, dict[str, Any]] = {
    "no header": http_request(EVENT, token=None),
    "no headers": http_request(EVENT, headers=None),
    "an empty header": http_request(EVENT, headers={"authorization": ""}),
    "a wrong token": http_request(EVENT, token="local-tokem"),
    "the beginning of a token": http_request(EVENT, token="local-toke"),
    "another scheme": http_request(EVENT, headers={"authorization": "Basic local-token"}),
    "no scheme": http_request(EVENT, headers={"authorization": "local-token"}),
    "a scheme without a token": http_request(EVENT, headers={"authorization": "Bearer"}),
    "two tokens": http_request(EVENT, headers={"authorization": "Bearer local-token prod-token"}),
    "a token that is not ASCII": http_request(EVENT, token="lokäl-token"),
    "the gateway's name in place of the token": http_request(EVENT, token="local"),
    "the whole pair": http_request(EVENT, token="local=local-token"),
    "a wrong token in the path": http_request(EVENT, token="wrong", in_path=True),
    "an empty token in the path": http_request(EVENT, token="", in_path=True),
    "no path parameters": http_request(EVENT, in_path=True, pathParameters=None),
    "a right header, but a wrong token in the path": http_request(
        EVENT, token="wrong", in_path=True, headers={"authorization": "Bearer local-token"}
    ),
    "a right token in the path of the other route": http_request(EVENT, token=None, pathParameters={"token": "local-token"}),
}
UNREADABLE = {"body": "!", "isBase64Encoded": True}


@pytest.mark.parametrize("body", [{}, UNREADABLE], ids=["body good", "body unreadable"])
@pytest.mark.parametrize("event", WRONG.values(), ids=WRONG)
def test_every_wrong_token_is_answered_alike_before_the_body_is_read(event: dict[str, Any], body: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized, match=r"^a valid ingest token is required$"):
        read_request(event | body, tokens=tokens)


def test_tokens_that_cannot_be_fetched_are_no_wrong_token() -> None:
    def unavailable() -> IngestTokens:
        raise DependencyUnavailable("secretsmanager:x could not be fetched")

    with pytest.raises(DependencyUnavailable):
        read_request(http_request(EVENT, token="wrong"), tokens=unavailable)


def test_health_asks_for_no_token() -> None:
    event = http_request("", routeKey="GET /health", requestContext={"http": {"method": "GET"}})
    assert read_request(event, tokens=no_tokens) == Task.HEALTH


NOWHERE: dict[str, dict[str, Any]] = {
    "another path": {"routeKey": "POST /elsewhere"},
    "another method": {"routeKey": "GET /events"},
    "the catch-all route": {"routeKey": "$default"},
    "no route": {"routeKey": ""},
    "health by another method": {"routeKey": "GET /health"},
}


@pytest.mark.parametrize("overrides", NOWHERE.values(), ids=NOWHERE)
def test_another_route_is_not_found_whatever_the_token(overrides: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="are the routes"):
        read_request(http_request(EVENT) | overrides, tokens=no_tokens)


def test_a_request_without_a_route_key_is_not_found() -> None:
    event = http_request(EVENT)
    del event["routeKey"]
    with pytest.raises(NotFound):
        read_request(event, tokens=no_tokens)


def encoded(data: bytes, **overrides: Any) -> dict[str, Any]:
    return http_request(base64.b64encode(data).decode(), isBase64Encoded=True, **overrides)


def test_a_base64_body_is_the_same_events() -> None:
    assert read(encoded(json.dumps(EVENT).encode())) == read(http_request(EVENT))


UNREADABLE_BODIES: dict[str, dict[str, Any]] = {
    "not base64": http_request("not base64!", isBase64Encoded=True),
    "base64 cut off": http_request("eyJhIjox", isBase64Encoded=True) | {"body": "eyJhIjoxf"},
    "base64 with letters that are not ASCII": http_request("ü", isBase64Encoded=True),
    "half a pair of surrogates": http_request("\ud800"),
    "base64 of something that is no JSON": encoded(b"\x00\xff"),
    "no body": http_request("") | {"body": None},
    "an empty body": http_request(""),
    "an empty base64 body": http_request("", isBase64Encoded=True),
}


@pytest.mark.parametrize("event", UNREADABLE_BODIES.values(), ids=UNREADABLE_BODIES)
def test_an_unreadable_body_is_refused_as_a_whole(event: dict[str, Any]) -> None:
    with pytest.raises(MalformedBody):
        read_request(event, tokens=tokens)


def padded(size: int) -> bytes:
    body = json.dumps(EVENT).encode()
    return body + b" " * (size - len(body))


TOO_LARGE: dict[str, dict[str, Any]] = {
    "one byte too many": http_request(padded(MAX_BODY_BYTES + 1).decode()),
    "seven megabytes": http_request("x" * 7_000_000),
    "one byte too many in base64": encoded(padded(MAX_BODY_BYTES + 1)),
    "far too many in base64, which is not decoded": http_request("!" * (MAX_BODY_BYTES * 2), isBase64Encoded=True),
    "few characters of many bytes": http_request("ü" * (MAX_BODY_BYTES // 2 + 1)),
}


@pytest.mark.parametrize("event", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_body_of_more_than_lambda_takes_is_too_large(event: dict[str, Any]) -> None:
    with pytest.raises(PayloadTooLarge, match="at most 6291456 bytes"):
        read_request(event, tokens=tokens)


@pytest.mark.parametrize(
    "event", [http_request(padded(MAX_BODY_BYTES).decode()), encoded(padded(MAX_BODY_BYTES))], ids=["plain", "base64"]
)
def test_a_body_of_just_as_much_as_lambda_takes_is_read(event: dict[str, Any]) -> None:
    assert len(read(event).parsed.events) == 1


DRY_RUNS: dict[str, tuple[dict[str, str] | None, bool]] = {
    "no query": (None, False),
    "another query": ({"verbose": "1"}, False),
    "1": ({"dry_run": "1"}, True),
    "true": ({"dry_run": "true"}, True),
    "0": ({"dry_run": "0"}, False),
    "empty": ({"dry_run": ""}, False),
}


@pytest.mark.parametrize("in_path", [False, True], ids=["header", "path"])
@pytest.mark.parametrize(("query", "is_dry_run"), DRY_RUNS.values(), ids=DRY_RUNS)
def test_a_dry_run_is_asked_for_in_the_query(query: dict[str, str] | None, is_dry_run: bool, in_path: bool) -> None:
    assert read(http_request(EVENT, query=query, in_path=in_path)).is_dry_run is is_dry_run


def eventbridge(detail: Any, **overrides: Any) -> dict[str, Any]:
    return {"version": "0", "source": "llm-gateway", "detail-type": "Budget Event", "detail": detail} | overrides


DETAILS: dict[str, tuple[Any, str, int]] = {
    "a single event": (EVENT, "eventbridge", 1),
    "a single event that names its gateway": (EVENT | {"gateway": "batch-1"}, "batch-1", 1),
    "a list": ({"events": [EVENT, EVENT]}, "eventbridge", 2),
    "a list that names its gateway": ({"gateway": "batch-1", "events": [EVENT]}, "batch-1", 1),
    "an empty list": ({"events": []}, "eventbridge", 0),
}


@pytest.mark.parametrize("detail_type", ["Budget Event", "Request Log", "Gateway Alert"])
@pytest.mark.parametrize(("detail", "gateway", "count"), DETAILS.values(), ids=DETAILS)
def test_an_eventbridge_event_holds_events(detail: Any, gateway: str, count: int, detail_type: str) -> None:
    request = read_request(eventbridge(detail, **{"detail-type": detail_type}), tokens=no_tokens)
    assert isinstance(request, EventsRequest)
    assert (request.gateway, len(request.parsed.events), request.is_dry_run) == (gateway, count, False)


def test_a_detail_whose_events_are_no_list_is_itself_the_event() -> None:
    request = read_request(eventbridge(EVENT | {"events": "many"}), tokens=no_tokens)
    assert isinstance(request, EventsRequest)
    assert len(request.parsed.events) == 1


BAD_DETAILS: dict[str, tuple[Any, str]] = {
    "no object": ("text", "detail is not an object"),
    "a list": ([EVENT], "detail is not an object"),
    "nothing": (None, "detail is not an object"),
    "a gateway with a blank": (EVENT | {"gateway": "my gateway"}, "detail.gateway is not a name"),
    "a gateway that is a number": (EVENT | {"gateway": 7}, "detail.gateway is not a name"),
    "a gateway that is empty": (EVENT | {"gateway": ""}, "detail.gateway is not a name"),
    "a gateway that is null": (EVENT | {"gateway": None}, "detail.gateway is not a name"),
    "a gateway that would break a line": (EVENT | {"gateway": "a\nb"}, "detail.gateway is not a name"),
}


@pytest.mark.parametrize(("detail", "message"), BAD_DETAILS.values(), ids=BAD_DETAILS)
def test_an_eventbridge_event_that_cannot_be_read_is_refused(detail: Any, message: str) -> None:
    with pytest.raises(MalformedBody, match=message):
        read_request(eventbridge(detail), tokens=no_tokens)


@pytest.mark.parametrize(
    ("schedule", "request_"), [("sweep_outbox", Task.SWEEP), ("canary", Task.CANARY)], ids=["a sweep", "a canary"]
)
def test_a_schedule_asks_for_what_it_names(schedule: str, request_: Request) -> None:
    event = {"schedule": schedule}
    assert is_schedule(event)
    assert read_request(event, tokens=no_tokens) == request_


def test_nobody_starts_a_schedule_by_http() -> None:
    event = http_request(EVENT, schedule="sweep_outbox")
    assert not is_schedule(event)
    assert isinstance(read_request(event, tokens=tokens), EventsRequest)


STRANGERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "another schedule": {"schedule": "sweep_the_floor"},
    "another source": eventbridge(EVENT, source="aws.ec2"),
    "another detail type": eventbridge(EVENT, **{"detail-type": "Weather"}),
    "a REST API's event": {"requestContext": {"httpMethod": "POST"}, "body": "{}"},
    "an SQS event": {"Records": []},
}


@pytest.mark.parametrize("event", STRANGERS.values(), ids=STRANGERS)
def test_any_other_event_is_not_ours(event: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="not an HTTP request"):
        read_request(event, tokens=no_tokens)


def test_http_is_told_by_its_request_context() -> None:
    assert is_http(http_request(EVENT))
    assert not is_http(eventbridge(EVENT))
    assert not is_http({"requestContext": {"stage": "x"}})
