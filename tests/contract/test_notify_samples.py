"""Every sample in ``events/notify`` against its golden messages: what would be posted, word for word, and how it looks.

What is posted is in ``golden_messages``; the same as a phone would show it, 60 characters wide and with the plain text
below, is in ``golden_screens``. To write them anew after a deliberate change of wording, and to look at the difference
before it is kept:

    UPDATE_GOLDEN_MESSAGES=1 .venv/bin/python -m pytest tests/contract/test_notify_samples.py
    git diff tests/contract
"""

import json
import os
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS
from gateway_alerts.alerts import parse_queued_alert
from gateway_alerts.errors import InvalidAlert
from local.slack_rules import check
from local.terminal import render_terminal
from notify.destinations.slack import SlackWebhook
from notify.pipeline import Notified
from tests.unit.notify.fakes import WEBHOOK, FakeDeadLetters, FakeSlack, run

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "events" / "notify").iterdir())
GOLDEN = Path(__file__).parent / "golden_messages"
SCREENS = Path(__file__).parent / "golden_screens"
SCREEN_WIDTH = 60

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
def test_how_it_looks(sample: Path) -> None:
    posted, _, _ = posted_for(sample)
    screen = SCREENS / f"{sample.stem}.txt"
    shown = "\n".join(_screen(each["payload"]) for each in posted)

    if os.environ.get("UPDATE_GOLDEN_MESSAGES"):
        screen.write_text(shown, "utf-8")

    assert screen.exists(), "no golden screen: see the top of this file"
    assert shown == screen.read_text("utf-8")


def _screen(payload: dict[str, Any]) -> str:
    lines = [render_terminal(payload, width=SCREEN_WIDTH)]
    if "text" in payload:
        lines += ["", *textwrap.wrap(payload["text"], SCREEN_WIDTH)]
    return "\n".join(lines) + "\n"


@each_sample
def test_what_is_posted_is_what_slack_takes(sample: Path) -> None:
    posted, _, _ = posted_for(sample)

    for each in posted:
        check(each["payload"])


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


@pytest.mark.parametrize("alert_type", sorted(set(ALERT_TYPES) - {BUDGET_ALERTS}))
def test_every_alert_type_has_a_sample(alert_type: str) -> None:
    records = records_in(ROOT / "events" / "notify" / f"sqs_{alert_type}.json")

    assert {parse_queued_alert(record["body"]).alert.alert_type for record in records} == {alert_type}


def test_every_golden_file_belongs_to_a_sample() -> None:
    assert {path.stem for path in SCREENS.iterdir()} == {path.stem for path in SAMPLES}
    assert {path.name for path in GOLDEN.iterdir()} == {path.name for path in SAMPLES}
