"""Alerts as plain text mails: what a reader sees, within SNS's limits."""

import pytest
from hypothesis import given, settings

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.rendering.email import compose_mails
from tests.unit.notify.fakes import NOW, make_item, make_items
from tests.unit.notify.rendering.test_slack import name_of, some_items

#: From AWS's documentation and not from the code that is tested.
MAX_BODY_BYTES = 256 * 1024
MARKS = str.maketrans("", "", "*_`")


def only(items: list[AlertItem], *, note: str = "") -> Message:
    (message,) = compose_mails(items, now=NOW, note=note)
    return message


def test_a_mail() -> None:
    message = only([make_item(name="R&D <x>"), make_item(entity_type="team", entity_id="r", name="Research", spend="104.2")])

    assert message.payload == {
        "Subject": "Gateway Alerts: 1 budget over, 1 close - prod-gateway",
        "Message": """\
🔴 1 budget over, 1 close · prod-gateway

Team Research is over its budget
██████████ 104 %   $104.20 of $100.00
Requests are refused until it resets or is raised.

Key R&D <x> has $4.00 left
█████████░ 96 %   $96.00 of $100.00

23 Nov 12:00 UTC · 2 alerts
""",
    }


def test_a_storm_is_a_line_each() -> None:
    body = only(make_items(13), note="Not to finance: gone.").payload["Message"]

    title, note, alerts, footer = body.split("\n\n")
    assert (title, note) == ("🟠 13 budgets close · prod-gateway", "Not to finance: gone.")
    assert alerts.splitlines()[0] == "🟠 Key service-00009 94 % · $94.00 of $100.00"
    assert len(alerts.splitlines()) == 13
    assert footer == "23 Nov 12:00 UTC · 13 alerts\n"


@pytest.mark.parametrize(
    ("gateway", "subject"),
    [
        pytest.param("Zürich", "Gateway Alerts: 1 budget close - Zurich", id="an accent is left out"),
        pytest.param("生产", "Gateway Alerts: 1 budget close", id="letters beyond ASCII are left out, and what leads to them"),
        pytest.param("生产-eu", "Gateway Alerts: 1 budget close - -eu", id="of a mixed name the ASCII stays"),
        pytest.param("a\nb", "Gateway Alerts: 1 budget close - a b", id="a line break is a space"),
        pytest.param("x" * 500, "Gateway Alerts: 1 budget close - " + "x" * 40 + "..." + "x" * 23, id="a long name is cut"),
    ],
)
def test_subject(gateway: str, subject: str) -> None:
    assert only([make_item(gateway=gateway)]).payload["Subject"] == subject


def test_the_part_is_in_the_subject_however_long_the_rest_is() -> None:
    items = [make_item(entity_id=f"{n}", name="é" * 80 + str(n), owner="é" * 80, gateway="g" * 500) for n in range(1_500)]
    messages = compose_mails(items, now=NOW)

    assert len(messages) > 1
    for number, message in enumerate(messages, start=1):
        assert message.payload["Subject"].endswith(f" ({number} of {len(messages)})")
        assert len(message.payload["Subject"]) < 100


@pytest.mark.parametrize("note", ["x", "é" * 10_000], ids=["a short note", "a long note"])
def test_a_mail_that_is_full_to_the_brim_is_within_the_limit(note: str) -> None:
    first, *others = compose_mails(make_items(6_000), now=NOW, note=note)

    assert others
    assert len(first.payload["Message"].encode()) <= MAX_BODY_BYTES


@settings(max_examples=25, deadline=None)
@given(some_items())
def test_every_mail_is_within_the_limits_and_names_everyone(items: list[AlertItem]) -> None:
    messages = compose_mails(items, now=NOW, note="These could not be posted to finance: channel_is_archived.")

    assert sorted(id(item) for message in messages for item in message.items) == sorted(map(id, items))
    for message in messages:
        subject, body = message.payload["Subject"], message.payload["Message"]
        assert subject.isascii()
        assert subject.isprintable()
        assert 0 < len(subject) < 100
        assert len(body.encode()) <= MAX_BODY_BYTES
        shown = body.translate(MARKS)
        # A mark within a name may be taken for Slack's.
        assert [name for item in message.items if (name := name_of(item).translate(MARKS)) not in shown] == []
