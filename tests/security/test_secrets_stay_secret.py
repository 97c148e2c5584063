"""Every failure path of both functions, with secrets planted everywhere: none is said in any place.

A place is a log line, a metric, an answer, an exception with its whole chain, a request to AWS (queued alerts, the
outbox, dead letters' reasons, gates) and a posted message.
"""

import base64
import json
import ssl
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.alerts import QueuedAlert, Report
from notify.destinations.registry import DESTINATION_TYPES
from tests.pipeline.evaluate.builders import budget_event, http_request, request_log
from tests.security.planted import (
    AWS_SECRET,
    LEAKED,
    LEAKED_BEARER,
    LEAKED_KEY,
    OPERATORS,
    OTHER_WEBHOOK,
    SIGNING_SECRET,
    VALID_TOKEN,
    WEBHOOK,
    WRONG_TOKEN,
    Slack,
    Watch,
    record,
    slack_fails,
    slack_says,
    watch_over,
)
from tests.unit.conftest import clean_environment  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws, age_secrets, unreachable
from tests.unit.notify.fakes import make_incident, make_record

EVERYTHING = " ".join([VALID_TOKEN, WRONG_TOKEN, WEBHOOK, OTHER_WEBHOOK, AWS_SECRET, LEAKED_KEY, LEAKED_BEARER])
CROSSING = budget_event(spend=9, max_budget=10, user_id="u")


@pytest.fixture
def watch(
    clean_environment: None,  # noqa: F811
    fake_aws: FakeAws,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Watch:
    return watch_over(fake_aws, monkeypatch, capfd)


def sent(body: Any = CROSSING, *, token: str | None = VALID_TOKEN, **how: Any) -> dict[str, Any]:
    return http_request(body, token=token, **how)


def with_header(value: str) -> dict[str, Any]:
    event = sent(token=None)
    event["headers"]["Authorization"] = value
    return event


def eventbridge(detail: Any) -> dict[str, Any]:
    return {"source": "llm-gateway", "detail-type": "Budget Event", "detail": detail}


def queued(**given: Any) -> dict[str, Any]:
    return record(make_record(**given)["body"])


def test_the_watch_finds_what_is_said(watch: Watch) -> None:
    """The shared helper must be able to fail: each place is looked at."""
    watch.evaluate(sent(budget_event(spend=9, max_budget=10, user_id=WRONG_TOKEN)))
    with pytest.raises(AssertionError, match="a wrong token is in the request UpdateItem"):
        watch.assert_silent()
    watch.notify(queued(name=VALID_TOKEN))
    with pytest.raises(AssertionError, match="the valid token is in a posted message"):
        watch.assert_silent()
    print(VALID_TOKEN)
    with pytest.raises(AssertionError, match="the valid token is in a log line or a metric"):
        watch.assert_silent()


def test_all_is_well(watch: Watch) -> None:
    watch.evaluate(sent())
    watch.evaluate(sent(in_path=True))
    (_, send), *_ = [call for call in watch.aws.calls if call[0] == "SendMessageBatch"]
    watch.notify(record(send["Entries"][0]["MessageBody"]))
    assert len(watch.posted) == 1
    watch.assert_silent()


SENDERS: dict[str, dict[str, Any]] = {
    "a wrong token in the header": sent(token=WRONG_TOKEN),
    "a wrong token in the path": sent(token=WRONG_TOKEN, in_path=True),
    "a wrong token in both": sent(token=WRONG_TOKEN, in_path=True) | {"headers": {"authorization": f"Bearer {WRONG_TOKEN}"}},
    "no token": sent(token=None),
    "the valid token without its scheme": with_header(VALID_TOKEN),
    "the valid token in another scheme": with_header(f"Basic {VALID_TOKEN}"),
    "two tokens": with_header(f"Bearer {VALID_TOKEN}, Bearer {WRONG_TOKEN}"),
    "a token with more after it": with_header(f"Bearer {VALID_TOKEN}{WRONG_TOKEN}"),
    "a token beyond ASCII": with_header(f"Bearer {WRONG_TOKEN}\udc80é"),
    "a token at another route": sent(token=WRONG_TOKEN, in_path=True, routeKey="GET /events/{token}"),
    "a token in the query": sent(token=None, query={"token": VALID_TOKEN}),
    "no JSON": sent("{nope " + EVERYTHING),
    "no JSON, in a line of several": sent(json.dumps(CROSSING) + "\n{" + EVERYTHING),
    "JSON of no event": sent({EVERYTHING: EVERYTHING}),
    "JSON that is text": sent(json.dumps(EVERYTHING)),
    "too deep": sent("[" * 100_000 + EVERYTHING),
    "no base64": sent(EVERYTHING, isBase64Encoded=True),
    "base64 of no UTF-8": sent(base64.b64encode(b"\xff\xfe" + EVERYTHING.encode()).decode(), isBase64Encoded=True),
    "a lone surrogate": sent("\udc80" + EVERYTHING),
    "too large": sent(EVERYTHING * 40_000),
    "too many": sent([{"type": EVERYTHING}] * 10_001),
    "a wrong number": sent(budget_event(spend=EVERYTHING)),
    "a wrong time": sent(budget_event(spend=9, max_budget=10, budget_reset_at=EVERYTHING)),
    "wrong fields of a request log": sent(request_log(hash="k", spend=EVERYTHING, max_budget=EVERYTHING)),
    "a wrong status": sent({"litellm_call_id": 4, "status": {EVERYTHING: EVERYTHING}}),
    "a prompt in a request log": sent(request_log(hash="k", spend=1, max_budget=10) | {"messages": EVERYTHING}),
    "a field too long": sent(budget_event(spend=9, max_budget=10, user_id=EVERYTHING * 100)),
    "health with a token": sent(token=WRONG_TOKEN, routeKey="GET /health"),
    "an EventBridge event that is no object": eventbridge(EVERYTHING),
    "an EventBridge event of a gateway with no name": eventbridge(CROSSING | {"gateway": EVERYTHING}),
    "an EventBridge event that is refused": eventbridge({"events": [budget_event(EVERYTHING, spend=1), CROSSING]}),
    "an EventBridge event without a detail": {"source": "llm-gateway", "detail-type": "Budget Event", "extra": EVERYTHING},
    "an EventBridge event of somebody else": {"source": EVERYTHING, "detail-type": EVERYTHING, "detail": EVERYTHING},
    "another schedule": {"schedule": EVERYTHING},
    "a defect: headers that are no mapping": sent() | {"headers": EVERYTHING},
    "a defect: a body that is no text": sent() | {"body": {EVERYTHING: 1}},
}


@pytest.mark.parametrize("event", SENDERS.values(), ids=SENDERS)
def test_whatever_is_sent(watch: Watch, event: dict[str, Any]) -> None:
    watch.evaluate(event)
    watch.assert_silent()


QUOTED = {
    "an unknown type": sent(budget_event(EVERYTHING, spend=9)),
    "an unknown group": sent(budget_event("soft_budget", spend=9, soft_budget=1, event_group=EVERYTHING)),
}


@pytest.mark.parametrize("event", QUOTED.values(), ids=QUOTED)
def test_what_is_quoted_to_the_sender_who_sent_it_is_told_nobody_else(watch: Watch, event: dict[str, Any]) -> None:
    watch.evaluate(event)
    watch.assert_silent(but_for=("the answer",))


def error(code: str = "AccessDeniedException", **more: Any) -> AwsError:
    return AwsError(code, message=f"you sent {EVERYTHING}", **more)


OUTAGES: dict[str, dict[str, Any]] = {
    "DynamoDB refuses": {
        "UpdateItem": error(),
        "DeleteItem": error(),
        "TransactWriteItems": error(),
        "Query": error(),
    },
    "DynamoDB is throttled": dict.fromkeys(
        ("UpdateItem", "TransactWriteItems", "Query"), error("ProvisionedThroughputExceededException")
    ),
    "DynamoDB cannot be reached": dict.fromkeys(("UpdateItem", "TransactWriteItems", "Query"), unreachable(WEBHOOK)),
    "DynamoDB takes no note": {"UpdateItem": lambda asked: error() if asked["Key"]["pk"]["S"].startswith("delivered#") else {}},
    "gates cannot be asked": {"UpdateItem": error("ResourceNotFoundException")},
    "SQS refuses": {"SendMessageBatch": error(), "SendMessage": error(), "ChangeMessageVisibilityBatch": error()},
    "SQS cannot be reached": dict.fromkeys(
        ("SendMessageBatch", "SendMessage", "ChangeMessageVisibilityBatch"), unreachable(WEBHOOK)
    ),
    "SQS refuses an entry": {
        "SendMessageBatch": {"Failed": [{"Id": "0", "Code": "x", "Message": EVERYTHING, "SenderFault": True}]}
    },
    "the configuration cannot be fetched": {"GetParameter": error()},
    "the configuration cannot be reached": {"GetParameter": unreachable(WEBHOOK)},
    "the index cannot be asked": {"Query": error()},
    "an outbox cannot be read": {
        "Query": {"Items": [{"pk": {"S": "budget#user#00000000"}, "outbox": {"L": [{"S": EVERYTHING}]}}]}
    },
    "a defect: an answer that makes no sense": {
        "SendMessageBatch": {"Successful": [EVERYTHING]},
        "Query": {"Items": [{"pk": EVERYTHING}]},
    },
}


@pytest.mark.parametrize("answers", OUTAGES.values(), ids=OUTAGES)
def test_whatever_fails_on_aws(watch: Watch, answers: dict[str, Any]) -> None:
    watch.aws.answers |= answers
    watch.evaluate(sent())
    watch.evaluate(sent([budget_event(spend=9, max_budget=10, user_id=f"u{n}") for n in range(3)], in_path=True))
    watch.evaluate(eventbridge(budget_event(spend=9, max_budget=10, user_id="v")))
    watch.evaluate({"schedule": "sweep_outbox"})
    watch.notify(queued(), record(EVERYTHING, message_id="poison"))
    # The dead-letter queue keeps a record as it came: that is what it is for.
    watch.assert_silent(but_for=("the request SendMessage",))
    reasons = [asked["MessageAttributes"]["reason"]["StringValue"] for name, asked in watch.aws.calls if name == "SendMessage"]
    assert not [reason for reason in reasons for secret in OPERATORS.values() if secret in reason]


@pytest.mark.parametrize("failure", [error(), unreachable(WEBHOOK), error("ResourceNotFoundException")])
def test_secrets_that_cannot_be_fetched(watch: Watch, failure: Exception) -> None:
    watch.aws.answers |= {"GetSecretValue": failure, "GetParameter": failure}
    for name in ("INGEST_TOKENS", "SLACK_WEBHOOK_URL"):
        watch.set_environment(name, "")
    watch.evaluate(sent())
    watch.evaluate(sent(token=WRONG_TOKEN, in_path=True))
    watch.notify(queued())
    watch.assert_silent()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f"a b={VALID_TOKEN}", id="a name with a space"),
        pytest.param(f"{VALID_TOKEN}=", id="a token without its gateway"),
        pytest.param(f"{WEBHOOK}={VALID_TOKEN}", id="a URL for a name"),
        pytest.param(f"a={VALID_TOKEN},b={VALID_TOKEN}", id="one token for two gateways"),
        pytest.param(json.dumps({"token": VALID_TOKEN, "webhook": WEBHOOK}), id="JSON"),
        pytest.param(" , ", id="nothing"),
    ],
)
@pytest.mark.parametrize("is_fetched", [False, True], ids=["in the environment", "in Secrets Manager"])
def test_tokens_that_cannot_be_read(watch: Watch, value: str, is_fetched: bool) -> None:
    watch.set_environment("INGEST_TOKENS", "" if is_fetched else value)
    watch.aws.answers["GetSecretValue"] = {"SecretString": value}
    watch.evaluate(sent())
    watch.evaluate(sent(in_path=True))
    watch.assert_silent()


WEBHOOKS = {
    "not encrypted": WEBHOOK.replace("https", "http"),
    "of another scheme": WEBHOOK.replace("https", "ftp"),
    "without a scheme": WEBHOOK.removeprefix("https://"),
    "with a broken host": WEBHOOK.replace("hooks", "[hooks"),
    "with a broken port": WEBHOOK.replace(".com", f".com:{WRONG_TOKEN}"),
    "with a port beyond all ports": WEBHOOK.replace(".com", ".com:99999"),
    "with a password": WEBHOOK.replace("hooks", f"user:{WRONG_TOKEN}@hooks"),
    "with a control character": WEBHOOK + "\x01",
    "with a line break": WEBHOOK + "\n" + OTHER_WEBHOOK,
    "with a surrogate": WEBHOOK + "\udc80",
    "with a name that cannot be encoded": WEBHOOK.replace("hooks", "x" * 70),
    "two, with a comma": f"{WEBHOOK},{OTHER_WEBHOOK}",
    "in JSON": json.dumps({"url": WEBHOOK}),
    "too long": WEBHOOK + "x" * 70_000,
}


@pytest.mark.parametrize("url", WEBHOOKS.values(), ids=WEBHOOKS)
@pytest.mark.parametrize("is_fetched", [False, True], ids=["in the environment", "in Secrets Manager"])
def test_a_webhook_that_is_wrong(watch: Watch, url: str, is_fetched: bool) -> None:
    if is_fetched:
        watch.aws.answers["GetSecretValue"] = {"SecretString": url}
    elif "\udc80" in url:
        pytest.skip("no environment holds a surrogate")
    watch.set_environment("SLACK_WEBHOOK_URL", "" if is_fetched else url)
    watch.slack = slack_says(404, f"no_service {url[:60_000]}".encode(errors="replace").decode())
    watch.notify(queued())
    watch.assert_silent()


SLACK_ANSWERS: dict[str, Slack] = {
    **{f"status {status}": slack_says(status, EVERYTHING) for status in (*range(200, 600, 7), 400, 403, 404, 410, 413, 429, 503)},
    **{
        f"the word {word}": slack_says(404, word)
        for word in ("no_service", "channel_is_archived", "invalid_blocks", "invalid_payload", "rollup_error", "rate_limited")
    },
    "a redirect": slack_says(302, "", location=OTHER_WEBHOOK),
    "a redirect to a secret of its own": slack_says(307, EVERYTHING, location=f"https://elsewhere.test/{VALID_TOKEN}"),
    "a Retry-After that is no number": slack_says(429, "rate_limited", retry_after=VALID_TOKEN),
    "a Retry-After of a year": slack_says(429, "rate_limited", retry_after="31536000"),
    "no text": lambda request: httpx.Response(400, content=b"\xff\xfe" + WEBHOOK.encode()),
    "a body that cannot be unpacked": lambda request: httpx.Response(
        200, content=WEBHOOK.encode(), headers={"content-encoding": "gzip"}
    ),
}
NO_ANSWERS: dict[str, Callable[[], Exception]] = {
    "no connection": lambda: httpx.ConnectError(f"cannot connect to {WEBHOOK}"),
    "no connection in time": lambda: httpx.ConnectTimeout(WEBHOOK),
    "no answer in time": lambda: httpx.ReadTimeout(WEBHOOK),
    "not written in time": lambda: httpx.WriteTimeout(WEBHOOK),
    "no connection free": lambda: httpx.PoolTimeout(WEBHOOK),
    "reset": lambda: httpx.ReadError(WEBHOOK),
    "not written": lambda: httpx.WriteError(WEBHOOK),
    "hung up": lambda: httpx.RemoteProtocolError(f"hung up on {WEBHOOK}"),
    "a protocol that is broken by us": lambda: httpx.LocalProtocolError(WEBHOOK),
    "a proxy that refuses": lambda: httpx.ProxyError(WEBHOOK),
    "a scheme that is not there": lambda: httpx.UnsupportedProtocol(WEBHOOK),
}
DEFECTS: dict[str, Callable[[], Exception]] = {
    "a URL that httpx refuses late": lambda: httpx.InvalidURL(f"Invalid port in {WEBHOOK}"),
    "a name that cannot be encoded": lambda: UnicodeError(f"label too long: {WEBHOOK}"),
    "a certificate's error": lambda: ssl.SSLError(f"certificate for {WEBHOOK}"),
    "an error of the system": lambda: OSError(f"too many files, {WEBHOOK}"),
    "a defect": lambda: RuntimeError(f"unhandled: {EVERYTHING}"),
    "a value": lambda: ValueError(EVERYTHING),
}
SLACKS = SLACK_ANSWERS | {name: slack_fails(failure) for name, failure in (NO_ANSWERS | DEFECTS).items()}


@pytest.mark.parametrize("slack", SLACKS.values(), ids=SLACKS)
def test_whatever_slack_answers(watch: Watch, slack: Slack) -> None:
    watch.slack = slack
    watch.notify(queued())
    watch.assert_silent()


@pytest.mark.parametrize("slack", SLACKS.values(), ids=SLACKS)
def test_whatever_slack_answers_when_there_is_a_fallback(watch: Watch, slack: Slack) -> None:
    """The note to the fallback says why, without the webhook."""
    watch.set_environment("OTHER_URL", OTHER_WEBHOOK)
    watch.set_environment(
        "CONFIG", json.dumps({"destinations": {"ops": {"url": "os.environ/OTHER_URL"}}, "fallback_destination": "ops"})
    )
    watch.slack = lambda request: httpx.Response(200, text="ok") if "T0PLANTED64" in str(request.url) else slack(request)
    watch.notify(queued())
    watch.assert_silent()


@pytest.mark.parametrize("slack", SLACKS.values(), ids=SLACKS)
def test_what_is_given_up_after_a_day(watch: Watch, slack: Slack) -> None:
    watch.slack = slack
    watch.notify(record(make_record()["body"], sent_at=datetime.now(UTC) - timedelta(days=2), receive_count=90))
    watch.assert_silent()


#: Every other kind of destination, its URL and its secret planted.
KINDS: dict[str, dict[str, str]] = {
    "teams": {"type": "teams", "url": "os.environ/OTHER_URL"},
    "webhook": {"type": "webhook", "url": "os.environ/OTHER_URL", "secret": "os.environ/SIGNING_SECRET"},
    "email": {"type": "email", "topic_arn": "arn:aws:sns:us-east-1:123456789012:gateway-alerts-oncall"},
}
SNS_ANSWERS: dict[str, Any] = {
    "taken": {"MessageId": "1"},
    **{code: error(code) for code in ("NotFound", "AuthorizationError", "InvalidParameter", "Other", EVERYTHING)},
    "not reached": unreachable(WEBHOOK),
}


def use_kind(watch: Watch, kind: str) -> None:
    watch.set_environment("OTHER_URL", OTHER_WEBHOOK)
    watch.set_environment("SIGNING_SECRET", SIGNING_SECRET)
    watch.set_environment("CONFIG", json.dumps({"destinations": {"default": KINDS[kind]}}))
    watch.aws.answers["Publish"] = {"MessageId": "1"}


def test_every_kind_of_destination_is_watched() -> None:
    assert KINDS.keys() | {"slack"} == DESTINATION_TYPES.keys()


@pytest.mark.parametrize("kind", ["teams", "webhook"])
@pytest.mark.parametrize("answer", SLACKS.values(), ids=SLACKS)
def test_whatever_another_url_answers(watch: Watch, kind: str, answer: Slack) -> None:
    use_kind(watch, kind)
    watch.slack = answer
    watch.notify(queued(), record(make_record()["body"], message_id="old", sent_at=datetime.now(UTC) - timedelta(days=2)))
    assert watch.posted
    watch.assert_silent()


@pytest.mark.parametrize("answer", SNS_ANSWERS.values(), ids=[name[:40] for name in SNS_ANSWERS])
def test_whatever_sns_answers(watch: Watch, answer: Any) -> None:
    use_kind(watch, "email")
    watch.aws.answers["Publish"] = answer
    watch.notify(queued(), record(make_record()["body"], message_id="old", sent_at=datetime.now(UTC) - timedelta(days=2)))
    assert "Publish" in watch.aws.operations
    watch.assert_silent()


@pytest.mark.parametrize("url", [url for url in WEBHOOKS.values() if "\udc80" not in url])  # no environment holds one
@pytest.mark.parametrize("kind", ["teams", "webhook"])
def test_another_url_that_is_wrong(watch: Watch, kind: str, url: str) -> None:
    use_kind(watch, kind)
    watch.set_environment("OTHER_URL", url)
    watch.notify(queued())
    watch.assert_silent()


@pytest.mark.parametrize("setting", ["url", "secret", "topic_arn"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_itself_for_its_reference(watch: Watch, kind: str, setting: str) -> None:
    use_kind(watch, kind)
    watch.set_environment("CONFIG", json.dumps({"destinations": {"default": KINDS[kind] | {setting: SIGNING_SECRET}}}))
    watch.notify(queued())
    watch.assert_silent()


UNREADABLE = {
    "no JSON": EVERYTHING,
    "JSON of nothing": json.dumps({EVERYTHING: EVERYTHING}),
    "a destination that is not there": make_record(destination="nobody")["body"],
    "an alert with a wrong field": make_record()["body"].replace('"High"', json.dumps(EVERYTHING)),
    "an alert with a wrong number": make_record()["body"].replace('"96"', json.dumps(EVERYTHING)),
    "a lone surrogate": '"\udc80' + EVERYTHING,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("queue", [{}, {"SendMessage": error()}], ids=["kept", "not kept"])
def test_records_that_cannot_be_read(watch: Watch, body: str, queue: dict[str, Any]) -> None:
    watch.aws.answers |= queue
    watch.notify(record(body))
    watch.assert_silent(but_for=("the request SendMessage",))
    for name, asked in watch.aws.calls:
        if name == "SendMessage":
            assert asked["MessageBody"] == body
            assert not [s for s in (OPERATORS | LEAKED).values() if s in json.dumps(asked["MessageAttributes"])]


CONFIGURATIONS: dict[str, Any] = {
    "for a webhook's reference": {"destinations": {"a": {"url": WEBHOOK}}},
    "for LiteLLM's own webhooks": {"alert_to_webhook_url": {"budget_alerts": WEBHOOK}},
    "in a list of webhooks": {"alert_to_webhook_url": {"budget_alerts": [WEBHOOK, OTHER_WEBHOOK]}},
    "for a setting's name": {WEBHOOK: 1},
    "for an alert type": {"alert_types": [WEBHOOK, LEAKED_KEY]},
    "for an alert type's name": {"alert_to_webhook_url": {WEBHOOK: WEBHOOK}},
    "for a threshold": {"thresholds": [LEAKED_KEY]},
    "for an entity type": {"thresholds": {WEBHOOK: [1]}},
    "for a number": {"alerting_args": {"budget_alert_ttl": WEBHOOK}},
    "for an argument's name": {"alerting_args": {WEBHOOK: 1}},
    "for a route's destination": {"routes": [{"destinations": [WEBHOOK]}]},
    "for a route's entity type": {"routes": [{"entity_types": [WEBHOOK], "destinations": ["default"]}]},
    "for a level": {"routes": [{"levels": [WEBHOOK], "destinations": ["default"]}]},
    "for a type": {"destinations": {"a": {"type": WEBHOOK, "url": "os.environ/X"}}},
    "for a destination's setting": {"destinations": {"a": {"url": "os.environ/X", WEBHOOK: 1}}},
    "for the fallback": {"fallback_destination": WEBHOOK},
    "for the whole": WEBHOOK,
    "in JSON that ends early": '{"destinations": {"a": {"url": "' + WEBHOOK,
    "for a list": [WEBHOOK, LEAKED_KEY],
}


@pytest.mark.parametrize("document", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@pytest.mark.parametrize("place", ["inline", "parameter", "later"])
def test_a_secret_in_a_wrong_place_of_the_configuration(watch: Watch, document: Any, place: str) -> None:

    text = document if isinstance(document, str) else json.dumps(document)
    if place == "inline":
        watch.set_environment("CONFIG", text)
    elif place == "parameter":
        watch.aws.answers["GetParameter"] = {"Parameter": {"Value": text}}
    else:
        watch.evaluate(sent())
        watch.notify(queued())
        watch.aws.answers["GetParameter"] = {"Parameter": {"Value": text}}
        age_secrets()
    watch.evaluate(sent(budget_event(spend=9, max_budget=10, user_id="w")))
    watch.notify(queued(alert_id="another"))
    watch.assert_silent()


MISPLACED: dict[str, tuple[dict[str, str], Any]] = {
    "a key for a setting's name": ({}, {LEAKED_KEY: 1}),
    "a webhook after os.environ/": ({}, {"destinations": {"default": {"url": f"os.environ/{WEBHOOK}"}}}),
    "a webhook after secretsmanager:": ({}, {"destinations": {"default": {"url": f"secretsmanager:{WEBHOOK}"}}}),
    "a webhook after ssm:": ({}, {"destinations": {"default": {"url": f"ssm:{WEBHOOK}"}}}),
    "a webhook for its secret's ARN": ({"SLACK_WEBHOOK_URL": "", "SLACK_WEBHOOK_SECRET_ARN": WEBHOOK}, {}),
    "a webhook for the tokens' secret's ARN": ({"INGEST_TOKENS": "", "INGEST_TOKENS_SECRET_ARN": WEBHOOK}, {}),
}


@pytest.mark.parametrize(("environment", "document"), MISPLACED.values(), ids=MISPLACED)
def test_a_secret_where_its_name_belongs(watch: Watch, environment: dict[str, str], document: Any) -> None:
    for name, value in (environment | {"CONFIG": json.dumps(document)}).items():
        watch.set_environment(name, value)
    watch.aws.answers |= {"GetSecretValue": error("ResourceNotFoundException"), "GetParameter": error("ParameterNotFound")}
    watch.evaluate(sent())
    watch.notify(queued())
    # It is asked for under the name that was given.
    watch.assert_silent(but_for=("the request GetSecretValue", "the request GetParameter"))


def test_settings_that_are_missing(watch: Watch) -> None:
    for name in ("ALERTS_TABLE_NAME", "ALERTS_QUEUE_URL", "ALERTS_DEAD_LETTER_QUEUE_URL"):
        watch.set_environment(name, "")
    watch.evaluate(sent())
    watch.evaluate(eventbridge(CROSSING))
    watch.notify(queued())
    watch.assert_silent()


EVENTS_WITH_KEYS: dict[str, dict[str, Any]] = {
    "a key's alias": budget_event("token_budget", spend=9, max_budget=10, token="t", key_alias=LEAKED_KEY),
    "a key's id": budget_event("token_budget", spend=9, max_budget=10, token=LEAKED_KEY),
    "a user and a team": budget_event(
        "token_budget", spend=9, max_budget=10, token="t", user_email=LEAKED_BEARER, team_alias=f"team {LEAKED_KEY}"
    ),
    "a date": budget_event("projected_limit_exceeded", spend=9, soft_budget=10, projected_exceeded_date=LEAKED_KEY, token="t"),
    "an end user": budget_event("end_user_budget", spend=9, max_budget=10, customer_id=LEAKED_BEARER),
    "a request log": request_log(hash="h", alias=LEAKED_KEY, spend=9, max_budget=10, team_alias=LEAKED_BEARER),
}


@pytest.mark.parametrize("event", EVENTS_WITH_KEYS.values(), ids=EVENTS_WITH_KEYS)
def test_a_key_that_a_gateway_puts_into_its_own_alert_is_not_posted_logged_or_answered(
    watch: Watch, event: dict[str, Any]
) -> None:
    watch.evaluate(sent(event))
    for name, asked in list(watch.aws.calls):
        if name == "SendMessageBatch":
            watch.notify(*(record(entry["MessageBody"], message_id=entry["Id"]) for entry in asked["Entries"]))
    assert watch.posted
    watch.assert_silent(but_for=("the request UpdateItem", "the request SendMessageBatch"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_in_a_queued_alert_goes_to_no_other_kind_of_destination(watch: Watch, kind: str) -> None:
    use_kind(watch, kind)
    watch.notify(
        queued(name=LEAKED_KEY, owner=LEAKED_BEARER, gateway=LEAKED_KEY, message=LEAKED_BEARER, alert_id="a", dedupe_key="d")
    )
    assert watch.posted or "Publish" in watch.aws.operations
    watch.assert_silent(about=LEAKED)


@pytest.mark.parametrize("event", EVENTS_WITH_KEYS.values(), ids=EVENTS_WITH_KEYS)
def test_a_key_that_a_gateway_puts_into_its_own_alert_is_not_queued(watch: Watch, event: dict[str, Any]) -> None:
    watch.evaluate(sent(event))
    assert "SendMessageBatch" in watch.aws.operations
    watch.assert_silent(about=LEAKED)


def test_a_key_for_the_name_of_a_gateway_is_not_logged_or_posted(watch: Watch) -> None:
    watch.evaluate(eventbridge(CROSSING | {"gateway": LEAKED_KEY}))
    watch.notify(queued(gateway=LEAKED_KEY, alert_id="a", dedupe_key="d"))
    watch.assert_silent(about=LEAKED)


TOLD = f"see {LEAKED_KEY}, {LEAKED_BEARER}"
CARRIED: dict[str, dict[str, Any]] = {
    "a message and facts": {
        "message": TOLD,
        "facts": [("Provider", TOLD), (TOLD, TOLD), ("Traceback", f"x\n{TOLD}"), ("done by", TOLD)],
    },
    "a report": {
        "report": Report(
            title=TOLD,
            period=TOLD,
            summary=TOLD,
            sections=[
                {
                    "title": TOLD,
                    "chart_unit": TOLD,
                    "rows": [{"name": TOLD, "value": TOLD, "remark": TOLD, "amount": n} for n in (1, 2)],
                }
            ],
        )
    },
    "another sender's message": {
        "slack_payload": {
            "text": TOLD,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": TOLD}}],
            "attachments": [{"text": TOLD, "fields": [{"title": TOLD, "value": TOLD}]}],
        }
    },
}


@pytest.mark.parametrize("carried", CARRIED.values(), ids=CARRIED)
@pytest.mark.parametrize("alert_type", ALERT_TYPES)
def test_a_key_in_an_alert_of_any_type_is_not_posted_or_logged_in_any_form(
    watch: Watch, alert_type: str, carried: dict[str, Any]
) -> None:
    watch.slack = lambda request: (
        slack_says(400, "invalid_blocks") if b'"blocks"' in request.content else slack_says(200, "ok")
    )(request)
    about = {"name": TOLD, "owner": TOLD, "team": TOLD, "gateway": TOLD, "entity_id": TOLD}
    alert = make_incident(alert_type, alert_id="a", dedupe_key="d", **about, **carried)
    watch.notify(record(QueuedAlert(destination="default", alert=alert).model_dump_json()))
    assert "…" in watch.posted[-1]
    assert '"blocks"' not in watch.posted[-1]
    watch.assert_silent(about=LEAKED)


def slack(payload: Any, *, token: str = VALID_TOKEN, **how: Any) -> dict[str, Any]:
    """A post to the drop-in Slack endpoint."""
    return sent(payload, token=None, **how) | {"routeKey": "POST /services/{token+}", "pathParameters": {"token": token}}


def from_queue(*bodies: Any) -> dict[str, Any]:
    """A batch of the queue of request logs."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [{"messageId": f"m-{number}", "eventSource": "aws:sqs", "body": text} for number, text in enumerate(texts)]
    }


#: A key of a gateway's, in words around it and alone.
LEAKS = (LEAKED_KEY, LEAKED_BEARER, f"failed with {LEAKED_KEY}: Authorization: {LEAKED_BEARER}, giving up")


def failed(leak: str, *, status: str = "failure", code: str = "500") -> dict[str, Any]:
    """A request log with a key wherever it tells something of a request."""
    names = ("model", "model_group", "model_id", "custom_llm_provider", "litellm_call_id", "end_user", "call_type")
    error = {"error_code": code, "error_class": leak, "error_message": leak, "llm_provider": leak, "traceback": leak}
    log = dict.fromkeys(names, leak) | {"status": status, "api_base": f"https://api.test/v1?key={leak}", "response_time": 700}
    return log | {"error_information": error, "hidden_params": {"api_base": leak}, "messages": leak}


def gateway_alert(alert_type: str, leak: str, **metadata: Any) -> dict[str, Any]:
    names = ("model", "provider", "api_base", "error_class", "region", "key_alias", "team_id", "user_id", "prompt", "anything")
    said = dict.fromkeys(names, leak) | {"listed": [leak], "nested": {"token": leak}, "long": "x " * 120 + leak}
    return {"alert_type": alert_type, "message": leak, "metadata": said | metadata}


def told_by_a_gateway(leak: str) -> list[dict[str, Any]]:
    """Every way in that is new, with a key in every field that is read."""
    attachment = {"fallback": leak, "title": leak, "fields": [{"title": leak, "value": leak}]}
    begun = {"state": "started", "call_id": f"call-1 {leak}", "started_at": "2026-11-24T00:00:00Z"}
    return [
        sent([gateway_alert(name, leak) for name in ("db_exceptions", "llm_exceptions", "outage_alerts", "spend_reports")]),
        sent(gateway_alert("llm_requests_hanging", leak, **begun)),
        sent([failed(leak)] * 6),
        sent([failed(leak, status="success")] * 2),
        from_queue(*[failed(leak)] * 6),
        slack({"text": leak}),
        slack({"text": f"*Alert type:* `db_exceptions`\nLevel: `High`\nTimestamp: `09:00:00`\n\nMessage: {leak}"}),
        slack({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": leak}}], "attachments": [attachment]}),
    ]


@pytest.mark.parametrize("leak", LEAKS, ids=["a key", "a bearer token", "both in a sentence"])
@pytest.mark.parametrize("answers", [{}, *OUTAGES.values()], ids=["all is well", *OUTAGES])
def test_a_key_that_a_gateway_leaks_is_told_nobody(watch: Watch, leak: str, answers: dict[str, Any]) -> None:
    watch.aws.answers |= answers
    for event in told_by_a_gateway(leak):
        watch.evaluate(event)
    queued_alerts = [
        entry["MessageBody"] for name, asked in watch.aws.calls if name == "SendMessageBatch" for entry in asked["Entries"]
    ]
    watch.notify(*[record(body, message_id=f"m-{number}") for number, body in enumerate(queued_alerts)])
    watch.assert_silent()


def test_keys_in_what_is_counted_and_told_later(watch: Watch) -> None:
    """What the table holds of episodes, calls and outages comes back through the sweep."""
    calls = watch.aws.calls
    for event in told_by_a_gateway(LEAKS[2]):
        watch.evaluate(event)
    alert = next(
        asked["ExpressionAttributeValues"][":alerts"]["L"][0]["S"]
        for name, asked in calls
        if name == "UpdateItem" and ":alerts" in asked.get("ExpressionAttributeValues", {})
    )
    past, text = {"N": "1795500000"}, {"S": LEAKS[2]}
    items = [
        {"pk": {"S": "episode#a#00000001"}, "held_count": {"N": "2"}, "held_until": past, "held_alert": {"S": alert}}
        | {"held_first_at": past, "held_last_at": past},
        {"pk": {"S": "episode#a#00000002"}, "held_count": {"N": "2"}, "held_until": past, "held_alert": text},
        {"pk": {"S": "hanging#00000003"}, "started_at": past, "gateway": {"S": "g"}, "model": {"S": "m"}, "call_id": text},
        {"pk": {"S": "outage#00000004"}, "last_error_at": past, "quiet_seconds": {"N": "1"}, "is_told": {"N": "1"}}
        | {"opened_at": past, "alert_type": {"S": "outage_alerts"}, "gateway": {"S": "g"}}
        | dict.fromkeys(("provider", "place_id", "model", "api_base"), text),
    ]
    watch.set_environment("CONFIG", '{"resolved_notices": true}')
    calls.clear()
    watch.aws.answers["Query"] = lambda asked: {
        "Items": items if asked["ExpressionAttributeValues"][":shard"] == {"S": "due-0"} else []
    }
    watch.evaluate({"schedule": "sweep_outbox"})
    assert {"UpdateItem", "SendMessageBatch", "DeleteItem"} <= {name for name, _ in calls}
    # An alert that cannot be read goes back into its outbox as it is, and stays there.
    calls[:] = [call for call in calls if "episode#a#00000002" not in json.dumps(call)]
    watch.assert_silent()


SLACK_SENDERS: dict[str, dict[str, Any]] = {
    "a wrong token": slack({"text": "x"}, token=WRONG_TOKEN),
    "a wrong token in Slack's own form": slack({"text": "x"}, token=f"T000/B000/{WRONG_TOKEN}"),
    "a wrong token and the valid one in it": slack({"text": "x"}, token=f"{WRONG_TOKEN}/{VALID_TOKEN}/{WRONG_TOKEN}"),
    "another webhook's path": slack({"text": "x"}, token=OTHER_WEBHOOK.partition("/services/")[2]),
    "no JSON": slack("{nope " + EVERYTHING),
    "no text": slack({"blocks": EVERYTHING, "attachments": {EVERYTHING: 1}}),
    "no base64": slack(EVERYTHING, isBase64Encoded=True),
    "too large": slack({"text": EVERYTHING * 40_000}),
    "a queue's record that is no JSON": from_queue("{nope " + EVERYTHING, failed(LEAKED_KEY)),
    "a queue's record of no event": from_queue({EVERYTHING: EVERYTHING}, json.dumps(EVERYTHING)),
    "a queue's record with wrong fields": from_queue({"litellm_call_id": 4, "status": {EVERYTHING: 1}}),
    "an alert with a level that is none": sent(gateway_alert("db_exceptions", "m") | {"level": EVERYTHING}),
    "a signal without its call": sent(gateway_alert("llm_requests_hanging", EVERYTHING, state=EVERYTHING)),
}


@pytest.mark.parametrize("event", SLACK_SENDERS.values(), ids=SLACK_SENDERS)
def test_whatever_is_sent_to_slacks_address_or_the_queue(watch: Watch, event: dict[str, Any]) -> None:
    watch.evaluate(event)
    watch.assert_silent()


def test_an_unknown_type_of_alert_is_quoted_to_its_sender_alone(watch: Watch) -> None:
    watch.evaluate(sent(gateway_alert(WRONG_TOKEN, "m")))
    watch.assert_silent(but_for=("the answer",))


def used(leak: str) -> list[dict[str, Any]]:
    """Request logs with a key wherever usage is counted by something: models, deployments, keys, users, teams."""
    names = ("hash", "alias", "user_id", "user_email", "team_id", "team_alias", "org_id", "end_user_id")
    metadata = {f"user_api_key_{name}": leak for name in names}
    metadata |= {
        "user_api_key_spend": 9.0,
        "user_api_key_max_budget": 10.0,
        "user_api_key_budget_reset_at": "2030-01-01T00:00:00Z",
    }
    log = failed(leak, status="success") | {"metadata": metadata, "response_cost": 900.0, "request_tags": [leak]}
    return [log, log | {"status": "failure"}]


def use_ledger(watch: Watch) -> None:
    """The ledger's mark, as it is set when it is asked for first; nothing else is written there by an update."""
    write = watch.aws.answers["UpdateItem"]

    def update(asked: dict[str, Any]) -> Any:
        if asked["TableName"] != "usage-table":
            return write(asked) if callable(write) else write
        values = asked["ExpressionAttributeValues"]
        return {"Attributes": {"since_quarter": values[":since"], "closed_until": values[":first"]}}

    watch.aws.answers |= {"UpdateItem": update, "GetItem": {}}


def test_keys_in_what_is_used_are_neither_kept_nor_reported(watch: Watch) -> None:
    watch.set_environment("USAGE_TABLE_NAME", "usage-table")
    watch.set_environment(
        "CONFIG",
        json.dumps(
            {
                "alerting_args": {"daily_spend_per_user_threshold": 1, "daily_report_frequency": 86_400},
                "spend_report_frequency": "1d",
            }
        ),
    )
    entries: list[dict[str, Any]] = []

    def put(asked: dict[str, Any]) -> dict[str, Any]:
        entries.append(asked["Item"])
        return {}

    def query(asked: dict[str, Any]) -> dict[str, Any]:
        return {"Items": [item for item in entries if item["pk"] in asked["ExpressionAttributeValues"].values()]}

    watch.aws.answers |= {"PutItem": put, "Query": query}
    use_ledger(watch)
    watch.evaluate(sent(used(LEAKS[2])))
    kept = [zlib.decompress(base64.b64decode(item["deflated_usage"]["B"])).decode() for item in entries]
    assert kept
    assert not [text for text in kept for secret in LEAKED.values() if secret in text]
    watch.aws.calls.clear()
    midnight = datetime.now(UTC).replace(hour=0, minute=5) + timedelta(days=1)  # the day, and what is reported of it, is over
    for moment in (midnight, midnight.replace(hour=9)):
        watch.evaluate({"schedule": "reports", "time": moment.isoformat()})
    told = "".join(json.dumps(asked) for name, asked in watch.aws.calls if name == "SendMessageBatch")
    assert [name for name in ("user_spend_thresholds", "daily_reports", "spend_reports") if name not in told] == []
    watch.assert_silent()


@pytest.mark.parametrize("operation", ["PutItem", "GetItem", "Query"])
def test_usage_that_cannot_be_kept_or_read(watch: Watch, operation: str) -> None:
    watch.set_environment("USAGE_TABLE_NAME", "usage-table")
    use_ledger(watch)
    watch.aws.answers |= {"PutItem": {}} | {operation: error()}
    watch.evaluate(sent(used(LEAKS[2])))
    watch.evaluate({"schedule": "reports"})
    assert operation in watch.aws.operations
    watch.assert_silent()
