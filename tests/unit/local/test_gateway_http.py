import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.gateway_http import HttpApi, LocalServer
from local.http_events import Request, Response, Route
from local.ministack import LOOPBACK, PortInUse
from local.workers import FunctionError, NoWorkerFree

ROUTES = [Route("POST", "/events", "F"), Route("POST", "/events/{token}", "F")]
CHUNKED = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
Serve = Callable[..., http.client.HTTPConnection]


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def serve(reports: list[str]) -> Iterator[Serve]:
    server = LocalServer(0)
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=5)

    def start(
        invoke: Callable[[Any], Any] = lambda event: event, side_door: Callable[[Request], Response | None] = lambda _: None
    ) -> http.client.HTTPConnection:
        server.start(HttpApi(ROUTES, lambda _name, event, _wait: invoke(event), report=reports.append), side_door)
        return connection

    yield start
    connection.close()
    server.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **options: Any) -> tuple[int, Any]:
    connection.request(method, path, **options)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


def raising(error: Exception) -> Callable[[Any], Any]:
    def invoke(_: Any) -> Any:
        raise error

    return invoke


def test_a_request_reaches_the_function_as_an_event(serve: Serve) -> None:
    status, event = ask(serve(), "POST", "/events/t?a=1", body="{}", headers={"Content-Type": "application/json"})
    assert status == 200
    assert (event["routeKey"], event["pathParameters"], event["body"]) == ("POST /events/{token}", {"token": "t"}, "{}")


@pytest.mark.parametrize(("method", "path"), [("GET", "/events"), ("POST", "/"), ("POST", "/other"), ("DELETE", "/events/t")])
def test_only_the_templates_routes_exist(serve: Serve, method: str, path: str) -> None:
    assert ask(serve(), method, path) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        pytest.param(FunctionError("ValueError", "secret"), (500, {"message": "Internal Server Error"}), id="a failed function"),
        pytest.param(NoWorkerFree(), (503, {"message": "Service Unavailable"}), id="no free worker"),
    ],
)
def test_failures_are_answered_as_api_gateway_answers(serve: Serve, error: Exception, answer: tuple[int, Any]) -> None:
    assert ask(serve(raising(error)), "POST", "/events", body="x") == answer


def test_a_malformed_answer_of_the_function_is_500(serve: Serve) -> None:
    assert ask(serve(lambda _: {"statusCode": "nope"}), "POST", "/events")[0] == 500


@pytest.mark.parametrize(
    ("size", "content_type", "status"),
    [
        pytest.param(5_900_000, "application/json", 200, id="text under Lambda's 6 MB"),
        pytest.param(6_400_000, "application/json", 413, id="text over Lambda's 6 MB"),
        pytest.param(5_000_000, "application/octet-stream", 413, id="binary grows by a third"),
        pytest.param(11_000_000, "application/json", 413, id="over API Gateway's 10 MB"),
    ],
)
def test_large_bodies_are_refused(serve: Serve, size: int, content_type: str, status: int) -> None:
    connection = serve(lambda _: {"statusCode": 200, "body": "{}"})
    assert ask(connection, "POST", "/events", body=b"x" * size, headers={"content-type": content_type})[0] == status
    assert ask(connection, "POST", "/events", body=b"x")[0] == 200, "the next request is served"


def test_a_chunked_body_is_put_together(serve: Serve) -> None:
    chunks = iter([b'{"a":', b"1}"])
    _, event = ask(serve(), "POST", "/events", body=chunks, encode_chunked=True, headers=CHUNKED)
    assert event["body"] == '{"a":1}'


def test_a_connection_is_kept_for_the_next_request(serve: Serve) -> None:
    connection = serve()
    ask(connection, "POST", "/events")
    before = connection.sock
    ask(connection, "POST", "/nowhere")
    ask(connection, "POST", "/events")
    assert connection.sock is before
    assert before is not None


def test_many_callers_at_once_are_served(serve: Serve) -> None:
    port = serve().port

    def call(number: int) -> int:
        with socket.create_connection((LOOPBACK, port), timeout=10) as client:
            client.sendall(b"POST /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return int(client.makefile("rb").readline().split()[1])

    with ThreadPoolExecutor(64) as callers:
        assert set(callers.map(call, range(256))) == {200}


def test_a_path_is_never_reported_since_it_can_hold_a_token(
    serve: Serve, reports: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    connection = serve()
    ask(connection, "POST", "/events/secret-token?x=secret-token")
    ask(connection, "POST", "/typo/secret-token")
    connection.close()
    with socket.create_connection((LOOPBACK, connection.port)) as client:
        client.sendall(b"GARBAGE secret-token\r\n\r\n")
        client.makefile("rb").read()
    output = capfd.readouterr()
    assert "secret-token" not in "".join([*reports, output.out, output.err])
    assert reports[0].startswith("POST /events/{token} → 200")


def test_the_side_door_comes_first(serve: Serve) -> None:
    door = Response(201, b"1", {})
    connection = serve(side_door=lambda request: door if request.target == "/events" else None)
    assert ask(connection, "POST", "/events")[0] == 201
    assert ask(connection, "POST", "/events/t")[0] == 200


def test_a_port_in_use_is_named() -> None:
    server = LocalServer(0)
    with pytest.raises(PortInUse, match=str(server.port)):
        LocalServer(server.port)
    server.close()
