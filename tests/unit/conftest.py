"""Unit tests run without sockets and without an environment: what they need, they say."""

import os

import pytest
from pytest_socket import disable_socket, enable_socket

#: What a person's shell, or a CI runner, could bring along.
_PREFIXES = ("AWS_", "POWERTOOLS_", "ALERTS_", "CONFIG", "INGEST_", "SLACK_", "LOG_LEVEL")


@pytest.fixture(autouse=True)
def no_sockets():
    disable_socket()
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_PREFIXES):
            monkeypatch.delenv(name)
