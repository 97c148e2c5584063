"""Runs inside LiteLLM, as its ``custom_auth``: a file in place of the database of keys, users, teams and the rest.

LiteLLM calls its checks of key, team, project and organization only when it has a database, so they are called here,
LiteLLM's own ones in LiteLLM's order; that of the user it calls itself. What a check refuses in here is logged with the
key's hash and the budget that refused it, but without the key's names.
"""

import json
import os
from pathlib import Path
from typing import Any

from fastapi import Request
from litellm.proxy._types import (
    LiteLLM_OrganizationTable,
    LiteLLM_ProjectTableCachedObj,
    LiteLLM_TeamTable,
    LiteLLM_UserTable,
    UserAPIKeyAuth,
)
from litellm.proxy.auth import auth_checks

ROWS = Path(os.environ["GATEWAY_ROWS"])


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Who calls, unless one of their budgets refuses it."""
    from litellm.proxy.proxy_server import proxy_logging_obj, user_api_key_cache  # set when the proxy has started

    rows: dict[str, dict[str, Any]] = json.loads(ROWS.read_text())[api_key]
    user = LiteLLM_UserTable(**rows["user"]) if "user" in rows else None
    # LiteLLM's own query joins these to the key's columns.
    joined = {
        f"{table}_{column}": rows[table].get(column)
        for table, column in (
            ("user", "email"),
            ("user", "spend"),
            ("user", "max_budget"),
            ("team", "spend"),
            ("team", "max_budget"),
        )
        if table in rows
    }
    key = UserAPIKeyAuth(api_key=api_key, **joined, **rows["key"])
    if user is not None:
        await user_api_key_cache.async_set_cache(key=user.user_id, value=user, model_type=LiteLLM_UserTable)
    for check in (
        auth_checks.virtual_key_max_budget_alert_check,
        auth_checks.virtual_key_max_budget_check,
        auth_checks.virtual_key_soft_budget_check,
    ):
        await check(valid_token=key, proxy_logging_obj=proxy_logging_obj, user_obj=user)
    if "team" in rows:
        await auth_checks.team_max_budget_check(LiteLLM_TeamTable(**rows["team"]), key, proxy_logging_obj)
    if "project" in rows:
        project = LiteLLM_ProjectTableCachedObj(**rows["project"])
        await auth_checks._project_max_budget_check(project, key, proxy_logging_obj)
    if "organization" in rows:
        organization = LiteLLM_OrganizationTable(**rows["organization"])
        await user_api_key_cache.async_set_cache(
            key=f"org_id:{organization.organization_id}:with_budget", value=organization, model_type=LiteLLM_OrganizationTable
        )
        await auth_checks.organization_max_budget_check(
            valid_token=key,
            team_object=None,
            prisma_client=object(),  # the cache answers, so it is never asked
            user_api_key_cache=user_api_key_cache,
            proxy_logging_obj=proxy_logging_obj,
        )
    return key
