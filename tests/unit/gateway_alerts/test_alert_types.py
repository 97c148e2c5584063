from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS


def test_budget_alerts_are_on_by_default() -> None:
    assert ALERT_TYPES[BUDGET_ALERTS]


def test_what_concerns_a_single_key_team_or_user_is_off_by_default() -> None:
    changes = {f"{thing}_{change}" for thing in ("virtual_key", "team", "internal_user") for change in ("updated", "deleted")}
    created = {"new_virtual_key_created", "new_team_created", "new_internal_user_created"}
    assert {name for name, row in ALERT_TYPES.items() if not row.is_on} == changes | created | {"user_spend_anomalies"}
