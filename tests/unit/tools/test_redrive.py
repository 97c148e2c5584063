"""The operator's redrive, against AWS as botocore's own model has it: a wrong parameter or answer is refused."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import ANY, Stubber

from tools import redrive

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DEAD, ALERTS = "https://sqs.test/dead", "https://sqs.test/alerts"
ARN = "arn:aws:sqs:us-east-1:000000000000:"
ACCESS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


class Aws:
    """Stubs of CloudFormation and SQS: what is asked must be asked in the order in which it was announced."""

    def __init__(self) -> None:
        self.clients = {name: boto3.client(name, **ACCESS) for name in ("cloudformation", "sqs")}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        self.slept: list[float] = []

    def run(self, *arguments: str) -> int:
        return redrive.main(arguments, client=self.clients.__getitem__, sleep=self.slept.append, now=lambda: NOW)

    def has_stack(self, name: str = "gateway-alerts", **outputs: str) -> None:
        stack = {"StackName": name, "CreationTime": NOW, "StackStatus": "CREATE_COMPLETE"}
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        self.stubs["cloudformation"].add_response(
            "describe_stacks", {"Stacks": [stack | {"Outputs": listed}]}, {"StackName": name}
        )

    def has_queues(self, *, waiting: int) -> None:
        self.has_stack(AlertsQueueUrl=ALERTS, AlertsDeadLetterQueueUrl=DEAD)
        for url, attribute, value in (
            (DEAD, "QueueArn", ARN + "dead"),
            (ALERTS, "QueueArn", ARN + "alerts"),
            (DEAD, "ApproximateNumberOfMessages", str(waiting)),
        ):
            self.expect("get_queue_attributes", {"Attributes": {attribute: value}}, QueueUrl=url, AttributeNames=[attribute])

    def moves(self, *tasks: dict[str, Any], before: dict[str, Any] | None = None) -> None:
        newest = {"Results": [before] if before else []}
        self.expect("list_message_move_tasks", newest, SourceArn=ARN + "dead", MaxResults=1)
        self.expect("start_message_move_task", {"TaskHandle": "t"}, SourceArn=ARN + "dead", DestinationArn=ARN + "alerts")
        for task in tasks:
            self.expect("list_message_move_tasks", {"Results": [task] if task else []}, SourceArn=ARN + "dead", MaxResults=1)

    def expect(self, operation: str, answer: dict[str, Any], **parameters: Any) -> None:
        self.stubs["sqs"].add_response(operation, answer, parameters)


@pytest.fixture
def aws() -> Iterator[Aws]:
    there = Aws()
    for stub in there.stubs.values():
        stub.activate()
    yield there
    for stub in there.stubs.values():
        stub.assert_no_pending_responses()
    for client in there.clients.values():
        client.close()


def task(status: str, moved: int = 0, **fields: Any) -> dict[str, Any]:
    counts = {"ApproximateNumberOfMessagesMoved": moved, "ApproximateNumberOfMessagesToMove": 12}
    return {"Status": status, "StartedTimestamp": 2, **counts, **fields}


def test_it_moves_what_waits_to_the_alerts_queue_and_stays_until_all_have_moved(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.has_queues(waiting=12)
    aws.moves({}, task("RUNNING", 5), task("COMPLETED", 12))

    assert aws.run() == 0

    assert aws.slept == [redrive.POLL_SECONDS] * 2
    assert capsys.readouterr().out.splitlines() == [
        "dead: about 12 waiting",
        "moving them to alerts",
        "running: about 0 of 12 moved",
        "running: about 5 of 12 moved",
        "completed: about 12 of 12 moved",
    ]


def test_the_end_of_an_earlier_move_is_not_taken_for_the_end_of_this_one(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = task("FAILED", 1, StartedTimestamp=1)
    aws.has_queues(waiting=12)
    aws.moves(earlier, task("COMPLETED", 12), before=earlier)
    assert aws.run() == 0
    assert aws.slept == [redrive.POLL_SECONDS]


def test_an_empty_queue_needs_no_move(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.has_queues(waiting=0)
    assert aws.run() == 0
    assert capsys.readouterr().out == "dead: nothing waits\n"


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        pytest.param(
            task("FAILED", 3, FailureReason="AWS.SimpleQueueService.NonExistentQueue"),
            "the move ended as FAILED: AWS.SimpleQueueService.NonExistentQueue",
            id="a move that failed says why",
        ),
        pytest.param(task("CANCELLED", 3), "the move ended as CANCELLED: no reason given", id="a move that somebody cancelled"),
    ],
)
def test_a_move_that_ends_otherwise_is_an_error(
    aws: Aws, capsys: pytest.CaptureFixture[str], ending: dict[str, Any], says: str
) -> None:
    aws.has_queues(waiting=12)
    aws.moves(task("CANCELLING", 3), ending)
    assert aws.run() == 1
    assert says in capsys.readouterr().err


def letter(number: int, reason: str | None = None, *, sent_at: datetime = NOW) -> dict[str, Any]:
    attributes = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
    return {
        "MessageId": str(number),
        "ReceiptHandle": f"handle-{number}",
        "Body": "secret content",
        "Attributes": {"SentTimestamp": str(int(sent_at.timestamp() * 1000))},
        "MessageAttributes": attributes,
    }


def looks(aws: Aws, *pages: list[dict[str, Any]]) -> None:
    for page in pages:
        aws.expect(
            "receive_message",
            {"Messages": page},
            QueueUrl=DEAD,
            MaxNumberOfMessages=10,
            VisibilityTimeout=redrive.LOOK_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=["reason"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )


def gives_back(aws: Aws, *chunks: range) -> None:
    for chunk in chunks:
        entries = [
            {"Id": str(index), "ReceiptHandle": f"handle-{number}", "VisibilityTimeout": 0} for index, number in enumerate(chunk)
        ]
        aws.expect("change_message_visibility_batch", {"Successful": [], "Failed": []}, QueueUrl=DEAD, Entries=entries)


def test_a_dry_run_shows_the_reasons_and_gives_everything_back(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.has_queues(waiting=12)
    archived = "undelivered for a day: channel_is_archived"
    yesterday = NOW.replace(day=22, hour=11)
    looks(aws, [letter(n, archived) for n in range(10)], [letter(10, "unreadable: body"), letter(11, sent_at=yesterday)], [])
    gives_back(aws, range(10), range(10, 12))

    assert aws.run("--dry-run") == 0

    out = capsys.readouterr().out
    assert out.splitlines() == [
        "dead: about 12 waiting",
        f"    10  {archived}",
        "     1  unreadable: body",
        f"     1  {redrive.WITHOUT_REASON}",
        "the oldest has been in a queue for 1 day, 1:00:00",
        "nothing was moved",
    ]
    assert "secret" not in out


def test_a_dry_run_of_an_empty_queue(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.has_queues(waiting=0)
    looks(aws, [])
    assert aws.run("--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == ["dead: about 0 waiting", "nothing was moved"]


def test_a_dry_run_that_breaks_off_gives_back_what_it_has_taken(aws: Aws) -> None:
    aws.has_queues(waiting=20)
    looks(aws, [letter(n, "why") for n in range(10)])
    aws.stubs["sqs"].add_client_error("receive_message", "OverLimit", "too many in flight")
    gives_back(aws, range(10))
    assert aws.run("--dry-run") == 1


def test_a_dry_run_looks_at_so_many_and_no_more(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrive, "LOOK_MESSAGES", 20)
    aws.has_queues(waiting=30)
    looks(aws, [letter(n, "why") for n in range(10)], [letter(n, "why") for n in range(10, 20)])
    gives_back(aws, range(10), range(10, 20))
    assert aws.run("--dry-run") == 0


def test_another_stack_may_be_named_and_must_be_one_of_ours(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.has_stack("shop", BucketName="b")
    assert aws.run("--stack-name", "shop") == 1
    assert "shop is not a stack of Gateway Alerts" in capsys.readouterr().err


def test_a_stack_that_does_not_exist(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.stubs["cloudformation"].add_client_error(
        "describe_stacks", "ValidationError", "Stack with id nothing does not exist", expected_params={"StackName": ANY}
    )
    assert aws.run("--stack-name", "nothing") == 1
    assert capsys.readouterr().err == "redrive: DescribeStacks: Stack with id nothing does not exist\n"


def test_a_machine_without_credentials_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    def client(_: str) -> Callable[..., object]:
        raise NoCredentialsError

    assert redrive.main([], client=client) == 1
    assert "Unable to locate credentials" in capsys.readouterr().err
