"""Lambda's execution environments as processes: a pool for each function.

Promises: a worker handles one event at a time, with the function's environment and nothing of the machine's; after the
function's time-out it is killed; a worker that is killed or dies is replaced, and its invocation fails.
"""

import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from pathlib import Path
from typing import IO, Any

from local.ministack import stop_process

ROOT = Path(__file__).resolve().parent.parent
#: What a deployed function imports from: its package and the layer.
IMPORT_ROOTS = (ROOT / "functions", ROOT / "layers" / "common")
#: A process on a busy laptop takes longer to load than Lambda allows (10 s).
INIT_SECONDS = 60.0


class FunctionError(Exception):
    """An invocation failed: the handler raised, ran out of time, or its process died. Carries Lambda's description."""

    def __init__(self, error_type: str, message: str, stack_trace: Sequence[str] = ()) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.description = {"errorMessage": message, "errorType": error_type, "stackTrace": list(stack_trace)}


class NoWorkerFree(Exception):
    """Every worker was busy for as long as the caller could wait: Lambda's throttling."""


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """What a worker needs to know of its function."""

    name: str
    handler: str
    arn: str
    timeout_seconds: float = 3
    memory_mib: int = 128
    environment: Mapping[str, str] = field(default_factory=dict)
    import_roots: Sequence[Path] = IMPORT_ROOTS

    def process_environment(self) -> dict[str, str]:
        """Everything that the process sees of an environment."""
        stream = uuid.uuid4().hex
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": ":".join(map(str, self.import_roots)),
            "PYTHONUNBUFFERED": "1",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mib),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{stream}",
            "_HANDLER": self.handler,
            **self.environment,
        }


class Worker:
    """One process. Not shared: the pool gives it to one caller at a time."""

    def __init__(self, function: FunctionSettings, log: IO[bytes] | int) -> None:
        self._function = function
        self._connection, theirs = Pipe()
        self.process = subprocess.Popen(
            # -P: the script's own folder is not imported from.
            [sys.executable, "-P", str(Path(__file__).with_name("worker.py")), str(theirs.fileno()), function.handler],
            env=function.process_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for us; we stop it after its last event
        )
        theirs.close()
        self._is_ready = False

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def invoke(self, event: Any) -> Any:
        """Handle one event. After a FunctionError the process may be gone: see ``is_alive``."""
        if not self._is_ready:
            self._initialize()
        request_id = str(uuid.uuid4())
        timeout_seconds = self._function.timeout_seconds
        request = {
            "event": event,
            "request_id": request_id,
            "function_arn": self._function.arn,
            "deadline_at": time.time() + timeout_seconds,
        }
        try:
            self._connection.send_bytes(json.dumps(request).encode())
        except OSError:
            raise self._exited() from None
        return self._receive(timeout_seconds).get("answer")

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        stop_process(self.process)
        self._connection.close()

    def _initialize(self) -> None:
        """Wait until the handler is loaded. A process that could not load it is of no more use."""
        try:
            self._receive(INIT_SECONDS)
        except FunctionError:
            self._end()
            raise
        self._is_ready = True

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            if not self._connection.poll(seconds):
                self._end()
                raise FunctionError("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
            answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise self._exited() from None
        if error := answer.get("error"):
            raise FunctionError(error["errorType"], error["errorMessage"], error["stackTrace"])
        return answer

    def _exited(self) -> FunctionError:
        return FunctionError("Runtime.ExitError", f"Runtime exited with error: status {self._end()}")

    def _end(self) -> int:
        self.process.kill()
        return self.process.wait()


class WorkerPool:
    """A fixed number of workers of one function."""

    def __init__(self, function: FunctionSettings, *, size: int, log: IO[bytes] | int) -> None:
        self.function = function
        self._log = log
        self._lock = threading.Lock()
        self._is_closed = False
        self._workers = {Worker(function, log) for _ in range(size)}
        # The one used last comes first, as on Lambda.
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers of this moment."""
        with self._lock:
            return sorted(worker.process.pid for worker in self._workers)

    def invoke(self, event: Any, *, wait_seconds: float | None = None) -> Any:
        """Have a worker handle an event, and return its answer.

        Args:
            event: anything that JSON can say.
            wait_seconds: how long to wait for a worker; None waits for ever.

        Raises:
            FunctionError: the invocation failed.
            NoWorkerFree: none was free in time, or the pool is closed.
        """
        try:
            worker = self._idle.get(timeout=wait_seconds)
        except queue.Empty:
            raise NoWorkerFree(self.function.name) from None
        try:
            worker = self._living(worker)
            return worker.invoke(event)
        finally:
            self._idle.put(self._living(worker, is_needed=False))

    def close(self) -> None:
        """End every worker. Invocations that are under way fail."""
        with self._lock:
            self._is_closed = True
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.stop()

    def _living(self, worker: Worker, *, is_needed: bool = True) -> Worker:
        """The worker, or a new one in its place when it is dead."""
        with self._lock:
            if worker.is_alive and worker in self._workers:
                return worker
            if self._is_closed:
                if is_needed:
                    raise NoWorkerFree(f"{self.function.name}: the pool is closed")
                return worker
            successor = Worker(self.function, self._log)
            self._workers.remove(worker)
            self._workers.add(successor)
        worker.stop()
        return successor
