"""A canary through both functions: the real queue, the real table, and nobody is told."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.stack import EVALUATE, Stack, StackSettings

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(StackSettings(batch_window_seconds=1)) as running:
        yield running


def wait_for[T](condition: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("the canary has not arrived")


def metrics(stack: Stack) -> dict[str, Any]:
    """What NotifyFunction has published so far, the newest of each name."""
    assert stack.log_path
    lines = [line for line in stack.log_path.read_text().splitlines() if '"_aws"' in line and '"notify"' in line]
    blobs = [json.loads(line[line.index("{") :]) for line in lines]
    return {name: value for blob in blobs for name, value in blob.items() if isinstance(value, list)}


def delivered(stack: Stack) -> list[str]:
    """The key under which each alert was noted."""
    items = stack.dynamodb.scan(TableName=stack.resources.ref("AlertsTable"))["Items"]
    return [item["pk"]["S"] for item in items if "alert_ids" in item for _ in item["alert_ids"]["SS"]]


def test_it_arrives_leaves_no_claim_and_posts_nothing(stack: Stack) -> None:
    for seen in (1, 2):
        assert stack.invoke(EVALUATE, {"schedule": "canary"}) is None
        wait_for(lambda wanted=seen: len(delivered(stack)) == wanted)
    assert set(delivered(stack)) == {"delivered#canary"}
    wait_for(lambda: stack.queue_depth() == 0)
    assert stack.inbox.messages() == []
    items = stack.dynamodb.scan(TableName=stack.resources.ref("AlertsTable"))["Items"]
    assert not [item for item in items if item["pk"]["S"].startswith("budget#")]


def test_its_arrival_and_its_time_are_measured(stack: Stack) -> None:
    stack.invoke(EVALUATE, {"schedule": "canary"})
    wait_for(lambda: "CanaryDelivered" in metrics(stack))
    published = metrics(stack)
    assert published["CanaryDelivered"][0] >= 1
    assert 0 <= max(published["CanarySeconds"]) < PATIENCE_SECONDS
