"""LiteLLM's texts: what is one, what each kind says, and what never comes out of one. The recorded ones are in tests/contract."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.slack.litellm_text import MAX_NAME_CHARACTERS, MAX_VALUE_CHARACTERS, parse_litellm_text
from gateway_alerts.alert_types import ALERT_TYPES, SLACK_MESSAGE
from gateway_alerts.events import MAX_MESSAGE_CHARACTERS, MAX_METADATA_ENTRIES, GatewayAlert, WebhookEvent

CAPTURES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["body"]["text"]
    for path in sorted(Path("tests/data/litellm/slack").iterdir())
}


def text_of(message: str, *, alert_type: str = "llm_exceptions", after: str = "") -> str:
    return f"Alert type: `{alert_type}`\nLevel: `High`\nTimestamp: `09:25:49`\n\nMessage: {message}{after}"


def told(message: str, **kind: str) -> GatewayAlert:
    alert = parse_litellm_text(text_of(message, **kind))
    assert isinstance(alert, GatewayAlert)
    return alert


NO_ALERT = {
    "nothing": "",
    "prose": "The search index is down",
    "prose about an alert": "See Alert type: `llm_exceptions` below",
    "an unknown type": text_of("x", alert_type="from_the_future"),
    "the type of other senders' messages": text_of("x", alert_type=SLACK_MESSAGE),
    "no type": text_of("x", alert_type=""),
    "no message": "Alert type: `llm_exceptions`\nLevel: `High`\nTimestamp: `09:25:49`",
    "an empty message": text_of(""),
    "an empty message before the gateway's address": text_of("", after="\n\nProxy URL: `http://a`"),
    "something else than a message": "Alert type: `llm_exceptions`\nLevel: `High`\n\nHello",
    "a report without a word": "Alert type: `daily_reports`",
    "a budget without figures, as its test button sends": text_of(
        "This is a test slack alert message", alert_type="budget_alerts"
    ),
    "a budget without its owner": text_of("Key Budget: \n\n*spend:* `1.0`\n*max_budget:* `1.0`\n", alert_type="budget_alerts"),
    "a budget without a spend": text_of(
        "Key Budget: \n\n*max_budget:* `1.0`\n*event_group:* `key`\n", alert_type="budget_alerts"
    ),
    "a spend that is no number": text_of("Key: \n\n*spend:* `lots`\n*event_group:* `key`\n", alert_type="budget_alerts"),
    "a spend beyond all money": text_of("Key: \n\n*spend:* `1e99`\n*event_group:* `key`\n", alert_type="budget_alerts"),
    "a limit that is no number": text_of(
        "Key: \n\n*spend:* `1`\n*max_budget:* `nan`\n*event_group:* `key`\n", alert_type="budget_alerts"
    ),
}


@pytest.mark.parametrize("text", NO_ALERT.values(), ids=NO_ALERT)
def test_what_is_no_alert_of_litellm_is_left_to_be_passed_on(text: str) -> None:
    assert parse_litellm_text(text) is None


@pytest.mark.parametrize("name", [name for name in ALERT_TYPES if name not in ("budget_alerts", SLACK_MESSAGE)])
def test_every_type_takes_a_message_of_any_words_as_its_test_buttons_send(name: str) -> None:
    alert = told("Outage Alert *Exception* `test` alert", alert_type=name)
    assert (alert.alert_type, alert.level, alert.message, alert.metadata) == (
        name,
        "High",
        "Outage Alert *Exception* test alert",
        {},
    )


@pytest.mark.parametrize("name", ["daily_reports", "new_model_added"])
def test_a_type_without_headers_begins_with_its_message(name: str) -> None:
    for between in ("", "\n", "\n\n"):
        alert = parse_litellm_text(f"Alert type: `{name}`{between}Daily Reports test alert")
        assert isinstance(alert, GatewayAlert)
        assert (alert.alert_type, alert.level, alert.message) == (name, None, "Daily Reports test alert")


PLAIN = {
    "lines": ("  a \n\n\t`b`\n", "a\nb"),
    "a title": ("*⚠️ A title:*", "A title:"),
    "a title and more": ("* 💸 A title * `b`", "A title  b"),
    "a title without a word": ("*⚠️* b", "b"),
    "a pattern of names": ("openai/* and gpt-*", "openai/* and gpt-*"),
    "an asterisk": ("* a", "* a"),
}


@pytest.mark.parametrize(("text", "message"), PLAIN.values(), ids=PLAIN)
def test_a_message_is_plain_lines(text: str, message: str) -> None:
    assert told(text, alert_type="cooldown_deployment").message == message


LEVELS = {"Low": "Low", "Medium": "Medium", "High": "High", "Grave": None}


@pytest.mark.parametrize(("said", "level"), LEVELS.items())
def test_only_a_level_that_there_is_counts(said: str, level: str | None) -> None:
    alert = parse_litellm_text(text_of("x").replace("High", said))
    assert isinstance(alert, GatewayAlert)
    assert alert.level == level


DIGEST = (
    "Alert type: `db_exceptions` (Digest)\nLevel: `High`\nStart: `2026-11-23 09:26:01`\nEnd: `2026-11-23 10:26:01`\n"
    "Count: `4`\n\nMessage: x"
)
COUNTS = {
    "one": (text_of("x"), None),
    "so many in one batch": (f"[Num Alerts: 3]\n\n{text_of('x')}", 3),
    "a digest": (DIGEST, 4),
    "equal digests of several gateways": (f"[Num Alerts: 3]\n\n{DIGEST}", 12),
    "none": (DIGEST.replace("`4`", "`0`"), None),
    "more than can be": (DIGEST.replace("`4`", f"`{'9' * 40}`"), None),
    "no number": (DIGEST.replace("`4`", "`many`"), None),
}


@pytest.mark.parametrize(("text", "count"), COUNTS.values(), ids=COUNTS)
def test_how_many_it_speaks_for(text: str, count: int | None) -> None:
    alert = parse_litellm_text(text)
    assert isinstance(alert, GatewayAlert)
    assert alert.metadata.get("count") == count


@pytest.mark.parametrize("around", [" ", "\n\n"])
def test_space_around_a_text_says_nothing(around: str) -> None:
    for text in CAPTURES.values():
        assert parse_litellm_text(f"{around}{text}{around}") == parse_litellm_text(text)


def test_a_digest_says_when_it_began_and_ended() -> None:
    alert = parse_litellm_text(DIGEST)
    assert isinstance(alert, GatewayAlert)
    assert alert.metadata == {"count": 4, "digest_start": "2026-11-23 09:26:01", "digest_end": "2026-11-23 10:26:01"}


AFTER = {
    "nothing": ("", {}),
    "the gateway's address": ("\n\nProxy URL: `http://gw`", {"proxy_url": "http://gw"}),
    "a trace": ("\n\n🪢 Langfuse Trace: `https://l/trace/1`\n\n", {"langfuse_trace": "https://l/trace/1"}),
    "alerting metadata": ("\n\n*Alerting Metadata*: \nticket: `INC-1`\n\n", {"ticket": "INC-1"}),
    "alerting metadata in lines": ("\n\n*Alerting Metadata*: \nnote: `a\nb`\n\n", {"note": "a\nb"}),
    "alerting metadata that imitates what the alert says": (
        "\n\n*Alerting Metadata*: \nerror_class: `Forged`\n\n\n\n*Alerting Metadata*: \nstate: `ended`\n\n",
        {"alerting_metadata.error_class": "Forged", "alerting_metadata.state": "ended"},
    ),
    "alerting metadata without a value": ("\n\n*Alerting Metadata*: \nticket: `None`\n\n\n\n*Alerting Metadata*: \nx", {}),
    "a secret": ("\n\n*Alerting Metadata*: \nsk-1234: `Bearer abc12345`\n\n", {"sk-…": "Bearer abc…"}),
    "all of it": (
        "\n\n🪢 Langfuse Trace: `t`\n\n\n\n*Alerting Metadata*: \na: `1`\n\n\n\n*Alerting Metadata*: \nb: `2`\n\n\n\nProxy URL: `http://gw`",
        {"a": "1", "b": "2", "langfuse_trace": "t", "proxy_url": "http://gw"},
    ),
}


@pytest.mark.parametrize(("after", "metadata"), AFTER.values(), ids=AFTER)
def test_what_follows_the_message_is_no_part_of_it(after: str, metadata: dict[str, str]) -> None:
    alert = told("No deployments available", after=after)
    assert (alert.message, alert.metadata) == ("No deployments available", metadata)


BUDGET = (
    "Key Budget: 5% or less of budget remaining\n\n"
    "*spend:* `9.6`\n*max_budget:* `10.0`\n*key_alias:* `{}`\n*event_group:* `key`\n"
)


def budget(alias: str) -> WebhookEvent | GatewayAlert | None:
    return parse_litellm_text(text_of(BUDGET.format(alias), alert_type="budget_alerts", after="\n\nProxy URL: `http://gw`"))


@pytest.mark.parametrize("alias", ["k5", "a\nb", "a `quoted` one", "*bold:* `x", "Proxy URL: `x"])
def test_a_budgets_alias_may_be_anything(alias: str) -> None:
    event = budget(alias)
    assert isinstance(event, WebhookEvent)
    assert event.key_alias == alias


@pytest.mark.parametrize("forged", ["event_group:* `proxy", "spend:* `0", "max_budget:* `1"])
def test_a_budgets_alias_cannot_imitate_a_field(forged: str) -> None:
    assert budget(f"x`\n*{forged}") is None


VERDICTS = {
    "Key Budget: 15% or less of budget remaining": "threshold_crossed",
    "Key Budget: 5% or less of budget remaining": "threshold_crossed",
    "Key Budget: Budget Crossed\n Total Budget:`10.0`": "budget_crossed",
    "Soft Budget Crossed: Total Soft Budget:`5.0`": "soft_budget_crossed",
    "Soft Budget Crossed: Total Soft Budget:`5.0`5% or less of budget remaining": "threshold_crossed",
    "Soft Budget Crossed: Total Soft Budget:`5.0`Budget Crossed\n Total Budget:`10.0`": "budget_crossed",
    "Key Budget: Projected Limit Exceeded": "projected_limit_exceeded",
    "Key Budget: Projected Limit ExceededBudget Crossed\n Total Budget:`10.0`": "budget_crossed",
    "Key Budget: words of another version": "unknown",
}


@pytest.mark.parametrize(("message", "event"), VERDICTS.items(), ids=VERDICTS)
def test_a_budgets_verdict_is_the_one_that_its_webhook_has(message: str, event: str) -> None:
    text = f"{message}\n\n*spend:* `9.6`\n*max_budget:* `10.0`\n*event_group:* `key`\n"
    parsed = parse_litellm_text(text_of(text, alert_type="budget_alerts"))
    assert isinstance(parsed, WebhookEvent)
    assert (parsed.event, parsed.event_message) == (event, message)


DEBUG = (
    "\n\nKey Name: `prod`\nTeam: `None`\nModel: azure/gpt-4o\nAPI Base: `https://a.example`\nMessages: `[{'role': 'user', "
    "'content': 'a prompt'}]`\nmodel_group: `gpt-4o`\n\ndeployment: `azure/gpt-4o-eu`\n"
)
FAILURES: dict[str, tuple[str, str, dict[str, str]]] = {
    "a class of LiteLLM's": (
        "litellm.RateLimitError: quota exceeded",
        "RateLimitError: quota exceeded",
        {"error_class": "RateLimitError"},
    ),
    "a class that is said twice, and a provider": (
        "litellm.RateLimitError: RateLimitError: OpenAIException - Error code: 429 - slow down",
        "RateLimitError: OpenAIException - Error code: 429 - slow down",
        {"error_class": "RateLimitError", "provider": "openai", "error_code": "429"},
    ),
    "a provider whose name LiteLLM writes otherwise": (
        "litellm.BadRequestError: VertexAIException BadRequestError - no",
        "BadRequestError: VertexAIException BadRequestError - no",
        {"error_class": "BadRequestError", "provider": "vertex_ai"},
    ),
    "a class with its module": ("litellm.exceptions.Timeout: late", "Timeout: late", {"error_class": "Timeout"}),
    "another class": ("ValueError: no", "ValueError: no", {"error_class": "ValueError"}),
    "no class": ("Note: no deployment is left", "Note: no deployment is left", {}),
    "several lines": ("litellm.APIError: a\nb", "APIError: a\nb", {"error_class": "APIError"}),
    "all that LiteLLM adds": (
        f"litellm.APIError: no{DEBUG}",
        "APIError: no",
        {
            "error_class": "APIError",
            "key_alias": "prod",
            "model": "gpt-4o",
            "litellm_model": "azure/gpt-4o",
            "api_base": "https://a.example",
            "deployment": "azure/gpt-4o-eu",
            "prompt": "[{'role': 'user', 'content': 'a prompt'}]",
        },
    ),
    "a model group that its router appends": (
        "litellm.APIError: no\n\nLiteLLM: model group 'chat' failed with the error above. No fallback was attempted.",
        "APIError: no\nLiteLLM: model group 'chat' failed with the error above. No fallback was attempted.",
        {"error_class": "APIError", "model": "chat"},
    ),
    "a model group and what it stands for": (
        "litellm.APIError: no\n\n"
        "LiteLLM: model group 'alias -> chat' failed with the error above and no fallback model group was found",
        "APIError: no\nLiteLLM: model group 'alias -> chat' failed with the error above and no fallback model group was found",
        {"error_class": "APIError", "model": "alias"},
    ),
    "a model group alone": (
        "litellm.APIError: no\nMessages: `[1]`\nmodel_group: `g`",
        "APIError: no",
        {"error_class": "APIError", "model": "g", "prompt": "[1]"},
    ),
    "no model group": (
        "litellm.APIError: no\nModel: gpt-4o\nMessages: `[1]`",
        "APIError: no",
        {"error_class": "APIError", "model": "gpt-4o", "prompt": "[1]"},
    ),
    "a traceback": (
        "litellm.APIError: no\nModel: m\n\nTraceback (most recent call last):\n  File x\n",
        "APIError: no",
        {"error_class": "APIError", "model": "m", "traceback": "Traceback (most recent call last):\n  File x"},
    ),
    "fields that the error's own text imitates": (
        "litellm.APIError: no\nKey Name: `forged`\n\nKey Name: `prod`\nTeam: `t`\nModel: m",
        "APIError: no",
        {"error_class": "APIError", "key_alias": "prod", "team_alias": "t", "model": "m"},
    ),
    "a key": (
        "litellm.AuthenticationError: sk-1234 is wrong",
        "AuthenticationError: sk-… is wrong",
        {"error_class": "AuthenticationError"},
    ),
}


@pytest.mark.parametrize(("error", "message", "metadata"), FAILURES.values(), ids=FAILURES)
def test_a_failed_request(error: str, message: str, metadata: dict[str, str]) -> None:
    alert = told(f"LLM API call failed: `{error}`")
    assert (alert.message, alert.metadata) == (message, metadata)


SLOW = "`Responses are slow - 3.21s response time > Alerting threshold: 2s`\nRequest Model: `m`\nAPI Base: `None`\nMessages: `{}`"


@settings(deadline=None)
@given(
    prompt=st.text(alphabet=st.one_of(st.sampled_from("\n`:*' "), st.characters()), max_size=60),
    end=st.text(alphabet="\n`: ", max_size=5),
)
def test_what_the_caller_asked_is_in_the_prompt_and_nowhere_else(prompt: str, end: str) -> None:
    asked = f"{prompt}ASKED{end}"
    for alert in (
        told(SLOW.format(asked), alert_type="llm_too_slow"),
        told(SLOW.format(asked) + "\nAvailable Deployment Latencies\n```\nb: 0.4s```", alert_type="llm_too_slow"),
        told(f"LLM API call failed: `litellm.APIError: no\nModel: m\nMessages: `{asked}`\nmodel_group: `g`\n`"),
        told(f"LLM API call failed: `litellm.APIError: no\nModel: m\nMessages: `{asked}``"),
        told(f"LLM API call failed: `litellm.APIError: no\nMessages: `{asked}`\nmodel_group: `g`\n\n\nTraceback\n`"),
        told(f"Words of another version\nMessages: `{asked}`", alert_type="llm_requests_hanging"),
    ):
        assert "ASKED" in alert.metadata["prompt"]
        others = {name: value for name, value in alert.metadata.items() if name != "prompt"}
        assert "ASKED" not in f"{alert.message}{others}"


def test_latencies_of_deployments_are_told_only_when_they_are_some() -> None:
    fine = told(SLOW.format("x") + "\nAvailable Deployment Latencies\n```\na: 0.4s\nb: 2.25s```", alert_type="llm_too_slow")
    assert fine.metadata["deployment_latencies"] == "a 0.4 s, b 2.25 s"
    odd = told(SLOW.format("x") + "\nAvailable Deployment Latencies\n```\nwhat else```", alert_type="llm_too_slow")
    assert "deployment_latencies" not in odd.metadata
    assert "what else" in odd.metadata["prompt"]
    assert told("a: 0.4s", alert_type="llm_too_slow").message == "a: 0.4s"


def test_an_outage_without_counts_is_told_too() -> None:
    alert = told("\n\n*⚠️ Major Service Outage*\n\n*Region Name:* `eu`\n", alert_type="outage_alerts")
    assert (alert.alert_type, alert.message) == ("region_outage_alerts", "Major outage")
    assert alert.metadata == {"region": "eu", "severity": "major", "error_count": 0}


@pytest.mark.parametrize("model", ["openai/*", "*", "a: b"])
def test_a_model_may_be_a_pattern(model: str) -> None:
    alert = told(f"*⚠️ Minor Service Outage*\n\n*Model Name:* `{model}`\n", alert_type="outage_alerts")
    assert alert.metadata["model"] == model


def test_one_error_is_one_error() -> None:
    alert = told("*⚠️ Minor Service Outage*\n\nAPI Errors: 1\n\nUnknown Errors: 2\n", alert_type="outage_alerts")
    assert alert.message == "Minor outage: 1 API error, 2 unknown errors"
    assert alert.metadata == {"severity": "minor", "error_count": 3, "api_errors": 1, "unknown_errors": 2}


def management(data: str, *, alert_type: str = "virtual_key_updated", alias: str = "admin", more: str = "") -> GatewayAlert:
    title = alert_type.replace("_", " ").title()
    return told(
        f"`{title}`\n*Action Done by:*\ncreated_by_user_id: `ada`\ncreated_by_user_role: `proxy_admin`\n"
        f"created_by_key_alias: `{alias}`\n\n*Arguments passed:*\ndata: `{data}`\n{more}",
        alert_type=alert_type,
    )


BY_ADA = {"done_by_user_id": "ada", "done_by_role": "proxy_admin", "done_by_key_alias": "admin"}


def test_a_changed_key_says_who_what_and_what_was_set() -> None:
    alert = management("key='sk-words-that-look-like-none' key_alias='a' spend=0 models=[]")
    assert alert.message == "Virtual key updated by ada: a"
    assert alert.metadata == {"action": "updated", **BY_ADA, "key": "sk-…none", "key_alias": "a", "spend": "0"}


@pytest.mark.parametrize(
    ("more", "metadata"),
    [
        pytest.param("litellm_changed_by: `None`\n", {}, id="nobody"),
        pytest.param("litellm_changed_by: `bob`\n", {"litellm_changed_by": "bob"}, id="somebody else"),
        pytest.param(
            "request: `<starlette.requests.Request object at 0x7f00>`\n", {}, id="an object, which would differ each time"
        ),
    ],
)
def test_other_arguments_are_told_when_they_say_something(more: str, metadata: dict[str, str]) -> None:
    assert management("a='b'", more=more).metadata == {"action": "updated", **BY_ADA, "a": "b", **metadata}


@pytest.mark.parametrize(
    ("data", "metadata"),
    [
        pytest.param("user_ids=['u1']", {"user_id": "u1"}, id="one"),
        pytest.param("user_ids=['u1', 'u2']", {"user_ids": "u1, u2"}, id="two"),
    ],
)
def test_a_list_of_one_is_that_one(data: str, metadata: dict[str, str]) -> None:
    alert = management(data, alert_type="internal_user_deleted")
    assert alert.metadata == {"action": "deleted", **BY_ADA, **metadata}


def test_who_did_it_cannot_be_imitated_by_an_alias() -> None:
    forged = "x`\ncreated_by_user_id: `forged`\n\n*Arguments passed:*\ndata: `key_alias='forged'`"
    alert = management("key_alias='a'", alias=forged)
    assert alert.message == "Virtual key updated by ada: a"
    assert alert.metadata["done_by_user_id"] == "ada"
    assert alert.metadata["key_alias"] == "a"


def test_a_field_that_is_set_cannot_be_taken_for_who_did_it() -> None:
    metadata = {"done_by_user_id": "forged", "action": "forged"}
    alert = management(" ".join(f"{name}={value!r}" for name, value in metadata.items()))
    assert alert.metadata == {"action": "updated", **BY_ADA}


PRICES = {
    "0.00000250": "2.5",
    "1e-05": "10",
    "0": "0",
    "0.0": "0",
    "None": None,
    "free": None,
    "nan": None,
    "inf": None,
    "-1": None,
    "1e999999": None,
    "1e-999999": None,
}


@pytest.mark.parametrize(("price", "usd"), PRICES.items())
def test_a_price_is_told_by_the_million_tokens(price: str, usd: str | None) -> None:
    text = (
        "*🚅 New Model Added*\nModel Name: `m`\nBase Model: `b`\n\n\nUsage OpenAI Python SDK:\n```\nx\n```\n\n"
        f"Model Info: \n```\ninput_cost_per_token: {price}\n\n```\n"
    )
    alert = parse_litellm_text(f"Alert type: `new_model_added`\n{text}")
    assert isinstance(alert, GatewayAlert)
    assert alert.message == "New model added: m"
    expected = {"model": "m", "base_model": "b"} | ({} if usd is None else {"input_usd_per_million_tokens": usd})
    assert alert.metadata == expected


def test_a_new_model_in_other_words_is_told_without_the_dump() -> None:
    alert = parse_litellm_text("Alert type: `new_model_added`\nA model came\n```\nimport x\n```\n")
    assert isinstance(alert, GatewayAlert)
    assert (alert.message, alert.metadata) == ("A model came", {})


def test_names_in_a_deprecation_are_plain_text_again() -> None:
    alert = told("*⚠️ Model Deprecation Warning*\n\n• `a&amp;lt;&lt;b&gt;` (x)", alert_type="model_deprecation_warnings")
    assert alert.message == "• a&lt;<b> (x)"


def test_a_failure_to_track_spend_names_the_model_and_hides_the_traceback() -> None:
    alert = told(
        "Failed Tracking Cost for Error in tracking cost callback - no price\n Traceback:Traceback (most recent call last):\n"
        "  File x\n\n Args to _PROXY_track_cost_callback\n model: gpt-4o\n call_type: acompletion\n",
        alert_type="failed_tracking_spend",
    )
    assert alert.message == "Error in tracking cost callback - no price"
    assert alert.metadata == {
        "model": "gpt-4o",
        "call_type": "acompletion",
        "traceback": "Traceback (most recent call last):\n  File x",
    }


USERS = {
    "one user": (["u1"], {"user_id": "u1"}),
    "several users": (["u1", "u2"], {}),
}


@pytest.mark.parametrize("name", ["user_spend_thresholds", "user_spend_anomalies"])
@pytest.mark.parametrize(("users", "metadata"), USERS.values(), ids=USERS)
def test_a_users_spend(users: list[str], metadata: dict[str, str], name: str) -> None:
    one = "User Spend Above It:\nUser: `{}`\nSpend Today: `$12.34`"
    alert = told("\n\n".join(one.format(user) for user in users), alert_type=name)
    assert alert.message == "\n".join(f"User Spend Above It:\nUser: {user}\nSpend Today: $12.34" for user in users)
    assert alert.metadata == metadata


@pytest.mark.parametrize("name", CAPTURES)
def test_the_same_at_another_time_is_the_same_event(name: str) -> None:
    later = re.sub(r"Timestamp: `\d\d:\d\d:\d\d`", "Timestamp: `23:59:59`", CAPTURES[name])
    later = re.sub(r"(Time|Next Run is at): `[\d.]+`s", r"\1: `1.5`s", later).replace("`0.0s ago`", "`7.5s ago`")
    assert (later != CAPTURES[name]) is (name not in ("digest", "new_model_added"))
    assert parse_litellm_text(later) == parse_litellm_text(CAPTURES[name])


@pytest.mark.parametrize("name", CAPTURES)
def test_no_message_has_marks_of_formatting_the_gateways_address_or_the_time(name: str) -> None:
    alert = parse_litellm_text(CAPTURES[name])
    if isinstance(alert, GatewayAlert):
        assert not re.search(r"[`*]|\d\d:\d\d|\n\n|gateway\.example\.internal|[⚠️💸📈😅🚅❗]", alert.message)


def test_what_is_too_long_is_cut_where_it_comes_in() -> None:
    items = "".join(f"\n\n*Alerting Metadata*: \n{n}{'n' * 200}: `{'v' * 2_000}`\n\n" for n in range(100))
    alert = told(f"`litellm.APIError: {'é' * 20_000}`", after=items)
    assert len(alert.message) == MAX_MESSAGE_CHARACTERS
    assert len(alert.metadata) == MAX_METADATA_ENTRIES
    assert alert.metadata["error_class"] == "APIError"
    assert {len(name) for name in alert.metadata} <= {len("error_class"), MAX_NAME_CHARACTERS}
    assert {len(value) for value in alert.metadata.values()} <= {len("APIError"), MAX_VALUE_CHARACTERS}


def test_no_secret_of_a_capture_is_in_its_alert() -> None:
    shown = "".join(str(parse_litellm_text(text)) for text in CAPTURES.values())
    assert "PLAINTEXT-SECRET" in "".join(CAPTURES.values())
    assert "PLAINTEXT" not in shown


UNITS = (
    *("a", " ", "\n", "`", "*", ":", "-", "1", "\n\n", "a: `", "\n`", "'", "a='", "1.", "\\'"),
    *(
        "\n\n*Alerting Metadata*: \n",
        "\n\nProxy URL: `",
        "\nMessages: `",
        "\nLevel: `x`",
        "*a:* `",
        "\n*a:* `x",
        "[Num Alerts: 1]\n\n",
    ),
    *(
        "litellm.",
        "Exception - ",
        "a: 1s\n",
        "Team: `a` | Spend: `",
        "User: `a`\n",
        "\n*Arguments passed:*\n",
        "1. Deployment: `",
    ),
    *(
        "Traceback (most recent call last):",
        "\nAvailable Deployment Latencies\n```\n",
        "01-01-2026 - ",
        "`1 successful fallback requests`",
    ),
)


@pytest.mark.parametrize("unit", UNITS)
def test_a_long_text_takes_no_time_to_speak_of(unit: str) -> None:
    hostile = unit * (50_000 // len(unit))
    began = time.process_time()
    parse_litellm_text(hostile)
    for name in ALERT_TYPES:
        parse_litellm_text(text_of(hostile, alert_type=name))
        parse_litellm_text(f"Alert type: `{name}`\nMessage: `x`\n{hostile}")
    assert time.process_time() - began < 10
