"""The local stack is made of sockets and processes, so these tests may use loopback."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import enable_socket


@pytest.fixture(autouse=True)
def loopback(no_sockets: None) -> None:
    enable_socket()


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    left = children() - before
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes were left behind"


def children() -> set[int]:
    """Processes that this one has started and not yet ended; none where the system does not tell."""
    return {int(pid) for tasks in Path("/proc/self/task").glob("*/children") for pid in tasks.read_text().split()}
