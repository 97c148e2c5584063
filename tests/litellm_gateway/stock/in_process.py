"""LiteLLM's own alerting classes in one process, for what a proxy without a database never gets to: real requests all the same.

``python in_process.py``; the environment names where to send, as it does for a proxy. Prints as JSON what each of the
three functions returns.
"""

import asyncio
import json
import os
from datetime import UTC, datetime
from typing import Any

import litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger
from litellm.integrations.SlackAlerting.slack_alerting import SlackAlerting
from litellm.proxy import proxy_server
from litellm.proxy._types import (
    DeleteTeamRequest,
    DeleteUserRequest,
    GenerateKeyRequest,
    KeyRequest,
    NewTeamRequest,
    NewUserRequest,
    UpdateKeyRequest,
    UpdateTeamRequest,
    UpdateUserRequest,
    UserAPIKeyAuth,
)
from litellm.proxy.management_helpers.utils import send_management_endpoint_alert
from litellm.types.integrations.slack_alerting import AlertType, DeploymentMetrics, SlackAlertingArgs
from pydantic import BaseModel

PLAIN_KEY = "sk-plaintext-PLAINTEXT-plaintext"
ADMIN = UserAPIKeyAuth(user_id="admin", user_role="proxy_admin", key_alias="key-of-admin")
#: Management endpoints: the alert type of each, its name and what it is asked. The key in them is one that nobody may read.
MANAGEMENT: dict[AlertType, tuple[str, BaseModel]] = {
    AlertType.new_virtual_key_created: ("generate_key_fn", GenerateKeyRequest(key_alias="m-new-key", key=PLAIN_KEY)),
    AlertType.virtual_key_updated: ("update_key_fn", UpdateKeyRequest(key="hash", key_alias="m-changed-key")),
    AlertType.virtual_key_deleted: ("delete_key_fn", KeyRequest(keys=[PLAIN_KEY], key_aliases=["m-deleted-key"])),
    AlertType.new_team_created: ("new_team", NewTeamRequest(team_alias="m-new-team")),
    AlertType.team_updated: ("update_team", UpdateTeamRequest(team_id="m-changed-team")),
    AlertType.team_deleted: ("delete_team", DeleteTeamRequest(team_ids=["m-deleted-team"])),
    AlertType.new_internal_user_created: ("new_user", NewUserRequest(user_id="m-new-user")),
    AlertType.internal_user_updated: ("user_update", UpdateUserRequest(user_id="m-changed-user")),
    AlertType.internal_user_deleted: ("delete_user", DeleteUserRequest(user_ids=["m-deleted-user"])),
}


class Database:
    """Stands in for Prisma: every query for spend gets the same rows. ``asked`` is what was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.db = self

    async def query_raw(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        self.asked.append([str(argument)[:10] for argument in arguments])
        if "LiteLLM_DailyUserSpend" in query:
            return [
                {"user_id": "m-spender", "daily_spend": 120.0, "monthly_spend": 900.0, "baseline_spend": 700.0},
                {"user_id": "m-unusual", "daily_spend": 60.0, "monthly_spend": 100.0, "baseline_spend": 35.0},
            ]
        if "LiteLLM_TeamTable" in query:
            return [{"team_alias": "m-weekly-team", "total_spend": 12.5}]
        return [{"individual_request_tag": "m-weekly-tag", "total_spend": 2.5}]


async def every_alert_type() -> list[str]:
    """Each alert type that no proxy here raises, once. Returns their names."""
    logging = proxy_server.proxy_logging_obj
    logging.update_values(alerting=["slack"], alert_types=list(AlertType), redis_cache=None)
    alerting = logging.slack_alerting_instance
    alerting.alerting_args = SlackAlertingArgs(daily_spend_per_user_threshold=100.0)
    proxy_server.prisma_client = database = Database()
    router = _router("m-reported", model="m-reported")
    await alerting.async_update_daily_reports(
        DeploymentMetrics(id="m-reported-1", failed_request=True, latency_per_output_token=0.04, updated_at=datetime.now(UTC))
    )
    raising = {
        AlertType.failed_tracking_spend: alerting.failed_tracking_alert(
            "model=m-untracked: no price", failing_model="m-untracked"
        ),
        AlertType.spend_reports: alerting.send_weekly_spend_report(),
        AlertType.user_spend_thresholds: alerting.send_user_spend_alerts(prisma_client=database),
        AlertType.user_spend_anomalies: None,  # raised with the thresholds
        AlertType.db_exceptions: logging.failure_handler(RuntimeError("m-database is not there"), 0.1, "read"),
        AlertType.daily_reports: alerting.send_daily_reports(router),
        AlertType.new_model_added: alerting.model_added_alert("m-new-model", "openai/gpt-4o", None),
        AlertType.fallback_reports: alerting.send_alert(
            "*Fallback Statistics:*\nm-fallback: 3", "Low", AlertType.fallback_reports, {}
        ),
        AlertType.mcp_tool_description_blocked: logging.alerting_handler(
            "MCP server m-blocked: tool hidden", "Medium", AlertType.mcp_tool_description_blocked
        ),
        AlertType.mcp_pinned_tools_changed: logging.alerting_handler(
            "MCP server m-pinned: tools changed", "Medium", AlertType.mcp_pinned_tools_changed
        ),
    } | {
        alert_type: send_management_endpoint_alert({"data": request}, ADMIN, endpoint)
        for alert_type, (endpoint, request) in MANAGEMENT.items()
    }
    for raised in raising.values():
        if raised is not None:
            await raised
            await asyncio.sleep(0.01)  # one of them only starts a task
            await alerting.flush_queue()  # one by one: what is raised during a flush would be lost
    return [alert_type.value for alert_type in raising]


async def monthly_report() -> list[str]:
    """The monthly report as its schedule would send it on the first of a month. Returns from when to when it asks."""
    proxy_server.prisma_client = database = Database()
    await SlackAlerting(alerting=["slack"], alert_types=[AlertType.spend_reports]).send_monthly_spend_report()
    return database.asked[0]


async def region_outage() -> list[str]:
    """Ten failures of two deployments of one region, with only ``region_outage_alerts`` on. Returns the deployments."""
    router = _router("m-region", "m-region")
    alerting = SlackAlerting(alerting=["slack"], alert_types=[AlertType.region_outage_alerts])
    alerting.update_values(llm_router=router)
    endpoint, _, token = os.environ["WEBHOOK_URL"].rpartition("/")
    log = GenericAPILogger(endpoint=endpoint, headers={"Authorization": f"Bearer {token}"})
    litellm.callbacks = [alerting, log]
    deployments: list[str] = router.get_model_ids()
    for number in range(10):
        try:
            await router.acompletion(deployments[number % 2], [{"role": "user", "content": "How are you?"}])
        except litellm.ServiceUnavailableError:
            if number % 5 == 4:  # a minor outage is logged before it becomes a major one
                await asyncio.sleep(1)  # callbacks run beside the requests
                await log.flush_queue()
            continue
        raise AssertionError("the region is not out")
    await alerting.flush_queue()
    litellm.callbacks = []
    return deployments


def _router(*names: str, model: str = "anthropic.claude-sonnet-4-5-20250929-v1:0") -> litellm.Router:
    """A deployment of a Bedrock region for each name. Its requests go to the proxy that the environment names."""
    deployments = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"bedrock/{model}",
                "aws_region_name": "eu-central-1",
                "aws_bedrock_runtime_endpoint": "http://bedrock-runtime.eu-central-1.amazonaws.com",
                "aws_access_key_id": "none",
                "aws_secret_access_key": "none",
            },
            "model_info": {"id": f"{name}-{number}"},
        }
        for number, name in enumerate(names, start=1)
    ]
    return litellm.Router(model_list=deployments, num_retries=0, disable_cooldowns=True)


async def main() -> dict[str, list[str]]:
    """All of it, in an order in which nothing hears of the other."""
    return {raising.__name__: await raising() for raising in (region_outage, every_alert_type, monthly_report)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())))
