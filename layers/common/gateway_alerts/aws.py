"""AWS clients: one of each per container, kept alive. The SDK is imported by the first: it is half of a cold start."""

from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from botocore.client import BaseClient

Service = Literal["dynamodb", "secretsmanager", "sns", "sqs", "ssm"]

#: A publish whose answer was lost may have been mailed: who asks decides whether it is tried again.
_TRIED_ONCE: frozenset[Service] = frozenset({"sns"})

_clients: dict[str, "BaseClient"] = {}
_MAKING_ONE = Lock()


def aws_client(service: Service) -> "BaseClient":
    """A client that gives up well within a function's time-out: three tries of at most five seconds, of SNS one."""
    with _MAKING_ONE:  # a session makes clients for one thread at a time
        if service not in _clients:
            _clients[service] = _make(service)
        return _clients[service]


def _make(service: Service) -> "BaseClient":
    import boto3
    from botocore.config import Config

    settings = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 1 if service in _TRIED_ONCE else 3},
        tcp_keepalive=True,
    )
    return boto3.client(service, config=settings)
