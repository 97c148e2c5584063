"""Brings alerts that were given up back into the alerts queue, once the cause is mended.

SQS moves them itself (StartMessageMoveTask); this finds the queues by the stack's outputs, says what happens and stays
until it is over. An alert that comes back is posted with how late it is; one that had been delivered after all is not
posted again. With ``--dry-run`` nothing moves: it shows how many wait, and why.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

DEFAULT_STACK_NAME = "gateway-alerts"
POLL_SECONDS = 2
#: Entries of one ReceiveMessage or ChangeMessageVisibilityBatch
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html).
BATCH_ENTRIES = 10
#: How long what a dry run looks at stays hidden, if it cannot be given back: longer than the look takes.
LOOK_SECONDS = 60
LOOK_MESSAGES = 1_000
#: Moved by SQS itself, not by NotifyFunction: those carry a reason.
WITHOUT_REASON = "received again and again, and never answered for"
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


class CannotRedrive(Exception):
    """What keeps the alerts where they are, in a sentence."""


def main(
    arguments: Sequence[str] | None = None,
    *,
    client: Callable[[str], Any] = boto3.client,
    sleep: Callable[[float], object] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="redrive", description="Bring alerts back from the dead-letter queue.")
    parser.add_argument("--stack-name", default=DEFAULT_STACK_NAME, help="default: %(default)s")
    parser.add_argument("--dry-run", action="store_true", help="show how many wait and why; move nothing")
    options = parser.parse_args(arguments)
    try:
        queues = _Queues(client, stack_name=options.stack_name)
        if options.dry_run:
            _show(queues, now=now())
        else:
            _redrive(queues, sleep=sleep)
    except CannotRedrive as error:
        print(f"redrive: {error}", file=sys.stderr)
        return 1
    except ClientError as error:
        print(f"redrive: {error.operation_name}: {error.response['Error']['Message']}", file=sys.stderr)
        return 1
    except BotoCoreError as error:
        print(f"redrive: {error}", file=sys.stderr)
        return 1
    return 0


class _Queues:
    """The two queues of a deployed stack."""

    def __init__(self, client: Callable[[str], Any], *, stack_name: str) -> None:
        outputs = _outputs(client("cloudformation"), stack_name)
        self.sqs = client("sqs")
        self.dead_letters_url = outputs["AlertsDeadLetterQueueUrl"]
        self.dead_letters_arn = self._attribute(self.dead_letters_url, "QueueArn")
        self.alerts_arn = self._attribute(outputs["AlertsQueueUrl"], "QueueArn")

    def waiting_count(self) -> int:
        """Dead letters that wait; approximate, as SQS says it."""
        return int(self._attribute(self.dead_letters_url, "ApproximateNumberOfMessages"))

    def _attribute(self, url: str, name: str) -> str:
        return str(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def _outputs(cloudformation: Any, stack_name: str) -> dict[str, str]:
    (stack,) = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
    if not {"AlertsQueueUrl", "AlertsDeadLetterQueueUrl"} <= set(outputs):
        raise CannotRedrive(f"{stack_name} is not a stack of Gateway Alerts: it has no output AlertsDeadLetterQueueUrl")
    return outputs


def _redrive(queues: _Queues, *, sleep: Callable[[float], object]) -> None:
    count = queues.waiting_count()
    if not count:
        print(f"{_name(queues.dead_letters_arn)}: nothing waits")
        return
    print(f"{_name(queues.dead_letters_arn)}: about {count} waiting")
    print(f"moving them to {_name(queues.alerts_arn)}")
    # The destination is named, since SQS does not know where letters came from that a function has sent:
    # it would fail with CouldNotDetermineMessageSource.
    before = _newest_task(queues).get("StartedTimestamp")
    queues.sqs.start_message_move_task(SourceArn=queues.dead_letters_arn, DestinationArn=queues.alerts_arn)
    while True:
        task = _newest_task(queues)
        if task.get("StartedTimestamp") == before:  # the one before this, which SQS may still show for a moment
            task = {"Status": "RUNNING"}
        status, moved = task["Status"], task.get("ApproximateNumberOfMessagesMoved", 0)
        print(f"{status.lower()}: about {moved} of {task.get('ApproximateNumberOfMessagesToMove', count)} moved")
        if status in ENDED:
            break
        sleep(POLL_SECONDS)
    if status != "COMPLETED":
        raise CannotRedrive(f"the move ended as {status}: {task.get('FailureReason', 'no reason given')}")


def _newest_task(queues: _Queues) -> dict[str, Any]:
    results = queues.sqs.list_message_move_tasks(SourceArn=queues.dead_letters_arn, MaxResults=1)["Results"]
    return results[0] if results else {}


def _show(queues: _Queues, *, now: datetime) -> None:
    print(f"{_name(queues.dead_letters_arn)}: about {queues.waiting_count()} waiting")
    reasons: Counter[str] = Counter()
    oldest = now
    handles: list[str] = []
    try:
        for message in _look(queues):
            handles.append(message["ReceiptHandle"])
            reasons[message.get("MessageAttributes", {}).get("reason", {}).get("StringValue", WITHOUT_REASON)] += 1
            oldest = min(oldest, datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC))
    finally:
        _give_back(queues, handles)
    for reason, count in reasons.most_common():
        print(f"{count:6}  {reason}")
    if reasons:
        print(f"the oldest has been in a queue for {timedelta(seconds=int((now - oldest).total_seconds()))}")
    print("nothing was moved")


def _look(queues: _Queues) -> Iterator[dict[str, Any]]:
    """Each dead letter once, at most ``LOOK_MESSAGES``; they are hidden from others until they are given back."""
    seen = 0
    while seen < LOOK_MESSAGES:
        answer = queues.sqs.receive_message(
            QueueUrl=queues.dead_letters_url,
            MaxNumberOfMessages=BATCH_ENTRIES,
            VisibilityTimeout=LOOK_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=["reason"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return
        seen += len(messages)
        yield from messages


def _give_back(queues: _Queues, handles: Sequence[str]) -> None:
    for start in range(0, len(handles), BATCH_ENTRIES):
        entries = [
            {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for index, handle in enumerate(handles[start : start + BATCH_ENTRIES])
        ]
        queues.sqs.change_message_visibility_batch(QueueUrl=queues.dead_letters_url, Entries=entries)


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


if __name__ == "__main__":
    raise SystemExit(main())
