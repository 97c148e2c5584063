"""One stage for the run: two gateways take a while to start."""

from collections.abc import Iterator

import pytest

from tests.litellm_gateway.stage import Stage, running_stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with running_stage() as running:
        yield running
