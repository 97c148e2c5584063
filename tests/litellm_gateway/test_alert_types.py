"""Every other alert that a stock LiteLLM raises arrives once, by the drop-in Slack endpoint or the request log or both."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.litellm_gateway.gateway import FLUSH_SECONDS, MODELS
from tests.litellm_gateway.stage import NotTold, Stage

pytestmark = pytest.mark.litellm

#: The alert types of stock/in_process.py, and what each alert is about.
IN_PROCESS = {
    "failed_tracking_spend": "m-untracked",
    "spend_reports": "m-weekly-team",
    "user_spend_thresholds": "m-spender",
    "user_spend_anomalies": "m-unusual",
    "db_exceptions": "m-database",
    "daily_reports": "m-reported",
    "new_model_added": "m-new-model",
    "fallback_reports": "m-fallback",
    "mcp_tool_description_blocked": "m-blocked",
    "mcp_pinned_tools_changed": "m-pinned",
    "new_virtual_key_created": "m-new-key",
    "virtual_key_updated": "m-changed-key",
    "virtual_key_deleted": "m-deleted-key",
    "new_team_created": "m-new-team",
    "team_updated": "m-changed-team",
    "team_deleted": "m-deleted-team",
    "new_internal_user_created": "m-new-user",
    "internal_user_updated": "m-changed-user",
    "internal_user_deleted": "m-deleted-user",
}
CALLS = 3


@pytest.fixture(scope="module")
def raised(stage: Stage) -> None:
    """Requests that fail, are slow or hang, with all that follows from them, and what the script raises."""
    plain = stage.prod.key("plain")
    for model in ("failing", "limited"):
        stage.ask(stage.prod, *[plain] * CALLS, model=model)
    # Twice, since LiteLLM loses what it raises while it flushes (D8).
    with ThreadPoolExecutor(4) as callers:
        for _ in range(2):
            for model in ("snail", "stuck"):
                callers.submit(stage.prod.ask, plain, model=model)
            time.sleep(1.3 * FLUSH_SECONDS)
    assert stage.script.result
    stage.settle()


@pytest.mark.usefixtures("raised")
@pytest.mark.parametrize(("alert_type", "name"), IN_PROCESS.items(), ids=list(IN_PROCESS))
def test_an_alert_without_a_way_of_its_own_arrives_once_as_slack_text(stage: Stage, alert_type: str, name: str) -> None:
    assert len(stage.slack_texts(stage.script, name, alert_type=alert_type)) == 1
    stage.told_once(name, alert_type=alert_type)


@pytest.mark.usefixtures("raised")
@pytest.mark.parametrize(
    ("alert_type", "model", "words"),
    [
        ("llm_exceptions", "failing", ()),
        ("llm_exceptions", "limited", ("RateLimitError",)),
        ("llm_too_slow", "snail", ()),
        ("llm_requests_hanging", "stuck", ()),
    ],
)
def test_requests_that_go_wrong_arrive_once_although_slack_text_and_request_log_report_them(
    stage: Stage, alert_type: str, model: str, words: tuple[str, ...]
) -> None:
    names = (model, upstream(model), *words)
    assert any(stage.slack_texts(stage.prod, name, alert_type=alert_type) for name in names)
    stage.told_once(*names, alert_type=alert_type)


@pytest.fixture(scope="module")
def outage(stage: Stage) -> list[str]:
    """Twice as many failures of a deployment as a minor outage has. Returns the severities that LiteLLM's texts say."""
    for _ in range(2):  # logged in between, since a jump over a severity is told as the higher one
        stage.ask(stage.prod, *[stage.prod.key("plain")] * 5, model="out")
    stage.settle()
    texts = stage.slack_texts(stage.prod, upstream("out"), alert_type="outage_alerts")
    assert texts  # not always both: LiteLLM loses what it raises while it flushes (D8)
    return severities(texts)


def test_an_outage_is_told_once_although_slack_text_and_request_log_report_it(stage: Stage, outage: list[str]) -> None:
    assert set(outage) <= {"minor", "major"}
    told = stage.told("out", upstream("out"), alert_type="outage_alerts")
    if severities(told) != ["major", "minor"]:
        raise NotTold(f"outage_alerts told {told}")


def test_a_model_that_will_be_deprecated_arrives_once_of_each_gateway(stage: Stage) -> None:
    stage.settle()
    for name, gateway in (("prod", stage.prod), ("pod", stage.pod)):
        assert len(stage.slack_texts(gateway, "aged", alert_type="model_deprecation_warnings")) == 1
        assert "aged" in stage.told_once(name, alert_type="model_deprecation_warnings")


@pytest.mark.usefixtures("raised")
def test_a_key_that_litellm_prints_is_told_to_nobody(stage: Stage) -> None:
    assert any("PLAINTEXT" in text for text in stage.slack_texts(stage.script, "m-new-key", alert_type="new_virtual_key_created"))
    stage.told_once("m-new-key", alert_type="new_virtual_key_created")
    assert "PLAINTEXT" not in " ".join(str(message.payload) for message in stage.stack.inbox.messages())


def severities(texts: Iterable[str]) -> list[str]:
    """The severities that texts about outages name, each time that one does."""
    return sorted(word for text in texts for word in ("minor", "major") if word in text.lower())


def upstream(model: str) -> str:
    """What the provider calls a model."""
    return str(MODELS[model]["model"]).partition("/")[2]
