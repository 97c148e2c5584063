"""Asynchronous invocations: what EventBridge and the scheduler do. Lambda's two retries, then the dead-letter queue.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from local.workers import FunctionError, NoWorkerFree

#: Lambda waits a minute before the first retry and two before the second.
RETRY_SECONDS = (60.0, 120.0)


class AsynchronousInvoker:
    """Takes events for one function, answers nobody. What fails for good goes to ``on_failure``, as Lambda describes it."""

    def __init__(
        self,
        invoke: Callable[[Any], Any],
        *,
        on_failure: Callable[[str], object] = lambda _: None,
        report: Callable[[str], None] = lambda _: None,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self._invoke = invoke
        self._on_failure = on_failure
        self._report = report
        self._retry_seconds = tuple(retry_seconds)
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="asynchronous")

    def put(self, event: Any) -> Future[bool]:
        """Accept an event. The future says whether it was handled in the end; nobody has to look at it."""
        return self._threads.submit(self._handle, event)

    def close(self) -> None:
        """Take nothing more, and give up waiting for retries."""
        self._closed.set()
        self._threads.shutdown(cancel_futures=True)

    def _handle(self, event: Any) -> bool:
        attempt_count = len(self._retry_seconds) + 1
        for attempt, pause_seconds in enumerate((*self._retry_seconds, None), start=1):
            try:
                self._invoke(event)
                return True
            except NoWorkerFree:
                return False
            except FunctionError as error:
                self._report(f"asynchronous invocation {attempt} of {attempt_count} failed: {error.error_type}")
                if pause_seconds is None:
                    self._on_failure(json.dumps(_failure_record(event, error, attempt)))
                elif self._closed.wait(pause_seconds):
                    return False
        return False


def _failure_record(event: Any, error: FunctionError, attempts: int) -> dict[str, Any]:
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": error.description,
    }
