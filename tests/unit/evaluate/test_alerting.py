from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from evaluate.alerting import Offer, alert_for, merge_by_reading
from gateway_alerts.alerts import Alert
from gateway_alerts.config import parse_config
from tests.pipeline.evaluate.builders import CONFIG, NOW, alerts_in, budget_event, offers_in, request_log

RESETS_AT = datetime(2026, 12, 1, tzinfo=UTC)


def offers(budget_type: str = "user_budget", *, gateway: str = "gw", **user_info: Any) -> list[Offer]:
    return offers_in([budget_event(budget_type, **user_info)], gateway=gateway)


def alert(budget_type: str = "user_budget", **user_info: Any) -> Alert:
    (made,) = alerts_in([budget_event(budget_type, **user_info)])
    return made


def test_an_event_that_reaches_soft_and_maximum_makes_two_offers_and_one_alert() -> None:
    both = offers(spend=10, max_budget=10, soft_budget=5, user_id="u")
    assert [(o.identity.kind, o.identity.limit, o.rung) for o in both] == [
        ("maximum", Decimal(10), Decimal(1)),
        ("soft", Decimal(5), Decimal(1)),
    ]
    assert merge_by_reading(both) == [both]


def test_offers_of_different_events_are_different_alerts_even_if_they_say_the_same() -> None:
    same = budget_event(spend=10, max_budget=10, user_id="u")
    first, second = offers_in([same, same])
    assert merge_by_reading([first, second]) == [[first], [second]]


def test_an_offer_names_gateway_entity_limit_and_kind() -> None:
    (offer,) = offers("team_budget", gateway="prod", spend=10, max_budget=10, team_id="t")
    assert offer.identity == ("prod", "team", "t", None, "maximum", Decimal(10))


def test_an_unnamed_entity_is_told_apart_by_what_there_is() -> None:
    (offer,) = offers("project_budget", spend=10, max_budget=10, team_id="t")
    assert (offer.identity.entity_id, offer.identity.entity_hint) == (None, "t")


def test_the_hint_of_a_named_entity_does_not_split_it() -> None:
    (before,) = offers("team_budget", spend=10, max_budget=10, team_id="t", team_alias="Old Name")
    (after,) = offers("team_budget", spend=10, max_budget=10, team_id="t", team_alias="New Name")
    assert before.identity == after.identity


PERIODS: dict[str, tuple[Any, int | None]] = {
    "none": (None, None),
    "in UTC": ("2026-12-01T00:00:00Z", 1796083200),
    "without a zone, which is UTC": ("2026-12-01T00:00:00", 1796083200),
    "in another zone": ("2026-12-01T09:00:00+09:00", 1796083200),
    "with fractions of a second": ("2026-12-01T00:00:00.999Z", 1796083200),
}


@pytest.mark.parametrize(("reset_at", "period_end"), PERIODS.values(), ids=PERIODS)
def test_a_period_is_known_by_its_end(reset_at: Any, period_end: int | None) -> None:
    (offer,) = offers(spend=10, max_budget=10, user_id="u", budget_reset_at=reset_at)
    assert offer.period_end == period_end
    assert offer.dedupe_key == f"{offer.identity.table_key}@{period_end or 'ttl'}"


#: a budget event → what stands in the alert's message
MESSAGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "a threshold": ("token_budget", {"spend": 8.6, "max_budget": 10}, "Key Budget: 85% of budget used"),
    "a threshold with fractions of a percent": (
        "user_budget",
        {"spend": 9.96, "max_budget": 10},
        "User Budget: 99.5% of budget used",
    ),
    "all spent": ("team_budget", {"spend": 10, "max_budget": 10}, "Team Budget: Budget Crossed"),
    "a soft budget": (
        "soft_budget",
        {"spend": 5, "soft_budget": 5, "event_group": "project"},
        "Project Budget: Soft Budget Crossed",
    ),
    "a soft budget near the maximum": (
        "soft_budget",
        {"spend": 9.6, "max_budget": 10, "soft_budget": 5},
        "Key Budget: 95% of budget used",
    ),
    "a team's projection": (
        "projected_limit_exceeded",
        {"spend": 1, "max_budget": 10, "event_group": "team"},
        "Team Budget: Projected Limit Exceeded",
    ),
    "a projection": ("projected_limit_exceeded", {"spend": 1, "max_budget": 10}, "Key Budget: Projected Limit Exceeded"),
}


@pytest.mark.parametrize(("budget_type", "figures", "message"), MESSAGES.values(), ids=MESSAGES)
def test_the_message_says_whose_budget_and_what_was_crossed(budget_type: str, figures: dict[str, Any], message: str) -> None:
    config = parse_config('{"thresholds": [85, 95, 99.5, 100]}')
    (made,) = alerts_in([budget_event(budget_type, **figures)], config=config)
    assert made.message == message


def test_an_alert_holds_who_and_how_much() -> None:
    made = alert(
        "token_budget",
        spend=9.6,
        max_budget=10,
        soft_budget=5,
        token="hash",
        key_alias="prod-search",
        user_id="u",
        user_email="ada@example.com",
        team_id="t",
        team_alias="Research",
        projected_spend=12.5,
        projected_exceeded_date="2026-11-30",
        budget_reset_at="2026-12-01T09:00:00+09:00",
    )
    assert (made.alert_type, made.event, made.level, made.gateway) == ("budget_alerts", "threshold_crossed", "High", "gw")
    assert made.entity.model_dump() == {
        "type": "key",
        "id": "hash",
        "name": "prod-search",
        "owner": "ada@example.com",
        "team": "Research",
    }
    assert made.budget.model_dump() == {
        "kind": "maximum",
        "spend": Decimal("9.6"),
        "limit": Decimal(10),
        "rung": Decimal("0.95"),
        "max_budget": Decimal(10),
        "soft_budget": Decimal(5),
        "soft_budget_crossed": True,
        "projected_spend": Decimal("12.5"),
        "projected_exceeded_date": "2026-11-30",
        "exhausted_at": None,
        "resets_at": RESETS_AT,
    }
    assert (made.raised_at, made.destinations) == (NOW, ("default",))


OWNERS: dict[str, tuple[str, dict[str, Any], str | None, str | None]] = {
    "a key's by address and alias": (
        "token_budget",
        {"user_id": "u", "user_email": "e", "team_id": "t", "team_alias": "T"},
        "e",
        "T",
    ),
    "a key's by ids": ("token_budget", {"user_id": "u", "team_id": "t"}, "u", "t"),
    "a key's by ids, where the names are blank": (
        "token_budget",
        {"user_id": "u", "user_email": " ", "team_id": "t", "team_alias": ""},
        "u",
        "t",
    ),
    "nobody's": ("token_budget", {}, None, None),
    "a user is not its own owner": ("user_budget", {"user_id": "u", "user_email": "e", "team_id": "t"}, None, "t"),
    "a team is not in itself": ("team_budget", {"user_id": "u", "team_id": "t"}, "u", None),
}


@pytest.mark.parametrize(("budget_type", "who", "owner", "team"), OWNERS.values(), ids=OWNERS)
def test_owner_and_team_of_an_entity(budget_type: str, who: dict[str, Any], owner: str | None, team: str | None) -> None:
    made = alert(budget_type, spend=10, max_budget=10, **who)
    assert (made.entity.owner, made.entity.team) == (owner, team)


SOFT: dict[str, tuple[dict[str, Any], str, bool]] = {
    "passed too": ({"spend": 9, "max_budget": 10, "soft_budget": 5}, "maximum", True),
    "not reached": ({"spend": 9, "max_budget": 10, "soft_budget": 9.5}, "maximum", False),
    "none": ({"spend": 9, "max_budget": 10}, "maximum", False),
    "zero": ({"spend": 0.5, "soft_budget": 0}, "soft", True),
    "infinite": ({"spend": 9, "max_budget": 10, "soft_budget": float("inf")}, "maximum", False),
}


@pytest.mark.parametrize(("figures", "kind", "is_crossed"), SOFT.values(), ids=SOFT)
def test_an_alert_says_whether_the_soft_budget_was_passed_too(figures: dict[str, Any], kind: str, is_crossed: bool) -> None:
    made = alert(**figures)
    assert (made.budget.kind, made.budget.soft_budget_crossed) == (kind, is_crossed)


def test_an_alert_without_limit_of_a_kind_does_not_name_it() -> None:
    made = alert(spend=9, max_budget=float("inf"), soft_budget=5)
    assert (made.budget.max_budget, made.budget.soft_budget) == (None, Decimal(5))


def test_an_alerts_id_is_of_one_decision() -> None:
    events = [budget_event(spend=10, max_budget=10, user_id="u")]
    group = offers_in(events)
    same, later = offers_in(events), NOW + timedelta(days=1)
    (other,) = offers_in([budget_event(spend=8.6, max_budget=10, user_id="u")])
    made = alert_for(group, now=NOW, config=CONFIG, request_id="request-1")
    assert alert_for(same, now=NOW, config=CONFIG, request_id="request-1") == made
    ids = {
        made.alert_id,
        alert_for(group, now=later, config=CONFIG, request_id="request-1").alert_id,
        alert_for([other], now=NOW, config=CONFIG, request_id="request-1").alert_id,
        alert_for(group, now=NOW, config=CONFIG, request_id="request-2").alert_id,
    }
    assert len(ids) == 4


def test_an_alert_takes_the_route_of_its_entity_type() -> None:
    config = parse_config(
        '{"routes": [{"entity_types": ["team"], "gateways": ["gw"], "destinations": ["teams", "default"]}],'
        ' "destinations": {"teams": {"url": "os.environ/TEAMS"}}}'
    )
    events = [
        budget_event("team_budget", spend=10, max_budget=10, team_id="t"),
        budget_event("user_budget", spend=10, max_budget=10, user_id="u"),
    ]
    destinations = {made.entity.type: made.destinations for made in alerts_in(events, config=config)}
    assert destinations == {"team": ("teams", "default"), "user": ("default",)}


def test_three_budgets_of_one_request_are_three_alerts() -> None:
    log = request_log(
        cost=0.5, hash="k", user_id="u", team_id="t",
        spend=9.5, max_budget=10, user_spend=19, user_max_budget=20, team_spend=29.5, team_max_budget=30,
    )  # fmt: skip
    assert [(made.entity.type, made.entity.id, made.event) for made in alerts_in([log])] == [
        ("key", "k", "budget_crossed"),
        ("user", "u", "threshold_crossed"),
        ("team", "t", "budget_crossed"),
    ]
