from dataclasses import replace
from datetime import UTC, datetime, timedelta

from evaluate.occurrences import Occurrence, merged
from gateway_alerts.alerts import Entity, Fact
from gateway_alerts.config import Config, parse_config

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ONE = Occurrence(
    alert_type="llm_exceptions",
    gateway="prod",
    alike=("m",),
    level="High",
    message="first",
    entity=Entity(type="model", id="m"),
    first_at=NOW,
    last_at=NOW,
    seconds={3: 1},
)
LATER = replace(
    ONE, message="second", first_at=NOW + timedelta(seconds=5), last_at=NOW + timedelta(seconds=9), count=2, seconds={3: 1, 4: 1}
)


def test_two_together_say_what_the_later_one_says_and_count_both() -> None:
    for both in (ONE.plus(LATER), LATER.plus(ONE)):
        assert (both.message, both.count, both.seconds) == ("second", 3, {3: 2, 4: 1})
        assert (both.first_at, both.last_at) == (NOW, NOW + timedelta(seconds=9))


def test_facts_that_differ_are_told_together() -> None:
    azure = replace(ONE, facts=(Fact(label="Provider", text="azure"), Fact(label="Status", text="429")))
    openai = replace(LATER, facts=(Fact(label="Provider", text="openai"), Fact(label="Status", text="429")))
    both = azure.plus(openai).plus(azure)
    assert [(fact.label, fact.text) for fact in both.facts] == [("Provider", "openai, azure"), ("Status", "429")]


def test_alike_ones_are_merged_in_the_order_in_which_they_came() -> None:
    other = replace(ONE, alike=("n",))
    assert [(o.alike, o.count) for o in merged([ONE, other, LATER])] == [(("m",), 3), (("n",), 1)]


def test_the_key_tells_type_gateway_and_what_is_alike_apart() -> None:
    keys = {ONE.key, replace(ONE, gateway="g").key, replace(ONE, alike=("m", None)).key, replace(ONE, alert_type="x").key}
    assert len(keys) == 4
    assert ONE.key.startswith("episode#llm_exceptions#")


def test_its_alert_is_routed_and_counted() -> None:
    config = parse_config(
        '{"routes": [{"entity_types": ["model"], "destinations": ["a"]}], "destinations": {"a": {"url": "ssm:/x"}},'
        ' "alert_type_config": {"llm_exceptions": {"digest": true}}}'
    )
    alert = LATER.alert(now=NOW, request_id="r", config=config)
    assert (alert.destinations, alert.occurrences.count, alert.is_digest) == (("a",), 2, True)
    assert alert.alert_id != LATER.alert(now=NOW, request_id="s", config=config).alert_id
    assert LATER.alert(now=NOW, request_id="r", config=Config()).destinations == ("default",)
