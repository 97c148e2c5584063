"""OPEN for extension: every alert type, one row each. The first 27 are LiteLLM's (1.109.1), with its names and defaults.

To add one: a row in ``ALERT_TYPES``, a sample in ``events/evaluate/``, and, where a plain alert's layout does not serve
it, a renderer in ``notify/rendering/``. Whatever a sender raises under that name is then deduplicated, counted,
routed and posted. The README's table of alert types is made from these rows.
"""

from typing import Literal, NamedTuple

Level = Literal["Low", "Medium", "High"]
WayIn = Literal["budget event", "webhook", "request log", "gateway alert", "Slack text", "schedule"]

BUDGET_ALERTS = "budget_alerts"
LLM_EXCEPTIONS = "llm_exceptions"
LLM_TOO_SLOW = "llm_too_slow"
LLM_REQUESTS_HANGING = "llm_requests_hanging"
OUTAGE_ALERTS = "outage_alerts"
REGION_OUTAGE_ALERTS = "region_outage_alerts"
DAILY_REPORTS = "daily_reports"
SPEND_REPORTS = "spend_reports"
USER_SPEND_THRESHOLDS = "user_spend_thresholds"
USER_SPEND_ANOMALIES = "user_spend_anomalies"
NEW_MODEL_ADDED = "new_model_added"
#: What somebody did to a key, a team or a user. Nothing is broken, whatever its level.
CHANGES = (
    "new_virtual_key_created",
    "virtual_key_updated",
    "virtual_key_deleted",
    "new_team_created",
    "team_updated",
    "team_deleted",
    "new_internal_user_created",
    "internal_user_updated",
    "internal_user_deleted",
)
#: Not LiteLLM's: what any other sender posts to the drop-in Slack endpoint.
SLACK_MESSAGE = "slack_message"

#: Seconds within which a repeat is counted rather than told, and told at their end by how many there were.
EVENT_INTERVAL_SECONDS = 300
STATE_INTERVAL_SECONDS = 3_600


class AlertType(NamedTuple):
    """One alert type.

    Attributes:
        name: as ``alert_types`` and ``alert_to_webhook_url`` spell it.
        is_on: whether it is on when the configuration does not list ``alert_types``.
        level: of an alert whose sender names none.
        emoji: before its title; shows the kind at a glance.
        noun: what one of them is called in a headline, such as ``LLM failure``.
        ways_in: by which an alert of this type can come.
        raised_when: what raises it, in a sentence for the README.
        once_per: what makes two of them the same, in words for the README.
        interval_seconds: repeats within it are counted and told at its end; ``repeat_intervals`` changes it.
    """

    name: str
    is_on: bool
    level: Level
    emoji: str
    noun: str
    ways_in: tuple[WayIn, ...]
    raised_when: str
    once_per: str
    interval_seconds: int = EVENT_INTERVAL_SECONDS


_TOLD: tuple[WayIn, ...] = ("gateway alert", "Slack text")
_LOGGED: tuple[WayIn, ...] = ("request log", *_TOLD)
_SCHEDULED: tuple[WayIn, ...] = ("schedule", *_TOLD)
_SAID = "type, text without times, facts"

_ROWS = (
    AlertType(
        BUDGET_ALERTS,
        True,
        "High",
        "🔴",
        "budget",
        ("budget event", "webhook", "request log", "Slack text", "schedule"),
        "spend reaches a threshold, the maximum or the soft budget, or is on course to",
        "rung, period and limit of a budget",
        86_400,
    ),
    AlertType(LLM_EXCEPTIONS, True, "High", "💥", "LLM failure", _LOGGED, "requests fail", "model and error class"),
    AlertType(
        LLM_TOO_SLOW,
        True,
        "Low",
        "🐢",
        "slow model",
        _LOGGED,
        "requests take longer than `alerting_threshold`",
        "model, as its provider calls it",
    ),
    AlertType(
        LLM_REQUESTS_HANGING,
        True,
        "Medium",
        "⏳",
        "hanging model",
        _TOLD,
        "requests have begun and not ended within `alerting_threshold`",
        "model",
    ),
    AlertType(
        "failed_tracking_spend", True, "High", "🧾", "spend tracking failure", _TOLD, "the gateway could not record a cost", _SAID
    ),
    AlertType(
        SPEND_REPORTS,
        True,
        "Low",
        "💸",
        "spend report",
        _SCHEDULED,
        "a day, week or month has ended (`spend_report_frequency`)",
        "period",
        STATE_INTERVAL_SECONDS,
    ),
    AlertType(
        USER_SPEND_THRESHOLDS,
        True,
        "High",
        "👤",
        "user over a spend threshold",
        _SCHEDULED,
        "a user's spend reaches `daily_spend_per_user_threshold` or `monthly_spend_per_user_threshold`",
        "user, threshold, and day or month",
    ),
    AlertType(
        USER_SPEND_ANOMALIES,
        False,
        "High",
        "📈",
        "user with unusual spend",
        _SCHEDULED,
        "a user spends `spend_anomaly_multiplier` times their usual day",
        "user and day",
    ),
    AlertType("db_exceptions", True, "High", "🗄️", "database failure", _TOLD, "the gateway's database failed", _SAID),
    AlertType(
        DAILY_REPORTS,
        True,
        "Low",
        "📊",
        "daily report",
        _SCHEDULED,
        "every `daily_report_frequency` seconds: failures and latency by deployment",
        "period",
        STATE_INTERVAL_SECONDS,
    ),
    AlertType("cooldown_deployment", True, "Low", "🧊", "cooled-down deployment", _TOLD, "a deployment is set aside", _SAID),
    AlertType(NEW_MODEL_ADDED, True, "Low", "🆕", "new model", _TOLD, "a model was added", _SAID),
    AlertType(
        "model_deprecation_warnings",
        True,
        "Medium",
        "📅",
        "model deprecation",
        _TOLD,
        "a model is, or will soon be, deprecated",
        _SAID,
        STATE_INTERVAL_SECONDS,
    ),
    AlertType(
        OUTAGE_ALERTS,
        True,
        "Medium",
        "🚨",
        "outage",
        _LOGGED,
        "a deployment's errors (408, 5xx) reach `minor_` and `major_outage_alert_threshold` within `outage_alert_ttl`",
        "deployment, severity and outage, across all gateways",
    ),
    AlertType(
        REGION_OUTAGE_ALERTS,
        True,
        "Medium",
        "🌍",
        "region outage",
        _LOGGED,
        "the same for a provider's region, with errors of at least two deployments",
        "region, severity and outage, across all gateways",
    ),
    AlertType(
        "fallback_reports",
        True,
        "Low",
        "🔀",
        "fallback report",
        _TOLD,
        "the gateway reports its fallbacks",
        _SAID,
        STATE_INTERVAL_SECONDS,
    ),
    AlertType("new_virtual_key_created", False, "High", "🔑", "new key", _TOLD, "a virtual key was created", _SAID),
    AlertType("virtual_key_updated", False, "High", "🔑", "changed key", _TOLD, "a virtual key was changed", _SAID),
    AlertType("virtual_key_deleted", False, "High", "🔑", "deleted key", _TOLD, "a virtual key was deleted", _SAID),
    AlertType("new_team_created", False, "High", "👥", "new team", _TOLD, "a team was created", _SAID),
    AlertType("team_updated", False, "High", "👥", "changed team", _TOLD, "a team was changed", _SAID),
    AlertType("team_deleted", False, "High", "👥", "deleted team", _TOLD, "a team was deleted", _SAID),
    AlertType("new_internal_user_created", False, "High", "👤", "new user", _TOLD, "an internal user was created", _SAID),
    AlertType("internal_user_updated", False, "High", "👤", "changed user", _TOLD, "an internal user was changed", _SAID),
    AlertType("internal_user_deleted", False, "High", "👤", "deleted user", _TOLD, "an internal user was deleted", _SAID),
    AlertType(
        "mcp_tool_description_blocked",
        True,
        "Medium",
        "🛡️",
        "blocked MCP tool description",
        _TOLD,
        "a guardrail hides a tool of an MCP server",
        _SAID,
    ),
    AlertType(
        "mcp_pinned_tools_changed",
        True,
        "Medium",
        "📌",
        "changed MCP tool catalogue",
        _TOLD,
        "the pinned tools of an MCP server change",
        _SAID,
    ),
    AlertType(
        SLACK_MESSAGE,
        True,
        "Medium",
        "💬",
        "message",
        ("Slack text",),
        "another sender posts to the drop-in Slack endpoint; passed on as it is",
        "payload",
    ),
)

ALERT_TYPES: dict[str, AlertType] = {row.name: row for row in _ROWS}
if len(ALERT_TYPES) != len(_ROWS):
    raise ValueError("two alert types have one name")
