"""Records back to the queue, hidden for a while; no failure of that is one."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError

from notify.returns import BATCH_ENTRIES, MAX_SECONDS, SQSReturns
from tests.unit.notify.fakes import client_error


class FakeSQS:
    def __init__(self, fault: Exception | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self._fault = fault

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        entries = request["Entries"]
        assert len({entry["Id"] for entry in entries}) == len(entries) <= 10, "SQS refuses more than 10, and an id twice"
        assert all(0 <= entry["VisibilityTimeout"] <= 43_200 for entry in entries)
        self.calls.append(request)
        if self._fault:
            raise self._fault
        return {"Successful": [], "Failed": [{"Id": entry["Id"]} for entry in entries]}  # which is no failure of ours


def postponed(client: FakeSQS, number: int, *, seconds: int = 30) -> list[dict[str, Any]]:
    SQSReturns(lambda: client, queue_url="https://sqs.test/alerts").postpone([f"h{n}" for n in range(number)], seconds=seconds)
    return client.calls


@pytest.mark.parametrize(("number", "sizes"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])])
def test_ten_go_in_a_call_and_every_one_goes_once(number: int, sizes: list[int]) -> None:
    calls = postponed(FakeSQS(), number)

    assert [len(call["Entries"]) for call in calls] == sizes
    assert max([0, *sizes]) <= BATCH_ENTRIES
    assert [entry["ReceiptHandle"] for call in calls for entry in call["Entries"]] == [f"h{n}" for n in range(number)]
    assert {call["QueueUrl"] for call in calls} <= {"https://sqs.test/alerts"}


@pytest.mark.parametrize(
    ("seconds", "hidden"),
    [
        pytest.param(1, 1, id="a second"),
        pytest.param(MAX_SECONDS, MAX_SECONDS, id="as long as may be"),
        pytest.param(MAX_SECONDS + 1, MAX_SECONDS, id="longer than may be"),
        pytest.param(999_999, MAX_SECONDS, id="the longest that Slack may ask for"),
    ],
)
def test_a_record_is_hidden_for_its_time_and_never_longer_than_the_queue_allows(seconds: int, hidden: int) -> None:
    (call,) = postponed(FakeSQS(), 2, seconds=seconds)

    assert [entry["VisibilityTimeout"] for entry in call["Entries"]] == [hidden, hidden]


def test_the_longest_pause_ends_before_the_twelve_hours_that_a_receive_lasts() -> None:
    assert MAX_SECONDS < 12 * 3_600 - 240


@pytest.mark.parametrize(
    "fault",
    [client_error("AWS.SimpleQueueService.TooManyEntriesInBatchRequest"), EndpointConnectionError(endpoint_url="x")],
    ids=lambda fault: type(fault).__name__,
)
def test_a_failure_is_harmless_and_the_queue_is_not_asked_again_and_again(fault: Exception) -> None:
    assert len(postponed(FakeSQS(fault), 100)) == 1


def test_a_client_that_cannot_be_made_is_harmless_too() -> None:
    def no_client() -> Any:
        raise NoRegionError

    SQSReturns(no_client, queue_url="x").postpone(["h"], seconds=1)
