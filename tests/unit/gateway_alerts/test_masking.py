"""What is masked, what is not, and that no text takes long."""

import base64
import string
import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_alerts.masking import _rules, mask, masked

BODY = "Ab3dEf6hIj9lMn2pQr5tUv8xYz"

MASKED = {
    "a key as LiteLLM makes them": ("sk-" + BODY[:22], "sk-…5tUv"),
    "an OpenAI project key": ("sk-proj-" + BODY * 4 + "_-WXYZ", "sk-…WXYZ"),
    "an OpenAI service account's key": ("sk-svcacct-" + BODY, "sk-…8xYz"),
    "an Anthropic key": ("sk-ant-api03-" + BODY + "-" + BODY + "AA", "sk-…YzAA"),
    "an OpenRouter key": ("sk-or-v1-" + "0123456789abcdef" * 4, "sk-…cdef"),
    "a DeepSeek key": ("sk-0123456789abcdef0123456789abcdef", "sk-…cdef"),
    "a key of letters only": ("sk-" + "abcdefghijklmnopqrstuvwxyz", "sk-…wxyz"),
    "a short key, of which no end is kept": ("sk-a8Bc92kd", "sk-…"),
    "the key of every tutorial": ("sk-1234", "sk-…"),
    "a key with hyphens where random characters have them": ("sk-aB3-x9Kq2LmZ_p0", "sk-…"),
    "a key after other text": ("the key=sk-" + BODY + ", leaked", "the key=sk-…8xYz, leaked"),
    "two keys": (f"sk-{BODY} sk-{BODY}", "sk-…8xYz sk-…8xYz"),
    "a Groq key": ("gsk_" + BODY * 2, "gsk…8xYz"),
    "a Google key": ("AIza" + BODY + "abcdefghi", "AIz…fghi"),
    "a Stripe key": ("sk_live_" + BODY, "sk_…8xYz"),
    "a bearer token": ("Bearer " + BODY, "Bearer Ab3…8xYz"),
    "a bearer token in lower case with a header's name": ("authorization: bearer " + BODY, "authorization: bearer Ab3…8xYz"),
    "a bearer token that is a key": ("Bearer sk-" + BODY, "Bearer sk-…8xYz"),
    "a short bearer token": ("Bearer abc12345", "Bearer abc…"),
    "a JSON web token": (f"eyJhbGciOiJIUzI1NiJ9.eyJ{BODY}.{BODY}", "eyJ…8xYz"),
    "a Slack webhook": (
        "https://hooks.slack.com/services/T01234567/B01234567/abcdefghijklmnopqrstWXYZ",
        "https://hooks.slack.com/…WXYZ",
    ),
    "a Slack webhook without a scheme": ("hooks.slack.com/services/T0/B0/x", "hooks.slack.com/…"),
    "a Slack workflow's webhook": ("https://hooks.slack.com/triggers/T01234567/123/abcdefWXYZ", "https://hooks.slack.com/…WXYZ"),
    "a webhook of Slack for governments": (
        "https://hooks.slack-gov.com/services/T01234567/B0/abcdefWXYZ",
        "https://hooks.slack-gov.com/…WXYZ",
    ),
    "a Slack bot's token": ("xoxb-1234567890-abcdefghijkl", "xox…ijkl"),
    "an AWS access key": ("AKIAIOSFODNN7EXAMPLE", "AKI…MPLE"),
    "a temporary AWS access key": ("id ASIAIOSFODNN7EXAMPLE.", "id ASI…MPLE."),
    "an AWS secret access key": ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJa…EKEY"),
    "an AWS secret access key after a link": (
        "https://a.example wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "https://a.example wJa…EKEY",
    ),
    "an AWS secret access key in a link's query": (
        "https://a.example/x?secret=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "https://a.example/x?secret=wJa…EKEY",
    ),
    "a password in a URL": ("postgres://app:hunter2@db:5432/x", "postgres://app:…@db:5432/x"),
    "a password with an @": ("postgres://app:hunt@er2@db/x", "postgres://app:…@db/x"),
    "a password without a user": ("redis://:hunter2@cache", "redis://:…@cache"),
}


@pytest.mark.parametrize(("text", "shown"), MASKED.values(), ids=MASKED)
def test_a_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("text", [shown for _, shown in MASKED.values()], ids=MASKED)
def test_masking_twice_changes_nothing(text: str) -> None:
    assert masked(text) == text


NAMES = [
    "",
    "prod-search",
    "Prod Search (EMEA)",
    "sk-learn-team",
    "sk-learn",
    "sk-learn-v2b",
    "sk-prodSearch-Team",
    "sk-SK-Telecom-production-2026",
    "sk-internal-tools-production-search",
    "sk-",
    "sk-...WXYZ",  # LiteLLM's own masking
    "task-force-1234",
    "disk-a8Bc92kdXYZ",
    "risk-20261123",
    "desk-1234",
    "Bearer",
    "Bearer of bad news",
    "bearer services",
    "the bearer: Accounting",
    "https://gateway.example.com:4000/ui",
    "https://gateway.example.com/@team:eu",
    "mailto:someone@example.com",
    "someone@example.com",
    "arn:aws:iam::123456789012:role/gateway",
    "AKIAOKINAWA",
    "ASIA-PACIFIC",
    "xoxo",
    "hooks.slack.com",
    "eyJust-a-name.of.a-host",
    "gpt-4o-mini-2024-07-18",
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",  # a SHA-1; a hash is shown by its first digits elsewhere
    "production/search/team/of/the/whole/firm",  # 40 characters
    "https://grafana.example.com/alerting/grafana/cdeqMlhvflwe8c/view?orgId=1",  # 40 of them, of all kinds
    "https://Prod1/dashboards/Search/latency/review",
    "研究チーム-検索",
    "🔥 hot path",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_whole(name: str) -> None:
    assert masked(name) == name


def test_fewer_than_one_in_ten_thousand_of_litellms_random_keys_look_like_words_by_chance() -> None:
    random, count = Random(3), 50_000
    keys = (f"sk-{base64.urlsafe_b64encode(random.randbytes(16)).decode().rstrip('=')}" for _ in range(count))
    assert sum(masked(key) == key for key in keys) <= count / 10_000


@given(st.text(alphabet=string.printable + "…é🔥"), st.text(alphabet=string.printable + "…é🔥"))
def test_a_key_is_masked_whatever_stands_around_it(before: str, after: str) -> None:
    key = "sk-ant-api03-" + BODY * 2
    assert key not in masked(f"{before} {key} {after}")


@given(st.text(max_size=300))
def test_any_text_can_be_masked_twice_and_never_grows_by_more_than_its_marks(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
    assert len(once) <= len(text) + text.count(":") + text.count("/") + text.count("-") + text.count("A")


def test_what_is_kept_of_a_secret() -> None:
    assert mask("a" * 15 + "WXYZ") == "aaa…"
    assert mask("a" * 16 + "WXYZ") == "aaa…WXYZ"


MEGABYTE = 1_000_000
HOSTILE = {
    name: unit * (MEGABYTE // len(unit))
    for name, unit in {
        "letters": "a",
        "spaces": " ",
        "sk-": "sk-",
        "sk- apart": "sk- ",
        "keys": f"sk-{BODY} ",
        "words of a key": "sk-aaaaaaa-",
        "slashes": "://",
        "users": "://a:",
        "users and ats": "://a:b@",
        "ats": "@",
        "colons": ":",
        "bearers": "bearer ",
        "bearers without an end": "bearer\t\t",
        "webhooks": "hooks.slack.com/",
        "web tokens": "eyJaaaaaaaa.",
        "beginnings of web tokens": "eyJ",
        "Slack tokens": "xoxb-",
        "AWS keys": "AKIA",
        "base64": "Aa0/",
        "base64 that is cut": "Aa0/" * 9 + "Aa0.",
        "secrets": "Aa0/" * 10 + " ",
        "secrets in a link": "Aa0/" * 10 + ".",
        "links of secrets": "://Aa0/" + "Aa0/" * 9 + ".",
        "capitals": "aA",
        "hyphens": "-",
        "underscores": "_",
    }.items()
} | {
    "one endless key": "sk-" + "aA" * (MEGABYTE // 2),
    "one endless user": "://" + "a" * MEGABYTE,
    "one endless password": "://:" + "a" * MEGABYTE,
    "one endless bearer": "bearer" + " " * MEGABYTE,
    "noise": "".join(Random(1).choices(string.printable, k=MEGABYTE)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_takes_no_time_to_speak_of(text: str) -> None:
    began = time.process_time()
    masked(text)
    assert time.process_time() - began < 2


def test_patterns_are_compiled_for_the_first_text_that_may_hold_a_secret() -> None:
    _rules.cache_clear()

    masked("prod-search")
    assert _rules.cache_info().currsize == 0

    masked("sk-1234")
    assert _rules.cache_info().currsize == 1
