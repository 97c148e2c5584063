"""The alert types of LiteLLM 1.109.1, and which of them are on unless an operator says otherwise.

One literal table; ``alert_types`` in the configuration is checked against it.
"""

BUDGET_ALERTS = "budget_alerts"

#: name → on by default
ALERT_TYPES: dict[str, bool] = {
    BUDGET_ALERTS: True,
    "llm_exceptions": True,
    "llm_too_slow": True,
    "llm_requests_hanging": True,
    "failed_tracking_spend": True,
    "spend_reports": True,
    "user_spend_thresholds": True,
    "user_spend_anomalies": False,
    "db_exceptions": True,
    "daily_reports": True,
    "cooldown_deployment": True,
    "new_model_added": True,
    "model_deprecation_warnings": True,
    "outage_alerts": True,
    "region_outage_alerts": True,
    "fallback_reports": True,
    "new_virtual_key_created": False,
    "virtual_key_updated": False,
    "virtual_key_deleted": False,
    "new_team_created": False,
    "team_updated": False,
    "team_deleted": False,
    "new_internal_user_created": False,
    "internal_user_updated": False,
    "internal_user_deleted": False,
    "mcp_tool_description_blocked": True,
    "mcp_pinned_tools_changed": True,
}
