"""Lets a function in a container reach servers that listen on this machine's loopback, and lets nobody else.

SAM CLI ignores ``--docker-network host`` (https://github.com/aws/aws-sam-cli/issues/3609), so a container's 127.0.0.1
is its own; binding the servers to Docker's bridge would open them to more than this machine. Instead::

    function ── localhost:PORT ──▶ bridge container ── unix socket, mounted ──▶ this process ── 127.0.0.1 ──▶ server

The function's ``localhost`` gets the bridge container as its second address: a client that is refused by the first one
goes on to it. 8080 cannot be forwarded: there the container has Lambda's own interface.
"""

import contextlib
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

from local.ministack import LOOPBACK, DidNotStart

#: Runs in the bridge container: every port to the unix socket of its name.
_FORWARDER = """
import asyncio, sys

async def pump(reader, writer):
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()

def forward_to(path):
    async def forward(reader, writer):
        far_reader, far_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)
    return forward

async def main(ports):
    for port in ports:
        await asyncio.start_server(forward_to(f"/bridge/{port}"), "0.0.0.0", int(port))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1:]))
"""


@contextlib.contextmanager
def docker_bridge(ports: Mapping[int, int], *, image: str) -> Iterator[list[str]]:
    """Forwards the ports while it is open; gives the options with which `sam local` uses it.

    Args:
        ports: what a function reaches as ``localhost:PORT`` → the port of 127.0.0.1 out here.
        image: the Lambda image that SAM uses, which is here already and has a Python.

    Raises:
        DidNotStart: Docker refused.
    """
    name = f"gateway-alerts-{uuid4().hex[:12]}"
    with contextlib.ExitStack() as stack:
        # Short, since the path of a unix socket may have 107 characters only.
        folder = Path(tempfile.mkdtemp(prefix="bridge-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for inner_port, port in ports.items():
            stack.enter_context(_to_loopback(folder / str(inner_port), port))
        _docker("network", "create", name)
        stack.callback(_docker, "network", "rm", name)
        # fmt: off
        _docker(
            "run", "--detach", "--name", name, "--network", name, "--pull", "never",
            "--volume", f"{folder}:/bridge", "--env", "LD_LIBRARY_PATH=/var/lang/lib", "--entrypoint", "/var/lang/bin/python3.13",
            image, "-c", _FORWARDER, *map(str, ports),
        )
        # fmt: on
        stack.callback(_docker, "rm", "--force", name)
        with subprocess.Popen(["docker", "logs", "--follow", name], stdout=subprocess.PIPE, text=True) as logs:
            is_ready = logs.stdout is not None and logs.stdout.readline().strip() == "ready"
            logs.terminate()
        if not is_ready:
            raise DidNotStart("the bridge container ended at its start")
        address = _docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
        yield ["--docker-network", name, "--add-host", f"localhost:{address}"]


@contextlib.contextmanager
def _to_loopback(path: Path, port: int) -> Iterator[None]:
    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection((LOOPBACK, port)) as server:
                back = threading.Thread(target=_pump, args=(server, self.request))
                back.start()
                _pump(self.request, server)
                back.join()

    with socketserver.ThreadingUnixStreamServer(str(path), Forward) as listener:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown()
            thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _docker(*arguments: str) -> str:
    answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise DidNotStart(f"docker {arguments[0]}: {answer.stderr.strip()}")
    return answer.stdout.strip()
