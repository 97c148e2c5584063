"""What runs here, what ships and what builds it are the same versions; and the locks can be used by anyone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers/common/requirements.txt"
DEVELOPMENT = ROOT / "requirements/dev.txt"
SAM = ROOT / "requirements/sam.txt"
LITELLM = ROOT / "requirements/litellm.txt"


def _versions(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", path.read_text(), flags=re.MULTILINE))


def test_the_layer_ships_what_the_tests_ran_with() -> None:
    shipped, tested = _versions(LAYER), _versions(DEVELOPMENT)
    assert shipped
    assert {name: tested.get(name) for name in shipped} == shipped


def test_the_layer_holds_no_more_than_it_needs() -> None:
    # Installed beside httpx they make its import half as dear again.
    assert not {"click", "rich", "pygments", "aws-xray-sdk", "jsonschema"} & set(_versions(LAYER))
    assert not {"boto3", "s3transfer"} & set(_versions(LAYER))  # clients are botocore's own


@pytest.mark.parametrize("lock", [LAYER, DEVELOPMENT, SAM, LITELLM], ids=lambda path: path.name if path != LAYER else "layer")
def test_a_lock_is_complete_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    packages = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|-e |file:", text)


@pytest.mark.parametrize("lock", [LAYER, DEVELOPMENT], ids=["layer", "dev"])
def test_every_direct_requirement_is_locked(lock: Path) -> None:
    source = ROOT / "requirements" / ("layer.in" if lock == LAYER else "dev.in")
    wanted = re.findall(r"^([A-Za-z0-9._-]+)", source.read_text(), flags=re.MULTILINE)
    assert {name for name in wanted if name != "-r"} <= set(_versions(lock)) | {"-r"}


def test_the_stock_gateway_is_the_studied_version_without_its_proprietary_part() -> None:
    locked = _versions(LITELLM)
    assert locked["litellm"] == "1.109.1"
    assert "litellm-enterprise" not in locked


def test_python_is_the_one_that_lambda_runs() -> None:
    wanted = (ROOT / ".python-version").read_text().strip()
    assert ".".join(map(str, sys.version_info[:2])) == wanted
    assert f"Runtime: python{wanted}" in (ROOT / "template.yaml").read_text()


def test_make_help_names_every_target() -> None:
    answer = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in (
        "demo", "local", "test", "check", "format", "bench", "test-sam", "test-deployed", "test-litellm",
        "build", "invoke-evaluate", "invoke-notify", "deploy", "redrive", "setup", "lock", "clean",
    ):  # fmt: skip
        assert re.search(rf"^  {target} ", answer, flags=re.MULTILINE), target
