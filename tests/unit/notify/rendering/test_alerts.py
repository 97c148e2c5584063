"""Which renderer serves which alert."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_alerts.alert_types import ALERT_TYPES
from gateway_alerts.alerts import Alert, BudgetFigures, Report
from notify.rendering.alerts import word
from notify.rendering.words import Gravity
from tests.unit.notify.fakes import NOW, make_alert, make_incident, make_item_of

BUDGET: BudgetFigures = make_alert().budget
REPORT = Report(title="the report", period="today")
PAYLOAD = {"text": "the payload"}


@pytest.mark.parametrize(
    ("carried", "said"),
    [
        pytest.param({}, "the message", id="a message"),
        pytest.param({"budget": BUDGET}, "$96.00 of $100.00", id="a budget"),
        pytest.param({"report": REPORT}, "the report", id="a report"),
        pytest.param({"slack_payload": PAYLOAD}, "the payload", id="another sender's message"),
        pytest.param(
            {"budget": BUDGET, "report": REPORT, "slack_payload": PAYLOAD}, "$96.00 of $100.00", id="a budget before all"
        ),
        pytest.param({"report": REPORT, "slack_payload": PAYLOAD}, "the report", id="a report before a payload"),
    ],
)
@pytest.mark.parametrize("alert_type", [*ALERT_TYPES, "of a later version"])
def test_an_alert_is_told_by_what_it_carries_whatever_its_type(alert_type: str, carried: dict[str, Any], said: str) -> None:
    alert = make_incident(alert_type, message="the message", **carried)

    assert said in word(make_item_of(alert), now=NOW, with_gateway=False).full


TEXTS = st.sampled_from(["", "<!channel>", "&" * 2_000, "\u200b", "a\nb", "*b* `c`", "x" * 2_000, "長" * 99]) | st.text(
    max_size=50
)


@st.composite
def incidents(draw: st.DrawFn) -> Alert:
    return make_incident(
        draw(st.sampled_from([*ALERT_TYPES, "of a later version"])),
        level=draw(st.sampled_from(["Low", "Medium", "High"])),
        name=draw(st.none() | TEXTS),
        owner=draw(st.none() | TEXTS),
        team=draw(st.none() | TEXTS),
        gateway=draw(TEXTS),
        message=draw(TEXTS | st.just("many words " * 900)),
        facts=draw(
            st.lists(st.tuples(st.sampled_from(["Provider", "error class", "Traceback", "done_by"]) | TEXTS, TEXTS), max_size=9)
        ),
        occurrences=draw(
            st.fixed_dictionaries(
                {
                    "count": st.integers(1, 10**12),
                    "first_at": st.none() | st.datetimes(timezones=st.just(NOW.tzinfo)),
                    "last_at": st.none() | st.datetimes(timezones=st.just(NOW.tzinfo)),
                    "seconds": st.dictionaries(st.integers(-97, 169), st.integers(0, 10**12), max_size=5),
                }
            )
        ),
        raised_at=draw(st.datetimes(timezones=st.just(NOW.tzinfo))),
        is_resolved=draw(st.booleans()),
        is_digest=draw(st.booleans()),
    )


@settings(database=None, deadline=None, derandomize=True, max_examples=300)
@given(incidents(), st.booleans())
def test_whatever_comes_is_short_harmless_and_counted(alert: Alert, with_gateway: bool) -> None:
    wording = word(make_item_of(alert), now=NOW, with_gateway=with_gateway)

    for text in (wording.full, wording.line, wording.lone_line, wording.plain):
        assert 0 < len(text) <= 3_000
        assert not set("&<>") & set(text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", ""))
        text.encode()
    assert "\n" not in wording.line + wording.lone_line + wording.plain + wording.group
    assert len(wording.plain) <= 2_000
    assert wording.noun
    assert wording.emoji
    assert wording.gravity in Gravity
    assert wording.order[0] == wording.gravity
