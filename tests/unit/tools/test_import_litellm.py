import json
from pathlib import Path
from typing import Any

import pytest

from gateway_alerts.alert_types import ALERT_TYPES, SLACK_MESSAGE
from gateway_alerts.config import AlertingArgs, Config, parse_config
from tools import import_litellm
from tools.import_litellm import FATES, Imported, Kind, translate

CONFIGS = Path("tests/data/litellm/configs")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"


def translated(settings: dict[str, Any], *, topic_arn: str | None = None) -> tuple[Imported, Config]:
    """What becomes of settings, and the configuration as we read it."""
    imported = translate(settings, stack="prod", topic_arn=topic_arn)
    return imported, parse_config(json.dumps(imported.document))


def general(**settings: Any) -> dict[str, Any]:
    return {"general_settings": {"alerting": ["slack"], **settings}}


def kinds(imported: Imported) -> dict[str, Kind]:
    """What was said of each setting; of one that was said twice, the first."""
    return {line.setting: line.kind for line in reversed(imported.lines)}


def run(capsys: pytest.CaptureFixture[str], file: Path | str, *arguments: str) -> tuple[int, str, str]:
    status = import_litellm.main([str(file), *arguments])
    return status, *capsys.readouterr()


#: file → the settings of ours that come out
FILES: dict[str, set[str]] = {
    "slack_only.yaml": {"alerting_threshold"},
    "production.yaml": {
        *("alert_types", "alert_to_webhook_url", "alerting_threshold", "alerting_args", "alert_type_config"),
        *("spend_report_frequency", "thresholds"),
    },
    "everything.yaml": {"alerting_threshold", "alerting_args", "destinations", "routes"},
    "teams_only.yaml": {"alerting_threshold", "destinations", "routes"},
    "webhook_only.yaml": {"alerting_threshold", "alert_types", "destinations", "routes"},
    "mail_only.yaml": {"alerting_threshold"},
    "router_only.yaml": {"alerting_threshold", "alert_to_webhook_url"},
    "no_alerts.yaml": set(),
    "slips.yaml": {"alerting_threshold"},
}
#: file → why there is no configuration
REFUSED: dict[str, str] = {
    "broken.yaml": ", line 3, column 3: is not YAML",
    "tagged.yaml": ", line 1, column 19: is not YAML",
    "control_character.yaml": ": is not YAML",
    "not_a_mapping.yaml": ": is not a mapping of settings",
    "not_utf8.yaml": ": is not text in UTF-8",
    "empty.yaml": ": is empty",
    "only_a_comment.yaml": ": is empty",
    "missing.yaml": ": No such file or directory",
    ".": ": Is a directory",
}


def test_every_file_has_a_row() -> None:
    assert {path.name for path in CONFIGS.iterdir()} == FILES.keys() | (REFUSED.keys() - {"missing.yaml", "."})


@pytest.mark.parametrize("arguments", [(), ("--topic-arn", TOPIC), ("--stack-name", "prod")], ids=["alone", "a topic", "a stack"])
@pytest.mark.parametrize("name", FILES)
def test_what_comes_out_is_a_configuration_and_no_value_of_the_file_is_shown(
    capsys: pytest.CaptureFixture[str], name: str, arguments: tuple[str, ...]
) -> None:
    status, out, err = run(capsys, CONFIGS / name, *arguments)
    assert status == 0
    given = parse_config(out)
    if arguments[:1] != ("--topic-arn",):
        assert given.model_fields_set == FILES[name]
    assert "SECRET" not in out + err


@pytest.mark.parametrize(("name", "why"), REFUSED.items(), ids=REFUSED)
def test_a_file_that_is_none_is_told_by_its_name_and_nothing_of_it_is_shown(
    capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    assert run(capsys, CONFIGS / name) == (1, "", f"import-litellm: {CONFIGS / name}{why}\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param(("",), "say which file: CONFIG=proxy_config.yaml", id="no file"),
        pytest.param(
            (str(CONFIGS / "slack_only.yaml"), "--stack-name", "a b"), "STACK is not the name of a stack", id="no stack's name"
        ),
        pytest.param(
            (str(CONFIGS / "mail_only.yaml"), "--topic-arn", "SECRET@example.com"),
            "CONFIG: destinations.email.topic_arn: give the ARN of an SNS topic",
            id="no topic's ARN",
        ),
    ],
)
def test_a_wrong_argument_is_named(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], why: str) -> None:
    assert run(capsys, *arguments) == (1, "", f"import-litellm: {why}\n")


ALERTING, ARGS = "general_settings.alerting", "general_settings.alerting_args"
#: Every setting of LiteLLM 1.109.1's alerting: its value, what becomes of it.
SETTINGS: dict[str, tuple[Any, Kind]] = {
    f"{ALERTING}.slack": (None, "covered"),
    f"{ALERTING}.webhook": (None, "changed"),
    f"{ALERTING}.email": (None, "changed"),
    f"{ALERTING}.ms_teams": (None, "changed"),
    f"{ALERTING}.sentry": (None, "dropped"),
    f"{ALERTING}.pagerduty": (None, "dropped"),
    "general_settings.alert_types.budget_alerts": (None, "covered"),
    "general_settings.alert_to_webhook_url.budget_alerts": ("https://hooks.slack.com/services/T/B/x", "changed"),
    "general_settings.alerting_threshold": (120, "covered"),
    "general_settings.alert_type_config.llm_exceptions": ({"digest": True, "digest_interval": 3_600}, "covered"),
    "general_settings.spend_report_frequency": ("1d", "covered"),
    f"{ARGS}.daily_report_frequency": (86_400, "covered"),
    f"{ARGS}.report_check_interval": (600, "dropped"),
    f"{ARGS}.budget_alert_ttl": (3_600, "covered"),
    f"{ARGS}.outage_alert_ttl": (120, "covered"),
    f"{ARGS}.region_outage_alert_ttl": (120, "covered"),
    f"{ARGS}.minor_outage_alert_threshold": (6, "covered"),
    f"{ARGS}.major_outage_alert_threshold": (20, "covered"),
    f"{ARGS}.max_outage_alert_list_size": (100, "dropped"),
    f"{ARGS}.log_to_console": (True, "dropped"),
    f"{ARGS}.daily_spend_per_user_threshold": (50.0, "covered"),
    f"{ARGS}.monthly_spend_per_user_threshold": (1_000, "covered"),
    f"{ARGS}.spend_anomaly_multiplier": (2.5, "covered"),
    f"{ARGS}.spend_anomaly_baseline_days": (14, "covered"),
    f"{ARGS}.spend_anomaly_min_spend": (5, "covered"),
    f"{ARGS}.user_spend_check_interval": (600, "covered"),
    f"{ARGS}.failure_threshold": (60, "dropped"),
    f"{ARGS}.failure_threshold_window_seconds": (60, "dropped"),
    f"{ARGS}.hanging_threshold_seconds": (60, "dropped"),
    f"{ARGS}.hanging_threshold_window_seconds": (600, "dropped"),
    "router_settings.alerting_config.webhook_url": ("https://hooks.slack.com/services/T/B/y", "changed"),
    "router_settings.alerting_config.alerting_threshold": (30, "covered"),
    "litellm_settings.callbacks.generic_api": (None, "covered"),
    "litellm_settings.callbacks.aws_sqs": (None, "covered"),
    "litellm_settings.callbacks.smtp_email": (None, "changed"),
    "litellm_settings.success_callback.resend_email": (None, "changed"),
    "litellm_settings.failure_callback.sendgrid_email": (None, "changed"),
    "litellm_settings.callbacks.pagerduty": (None, "dropped"),
    "litellm_settings.failure_callback.sentry": (None, "dropped"),
    "litellm_settings.default_key_max_budget_alert_emails": ({"50": ["a@example.com"]}, "changed"),
    "litellm_settings.default_soft_budget": (50, "covered"),
    "litellm_settings.max_budget": (5_000, "covered"),
    "litellm_settings.budget_duration": ("30d", "covered"),
    "litellm_settings.max_end_user_budget": (1, "covered"),
    "litellm_settings.max_internal_user_budget": (1, "covered"),
    "callback_settings": ({"generic_api": {}}, "covered"),
    "include": (["more.yaml"], "dropped"),
    "environment_variables.SLACK_WEBHOOK_URL": ("https://hooks.slack.com/services/T/B/z", "changed"),
    "environment_variables.ALERTING_WEBHOOK_URL": ("https://alerts.example.com", "changed"),
    "environment_variables.WEBHOOK_URL": ("https://alerts.example.com", "changed"),
    "environment_variables.MS_TEAMS_WEBHOOK_URL": ("https://teams.example.com", "changed"),
    "environment_variables.SLACK_DAILY_REPORT_FREQUENCY": ("86400", "covered"),
    "environment_variables.EMAIL_BUDGET_ALERT_TTL": (86_400, "dropped"),
    "environment_variables.EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE": (0.8, "dropped"),
    "environment_variables.DEFAULT_BATCH_SIZE": (512, "changed"),
    "environment_variables.PROXY_BASE_URL": ("https://gateway.example.com", "dropped"),
    "environment_variables.PAGERDUTY_API_KEY": ("key", "dropped"),
    "environment_variables.SENTRY_DSN": ("https://sentry.example.com", "dropped"),
    **{
        f"environment_variables.{name}": ("x", "dropped")
        for name in (
            *("SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_SENDER_EMAIL", "SMTP_TLS"),
            *("SENDGRID_API_KEY", "RESEND_API_KEY"),
        )
    },
}


def setting(path: str, value: Any) -> dict[str, Any]:
    """The file with one setting; one without a value stands in a list."""
    *parents, name = path.split(".")
    content: Any = {name: value} if value is not None else [name]
    for parent in reversed(parents):
        content = {parent: content}
    return content  # type: ignore[no-any-return]


@pytest.mark.parametrize(("path", "value", "kind"), [(path, *row) for path, row in SETTINGS.items()], ids=SETTINGS)
def test_every_setting_of_litellms_alerting_is_handled(path: str, value: Any, kind: Kind) -> None:
    file = setting(path, value)
    if path.startswith("general_settings.alert_to_webhook_url"):
        file["general_settings"]["alerting"] = ["slack"]
    imported, _ = translated(file)
    assert kinds(imported)[path] == kind
    assert all(line.why for line in imported.lines if line.kind in ("changed", "dropped"))


def test_the_table_above_holds_all_that_the_tool_knows() -> None:
    fates = {f"{place}.{name}".removeprefix(".") for place, names in FATES.items() for name in names}
    callbacks = {path for path in fates if path.split(".")[1:2] in (["callbacks"], ["success_callback"], ["failure_callback"])}
    assert fates - callbacks <= SETTINGS.keys()
    assert {path.rpartition(".")[2] for path in callbacks} == {path.rpartition(".")[2] for path in SETTINGS if path in callbacks}
    assert {f"{ARGS}.{name}" for name in AlertingArgs.model_fields} <= SETTINGS.keys()


@pytest.mark.parametrize("name", sorted(ALERT_TYPES.keys() - {SLACK_MESSAGE}))
def test_every_alert_type_of_litellm_can_be_imported(name: str) -> None:
    url = "https://hooks.slack.com/services/T/B/x"
    imported, config = translated(
        general(alert_types=[name], alert_to_webhook_url={name: url}, alert_type_config={name: {"digest": True}})
    )
    assert (config.alert_types, config.alert_type_config[name].digest) == ([name], True)
    assert config.alert_to_webhook_url == {name: [f"secretsmanager:prod/{name}"]}
    assert imported.secrets == {name: f"general_settings.alert_to_webhook_url.{name}"}


DEFAULT, SLACK, OTHER = "default", "os.environ/A", "os.environ/B"
#: what alerts go to in LiteLLM → where budget alerts, LLM failures and messages of other senders go here; None for nowhere
WHERE: dict[str, tuple[dict[str, Any], tuple[tuple[str, ...] | None, ...]]] = {
    "Slack": (general(), ((DEFAULT,), (DEFAULT,), (DEFAULT,))),
    "Slack, not in a list": (general(alerting="slack"), ((DEFAULT,), (DEFAULT,), (DEFAULT,))),
    "Slack, LLM failures elsewhere": (
        general(alert_to_webhook_url={"llm_exceptions": SLACK}),
        ((DEFAULT,), ("llm_exceptions",), (DEFAULT,)),
    ),
    "Slack, failures in two places": (
        general(alert_to_webhook_url={"llm_exceptions": [SLACK, OTHER]}),
        ((DEFAULT,), ("llm_exceptions", "llm_exceptions.2"), (DEFAULT,)),
    ),
    "Teams": (general(alerting=["ms_teams"]), (("teams",), ("teams",), ("teams",))),
    "Slack and Teams": (
        general(alerting=["slack", "ms_teams"]),
        ((DEFAULT, "teams"), (DEFAULT, "teams"), (DEFAULT, "teams")),
    ),
    "Slack and Teams, LLM failures elsewhere in Slack": (
        general(alerting=["slack", "ms_teams"], alert_to_webhook_url={"llm_exceptions": SLACK}),
        ((DEFAULT, "teams"), ("A", "teams"), (DEFAULT, "teams")),
    ),
    "Slack and a webhook": (general(alerting=["slack", "webhook"]), ((DEFAULT, "webhook"), (DEFAULT,), (DEFAULT,))),
    "Slack and a webhook, budgets elsewhere in Slack": (
        general(alerting=["slack", "webhook"], alert_to_webhook_url={"budget_alerts": [SLACK, OTHER]}),
        (("A", "B", "webhook"), (DEFAULT,), (DEFAULT,)),
    ),
    "Slack and a webhook, budgets elsewhere that is no URL": (
        general(alerting=["slack", "webhook"], alert_to_webhook_url={"budget_alerts": "#budgets"}),
        ((DEFAULT, "webhook"), (DEFAULT,), (DEFAULT,)),
    ),
    "all of them": (
        general(alerting=["slack", "ms_teams", "webhook", "email"], alert_to_webhook_url={"llm_exceptions": SLACK}),
        ((DEFAULT, "teams", "webhook", "email"), ("A", "teams"), (DEFAULT, "teams")),
    ),
    "a webhook": (general(alerting=["webhook"]), (("webhook",), None, (DEFAULT,))),
    "a webhook, alert types given": (
        general(alerting=["webhook"], alert_types=["llm_exceptions", "budget_alerts"]),
        (("webhook",), None, (DEFAULT,)),
    ),
    "a webhook, budgets off": (general(alerting=["webhook"], alert_types=["llm_exceptions"]), (None, None, (DEFAULT,))),
    "mail": (general(alerting=["email"]), (("email",), None, (DEFAULT,))),
    "mail, by a callback": ({"litellm_settings": {"callbacks": ["smtp_email"]}}, (("email",), None, (DEFAULT,))),
    "the router": (
        {"router_settings": {"alerting_config": {"webhook_url": SLACK}}},
        ((DEFAULT,), ("llm_exceptions",), (DEFAULT,)),
    ),
    "the router, where failures have a place": (
        general(alert_to_webhook_url={"llm_exceptions": [OTHER, OTHER]})
        | {"router_settings": {"alerting_config": {"webhook_url": SLACK}}},
        ((DEFAULT,), ("llm_exceptions", "llm_exceptions.2"), (DEFAULT,)),
    ),
    "the router, and Teams": (
        general(alerting=["ms_teams"]) | {"router_settings": {"alerting_config": {"webhook_url": SLACK}}},
        (("teams",), ("A", "teams"), ("teams",)),
    ),
    "the router, and a webhook": (
        general(alerting=["webhook"]) | {"router_settings": {"alerting_config": {"webhook_url": SLACK}}},
        (("webhook",), ("A",), (DEFAULT,)),
    ),
    "nothing": ({}, ((DEFAULT,), (DEFAULT,), (DEFAULT,))),
}


@pytest.mark.parametrize(("settings", "expected"), WHERE.values(), ids=WHERE)
def test_alerts_go_where_they_went(settings: dict[str, Any], expected: tuple[tuple[str, ...] | None, ...]) -> None:
    _, config = translated(settings, topic_arn=TOPIC)
    where = tuple(
        config.destinations_for(alert_type=name, entity_type="", gateway="g", level="High") if config.is_enabled(name) else None
        for name in ("budget_alerts", "llm_exceptions", "slack_message")
    )
    assert where == expected
    assert {DEFAULT, *config.all_destinations()}.issuperset(name for names in where for name in names or ())


def test_one_url_is_one_secret_wherever_it_stands() -> None:
    url = "https://hooks.slack.com/services/T/B/x"
    imported, config = translated(
        general(
            alert_to_webhook_url={
                "budget_alerts": url,
                "db_exceptions": SLACK,
                "outage_alerts": f" {url} ",
                "llm_exceptions": SLACK,
            }
        )
    )
    assert {name: urls for name, (urls,) in config.alert_to_webhook_url.items()} == {
        "budget_alerts": "secretsmanager:prod/budget_alerts",
        "outage_alerts": "secretsmanager:prod/budget_alerts",
        "db_exceptions": "secretsmanager:prod/A",
        "llm_exceptions": "secretsmanager:prod/A",
    }
    assert imported.secrets == {
        "budget_alerts": "general_settings.alert_to_webhook_url.budget_alerts",
        "A": "what the gateway has in A",
    }


def test_mails_without_a_topic_are_dropped_with_the_way_to_one() -> None:
    imported, config = translated(general(alerting=["slack", "email"]))
    assert config.destinations == {}
    (line,) = [line for line in imported.lines if line.setting == "e-mail"]
    assert "aws sns create-topic --name prod-mail" in line.why
    assert "TOPIC_ARN" in line.why


THRESHOLD: dict[str, tuple[dict[str, Any], float]] = {
    "none": (general(), 600),
    "none, and no alerting": ({}, 300),
    "one": (general(alerting_threshold=60), 60),
    "one that is none": (general(alerting_threshold=-1), 600),
    "null": (general(alerting_threshold=None), 600),
    "the router's": (general() | {"router_settings": {"alerting_config": {"alerting_threshold": 30}}}, 30),
    "one, and the router's": (
        general(alerting_threshold=60) | {"router_settings": {"alerting_config": {"alerting_threshold": 30}}},
        60,
    ),
}


@pytest.mark.parametrize(("settings", "seconds"), THRESHOLD.values(), ids=THRESHOLD)
def test_a_request_is_slow_when_it_was(settings: dict[str, Any], seconds: float) -> None:
    assert translated(settings)[1].alerting_threshold == seconds


PERCENTAGES: dict[str, tuple[Any, list[str] | None]] = {
    "two": ({"50": [], "75": []}, ["0.5", "0.75", "0.85", "0.95", "1"]),
    "as numbers": ({50: []}, ["0.5", "0.85", "0.95", "1"]),
    "the usual ones": ({"100": [], "85": []}, ["0.85", "0.95", "1"]),
    "some that do not count": ({"50": [], "0": [], "101": [], "50.5": [], "SECRET": []}, ["0.5", "0.85", "0.95", "1"]),
    "none that counts": ({"all": []}, None),
    "no mapping": (["50"], None),
}


@pytest.mark.parametrize(("mails", "rungs"), PERCENTAGES.values(), ids=PERCENTAGES)
def test_percentages_of_mails_become_rungs_of_keys(mails: Any, rungs: list[str] | None) -> None:
    imported, config = translated({"litellm_settings": {"default_key_max_budget_alert_emails": mails}})
    assert kinds(imported)["litellm_settings.default_key_max_budget_alert_emails"] == ("changed" if rungs else "dropped")
    assert list(map(str, config.thresholds_of("key"))) == (rungs or ["0.85", "0.95", "1"])
    assert list(map(str, config.thresholds_of("team"))) == ["0.85", "0.95", "1"]


#: settings → one that is named, as what, and in which words
NAMED: dict[str, tuple[dict[str, Any], str, Kind, str]] = {
    "a misspelt setting": (general(alert_typos=[]), "general_settings.alert_typos", "unknown", "not guessed"),
    "a misspelt argument": (general(alerting_args={"ttl": 1}), f"{ARGS}.ttl", "unknown", "not guessed"),
    "an unknown destination": (general(alerting=["discord"]), f"{ALERTING}.discord", "unknown", "not guessed"),
    "an unknown alert type": (general(alert_types=["x"]), "general_settings.alert_types.x", "unknown", "not guessed"),
    "no known alert type": (general(alert_types=["x"]), "general_settings.alert_types", "dropped", "the defaults are on"),
    "an unknown type's webhook": (
        general(alert_to_webhook_url={"x": SLACK}),
        "general_settings.alert_to_webhook_url.x",
        "unknown",
        "not guessed",
    ),
    "a secret in place of a name": (general(alert_types=["https://SECRET"]), "general_settings.alert_types.…", "unknown", ""),
    "a webhook that is no URL": (
        general(alert_to_webhook_url={"db_exceptions": "#SECRET"}),
        "general_settings.alert_to_webhook_url.db_exceptions",
        "dropped",
        "neither a URL",
    ),
    "a variable that is no name": (
        general(alert_to_webhook_url={"db_exceptions": "os.environ/SECRET of ours"}),
        "general_settings.alert_to_webhook_url.db_exceptions",
        "dropped",
        "neither a URL",
    ),
    "a webhook without Slack": (
        general(alerting=["ms_teams"], alert_to_webhook_url={"db_exceptions": SLACK}),
        "general_settings.alert_to_webhook_url.db_exceptions",
        "dropped",
        "without slack",
    ),
    "an unknown type's digest": (
        general(alert_type_config={"x": {"digest": True}}),
        "general_settings.alert_type_config.x",
        "unknown",
        "",
    ),
    "a value out of bounds": (
        general(alerting_args={"budget_alert_ttl": -1}),
        f"{ARGS}.budget_alert_ttl",
        "dropped",
        "Input should be greater than or equal to 1",
    ),
    "two values that exclude each other": (
        general(alerting_args={"minor_outage_alert_threshold": 9, "major_outage_alert_threshold": 8}),
        f"{ARGS}.major_outage_alert_threshold",
        "dropped",
        "is below minor_outage_alert_threshold",
    ),
    "a value in words": (general(alerting_threshold="SECRET"), "general_settings.alerting_threshold", "dropped", "valid number"),
    "an unknown setting of a digest": (
        general(alert_type_config={"llm_exceptions": {"every": 60}}),
        "general_settings.alert_type_config.llm_exceptions",
        "dropped",
        "every: is not a setting",
    ),
    "a section that is no mapping": ({"litellm_settings": ["SECRET"]}, "litellm_settings", "dropped", "is not a mapping"),
    "arguments that are no mapping": (general(alerting_args="SECRET"), ARGS, "dropped", "is not a mapping"),
    "an unknown setting of the router's": (
        {"router_settings": {"alerting_config": {"webhook_url": SLACK, "channel": "SECRET"}}},
        "router_settings.alerting_config.channel",
        "unknown",
        "not guessed",
    ),
    "the router's threshold beside another": (
        general(alerting_threshold=60) | {"router_settings": {"alerting_config": {"alerting_threshold": 30}}},
        "router_settings.alerting_config.alerting_threshold",
        "dropped",
        "that of general_settings stands",
    ),
    "a report's frequency beside another": (
        general(alerting_args={"daily_report_frequency": 60}) | {"environment_variables": {"SLACK_DAILY_REPORT_FREQUENCY": 90}},
        "environment_variables.SLACK_DAILY_REPORT_FREQUENCY",
        "dropped",
        "that of alerting_args stands",
    ),
    "a section that could be about alerts": ({"slack_settings": {}}, "slack_settings", "unknown", "not guessed"),
    "settings about something else": (
        general(master_key="sk-SECRET", database_url="SECRET"),
        "general_settings.database_url, general_settings.master_key",
        "left",
        "",
    ),
    "other callbacks": (
        {"litellm_settings": {"callbacks": ["prometheus", "custom.instance"]}},
        "litellm_settings.callbacks.custom.instance, litellm_settings.callbacks.prometheus",
        "left",
        "",
    ),
    "other sections": ({"model_list": [], 7: None}, "7, model_list", "left", ""),
}


@pytest.mark.parametrize(("settings", "named", "kind", "why"), NAMED.values(), ids=NAMED)
def test_what_is_not_taken_is_named_and_its_value_is_not_shown(
    settings: dict[str, Any], named: str, kind: Kind, why: str
) -> None:
    imported, config = translated(settings)
    assert (kind, True) in [(line.kind, why in line.why) for line in imported.lines if line.setting == named]
    report = "\n".join(map(str, imported.lines))
    assert "CONFIG: " not in report
    assert "SECRET" not in report + config.model_dump_json()


def test_a_value_within_itself_is_named() -> None:
    digest: dict[str, Any] = {}
    digest["digest"] = digest
    imported, _ = translated(general(alert_type_config={"llm_exceptions": digest}))
    assert kinds(imported)["general_settings.alert_type_config.llm_exceptions"] == "dropped"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        pytest.param(None, None, id="null is not set"),
        pytest.param([], [], id="an empty list turns all off"),
        pytest.param(["x", "budget_alerts"], ["budget_alerts"], id="the known ones of a list"),
        pytest.param("budget_alerts", ["budget_alerts"], id="one that is not in a list"),
        pytest.param(["x"], None, id="no known one leaves the defaults"),
    ],
)
def test_alert_types(given: Any, taken: list[str] | None) -> None:
    assert translated(general(alert_types=given))[1].alert_types == taken


def test_a_person_is_told_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, CONFIGS / "production.yaml")
    for told in (
        "create-secret --name gateway-alerts/budget_alerts ",
        "# paste general_settings.alert_to_webhook_url.budget_alerts",
        "# paste what the gateway has in SLACK_WEBHOOK_ERRORS",
        "aws ssm put-parameter",
        'alerting: ["slack", "webhook"]',
        'callbacks: ["prometheus", "generic_api", "gateway_alerts"]',
        "callback_type: generic_api",
        "WEBHOOK_URL=EVENTS_URL/YOUR_TOKEN",
        "/services/YOUR_TOKEN",
        "DEFAULT_BATCH_SIZE=300",
        "aws_sqs",
    ):
        assert told in err


def test_without_a_secret_none_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, CONFIGS / "slack_only.yaml")
    assert "create-secret" not in err
