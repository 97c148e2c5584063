"""AWS as seen from the last step before the wire: botocore's HTTP session answers from memory, so the real clients run."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError

from gateway_alerts import secrets

Answer = Mapping[str, Any] | Exception
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class AwsError(Exception):
    """An error answer of a service. The codes used here are ones that the SDK does not try again."""

    def __init__(self, code: str, **fields: Any) -> None:
        super().__init__(code)
        self.body = {"__type": code, "message": "of the fake"} | fields


@dataclass
class _Raw:
    """What botocore reads an answer's body from."""

    data: bytes

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.data

    def read(self, *_: object) -> bytes:
        return self.data


@dataclass
class FakeAws:
    """``answers`` by operation: the answer's JSON, an error, or a function of the request's JSON. ``calls`` is what was asked."""

    answers: dict[str, Answer | Callable[[dict[str, Any]], Answer]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        target = request.headers.get("X-Amz-Target")
        if target is None:  # SNS speaks in forms and XML, the others in JSON
            asked: dict[str, Any] = dict(parse_qsl(request.body.decode() if isinstance(request.body, bytes) else request.body))
            operation, respond = asked["Action"], _xml_response
        else:
            asked = json.loads(request.body)
            operation, respond = target.decode().partition(".")[2], _response
        self.calls.append((operation, asked))
        answer = self.answers[operation]
        if callable(answer):
            answer = answer(asked)
        if isinstance(answer, AwsError):
            return respond(request, 400, answer.body)
        if isinstance(answer, Exception):
            raise answer
        return respond(request, 200, answer)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]


def unreachable(endpoint: str = "https://aws.invalid") -> ConnectTimeoutError:
    return ConnectTimeoutError(endpoint_url=endpoint)


def age_secrets() -> None:
    """Five minutes pass for what was fetched."""
    for reference, (value, at) in secrets._fetched.items():
        secrets._fetched[reference] = secrets._Fetched(value, at - secrets.MAX_AGE_SECONDS)


def takes_all(asked: dict[str, Any]) -> Answer:
    """SendMessageBatch: every entry is taken."""
    entries = asked["Entries"]
    return {"Successful": [{"Id": e["Id"], "MessageId": "m", "MD5OfMessageBody": _md5(e["MessageBody"])} for e in entries]}


def _md5(text: str) -> str:
    import hashlib

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _response(request: AWSPreparedRequest, status: int, body: Mapping[str, Any]) -> AWSResponse:
    headers = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, status, headers, _Raw(json.dumps(body).encode()))


def _xml_response(request: AWSPreparedRequest, status: int, body: Mapping[str, Any]) -> AWSResponse:
    if "__type" in body:
        error = f"<Code>{body['__type']}</Code><Message>{escape(body['message'])}</Message>"
        text = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
    else:
        fields = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in body.items())
        text = f"<PublishResponse><PublishResult>{fields}</PublishResult></PublishResponse>"
    return AWSResponse(request.url, status, {"content-type": "text/xml"}, _Raw(text.encode()))
