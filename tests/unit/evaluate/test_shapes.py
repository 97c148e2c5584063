import json
from decimal import Decimal
from typing import Any

import pytest

from evaluate.shapes import MAX_EVENTS, ParsedEvents, Rejection, parse_body, parse_objects, parse_records
from gateway_alerts.errors import MalformedBody, PayloadTooLarge
from gateway_alerts.events import BudgetEvent, RequestLog, WebhookEvent

BUDGET: dict[str, Any] = {"type": "user_budget", "user_info": {"spend": 8.6, "max_budget": 10, "user_id": "u"}}
WEBHOOK: dict[str, Any] = {"spend": 8.6, "event_group": "user", "event": "threshold_crossed", "user_id": "u"}
LOG: dict[str, Any] = {"litellm_call_id": "c", "status": "success", "metadata": {"user_api_key_hash": "k"}}
UNREADABLE: dict[str, Any] = {"type": "user_budget", "user_info": {"spend": "a lot"}}
SHAPES = {"budget event": (BUDGET, BudgetEvent), "webhook event": (WEBHOOK, WebhookEvent), "request log": (LOG, RequestLog)}


def dumped(value: Any, **how: Any) -> bytes:
    return json.dumps(value, **how).encode()


def lines(*values: Any) -> bytes:
    return b"\n".join(value if isinstance(value, bytes) else dumped(value) for value in values)


def told(parsed: ParsedEvents) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Index and class of each event, index and code of each refusal."""
    events = [(index, type(event).__name__) for index, event in parsed.events]
    return events, [(r.position, r.reason.partition(":")[0]) for r in parsed.rejections]


WRITINGS = {
    "alone": lambda event: (dumped(event), 1),
    "alone, laid out over lines": lambda event: (dumped(event, indent=2), 1),
    "alone, with blank lines around": lambda event: (b"\r\n\n " + dumped(event) + b"\n\n", 1),
    "in an array": lambda event: (dumped([event, event]), 2),
    "in an array, laid out over lines": lambda event: (dumped([event, event], indent=2), 2),
    "in an array of one": lambda event: (dumped([event]), 1),
    "as lines": lambda event: (lines(event, event, event), 3),
    "as lines with CR LF and blank lines between": lambda event: (b"\r\n\r\n".join([dumped(event)] * 2) + b"\r\n", 2),
}


@pytest.mark.parametrize(("event", "model"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_a_shape_is_known_however_it_is_written(event: dict[str, Any], model: type, write: Any) -> None:
    body, count = write(event)
    parsed = parse_body(body)
    assert told(parsed) == ([(index, model.__name__) for index in range(count)], [])


@pytest.mark.parametrize(("event", "model"), SHAPES.values(), ids=SHAPES)
def test_a_parsed_object_is_the_same_event(event: dict[str, Any], model: type) -> None:
    assert parse_objects([event]) == parse_body(dumped(event))


def test_unknown_fields_are_ignored() -> None:
    assert told(parse_body(dumped([BUDGET | {"new_field": {"deep": [1]}}]))) == ([(0, "BudgetEvent")], [])


def test_mixed_shapes_in_one_array_are_each_told() -> None:
    parsed = parse_body(dumped([WEBHOOK, BUDGET, LOG, BUDGET]))
    assert told(parsed) == ([(0, "WebhookEvent"), (1, "BudgetEvent"), (2, "RequestLog"), (3, "BudgetEvent")], [])


def test_mixed_shapes_on_lines_are_each_told() -> None:
    parsed = parse_body(lines(LOG, WEBHOOK, BUDGET))
    assert told(parsed) == ([(0, "RequestLog"), (1, "WebhookEvent"), (2, "BudgetEvent")], [])


BAD_LINES = {
    "first": (lines(b"{oops", BUDGET, BUDGET), [1, 2], 0),
    "in the middle": (lines(BUDGET, b"{oops", BUDGET), [0, 2], 1),
    "last": (lines(BUDGET, BUDGET, b"{oops"), [0, 1], 2),
    "cut off, as by a sender that died": (lines(BUDGET, BUDGET, dumped(BUDGET)[:-9]), [0, 1], 2),
    "not UTF-8": (lines(BUDGET, b'{"type": "\xff"}', BUDGET), [0, 2], 1),
    "first, and looks like an array": (lines(b"[oops", BUDGET, BUDGET), [1, 2], 0),
}


@pytest.mark.parametrize(("body", "good", "bad"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_refused_alone(body: bytes, good: list[int], bad: int) -> None:
    assert told(parse_body(body)) == ([(index, "BudgetEvent") for index in good], [(bad, "malformed_line")])


def test_a_bad_line_says_where_it_is_not_json() -> None:
    (rejection,) = parse_body(lines(BUDGET, b"{oops", BUDGET)).rejections
    assert rejection == Rejection(1, "malformed_line: not JSON: key must be a string at line 1 column 2")


def test_bad_lines_and_bad_events_are_told_in_the_order_of_the_body() -> None:
    parsed = parse_body(lines(UNREADABLE, b"{oops", BUDGET, {"hello": "world"}, b"nope", UNREADABLE))
    assert told(parsed) == (
        [(2, "BudgetEvent")],
        [
            (0, "invalid_event"),
            (1, "malformed_line"),
            (3, "unrecognized_event"),
            (4, "malformed_line"),
            (5, "invalid_event"),
        ],
    )


BAD_EVENTS: dict[str, tuple[Any, str]] = {
    "no object but a number": (42, "unrecognized_event: an event is a JSON object"),
    "no object but null": (None, "unrecognized_event: an event is a JSON object"),
    "no object but an array": ([BUDGET], "unrecognized_event: an event is a JSON object"),
    "no known fields": (
        {"hello": "world"},
        "unrecognized_event: it has the fields of no known shape "
        "(litellm_call_id and status; user_info and type; event_group and event; alert_type and message)",
    ),
    "half of a budget event": ({"user_info": {"spend": 1}}, "unrecognized_event: it has the fields of no known shape"),
    "no spend": ({"type": "user_budget", "user_info": {}}, "invalid_event: user_info.spend: Field required"),
    "spend in words": (UNREADABLE, "invalid_event: user_info.spend: Input should be a valid decimal"),
    "spend as a truth": (
        {"type": "user_budget", "user_info": {"spend": True}},
        "invalid_event: user_info.spend: Decimal input should be an integer, float, string or Decimal object",
    ),
    "user_info is no object": (
        {"type": "user_budget", "user_info": "u"},
        "invalid_event: user_info: Input should be a valid dictionary or instance of UserInfo",
    ),
    "an id that is a number": (
        {"type": "user_budget", "user_info": {"spend": 1, "user_id": 7}},
        "invalid_event: user_info.user_id: Input should be a valid string",
    ),
    "no type": ({"type": None, "user_info": {"spend": 1}}, "invalid_event: type: Input should be a valid string"),
    "an id that is too long": (
        {"type": "user_budget", "user_info": {"spend": 1, "user_id": "u" * 2_001}},
        "invalid_event: user_info.user_id: String should have at most 2000 characters",
    ),
    "spend beyond any money": (
        {"type": "user_budget", "user_info": {"spend": 1e16}},
        "invalid_event: user_info.spend: Input should be less than or equal to 1000000000000000",
    ),
    "a reset time in words": (
        {"type": "user_budget", "user_info": {"spend": 1, "budget_reset_at": "tomorrow"}},
        "invalid_event: user_info.budget_reset_at: Input should be a valid datetime or date",
    ),
    "a request log with a wrong figure deep inside": (
        LOG | {"metadata": {"user_api_key_spend": "a lot"}},
        "invalid_event: metadata.user_api_key_spend: Input should be a valid decimal",
    ),
}


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "in the middle", "last"])
@pytest.mark.parametrize(("event", "reason"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_event_of_an_array_is_refused_alone(event: Any, reason: str, place: int) -> None:
    events: list[Any] = [BUDGET, BUDGET]
    events.insert(place, event)
    parsed = parse_body(dumped(events))
    assert [index for index, _ in parsed.events] == [index for index in range(3) if index != place]
    (rejection,) = parsed.rejections
    assert rejection.position == place
    assert rejection.reason.startswith(reason)


NOT_FINITE = {"NaN": "NaN", "infinity": "Infinity", "minus infinity": "-Infinity", "a number too large for a float": "1e400"}


@pytest.mark.parametrize("number", NOT_FINITE.values(), ids=NOT_FINITE)
@pytest.mark.parametrize("neighbours", [b"", b",7"], ids=["all alike", "one by one"])
def test_a_spend_that_is_not_finite_is_refused_and_its_neighbours_are_not(number: str, neighbours: bytes) -> None:
    bad = b'{"type":"user_budget","user_info":{"spend":%s}}' % number.encode()
    parsed = parse_body(b"[" + dumped(BUDGET) + b"," + bad + neighbours + b"]")
    assert [index for index, _ in parsed.events] == [0]
    assert parsed.rejections[0] == Rejection(1, "invalid_event: user_info.spend: Input should be a finite number")


LIMITS = {"NaN": ("NaN", "is not a number"), "minus infinity": ("-Infinity", "is below -1000000000000000")}


@pytest.mark.parametrize(("number", "why"), LIMITS.values(), ids=LIMITS)
def test_a_limit_that_is_no_amount_is_refused_and_its_neighbours_are_not(number: str, why: str) -> None:
    bad = b'{"type":"user_budget","user_info":{"spend":1,"max_budget":%s}}' % number.encode()
    parsed = parse_body(b"[" + dumped(BUDGET) + b"," + bad + b"]")
    assert [index for index, _ in parsed.events] == [0]
    assert parsed.rejections == [Rejection(1, f"invalid_event: user_info.max_budget: Value error, {why}")]


def test_an_infinite_limit_is_none() -> None:
    ((_, event),) = parse_body(b'{"type":"user_budget","user_info":{"spend":1,"max_budget":Infinity}}').events
    assert event.user_info.max_budget is None


#: Values that a strict or a careless reader would see differently.
ODD_VALUES: dict[str, tuple[str, Any]] = {
    "money with float noise": ("spend", 8.600000000000001),
    "the smallest float": ("spend", 5e-324),
    "money as text": ("spend", "8.60"),
    "money as a whole number": ("spend", 9),
    "a reset time without zone": ("budget_reset_at", "2026-12-01T00:00:00"),
    "a reset time in seconds": ("budget_reset_at", 1796083200),
    "a reset time in seconds and fractions": ("budget_reset_at", 1796083200.5),
    "a reset day": ("budget_reset_at", "2026-12-01"),
    "no reset time": ("budget_reset_at", None),
}


@pytest.mark.parametrize(("field", "value"), ODD_VALUES.values(), ids=ODD_VALUES)
def test_an_event_is_the_same_whether_all_are_read_in_one_go_or_each_alone(field: str, value: Any) -> None:
    event = {"type": "user_budget", "user_info": {"spend": 1} | {field: value}}
    in_one_go, alone = parse_body(dumped([event])), parse_body(dumped([event, 7]))
    assert len(in_one_go.events) == 1
    assert in_one_go.events == alone.events


def test_money_is_the_decimal_that_the_sender_wrote() -> None:
    ((_, event),) = parse_body(b'{"type":"user_budget","user_info":{"spend":8.6,"max_budget":10.10}}').events
    assert (event.user_info.spend, event.user_info.max_budget) == (Decimal("8.6"), Decimal("10.1"))


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "not JSON": b"hello",
    "cut off": dumped(BUDGET)[:-3],
    "a cut off array": dumped([BUDGET, BUDGET])[:-3],
    "an array with something after it": dumped([BUDGET]) + b" x",
    "lines, none of them JSON": b"hello\nworld",
    "lines, none of them an object, one of them not JSON": b"1\nworld",
    "not UTF-8": b'{"type":"\xff","user_info":{"spend":1}}',
    "half a pair of surrogates": b'{"type":"\\ud800","user_info":{"spend":1}}',
    "100,000 open arrays": b"[" * 100_000,
    "100,000 nested arrays": b"[" * 100_000 + b"]" * 100_000,
    "100,000 open objects": b'{"user_info":' * 100_000,
    "a number of 5,000 digits": b'{"type":"user_budget","user_info":{"spend":' + b"9" * 5_000 + b"}}",
    "a form": b"payload=%7B%7D",
    "XML": b"<event/>",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_body(body)


def test_an_empty_array_holds_nothing_and_is_no_error() -> None:
    assert parse_body(b"[]") == ParsedEvents([], [])


def test_a_deep_value_in_an_unknown_field_is_not_looked_at() -> None:
    body = dumped([BUDGET | {"extra": json.loads("[" * 50 + "]" * 50)}])
    assert told(parse_body(body)) == ([(0, "BudgetEvent")], [])


@pytest.mark.parametrize("extra", [0, 1], ids=["as many as allowed", "one too many"])
@pytest.mark.parametrize("last", [BUDGET, WEBHOOK], ids=["all alike", "one by one"])
@pytest.mark.parametrize("join", [lambda e: dumped(e), lambda e: lines(*e)], ids=["array", "lines"])
def test_a_request_holds_so_many_events_and_no_more(join: Any, last: Any, extra: int) -> None:
    body = join([BUDGET] * (MAX_EVENTS - 1 + extra) + [last])
    if extra:
        with pytest.raises(PayloadTooLarge, match="at most 10000 events"):
            parse_body(body)
    else:
        assert len(parse_body(body).events) == MAX_EVENTS


def test_bad_lines_are_counted_too() -> None:
    with pytest.raises(PayloadTooLarge):
        parse_body(lines(BUDGET, *[b"x"] * MAX_EVENTS))


def test_parsed_objects_are_counted_too() -> None:
    with pytest.raises(PayloadTooLarge):
        parse_objects([BUDGET] * (MAX_EVENTS + 1))


#: Text of one shape inside another, where a search of the bytes could be misled.
DISGUISED: dict[str, dict[str, Any]] = {
    "a prompt that quotes a request log": {"user_id": 'say {"litellm_call_id": "x", "status": "success"}'},
    "a name that is another shape's field": {"user_id": "litellm_call_id", "key_alias": "event_group"},
    "an unknown field named like another shape's": {"litellm_call_id": "x", "event_group": "key"},
}


@pytest.mark.parametrize("fields", DISGUISED.values(), ids=DISGUISED)
@pytest.mark.parametrize("count", [1, 2])
def test_the_text_of_another_shape_inside_an_event_misleads_nobody(fields: dict[str, Any], count: int) -> None:
    event = {"type": "user_budget", "user_info": {"spend": 1} | fields}
    assert told(parse_body(dumped([event] * count))) == ([(index, "BudgetEvent") for index in range(count)], [])


def test_an_event_with_the_fields_of_two_shapes_is_the_richer_one() -> None:
    assert told(parse_body(dumped(BUDGET | LOG))) == ([(0, "RequestLog")], [])


SECRET = "sk-1234567890abcdefSECRET"
SECRETS: dict[str, Any] = {
    "in a field that wants a number": {"type": "user_budget", "user_info": {"spend": SECRET}},
    "in a field that wants a time": {"type": "user_budget", "user_info": {"spend": 1, "budget_reset_at": SECRET}},
    "in an object's place": {"type": "user_budget", "user_info": SECRET},
    "in a text that is too long": {"type": "user_budget", "user_info": {"spend": 1, "token": SECRET * 200}},
    "in an unknown field's name": {SECRET: 1},
    "in an event's place": SECRET,
    "deep in a request log": LOG | {"metadata": {"user_api_key_spend": SECRET, "user_api_key_max_budget": SECRET}},
    "in an error": LOG | {"error_information": {"error_budget_limit": SECRET}},
}


@pytest.mark.parametrize("event", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("write", [lambda e: dumped([e, BUDGET]), lambda e: lines(e, BUDGET, b"{oops")], ids=["array", "lines"])
def test_a_reason_names_the_field_and_never_shows_what_it_holds(event: Any, write: Any) -> None:
    parsed = parse_body(write(event))
    assert parsed.rejections[0].position == 0
    assert not any("SECRET" in rejection.reason for rejection in parsed.rejections)


@pytest.mark.parametrize("body", [b'["sk-SECRET', b'{"token":"sk-SECRET"} sk-SECRET', b"sk-SECRET\nsk-SECRET"])
def test_the_refusal_of_a_whole_body_does_not_quote_it(body: bytes) -> None:
    with pytest.raises(MalformedBody) as raised:
        parse_body(body)
    assert "SECRET" not in str(raised.value)


def test_a_reason_names_five_faults_and_no_more() -> None:
    fields = ["spend", "max_budget", "soft_budget", "projected_spend", "budget_reset_at", "occurred_at", "user_id"]
    (rejection,) = parse_body(dumped({"type": "user_budget", "user_info": {name: [] for name in fields}})).rejections
    assert rejection.reason.count("user_info.") == 5


GOOD = '{"litellm_call_id": "c", "status": "success"}'
#: bodies of a queue's messages → which of them are refused
RECORDS: dict[str, tuple[list[str], list[int]]] = {
    "all alike": ([GOOD, GOOD], []),
    "one of another shape": ([GOOD, '{"alert_type": "db_exceptions", "message": "m"}'], []),
    "one that is no JSON": ([GOOD, "{nope", GOOD], [1]),
    "one that is empty": (["", GOOD], [0]),
    "one that holds two": ([GOOD, f"{GOOD},{GOOD}"], [1]),
    "one that is an array": ([f"[{GOOD}]", GOOD], [0]),
    "one that closes what another opens": ([GOOD[:-1], "}", GOOD], [0, 1]),
    "one of a lone surrogate": (["\udc80", GOOD], [0]),
    "one that is refused": ([GOOD, '{"litellm_call_id": 4, "status": []}'], [1]),
}


@pytest.mark.parametrize(("bodies", "refused"), RECORDS.values(), ids=RECORDS)
def test_each_message_of_a_queue_is_one_event_or_refused_by_its_own_index(bodies: list[str], refused: list[int]) -> None:
    parsed = parse_records(bodies)
    assert [rejection.position for rejection in parsed.rejections] == refused
    assert [index for index, _ in parsed.events] == [index for index in range(len(bodies)) if index not in refused]
