"""What the environment says. Secrets and the configuration document are fetched when they are first needed."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from gateway_alerts.errors import ConfigurationError


class Settings(NamedTuple):
    """The function's environment variables; an empty one counts as not set."""

    table_name: str
    queue_url: str
    dead_letter_queue_url: str
    slack_webhook_url: str
    slack_webhook_secret_arn: str
    config: str
    config_parameter_name: str

    def __repr__(self) -> str:
        return "Settings(…)"  # a webhook's URL is its secret

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ConfigurationError: a variable that is needed is not set.
        """
        needed = ("ALERTS_TABLE_NAME", "ALERTS_QUEUE_URL", "ALERTS_DEAD_LETTER_QUEUE_URL")
        missing = [name for name in needed if not environment.get(name)]
        if missing:
            raise ConfigurationError(f"not set: {', '.join(missing)}")
        return cls(
            table_name=environment["ALERTS_TABLE_NAME"],
            queue_url=environment["ALERTS_QUEUE_URL"],
            dead_letter_queue_url=environment["ALERTS_DEAD_LETTER_QUEUE_URL"],
            slack_webhook_url=environment.get("SLACK_WEBHOOK_URL", ""),
            slack_webhook_secret_arn=environment.get("SLACK_WEBHOOK_SECRET_ARN", ""),
            config=environment.get("CONFIG", ""),
            config_parameter_name=environment.get("CONFIG_PARAMETER_NAME", ""),
        )
