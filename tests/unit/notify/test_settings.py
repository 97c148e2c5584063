"""What the environment says."""

import pytest

from gateway_alerts.errors import ConfigurationError
from notify.settings import Settings
from tests.unit.notify.fakes import WEBHOOK, assert_no_secret

NEEDED = {
    "ALERTS_TABLE_NAME": "alerts",
    "ALERTS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/alerts",
    "ALERTS_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
}
FULL = NEEDED | {
    "SLACK_WEBHOOK_URL": WEBHOOK,
    "SLACK_WEBHOOK_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack",
    "CONFIG": "{}",
    "CONFIG_PARAMETER_NAME": "/gateway-alerts/config",
}


def test_every_variable_is_read() -> None:
    settings = Settings.read(FULL)

    assert {
        "ALERTS_TABLE_NAME": settings.table_name,
        "ALERTS_QUEUE_URL": settings.queue_url,
        "ALERTS_DEAD_LETTER_QUEUE_URL": settings.dead_letter_queue_url,
        "SLACK_WEBHOOK_URL": settings.slack_webhook_url,
        "SLACK_WEBHOOK_SECRET_ARN": settings.slack_webhook_secret_arn,
        "CONFIG": settings.config,
        "CONFIG_PARAMETER_NAME": settings.config_parameter_name,
    } == FULL


def test_only_the_table_and_the_queues_are_needed() -> None:
    settings = Settings.read(NEEDED)

    assert (
        settings.slack_webhook_url == settings.slack_webhook_secret_arn == settings.config == settings.config_parameter_name == ""
    )


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [{}, ""], ids=["not set", "empty counts as not set"])
def test_a_missing_variable_is_named_and_no_other(name: str, value: object) -> None:
    environment = {key: text for key, text in FULL.items() if key != name} | ({name: ""} if value == "" else {})

    with pytest.raises(ConfigurationError) as caught:
        Settings.read(environment)

    assert str(caught.value) == f"not set: {name}"


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=", ".join(NEEDED)):
        Settings.read({})


def test_settings_do_not_show_the_secret() -> None:
    assert_no_secret(Settings.read(FULL))
