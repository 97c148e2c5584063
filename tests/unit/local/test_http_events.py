import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.http_events import Request, Route, lambda_event, response_of, routes_of

NOW = datetime(2026, 11, 25, 10, 25, tzinfo=UTC)
JSON = ("Content-Type", "application/json")
ROUTE = Route("POST", "/events/{token}", "EvaluateFunction")


def event(target: str = "/events/t", body: bytes = b"{}", headers: tuple[tuple[str, str], ...] = (JSON,)) -> dict[str, Any]:
    return lambda_event(Request("POST", target, headers, body, "127.0.0.1"), ROUTE, {"token": "t"}, now=NOW)


def test_an_event_has_the_shape_of_payload_format_2() -> None:
    made = event("/events/t?dry_run=1&a=b%20c&a=d", headers=(JSON, ("X-Two", "1"), ("x-two", "2"), ("User-Agent", "test")))
    request_id = made["requestContext"].pop("requestId")
    assert len(request_id) == 16
    assert made == {
        "version": "2.0",
        "routeKey": "POST /events/{token}",
        "rawPath": "/events/t",
        "rawQueryString": "dry_run=1&a=b%20c&a=d",
        "headers": {"content-type": "application/json", "x-two": "1,2", "user-agent": "test"},
        "queryStringParameters": {"dry_run": "1", "a": "b c,d"},
        "pathParameters": {"token": "t"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "local",
            "http": {
                "method": "POST",
                "path": "/events/t",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "routeKey": "POST /events/{token}",
            "stage": "$default",
            "time": "25/Nov/2026:10:25:00 +0000",
            "timeEpoch": 1795602300000,
        },
        "body": "{}",
        "isBase64Encoded": False,
    }


def test_cookies_have_a_place_of_their_own() -> None:
    made = event(headers=(("Cookie", "a=1; b=2"),))
    assert made["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in made["headers"]


@pytest.mark.parametrize(
    ("content_type", "body", "is_encoded"),
    [
        pytest.param("application/json", b"{}", False, id="JSON is text"),
        pytest.param("application/json; charset=utf-8", "ü".encode(), False, id="with a character set too"),
        pytest.param("text/plain", b"x", False, id="plain text is text"),
        pytest.param("application/x-ndjson", b"{}\n{}", True, id="other types are binary"),
        pytest.param("application/x-www-form-urlencoded", b"a=b", True, id="forms are binary"),
        pytest.param("", b"{}", True, id="no type is binary"),
        pytest.param("application/json", b"\xff", True, id="what is not UTF-8 is kept whole"),
    ],
)
def test_a_body_is_text_or_base64(content_type: str, body: bytes, is_encoded: bool) -> None:
    made = event(body=body, headers=(("content-type", content_type),) if content_type else ())
    assert made["isBase64Encoded"] is is_encoded
    assert (base64.b64decode(made["body"]) if is_encoded else made["body"].encode()) == body


def test_an_empty_body_is_absent() -> None:
    assert "body" not in event(body=b"")


@pytest.mark.parametrize(
    ("path", "request_path", "parameters"),
    [
        ("/events", "/events", {}),
        ("/events", "/events/", None),
        ("/events/{token}", "/events/a%2Fb", {"token": "a/b"}),
        ("/events/{token}", "/events/a/b", None),
        ("/events/{token}", "/events/", None),
        ("/services/{token+}", "/services/T/B/x", {"token": "T/B/x"}),
        ("/a.b", "/aXb", None),
    ],
)
def test_a_route_takes_what_its_path_says(path: str, request_path: str, parameters: dict[str, str] | None) -> None:
    assert Route("POST", path, "f").match("POST", request_path) == parameters
    assert Route("POST", path, "f").match("GET", request_path) is None
    assert Route("ANY", path, "f").match("GET", request_path) == parameters


def test_routes_are_read_from_the_template_the_most_specific_first() -> None:
    def operation(name: str) -> dict[str, Any]:
        return {"x-amazon-apigateway-integration": {"uri": {"Fn::Sub": f"arn:…/functions/${{{name}.Arn}}/invocations"}}}

    paths = {
        "/{proxy+}": {"x-amazon-apigateway-any-method": operation("F")},
        "/events/{token}": {"post": operation("F")},
        "/events/health": {"get": operation("G")},
    }
    template = {"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": {"paths": paths}}}}}
    assert [(route.key, route.function) for route in routes_of(template)] == [
        ("GET /events/health", "G"),
        ("POST /events/{token}", "F"),
        ("ANY /{proxy+}", "F"),
    ]


def test_an_answer_becomes_a_response() -> None:
    response = response_of({"statusCode": 200, "headers": {"Content-Type": "x/y"}, "body": "hi", "cookies": ["a=1"]})
    assert (response.status, response.body, response.headers, response.cookies) == (200, b"hi", {"content-type": "x/y"}, ("a=1",))


def test_a_binary_answer_is_decoded() -> None:
    assert response_of({"statusCode": 200, "body": base64.b64encode(b"\x00").decode(), "isBase64Encoded": True}).body == b"\x00"


def test_an_answer_without_a_status_is_the_body_itself() -> None:
    assert json.loads(response_of({"a": 1}).body) == {"a": 1}


@pytest.mark.parametrize("answer", [{"statusCode": "abc"}, {"statusCode": 200, "body": {"not": "text"}}])
def test_a_malformed_answer_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match="statusCode"):
        response_of(answer)
