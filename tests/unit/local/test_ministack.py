import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from local.ministack import LOOPBACK, PortInUse, free_port, is_healthy, is_listening, running_ministack
from local.resources import aws_client
from tests.unit.local.processes import is_running


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_answers_on_loopback_with_an_empty_environment_and_leaves_nothing(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "x")
    port = free_port()
    with running_ministack(port=port) as ministack:
        assert ministack.endpoint_url == f"http://127.0.0.1:{port}"
        sqs = aws_client("sqs", ministack.endpoint_url)
        assert sqs.create_queue(QueueName="q")["QueueUrl"]
        ministack.reset()
        assert not sqs.list_queues().get("QueueUrls")
        sqs.close()
        environment = Path(f"/proc/{ministack.pid}/environ").read_bytes()
        assert b"SECRET_OF_THE_MACHINE" not in environment
        assert _listening_addresses(ministack.pid, port) == {"0100007F"}
        assert any(folders.iterdir()), "its files have a folder of their own"
    assert not Path(f"/proc/{ministack.pid}").exists()
    assert not is_listening(port)
    assert not list(folders.iterdir())


def test_it_ends_when_what_uses_it_fails(folders: Path) -> None:
    with pytest.raises(ZeroDivisionError), running_ministack() as ministack:
        raise ZeroDivisionError
    assert not Path(f"/proc/{ministack.pid}").exists()
    assert not list(folders.iterdir())


def test_a_port_in_use_is_named() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)), running_ministack(port=port):
            pass


def test_nothing_there_is_not_healthy() -> None:
    assert not is_healthy(f"http://127.0.0.1:{free_port()}")


def test_neither_it_nor_its_folder_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "from local.ministack import *; import time\n"
        "with running_ministack() as ministack: print(ministack.pid, flush=True); time.sleep(60)"
    )
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, env=environment, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert list(tmp_path.iterdir())
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)
    assert not list(tmp_path.iterdir())


def _listening_addresses(pid: int, port: int) -> set[str]:
    """Local addresses that anything listens on at that port, as Linux writes them."""
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {line[1].split(":")[0] for line in lines if line[3] == "0A" and line[1].endswith(f":{port:04X}")}
