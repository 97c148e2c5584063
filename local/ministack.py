"""Starts and stops ministack: DynamoDB, SQS, SSM and Secrets Manager on loopback, gone without a trace at the end.

It would listen on every interface, hand the caller's environment on and leave its temporary files, so it gets an
address, an empty environment and a temporary folder of its own. Its state is in memory only.
"""

import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 10.0

#: ministack, ended by the end of its standard input: neither it nor its folder may outlive us, however we die.
_PROGRAM = """
import os, shutil, signal, sys, threading
def watch():
    sys.stdin.read()
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=watch, daemon=True).start()
from ministack.app import main
main()
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files (PEM) of a certificate for 127.0.0.1 that signs itself, and of its key."""

    path: Path
    key_path: Path


class PortInUse(RuntimeError):
    """Something else listens on a port that was asked for."""


class DidNotStart(RuntimeError):
    """A part of the stack ended, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Ministack:
    """A running ministack."""

    endpoint_url: str
    pid: int

    def reset(self) -> None:
        """Forget every table, queue, parameter and secret."""
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint_url}/_ministack/reset", method="POST"), timeout=10).close()


@contextmanager
def running_ministack(
    *, port: int | None = None, enforce_iam: bool = False, certificate: Certificate | None = None
) -> Iterator[Ministack]:
    """Run ministack on a port of 127.0.0.1, a free one by default; over TLS when it is given a certificate.

    Raises:
        PortInUse: something listens on ``port``.
        DidNotStart: it ended, or did not answer within 30 seconds.
    """
    port = free_port() if port is None else port
    if is_listening(port):
        raise PortInUse(f"port {port} is in use by another program")
    with tempfile.TemporaryDirectory(prefix="ministack-", ignore_cleanup_errors=True) as folder:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": folder,
            "TMPDIR": folder,
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "ERROR",
            "AUTH": "true" if enforce_iam else "false",
        }
        if certificate is not None:
            environment |= {
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": str(certificate.path),
                "MINISTACK_SSL_KEY": str(certificate.key_path),
            }
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; we stop it after what uses it
        )
        try:
            endpoint_url = f"{'https' if certificate else 'http'}://{LOOPBACK}:{port}"
            _wait_until_healthy(process, endpoint_url, certificate)
            yield Ministack(endpoint_url=endpoint_url, pid=process.pid)
        finally:
            stop_process(process)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """End a child and wait for it; it is killed when it does not end by itself within ten seconds."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    """Whether something on this machine accepts connections to the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_healthy(endpoint_url: str, certificate: Certificate | None = None) -> bool:
    """Whether a ministack answers there."""
    context = ssl.create_default_context(cafile=certificate.path) if certificate else None
    try:
        with urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_until_healthy(process: subprocess.Popen[bytes], endpoint_url: str, certificate: Certificate | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(endpoint_url, certificate):
        if process.poll() is not None:
            raise DidNotStart(f"ministack ended at its start, with status {process.returncode}")
        if time.monotonic() > deadline:
            raise DidNotStart(f"ministack did not answer within {START_SECONDS:.0f} s")
        time.sleep(0.05)
