"""Ingest tokens: who may send events, and which gateway each belongs to."""

import hmac
import re
from collections.abc import Mapping
from typing import Self

from gateway_alerts.errors import ConfigurationError

DEFAULT_GATEWAY = "default"
#: A gateway's name stands in every message, and is part of every identity.
GATEWAY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class IngestTokens:
    """The valid tokens. Several may belong to one gateway, so that a token is replaced without a gap."""

    def __init__(self, gateway_by_token: Mapping[str, str]) -> None:
        self._gateway_by_token = {token.encode(): gateway for token, gateway in gateway_by_token.items()}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``gateway=token`` pairs with commas between; a token alone belongs to the gateway ``default``.

        Raises:
            ConfigurationError: there is no token, or a pair lacks one half.
        """
        gateway_by_token: dict[str, str] = {}
        for position, pair in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
            gateway, token = _split(pair)
            if not GATEWAY_NAME.fullmatch(gateway) or not token:
                raise ConfigurationError(
                    f"INGEST_TOKENS: pair {position} is not GATEWAY=TOKEN with a name of letters, digits, . _ and -;"
                    " a token that ends in = needs its gateway's name before it"
                )
            if gateway_by_token.setdefault(token, gateway) != gateway:
                raise ConfigurationError(f"INGEST_TOKENS: the token of pair {position} belongs to another gateway already")
        if not gateway_by_token:
            raise ConfigurationError("INGEST_TOKENS: there is no token, so nobody could send anything")
        return cls(gateway_by_token)

    def gateway_of(self, presented: str) -> str | None:
        """The gateway that a token belongs to, or None. Takes the same time wherever a wrong token differs."""
        found = None
        candidate = presented.encode(errors="replace")
        for token, gateway in self._gateway_by_token.items():
            if hmac.compare_digest(token, candidate):
                found = gateway
        return found


def _split(pair: str) -> tuple[str, str]:
    """Gateway and token. A token alone that ends in ``=`` cannot be told from a pair without a token: it is refused."""
    if "=" not in pair:
        return DEFAULT_GATEWAY, pair
    gateway, _, token = (part.strip() for part in pair.partition("="))
    return gateway, token if token.strip("=") else ""
