"""Settings and secrets that live elsewhere: fetched when first needed, again after five minutes, never logged.

When the service that keeps them fails, the value fetched last is used: an outage there must not stop alerts.
The AWS SDK is loaded by the first value that needs it.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic import SecretStr

from gateway_alerts.aws import aws_client
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from gateway_alerts.masking import masked

#: A rotated secret is picked up within this time.
MAX_AGE_SECONDS = 300


class _Fetched(NamedTuple):
    """A value and when it was fetched, in epoch seconds."""

    value: str
    at: float


_fetched: dict[str, _Fetched] = {}


def resolve(reference: str, *, environment: Mapping[str, str]) -> SecretStr:
    """The secret behind ``os.environ/NAME``, ``secretsmanager:ARN_OR_NAME`` or ``ssm:NAME``.

    Raises:
        ConfigurationError: there is nothing behind it.
        DependencyUnavailable: the service that keeps it could not be asked, now or before.
    """
    if reference.startswith("os.environ/"):
        value = environment.get(reference.removeprefix("os.environ/"), "")
    else:
        kind, _, name = reference.partition(":")
        value = secret(name) if kind == "secretsmanager" else parameter(name)
    if not value.strip():
        raise ConfigurationError(f"{masked(reference)} is empty or not set")
    return SecretStr(value.strip())


def secret(name: str) -> str:
    """A Secrets Manager secret's text, by name or ARN; of one that is no text an empty one. Raises as :func:`resolve`."""
    return _fetch(
        f"secretsmanager:{name}",
        lambda: aws_client("secretsmanager").get_secret_value(SecretId=name).get("SecretString", ""),
    )


def parameter(name: str) -> str:
    """An SSM parameter's text, decrypted. Raises as :func:`resolve`."""
    return _fetch(f"ssm:{name}", lambda: aws_client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def _fetch(reference: str, get: Callable[[], str]) -> str:
    last = _fetched.get(reference)
    if last is not None and time.time() - last.at < MAX_AGE_SECONDS:
        return last.value
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _fetched[reference] = _Fetched(get(), at=time.time())
    except (BotoCoreError, ClientError) as error:
        if last is None:
            # The error's own text may quote the request; its type is enough.
            raise DependencyUnavailable(f"{masked(reference)} could not be fetched ({type(error).__name__})") from None
        return last.value
    return _fetched[reference].value
