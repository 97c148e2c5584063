"""The template's table and queues in an emulator of the test module's own, with clients that do not try again."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.ministack import running_ministack
from local.resources import CREDENTIALS, REGION, Resources
from local.template import expanded_template


def eager_client(service: str, endpoint_url: str) -> Any:
    """A client for many threads, that gives up at once."""
    session = boto3.session.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    once = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=40, connect_timeout=2)
    return session.client(service, endpoint_url=endpoint_url, config=once)


@pytest.fixture(scope="module")
def resources() -> Iterator[Resources]:
    with running_ministack() as running:
        yield Resources(expanded_template(), running.endpoint_url)
