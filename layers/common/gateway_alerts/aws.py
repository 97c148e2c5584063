"""AWS clients: one of each per container, kept alive. The SDK is imported by the first: it is half of a cold start."""

from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from botocore.client import BaseClient


@cache
def aws_client(service: Literal["dynamodb", "secretsmanager", "sqs", "ssm"]) -> "BaseClient":
    """A client that gives up well within a function's time-out: three tries of at most five seconds."""
    import boto3
    from botocore.config import Config

    settings = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        tcp_keepalive=True,
    )
    return boto3.client(service, config=settings)
