"""What is fuzzed: each target takes bytes, feeds them to a parser, and raises when it breaks a promise.

A parser may refuse with the error that it names; anything else that it raises is a finding. What it accepts must
then go the whole way that is pure: every index accounted for once, answers that are JSON within 6 MB, messages within
Slack's limits.
"""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from evaluate.answers import dry_run_body, evaluated_answer, http_answer, refusal_body
from evaluate.budget_alert_types import entity_types
from evaluate.ingress import EventsRequest, QueuedLogsRequest, SlackRequest, is_http, read_request
from evaluate.pipeline import evaluate
from evaluate.readings import readings_of
from evaluate.shapes import ParsedEvents, parse_body, parse_records
from evaluate.slack.litellm_text import parse_litellm_text
from evaluate.slack.slack_payloads import MAX_PAYLOAD_BYTES, read_slack_payload
from evaluate.thresholds import crossings_of
from evaluate.tokens import IngestTokens
from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, SLACK_MESSAGE
from gateway_alerts.alerts import parse_queued_alert
from gateway_alerts.config import Config, parse_config
from gateway_alerts.errors import ConfigurationError, InvalidAlert, RequestRefused, SlackRefused, UnknownEventGroup
from gateway_alerts.events import GatewayAlert, InboundEvent, SlackMessage, WebhookEvent
from gateway_alerts.masking import masked
from notify.destinations.slack import verdict
from notify.grouping import AlertItem
from notify.outcomes import Ambiguous, Delivered, Permanent, RetryLater
from notify.rendering.alerts import word
from notify.rendering.blocks import TEXT_CHARACTERS
from notify.rendering.slack import compose_messages, plainer

#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ANSWER_BYTES = 6 * 1024 * 1024
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CONFIG = Config()
TOKENS = IngestTokens.parse("local=token-1,other=token-2")


def fuzz_parse_body(given: bytes) -> None:
    """The body of a request, and the way from there to the answer."""
    try:
        parsed = parse_body(given)
    except RequestRefused as refused:
        check_refusal(refused)
        return
    follow(parsed)


def fuzz_read_request(given: bytes) -> None:
    """A Lambda event of every way in. The first byte says which, and how the rest is laid into it."""
    kind, rest = given[:1], given[1:]
    text = rest.decode(errors="surrogateescape")
    head, _, tail = text.partition("\n")
    event: dict[str, object]
    match kind:
        case b"h":  # the header
            event = _http("POST /events", headers={head: tail, "authorization": text})
        case b"t":  # the path
            event = _http("POST /events/{token}", pathParameters={"token": text})
        case b"r":  # the route
            event = _http(text)
        case b"b" | b"q":  # the body
            event = _http("POST /events", headers={"Authorization": "bearer token-1"}, body=text)
            event["queryStringParameters"] = {"dry_run": head[:4]}
        case b"6":  # the body in base64
            event = _http("POST /events/{token}", pathParameters={"token": "token-2"}, body=base64.b64encode(rest).decode())
            event["isBase64Encoded"] = True
        case b"!":  # what is said to be base64
            event = _http("POST /events", headers={"authorization": "Bearer token-1"}, body=text)
            event["isBase64Encoded"] = True
        case b"k":  # the drop-in Slack endpoint
            event = _http("POST /services/{token+}", pathParameters={"token": "T/B/token-1"}, body=tail)
            event["headers"] = {"content-type": head}
        case b"w":  # its token
            event = _http("POST /services/{token+}", pathParameters={"token": text}, body='{"text": "x"}')
        case b"m":  # a queue's messages
            records = [{"messageId": f"m-{n}", "eventSource": "aws:sqs", "body": body} for n, body in enumerate(text.split("\n"))]
            event = {"Records": records}
        case b"s":  # a schedule's input
            event = {"schedule": text}
        case _:  # an EventBridge event's detail
            try:
                detail = json.loads(rest)
            except (ValueError, RecursionError):
                return
            event = {"source": "llm-gateway", "detail-type": "Budget Event", "detail": detail}
    try:
        request = read_request(event, tokens=lambda: TOKENS)
    except RequestRefused as refused:
        check_refusal(refused)
        return
    except SlackRefused as refused:
        check_slack_refusal(refused, is_token_wrong=kind == b"w")
        return
    match request:
        case EventsRequest():
            assert is_http(event) or kind not in b"htrbq6!"
            follow(request.parsed, gateway=request.gateway)
        case SlackRequest():
            follow(request.parsed, gateway=request.gateway)
        case QueuedLogsRequest():
            follow(request.parsed)


def fuzz_parse_records(given: bytes) -> None:
    """The messages of a queue, one a line: each is one event or one refusal, at its own index."""
    bodies = given.decode(errors="surrogateescape").split("\n")
    try:
        parsed = parse_records(bodies)
    except RequestRefused as refused:
        check_refusal(refused)
        return
    indexes = sorted([index for index, _ in parsed.events] + [rejection.position for rejection in parsed.rejections])
    assert indexes == list(range(len(bodies)))
    follow(parsed)


def fuzz_parse_queued_alert(given: bytes) -> None:
    """A message of the alerts queue, and the way from there to the message in Slack."""
    try:
        queued = parse_queued_alert(given.decode(errors="replace"))
    except InvalidAlert as invalid:
        str(invalid).encode()
        return
    item = AlertItem(queued.alert, {queued.alert.alert_id})
    messages = compose_messages([item], now=NOW)
    assert len(messages) == 1
    payload = messages[0].payload
    json.dumps(payload).encode()
    wording = word(item, now=NOW, with_gateway=True)
    assert all(0 < len(text) <= 3_000 for text in (wording.full, wording.line, wording.lone_line, wording.plain))
    plain = messages[0]
    while (next_plainer := plainer(plain)) is not None:
        plain = next_plainer
    assert plain.payload.keys().isdisjoint({"blocks", "attachments"})
    if queued.alert.slack_payload is not None:  # its sender's, whatever it is
        return
    assert len(payload["text"]) <= TEXT_CHARACTERS
    assert all(len(block["text"]["text"]) <= 3_000 for block in payload["blocks"] if "text" in block)


def fuzz_parse_config(given: bytes) -> None:
    """The configuration document, and every question that is asked of it."""
    try:
        config = parse_config(given.decode(errors="replace"))
        config.check_entity_types(entity_types())
    except ConfigurationError as wrong:
        str(wrong).encode()
        return
    for entity_type in ("key", "nobody"):
        assert list(config.thresholds_of(entity_type)) == sorted(config.thresholds_of(entity_type))
        assert config.destinations_for(alert_type="budget_alerts", entity_type=entity_type, gateway="g", level="High")
    config.is_enabled("budget_alerts")
    config.settings_without_effect()
    config.all_destinations()


def fuzz_verdict(given: bytes) -> None:
    """Slack's answer: a status in the first two bytes, a Retry-After in the first line, the body after that."""
    status = 100 + int.from_bytes(given[:2]) % 500
    head, _, tail = given[2:].decode(errors="replace").partition("\n")
    outcome = verdict(status, tail, retry_after=head or None)
    assert isinstance(outcome, Delivered | RetryLater | Permanent | Ambiguous)
    assert isinstance(outcome, Delivered) == (status == 200 and tail.strip() == "ok")
    if isinstance(outcome, RetryLater) and outcome.seconds is not None:
        assert 0 <= outcome.seconds < 1_000_000


def fuzz_masked(given: bytes) -> None:
    """A name from outside."""
    text = given.decode(errors="replace")
    once = masked(text)
    assert masked(once) == once
    assert not re.search(r"(?<![A-Za-z0-9])sk-ant-api03-[A-Za-z0-9]{20,}", once)


def fuzz_parse_litellm_text(given: bytes) -> None:
    """A text for Slack."""
    event = parse_litellm_text(given.decode(errors="replace"))
    if event is not None:
        check_event(event)


def fuzz_read_slack_payload(given: bytes) -> None:
    """The body of a post to the drop-in Slack endpoint, as JSON and as a form."""
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        try:
            check_event(read_slack_payload(given, content_type=content_type))
        except SlackRefused as refused:
            check_slack_refusal(refused)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "parse_body": fuzz_parse_body,
    "parse_records": fuzz_parse_records,
    "read_request": fuzz_read_request,
    "parse_queued_alert": fuzz_parse_queued_alert,
    "parse_config": fuzz_parse_config,
    "verdict": fuzz_verdict,
    "masked": fuzz_masked,
    "parse_litellm_text": fuzz_parse_litellm_text,
    "read_slack_payload": fuzz_read_slack_payload,
}


def follow(parsed: ParsedEvents, *, gateway: str = "g") -> None:
    """The pure rest of the way: every event is accounted for once, and both answers can be given."""
    evaluation = evaluate(parsed, gateway=gateway, config=CONFIG, now=NOW)
    rejected = [rejection.position for rejection in evaluation.rejections]
    assert sorted(evaluation.accepted + rejected) == list(range(len(evaluation.accepted) + len(rejected)))
    assert {index for index, _ in evaluation.offers} <= set(evaluation.accepted)
    assert {index for index, _ in evaluation.signals.occurrences} <= set(evaluation.accepted)
    # What is kept of calls and errors comes back from the table as moments and numbers.
    for call in evaluation.signals.calls:
        assert 0 <= call.started_at.timestamp() <= NOW.timestamp()
        datetime.fromtimestamp(int(call.due_at.timestamp()), UTC)
    for errors in evaluation.signals.errors(gateway=gateway, config=CONFIG, now=NOW):
        assert max(errors.at) <= NOW
    for tracked in evaluation.tracked:
        assert len(format(tracked.usd, "f").replace(".", "").strip("0")) <= 38
    check_answer(evaluated_answer(evaluation, alert_count=0))
    check_answer(http_answer(200, dry_run_body(evaluation, now=NOW, config=CONFIG)))


def check_event(event: InboundEvent) -> None:
    """What a text or a message for Slack becomes: an alert with something to say, a budget to decide on, or the message."""
    match event:
        case GatewayAlert():
            assert event.alert_type in ALERT_TYPES.keys() - {BUDGET_ALERTS, SLACK_MESSAGE}
            assert event.message.strip()
            assert masked(event.message) == event.message
            assert len(json.dumps(event.metadata, allow_nan=False)) <= MAX_PAYLOAD_BYTES * 6
        case WebhookEvent():
            try:
                (reading,) = readings_of(event)
            except UnknownEventGroup:
                return
            crossings_of(reading, thresholds=CONFIG.thresholds_of(event.event_group))
        case SlackMessage():
            text = json.dumps(event.payload, allow_nan=False)
            assert any(event.payload.get(field) for field in ("text", "blocks", "attachments"))
            assert len(text.encode()) <= MAX_PAYLOAD_BYTES * 6  # characters beyond ASCII are escaped
        case _:
            raise AssertionError(type(event))


def check_refusal(refused: RequestRefused) -> None:
    """A refusal is the sender's to mend, and can be answered."""
    check_answer(http_answer(refused.status, refusal_body(refused.code, str(refused))))
    assert 400 <= refused.status < 500


def check_slack_refusal(refused: SlackRefused, *, is_token_wrong: bool = False) -> None:
    """A refusal is in Slack's words."""
    if is_token_wrong:
        assert (refused.status, refused.word) == (403, "invalid_token")
        return
    assert refused.status == 400
    assert refused.word in ("invalid_payload", "no_text", "invalid_blocks", "too_many_attachments")


def check_answer(answer: dict[str, object]) -> None:
    """An answer is what the HTTP API takes: JSON in text, all of it within Lambda's 6 MB, never a 500."""
    assert answer["statusCode"] in (200, 400, 401, 404, 413, 503)
    assert isinstance(answer["body"], str)
    json.loads(answer["body"])
    assert len(json.dumps(answer).encode()) <= ANSWER_BYTES


def _http(route: str, **fields: object) -> dict[str, object]:
    return {"routeKey": route, "requestContext": {"http": {"method": route.partition(" ")[0]}}, **fields}
