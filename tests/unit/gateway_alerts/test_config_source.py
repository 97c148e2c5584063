from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway_alerts.config import Config, parse_config
from gateway_alerts.config_source import ConfigSource
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws, age_secrets


@dataclass
class FakeLogger:
    """What was logged: level, message, detail."""

    lines: list[tuple[str, str, Any]] = field(default_factory=list)

    def error(self, message: str, *, extra: Mapping[str, Any]) -> None:
        self.lines.append(("error", message, extra["detail"]))

    def warning(self, message: str, *, extra: Mapping[str, Any]) -> None:
        self.lines.append(("warning", message, extra["settings"]))


@pytest.fixture
def logger() -> FakeLogger:
    return FakeLogger()


def source(logger: FakeLogger, *, inline: str = "", parameter_name: str = "") -> ConfigSource:
    return ConfigSource(
        inline=inline,
        parameter_name=parameter_name,
        check=lambda config: config.check_entity_types({"team"}),
        logger=lambda: logger,  # type: ignore[arg-type,return-value]
    )


def put(fake_aws: FakeAws, document: str) -> None:
    """Somebody writes the parameter, and five minutes pass."""
    fake_aws.answers["GetParameter"] = {"Parameter": {"Value": document}}
    age_secrets()


def test_without_any_document_the_defaults_hold(logger: FakeLogger) -> None:
    assert source(logger).current() == Config()


def test_a_document_given_inline_wins_and_nothing_is_fetched(logger: FakeLogger, fake_aws: FakeAws) -> None:
    inline = '{"thresholds": [50]}'
    assert source(logger, inline=inline, parameter_name="/config").current() == parse_config(inline)
    assert fake_aws.calls == []


def test_a_parameter_is_read_and_parsed_once(logger: FakeLogger, fake_aws: FakeAws) -> None:
    put(fake_aws, '{"thresholds": [50]}')
    config = source(logger, parameter_name="/config")
    assert config.current() is config.current()
    assert fake_aws.operations == ["GetParameter"]


def test_a_parameter_that_changes_is_taken(logger: FakeLogger, fake_aws: FakeAws) -> None:
    config = source(logger, parameter_name="/config")
    for document in ('{"thresholds": [50]}', "{}", '{"thresholds": {"team": [60]}}'):
        put(fake_aws, document)
        assert config.current() == parse_config(document)
    assert logger.lines == []


WRONG = {
    "not JSON": "{",
    "an unknown setting": '{"thresold": [1]}',
    "an entity type that does not exist": '{"thresholds": {"kye": [1]}}',
}


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG)
def test_a_first_document_that_is_wrong_is_an_error_each_time(logger: FakeLogger, document: str) -> None:
    config = source(logger, inline=document)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"^CONFIG: "):
            config.current()


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG)
def test_a_later_document_that_is_wrong_is_logged_once_and_not_used(logger: FakeLogger, fake_aws: FakeAws, document: str) -> None:
    config = source(logger, parameter_name="/config")
    put(fake_aws, '{"thresholds": [50]}')
    good = config.current()
    put(fake_aws, document)
    assert config.current() is config.current() is good
    ((level, message, detail),) = logger.lines
    assert (level, message) == ("error", "configuration refused, the one before stays")
    assert detail.startswith("CONFIG: ")


def test_a_document_that_is_mended_is_taken(logger: FakeLogger, fake_aws: FakeAws) -> None:
    config = source(logger, parameter_name="/config")
    for document in ("{}", "{", '{"thresholds": [60]}'):
        put(fake_aws, document)
        current = config.current()
    assert current == parse_config('{"thresholds": [60]}')


def test_a_parameter_that_cannot_be_fetched_is_unavailable(logger: FakeLogger, fake_aws: FakeAws) -> None:
    fake_aws.answers["GetParameter"] = AwsError("AccessDeniedException")
    with pytest.raises(DependencyUnavailable):
        source(logger, parameter_name="/config").current()


def test_settings_without_effect_are_told_once(logger: FakeLogger) -> None:
    config = source(logger, inline='{"alerting_threshold": 300, "alerting_args": {"log_to_console": true}}')
    config.current()
    config.current()
    assert logger.lines == [("warning", "settings without effect", ["alerting_args.log_to_console"])]
