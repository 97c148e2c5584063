"""The template after the SAM transform, with the defaults of its parameters."""

from typing import Any

import pytest

from local.template import expanded_template


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return expanded_template()


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]
