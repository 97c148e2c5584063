"""The kinds of destination, and the named destinations of this deployment."""

from collections.abc import Callable, Mapping

import httpx
from pydantic import SecretStr

from gateway_alerts import secrets
from gateway_alerts.alerts import CANARY_DESTINATION, DEFAULT_DESTINATION
from gateway_alerts.config import Config
from gateway_alerts.errors import ConfigurationError
from notify.destinations.base import Destination
from notify.destinations.canary import Canary
from notify.destinations.slack import SlackWebhook

#: ``type`` of a destination in the configuration → what posts to it. To add one: a file, a row, a value of ``Destination.type``.
DESTINATION_TYPES: dict[str, Callable[[SecretStr, Callable[[], httpx.Client]], Destination]] = {
    "slack": lambda url, client: SlackWebhook(url, client=client),
}


def open_destination(
    name: str,
    *,
    config: Config,
    default_url: Callable[[], SecretStr],
    client: Callable[[], httpx.Client],
    environment: Mapping[str, str],
) -> Destination:
    """The destination that is called ``name``.

    Raises:
        ConfigurationError: there is none of that name, or its URL is missing or unsafe.
        DependencyUnavailable: its URL could not be fetched.
    """
    settings = config.all_destinations().get(name)
    if settings is not None and settings.url is not None:
        return DESTINATION_TYPES[settings.type](secrets.resolve(settings.url, environment=environment), client)
    if name == DEFAULT_DESTINATION:
        return DESTINATION_TYPES["slack"](default_url(), client)
    if name == CANARY_DESTINATION:
        return Canary()
    raise ConfigurationError(f"no destination is called {name!r}")
