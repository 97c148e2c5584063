"""The configuration in force: given inline, else an SSM parameter's, else the defaults.

A document that turns out wrong after a good one is logged and not used: a slip in a parameter must not stop alerts.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway_alerts import secrets
from gateway_alerts.config import Config, parse_config
from gateway_alerts.errors import ConfigurationError

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


class ConfigSource:
    """Reads the configuration document, and again when it changes."""

    def __init__(
        self, *, inline: str, parameter_name: str, check: Callable[[Config], None], logger: "Callable[[], Logger]"
    ) -> None:
        self._inline = inline
        self._parameter_name = parameter_name
        self._check = check
        self._logger = logger
        self._read: str | None = None
        self._config: Config | None = None

    def current(self) -> Config:
        """The configuration as it is now.

        Raises:
            ConfigurationError: the first document is wrong; the message names the settings.
            DependencyUnavailable: it could not be fetched, now or before.
        """
        document = self._inline
        if not document and self._parameter_name:
            document = secrets.parameter(self._parameter_name)
        if document != self._read:
            self._config = self._parse(document)
            self._read = document
        assert self._config is not None  # noqa: S101 (set with the first document)
        return self._config

    def _parse(self, document: str) -> Config:
        try:
            config = parse_config(document)
            self._check(config)
        except ConfigurationError as error:
            if self._config is None:
                raise
            self._logger().error("configuration refused, the one before stays", extra={"detail": str(error)})
            return self._config
        without_effect = config.settings_without_effect()
        if without_effect:
            self._logger().warning("settings without effect", extra={"settings": without_effect})
        return config
