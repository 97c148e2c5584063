"""A handler under AWS's own runtime client (``awslambdaric``), fed by a small Lambda Runtime API on loopback.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import ctypes
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Self

#: Under a profiler a cold start takes half a minute.
INVOCATION_TIMEOUT_SECONDS = 180
#: The longest that a function may run, so that a profiler does not make it give up.
LONGEST_MILLIS = 900_000


class LambdaProcess:
    """One execution environment: a child process that takes one event at a time.

    ``prefix`` is a command that runs it, such as a profiler's.
    """

    def __init__(self, handler: str, environment: Mapping[str, str], *, prefix: Sequence[str] = ()) -> None:
        self.errors = ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._waiting: Queue[None] = Queue()
        self._events: Queue[bytes | None] = Queue()
        self._answers: Queue[tuple[str, bytes]] = Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "awslambdaric", handler],
            env={**environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}"},
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def __enter__(self) -> Self:
        self._take(self._waiting)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()  # the runtime client has no handler for it; a profiler writes its report
        self._process.wait(INVOCATION_TIMEOUT_SECONDS)
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._errors.seek(0)
        self.errors = self._errors.read().decode(errors="replace")
        self._errors.close()

    def invoke(self, event: bytes, *, times: int = 1) -> tuple[Any, float]:
        """Invoke the function; returns its last answer and the CPU seconds of one invocation.

        An invocation lasts until the process asks for the next event, so what the runtime client does is included.
        """
        started = cpu_seconds_of(self._process.pid)
        for _ in range(times):
            self._events.put(event)
            verdict, body = self._take(self._answers)
            if verdict != "response":
                raise RuntimeError(f"the function failed: {body[:500].decode(errors='replace')}")
            self._take(self._waiting)
        return json.loads(body), (cpu_seconds_of(self._process.pid) - started) / times

    @property
    def cpu_seconds(self) -> float:
        """CPU time since the process began."""
        return cpu_seconds_of(self._process.pid)

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that the process has held at once."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1_024 for line in status.splitlines() if line.startswith("VmHWM:"))

    def _take[T](self, queue: Queue[T]) -> T:
        deadline = time.monotonic() + INVOCATION_TIMEOUT_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                return queue.get(timeout=1)
            except Empty:
                continue
        self._process.kill()
        self._errors.seek(0)
        said = self._errors.read()[-2_000:].decode(errors="replace")
        raise RuntimeError(f"the runtime client went silent (exit code {self._process.wait()}): {said}")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                runtime._waiting.put(None)
                event = runtime._events.get()
                if event is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + LONGEST_MILLIS))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench")
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-65f0c0de-0123456789abcdef01234567;Sampled=0")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(event)))
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                runtime._answers.put((self.path.rpartition("/")[2], body))
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def cpu_seconds_of(pid: int) -> float:
    """User and system time of another process, to the nanosecond (/proc counts in ticks of 10 ms)."""
    clock_id = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock_id)):
        raise RuntimeError(f"no CPU clock of process {pid}")
    return time.clock_gettime(clock_id.value)
