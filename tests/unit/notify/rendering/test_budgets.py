"""One alert in words: in full, on one line, alone on one line, and plain."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.rendering.alerts import word
from notify.rendering.budgets import gravity_of, noun_of, share_of
from notify.rendering.words import EMOJI, Gravity, Wording
from tests.unit.notify.fakes import NOW, make_alert, make_item

HASH = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
RUNS_OUT = datetime(2026, 12, 12, 15, tzinfo=UTC)
ENTITY_TYPES = {
    "key": "Key",
    "user": "User",
    "team": "Team",
    "team_member": "Team member",
    "organization": "Organization",
    "organization_member": "Organization member",
    "project": "Project",
    "proxy": "Proxy",
    "end_user": "End user",
    "tag": "Tag",
    "agent": "Agent",
    "model_access_group": "Model access group",
}


def worded(*, with_gateway: bool = False, **given: Any) -> Wording:
    return word(make_item(**given), now=NOW, with_gateway=with_gateway)


def everything(wording: Wording) -> tuple[str, ...]:
    return (wording.full, wording.line, wording.lone_line, wording.plain)


# --- in full ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "full"),
    [
        pytest.param(
            {"spend": "96"},
            "*Key prod-search* has $4.00 left\n█████████░ *96 %*   $96.00 of $100.00",
            id="close to its budget",
        ),
        pytest.param(
            {"spend": "99.97"},
            "*Key prod-search* has $0.03 left\n█████████░ *99.9 %*   $99.97 of $100.00",
            id="99.97 % is not 100 %",
        ),
        pytest.param(
            {"spend": "99.999"},
            "*Key prod-search* has $0.001 left\n█████████░ *99.9 %*   $99.99 of $100.00",
            id="nearly all is not all",
        ),
        pytest.param(
            {"spend": "100"},
            "*Key prod-search* has used up its budget\n██████████ *100 %*   $100.00 of $100.00\n"
            "_Requests are refused until it resets or is raised._",
            id="used up",
        ),
        pytest.param(
            {"spend": "104.2", "resets_at": DECEMBER},
            "*Key prod-search* is over its budget\n██████████ *104 %*   $104.20 of $100.00\n"
            "resets 1 Dec 00:00 UTC, in 7 days\n_Requests are refused until then._",
            id="over, until it resets",
        ),
        pytest.param(
            {"spend": "104.2", "resets_at": datetime(2026, 11, 20, tzinfo=UTC)},
            "*Key prod-search* is over its budget\n██████████ *104 %*   $104.20 of $100.00\n"
            "was to reset 20 Nov 00:00 UTC\n_Requests are refused until it resets or is raised._",
            id="over, and its reset is late",
        ),
        pytest.param(
            {"spend": "96", "soft_budget": "80", "soft_budget_crossed": True, "resets_at": DECEMBER},
            "*Key prod-search* has $4.00 left\n█████████░ *96 %*   $96.00 of $100.00\n"
            "soft budget $80.00 passed too · resets 1 Dec 00:00 UTC, in 7 days",
            id="the soft budget was passed too",
        ),
        pytest.param(
            {"spend": "96", "soft_budget": "98", "soft_budget_crossed": False},
            "*Key prod-search* has $4.00 left\n█████████░ *96 %*   $96.00 of $100.00",
            id="a soft budget that was not passed is no news",
        ),
        pytest.param(
            {"kind": "soft", "spend": "31", "limit": "30", "max_budget": "60"},
            "*Key prod-search* is over its soft budget\n█████░░░░░ *51 %*   $31.00 · soft budget $30.00 · limit $60.00",
            id="over its soft budget, seen against its maximum",
        ),
        pytest.param(
            {"kind": "soft", "spend": "30", "limit": "30"},
            "*Key prod-search* has reached its soft budget\n██████████ *100 %*   $30.00 · soft budget $30.00",
            id="at its soft budget, without a maximum",
        ),
        pytest.param(
            {"kind": "soft", "spend": "30", "limit": "30", "max_budget": "0"},
            "*Key prod-search* has reached its soft budget\n██████████ *100 %*   $30.00 · soft budget $30.00 · limit $0.00",
            id="at its soft budget, with a maximum of nothing",
        ),
        pytest.param(
            {"kind": "projected", "spend": "6", "projected_spend": "145.2", "projected_exceeded_date": "2026-12-12"},
            "*Key prod-search* is on course to exceed its limit\n░░░░░░░░░░ *6 %*   $6.00 of $100.00, $145.20 projected\n"
            "expected on 12 Dec",
            id="projected over, with its day",
        ),
        pytest.param(
            {"kind": "projected", "spend": "6"},
            "*Key prod-search* is on course to exceed its limit\n░░░░░░░░░░ *6 %*   $6.00 of $100.00",
            id="projected over, and nothing more is known",
        ),
        pytest.param(
            {"kind": "projected", "spend": "6", "projected_exceeded_date": "<soon & sooner>"},
            "*Key prod-search* is on course to exceed its limit\n░░░░░░░░░░ *6 %*   $6.00 of $100.00\n"
            "expected on &lt;soon &amp; sooner&gt;",
            id="a day that is none is told as it came",
        ),
        pytest.param(
            {"kind": "projected", "spend": "61", "exhausted_at": RUNS_OUT, "resets_at": datetime(2026, 12, 21, 15, tzinfo=UTC)},
            "*Key prod-search* is on course to exceed its limit\n██████░░░░ *61 %*   $61.00 of $100.00\n"
            "will be used up on 12 Dec at 15:00 UTC, 9 days before it resets",
            id="forecast to run out before it resets",
        ),
        pytest.param(
            {"kind": "projected", "spend": "61", "exhausted_at": RUNS_OUT, "projected_exceeded_date": "2026-12-13"},
            "*Key prod-search* is on course to exceed its limit\n██████░░░░ *61 %*   $61.00 of $100.00\n"
            "will be used up on 12 Dec at 15:00 UTC",
            id="our own forecast is told in place of the gateway's day",
        ),
        pytest.param(
            {"kind": "projected", "spend": "61", "exhausted_at": datetime(2027, 6, 1, tzinfo=UTC)},
            "*Key prod-search* is on course to exceed its limit\n██████░░░░ *61 %*   $61.00 of $100.00\n"
            "will be used up on 1 Jun 2027",
            id="forecast far ahead by its day",
        ),
        pytest.param(
            {"kind": "projected", "spend": "61", "exhausted_at": datetime(2026, 11, 23, 11, tzinfo=UTC)},
            "*Key prod-search* is on course to exceed its limit\n██████░░░░ *61 %*   $61.00 of $100.00\n"
            "was to be used up on 23 Nov at 11:00 UTC",
            id="a forecast that is told too late",
        ),
        pytest.param(
            {"kind": "projected", "spend": "61", "facts": [("Rate", "$2 <a> day")]},
            "*Key prod-search* is on course to exceed its limit\n██████░░░░ *61 %*   $61.00 of $100.00\nRate: $2 &lt;a&gt; day",
            id="with what is known besides",
        ),
        pytest.param(
            {"spend": "0.4", "rung": "1", "is_resolved": True, "resets_at": DECEMBER},
            "*Key prod-search* is within its budget again\n░░░░░░░░░░ *0 %*   $0.40 of $100.00\n"
            "resets 1 Dec 00:00 UTC, in 7 days",
            id="within its budget again",
        ),
        pytest.param(
            {"kind": "soft", "spend": "4", "limit": "30", "is_resolved": True},
            "*Key prod-search* is within its soft budget again\n█░░░░░░░░░ *13 %*   $4.00 · soft budget $30.00",
            id="within its soft budget again",
        ),
        pytest.param(
            {"times": 3},
            "*Key prod-search* has $4.00 left\n█████████░ *96 %*   $96.00 of $100.00\nraised 3 times",
            id="raised three times",
        ),
        pytest.param(
            {"spend": "5", "limit": "0", "rung": "0.85"},
            "*Key prod-search* is over its budget\n$5.00 of $0.00\n_Requests are refused until it resets or is raised._",
            id="a limit of nothing has no share",
        ),
        pytest.param(
            {"spend": "-1", "limit": "-5", "rung": "0.85"},
            "*Key prod-search* is over its budget\n-$1.00 of -$5.00\n_Requests are refused until it resets or is raised._",
            id="a negative limit has none either",
        ),
        pytest.param(
            {"spend": "99", "limit": "100", "rung": "1"},
            "*Key prod-search* has used up its budget\n█████████░ *99 %*   $99.00 of $100.00",
            id="said to be over by its rung, and nothing is refused yet",
        ),
        pytest.param(
            {"spend": "120", "limit": "100", "rung": "0.85"},
            "*Key prod-search* is over its budget\n██████████ *120 %*   $120.00 of $100.00\n"
            "_Requests are refused until it resets or is raised._",
            id="over by its figures although no threshold says so",
        ),
        pytest.param(
            {"spend": "120", "limit": "100", "rung": "1.2", "resets_at": datetime(2026, 11, 24, tzinfo=UTC)},
            "*Key prod-search* is over its budget\n██████████ *120 %*   $120.00 of $100.00\n"
            "resets at midnight UTC\n_Requests are refused until then._",
            id="at a threshold beyond the whole",
        ),
    ],
)
def test_full(given: dict[str, Any], full: str) -> None:
    assert worded(**given).full == full


def test_several_gateways_are_named() -> None:
    wording = worded(with_gateway=True, gateway="eu <1>")

    for text in (wording.full.splitlines()[0], wording.lone_line, wording.plain, wording.group):
        assert text.endswith(" · eu &lt;1&gt;")
    assert "eu" not in worded(gateway="eu").full


# --- on one line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "line", "plain"),
    [
        pytest.param(
            {"spend": "96"},
            "🟠 *prod-search* 96 % · $96.00 of $100.00",
            "Key prod-search 96 % of $100.00",
            id="close",
        ),
        pytest.param(
            {"spend": "104.2", "resets_at": DECEMBER},
            "🔴 *prod-search* 104 % · $104.20 of $100.00 · resets 1 Dec 00:00 UTC, in 7 days",
            "Key prod-search 104 % of $100.00",
            id="over, with its reset",
        ),
        pytest.param(
            {"spend": "5", "limit": "0"},
            "🔴 *prod-search* $5.00 of $0.00",
            "Key prod-search $5.00 of $0.00",
            id="without a share",
        ),
        pytest.param(
            {"kind": "soft", "spend": "31", "limit": "30", "max_budget": "60"},
            "🟡 *prod-search* 51 % · $31.00 · soft budget $30.00 · limit $60.00",
            "Key prod-search over soft budget $30.00",
            id="over its soft budget",
        ),
        pytest.param(
            {"kind": "projected", "spend": "6", "projected_spend": "145.2", "projected_exceeded_date": "2026-12-12"},
            "📈 *prod-search* $145.20 projected of $100.00 · $6.00 so far · expected 12 Dec",
            "Key prod-search projected over $100.00",
            id="projected over, with figures",
        ),
        pytest.param(
            {"kind": "projected", "spend": "61", "projected_spend": "145", "exhausted_at": RUNS_OUT, "resets_at": DECEMBER},
            "📈 *prod-search* $145.00 projected of $100.00 · $61.00 so far · will be used up on 12 Dec at 15:00 UTC",
            "Key prod-search projected over $100.00 · will be used up on 12 Dec at 15:00 UTC",
            id="forecast to run out",
        ),
        pytest.param(
            {"spend": "4", "is_resolved": True},
            "✅ *prod-search* 4 % · $4.00 of $100.00",
            "Key prod-search within its budget again, 4 % of $100.00",
            id="within its budget again",
        ),
        pytest.param(
            {"kind": "projected", "spend": "6", "projected_spend": "145.2"},
            "📈 *prod-search* $145.20 projected of $100.00 · $6.00 so far",
            "Key prod-search projected over $100.00",
            id="projected over, without a day",
        ),
        pytest.param(
            {"kind": "projected", "spend": "6"},
            "📈 *prod-search* 6 % · $6.00 of $100.00",
            "Key prod-search projected over $100.00",
            id="projected over, without figures",
        ),
    ],
)
def test_line_and_plain(given: dict[str, Any], line: str, plain: str) -> None:
    wording = worded(**given)

    assert wording.line == line
    assert wording.lone_line == line.replace("*prod-search*", "*Key prod-search*")
    assert wording.plain == plain


def test_a_repeated_alert_says_so_on_every_line() -> None:
    wording = worded(times=3)

    assert wording.line.endswith(" · raised 3 times")
    assert wording.lone_line.endswith(" · raised 3 times")
    assert "raised" not in worded(times=1).line


# --- who it is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("entity_type", "noun"), ENTITY_TYPES.items(), ids=ENTITY_TYPES)
@pytest.mark.parametrize("kind", ["maximum", "soft", "projected"])
def test_every_entity_type_and_kind_is_named_with_its_type(entity_type: str, noun: str, kind: str) -> None:
    wording = worded(entity_type=entity_type, name="acme", gateway="acme", kind=kind, spend="101")

    assert noun_of(make_alert(entity_type=entity_type).entity).capitalize() == noun
    assert wording.full.startswith(f"*{noun} acme*")
    assert wording.lone_line.startswith(f"{EMOJI[wording.gravity]} *{noun} acme*")
    assert wording.plain.startswith(f"{noun} acme ")
    assert wording.line.startswith(f"{EMOJI[wording.gravity]} *acme* ")
    assert wording.group.startswith(noun)


@pytest.mark.parametrize(
    ("given", "label"),
    [
        pytest.param({"name": "prod-search", "entity_id": HASH}, "Key prod-search", id="the name, not the hash"),
        pytest.param({"name": None, "entity_id": HASH}, f"Key {HASH[:12]}…", id="the hash's beginning where there is no name"),
        pytest.param({"name": None, "entity_id": "key-1"}, "Key key-1", id="the id where there is no name"),
        pytest.param({"name": None, "entity_id": None}, "Unnamed key", id="neither"),
        pytest.param({"name": "", "entity_id": ""}, "Unnamed key", id="both empty"),
        pytest.param({"name": " \u200b", "entity_id": "key-1"}, "Key key-1", id="an invisible name does not hide the id"),
        pytest.param(
            {"entity_type": "proxy", "name": None, "entity_id": "default_id"}, "Proxy prod-gateway", id="a proxy is its gateway"
        ),
        pytest.param({"name": "a\nb\u202e"}, "Key a b", id="on one line"),
        pytest.param(
            {"entity_type": "team_member", "name": f"{HASH} in Research"},
            f"Team member {HASH[:12]}… in Research",
            id="a hash within",
        ),
    ],
)
def test_label(given: dict[str, Any], label: str) -> None:
    wording = worded(**given)

    assert wording.full.startswith(f"*{label}*")
    assert wording.plain.startswith(f"{label} ")
    assert not [text for text in everything(wording) if HASH in text]


@pytest.mark.parametrize(
    ("entity_type", "owner", "team", "shown"),
    [
        pytest.param("key", "ada@example.com", "Research", " (ada@example.com, Research)", id="a key has an owner and a team"),
        pytest.param("key", "ada@example.com", None, " (ada@example.com)", id="a key without a team"),
        pytest.param("key", None, "Research", " (Research)", id="a key without an owner"),
        pytest.param("key", None, None, "", id="a key of nobody"),
        pytest.param("key", HASH, "R&D", f" ({HASH[:12]}…, R&amp;D)", id="a hash is shortened and a team escaped"),
        pytest.param("key", "\u200b", " ", "", id="an owner that cannot be seen"),
        pytest.param("user", None, "Research", " (Research)", id="a user has a team"),
        pytest.param("project", "ada@example.com", "Research", " (Research)", id="a project has a team"),
        pytest.param("team", "ada@example.com", "Research", "", id="a team is its own"),
        pytest.param("team_member", "ada@example.com", "Research", "", id="a member's name says it"),
        pytest.param("organization", "ada@example.com", "Research", "", id="an organization has neither"),
        pytest.param("proxy", "ada@example.com", "Research", "", id="a proxy has neither"),
    ],
)
def test_owner(entity_type: str, owner: str | None, team: str | None, shown: str) -> None:
    first_line = worded(entity_type=entity_type, name="x", gateway="x", owner=owner, team=team).full.splitlines()[0]

    assert first_line == f"*{ENTITY_TYPES[entity_type]} x*{shown} has $4.00 left"


@pytest.mark.parametrize(
    ("given", "group"),
    [
        pytest.param({"team": "R&D"}, "Key · R&amp;D", id="keys of a team"),
        pytest.param({"team": None}, "Key", id="keys of none"),
        pytest.param({"team": "\u200b"}, "Key", id="keys of a team that cannot be seen"),
        pytest.param({"entity_type": "user", "team": "Search"}, "User · Search", id="users of a team"),
        pytest.param({"entity_type": "project", "team": "Search"}, "Project · Search", id="projects of a team"),
        pytest.param({"entity_type": "team", "team": "Search"}, "Team", id="teams are one group"),
        pytest.param({"entity_type": "<!channel>"}, "&lt;!channel&gt;", id="a type from outside is escaped"),
    ],
)
def test_group(given: dict[str, Any], group: str) -> None:
    assert worded(**given).group == group


# --- how grave it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "gravity"),
    [
        pytest.param({"spend": "96", "rung": "0.95"}, Gravity.CLOSE, id="below the limit"),
        pytest.param({"spend": "100", "rung": "1"}, Gravity.OVER, id="at the limit"),
        pytest.param({"spend": "120", "rung": "1.2"}, Gravity.OVER, id="at a rung beyond the limit"),
        pytest.param({"spend": "120", "rung": "0.85"}, Gravity.OVER, id="beyond the limit whatever the rung"),
        pytest.param({"spend": "100", "rung": "0.85"}, Gravity.OVER, id="at the limit whatever the rung"),
        pytest.param({"spend": "0", "limit": "0", "rung": "0.85"}, Gravity.OVER, id="a limit of nothing"),
        pytest.param({"spend": "-9", "limit": "-5", "rung": "0.85"}, Gravity.OVER, id="a negative limit"),
        pytest.param({"kind": "soft", "spend": "500"}, Gravity.SOFT, id="soft, however far beyond"),
        pytest.param({"kind": "projected", "spend": "500"}, Gravity.PROJECTED, id="projected, whatever the figures say"),
    ],
)
def test_gravity(given: dict[str, Any], gravity: Gravity) -> None:
    assert gravity_of(make_alert(**given).budget) is gravity
    assert worded(**given).gravity is gravity


@pytest.mark.parametrize("kind", ["maximum", "soft", "projected"])
def test_what_is_over_comes_last_whatever_it_was(kind: str) -> None:
    wording = worded(kind=kind, spend="500", is_resolved=True)

    assert wording.gravity is Gravity.RESOLVED
    assert (wording.emoji, wording.noun, wording.state) == ("✅", "budget", "within limits again")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        pytest.param("was reset", ": it was reset", id="it was reset"),
        pytest.param("was raised", ": it was raised", id="it was raised"),
        pytest.param("was <a>", ": it was &lt;a&gt;", id="escaped"),
        pytest.param("Key Budget: 85% of budget used", "", id="of another message nothing"),
    ],
)
def test_why_a_budget_is_well_again(message: str, why: str) -> None:
    first_line = worded(spend="4", is_resolved=True, message=message).full.splitlines()[0]

    assert first_line == f"*Key prod-search* is within its budget again{why}"
    assert message not in worded(spend="96", message=message).full


def test_in_a_digest_nobody_is_late() -> None:
    assert "ago" not in "".join(everything(worded(is_digest=True, raised_at=NOW - timedelta(hours=20)))[:4])


@pytest.mark.parametrize(
    ("given", "share"),
    [
        pytest.param({"spend": "96", "limit": "100"}, "0.96", id="of the limit"),
        pytest.param(
            {"spend": "30", "limit": "50", "kind": "soft", "max_budget": "120"}, "0.25", id="of the maximum where there is one"
        ),
        pytest.param(
            {"spend": "30", "limit": "60", "kind": "soft", "max_budget": "-1"}, "0.5", id="of the limit where the maximum is none"
        ),
        pytest.param({"spend": "5", "limit": "0"}, None, id="of nothing there is none"),
        pytest.param({"spend": "5", "limit": "-5"}, None, id="nor of less than nothing"),
        pytest.param({"spend": "-10", "limit": "100"}, "-0.1", id="a credit is a negative share"),
    ],
)
def test_share(given: dict[str, Any], share: str | None) -> None:
    assert share_of(make_alert(**given).budget) == (None if share is None else Decimal(share))


def test_order_is_gravity_then_share_then_name() -> None:
    alerts = [
        {"name": "a", "spend": "150"},
        {"name": "b", "spend": "101"},
        {"name": "c", "spend": "101"},
        {"name": "without share", "spend": "5", "limit": "0"},
        {"name": "d", "spend": "99"},
        {"name": "e", "spend": "86"},
        {"name": "f", "kind": "projected", "spend": "1"},
        {"name": "g", "kind": "soft", "spend": "140", "limit": "100"},
    ]
    orders = [worded(**given).order for given in alerts]

    assert orders == sorted(orders)


# --- whatever comes --------------------------------------------------------------------------------------------------

MONEY = st.decimals(min_value=-(10**15), max_value=10**15, places=12)
TEXTS = st.text(max_size=2_000) | st.sampled_from(["<!channel>", "&" * 2_000, "<@U1>", HASH, "*b* _i_ `c`", "x" * 2_000])


@settings(database=None, deadline=None, derandomize=True, max_examples=150)
@given(
    kind=st.sampled_from(["maximum", "soft", "projected"]),
    spend=MONEY,
    limit=MONEY,
    rung=st.sampled_from(["0.5", "1", "1.5"]),
    max_budget=st.none() | MONEY,
    projected_spend=st.none() | MONEY,
    projected_exceeded_date=st.none() | TEXTS,
    name=st.none() | TEXTS,
    owner=st.none() | TEXTS,
    team=st.none() | TEXTS,
    gateway=TEXTS,
    entity_type=st.sampled_from(sorted(ENTITY_TYPES)),
)
def test_whatever_comes_is_short_and_harmless(**given: Any) -> None:
    wording = worded(with_gateway=True, **given)

    for text in everything(wording):
        assert len(text) <= 3_000
        bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert not set("&<>") & set(bare)
    assert "\n" not in wording.line + wording.lone_line + wording.plain + wording.group


@pytest.mark.parametrize(
    ("late", "said"),
    [
        pytest.param(timedelta(0), None, id="at once"),
        pytest.param(timedelta(minutes=5), None, id="gathering is not late"),
        pytest.param(timedelta(minutes=5, seconds=1), "raised 5 minutes ago", id="minutes"),
        pytest.param(timedelta(hours=1, minutes=59), "raised 1 hour ago", id="an hour"),
        pytest.param(timedelta(days=2), "raised 2 days ago", id="days, after a redrive"),
        pytest.param(timedelta(days=-1), None, id="raised in the future, by another clock"),
    ],
)
@pytest.mark.parametrize("figures", [{}, {"spend": "101"}, {"kind": "soft"}], ids=["close", "over", "soft"])
def test_a_late_alert_says_by_how_much_in_every_form(figures: dict[str, str], late: timedelta, said: str | None) -> None:
    wording = word(make_item(raised_at=NOW - late, **figures), now=NOW, with_gateway=False)

    for form in (wording.full, wording.line, wording.lone_line, wording.plain):
        assert (" ago" in form) is (said is not None)
        assert said is None or form.count(said) == 1
