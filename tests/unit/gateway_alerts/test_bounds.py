from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway_alerts.bounds import MAX_EPOCH_SECONDS, in_utc, moment_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EAST = timezone(timedelta(hours=5))


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(NOON, id="in UTC"),
        pytest.param(NOON.astimezone(EAST), id="in another zone"),
        pytest.param(NOON.replace(tzinfo=None), id="without a zone"),
    ],
)
def test_a_moment_is_told_in_utc(moment: datetime) -> None:
    assert in_utc(moment) == NOON
    assert in_utc(moment).tzinfo is UTC


def test_a_moment_that_utc_has_no_year_for_is_beyond_the_calendar() -> None:
    with pytest.raises(ValueError, match="is beyond the calendar"):
        in_utc(datetime(1, 1, 1, tzinfo=EAST))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T12:00:00Z", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24T12:00:00", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24T12:00:00+01:00", datetime(2026, 11, 24, 11, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("<aws.scheduler.scheduled-time>", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_the_moment_of_a_text(text: object, moment: datetime | None) -> None:
    assert moment_of(text) == moment


def test_the_calendar_ends_with_the_last_epoch_second() -> None:
    last = datetime.fromtimestamp(MAX_EPOCH_SECONDS, UTC)
    assert last.year == 9999
    with pytest.raises(OverflowError):
        last + timedelta(seconds=1)
