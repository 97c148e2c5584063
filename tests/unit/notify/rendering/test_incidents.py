"""What is neither a budget nor a report in words: each type's own layout, and the plain one for all others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway_alerts.alert_types import ALERT_TYPES, CHANGES
from gateway_alerts.alerts import Occurrences
from gateway_alerts.distributions import buckets_of
from notify.rendering.alerts import word
from notify.rendering.incidents import MODEL_FACTS, OUTAGES, gravity_of, happened
from notify.rendering.words import Gravity, Wording
from tests.unit.notify.fakes import NOW, make_incident, make_item_of

#: 9:20 to 9:25 of the day on which the alerts were raised.
FIRST, LAST = datetime(2026, 11, 23, 9, 20, 11, tzinfo=UTC), datetime(2026, 11, 23, 9, 25, 40, tzinfo=UTC)
TWELVE = Occurrences(count=12, first_at=FIRST, last_at=LAST)
KEY = "sk-Ab3dEf6hIj9lMn2pQr5tUv"


def worded(alert_type: str, *, with_gateway: bool = False, **given: Any) -> Wording:
    return word(make_item_of(make_incident(alert_type, **given)), now=NOW, with_gateway=with_gateway)


def slow(*seconds: float) -> Occurrences:
    return Occurrences(count=len(seconds), first_at=FIRST, last_at=LAST, seconds=buckets_of(seconds))


ERROR = "litellm.RateLimitError: quota <exceeded>"
FAILURE = {
    "message": ERROR,
    "facts": [("Provider", "openai"), ("Error class", "RateLimitError"), ("Error code", "429"), ("Key", "prod-search")],
}
BY_ADA = [("done_by_user_id", "u-ada"), ("done_by_role", "proxy_admin"), ("done_by_key_alias", "admin-key"), ("action", "x")]

#: For each type: what is given, the full layout, the line of a storm, the plain text.
LAYOUTS: dict[str, tuple[str, dict[str, Any], str, str, str]] = {
    "a failure, once": (
        "llm_exceptions",
        FAILURE,
        "💥 *LLM failure: gpt-4o · openai · RateLimitError · 429*\n"
        "&gt; litellm.RateLimitError: quota &lt;exceeded&gt;\nKey: prod-search",
        "💥 *gpt-4o · openai · RateLimitError · 429*",
        "LLM failure: gpt-4o · openai · RateLimitError · 429",
    ),
    "a failure, twelve times": (
        "llm_exceptions",
        FAILURE | {"occurrences": TWELVE},
        "💥 *LLM failure: gpt-4o · openai · RateLimitError · 429*\n12 times, 23 Nov 09:20 to 09:25 UTC\n"
        "&gt; litellm.RateLimitError: quota &lt;exceeded&gt;\nKey: prod-search",
        "💥 *gpt-4o · openai · RateLimitError · 429* 12 times since 09:20 UTC",
        "LLM failure: gpt-4o · openai · RateLimitError · 429 · 12 times since 09:20 UTC",
    ),
    "a failure of which nothing is known": (
        "llm_exceptions",
        {"message": "", "name": None, "entity_id": None},
        "💥 *LLM failure*",
        "💥 *LLM failure*",
        "LLM failure",
    ),
    "a failure of a model that only a fact names": (
        "llm_exceptions",
        {"message": "", "name": None, "entity_id": None, "facts": [("model", "gpt-4o"), ("Provider", "openai")]},
        "💥 *LLM failure: gpt-4o · openai*",
        "💥 *gpt-4o · openai*",
        "LLM failure: gpt-4o · openai",
    ),
    "slow requests": (
        "llm_too_slow",
        {"occurrences": slow(*[12.0] * 30, *[48.0] * 6, 61.0), "facts": [("Threshold", "10 s"), ("API base", "https://a")]},
        "🐢 *Slow model: gpt-4o*\n37 slow requests, 23 Nov 09:20 to 09:25 UTC\n"
        "p50 12 s · p95 47 s · longest 63 s · threshold 10 s\nAPI base: https://a",
        "🐢 *gpt-4o* 37 slow requests · p50 12 s · p95 47 s · longest 63 s · threshold 10 s",
        "Slow model: gpt-4o · 37 slow requests · p50 12 s · p95 47 s · longest 63 s · threshold 10 s",
    ),
    "one slow request": (
        "llm_too_slow",
        {"occurrences": Occurrences(seconds=buckets_of([48.0])), "facts": [("threshold_seconds", "10.5")]},
        "🐢 *Slow model: gpt-4o*\ntook 47 s · threshold 10.5 s",
        "🐢 *gpt-4o* 1 slow request · took 47 s · threshold 10.5 s",
        "Slow model: gpt-4o · 1 slow request · took 47 s · threshold 10.5 s",
    ),
    "slow requests without a duration": (
        "llm_too_slow",
        {"message": "Responses are slow", "facts": [("Response time", "3.2 s")]},
        "🐢 *Slow model: gpt-4o*\nResponses are slow\nResponse time: 3.2 s",
        "🐢 *gpt-4o* Responses are slow",
        "Slow model: gpt-4o · Responses are slow",
    ),
    "hanging requests": (
        "llm_requests_hanging",
        {"occurrences": slow(610, 640, 700, 725), "facts": [("Call ids", "c-1, c-2, c-3, c-4")]},
        "⏳ *Hanging model: gpt-4o*\n4 requests, 23 Nov 09:20 to 09:25 UTC\nno answer for up to 13 min\n"
        "Calls: c-1, c-2, c-3, c-4",
        "⏳ *gpt-4o* 4 requests · no answer for up to 13 min",
        "Hanging model: gpt-4o · 4 requests · no answer for up to 13 min",
    ),
    "one hanging request": (
        "llm_requests_hanging",
        {"occurrences": Occurrences(seconds=buckets_of([600]))},
        "⏳ *Hanging model: gpt-4o*\nno answer for 10 min",
        "⏳ *gpt-4o* 1 request · no answer for 10 min",
        "Hanging model: gpt-4o · 1 request · no answer for 10 min",
    ),
    "hanging requests without a duration": (
        "llm_requests_hanging",
        {"message": "Requests are hanging"},
        "⏳ *Hanging model: gpt-4o*\nRequests are hanging",
        "⏳ *gpt-4o* Requests are hanging",
        "Hanging model: gpt-4o · Requests are hanging",
    ),
    "a major outage": (
        "outage_alerts",
        {
            "occurrences": TWELVE,
            "facts": [("Provider", "azure"), ("API base", "https://a"), ("severity", "major"), ("Timeouts", "7"), ("5xx", "5")],
        },
        "🚨 *Major outage: gpt-4o · azure*\n12 errors, 23 Nov 09:20 to 09:25 UTC\nTimeouts: 7 · 5xx: 5\nAPI base: https://a",
        "🚨 *gpt-4o · azure* 12 errors since 09:20 UTC · Timeouts: 7 · 5xx: 5",
        "Major outage: gpt-4o · azure · 12 errors since 09:20 UTC · Timeouts: 7 · 5xx: 5",
    ),
    "an outage of one of several deployments of a model": (
        "outage_alerts",
        {
            "entity_type": "deployment",
            "entity_id": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
            "message": "10 errors",
            "facts": [
                ("API base", "https://a"),
                ("Deployment", "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"),
                ("Window", "60 s"),
                ("Time-outs", "10"),
            ],
        },
        "🚨 *Major outage: gpt-4o*\nTime-outs: 10\nAPI base: https://a · Deployment: 88dc28d0f030… · Window: 60 s",
        "🚨 *gpt-4o* Time-outs: 10",
        "Major outage: gpt-4o · Time-outs: 10",
    ),
    "a minor outage without figures": (
        "outage_alerts",
        {"level": "Medium", "message": "Minor Service Outage"},
        "🚨 *Minor outage: gpt-4o*\nMinor Service Outage",
        "🚨 *gpt-4o* Minor Service Outage",
        "Minor outage: gpt-4o · Minor Service Outage",
    ),
    "an outage of a region": (
        "region_outage_alerts",
        {"entity_type": "region", "entity_id": "azure/eu", "name": "eu", "facts": [("Provider", "azure"), ("5xx", "10")]},
        "🌍 *Major region outage: eu · azure*\n5xx: 10",
        "🌍 *eu · azure* 5xx: 10",
        "Major region outage: eu · azure · 5xx: 10",
    ),
    "an outage that is over": (
        "outage_alerts",
        {"is_resolved": True, "occurrences": Occurrences(count=31, first_at=FIRST, last_at=FIRST + timedelta(minutes=18))},
        "✅ *Outage ended: gpt-4o*\nrecovered after 18 minutes\n31 errors, 23 Nov 09:20 to 09:38 UTC",
        "✅ *gpt-4o* recovered after 18 minutes",
        "Outage ended: gpt-4o · recovered after 18 minutes",
    ),
    "an outage that is over, with its sender's word for how long": (
        "outage_alerts",
        {"is_resolved": True, "facts": [("Duration", "3 minutes")]},
        "✅ *Outage ended: gpt-4o*\nrecovered after 3 minutes",
        "✅ *gpt-4o* recovered after 3 minutes",
        "Outage ended: gpt-4o · recovered after 3 minutes",
    ),
    "an outage that is over, nobody knows after how long": (
        "outage_alerts",
        {"is_resolved": True},
        "✅ *Outage ended: gpt-4o*\nrecovered",
        "✅ *gpt-4o* recovered",
        "Outage ended: gpt-4o · recovered",
    ),
    "a new key": (
        "new_virtual_key_created",
        {
            "entity_type": "key",
            "name": "prod",
            "facts": [*BY_ADA, ("key_alias", "prod"), ("max_budget", "10.0"), ("models", "[]"), ("user_id", "None")],
        },
        "🔑 *New key: prod*\nby u-ada (proxy admin, key admin-key)\nmax budget: 10.0",
        "🔑 *prod* by u-ada (proxy admin, key admin-key)",
        "New key: prod · by u-ada (proxy admin, key admin-key)",
    ),
    "a changed team, by nobody known": (
        "team_updated",
        {"entity_type": "team", "name": "Research", "facts": [("max_budget", "50.0"), ("tpm_limit", "1000")]},
        "👥 *Changed team: Research*\nmax budget: 50.0 · tpm limit: 1000",
        "👥 *Research*",
        "Changed team: Research",
    ),
    "a deleted user, by a key alone": (
        "internal_user_deleted",
        {"entity_type": "user", "entity_id": "u1", "name": None, "facts": [("done by key alias", "admin-key")]},
        "👤 *Deleted user: u1*\nby somebody (key admin-key)",
        "👤 *u1* by somebody (key admin-key)",
        "Deleted user: u1 · by somebody (key admin-key)",
    ),
    "a deleted key of which only a sentence is known": (
        "virtual_key_deleted",
        {"name": None, "entity_id": None, "message": f"keys=['{KEY}'] deleted"},
        "🔑 *Deleted key*\nkeys=['sk-…5tUv'] deleted",
        "🔑 *Deleted key* keys=['sk-…5tUv'] deleted",
        "Deleted key · keys=['sk-…5tUv'] deleted",
    ),
    "a new model": (
        "new_model_added",
        {"name": "m-new", "message": "import openai\n" * 500, "facts": [("Provider", "openai"), ("Mode", "chat")]},
        "🆕 *New model: m-new*\nProvider: openai · Mode: chat",
        "🆕 *m-new* Provider: openai · Mode: chat",
        "New model: m-new · Provider: openai · Mode: chat",
    ),
    "a new model with dozens of figures": (
        "new_model_added",
        {"name": "m-new", "facts": [(f"figure {n}", str(n)) for n in range(MODEL_FACTS + 30)]},
        "🆕 *New model: m-new*\n" + " · ".join(f"figure {n}: {n}" for n in range(MODEL_FACTS)) + " · 30 more",
        "🆕 *m-new* " + " · ".join(f"figure {n}: {n}" for n in range(MODEL_FACTS)) + " · 30 more",
        "New model: m-new · " + " · ".join(f"figure {n}: {n}" for n in range(MODEL_FACTS)) + " · 30 more",
    ),
    "a new model of which only a text is known": (
        "new_model_added",
        {"name": None, "entity_id": None, "message": "Model Name: m-new"},
        "🆕 *New model*\nModel Name: m-new",
        "🆕 *New model* Model Name: m-new",
        "New model · Model Name: m-new",
    ),
    "deprecations in a text of lines": (
        "model_deprecation_warnings",
        {
            "name": None,
            "entity_id": None,
            "message": "Within 30 days:\nm-old (2026-12-02, migrate to m-a)\n\nm-older (2026-12-03)",
        },
        "📅 *Model deprecation*\nWithin 30 days:\nm-old (2026-12-02, migrate to m-a)\nm-older (2026-12-03)",
        "📅 *Model deprecation* Within 30 days: m-old (2026-12-02, migrate to m-a) m-older (2026-12-03)",
        "Model deprecation · Within 30 days: m-old (2026-12-02, migrate to m-a) m-older (2026-12-03)",
    ),
    "deprecations as facts": (
        "model_deprecation_warnings",
        {"name": None, "entity_id": None, "message": "Soon:", "facts": [("m-old", "2 Dec 2026"), ("m-older", "3 Dec 2026")]},
        "📅 *Model deprecation*\nSoon:\n• m-old: 2 Dec 2026\n• m-older: 3 Dec 2026",
        "📅 *Model deprecation* Soon: · m-old: 2 Dec 2026 · m-older: 3 Dec 2026",
        "Model deprecation · Soon: · m-old: 2 Dec 2026 · m-older: 3 Dec 2026",
    ),
    "fallbacks": (
        "fallback_reports",
        {"name": None, "entity_id": None, "message": "m-a → m-b: 31 fallbacks\nm-a → m-c: 3 fallbacks"},
        "🔀 *Fallback report*\nm-a → m-b: 31 fallbacks\nm-a → m-c: 3 fallbacks",
        "🔀 *Fallback report* m-a → m-b: 31 fallbacks m-a → m-c: 3 fallbacks",
        "Fallback report · m-a → m-b: 31 fallbacks m-a → m-c: 3 fallbacks",
    ),
    "a user over a spend threshold": (
        "user_spend_thresholds",
        {
            "entity_type": "user",
            "name": "ada@example.com",
            "team": "R&D",
            "message": "has spent $120 today",
            "facts": [("Limit", "$100")],
        },
        "👤 *User over a spend threshold: ada@example.com* (R&amp;D)\nhas spent $120 today\nLimit: $100",
        "👤 *ada@example.com* has spent $120 today",
        "User over a spend threshold: ada@example.com · has spent $120 today",
    ),
    "a database that fails again and again": (
        "db_exceptions",
        {
            "name": None,
            "entity_id": None,
            "message": "connection refused",
            "occurrences": TWELVE,
            "facts": [("Traceback", "Traceback (most recent call last):\n  File x\nOperationalError: refused\n")],
        },
        "🗄️ *Database failure*\n12 times, 23 Nov 09:20 to 09:25 UTC\nconnection refused\nTraceback: OperationalError: refused",
        "🗄️ *Database failure* 12 times since 09:20 UTC · connection refused",
        "Database failure · 12 times since 09:20 UTC · connection refused",
    ),
    "one that says nothing but facts": (
        "cooldown_deployment",
        {"name": "azure/gpt-4o", "message": "", "facts": [("For", "60 s"), ("Empty", " ")]},
        "🧊 *Cooled-down deployment: azure/gpt-4o*\nFor: 60 s",
        "🧊 *azure/gpt-4o* For: 60 s",
        "Cooled-down deployment: azure/gpt-4o · For: 60 s",
    ),
    "one of a type that is not registered": (
        "disk_full",
        {"name": "disk-1", "message": "97 % used"},
        "🔔 *Alert: disk-1*\n97 % used",
        "🔔 *disk-1* 97 % used",
        "Alert: disk-1 · 97 % used",
    ),
}


@pytest.mark.parametrize(("alert_type", "given", "full", "line", "plain"), LAYOUTS.values(), ids=LAYOUTS)
def test_layout(alert_type: str, given: dict[str, Any], full: str, line: str, plain: str) -> None:
    wording = worded(alert_type, **given)

    assert wording.full == full
    assert wording.line == line
    assert wording.plain == plain


def test_a_layout_of_each_type_is_tested() -> None:
    tested = {alert_type for alert_type, *_ in LAYOUTS.values()} | set(CHANGES)

    plainly = {"failed_tracking_spend", "user_spend_anomalies", "mcp_tool_description_blocked", "mcp_pinned_tools_changed"}
    others = {"budget_alerts", "daily_reports", "spend_reports", "slack_message"}
    assert set(ALERT_TYPES) - tested == plainly | others


@pytest.mark.parametrize("alert_type", ALERT_TYPES)
def test_every_type_is_called_by_its_row(alert_type: str) -> None:
    row = ALERT_TYPES[alert_type]
    wording = worded(alert_type, level=row.level, name="it")
    noun = f"minor {row.noun}" if alert_type in OUTAGES else row.noun

    assert wording.lone_line.startswith(f"{row.emoji} *{noun[0].upper()}{noun[1:]}: it*")
    assert (wording.emoji, wording.noun, wording.state) == (row.emoji, row.noun, "")
    assert wording.group == noun[0].upper() + noun[1:]


def test_the_types_that_have_a_place_of_their_own_are_registered() -> None:
    assert set(CHANGES) | set(OUTAGES) <= set(ALERT_TYPES)


@pytest.mark.parametrize(
    ("alert_type", "given", "gravity"),
    [
        pytest.param("llm_exceptions", {"level": "High"}, Gravity.HIGH, id="by its level: high"),
        pytest.param("llm_exceptions", {"level": "Medium"}, Gravity.MEDIUM, id="by its level: medium"),
        pytest.param("llm_exceptions", {"level": "Low"}, Gravity.LOW, id="by its level: low"),
        pytest.param("outage_alerts", {"level": "High"}, Gravity.MAJOR, id="a major outage is the gravest"),
        pytest.param("region_outage_alerts", {"level": "High"}, Gravity.MAJOR, id="of a region too"),
        pytest.param("outage_alerts", {"level": "Medium"}, Gravity.MEDIUM, id="a minor outage is not"),
        pytest.param("team_deleted", {"level": "High"}, Gravity.CHANGED, id="nothing is broken by a change on purpose"),
        pytest.param("team_deleted", {"level": "Low"}, Gravity.LOW, id="one of low level stays low"),
        pytest.param("outage_alerts", {"level": "High", "is_resolved": True}, Gravity.RESOLVED, id="what is over comes last"),
    ],
)
def test_gravity(alert_type: str, given: dict[str, Any], gravity: Gravity) -> None:
    assert gravity_of(make_incident(alert_type, **given)) is gravity


def test_what_happens_more_often_comes_first() -> None:
    rare, often = worded("llm_exceptions", name="a"), worded("llm_exceptions", name="b", occurrences=TWELVE)

    assert often.order < rare.order


@pytest.mark.parametrize(
    ("given", "said", "lately"),
    [
        pytest.param({}, "", "", id="once, just now: the message says when"),
        pytest.param({"is_digest": True}, "23 Nov 12:00 UTC", "23 Nov 12:00 UTC", id="once, told later: when it was"),
        pytest.param(
            {"occurrences": TWELVE},
            "12 times, 23 Nov 09:20 to 09:25 UTC",
            "12 times since 09:20 UTC",
            id="often",
        ),
        pytest.param(
            {"occurrences": TWELVE, "is_digest": True},
            "12 times, 23 Nov 09:20 to 09:25 UTC",
            "12 times, 23 Nov 09:20 to 09:25 UTC",
            id="often, told later",
        ),
        pytest.param(
            {"occurrences": TWELVE, "raised_at": NOW + timedelta(days=1)},
            "12 times, 23 Nov 09:20 to 09:25 UTC",
            "12 times, 23 Nov 09:20 to 09:25 UTC",
            id="often, on another day",
        ),
        pytest.param(
            {"occurrences": Occurrences(count=1_200)},
            "1,200 times, 23 Nov 12:00 UTC",
            "1,200 times, 23 Nov 12:00 UTC",
            id="no times",
        ),
        pytest.param(
            {"occurrences": Occurrences(count=2, first_at=LAST, last_at=FIRST)},
            "2 times, 23 Nov 09:25 UTC",
            "2 times since 09:25 UTC",
            id="times that are turned round",
        ),
    ],
)
def test_how_often_and_when(given: dict[str, Any], said: str, lately: str) -> None:
    item = make_item_of(make_incident(**given))

    assert happened(item) == said
    assert lately in worded("llm_exceptions", **given).line


def test_one_gateway_is_named_where_the_message_speaks_of_several() -> None:
    wording = worded("llm_exceptions", with_gateway=True, gateway="eu <1>")

    for text in (wording.full.splitlines()[0], wording.lone_line, wording.group):
        assert text.endswith(" · eu &lt;1&gt;")
    assert " · eu &lt;1&gt;" in wording.plain
    assert "eu" not in worded("llm_exceptions", gateway="eu").full


def test_a_gateway_without_a_visible_name_is_unnamed() -> None:
    assert worded("llm_exceptions", with_gateway=True, gateway="\u200b").full.splitlines()[0].endswith(" · unnamed gateway")


def test_of_an_alert_that_several_gateways_raise_all_are_named() -> None:
    item = make_item_of(*(make_incident(alert_id=name, gateway=name) for name in ("eu", "us")))

    wording = word(item, now=NOW, with_gateway=False)

    assert wording.full.splitlines()[0].endswith("* · eu, us")
    assert wording.lone_line.endswith(" · eu, us")


def test_a_late_alert_says_so_in_every_form_but_a_digest_does_not() -> None:
    late = {"raised_at": NOW - timedelta(hours=7)}
    wording = worded("db_exceptions", **late)

    for text in (wording.full, wording.line, wording.lone_line, wording.plain):
        assert text.count("raised 7 hours ago") == 1
    assert "ago" not in worded("db_exceptions", is_digest=True, **late).full


@pytest.mark.parametrize(
    ("given", "title"),
    [
        pytest.param({"entity_type": "gateway", "name": "prod-gateway"}, "🗄️ *Database failure*", id="of the gateway as a whole"),
        pytest.param(
            {"entity_type": "gateway", "entity_id": "prod-gateway", "name": None}, "🗄️ *Database failure*", id="by its id too"
        ),
        pytest.param({"entity_type": "gateway", "name": "other"}, "🗄️ *Database failure: other*", id="of another one"),
        pytest.param({"entity_type": "team", "name": "prod-gateway"}, "🗄️ *Database failure: prod-gateway*", id="of a namesake"),
    ],
)
def test_the_gateway_which_a_message_names_anyway_is_not_what_an_alert_is_about(given: dict[str, Any], title: str) -> None:
    assert worded("db_exceptions", **given).full.splitlines()[0] == title


@pytest.mark.parametrize(
    ("fact", "is_told"),
    [
        pytest.param(("Model", "gpt-4o"), False, id="the name"),
        pytest.param(("Key", "prod"), True, id="another name"),
        pytest.param(("Spend", "$61.00 today"), False, id="what the message says"),
        pytest.param(("Spend", "$62.00 today"), True, id="what it does not say"),
        pytest.param(("Tries", "1"), True, id="what it may say by chance"),
    ],
)
def test_nothing_is_told_twice(fact: tuple[str, str], is_told: bool) -> None:
    full = worded("user_spend_anomalies", message="Spent $61.00 today; usual is $8.00", facts=[fact]).full

    assert (": ".join(fact) in full) is is_told


def test_the_calls_that_hang_are_named_as_far_as_there_is_room() -> None:
    calls = ", ".join(f"call-{n:04}" for n in range(100))
    full = worded("llm_requests_hanging", occurrences=slow(600), facts=[("Calls", calls)]).full

    assert "call-0040" in full
    assert full.endswith("…")


def test_facts_that_do_not_fit_are_counted() -> None:
    full = worded("db_exceptions", facts=[(f"label {n}", "x" * 300) for n in range(20)]).full

    assert full.endswith("… · 17 more")
    assert full.count("label") == 3


def test_a_list_that_does_not_fit_says_how_many_more_there_are() -> None:
    lines = worded("model_deprecation_warnings", facts=[(f"model-{n}", "x" * 150) for n in range(20)]).full.splitlines()

    assert len([line for line in lines if line.startswith("• ")]) == 7
    assert lines[-1] == "… and 13 more"


@pytest.mark.parametrize("field", ["message", "name", "owner", "team", "gateway", "fact", "label"])
@pytest.mark.parametrize("alert_type", ALERT_TYPES)
def test_a_key_that_a_gateway_leaks_is_masked(alert_type: str, field: str) -> None:
    given: dict[str, Any] = {"facts": [("Key", KEY)]} if field == "fact" else {"facts": [(KEY, "x")]} if field == "label" else {}
    wording = worded(alert_type, with_gateway=True, **(given or {field: f"see {KEY}"}))

    assert KEY[:8] not in "".join(str(part) for part in wording)
