import pytest

from tests.bench.scale import API, CONCURRENCY, DESTINATION, HOT_KEY, load


@pytest.mark.parametrize(
    ("events_per_second", "events_per_request", "request_seconds", "first"),
    [
        pytest.param(100_000, 1, 0.0001, API, id="one event a request: the API's requests"),
        pytest.param(5_000, 1, 0.5, CONCURRENCY, id="a slow handler: its concurrency"),
        pytest.param(1_000_000, 1_000, 0.001, DESTINATION, id="many events a request: what Slack takes"),
    ],
)
def test_what_saturates_first(events_per_second: int, events_per_request: int, request_seconds: float, first: object) -> None:
    quota, share = load(events_per_second, events_per_request, request_seconds=lambda _: request_seconds).first
    assert quota is first
    assert share > 1


def test_a_key_in_everyones_requests_is_written_once_a_container() -> None:
    used = dict(load(10_000, 1, request_seconds=lambda _: 0.01).used)
    assert used[HOT_KEY] < 1_000
