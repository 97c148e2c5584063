"""AWS clients: one of each per container, kept alive. The SDK is imported by the first: it is half of a cold start."""

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from gateway_alerts.aws_sdk import Service

_clients: dict[str, "BaseClient"] = {}
_MAKING_ONE = Lock()


def aws_client(service: "Service") -> "BaseClient":
    """A client that gives up well within a function's time-out: three tries of at most seven seconds, of SNS one."""
    with _MAKING_ONE:  # a session makes clients for one thread at a time
        if service not in _clients:
            from gateway_alerts.aws_sdk import make_client

            _clients[service] = make_client(service)
        return _clients[service]
