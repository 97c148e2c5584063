import pytest

from evaluate.settings import Settings
from gateway_alerts.errors import ConfigurationError

EVERYTHING = {
    "ALERTS_TABLE_NAME": "table",
    "ALERTS_QUEUE_URL": "https://queue",
    "USAGE_TABLE_NAME": "usage",
    "REQUEST_LOG_GATEWAY": "prod",
    "INGEST_TOKENS": "prod=token",
    "INGEST_TOKENS_SECRET_ARN": "arn:tokens",
    "CONFIG": "{}",
    "CONFIG_PARAMETER_NAME": "/config",
}


def test_every_setting_is_read_from_its_variable() -> None:
    assert Settings.read(EVERYTHING | {"SOMETHING_ELSE": "x"}) == Settings(
        table_name="table",
        usage_table_name="usage",
        queue_url="https://queue",
        request_log_gateway="prod",
        ingest_tokens="prod=token",
        ingest_tokens_secret_arn="arn:tokens",
        config="{}",
        config_parameter_name="/config",
    )


def test_table_and_queue_are_all_that_must_be_set() -> None:
    settings = Settings.read({"ALERTS_TABLE_NAME": "table", "ALERTS_QUEUE_URL": "https://queue"})
    assert (settings.ingest_tokens, settings.ingest_tokens_secret_arn) == ("", "")
    assert (settings.config, settings.config_parameter_name) == ("", "")
    assert (settings.usage_table_name, settings.request_log_gateway) == ("", "default")


MISSING = {
    "the table": ({"ALERTS_QUEUE_URL": "https://queue"}, "not set: ALERTS_TABLE_NAME"),
    "the queue": ({"ALERTS_TABLE_NAME": "table"}, "not set: ALERTS_QUEUE_URL"),
    "both": ({}, "not set: ALERTS_TABLE_NAME, ALERTS_QUEUE_URL"),
    "both, though they are there and empty": (
        {"ALERTS_TABLE_NAME": "", "ALERTS_QUEUE_URL": ""},
        "not set: ALERTS_TABLE_NAME, ALERTS_QUEUE_URL",
    ),
}


@pytest.mark.parametrize(("environment", "message"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_named(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{message}$"):
        Settings.read(environment)


def test_settings_do_not_show_the_tokens() -> None:
    settings = Settings.read({"ALERTS_TABLE_NAME": "t", "ALERTS_QUEUE_URL": "https://q", "INGEST_TOKENS": "gateway=tok-SECRET"})
    assert "SECRET" not in f"{settings} {settings!r}"
