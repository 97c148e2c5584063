"""Rows of the database that the gateways do not have, with the columns that LiteLLM insists on."""

from typing import Any

_WRITTEN = {"models": [], "created_by": "test", "updated_by": "test"}


def user_row(user_id: str, *, spend: float, max_budget: float, **more: Any) -> dict[str, Any]:
    return {"user_id": user_id, "user_role": "internal_user", "spend": spend, "max_budget": max_budget} | more


def team_row(team_id: str, *, spend: float, max_budget: float) -> dict[str, Any]:
    return {"team_id": team_id, "team_alias": team_id, "spend": spend, "max_budget": max_budget}


def project_row(project_id: str, *, spend: float, max_budget: float) -> dict[str, Any]:
    return _WRITTEN | {"project_id": project_id, "spend": spend, "litellm_budget_table": {"max_budget": max_budget}}


def organization_row(organization_id: str, *, spend: float, max_budget: float) -> dict[str, Any]:
    names = {"organization_id": organization_id, "organization_alias": organization_id, "budget_id": "budget"}
    return _WRITTEN | names | {"spend": spend, "litellm_budget_table": {"max_budget": max_budget}}
