"""What a cold start goes without."""

import pytest

from tests.unit.cold_start import printed

SEARCHES = "sum(generation['collections'] for generation in gc.get_stats())"


@pytest.mark.parametrize("function", ["evaluate", "notify"])
def test_what_a_function_imports_is_not_searched_for_garbage(function: str) -> None:
    begins = f"import gc; before = {SEARCHES}"

    assert int(printed(f"{begins}; import {function}.app, gateway_alerts.aws_sdk; print({SEARCHES} - before)")) <= 1


@pytest.mark.parametrize("function", ["evaluate", "notify"])
def test_a_container_still_looks_for_garbage(function: str) -> None:
    makes_cycles = "[(cycle := []).append(cycle) for _ in range(150_000)]"

    assert int(printed(f"import gc, {function}.app; before = {SEARCHES}; {makes_cycles}; print({SEARCHES} - before)")) >= 1
