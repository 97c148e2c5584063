import json
from typing import Any

import httpx
import pytest

from local.faulty_slack import (
    ANSWER_LOST,
    ARCHIVED,
    SERVER_ERROR,
    Answer,
    FaultySlack,
    always,
    during,
    on_first,
    on_share,
    posts_per_second,
    rate_limited,
    slow,
)

NAMING = r"who-\d+"


def body(*names: str, in_blocks: tuple[str, ...] | None = None) -> bytes:
    message: dict[str, Any] = {"text": " ".join(names)}
    if in_blocks is not None:
        message["blocks"] = [{"type": "section", "text": {"type": "mrkdwn", "text": " ".join(in_blocks)}}]
    return json.dumps(message).encode()


@pytest.fixture
def sink() -> FaultySlack:
    return FaultySlack(naming=NAMING, seed=7)


def post(sink: FaultySlack, at: float = 0.0, content: bytes | None = None, channel: str = "alerts") -> Answer:
    return sink.answer(channel, content or body("who-1"), "application/json", arrived_at=at)


def statuses(sink: FaultySlack, *moments: float) -> list[int]:
    return [post(sink, at).status for at in moments]


def test_without_a_script_it_takes_what_slack_takes(sink: FaultySlack) -> None:
    assert (post(sink).status, post(sink, content=b"{}").word) == (200, "no_text")
    assert sink.channel("alerts").statuses == {"200": 1, "400": 1}
    assert len(sink.channel("alerts").taken) == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_share_falls_evenly_and_the_same_with_the_same_seed(seed: int) -> None:
    def run() -> list[int]:
        sink = FaultySlack(naming=NAMING, seed=seed)
        sink.script("alerts", on_share(0.2, SERVER_ERROR))
        return statuses(sink, *range(50))

    answers = run()
    assert answers == run()
    assert all(answers[start : start + 5].count(500) == 1 for start in range(0, 50, 5))


def test_the_seed_says_which_posts_a_share_falls_on() -> None:
    def first(seed: int) -> int:
        sink = FaultySlack(naming=NAMING, seed=seed)
        sink.script("alerts", on_share(0.2, SERVER_ERROR))
        return statuses(sink, *range(5)).index(500)

    assert len({first(seed) for seed in range(20)}) > 1


def test_the_first_posts_and_a_time_window(sink: FaultySlack) -> None:
    sink.script("alerts", on_first(1, SERVER_ERROR), during(10.0, rate_limited(3)))
    assert statuses(sink, 100.0, 101.0, 109.9, 110.0) == [500, 429, 429, 200]


def test_a_limiter_of_one_a_second(sink: FaultySlack) -> None:
    sink.script("alerts", posts_per_second(1.0))
    assert statuses(sink, 0.0, 0.5, 1.0, 1.9, 2.0, 9.0) == [200, 429, 200, 429, 200, 200]


def test_a_limiter_with_a_burst(sink: FaultySlack) -> None:
    sink.script("alerts", posts_per_second(1.0, burst=3))
    assert statuses(sink, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0) == [200, 200, 200, 429, 200, 429]


def test_calls_before_a_retry_after_has_passed_are_counted(sink: FaultySlack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.faulty_slack.time.monotonic", lambda: 100.0)
    sink.script("alerts", on_first(1, rate_limited(5)))
    statuses(sink, 100.0, 104.0, 105.0)
    assert sink.channel("alerts").early_seconds == [pytest.approx(1.0)]


def test_a_retry_after_counts_from_the_answer_not_from_the_request(sink: FaultySlack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.faulty_slack.time.monotonic", lambda: 100.0)
    sink.script("alerts", on_first(1, Answer(429, "rate_limited", retry_after_seconds=5, after_seconds=3.0)))
    statuses(sink, 100.0, 106.0)
    assert sink.channel("alerts").early_seconds == [pytest.approx(2.0)]


def test_channels_do_not_know_of_each_other(sink: FaultySlack) -> None:
    sink.script("archived", always(ARCHIVED))
    assert (post(sink, channel="archived").word, post(sink).word) == ("channel_is_archived", "ok")
    sink.script("archived")
    assert post(sink, channel="archived").word == "ok"
    assert sink.channel("archived").request_count == 2


def test_who_was_named_and_how_often(sink: FaultySlack) -> None:
    post(sink, content=body("who-1", "who-2"))
    post(sink, content=body("who-2", "who-3"))
    assert sink.channel("alerts").names == {"who-1": 1, "who-2": 2, "who-3": 1}


def test_who_is_named_in_only_one_of_text_and_blocks(sink: FaultySlack) -> None:
    post(sink, content=body("who-1", "who-2", in_blocks=("who-2", "who-3")))
    assert sink.channel("alerts").half_named == {"who-1", "who-3"}


def test_what_is_refused_names_nobody(sink: FaultySlack) -> None:
    sink.script("alerts", always(SERVER_ERROR))
    post(sink)
    assert sink.channel("alerts").names == {}


@pytest.mark.parametrize(
    ("answer", "unexplained"),
    [
        pytest.param(ANSWER_LOST, [], id="the answer was lost"),
        pytest.param(slow(30.0), [], id="the answer came after everybody's patience"),
        pytest.param(slow(1.0), ["who-1"], id="the answer came late"),
        pytest.param(SERVER_ERROR, [], id="it was not taken"),
    ],
)
def test_a_double_is_explained_only_by_an_answer_that_did_not_arrive(
    sink: FaultySlack, answer: Answer, unexplained: list[str]
) -> None:
    sink.script("alerts", on_first(1, answer))
    statuses(sink, 0.0, 1.0)
    assert sink.channel("alerts").unexplained == unexplained


def test_it_answers_over_http_as_scripted(sink: FaultySlack) -> None:
    with sink.running(), httpx.Client(trust_env=False) as client:
        sink.script("alerts", on_first(1, rate_limited(2)))
        limited = client.post(sink.url("alerts"), content=body("who-1"))
        assert (limited.status_code, limited.headers["retry-after"], limited.text) == (429, "2", "rate_limited")
        assert client.post(sink.url("alerts"), content=body("who-1")).text == "ok"
        assert client.post(sink.url("alerts").replace("services", "elsewhere"), content=b"{}").status_code == 404
        sink.script("alerts", always(ANSWER_LOST))
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(sink.url("alerts"), content=body("who-2"))
    assert sink.channel("alerts").names == {"who-1": 1, "who-2": 1}
    assert sink.channel("alerts").early_count == 2
