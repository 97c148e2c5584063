import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway_alerts.observability import QUIET_FLUSH_SECONDS, Counts, silence_clients

NOW = datetime(2026, 11, 23, 9, 25, 44, tzinfo=UTC)
LATER = timedelta(seconds=QUIET_FLUSH_SECONDS)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "GatewayAlerts")
    return Counts()


def published(capsys: pytest.CaptureFixture[str]) -> list[dict[str, float]]:
    """The counts of each flush since the last look."""
    flushes: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [{name: value[0] for name, value in flush.items() if isinstance(value, list)} for flush in flushes]


def test_a_noteworthy_invocation_publishes_in_one_flush(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    counts.add(EventsAccepted=3, AlertsRaised=1)
    counts.flush(now=NOW, noteworthy=True)
    assert published(capsys) == [{"EventsAccepted": 3, "AlertsRaised": 1}]


def test_a_quiet_invocation_publishes_nothing(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    counts.add(EventsAccepted=3)
    counts.flush(now=NOW, noteworthy=False)
    assert published(capsys) == []


def test_the_counts_of_quiet_invocations_go_out_with_the_next_noteworthy_one(
    counts: Counts, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        counts.add(EventsAccepted=3)
        counts.flush(now=NOW, noteworthy=False)
    counts.add(EventsAccepted=1, AlertsRaised=1)
    counts.flush(now=NOW, noteworthy=True)
    assert published(capsys) == [{"EventsAccepted": 16, "AlertsRaised": 1}]


def test_the_counts_of_quiet_invocations_go_out_after_a_while(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    for seconds in (0, QUIET_FLUSH_SECONDS - 1):
        counts.add(EventsAccepted=1)
        counts.flush(now=NOW + timedelta(seconds=seconds), noteworthy=False)
    assert published(capsys) == []
    counts.add(EventsAccepted=1)
    counts.flush(now=NOW + LATER, noteworthy=False)
    assert published(capsys) == [{"EventsAccepted": 3}]


def test_the_while_begins_anew_with_each_flush(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    counts.flush(now=NOW, noteworthy=False)
    counts.add(EventsAccepted=1)
    counts.flush(now=NOW + LATER / 2, noteworthy=True)
    counts.add(EventsAccepted=1)
    counts.flush(now=NOW + LATER, noteworthy=False)
    assert published(capsys) == [{"EventsAccepted": 1}]


def test_what_was_published_is_not_published_again(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    counts.add(EventsAccepted=1)
    counts.flush(now=NOW, noteworthy=True)
    counts.add(AlertsRaised=1)
    counts.flush(now=NOW, noteworthy=True)
    assert published(capsys) == [{"EventsAccepted": 1}, {"AlertsRaised": 1}]


def test_zeros_are_not_published(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    counts.add(EventsAccepted=0, AlertsRaised=0)
    counts.flush(now=NOW, noteworthy=True)
    assert published(capsys) == []


def test_what_is_counted_by_dimensions_goes_out_beside_the_plain_counts(
    counts: Counts, capsys: pytest.CaptureFixture[str]
) -> None:
    for reason in ("rate_limited", "no_answer", "rate_limited"):
        counts.add_by("PostsFailed", reason=reason)
    counts.add(PostsDelivered=1)
    counts.flush(now=NOW, noteworthy=True)
    blobs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    seen = [(blob.get("reason"), blob["_aws"]["CloudWatchMetrics"][0]["Dimensions"], blob.get("PostsFailed")) for blob in blobs]
    assert seen == [
        (None, [["service"]], None),
        ("no_answer", [["reason", "service"]], [1.0]),
        ("rate_limited", [["reason", "service"]], [2.0]),
    ]
    counts.flush(now=NOW, noteworthy=True)
    assert published(capsys) == []


def test_measured_values_keep_their_distribution_and_say_their_unit(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    counts.measure("DeliverySeconds", 1.5, 12)
    counts.measure("DeliverySeconds", 3)
    counts.measure("BatchRecords", 500)
    counts.measure("CanarySeconds")
    counts.flush(now=NOW, noteworthy=True)
    (blob,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (blob["DeliverySeconds"], blob["BatchRecords"]) == ([1.5, 12.0, 3.0], [500.0])
    assert blob["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "DeliverySeconds", "Unit": "Seconds"},
        {"Name": "BatchRecords", "Unit": "Count"},
    ]
    assert "CanarySeconds" not in blob


def test_more_values_than_one_line_takes_are_all_published(counts: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    counts.measure("DeliverySeconds", *range(250))
    counts.add(PostsDelivered=250)
    counts.flush(now=NOW, noteworthy=True)
    blobs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(value for blob in blobs for value in blob.get("DeliverySeconds", ())) == list(range(250))
    assert [blob["PostsDelivered"] for blob in blobs if "PostsDelivered" in blob] == [[250.0]]


@pytest.mark.parametrize("name", ["httpx", "httpcore", "botocore", "urllib3"])
def test_clients_do_not_log_what_they_send(name: str) -> None:
    logging.getLogger(name).setLevel(logging.NOTSET)
    silence_clients()
    assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
