"""What the environment says. Secrets and the configuration document are fetched when they are first needed."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from evaluate.tokens import DEFAULT_GATEWAY
from gateway_alerts.errors import ConfigurationError


class Settings(NamedTuple):
    """The function's environment variables; an empty one counts as not set."""

    table_name: str
    usage_table_name: str
    queue_url: str
    request_log_gateway: str
    ingest_tokens: str
    ingest_tokens_secret_arn: str
    config: str
    config_parameter_name: str

    def __repr__(self) -> str:
        return "Settings(…)"  # it holds the tokens of the gateways

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ConfigurationError: a variable that is needed is not set.
        """
        settings = cls(
            table_name=environment.get("ALERTS_TABLE_NAME", ""),
            usage_table_name=environment.get("USAGE_TABLE_NAME", ""),
            queue_url=environment.get("ALERTS_QUEUE_URL", ""),
            request_log_gateway=environment.get("REQUEST_LOG_GATEWAY", "") or DEFAULT_GATEWAY,
            ingest_tokens=environment.get("INGEST_TOKENS", ""),
            ingest_tokens_secret_arn=environment.get("INGEST_TOKENS_SECRET_ARN", ""),
            config=environment.get("CONFIG", ""),
            config_parameter_name=environment.get("CONFIG_PARAMETER_NAME", ""),
        )
        missing = [
            name
            for name, value in (("ALERTS_TABLE_NAME", settings.table_name), ("ALERTS_QUEUE_URL", settings.queue_url))
            if not value
        ]
        if missing:
            raise ConfigurationError(f"not set: {', '.join(missing)}")
        return settings
