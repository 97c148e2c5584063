"""Many alerts as Slack messages: within every limit, worst first, nobody left out."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.alerts import Occurrences, Report, ReportRow, ReportSection
from local.slack_rules import check
from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.slack import FULL_LAYOUT_ALERTS, compose_messages, plainer
from notify.rendering.wording import escape, shown_name
from tests.unit.notify.fakes import NOW, make_incident, make_item, make_item_of, make_items, shown_text

# Slack's limits, from its documentation and not from the code that is tested.
MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_SECTION = 3_000
MAX_TEXT = 4_000
MAX_ALL_BLOCKS = 13_200


def compose(items: Sequence[AlertItem]) -> list[Message]:
    return compose_messages(items, now=NOW)


def only(items: Sequence[AlertItem]) -> Message:
    (message,) = compose(items)
    return message


def header_of(message: Message) -> str:
    text: str = message.payload["blocks"][0]["text"]["text"]
    return text


def footer_of(message: Message) -> str:
    text: str = message.payload["blocks"][-1]["elements"][0]["text"]
    return text


def sections_of(message: Message) -> list[str]:
    return [block["text"]["text"] for block in message.payload["blocks"] if block["type"] == "section"]


def assert_within_limits(message: Message) -> None:
    blocks = message.payload["blocks"]
    assert len(blocks) <= MAX_BLOCKS
    assert 0 < len(message.payload["text"]) <= MAX_TEXT
    assert len(shown_text(message)) < MAX_ALL_BLOCKS
    for block in blocks:
        texts = [block["text"]] if "text" in block else block.get("elements", [])
        for text in texts:
            limit = MAX_HEADER if block["type"] == "header" else MAX_SECTION
            assert 0 < len(text["text"]) <= limit


def assert_nobody_is_left_out(items: Sequence[AlertItem], messages: Sequence[Message]) -> None:
    assert sorted(id(item) for message in messages for item in message.items) == sorted(id(item) for item in items)
    for message in messages:
        shown, text = shown_text(message), message.payload["text"]
        for item in message.items:
            name = escape(name_of(item))
            assert name in shown
            assert name in text


def name_of(item: AlertItem) -> str:
    entity = item.alert.entity
    if entity.type == "proxy":
        return shown_name(item.alert.gateway)
    return shown_name(entity.name or "") or shown_name(entity.id or "") or "nnamed"


def assert_harmless(message: Message) -> None:
    """In mrkdwn only ``&``, ``<`` and ``>`` can start something; the header is plain text, in which nothing can."""
    texts = [
        t for block in message.payload["blocks"] for t in ([block["text"]] if "text" in block else block.get("elements", []))
    ]
    for text in [t["text"] for t in texts if t["type"] == "mrkdwn"] + [message.payload["text"]]:
        bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert not set("&<>") & set(bare)
    assert all(t["verbatim"] is True for t in texts if t["type"] == "mrkdwn")
    assert [t["type"] for t in texts if t["type"] != "mrkdwn"] == ["plain_text"]


# --- limits ----------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["", "prod", "<!channel>", "R&D <a>", "&" * 2_000, "<" * 2_000, "長" * 2_000, "x" * 2_000, "\u202e\u200b", "a\nb", "🔥" * 50]
) | st.text(max_size=100)


@st.composite
def some_items(draw: st.DrawFn) -> list[AlertItem]:
    """Up to some hundred alerts: every kind and type, one or many gateways, any names."""
    count = draw(st.sampled_from([1, 2, 11, 12, 13, 14, 40, 150]))
    gateways = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    names = draw(st.lists(NAMES, min_size=1, max_size=6))
    teams = draw(st.lists(st.none() | NAMES, min_size=1, max_size=3))
    kinds = draw(st.lists(st.sampled_from(["maximum", "soft", "projected"]), min_size=1, max_size=3))
    types = draw(st.lists(st.sampled_from(["key", "team", "proxy", "team_member", "project"]), min_size=1, max_size=3))
    dates = draw(st.lists(st.none() | NAMES, min_size=1, max_size=2))
    resets = draw(st.sampled_from([None, NOW, datetime(2026, 12, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)]))
    return [
        make_item(
            entity_id=f"id-{n}",
            name=names[n % len(names)],
            gateway=gateways[n % len(gateways)],
            team=teams[n % len(teams)],
            owner=names[-1 - n % len(names)],
            kind=(kind := kinds[n % len(kinds)]),
            entity_type=types[n % len(types)],
            projected_exceeded_date=dates[n % len(dates)] if kind == "projected" else None,
            projected_spend="145.2" if kind == "projected" else None,
            resets_at=resets,
            spend=str(draw(st.integers(-10, 10**9)) if n < 5 else 80 + n % 40),
            times=1 + n % 3,
        )
        for n in range(count)
    ]


@settings(database=None, deadline=None, derandomize=True, max_examples=60)
@given(some_items())
def test_whatever_comes_fits_names_everybody_and_harms_nobody(items: list[AlertItem]) -> None:
    messages = compose(items)

    for message in messages:
        assert_within_limits(message)
        assert_harmless(message)
        json.dumps(message.payload).encode()
    assert_nobody_is_left_out(items, messages)


@pytest.mark.parametrize(
    ("number", "at_most"),
    [
        pytest.param(1, 1, id="one alert is one message"),
        pytest.param(12, 1, id="twelve are one message"),
        pytest.param(13, 1, id="thirteen are one message"),
        pytest.param(60, 1, id="sixty are one message"),
        pytest.param(1_000, 10, id="a thousand are ten at most"),
        pytest.param(10_000, 100, id="ten thousand are a hundred at most"),
    ],
)
def test_number_of_messages(number: int, at_most: int) -> None:
    items = make_items(number, team="Search")

    messages = compose(items)

    assert len(messages) <= at_most
    for message in messages:
        assert_within_limits(message)
    assert_nobody_is_left_out(items, messages)


def test_nothing_to_tell_is_no_message() -> None:
    assert compose([]) == []


@pytest.mark.parametrize("number", [1, 12, 13, 60])
def test_the_longest_names_fit(number: int) -> None:
    items = [
        make_item(
            entity_id=f"{n}",
            name=f"{n}" + "&" * 2_000,
            owner="<" * 2_000,
            team=">" * 2_000,
            gateway="&" * 2_000 + f"{n % 3}",
            spend="104",
        )
        for n in range(number)
    ]

    messages = compose(items)

    for message in messages:
        assert_within_limits(message)
    assert_nobody_is_left_out(items, messages)


def test_few_alerts_with_much_to_say_are_several_messages() -> None:
    """Their names are short, so the plain text is; their blocks would be more than Slack takes."""
    long = {"owner": "<" * 2_000, "team": ">" * 2_000, "projected_exceeded_date": "&" * 2_000}
    items = [make_item(entity_id=f"{n}", name=f"short-{n}", kind="projected", spend="1", **long) for n in range(12)]

    messages = compose(items)

    for message in messages:
        assert_within_limits(message)
    assert_nobody_is_left_out(items, messages)


def test_a_gateway_that_grows_when_it_is_escaped_leaves_room_for_the_names() -> None:
    items = make_items(400, gateway="&" * 2_000)

    messages = compose(items)

    for message in messages:
        assert_within_limits(message)
    assert_nobody_is_left_out(items, messages)


def test_a_headline_that_is_cut_says_so() -> None:
    kinds = [{"spend": "104"}, {"spend": "96"}, {"kind": "projected", "spend": "1"}, {"kind": "soft", "spend": "150"}]
    items = [make_item(entity_id=f"{n}", gateway="g" * 80, **kinds[n % 4]) for n in range(4_000)]

    assert "…" in header_of(compose(items)[0])


def test_the_part_of_a_message_is_in_its_header_whatever_the_counts_and_the_gateway() -> None:
    kinds = [{"spend": "104"}, {"spend": "96"}, {"kind": "projected", "spend": "1"}, {"kind": "soft", "spend": "150"}]
    items = [make_item(entity_id=f"{n}", name=f"service-{n:05}", gateway="g" * 2_000, **kinds[n % 4]) for n in range(2_000)]

    messages = compose(items)

    for number, message in enumerate(messages, start=1):
        part = f"({number} of {len(messages)})"
        assert header_of(message).endswith(part)
        assert part in message.payload["text"]
        assert_within_limits(message)


# --- mixes -----------------------------------------------------------------------------------------------------------

HOSTILE = st.sampled_from(["", "prod", "<!channel> <@U1>", "R&D", "&" * 2_000, "長" * 2_000, "\u202e\u200b", "a\nb", "`x` *y*"])
FACTS = st.lists(st.tuples(st.sampled_from(["Provider", "error class", "done by", "API base"]) | HOSTILE, HOSTILE), max_size=6)


@st.composite
def mixed_items(draw: st.DrawFn) -> list[AlertItem]:
    """Up to some hundred alerts of every type: budgets, incidents, reports, other senders' messages, digests, what is over."""
    count = draw(st.sampled_from([1, 2, 5, 13, 14, 40, 150]))
    types = draw(st.lists(st.sampled_from([*ALERT_TYPES, "of a later version"]), min_size=1, max_size=8))
    names = draw(st.lists(st.none() | HOSTILE, min_size=1, max_size=4))
    messages = draw(st.lists(HOSTILE | st.text(max_size=60), min_size=1, max_size=3))
    facts = draw(st.lists(FACTS, min_size=1, max_size=3))
    gateways = draw(st.lists(HOSTILE, min_size=1, max_size=3))
    marks = draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=3))
    counts = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=3))

    def nth(number: int) -> AlertItem:
        def one_of(given: Sequence[Any]) -> Any:
            return given[number % len(given)]

        kind, (is_resolved, is_digest) = one_of(types), one_of(marks)
        about = {"entity_id": f"id-{number}", "name": one_of(names), "gateway": one_of(gateways), "is_digest": is_digest}
        if kind == "budget_alerts":
            return make_item(**about, is_resolved=is_resolved, spend=str(80 + number % 40), times=1 + number % 2)
        text = one_of(messages)
        carried: dict[str, Any] = {}
        if kind.endswith("_reports") and number % 3:
            row = ReportRow(name=text, value=text, remark=text, amount=number)
            carried["report"] = Report(
                title=text, period=text, sections=(ReportSection(title=text, rows=(row,), chart_unit="x"),)
            )
        if kind == "slack_message" and number % 3:
            carried["slack_payload"] = {"text": text or "x"}
        occurrences = Occurrences(count=one_of(counts), seconds={number % 100: 1})
        level = one_of(["High", "Low", "Medium"])
        alert = make_incident(
            kind,
            **about,
            message=text,
            facts=one_of(facts),
            is_resolved=is_resolved,
            occurrences=occurrences,
            level=level,
            **carried,
        )
        return make_item_of(alert)

    return [nth(number) for number in range(count)]


def incident_name(item: AlertItem) -> str:
    """What a message must say of an alert: its name, or else what it is."""
    alert, row = item.alert, ALERT_TYPES.get(item.alert.alert_type)
    name = shown_name(alert.entity.name or "") or shown_name(alert.entity.id or "")
    return name or (row.noun[1:] if row is not None else "lert")


@settings(database=None, deadline=None, derandomize=True, max_examples=80)
@given(mixed_items())
def test_whatever_mix_comes_every_alert_is_in_one_message_and_named_in_its_blocks_and_text(items: list[AlertItem]) -> None:
    messages = compose(items)

    assert sorted(id(item) for message in messages for item in message.items) == sorted(map(id, items))
    for message in messages:
        check(message.payload)
        (first, *_), text = message.items, message.payload["text"]
        if first.alert.slack_payload is not None:
            assert len(message.items) == 1
            assert text.startswith(first.alert.slack_payload["text"])
            continue
        assert_within_limits(message)
        assert_harmless(message)
        if first.alert.report is not None:
            assert len(message.items) == 1
            assert shown_name(first.alert.report.title)[:20] in header_of(message)
            continue
        shown = shown_text(message)
        for item in message.items:
            name = escape(name_of(item) if item.alert.budget is not None else incident_name(item))
            assert name in shown
            assert name in text


def test_what_comes_in_which_order() -> None:
    report = Report(title="Daily report", period="today")
    items = [
        make_item_of(make_incident("slack_message", entity_id="1", slack_payload={"text": "first"})),
        make_item_of(make_incident("daily_reports", report=report)),
        make_item_of(make_incident("llm_exceptions", is_digest=True)),
        make_item_of(make_incident("slack_message", entity_id="2", slack_payload={"text": "second"})),
        make_item(),
        make_item_of(make_incident("llm_too_slow")),
    ]

    assert [message.payload["text"].partition(" · ")[0] for message in compose(items)] == [
        "🐢 1 slow model, 1 budget close",
        "💥 Digest: 1 LLM failure",
        "📊 Daily report",
        "first",
        "second",
    ]


def test_a_message_of_another_sender_is_never_merged_into_others() -> None:
    items = [
        make_item_of(make_incident("slack_message", entity_id=f"{n}", slack_payload={"text": f"message {n}"})) for n in range(20)
    ]

    assert [message.payload for message in compose(items)] == [{"text": f"message {n}"} for n in range(20)]


def test_a_mix_in_full() -> None:
    items = [
        make_item(spend="104.2"),
        make_item_of(make_incident("outage_alerts", facts=[("5xx", "10")])),
        make_item_of(make_incident("virtual_key_deleted", entity_type="key", name="old", message="gone")),
        make_item_of(make_incident("outage_alerts", entity_id="2", name="gpt-4o-mini", is_resolved=True)),
    ]
    message = only(items)

    assert header_of(message) == "🚨 1 outage, 1 ended, 1 budget over, 1 deleted key · prod-gateway"
    assert [section.splitlines()[0] for section in sections_of(message)] == [
        "🚨 *Major outage: gpt-4o*",
        "*Key prod-search* is over its budget",
        "🔑 *Deleted key: old*",
        "✅ *Outage ended: gpt-4o-mini*",
    ]


def test_a_storm_of_a_mix_is_grouped_by_what_it_is() -> None:
    failures = [
        make_item_of(make_incident("llm_exceptions", entity_id=f"{n}", name=f"model-{n:02}", message="")) for n in range(9)
    ]
    ended = [
        make_item_of(make_incident("outage_alerts", entity_id=f"{n}", name=f"model-{n:02}", message="", is_resolved=True))
        for n in range(2)
    ]
    lines = "\n".join(sections_of(only([*failures, *make_items(3), *ended]))).splitlines()

    assert [line for line in lines if line.startswith("*")] == ["*LLM failures*", "*Keys*", "*Outages ended*"]
    assert lines[1] == "💥 *model-00*"
    assert lines[-1] == "✅ *model-01* recovered"


@pytest.mark.parametrize(
    ("times", "said"),
    [
        pytest.param([(NOW, None)], "A digest of 23 Nov 12:00 UTC", id="of one moment"),
        pytest.param(
            [(NOW, Occurrences(first_at=datetime(2026, 11, 22, 9, tzinfo=UTC), last_at=NOW))],
            "A digest of 22 Nov 09:00 to 23 Nov 12:00 UTC",
            id="of what happened for a day",
        ),
        pytest.param(
            [(NOW, None), (datetime(2026, 11, 22, 9, tzinfo=UTC), None)],
            "A digest of 22 Nov 09:00 to 23 Nov 12:00 UTC",
            id="of several alerts",
        ),
    ],
)
def test_a_digest_says_so_and_over_which_time(times: list[Any], said: str) -> None:
    items = [
        make_item_of(
            make_incident(entity_id=f"{n}", raised_at=raised_at, is_digest=True, occurrences=occurrences or Occurrences())
        )
        for n, (raised_at, occurrences) in enumerate(times)
    ]
    message = only(items)

    assert header_of(message).startswith("💥 Digest: ")
    assert message.payload["blocks"][1]["elements"][0]["text"] == said
    assert message.payload["text"].endswith(f". {said}")


def test_a_note_is_in_every_message() -> None:
    report = Report(title="Daily report", period="today")
    items = [
        make_item(),
        make_item_of(make_incident(is_digest=True)),
        make_item_of(make_incident("daily_reports", report=report)),
        make_item_of(make_incident("slack_message", slack_payload={"text": "first"})),
    ]

    messages = compose_messages(items, now=NOW, note="Not to <a>.")

    assert len(messages) == 4
    assert all("Not to &lt;a&gt;." in message.payload["text"] for message in messages)


def test_an_alert_of_several_gateways_counts_them_all() -> None:
    item = make_item_of(*(make_incident(alert_id=name, gateway=name) for name in ("eu", "us")))

    assert header_of(only([item])).endswith(" · 2 gateways")
    assert " · eu, us" in shown_text(only([item]))


# --- order -----------------------------------------------------------------------------------------------------------


def mixed(repeat: int) -> list[AlertItem]:
    """Alerts of every gravity, the least grave first."""
    return [
        make_item(entity_id=f"{name}-{n}", name=f"{name}-{n}", **given)
        for n in range(repeat)
        for name, given in {
            "soft": {"kind": "soft", "spend": "150"},
            "projected": {"kind": "projected", "spend": "1"},
            "close-86": {"spend": "86"},
            "close-99": {"spend": "99"},
            "over-101": {"spend": "101"},
            "over-150": {"spend": "150"},
        }.items()
    ]


@pytest.mark.parametrize("repeat", [1, 2, 3, 60], ids=["six in full", "twelve in full", "a storm", "a storm of several messages"])
def test_the_worst_comes_first(repeat: int) -> None:
    messages = compose(mixed(repeat))

    shown = "\n".join(shown_text(message) for message in messages)
    named = "\n".join(message.payload["text"] for message in messages)
    for text in (shown, named):
        found = [
            (text.index(f"{name}-{n}"), name) for n in range(repeat) for name in ("over-150", "over-101", "close-99", "close-86")
        ]
        found += [
            (text.index(f" {name}-{n}" if text is named else f"{name}-{n}"), name)
            for n in range(repeat)
            for name in ("projected", "soft")
        ]
        order = [name.partition("-")[0] for _, name in sorted(found)]
        assert order == [kind for kind in ("over", "close", "projected", "soft") for _ in range(order.count(kind))]


def test_within_a_gravity_the_larger_share_comes_first() -> None:
    sections = sections_of(only(mixed(1)))

    assert [section.split()[1].rstrip("*") for section in sections] == [
        "over-150-0",
        "over-101-0",
        "close-99-0",
        "close-86-0",
        "projected-0",
        "soft-0",
    ]


# --- how it looks ----------------------------------------------------------------------------------------------------


def test_one_alert_in_full() -> None:
    message = only([make_item(spend="104.2", team="Research", resets_at=datetime(2026, 12, 1, tzinfo=UTC))])

    assert header_of(message).startswith("🔴 ")
    assert header_of(message).endswith(" · prod-gateway")
    assert sections_of(message) == [
        "*Key prod-search* (Research) is over its budget\n██████████ *104 %*   $104.20 of $100.00\n"
        "resets 1 Dec 00:00 UTC, in 7 days\n_Requests are refused until then._"
    ]
    assert footer_of(message) == "23 Nov 12:00 UTC · 1 alert"


def test_few_alerts_have_a_paragraph_each_and_lines_between() -> None:
    message = only(make_items(FULL_LAYOUT_ALERTS))

    types = [block["type"] for block in message.payload["blocks"]]
    assert types == ["header", *["section", "divider"] * (FULL_LAYOUT_ALERTS - 1), "section", "context"]


def test_a_storm_has_a_line_each_under_the_heading_of_its_group() -> None:
    items = [
        make_item(entity_id=f"{n}", name=f"k-{n:02}", team=team, spend=spend)
        for n, (team, spend) in enumerate([("Support", "90"), ("R&D", "95"), ("Search", "101")] * 5)
    ]

    (section,) = sections_of(only(items))

    assert section.splitlines() == [
        "*Keys · Search*",
        *(f"🔴 *k-{n}* 101 % · $101.00 of $100.00" for n in ("02", "05", "08", "11", "14")),
        "*Keys · R&amp;D*",
        *(f"🟠 *k-{n}* 95 % · $95.00 of $100.00" for n in ("01", "04", "07", "10", "13")),
        "*Keys · Support*",
        *(f"🟠 *k-{n}* 90 % · $90.00 of $100.00" for n in ("00", "03", "06", "09", "12")),
    ]


def test_within_a_gravity_the_worse_group_comes_first_whatever_else_the_group_holds() -> None:
    items = [
        make_item(entity_id=f"{n}", name=f"k-{n:02}", team=team, spend=spend)
        for n, (team, spend) in enumerate([("Search", "90"), ("R&D", "95"), ("Search", "101")] * 5)
    ]

    (section,) = sections_of(only(items))

    assert section.index(" 101 % ") < section.index(" 95 % ") < section.index(" 90 % ")


def test_a_proxy_of_a_gateway_that_cannot_be_seen_is_unnamed() -> None:
    assert "Unnamed proxy" in only([make_item(entity_type="proxy", gateway="\u200b")]).payload["text"]


def test_an_alert_alone_in_its_group_needs_no_heading() -> None:
    items = [make_item(entity_type="team", entity_id="t", name="Lonely", spend="90"), *make_items(13)]

    lines = "\n".join(sections_of(only(items))).splitlines()

    assert lines[0].startswith("🟠 *Team Lonely*")
    assert lines[1] == "*Keys*"
    assert len(lines) == 1 + 1 + 13


def test_a_line_without_a_heading_does_not_stand_under_that_of_another_group() -> None:
    over = [make_item(entity_id=f"{n}", name=f"k-{n}", spend="101") for n in range(13)]
    items = [*over, make_item(entity_type="team", entity_id="t", name="Lonely", spend="90")]

    first, second = sections_of(only(items))

    assert first.startswith("*Keys*")
    assert second.startswith("🟠 *Team Lonely*")


def test_a_group_goes_on_in_the_next_section_and_has_its_heading_again_in_the_next_message() -> None:
    messages = compose(make_items(400, team="Search"))

    assert len(messages) > 1
    for message in messages:
        first, *others = sections_of(message)
        assert first.startswith("*Keys · Search*\n")
        assert not [section for section in others if section.startswith("*Keys")]


@pytest.mark.parametrize(
    ("counts", "headline"),
    [
        pytest.param({"over": 1, "close": 1}, "🔴 1 budget over, 1 close · prod-gateway", id="one of each"),
        pytest.param({"over": 2}, "🔴 2 budgets over · prod-gateway", id="all over"),
        pytest.param({"close": 13}, "🟠 13 budgets close · prod-gateway", id="all close"),
        pytest.param(
            {"projected": 2, "soft": 3}, "📈 2 budgets projected over, 3 over soft budget · prod-gateway", id="no limit reached"
        ),
        pytest.param({"soft": 2}, "🟡 2 budgets over soft budget · prod-gateway", id="soft budgets alone"),
        pytest.param(
            {"over": 1, "close": 2, "projected": 3, "soft": 4},
            "🔴 1 budget over, 2 close, 3 projected over, 4 over soft budget · prod-gateway",
            id="every gravity",
        ),
    ],
)
def test_headline(counts: dict[str, int], headline: str) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "over": {"spend": "104"},
        "close": {"spend": "96"},
        "projected": {"kind": "projected", "spend": "1"},
        "soft": {"kind": "soft", "spend": "150"},
    }
    items = [make_item(entity_id=f"{kind}{n}", **kinds[kind]) for kind, count in counts.items() for n in range(count)]

    message = only(items)

    assert header_of(message) == headline
    assert message.payload["text"].startswith(f"{headline}: ")


def test_the_headline_counts_everything_in_every_part() -> None:
    messages = compose(make_items(1_000))

    for number, message in enumerate(messages, start=1):
        assert header_of(message) == f"🟠 1,000 budgets close · prod-gateway ({number} of {len(messages)})"
        assert footer_of(message) == f"23 Nov 12:00 UTC · {len(message.items)} of 1,000 alerts"


def test_several_gateways_are_counted_above_and_named_below() -> None:
    items = [make_item(gateway=f"gateway-{n}", entity_id="same", name="same") for n in range(3)]

    message = only(items)

    assert header_of(message).endswith(" · 3 gateways")
    for n in range(3):
        assert f" · gateway-{n}" in shown_text(message)
        assert f" · gateway-{n}" in message.payload["text"]


def test_in_a_storm_groups_of_several_gateways_are_apart() -> None:
    items = [make_item(gateway=f"gateway-{n % 2}", entity_id=f"{n}", name=f"k-{n:02}") for n in range(14)]

    lines = sections_of(only(items))[0].splitlines()

    assert [line for line in lines if line.startswith("*Keys")] == ["*Keys · gateway-0*", "*Keys · gateway-1*"]


@pytest.mark.parametrize("number", [2, 14], ids=["in full", "in a storm"])
def test_repeats_are_shown(number: int) -> None:
    items = [make_item(entity_id="again", name="again", times=4), *make_items(number - 1)]

    assert shown_text(only(items)).count("raised 4 times") == 1


def test_a_mention_in_a_name_is_shown_and_mentions_nobody() -> None:
    message = only(
        [make_item(name="<!channel> <@U1> <https://evil.test|x>", owner="<!here>", team="<!everyone>", gateway="<!channel>")]
    )

    assert_harmless(message)
    assert "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.test|x&gt;" in shown_text(message)
    assert message.payload["blocks"][0]["text"]["type"] == "plain_text"


def test_nothing_is_previewed() -> None:
    payload = only([make_item(name="https://evil.test")]).payload

    assert payload["unfurl_links"] is False
    assert payload["unfurl_media"] is False


def test_composing_changes_nothing_that_it_was_given() -> None:
    items = make_items(20)
    before = list(items)

    assert [message.payload for message in compose(items)] == [message.payload for message in compose(list(reversed(items)))]
    assert items == before


# --- plainer ---------------------------------------------------------------------------------------------------------

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*said*"}}
CHART = {"type": "data_visualization", "title": "drawn"}


@pytest.mark.parametrize(
    ("payload", "plainer_payload"),
    [
        pytest.param({"text": "x", "blocks": [SECTION, CHART]}, {"text": "x", "blocks": [SECTION]}, id="first without its chart"),
        pytest.param({"text": "x", "blocks": [SECTION]}, {"text": "x"}, id="then without blocks"),
        pytest.param({"text": "x"}, None, id="text is the plainest"),
        pytest.param({"text": "x", "blocks": [CHART]}, {"text": "x"}, id="a chart alone leaves no blocks"),
        pytest.param({"blocks": [SECTION]}, {"text": "*said*"}, id="without a text of its own the text of its blocks"),
        pytest.param({"attachments": [{"text": "said"}]}, {"text": "said"}, id="attachments too"),
        pytest.param(
            {"text": "x", "blocks": [SECTION], "attachments": [{"text": "said"}], "username": "ci"},
            {"text": "x", "username": "ci"},
            id="everything else stays",
        ),
        pytest.param({"text": "x", "blocks": "none"}, {"text": "x"}, id="what are no blocks"),
    ],
)
def test_plainer(payload: dict[str, Any], plainer_payload: dict[str, Any] | None) -> None:
    items = (make_item(),)

    found = plainer(Message(payload, items))

    assert found == (None if plainer_payload is None else Message(plainer_payload, items))


def test_a_report_degrades_step_by_step_and_each_step_is_one_that_slack_takes() -> None:
    rows = tuple(ReportRow(name=f"team-{n}", value="$1", amount=n) for n in range(3))
    section = ReportSection(title="By team", rows=rows, chart_unit="US dollars")
    report = Report(title="Spend", period="today", sections=(section,))
    whole = only([make_item_of(make_incident("spend_reports", report=report))])

    without_chart = plainer(whole)
    assert without_chart is not None
    text = plainer(without_chart)
    assert text is not None

    assert {block["type"] for block in whole.payload["blocks"]} - {
        block["type"] for block in without_chart.payload["blocks"]
    } == {"data_visualization"}
    assert "blocks" not in text.payload
    assert plainer(text) is None
    for message in (whole, without_chart, text):
        check(message.payload)
        assert message.items == whole.items
        assert "team-2" in message.payload["text"]
