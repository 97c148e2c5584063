"""Settings and secrets that live elsewhere: fetched when first needed, again after five minutes, never logged.

When the service that keeps them fails, the value fetched last is used: an outage there must not stop alerts.
The AWS SDK is loaded by the first value that needs it.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from pydantic import SecretStr

from gateway_alerts.aws import aws_client
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from gateway_alerts.masking import masked

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider

#: A rotated secret is picked up within this time.
MAX_AGE_SECONDS = 300

_last_fetched: dict[str, str] = {}


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
    """A Secrets Manager secret's text, by name or ARN. Raises as :func:`resolve`."""
    return _fetch(f"secretsmanager:{name}", lambda: _secrets_provider().get(name, max_age=MAX_AGE_SECONDS))


def parameter(name: str) -> str:
    """An SSM parameter's text, decrypted. Raises as :func:`resolve`."""
    return _fetch(f"ssm:{name}", lambda: _ssm_provider().get(name, decrypt=True, max_age=MAX_AGE_SECONDS))


@cache
def _secrets_provider() -> "SecretsProvider":
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    return SecretsProvider(boto3_client=aws_client("secretsmanager"))


@cache
def _ssm_provider() -> "SSMProvider":
    from aws_lambda_powertools.utilities.parameters import SSMProvider

    return SSMProvider(boto3_client=aws_client("ssm"))


def _fetch(reference: str, get: Callable[[], object]) -> str:
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        _last_fetched[reference] = str(get())
    except GetParameterError as error:
        if reference not in _last_fetched:
            # The error's own text may quote the request; its type is enough.
            raise DependencyUnavailable(f"{masked(reference)} could not be fetched ({type(error).__name__})") from None
    return _last_fetched[reference]
