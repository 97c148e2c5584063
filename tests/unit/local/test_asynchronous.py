import json
from typing import Any

from local.asynchronous import AsynchronousInvoker
from local.workers import FunctionError, NoWorkerFree


def failing(times: int, calls: list[Any]) -> Any:
    def invoke(event: Any) -> None:
        calls.append(event)
        if len(calls) <= times:
            raise FunctionError("ValueError", "it went wrong")

    return invoke


def test_an_event_that_is_handled_is_not_tried_again() -> None:
    calls: list[Any] = []
    invoker = AsynchronousInvoker(failing(0, calls), retry_seconds=[0, 0])
    assert invoker.put({"a": 1}).result(5)
    invoker.close()
    assert calls == [{"a": 1}]


def test_a_failed_event_is_tried_again() -> None:
    calls: list[Any] = []
    invoker = AsynchronousInvoker(failing(2, calls), retry_seconds=[0, 0])
    assert invoker.put({"a": 1}).result(5)
    invoker.close()
    assert len(calls) == 3


def test_what_fails_for_good_goes_to_the_dead_letters_as_lambda_describes_it() -> None:
    letters: list[str] = []
    invoker = AsynchronousInvoker(failing(9, []), on_failure=letters.append, retry_seconds=[0, 0])
    assert not invoker.put({"a": 1}).result(5)
    invoker.close()
    letter = json.loads(letters[0])
    assert letter["requestPayload"] == {"a": 1}
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    assert letter["responsePayload"]["errorType"] == "ValueError"


def test_closing_does_not_wait_for_a_retry() -> None:
    letters: list[str] = []
    calls: list[Any] = []
    invoker = AsynchronousInvoker(failing(9, calls), on_failure=letters.append, retry_seconds=[60, 120])
    future = invoker.put({})
    while not calls:
        pass
    invoker.close()
    assert future.result(1) is False
    assert letters == []


def test_a_stack_that_is_closing_is_no_failure_of_the_event() -> None:
    def closed(_: Any) -> None:
        raise NoWorkerFree

    letters: list[str] = []
    invoker = AsynchronousInvoker(closed, on_failure=letters.append)
    assert invoker.put({}).result(5) is False
    invoker.close()
    assert letters == []
