"""One execution environment: a process that loads a handler and handles one event at a time.

Started by ``local.workers`` as a script, with nothing of ours on its path but the import roots in ``PYTHONPATH``.
Talks over one socket, whose number is its first argument: first ``ready`` (or the error of loading the handler), then
an answer for each event. What the handler prints goes to the log. Ends when the socket does.
"""

import importlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any


@dataclass(frozen=True)
class Context:
    """The context object, as Lambda's runtime gives it."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_at: float
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until this invocation is cut off."""
        return max(0, int((self.deadline_at - time.time()) * 1000))


def main() -> None:
    """Serve until the other end closes."""
    connection = Connection(int(sys.argv[1]))
    os.dup2(2, 1)  # one log for what is printed and what is logged
    try:
        module_name, _, function_name = sys.argv[2].rpartition(".")
        handler = getattr(importlib.import_module(module_name), function_name)
    except BaseException as error:  # noqa: BLE001
        traceback.print_exc()
        connection.send_bytes(json.dumps({"error": _described(error)}).encode())
        return
    connection.send_bytes(b'{"ready": true}')
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(_invoke(handler, request))


def _invoke(handler: Any, request: dict[str, Any]) -> bytes:
    environment = os.environ
    context = Context(
        aws_request_id=request["request_id"],
        invoked_function_arn=request["function_arn"],
        deadline_at=request["deadline_at"],
        function_name=environment["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=environment["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=environment["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=environment["AWS_LAMBDA_LOG_STREAM_NAME"],
    )
    try:
        return json.dumps({"answer": handler(request["event"], context)}).encode()
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return json.dumps({"error": _described(error)}).encode()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _described(error: BaseException) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


if __name__ == "__main__":
    main()
