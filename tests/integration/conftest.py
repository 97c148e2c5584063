"""An emulator for the run, forgotten before each test; the template's tables and queues in it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from local.ministack import Ministack, running_ministack
from local.resources import Resources
from local.template import expanded_template


@pytest.fixture(scope="session")
def ministack() -> Iterator[Ministack]:
    """The emulator, on a free port."""
    with running_ministack() as running:
        yield running


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return expanded_template()


@pytest.fixture
def resources(ministack: Ministack, template: dict[str, Any]) -> Iterator[Resources]:
    """The template's resources, new for the test."""
    ministack.reset()
    with closing(Resources(template, ministack.endpoint_url)) as made:
        yield made


@pytest.fixture
def dynamodb(resources: Resources) -> Any:
    return resources.client("dynamodb")


@pytest.fixture
def sqs(resources: Resources) -> Any:
    return resources.client("sqs")


@pytest.fixture
def table_name(resources: Resources) -> str:
    return resources.ref("AlertsTable")


@pytest.fixture
def queue_url(resources: Resources) -> str:
    return resources.ref("AlertsQueue")
