"""Every sample in ``events/notify`` against its golden messages: what would be posted, word for word.

To write them anew after a deliberate change of wording, and to look at the difference before it is kept:

    UPDATE_GOLDEN_MESSAGES=1 .venv/bin/python -m pytest tests/contract/test_notify_samples.py
    git diff tests/contract/golden_messages
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway_alerts.alerts import parse_queued_alert
from gateway_alerts.errors import InvalidAlert
from notify.destinations.slack import SlackWebhook
from notify.pipeline import Notified
from tests.unit.notify.fakes import WEBHOOK, FakeDeadLetters, FakeSlack, run

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "events" / "notify").iterdir())
GOLDEN = Path(__file__).parent / "golden_messages"

#: Ten seconds after the samples' alerts were raised, as the window of the deployed stack has it.
GATHERED = datetime(2026, 11, 23, 9, 25, 54, tzinfo=UTC)

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)


def records_in(sample: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(sample.read_text("utf-8"))["Records"]
    return records


def posted_for(sample: Path) -> tuple[list[dict[str, Any]], Notified, FakeDeadLetters]:
    """What would be posted, by destination and in order, and what became of the batch."""
    dead_letters = FakeDeadLetters()
    posted: list[dict[str, Any]] = []
    notified = run(
        records_in(sample),
        now=GATHERED,
        destination=lambda name: SlackWebhook(SecretStr(WEBHOOK), client=FakeSlack(_keep(posted, name)).client),
        dead_letters=dead_letters,
    )
    return posted, notified, dead_letters


def _keep(posted: list[dict[str, Any]], name: str) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        posted.append({"destination": name, "payload": json.loads(request.content)})
        return httpx.Response(200, text="ok")

    return answer


def test_there_are_samples() -> None:
    assert SAMPLES
    assert {path.suffix for path in SAMPLES} == {".json"}


@each_sample
def test_what_is_posted(sample: Path) -> None:
    posted, _, _ = posted_for(sample)
    golden = GOLDEN / sample.name

    if os.environ.get("UPDATE_GOLDEN_MESSAGES"):
        golden.write_text(json.dumps(posted, indent=2, ensure_ascii=False) + "\n", "utf-8")

    assert golden.exists(), "no golden messages: see the top of this file"
    assert posted == json.loads(golden.read_text("utf-8"))


@each_sample
def test_a_sample_is_what_lambda_gives_to_the_function(sample: Path) -> None:
    records = records_in(sample)

    assert len({record["messageId"] for record in records}) == len(records)
    for record in records:
        assert record["eventSource"] == "aws:sqs"
        assert {"messageId", "receiptHandle", "body", "attributes", "messageAttributes", "eventSourceARN", "awsRegion"} <= set(
            record
        )


@each_sample
def test_only_records_that_cannot_be_read_are_given_up_and_nothing_goes_back(sample: Path) -> None:
    _, notified, dead_letters = posted_for(sample)

    unreadable = {record["messageId"] for record in records_in(sample) if not _is_readable(record["body"])}
    assert notified.failed == set()
    assert set(dead_letters.reasons) == unreadable
    assert bool(unreadable) is ("unreadable" in sample.stem)


def _is_readable(body: str) -> bool:
    try:
        parse_queued_alert(body)
    except InvalidAlert:
        return False
    return True


def test_among_the_samples_every_budget_type_is_named() -> None:
    types = {
        parse_queued_alert(record["body"]).alert.entity.type
        for record in records_in(ROOT / "events" / "notify" / "sqs_every_budget_type.json")
    }

    assert types >= {"key", "user", "team", "team_member", "organization", "organization_member", "project", "proxy"}
    assert types >= {"end_user", "tag", "agent", "model_access_group"}


def test_every_golden_file_belongs_to_a_sample() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {path.name for path in SAMPLES}
