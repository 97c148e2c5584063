import re

import pytest

from gateway_alerts.alert_types import ALERT_TYPES, SLACK_MESSAGE, AlertType

#: The alert types of LiteLLM 1.109.1 → is it on by default, its level. Two change their level by what they say.
LITELLM: dict[str, tuple[bool, str]] = {
    "budget_alerts": (True, "High"),
    "llm_exceptions": (True, "High"),
    "llm_too_slow": (True, "Low"),
    "llm_requests_hanging": (True, "Medium"),
    "failed_tracking_spend": (True, "High"),
    "spend_reports": (True, "Low"),
    "user_spend_thresholds": (True, "High"),
    "user_spend_anomalies": (False, "High"),
    "db_exceptions": (True, "High"),
    "daily_reports": (True, "Low"),
    "cooldown_deployment": (True, "Low"),
    "new_model_added": (True, "Low"),
    "model_deprecation_warnings": (True, "Medium"),
    "outage_alerts": (True, "Medium"),
    "region_outage_alerts": (True, "Medium"),
    "fallback_reports": (True, "Low"),
    "new_virtual_key_created": (False, "High"),
    "virtual_key_updated": (False, "High"),
    "virtual_key_deleted": (False, "High"),
    "new_team_created": (False, "High"),
    "team_updated": (False, "High"),
    "team_deleted": (False, "High"),
    "new_internal_user_created": (False, "High"),
    "internal_user_updated": (False, "High"),
    "internal_user_deleted": (False, "High"),
    "mcp_tool_description_blocked": (True, "Medium"),
    "mcp_pinned_tools_changed": (True, "Medium"),
}


def test_every_alert_type_of_litellm_has_a_row_with_its_defaults() -> None:
    assert {name: (row.is_on, row.level) for name, row in ALERT_TYPES.items() if name != SLACK_MESSAGE} == LITELLM


def test_a_row_is_known_by_its_name() -> None:
    assert {name: row.name for name, row in ALERT_TYPES.items()} == {name: name for name in ALERT_TYPES}


@pytest.mark.parametrize("row", ALERT_TYPES.values(), ids=ALERT_TYPES)
def test_a_row_says_all_that_a_headline_and_the_readme_need(row: AlertType) -> None:
    assert re.fullmatch(r"[a-z][a-z_]+", row.name)
    assert row.emoji.strip()
    assert not row.emoji.isascii()
    assert row.ways_in
    assert row.interval_seconds > 0
    for text in (row.noun, row.raised_when, row.once_per):
        assert re.fullmatch(r"[^|\n]*[^|\n.\s]", text)  # a cell of the README's table, no sentence
