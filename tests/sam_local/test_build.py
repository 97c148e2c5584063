"""The package as SAM builds it: complete, compiled, of this machine's architecture, and no heavier than it must be."""

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sam_local

#: The flags in the header of a byte-code file that never looks at its source again: made from a hash, which is not checked.
UNCHECKED_HASH = 0b01
MEBIBYTE = 1024 * 1024
FUNCTIONS = {"EvaluateFunction": "evaluate", "NotifyFunction": "notify"}


def _sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("part", ["CommonLayer", *FUNCTIONS])
def test_every_source_is_compiled_so_that_no_cold_start_compiles_it(built_package: Path, part: str) -> None:
    sources = _sources(built_package / part)
    assert sources
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source), optimization=""))
        assert compiled.exists(), source
        header = compiled.read_bytes()[:8]
        assert header[:4] == importlib.util.MAGIC_NUMBER, "of another Python: it would be ignored"
        assert int.from_bytes(header[4:], "little") == UNCHECKED_HASH, compiled


def test_the_layer_holds_our_package_where_lambda_looks_for_it(built_package: Path) -> None:
    layer = built_package / "CommonLayer" / "python"
    assert (layer / "gateway_alerts" / "__init__.py").exists()
    assert not (layer / "python").exists(), "SAM adds the folder itself"
    assert {path.name for path in (built_package / "CommonLayer").iterdir()} == {"python"}


@pytest.mark.parametrize("name", ["click", "rich", "pygments", "aws_xray_sdk", "pytest", "ministack"])
def test_the_layer_leaves_out_what_would_slow_it_down(built_package: Path, name: str) -> None:
    assert not (built_package / "CommonLayer" / "python" / name).exists()


def test_the_layer_is_small(built_package: Path) -> None:
    size = sum(path.stat().st_size for path in (built_package / "CommonLayer").rglob("*") if path.is_file())
    assert size <= 50 * MEBIBYTE


@pytest.mark.parametrize(("function", "package"), FUNCTIONS.items())
def test_a_functions_package_keeps_its_name_and_brings_nothing_else(built_package: Path, function: str, package: str) -> None:
    assert {path.name for path in (built_package / function).iterdir()} == {package}
    assert (built_package / function / package / "app.py").exists()


def test_native_code_is_for_this_machine(built_package: Path) -> None:
    libraries = [path.name for path in (built_package / "CommonLayer").rglob("*.so")]
    assert libraries
    machine = "aarch64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    assert all(f"-{machine}-linux-gnu" in name for name in libraries), libraries


@pytest.mark.skipif(sys.platform != "linux", reason="the package holds native code for Linux")
@pytest.mark.parametrize(("function", "package"), FUNCTIONS.items())
def test_a_handler_imports_from_its_package_and_the_layer_alone(
    built_package: Path, tmp_path: Path, function: str, package: str
) -> None:
    code = f"""
import sys
sys.path[:0] = [{str(built_package / function)!r}, {str(built_package / "CommonLayer" / "python")!r}]
import {package}.app
assert callable({package}.app.lambda_handler)
ours = [m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None) and ".aws-sam" in m.__file__]
assert any("gateway_alerts" in path for path in ours)
assert not any("site-packages" in (getattr(m, "__file__", None) or "") for m in sys.modules.values())
"""
    # -S: without the packages of the environment that the tests run in. -B: a function's folder cannot be written.
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
