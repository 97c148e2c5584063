"""What LiteLLM 1.109.1 fails to raise, each defect by its number: first that it does fail, then that we raise it.

Its own webhook and Slack texts show the failure, the request log that it sends too is what we decide from.
"""

import pytest

from tests.litellm_gateway.rows import organization_row, project_row, team_row, user_row
from tests.litellm_gateway.stage import Stage, percents
from tests.litellm_gateway.tap import Post

pytestmark = pytest.mark.litellm

#: Periods of a budget, by when they end.
THIS_PERIOD, NEXT_PERIOD = "2030-01-01T00:00:00Z", "2030-02-01T00:00:00Z"


def test_d3_the_5_percent_warning_is_raised_although_the_15_percent_one_was(stage: Stage) -> None:
    for spend in (86.0, 96.0, 100.0):
        stage.ask(stage.prod, stage.prod.key("d3", spend=spend, max_budget=100.0))
    stage.settle()
    assert set(stage.webhooks(stage.prod, "d3")) == {"threshold_crossed 86.0", "budget_crossed 100.0"}
    assert sorted(percents(stage.told("d3"))) == [86, 96, 100]


def test_d4_a_raised_budget_is_armed_again(stage: Stage) -> None:
    for limit in (10.0, 20.0, 1000.0):
        stage.ask(stage.prod, stage.prod.key("d4", spend=0.96 * limit, max_budget=limit))
    stage.settle()
    assert set(stage.webhooks(stage.prod, "d4")) == {"threshold_crossed 9.6"}
    assert [said.partition(" of ")[2] for said in stage.told("d4")] == ["$10.00", "$20.00", "$1,000.00"]


def test_d5_a_reset_budget_is_armed_again(stage: Stage) -> None:
    # Only the request log names a period; a nameless report of the crossing would hide the next one for ten minutes.
    with stage.request_log_only():
        for spend, period in ((96.0, THIS_PERIOD), (0.0, NEXT_PERIOD), (97.0, NEXT_PERIOD)):
            stage.ask(stage.prod, stage.prod.key("d5", spend=spend, max_budget=100.0, budget_reset_at=period))
        stage.settle()
    assert set(stage.webhooks(stage.prod, "d5")) == {"threshold_crossed 96.0"}
    assert sorted(percents(stage.told("d5"))) == [96, 97]


def test_d6_entities_of_one_name_do_not_silence_each_other(stage: Stage) -> None:
    over = {"spend": 104.0, "max_budget": 100.0}
    for api_key in (
        stage.prod.key("d6-of-user", user_id="d6", user=user_row("d6", **over)),
        stage.prod.key("d6-of-team", team_id="d6", team=team_row("d6", **over)),
        stage.prod.key("d6-of-organization", org_id="d6", organization=organization_row("d6", **over)),
    ):
        stage.ask(stage.prod, api_key)
    stage.settle()
    assert len(stage.webhooks(stage.prod, "d6")) == 1
    assert sorted(said.partition(" d6 ")[0] for said in stage.told("d6")) == ["Organization", "Team", "User"]


def test_d7_a_project_is_known_by_its_own_id_and_not_by_the_calling_key(stage: Stage) -> None:
    project = project_row("d7", spend=107.0, max_budget=100.0)
    # The key's own crossing silences that of its project; then each other key repeats it.
    stage.ask(stage.prod, stage.prod.key("d7-a", spend=100.0, max_budget=100.0))
    stage.ask(stage.prod, stage.prod.key("d7-a", spend=100.0, max_budget=1_000.0, project_id="d7", project=project))
    for alias in ("d7-b", "d7-c"):
        stage.ask(stage.prod, stage.prod.key(alias, project_id="d7", project=project))
    stage.settle()
    hashes = [stage.prod.hash_of(alias) for alias in ("d7-b", "d7-c")]
    assert [post.body["token"] for post in stage.tap.posts("webhook", stage.prod.token) if _is_of_project(post)] == hashes
    assert [said.partition(" 107 %")[0] for said in stage.told("d7")] == ["Project d7"]


def test_d8_alerts_raised_while_slack_is_slow_are_not_lost(stage: Stage) -> None:
    names = [f"d8-{number:03d}" for number in range(150)]
    with stage.slow_slack(seconds=0.5):
        stage.ask(stage.pod, *[stage.pod.key(name, spend=96.0, max_budget=100.0) for name in names], at_once=20)
        stage.settle()
    sent = [name for name in names if stage.slack_texts(stage.pod, name)]
    assert len(sent) < len(names)
    assert [len(stage.told(name)) for name in names] == [1] * len(names)


def _is_of_project(post: Post) -> bool:
    return post.body["event_group"] == "project" and post.body["spend"] == 107.0  # it names no project
