"""What one container of NotifyFunction makes and writes, counted: ``python -m tests.bench.container < EVENTS``.

In: a JSON array of SQS events on stdin. Out: what the function logs on stdout, and at the end on stderr how many TLS
contexts and HTTP clients it has made. A process of its own, because a container makes these once.
"""

import json
import ssl
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx


class Context:
    """What the handler asks of Lambda's context."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """As long as it takes."""
        return 900_000


def _counted[**P, R](made: Counter[str], what: str, function: Callable[P, R]) -> Callable[P, R]:
    def counting(*args: P.args, **kwargs: P.kwargs) -> R:
        made[what] += 1
        return function(*args, **kwargs)

    return counting


def main() -> None:
    """Handle the events, and say what was made."""
    made: Counter[str] = Counter(contexts=0, clients=0)
    counting: Any = _counted
    ssl.create_default_context = counting(made, "contexts", ssl.create_default_context)
    httpx.Client.__init__ = counting(made, "clients", httpx.Client.__init__)  # type: ignore[method-assign]
    from notify.app import lambda_handler

    for event in json.load(sys.stdin):
        answer = lambda_handler(event, Context())
        if answer["batchItemFailures"]:
            raise RuntimeError(f"not everything was delivered: {str(answer)[:500]}")
    print(json.dumps(made), file=sys.stderr)


if __name__ == "__main__":
    main()
