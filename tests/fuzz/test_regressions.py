"""What the fuzzer found, replayed: each file is the input of the target that its name begins with."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

FOUND = sorted(path for path in (Path(__file__).parent / "regressions").iterdir() if path.name != "README.md")


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_stays_mended(path: Path) -> None:
    TARGETS[path.name.partition("--")[0]](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_at_all(name: str) -> None:
    TARGETS[name](b"")
