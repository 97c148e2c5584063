import json

import pytest

from local.serve import WrongSetting, settings_from
from local.stack import LOCAL_AWS_PORT


def test_without_any_variable_the_template_decides() -> None:
    settings = settings_from({})
    assert (settings.port, settings.ingest_tokens, settings.config) == (8080, "local=local-token", "")
    assert (settings.batch_window_seconds, settings.batch_size, settings.slack_webhook_url) == (None, None, None)


def test_variables_change_what_they_name() -> None:
    settings = settings_from(
        {
            "PORT": "9090",
            "BATCH_WINDOW_SECONDS": "2",
            "BATCH_SIZE": "7",
            "INGEST_TOKENS": "prod=secret",
            "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
        }
    )
    assert (settings.port, settings.batch_window_seconds, settings.batch_size) == (9090, 2, 7)
    assert settings.ingest_tokens == "prod=secret"
    assert settings.slack_webhook_url == "https://hooks.slack.com/services/T/B/x"


def test_what_the_configuration_refers_to_is_handed_on_and_nothing_else() -> None:
    config = json.dumps({"destinations": {"oncall": {"url": "os.environ/ONCALL_URL"}, "other": {"url": "os.environ/MISSING"}}})
    settings = settings_from({"CONFIG": config, "ONCALL_URL": "https://x", "HOME": "/home"})
    assert settings.config == config
    assert settings.environment == {"POWERTOOLS_METRICS_DISABLED": "true", "ONCALL_URL": "https://x"}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "http", "PORT is a whole number from 1 to 65535, not 'http'"),
        ("PORT", "70000", "PORT is"),
        ("BATCH_WINDOW_SECONDS", "0", "BATCH_WINDOW_SECONDS is a whole number from 1 to 60, not '0'"),
        ("BATCH_SIZE", "1.5", "BATCH_SIZE is a whole number from 1 to 10000"),
        ("CONFIG", "{nope", "CONFIG is not JSON"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(WrongSetting, match=says):
        settings_from({name: value})


def test_when_another_program_has_the_aws_port_a_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[int] = set()
    monkeypatch.setattr("local.serve.is_listening", taken.__contains__)
    assert settings_from({}).aws_port == LOCAL_AWS_PORT
    taken.add(LOCAL_AWS_PORT)
    assert settings_from({}).aws_port is None
