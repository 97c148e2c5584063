"""A Lambda event → what it asks for: events to evaluate, a schedule's work, or a health check.

Nothing is decided here. A request that cannot be read is refused as a whole (:class:`RequestRefused`); an event of
it that cannot be read is refused alone, by index.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from evaluate.shapes import ParsedEvents, parse_body, parse_objects, parse_records
from evaluate.tokens import GATEWAY_NAME, IngestTokens
from gateway_alerts.bounds import moment_of
from gateway_alerts.errors import MalformedBody, NotFound, PayloadTooLarge, SlackRefused, Unauthorized
from gateway_alerts.masking import masked

SLACK_ROUTE = "POST /services/{token+}"
EVENT_SOURCE = "llm-gateway"
DETAIL_TYPES = ("Budget Event", "Request Log", "Gateway Alert")
#: The gateway of events that came over EventBridge and name none.
EVENTBRIDGE_GATEWAY = "eventbridge"
SWEEP_SCHEDULE = "sweep_outbox"
CANARY_SCHEDULE = "canary"
REPORTS_SCHEDULE = "reports"
SCHEDULES = (SWEEP_SCHEDULE, CANARY_SCHEDULE, REPORTS_SCHEDULE)
#: Lambda's synchronous payload is 6 MB, envelope included (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
#: Each event of a dry run is answered for, so that the answer would outgrow Lambda's 6 MB.
MAX_DRY_RUN_EVENTS = 1_000
MAX_BODY_BYTES = 6 * 1024 * 1024


class EventsRequest(NamedTuple):
    """Events to evaluate, all of one gateway."""

    gateway: str
    parsed: ParsedEvents
    is_dry_run: bool = False


class SlackRequest(NamedTuple):
    """One message to the drop-in Slack endpoint; it is answered as Slack answers."""

    gateway: str
    parsed: ParsedEvents


class QueuedLogsRequest(NamedTuple):
    """Request logs that a gateway has put into the queue; ``message_ids`` are theirs, by index."""

    parsed: ParsedEvents
    message_ids: tuple[str, ...]


class ReportsRequest(NamedTuple):
    """Time to see which reports are due, and who has spent too much; ``at`` is the time of the schedule, None for now."""

    at: datetime | None = None


class Task(Enum):
    """What is asked for by its name alone."""

    #: Look for alerts that a dead process left behind.
    SWEEP = "sweep"
    #: Send an alert that only shows that alerts arrive.
    CANARY = "canary"
    #: Say that we are there.
    HEALTH = "health"


def is_http(event: Mapping[str, Any]) -> bool:
    """Whether the Lambda event came from the HTTP API (payload format 2.0)."""
    return "http" in event.get("requestContext", ())


def is_schedule(event: Mapping[str, Any]) -> bool:
    """Whether the Lambda event is the input of one of our schedules, which comes again by itself."""
    return not is_http(event) and event.get("schedule") in SCHEDULES


def is_slack(event: Mapping[str, Any]) -> bool:
    """Whether the Lambda event came to the drop-in Slack endpoint."""
    return is_http(event) and event.get("routeKey") == SLACK_ROUTE


def is_queue(event: Mapping[str, Any]) -> bool:
    """Whether the Lambda event is a batch of an SQS queue."""
    records = event.get("Records")
    return isinstance(records, list) and bool(records) and records[0].get("eventSource") == "aws:sqs"


Request = EventsRequest | SlackRequest | QueuedLogsRequest | ReportsRequest | Task
_BY_SCHEDULE: dict[str, Request] = {SWEEP_SCHEDULE: Task.SWEEP, CANARY_SCHEDULE: Task.CANARY}


def read_request(event: Mapping[str, Any], *, tokens: Callable[[], IngestTokens]) -> Request:
    """What a Lambda event asks for. ``tokens`` is called only when a token must be checked.

    Raises:
        RequestRefused: it is none of the ways in, its token is wrong, or its body cannot be read.
        DependencyUnavailable: the tokens could not be fetched.
    """
    if is_http(event):
        return _read_http(event, tokens=tokens)
    if is_schedule(event):
        return (
            # None where nobody has put a time in the place of the schedule's variable.
            ReportsRequest(moment_of(event.get("time")))
            if event["schedule"] == REPORTS_SCHEDULE
            else _BY_SCHEDULE[event["schedule"]]
        )
    if is_queue(event):
        records = event["Records"]
        return QueuedLogsRequest(
            parsed=parse_records([record["body"] for record in records]),
            message_ids=tuple(record["messageId"] for record in records),
        )
    if event.get("source") == EVENT_SOURCE and event.get("detail-type") in DETAIL_TYPES:
        return _read_eventbridge(event["detail"])
    raise NotFound(f"not an HTTP request, a queue's batch, a schedule of ours or an EventBridge event of source {EVENT_SOURCE}")


def _read_http(event: Mapping[str, Any], *, tokens: Callable[[], IngestTokens]) -> EventsRequest | SlackRequest | Task:
    method = event["requestContext"]["http"]["method"]
    # The route is API Gateway's word for what matched; the path would hold the token.
    route = event.get("routeKey", "")
    if route == "GET /health" and method == "GET":
        return Task.HEALTH
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if route == SLACK_ROUTE:
        path = (event.get("pathParameters") or {}).get("token", "")
        # Slack's own addresses have three parts; the token is all of ours, or its last.
        gateway = tokens().gateway_of(path) or tokens().gateway_of(path.rpartition("/")[2])
        if gateway is None:
            raise SlackRefused("invalid_token", 403)
        # Here, because its patterns are a twelfth of what all our modules cost a cold start, and few gateways send these.
        from evaluate.slack.slack_payloads import read_slack_payload

        message = read_slack_payload(_body_bytes(event), content_type=headers.get("content-type"))
        return SlackRequest(gateway, ParsedEvents([(0, message)], []))
    if route == "POST /events":
        scheme, _, presented = headers.get("authorization", "").partition(" ")
        gateway = tokens().gateway_of(presented.strip() if scheme.lower() == "bearer" else "")
    elif route == "POST /events/{token}":
        gateway = tokens().gateway_of((event.get("pathParameters") or {}).get("token", ""))
    else:
        raise NotFound("POST /events, POST /events/{token}, POST /services/{token} and GET /health are the routes")
    if gateway is None:
        raise Unauthorized
    query = event.get("queryStringParameters") or {}
    is_dry_run = query.get("dry_run", "") in ("1", "true")
    parsed = parse_body(_body_bytes(event))
    if is_dry_run and len(parsed.events) + len(parsed.rejections) > MAX_DRY_RUN_EVENTS:
        raise PayloadTooLarge(f"a dry run takes at most {MAX_DRY_RUN_EVENTS} events")
    return EventsRequest(gateway=gateway, parsed=parsed, is_dry_run=is_dry_run)


def _body_bytes(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if len(body) > MAX_BODY_BYTES * 4 // 3:
        raise PayloadTooLarge(f"a request is at most {MAX_BODY_BYTES} bytes")
    try:
        data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (binascii.Error, ValueError):  # not base64, or a lone surrogate
        raise MalformedBody("the body is marked as base64 and is not, or is not UTF-8") from None
    if len(data) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"a request is at most {MAX_BODY_BYTES} bytes")
    return data


def _read_eventbridge(detail: object) -> EventsRequest:
    if not isinstance(detail, dict):
        raise MalformedBody("detail is not an object")
    gateway = detail.get("gateway", EVENTBRIDGE_GATEWAY)
    if not isinstance(gateway, str) or not GATEWAY_NAME.fullmatch(gateway):
        raise MalformedBody("detail.gateway is not a name of letters, digits, . _ and -")
    objects = detail["events"] if isinstance(detail.get("events"), list) else [detail]
    return EventsRequest(
        gateway=masked(gateway),  # it fits a key's pattern too
        parsed=parse_objects(objects),
    )
