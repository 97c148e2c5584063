"""``make demo``, as a stranger runs it."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_shows_aggregated_messages_and_ends_by_itself() -> None:
    demo = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    first, second = demo.stdout.split("posted to #alerts, the default destination")[1:]
    assert "3 budgets over, 3 close" in first
    entities = ("Key prod-search", "User bob@example.com", "Team Research", "Organization Acme", "Project Atlas", "Proxy local")
    assert [entity for entity in entities if entity not in first] == []
    assert "30 alerts" in second
    assert "duplicates held back" in second


def test_every_alert_type_can_be_shown() -> None:
    demo = subprocess.run(["make", "demo", "ALL=1"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "28 alert types, 28 messages" in demo.stdout
