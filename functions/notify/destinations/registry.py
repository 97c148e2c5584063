"""The kinds of destination, and the named destinations of this deployment."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import httpx
from pydantic import SecretStr

from gateway_alerts import secrets
from gateway_alerts.alerts import CANARY_DESTINATION, DEFAULT_DESTINATION
from gateway_alerts.config import Config
from gateway_alerts.config import Destination as DestinationSettings
from gateway_alerts.errors import ConfigurationError
from notify.destinations.base import Destination
from notify.destinations.canary import Canary
from notify.destinations.slack import SlackWebhook

if TYPE_CHECKING:
    from botocore.client import BaseClient


class Address(NamedTuple):
    """Where a destination is, its secrets fetched. The configuration has checked that its type has what it needs."""

    url: SecretStr = SecretStr("")
    secret: SecretStr | None = None
    topic_arn: str = ""


class Clients(NamedTuple):
    """What destinations post with; each is made when it is first needed."""

    http: Callable[[], httpx.Client]
    sns: "Callable[[], BaseClient]"


def _teams(address: Address, clients: Clients) -> Destination:
    from notify.destinations.teams import TeamsWebhook

    return TeamsWebhook(address.url, client=clients.http)


def _webhook(address: Address, clients: Clients) -> Destination:
    from notify.destinations.webhook import Webhook

    return Webhook(address.url, secret=address.secret, client=clients.http)


def _email(address: Address, clients: Clients) -> Destination:
    from notify.destinations.email import Email

    return Email(address.topic_arn, client=clients.sns)


#: OPEN for extension: ``type`` of a destination in the configuration → what posts to it. To add one: a file, a row, a value
#: of ``gateway_alerts.config.Destination.type`` with what it needs, and what it answers in ``tests/unit/notify/outsides.py``.
#: Slack apart, a type is imported when a destination of it is opened: most deployments have none.
DESTINATION_TYPES: dict[str, Callable[[Address, Clients], Destination]] = {
    "slack": lambda address, clients: SlackWebhook(address.url, client=clients.http),
    "teams": _teams,
    "webhook": _webhook,
    "email": _email,
}


def open_destination(
    name: str,
    *,
    config: Config,
    default_url: Callable[[], SecretStr],
    clients: Clients,
    environment: Mapping[str, str],
) -> Destination:
    """The destination that is called ``name``.

    Raises:
        ConfigurationError: there is none of that name, or its URL or secret is missing, or the URL is unsafe.
        DependencyUnavailable: its URL or secret could not be fetched.
    """
    settings = config.all_destinations().get(name)
    if settings is not None:
        return DESTINATION_TYPES[settings.type](_address(settings, environment), clients)
    if name == DEFAULT_DESTINATION:
        return DESTINATION_TYPES["slack"](Address(url=default_url()), clients)
    if name == CANARY_DESTINATION:
        return Canary()
    raise ConfigurationError(f"no destination is called {name!r}")


def _address(settings: DestinationSettings, environment: Mapping[str, str]) -> Address:
    def fetched(reference: str | None) -> SecretStr | None:
        return None if reference is None else secrets.resolve(reference, environment=environment)

    return Address(
        url=fetched(settings.url) or SecretStr(""), secret=fetched(settings.secret), topic_arn=settings.topic_arn or ""
    )
