"""Back to the template's queue, hidden for a while; or into its dead-letter queue with a reason."""

import time
from typing import Any

import pytest

from local.resources import Resources
from notify.dead_letters import DeadLetter, SQSDeadLetters
from notify.returns import MAX_SECONDS, SQSReturns

pytestmark = pytest.mark.integration


def send(sqs: Any, queue_url: str, number: int) -> None:
    for n in range(number):
        sqs.send_message(QueueUrl=queue_url, MessageBody=f"alert {n}")


def receive(sqs: Any, queue_url: str) -> list[dict[str, Any]]:
    """Everything that can be received now."""
    messages: list[dict[str, Any]] = []
    while batch := sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=0,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages"):
        messages += batch
    return messages


def test_what_goes_back_is_hidden_for_its_time_and_comes_again(sqs: Any, queue_url: str) -> None:
    send(sqs, queue_url, 23)
    received = receive(sqs, queue_url)
    returns = SQSReturns(lambda: sqs, queue_url=queue_url)

    returns.postpone([message["ReceiptHandle"] for message in received], seconds=2)

    assert receive(sqs, queue_url) == []
    time.sleep(2.2)
    came_again = receive(sqs, queue_url)
    assert {message["MessageId"] for message in came_again} == {message["MessageId"] for message in received}
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in came_again} == {"2"}
    first = {message["MessageId"]: message["Attributes"]["SentTimestamp"] for message in received}
    assert {message["MessageId"]: message["Attributes"]["SentTimestamp"] for message in came_again} == first  # its age stays


def test_the_longest_pause_is_taken(sqs: Any, queue_url: str) -> None:
    send(sqs, queue_url, 1)
    (message,) = receive(sqs, queue_url)

    answer = sqs.change_message_visibility_batch(
        QueueUrl=queue_url,
        Entries=[{"Id": "0", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": MAX_SECONDS}],
    )

    assert not answer.get("Failed")


def test_a_handle_that_is_none_and_a_queue_that_is_none_are_harmless(sqs: Any, queue_url: str) -> None:
    send(sqs, queue_url, 1)
    (message,) = receive(sqs, queue_url)

    SQSReturns(lambda: sqs, queue_url=queue_url).postpone(["nonsense", message["ReceiptHandle"]], seconds=1)
    SQSReturns(lambda: sqs, queue_url=f"{queue_url}-gone").postpone([message["ReceiptHandle"]], seconds=1)


def test_what_is_given_up_is_in_the_dead_letter_queue_with_its_reason(sqs: Any, resources: Resources) -> None:
    url = resources.ref("AlertsDeadLetterQueue")
    letters = [DeadLetter(f"m{n}", f'{{"body": {n}}}', f"undelivered for a day: {'x' * n}") for n in (1, 2, 400)]

    assert SQSDeadLetters(lambda: sqs, queue_url=url).bury(letters) == {"m1", "m2", "m400"}

    kept = {message["Body"]: message["MessageAttributes"]["reason"]["StringValue"] for message in receive(sqs, url)}
    assert kept == {letter.body: letter.reason[:256] for letter in letters}


def test_a_dead_letter_queue_that_is_not_there_keeps_nothing(sqs: Any, resources: Resources) -> None:
    gone = SQSDeadLetters(lambda: sqs, queue_url=resources.ref("AlertsDeadLetterQueue") + "-gone")

    assert gone.bury([DeadLetter("1", "body", "why")]) == set()


def test_the_queue_gives_a_message_out_often_enough_for_a_day_of_waiting(sqs: Any, queue_url: str) -> None:
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]

    assert '"maxReceiveCount":1000' in attributes["RedrivePolicy"].replace(" ", "").replace('"1000"', "1000")
