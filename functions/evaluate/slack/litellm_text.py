"""The text of LiteLLM 1.109.1's Slack alerts → the event that it tells. Pure, in linear time.

In: ``text`` of ``{"text": …}``. Parts in brackets may be missing; of ``daily_reports`` and ``new_model_added`` the message
follows the type at once::

    [[Num Alerts: 3]]                       so many equal texts within one of its batches
    Alert type: `llm_too_slow`[ (Digest)]
    Level: `Low`
    Timestamp: `09:25:49`                   of a digest instead: Start, End, Count

    Message: …
    [*Alerting Metadata*: / ticket: `INC-1`]
    [Proxy URL: `http://…`]

Out: a ``WebhookEvent`` of a budget alert, with the fields that the text shows (never the key's ``token``), to be decided by
its numbers; a ``GatewayAlert`` of every other type; None for a text that is not in this grammar, whose type is not in
``ALERT_TYPES``, or that tells nothing. What its own users chose cannot make it another's budget: of a field that is there twice
nobody knows the true one, so the whole text is None.

A ``GatewayAlert``'s message is plain lines without the time of day; what else the text says is in ``metadata``, under the names
of :class:`gateway_alerts.events.GatewayAlert` and these:

=========================  ====================================================================================================
every type                 ``proxy_url``, ``langfuse_trace``; ``count`` of equal alerts; of a digest ``digest_start`` and
                           ``digest_end``, in the gateway's local time; the request's own alerting metadata, after
                           ``alerting_metadata.`` where its name would mean something here
``llm_…``                  ``prompt``, ``traceback``, ``threshold_seconds``, ``deployment_latencies``, ``deployment``, and
                           ``litellm_model`` where it is not the model group
outages                    ``severity`` (``minor`` or ``major``), ``error_count``, and of it ``timeout_errors``,
                           ``api_errors``, ``unknown_errors``
keys, teams, users         ``action`` (``created``, ``updated`` or ``deleted``), ``done_by_user_id``, ``done_by_role``,
                           ``done_by_key_alias``, and each field that was set, secrets masked
``new_model_added``        ``base_model``, ``mode``, ``max_input_tokens``, ``max_output_tokens``,
                           ``input_usd_per_million_tokens``, ``output_usd_per_million_tokens``
failures of the database   ``traceback``, ``call_type``
and of tracking spend
MCP                        ``mcp_server``
=========================  ====================================================================================================

Lost are the time of day (it has neither date nor zone), a new model's remaining prices, and what goes beyond the limits below.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, cast

from pydantic import ValidationError

from evaluate.slack.litellm_objects import set_fields
from gateway_alerts.alert_types import (
    ALERT_TYPES,
    BUDGET_ALERTS,
    CHANGES,
    DAILY_REPORTS,
    LLM_EXCEPTIONS,
    LLM_REQUESTS_HANGING,
    LLM_TOO_SLOW,
    NEW_MODEL_ADDED,
    OUTAGE_ALERTS,
    REGION_OUTAGE_ALERTS,
    SLACK_MESSAGE,
    SPEND_REPORTS,
    USER_SPEND_ANOMALIES,
    USER_SPEND_THRESHOLDS,
    Level,
)
from gateway_alerts.events import MAX_METADATA_ENTRIES, GatewayAlert, WebhookEvent
from gateway_alerts.masking import masked

#: Characters of one value in ``metadata``; all of them together stay well within a DynamoDB item's 400 KB.
MAX_VALUE_CHARACTERS = 1_000
#: Characters of the name of one.
MAX_NAME_CHARACTERS = 100

#: A message, and what is known besides.
_Told = tuple[str, dict[str, object]]


def parse_litellm_text(text: str) -> WebhookEvent | GatewayAlert | None:
    """The event that a text tells; None when it is not one of LiteLLM's alerts."""
    envelope = _opened(text)
    if envelope is None:
        return None
    try:
        return _budget_event(envelope) if envelope.alert_type == BUDGET_ALERTS else _gateway_alert(envelope)
    except ValidationError:  # a figure or a name beyond what an event may hold
        return None


class _Envelope(NamedTuple):
    alert_type: str
    level: Level | None
    message: str
    metadata: dict[str, object]


_SQUASHED = re.compile(r"\[Num Alerts: (\d{1,9})\]\n\n")
_TYPE = re.compile(r"Alert type: `(\w{1,60})`(?: \(Digest\))?")
_HEADER = re.compile(r"\n(Level|Timestamp|Start|End|Count): `([^`\n]{1,40})`")
_COUNT = re.compile(r"[1-9]\d{0,8}")
_WITHOUT_HEADERS = (DAILY_REPORTS, NEW_MODEL_ADDED)
#: Names in ``metadata`` with a meaning of their own, which whoever makes a request must not be able to set.
_OWN_NAMES = frozenset(
    (
        *("model", "provider", "api_base", "region", "model_id", "error_class", "error_code", "response_seconds", "call_id"),
        *("state", "started_at", "count", "key_alias", "user_id", "team_alias", "team_id", "prompt", "traceback", "severity"),
    )
)


def _opened(text: str) -> _Envelope | None:
    text = text.strip()
    squashed = _SQUASHED.match(text)
    kind = _TYPE.match(text, squashed.end() if squashed else 0)
    if kind is None or kind[1] not in ALERT_TYPES or kind[1] == SLACK_MESSAGE:
        return None
    headers: dict[str, str] = {}
    position = kind.end()
    while header := _HEADER.match(text, position):
        headers.setdefault(header[1], header[2])
        position = header.end()
    message = text[position:].lstrip()
    if message.startswith("Message:"):
        message = message.removeprefix("Message:")
    elif kind[1] not in _WITHOUT_HEADERS:
        return None
    message, trailer = _without_trailer(message)
    counts = [int(count) for count in (squashed and squashed[1], headers.get("Count")) if count and _COUNT.fullmatch(count)]
    metadata: dict[str, object] = {}
    if counts:
        metadata["count"] = counts[0] * counts[-1] if len(counts) == 2 else counts[0]
    metadata |= {
        name: headers[header] for header, name in (("Start", "digest_start"), ("End", "digest_end")) if header in headers
    }
    level = headers.get("Level")
    known_level = cast(Level, level) if level in ("Low", "Medium", "High") else None
    return _Envelope(kind[1], known_level, message.strip(), metadata | trailer)


def _without_trailer(text: str) -> _Told:
    """The message, and what LiteLLM puts after it: a trace, the request's alerting metadata, the gateway's address."""
    trailer: dict[str, object] = {}
    text, proxy_url = _without_last(text, "\n\nProxy URL: `")
    text, *items = text.split("\n\n*Alerting Metadata*: \n")
    text, trace = _without_last(text, "\n\n🪢 Langfuse Trace: `")
    for item in items:
        name, separator, value = item.strip().partition(": `")
        if separator:
            trailer[f"alerting_metadata.{name}" if name in _OWN_NAMES else name] = value.removesuffix("`")
    return text, trailer | {"langfuse_trace": trace, "proxy_url": proxy_url}


def _without_last(text: str, opening: str) -> tuple[str, str]:
    """The text without its last line, if that is the one which opens like this, and what it says."""
    before, found, value = text.rstrip().rpartition(opening)
    is_last_line = found and value.endswith("`") and "\n" not in value
    return (before, value[:-1]) if is_last_line else (text, "")


_BUDGET_FIELD = re.compile(r"^\*(\w{1,40}):\* `", re.MULTILINE)
#: Words of the message → the verdict, in the order in which LiteLLM overwrites it (D29).
_VERDICTS = (
    ("Budget Crossed\n Total Budget:", "budget_crossed"),
    ("% or less of budget remaining", "threshold_crossed"),
    ("Total Soft Budget:", "soft_budget_crossed"),
    ("Projected Limit Exceeded", "projected_limit_exceeded"),
)


def _budget_event(envelope: _Envelope) -> WebhookEvent | None:
    text = envelope.message
    starts = list(_BUDGET_FIELD.finditer(text))
    if not starts:
        return None  # such as the test alert of its user interface
    ends = [start.start() for start in starts[1:]] + [len(text)]
    fields = {start[1]: text[start.end() : end].strip().removesuffix("`") for start, end in zip(starts, ends, strict=True)}
    if len(fields) < len(starts):
        return None  # somebody's alias imitates a field
    message = text[: starts[0].start()].strip()
    verdict = next((event for words, event in _VERDICTS if words in message), "unknown")
    return WebhookEvent.model_validate(fields | {"event": verdict, "event_message": message})


def _gateway_alert(envelope: _Envelope) -> GatewayAlert | None:
    text, latencies = _without_latencies(envelope.message)
    text, prompt = _without_prompt(text)
    message, facts = _READERS.get(envelope.alert_type, _as_it_is)(text)
    if not message:
        return None
    # D17: the region outage's text names the other type.
    is_region = envelope.alert_type == OUTAGE_ALERTS and "region" in facts
    besides = {name: value for name, value in envelope.metadata.items() if name not in facts}
    return GatewayAlert(
        alert_type=REGION_OUTAGE_ALERTS if is_region else envelope.alert_type,
        level=envelope.level,
        message=masked(message),
        metadata=_shown(facts | {"deployment_latencies": latencies, "prompt": prompt} | besides),
    )


def _shown(metadata: dict[str, object]) -> dict[str, object]:
    """What of it says something, with secrets masked and long texts cut; the first are ours."""
    shown: dict[str, object] = {}
    for name, value in metadata.items():
        text = value.strip() if isinstance(value, str) else None
        if text not in ("", "None") and len(shown) < MAX_METADATA_ENTRIES:
            shown[_cut(masked(name), MAX_NAME_CHARACTERS)] = value if text is None else _cut(masked(text), MAX_VALUE_CHARACTERS)
    return shown


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_LATENCY = re.compile(rf"(.{{1,300}}): ({_NUMBER})s")


def _without_latencies(text: str) -> tuple[str, str]:
    """The text without the latencies of the deployments that a slow request could have had, and those."""
    before, found, block = text.rpartition("\nAvailable Deployment Latencies\n```\n")
    rows = [_LATENCY.fullmatch(row) for row in block.removesuffix("```").split("\n")]
    if not found or None in rows:
        return text, ""
    return before, ", ".join(f"{row[1]} {row[2]} s" for row in rows if row)


#: A line of what may follow the prompt. The prompt itself may hold anything, line breaks too.
_AFTER_PROMPT = re.compile(r"(?:(?:model_group|deployment|vertex_project|vertex_location): `[^`]*``?|`)?")


def _without_prompt(text: str) -> tuple[str, str]:
    """The text without what the caller asked the model, and that; in doubt a line belongs to the prompt."""
    before, _, rest = text.partition("\nMessages: `")
    lines = rest.split("\n")
    end = len(lines)
    while end > 1 and _AFTER_PROMPT.fullmatch(lines[end - 1]):
        end -= 1
    return "\n".join([before, *lines[end:]]), "\n".join(lines[:end]).rstrip("`")


def _without_traceback(text: str) -> tuple[str, str]:
    message, opening, traceback = text.partition("Traceback (most recent call last):")
    return message, opening + traceback


#: What LiteLLM calls it → our name.
_LABELS = {
    "Model": "litellm_model",
    "Model Name": "model",
    "Request Model": "model",
    "model": "model",
    "model_group": "model",
    "deployment": "deployment",
    "Provider": "provider",
    "API Base": "api_base",
    "Region Name": "region",
    "vertex_location": "region",
    "vertex_project": "vertex_project",
    "Key Name": "key_alias",
    "Key Alias": "key_alias",
    "Team": "team_alias",
    "Team Alias": "team_alias",
    "call_type": "call_type",
}


def _fields(text: str) -> _Told:
    """The lines that are no field, plain, and the fields of the others. What LiteLLM adds comes last, so the last one counts."""
    facts: dict[str, object] = {}
    others = []
    for line in text.split("\n"):
        label, colon, value = line.strip().partition(":")
        name = _LABELS.get(label.removeprefix("*")) if colon else None
        if name is None:
            others.append(line)
        else:
            facts[name] = value.removeprefix("*").strip().strip("`")
    return _plain(others), {name: value for name, value in facts.items() if value not in ("", "None")}


_BOLD = re.compile(r"\*([^*]+)\*")
_BEFORE_WORDS = re.compile(r"[^\w$(<\[-]+")


def _plain(lines: Iterable[str]) -> str:
    """Lines without marks of formatting, emoji before a title and empty lines between."""
    return "\n".join(line for line in map(_plain_line, lines) if line)


def _plain_line(line: str) -> str:
    line = line.strip().replace("`", "")
    title = _BOLD.match(line)
    if title is None:
        return line
    emoji = _BEFORE_WORDS.match(title[1])
    return f"{title[1][emoji.end() if emoji else 0 :]}{line[title.end() :]}".strip()


def _as_it_is(text: str) -> _Told:
    return _plain(text.split("\n")), {}


_ERROR_CLASS = re.compile(r"(?:litellm\.(?:[a-z_]{1,40}\.)?(?=[A-Z])|(?=\w{1,60}(?:Error|Exception): ))(\w{1,60}): ?")
_PROVIDER = re.compile(r"\b(\w{1,40})Exception(?: \w{1,60})? - ")
_STATUS = re.compile(r"\bError code: ([1-5]\d\d)\b")
#: What its router appends; of several names the first is the one that the caller asked for.
_FAILED_GROUP = re.compile(r"^LiteLLM: model group '([^'\n]{1,200}?)(?: -> [^'\n]*)?' failed with the error above", re.MULTILINE)
#: Characters of an exception's text within which it says who failed and how.
_SAID_WITHIN = 300


def _llm_exception(text: str) -> _Told:
    text, traceback = _without_traceback(text.removeprefix("LLM API call failed: ").removesuffix("`"))
    message, facts = _fields(text)
    if group := _FAILED_GROUP.search(message):
        facts.setdefault("model", group[1])
    if "litellm_model" in facts and facts.setdefault("model", facts["litellm_model"]) == facts["litellm_model"]:
        del facts["litellm_model"]  # the model group is what callers know; where there is none, this is all there is
    error = _ERROR_CLASS.match(message)
    if error is not None:
        facts["error_class"] = error[1]
        # LiteLLM repeats the class of some.
        message = f"{error[1]}: {message[error.end() :].removeprefix(f'{error[1]}: ')}"
    beginning = message[:_SAID_WITHIN]
    if provider := _PROVIDER.search(beginning):
        facts["provider"] = {"vertexai": "vertex_ai"}.get(provider[1].lower(), provider[1].lower())
    if status := _STATUS.search(beginning):
        facts["error_code"] = status[1]
    return message, facts | {"traceback": traceback}


_SLOW = re.compile(rf"Responses are slow - ({_NUMBER})s response time > Alerting threshold: ({_NUMBER})s")


def _llm_too_slow(text: str) -> _Told:
    message, facts = _fields(text)
    if slow := _SLOW.search(message):
        message = f"Responses are slow: {slow[1]} s, above the threshold of {slow[2]} s"
        facts |= {"response_seconds": float(slow[1]), "threshold_seconds": float(slow[2])}
    return message, facts


_HANGING = re.compile(rf"Requests are hanging - ({_NUMBER})s\+ request time")


def _llm_requests_hanging(text: str) -> _Told:
    message, facts = _fields(text)
    if hanging := _HANGING.search(message):
        message = f"Requests are hanging: no answer within {hanging[1]} s"
        facts["threshold_seconds"] = float(hanging[1])
    return message, facts


_SEVERITY = re.compile(r"\b(Minor|Major) Service Outage\b")
_ERRORS = re.compile(r"^(Timeout|API|Unknown) Errors: (\d{1,9})$", re.MULTILINE)


def _outage(text: str) -> _Told:
    message, facts = _fields(text)
    severity = _SEVERITY.search(message)
    if severity is None:
        return message, facts
    counts = {kind: int(count) for kind, count in _ERRORS.findall(message)}
    facts |= {"severity": severity[1].lower(), "error_count": sum(counts.values())}
    facts |= {f"{kind.lower()}_errors": count for kind, count in counts.items()}
    errors = [f"{count} {kind if kind == 'API' else kind.lower()} error{'s' * (count != 1)}" for kind, count in counts.items()]
    return f"{severity[1]} outage" + (f": {', '.join(errors)}" if errors else ""), facts


_SPEND_ROW = re.compile(r"(Team|Tag): `([^`]*)` \| Spend: `([^`]*)`")
_AMERICAN_DATE = re.compile(r"\b(\d\d)-(\d\d)-(\d{4})\b")


def _spend_report(text: str) -> _Told:
    def readable(line: str) -> str:
        row = _SPEND_ROW.fullmatch(line)
        if row is None:
            return _AMERICAN_DATE.sub(r"\3-\1-\2", line).replace(" - ", " to ")
        return f"No team: {row[3]}" if row[2] == "None" else f"{row[1]} {row[2]}: {row[3]}"

    return _plain(map(readable, text.split("\n"))), {}


_DEPLOYMENT = re.compile(
    r"(\d+\. )Deployment: `([^`]*)`, (?:Failed Requests: `([^`]*)`|Latency per output token: `([^`]*)s/token`)"
)
_API_BASE = re.compile(r",  API Base: `([^`]+)`")
_TIMES = ("Time: `", "Next Run is at: `", "Here are today's key metrics")


def _daily_report(text: str) -> _Told:
    def readable(line: str) -> str:
        row = _DEPLOYMENT.match(line)
        if row is None:
            return line
        base = _API_BASE.fullmatch(line, row.end())
        figure = f"{row[4]} s per output token" if row[3] is None else f"{row[3]} failed requests"
        return f"{row[1]}{row[2]}: {figure}" + (f" ({base[1]})" if base else "")

    lines = [line.strip() for line in text.split("\n")]
    return _plain(readable(line) for line in lines if not line.startswith(_TIMES)), {}


_FALLBACK = re.compile(r"`(\d{1,18}) successful fallback requests` with primary model=`([^`]*)` -> fallback model=`([^`]*)`")


def _fallback_report(text: str) -> _Told:
    def readable(line: str) -> str:
        row = _FALLBACK.fullmatch(line)
        # Not "successful": the reference says so of failed ones too (D30).
        return line if row is None else f"{row[2]} → {row[3]}: {row[1]} fallbacks"

    return _plain(map(readable, text.split("\n"))), {}


def _model_deprecation(text: str) -> _Told:
    # What LiteLLM escaped for Slack is escaped again where it is shown.
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    message, _, _ = text.partition("\nPlan migrations to a supported model.")
    lines = message.split("\n")
    return _plain(lines[1:] if "Model Deprecation Warning" in lines[0] else lines), {}


_COST = {"input_cost_per_token": "input_usd_per_million_tokens", "output_cost_per_token": "output_usd_per_million_tokens"}
_MODEL_INFO = {"litellm_provider": "provider", "mode": "mode"} | {
    name: name for name in ("max_input_tokens", "max_output_tokens")
}


def _new_model(text: str) -> _Told:
    """Its name and what it costs, out of some eight thousand characters of sample code and prices."""
    head, _, rest = text.partition("```")
    message, facts = _fields(head.partition("\nUsage OpenAI Python SDK:")[0])
    _, _, dump = rest.partition("Model Info:")
    info = dict(line.partition(": ")[::2] for line in reversed(dump.split("\n")))
    facts |= {name: info[label] for label, name in _MODEL_INFO.items() if label in info}
    facts |= {name: _usd_per_million(info[label]) for label, name in _COST.items() if label in info}
    if "model" not in facts:
        return message, facts
    base_model = re.search(r"^Base Model: (.*)$", message, re.MULTILINE)
    return f"New model added: {facts['model']}", facts | {"base_model": base_model[1] if base_model else ""}


def _usd_per_million(cost: str) -> str:
    """US dollars for one token, in text → for a million; nothing where it is no price."""
    try:
        price = Decimal(cost[:40])
    except InvalidOperation:
        return ""
    is_price = price.is_finite() and 0 <= price < 1_000 and (price == 0 or price.adjusted() > -30)
    return f"{(price * 1_000_000).normalize():f}" if is_price else ""


def _failure(text: str) -> _Told:
    """A database's failure, or one to track spend: the message, and where in the code it was."""
    text, _, arguments = text.partition("\n Args to _PROXY_track_cost_callback\n")
    text, traceback = _without_traceback(text)
    message = text.removesuffix("\n Traceback:").removeprefix("Failed Tracking Cost for ")
    return _plain(message.split("\n")), _fields(arguments)[1] | {"traceback": traceback}


def _user_spend(text: str) -> _Told:
    """One user or several; only of one can it be said whom the alert is about."""
    users = re.findall(r"^User: `(.*)`$", text, re.MULTILINE)
    return _plain(text.split("\n")), {"user_id": users[0]} if len(users) == 1 else {}


def _mcp(text: str) -> _Told:
    server = re.match(r"MCP server `([^`]*)`", text)
    return _plain(text.split("\n")), {"mcp_server": server[1] if server else ""}


_ARGUMENTS = "\n*Arguments passed:*\n"
_BY_WHOM = {
    "created_by_user_id": "done_by_user_id",
    "created_by_user_role": "done_by_role",
    "created_by_key_alias": "done_by_key_alias",
}
#: What the object is called: the first of these that was given.
_NAMES = (
    *("key_alias", "key_aliases", "team_alias", "user_email", "user_alias"),
    *("team_id", "team_ids", "user_id", "user_ids", "key", "keys"),
)
#: A list of one is that one.
_SINGULAR = {"key_aliases": "key_alias", "team_ids": "team_id", "user_ids": "user_id"}


def _management_event(text: str) -> _Told:
    # Only what comes before can hold a line break of somebody's choice, so the last one is LiteLLM's.
    head, found, arguments = text.rpartition(_ARGUMENTS)
    if not found:
        return _as_it_is(text)
    title, *lines = head.split("\n")
    title = _plain_line(title).capitalize()
    action = title.rpartition(" ")[2]
    facts: dict[str, object] = {"action": action}
    for label, value in map(_argument, lines):
        if label in _BY_WHOM:
            facts.setdefault(_BY_WHOM[label], value)
    thing: dict[str, str] = {}
    for label, value in map(_argument, arguments.split("\n")):
        if label == "data":
            thing |= set_fields(value, is_new=action == "created")
        elif " object at 0x" not in value:
            thing[label] = value
    name = next((thing[field] for field in _NAMES if field in thing), "")
    thing = {field if "," in value else _SINGULAR.get(field, field): value for field, value in thing.items()}
    by = f" by {facts['done_by_user_id']}" if "done_by_user_id" in facts else ""
    return f"{title}{by}" + (f": {name}" if name else ""), facts | thing | facts


def _argument(line: str) -> tuple[str, str]:
    label, _, value = line.partition(": `")
    return label, value.removesuffix("`")


_READERS: Mapping[str, Callable[[str], _Told]] = {
    LLM_EXCEPTIONS: _llm_exception,
    LLM_TOO_SLOW: _llm_too_slow,
    LLM_REQUESTS_HANGING: _llm_requests_hanging,
    OUTAGE_ALERTS: _outage,
    REGION_OUTAGE_ALERTS: _outage,
    SPEND_REPORTS: _spend_report,
    DAILY_REPORTS: _daily_report,
    USER_SPEND_THRESHOLDS: _user_spend,
    USER_SPEND_ANOMALIES: _user_spend,
    NEW_MODEL_ADDED: _new_model,
    "fallback_reports": _fallback_report,
    "model_deprecation_warnings": _model_deprecation,
    "db_exceptions": _failure,
    "failed_tracking_spend": _failure,
    "mcp_tool_description_blocked": _mcp,
    "mcp_pinned_tools_changed": _mcp,
} | dict.fromkeys(CHANGES, _management_event)
