"""A body of text → inbound events, each of one of the shapes that LiteLLM sends, and a named refusal for each that is not.

A body is one event, a JSON array or newline-delimited JSON. A sender's events are all alike, so the whole body is
validated in one go as a list of the shape that its text shows; only when that fails is each event looked at alone.
Events keep their order and place: ``index`` counts from 0, the refused ones included.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from gateway_alerts.errors import EventRejected, InvalidEvent, MalformedBody, PayloadTooLarge, UnrecognizedEvent
from gateway_alerts.events import BudgetEvent, GatewayAlert, InboundEvent, RequestLog, WebhookEvent

#: Events in one request. Ten times what LiteLLM sends, and few enough that refusing each by name fits into an answer.
MAX_EVENTS = 10_000

#: Where a shape's first field is looked for: within the first record. A miss only means one by one.
MARKER_BYTES = 16_384


class Rejection(NamedTuple):
    """Why the event at ``position`` of its request is not evaluated."""

    position: int
    reason: str


class ParsedEvents(NamedTuple):
    """The usable events with their index, and the refusals."""

    events: list[tuple[int, InboundEvent]]
    rejections: list[Rejection]


class _Shape(NamedTuple):
    """A wire format, and the fields by which it is told from the others."""

    fields: tuple[str, ...]
    model: type[BaseModel]
    #: The first field as it stands in JSON text. A quote inside a JSON string is escaped, so a prompt cannot imitate it.
    marker: bytes


def _shape(model: type[BaseModel], *fields: str) -> _Shape:
    return _Shape(fields, model, b'"%s"' % fields[0].encode())


@cache
def _many(model: type[BaseModel]) -> TypeAdapter[Any]:
    """What reads a list of a shape; built when the first one comes."""
    return TypeAdapter(list[model])  # type: ignore[valid-type]


#: In the order in which they are looked for. The richest first: a request log could hold any other field name.
SHAPES: tuple[_Shape, ...] = (
    _shape(RequestLog, "litellm_call_id", "status"),
    _shape(BudgetEvent, "user_info", "type"),
    _shape(WebhookEvent, "event_group", "event"),
    _shape(GatewayAlert, "alert_type", "message"),
)


def parse_body(body: bytes) -> ParsedEvents:
    """Read a request's body.

    Raises:
        MalformedBody: it is empty, or not JSON in any of the three ways.
        PayloadTooLarge: it holds more than ``MAX_EVENTS`` events.
    """
    body = body.strip()
    if not body:
        raise MalformedBody("the body is empty")
    if body.startswith(b"["):
        lines, arrays = [], [body]
    else:
        lines = _lines(body)
        # One value, lines of JSON, or one value laid out over several lines.
        arrays = [b"[%s]" % body] if len(lines) == 1 else [b"[%s]" % b",".join(lines), b"[%s]" % body]
    for array in arrays:
        try:
            return _parse_array(array)
        except MalformedBody as error:
            malformed = error
    lines = lines or _lines(body)
    if len(lines) == 1:
        raise malformed
    return _parse_lines(lines, malformed)


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line and not line.isspace()]


def parse_objects(objects: Sequence[Any]) -> ParsedEvents:
    """Validate events that are parsed JSON already, such as an EventBridge detail. Raises PayloadTooLarge."""
    return _one_by_one(list(enumerate(objects)), [])


def parse_records(bodies: Sequence[str]) -> ParsedEvents:
    """Read the bodies of a queue's messages, one event each; the index of an event is that of its message.

    Raises:
        PayloadTooLarge: there are more than ``MAX_EVENTS``.
    """
    _check_count(bodies)
    try:
        parsed = _parse_array(("[" + ",".join(bodies) + "]").encode())
    except (MalformedBody, PayloadTooLarge, UnicodeEncodeError):
        parsed = None  # at least one of them is wrong by itself: find out which, below
    if parsed is not None and len(parsed.events) + len(parsed.rejections) == len(bodies):
        return parsed
    objects: list[tuple[int, Any]] = []
    rejections: list[Rejection] = []
    for index, body in enumerate(bodies):
        try:
            objects.append((index, from_json(body)))
        except (ValueError, TypeError) as error:  # a lone surrogate is of the wrong type to it
            rejections.append(Rejection(index, f"malformed_body: not JSON: {error}"))
    return _one_by_one(objects, rejections)


def _parse_array(body: bytes) -> ParsedEvents:
    head = body[:MARKER_BYTES]
    shape = next((shape for shape in SHAPES if shape.marker in head), None)
    if shape is not None:
        try:
            events = _many(shape.model).validate_json(body)
        except (ValueError, OverflowError):
            # One event of many is wrong, or they are not all alike: find out which, below. Not only ValidationError:
            # for a JSON array in place of an amount pydantic lets out what Decimal raises.
            pass
        else:
            _check_count(events)
            return ParsedEvents(list(enumerate(events)), [])
    try:
        objects = from_json(body)
    except ValueError as error:
        raise MalformedBody(f"not JSON: {error}") from None
    return parse_objects(objects)


def _parse_lines(lines: Sequence[bytes], malformed: MalformedBody) -> ParsedEvents:
    """Lines of which at least one is not JSON; its neighbours are still good."""
    _check_count(lines)
    objects: list[tuple[int, Any]] = []
    rejections: list[Rejection] = []
    for index, line in enumerate(lines):
        try:
            objects.append((index, from_json(line)))
        except ValueError as error:
            rejections.append(Rejection(index, f"malformed_line: not JSON: {error}"))
    if not any(isinstance(value, dict) for _, value in objects):
        raise malformed
    return _one_by_one(objects, rejections)


def _one_by_one(objects: Sequence[tuple[int, Any]], rejections: list[Rejection]) -> ParsedEvents:
    _check_count(objects)
    events: list[tuple[int, InboundEvent]] = []
    for index, value in objects:
        try:
            events.append((index, _validate(value)))
        except EventRejected as error:
            rejections.append(Rejection(index, str(error)))
    return ParsedEvents(events, sorted(rejections))


def _validate(value: object) -> InboundEvent:
    if not isinstance(value, dict):
        raise UnrecognizedEvent("an event is a JSON object")
    for shape in SHAPES:
        if all(field in value for field in shape.fields):
            try:
                return shape.model.model_validate(value)  # type: ignore[return-value]
            except ValidationError as error:
                raise InvalidEvent(_describe(error)) from None
            except (ValueError, OverflowError):
                raise InvalidEvent("cannot be read") from None
    wanted = "; ".join(" and ".join(shape.fields) for shape in SHAPES)
    raise UnrecognizedEvent(f"it has the fields of no known shape ({wanted})")


def _describe(error: ValidationError) -> str:
    """Which fields are wrong, and how; never what they hold."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'event'}: {fault['msg']}" for fault in faults[:5])


def _check_count(events: Sequence[object]) -> None:
    if len(events) > MAX_EVENTS:
        raise PayloadTooLarge(f"a request holds at most {MAX_EVENTS} events")
