"""HTTP ⇄ the Lambda events of an HTTP API, payload format 2.0. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

#: Bodies of these types arrive as text, all others base64-encoded.
_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API, and the function behind it."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        """``POST /events/{token}``: API Gateway's name of the route, safe to log."""
        return f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path parameters when a request takes this route, else None."""
        if self.method not in (method, "ANY"):
            return None
        pattern = "".join(_pattern_part(part) for part in re.split(r"(\{[^}]+\})", self.path))
        found = re.fullmatch(pattern, path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``target`` is path and query as they were sent."""

    method: str
    target: str
    headers: Iterable[tuple[str, str]]
    body: bytes
    source_ip: str


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    cookies: tuple[str, ...] = ()

    @classmethod
    def of_message(cls, status: int, message: str) -> "Response":
        """What API Gateway itself answers."""
        return cls(status, json.dumps({"message": message}).encode(), {"content-type": "application/json"})


def routes_of(template: Mapping[str, Any]) -> list[Route]:
    """The routes of the expanded template's HTTP APIs, the most specific first."""
    routes = [
        Route("ANY" if method == "x-amazon-apigateway-any-method" else method.upper(), path, _function_behind(operation))
        for body in template["Resources"].values()
        if body["Type"] == "AWS::ApiGatewayV2::Api"
        for path, operations in body["Properties"]["Body"]["paths"].items()
        for method, operation in operations.items()
    ]
    # No parameters before parameters before greedy ones, as API Gateway chooses.
    return sorted(routes, key=lambda route: (route.path.count("+}"), route.path.count("{"), route.method == "ANY", route.key))


def lambda_event(request: Request, route: Route, path_parameters: Mapping[str, str], *, now: datetime) -> dict[str, Any]:
    """The event that a function gets for a request."""
    url = urlsplit(request.target)
    headers = _joined((name.lower(), value) for name, value in request.headers)
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()]
    query = _joined(parse_qsl(url.query, keep_blank_values=True))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": unquote(url.path),
        "rawQueryString": url.query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": headers.get("host", "localhost"),
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": unquote(url.path),
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex[:15] + "=",
            "routeKey": route.key,
            "stage": "$default",
            "time": now.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = query
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if request.body:
        event["body"], event["isBase64Encoded"] = _event_body(request.body, headers.get("content-type", ""))
    return event


def response_of(answer: Any) -> Response:
    """A function's answer → HTTP. Without a ``statusCode``, the answer itself is the body. Raises ValueError if it is neither."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer if isinstance(answer, str) else json.dumps(answer)
        return Response(200, body.encode(), {"content-type": "application/json"})
    status, body = answer["statusCode"], answer.get("body") or ""
    if not isinstance(body, str) or not str(status).isdecimal():
        raise ValueError("a response is a statusCode and a body of text")
    headers = {str(name).lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    encoded = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return Response(
        int(status), encoded, {"content-type": "text/plain;charset=utf-8"} | headers, tuple(answer.get("cookies") or ())
    )


def _pattern_part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{}")
    return f"(?P<{name.removesuffix('+')}>{'.+' if name.endswith('+') else '[^/]+'})"


def _function_behind(operation: Mapping[str, Any]) -> str:
    uri = operation["x-amazon-apigateway-integration"]["uri"]
    found = re.search(r"\$\{(\w+)\.Arn\}", json.dumps(uri))
    if not found:
        raise ValueError(f"no function behind {uri}")
    return found[1]


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _event_body(body: bytes, content_type: str) -> tuple[str, bool]:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
