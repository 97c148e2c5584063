"""The four ways in which a post can end."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater


def test_there_are_four() -> None:
    assert set(get_args(Outcome)) == {Delivered, RetryLater, Permanent, Ambiguous}


@pytest.mark.parametrize(
    "outcome",
    [RetryLater(Reason.RATE_LIMITED, 30), Permanent(Reason.CONFIGURATION, "no_service"), Ambiguous(Reason.NO_ANSWER)],
    ids=lambda outcome: type(outcome).__name__,
)
def test_an_outcome_is_a_value(outcome: RetryLater | Permanent | Ambiguous) -> None:
    with pytest.raises(FrozenInstanceError):
        outcome.reason = Reason.SERVER_ERROR  # type: ignore[misc]
    assert {outcome, outcome} == {outcome}


def test_a_pause_of_unknown_length_is_not_a_pause_of_none() -> None:
    assert RetryLater(Reason.RATE_LIMITED) != RetryLater(Reason.RATE_LIMITED, 0)


def test_a_reason_reads_as_a_dimension_of_a_metric() -> None:
    """Lower case with underscores, as it stands in logs and metrics."""
    assert all(reason.isascii() and reason.replace("_", "").islower() for reason in Reason)
    assert str(Reason.RATE_LIMITED) == f"{Reason.RATE_LIMITED}" == "rate_limited"
