"""What is given up, in a queue with its reason; kept only when that queue says so."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError

from notify.dead_letters import MAX_REASON_CHARACTERS, DeadLetter, SQSDeadLetters
from tests.unit.notify.fakes import client_error


class FakeSQS:
    """Takes messages, but for those whose body is in ``faults``: these raise."""

    def __init__(self, **faults: Exception) -> None:
        self.sent: list[tuple[str, str]] = []
        self._faults = faults

    def send_message(self, **request: Any) -> dict[str, Any]:
        assert request["QueueUrl"] == "https://sqs.test/dead"
        if request["MessageBody"] in self._faults:
            raise self._faults[request["MessageBody"]]
        (attribute,) = request["MessageAttributes"].values()
        assert attribute["DataType"] == "String"
        assert attribute["StringValue"], "SQS refuses an empty attribute"
        self.sent.append((request["MessageBody"], attribute["StringValue"]))
        return {"MessageId": "1"}


def letters_in(client: FakeSQS) -> SQSDeadLetters:
    return SQSDeadLetters(lambda: client, queue_url="https://sqs.test/dead")


def test_a_letter_is_kept_as_it_came_with_its_reason() -> None:
    client = FakeSQS()

    assert letters_in(client).bury([DeadLetter("1", "not json", "unreadable"), DeadLetter("2", "{}", "late")]) == {"1", "2"}
    assert client.sent == [("not json", "unreadable"), ("{}", "late")]


def test_no_letters_ask_nobody() -> None:
    client = FakeSQS()

    assert letters_in(client).bury([]) == set()
    assert client.sent == []


@pytest.mark.parametrize(
    "fault",
    [client_error("AWS.SimpleQueueService.NonExistentQueue"), EndpointConnectionError(endpoint_url="https://sqs.test")],
    ids=lambda fault: type(fault).__name__,
)
def test_what_the_queue_does_not_take_is_not_kept_and_the_others_are(fault: Exception) -> None:
    client = FakeSQS(b=fault)

    assert letters_in(client).bury([DeadLetter(name, name, "why") for name in "abc"]) == {"a", "c"}
    assert [body for body, _ in client.sent] == ["a", "c"]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        pytest.param("x" * MAX_REASON_CHARACTERS, "x" * MAX_REASON_CHARACTERS, id="as long as may be"),
        pytest.param("x" * 5_000, "x" * MAX_REASON_CHARACTERS, id="longer: cut"),
        pytest.param("", "unknown", id="empty: SQS would refuse it"),
    ],
)
def test_a_reason_is_cut_and_never_empty(reason: str, kept: str) -> None:
    client = FakeSQS()
    letters_in(client).bury([DeadLetter("1", "body", reason)])

    assert client.sent == [("body", kept)]


def test_without_a_client_nothing_is_kept() -> None:
    def no_client() -> Any:
        raise NoRegionError

    assert SQSDeadLetters(no_client, queue_url="x").bury([DeadLetter("1", "body", "why")]) == set()
