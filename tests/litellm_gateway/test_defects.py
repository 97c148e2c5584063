"""What LiteLLM 1.109.1 fails to raise, each defect by its number: first that it does fail, then that we raise it.

Its own webhook and Slack texts show the failure, the request log that it sends too is what we decide from.
"""

import time
from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest

from local.stack import EVALUATE
from tests.litellm_gateway.gateway import DAILY_REPORT_SECONDS, MODELS
from tests.litellm_gateway.rows import organization_row, project_row, team_row, user_row
from tests.litellm_gateway.stage import Stage, percents
from tests.litellm_gateway.tap import Post

pytestmark = pytest.mark.litellm

#: How long LiteLLM takes to start, at most, before it looks whether a report is due.
START_SECONDS = 30.0
#: When what was logged before ``report_time``, at which reports are posted, is settled.
REPORT_HOUR, REPORT_MINUTE = 9, 5

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
    assert (stage.told("Unnamed"), stage.waiting()) == ([], [])


def test_d8_alerts_raised_while_slack_is_slow_are_not_lost(stage: Stage) -> None:
    names = [f"d8-{number:03d}" for number in range(150)]
    with stage.slow_slack(seconds=0.5):
        stage.ask(stage.pod, *[stage.pod.key(name, spend=96.0, max_budget=100.0) for name in names], at_once=20)
        stage.settle()
    sent = [name for name in names if stage.slack_texts(stage.pod, name)]
    assert len(sent) < len(names)
    assert [len(stage.told(name)) for name in names] == [1] * len(names)


def test_d12_the_daily_report_is_sent(stage: Stage) -> None:
    stage.ask(stage.prod, stage.prod.key("plain"))
    time.sleep(max(0.0, stage.prod.started_at + START_SECONDS + 3 * DAILY_REPORT_SECONDS - time.monotonic()))
    stage.settle()
    sent = [post.body["text"] for post in stage.tap.posts("Slack text", stage.prod.token)]
    assert not any("daily_reports" in text for text in sent)
    now = datetime.now(UTC)
    noon, midnight = (now.replace(hour=12, minute=0), (now + timedelta(days=1)).replace(hour=0, minute=0))
    report(stage, at=(noon if now < noon else midnight) + timedelta(minutes=5))
    stage.told_once("prod", alert_type="daily_reports")


def test_d14_the_monthly_report_is_about_the_month_that_has_ended(stage: Stage) -> None:
    today = datetime.now(UTC).date()
    asked = [f"{today.replace(day=day)}" for day in (1, monthrange(today.year, today.month)[1])]
    assert stage.script.result["monthly_report"] == asked  # on the first of a month nothing has been spent in it yet
    stage.ask(stage.prod, stage.prod.key("plain"))
    first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    report(stage, at=datetime(first.year, first.month, 1, REPORT_HOUR, REPORT_MINUTE, tzinfo=UTC))
    assert f"{today:%B %Y}" in stage.told_once("Monthly spend · prod", alert_type="spend_reports")


def test_d16_an_outage_is_counted_across_pods(stage: Stage) -> None:
    plain = {gateway: gateway.key("plain") for gateway in (stage.prod, stage.pod)}
    for _ in range(4):  # of each pod: one fewer than a minor outage needs
        for gateway, api_key in plain.items():
            stage.ask(gateway, api_key, model="out-across-pods")
    stage.settle()
    model = str(MODELS["out-across-pods"]["model"]).partition("/")[2]
    assert not any(stage.slack_texts(gateway, model, alert_type="outage_alerts") for gateway in plain)
    stage.told_once("out-across-pods", model, alert_type="outage_alerts")


def test_d17_a_region_outage_is_raised_as_what_it_is(stage: Stage) -> None:
    assert len(stage.script.result["region_outage"]) == 2
    stage.settle()
    # It counts them, and sends them under the type that is off.
    for alert_type in ("outage_alerts", "region_outage_alerts"):
        assert stage.slack_texts(stage.script, "eu-central-1", alert_type=alert_type) == []
    told = stage.told("eu-central-1", alert_type="region_outage_alerts")
    assert [said.partition(" ")[0] for said in told] == ["Minor", "Major"]


def report(stage: Stage, *, at: datetime) -> None:
    """Let the reports run as if it were that late, after a run a day: one run alone has no time to close a month."""
    moment = datetime.now(UTC)
    while moment < at:
        moment = min(at, moment + timedelta(days=1))
        stage.stack.invoke(EVALUATE, {"schedule": "reports", "time": moment.isoformat()})
    stage.settle()


def _is_of_project(post: Post) -> bool:
    return post.body["event_group"] == "project" and post.body["spend"] == 107.0  # it names no project
