"""Every budget alert that a stock LiteLLM raises arrives once, however often and by however many ways it is sent."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from tests.litellm_gateway.rows import organization_row, project_row, team_row, user_row
from tests.litellm_gateway.stage import Stage

pytestmark = pytest.mark.litellm

COPIES = 25
OVER = {"spend": 104.0, "max_budget": 100.0}


class Case(NamedTuple):
    """Whose budget it is, what the gateway knows about a key that asks once, and the one thing that the channel is told."""

    name: str
    rows: Mapping[str, Any]
    told: str


CASES = {
    "key-15": Case("key-15", {"spend": 86.0, "max_budget": 100.0}, "Key key-15 86 % of $100.00"),
    "key-5": Case("key-5", {"spend": 96.0, "max_budget": 100.0}, "Key key-5 96 % of $100.00"),
    "key-over": Case("key-over", {"spend": 104.0, "max_budget": 100.0}, "Key key-over 104 % of $100.00"),
    "key-soft": Case("key-soft", {"spend": 60.0, "soft_budget": 50.0}, "Key key-soft over soft budget $50.00"),
    "key-5-and-soft": Case(
        "key-5-and-soft", {"spend": 96.0, "max_budget": 100.0, "soft_budget": 50.0}, "Key key-5-and-soft 96 % of $100.00"
    ),
    "user-15": Case(
        "u-15", {"user_id": "u-15", "user": user_row("u-15", spend=88.0, max_budget=100.0)}, "User u-15 88 % of $100.00"
    ),
    "user-over": Case("u-over", {"user_id": "u-over", "user": user_row("u-over", **OVER)}, "User u-over 104 % of $100.00"),
    "team-over": Case("t-over", {"team_id": "t-over", "team": team_row("t-over", **OVER)}, "Team t-over 104 % of $100.00"),
    "organization-over": Case(
        "o-over",
        {"org_id": "o-over", "organization": organization_row("o-over", **OVER)},
        "Organization o-over 104 % of $100.00",
    ),
    "project-over": Case(
        "p-over", {"project_id": "p-over", "project": project_row("p-over", **OVER)}, "Project p-over 104 % of $100.00"
    ),
}


@pytest.fixture(scope="module")
def raised(stage: Stage) -> None:
    """One request of each case, and all that follows from it."""
    stage.ask(stage.prod, *[stage.prod.key(alias, **case.rows) for alias, case in CASES.items()])
    stage.settle()


@pytest.mark.usefixtures("raised")
@pytest.mark.parametrize("alias", CASES)
def test_a_budget_alert_of_the_webhook_arrives_once(stage: Stage, alias: str) -> None:
    name, _, told = CASES[alias]
    # A project's webhook names only the calling key.
    assert stage.webhooks(stage.prod, name) or stage.webhooks(stage.prod, stage.prod.hash_of(alias))
    assert stage.told(name) == [told]


@pytest.mark.usefixtures("raised")
def test_a_project_is_told_once_although_the_webhook_does_not_name_it(stage: Stage) -> None:
    assert stage.told("Unnamed") == []
    assert stage.waiting() == []


def test_d1_and_d2_copies_of_one_crossing_arrive_once(stage: Stage) -> None:
    copied = stage.prod.key("copied", spend=88.0, max_budget=100.0)
    stage.ask(stage.prod, *[copied] * COPIES, at_once=COPIES)
    stage.settle()
    assert len(stage.webhooks(stage.prod, "copied")) > 1
    assert stage.told("copied") == ["Key copied 88 % of $100.00"]
