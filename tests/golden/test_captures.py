"""What a real LiteLLM 1.109.1 sent, recorded: each capture makes the alerts that its numbers call for, and no others."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from gateway_alerts.config import parse_config
from tests.pipeline.evaluate.builders import CONFIG, alerts_in

CAPTURES = Path("tests/data/litellm")

#: event, entity type, the beginning of the entity's id (None: unnamed), rung
Expected = tuple[str, str, str | None, str]

EXPECTED: dict[str, list[Expected]] = {
    "webhook/key_15pct.json": [("threshold_crossed", "key", "d8f017be", "0.85")],
    "webhook/key_5pct.json": [("threshold_crossed", "key", "60c861d6", "0.95")],
    "webhook/key_86pct_max_budget_alert.json": [("threshold_crossed", "key", "c03d43ea", "0.85")],
    "webhook/key_crossed.json": [("budget_crossed", "key", "d9551942", "1")],
    "webhook/key_multi_threshold_emails.json": [("budget_crossed", "key", "7c343af3", "1")],
    "webhook/key_soft.json": [("soft_budget_crossed", "key", "abb3e23c", "1")],
    "webhook/key_soft_and_5pct.json": [("threshold_crossed", "key", "c99a9a01", "0.95")],
    "webhook/organization_crossed.json": [("budget_crossed", "organization", "o1", "1")],
    # The reference's project events carry no project id (D7: nor is the calling key's the project's).
    "webhook/project_soft.json": [("soft_budget_crossed", "project", None, "1")],
    "webhook/projected_limit_exceeded.json": [("projected_limit_exceeded", "key", "c21a2a69", "1")],
    "webhook/proxy_crossed.json": [("budget_crossed", "proxy", "default_id", "1")],
    "webhook/spend_tracked.json": [],
    "webhook/team_crossed.json": [("budget_crossed", "team", "t-over", "1")],
    "webhook/team_member_multi_threshold.json": [("threshold_crossed", "team_member", "u-ada:t1", "0.95")],
    "webhook/user_crossed.json": [("budget_crossed", "user", "u-over", "1")],
    "generic_api/failure_429.json": [],
    "generic_api/failure_500.json": [],
    "generic_api/failure_budget_key.json": [("budget_crossed", "key", "86baf142", "1")],
    "generic_api/success_key_4_left.json": [("threshold_crossed", "key", "7269d1a6", "0.95")],
    "generic_api/success_plain_key.json": [],
    "generic_api/success_prod_key.json": [("threshold_crossed", "key", "5a7194c5", "0.85")],
    "generic_api/success_slow.json": [],
    # Request logs carry no soft budget.
    "generic_api/success_soft_key.json": [],
    "generic_api/success_stream.json": [],
    "generic_api/success_team_soft_key.json": [],
    "generic_api/success_user_10_key.json": [],
}


def _bodies(name: str) -> list[dict[str, object]]:
    body = json.loads((CAPTURES / name).read_text(encoding="utf-8"))["body"]
    return body if isinstance(body, list) else [body]


def test_every_capture_has_a_row_and_every_row_a_capture() -> None:
    # Texts for Slack are in tests/contract/test_litellm_texts.py.
    captured = {str(path.relative_to(CAPTURES)) for path in CAPTURES.glob("*/*.json") if path.parent.name != "slack"}
    assert captured == set(EXPECTED)


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_a_capture_makes_exactly_its_alerts(name: str, expected: list[Expected]) -> None:
    alerts = alerts_in(_bodies(name))
    told = [(alert.event, alert.entity.type, alert.entity.id, alert.budget.rung) for alert in alerts]
    # Ids are hashes, of which the table has the beginning.
    for (event, entity_type, id_start, rung), (our_event, our_type, our_id, our_rung) in zip(expected, told, strict=True):
        assert (our_event, our_type, our_rung) == (event, entity_type, Decimal(rung))
        assert our_id is None if id_start is None else (our_id or "").startswith(id_start)


def test_a_team_near_its_maximum_is_seen_in_request_logs_at_the_threshold_that_was_asked_for() -> None:
    config = parse_config('{"thresholds": {"team": [50], "default": []}}')
    (alert,) = alerts_in(_bodies("generic_api/success_team_soft_key.json"), config=config)
    assert (alert.entity.type, alert.entity.id, alert.budget.rung) == ("team", "team-soft", Decimal("0.5"))


def test_soft_and_maximum_of_one_event_are_one_alert_that_names_both() -> None:
    (alert,) = alerts_in(_bodies("webhook/key_soft_and_5pct.json"), config=CONFIG)
    assert alert.budget.soft_budget_crossed
    assert alert.message == "Key Budget: 95% of budget used"
