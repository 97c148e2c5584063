"""Every other alert that a stock LiteLLM raises arrives once, by the drop-in Slack endpoint or the request log or both."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.litellm_gateway.gateway import FLUSH_SECONDS, MODELS
from tests.litellm_gateway.stage import NotTold, Stage

pytestmark = [
    pytest.mark.litellm,
    # Only ours may fail: that LiteLLM raises what it is to raise holds.
    pytest.mark.xfail(raises=NotTold, reason="there is no drop-in Slack endpoint, and a request log raises budget alerts only"),
]

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
            for model in ("slow", "hanging"):
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
    ("alert_type", "model"),
    [
        ("llm_exceptions", "failing"),
        ("llm_exceptions", "limited"),
        ("llm_too_slow", "slow"),
        ("llm_requests_hanging", "hanging"),
    ],
)
def test_requests_that_go_wrong_arrive_once_although_slack_text_and_request_log_report_them(
    stage: Stage, alert_type: str, model: str
) -> None:
    names = (model, upstream(model))
    assert any(stage.slack_texts(stage.prod, name, alert_type=alert_type) for name in names)
    stage.told_once(*names, alert_type=alert_type)


def test_an_outage_arrives_once_as_minor_and_once_as_major(stage: Stage) -> None:
    stage.ask(stage.prod, *[stage.prod.key("plain")] * 10, model="out")
    stage.settle()
    # At least one of its two: LiteLLM loses what it raises while it flushes (D8).
    assert stage.slack_texts(stage.prod, upstream("out"), alert_type="outage_alerts")
    told = stage.told("out", upstream("out"), alert_type="outage_alerts")
    if sorted(word for said in told for word in ("minor", "major") if word in said.lower()) != ["major", "minor"]:
        raise NotTold(f"outage_alerts told {told}")


def test_a_model_that_will_be_deprecated_arrives_once(stage: Stage) -> None:
    stage.settle()
    assert len(stage.slack_texts(stage.prod, "aged", alert_type="model_deprecation_warnings")) == 1
    stage.told_once("aged", alert_type="model_deprecation_warnings")


@pytest.mark.usefixtures("raised")
def test_a_key_that_litellm_prints_is_told_to_nobody(stage: Stage) -> None:
    assert any("PLAINTEXT" in text for text in stage.slack_texts(stage.script, "m-new-key", alert_type="new_virtual_key_created"))
    stage.told_once("m-new-key", alert_type="new_virtual_key_created")
    assert "PLAINTEXT" not in " ".join(str(message.payload) for message in stage.stack.inbox.messages())


def upstream(model: str) -> str:
    """What the provider calls a model."""
    return str(MODELS[model]["model"]).partition("/")[2]
