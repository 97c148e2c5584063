"""What the environment says."""

import pytest

from gateway_alerts.errors import ConfigurationError
from notify.settings import Settings
from tests.unit.notify.fakes import WEBHOOK, assert_no_secret

FULL = {
    "ALERTS_TABLE_NAME": "alerts",
    "SLACK_WEBHOOK_URL": WEBHOOK,
    "SLACK_WEBHOOK_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack",
    "CONFIG": "{}",
    "CONFIG_PARAMETER_NAME": "/gateway-alerts/config",
}


def test_every_variable_is_read() -> None:
    settings = Settings.read(FULL)

    assert {
        "ALERTS_TABLE_NAME": settings.table_name,
        "SLACK_WEBHOOK_URL": settings.slack_webhook_url,
        "SLACK_WEBHOOK_SECRET_ARN": settings.slack_webhook_secret_arn,
        "CONFIG": settings.config,
        "CONFIG_PARAMETER_NAME": settings.config_parameter_name,
    } == FULL


def test_only_the_table_is_needed() -> None:
    settings = Settings.read({"ALERTS_TABLE_NAME": "alerts"})

    assert (
        settings.slack_webhook_url == settings.slack_webhook_secret_arn == settings.config == settings.config_parameter_name == ""
    )


@pytest.mark.parametrize("environment", [{}, {"ALERTS_TABLE_NAME": ""}], ids=["not set", "empty counts as not set"])
def test_a_missing_table_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="ALERTS_TABLE_NAME"):
        Settings.read(environment)


def test_settings_do_not_show_the_secret() -> None:
    assert_no_secret(Settings.read(FULL))
