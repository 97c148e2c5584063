from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from evaluate.pipeline import evaluate
from evaluate.resolutions import (
    READ_EVERY,
    Alerted,
    DynamoDBAlertedBudgets,
    KnownAlerted,
    alerted_key,
    due_at,
    raised_again,
    resolution,
)
from evaluate.shapes import parse_objects
from evaluate.table import AlertsTable
from gateway_alerts.alerts import Alert
from gateway_alerts.aws import aws_client
from gateway_alerts.config import Config
from gateway_alerts.errors import DependencyUnavailable
from tests.pipeline.evaluate.builders import NOW, alerts_in, budget_event
from tests.pipeline.evaluate.fakes import FakeAlerted
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import FakeAws

CONFIG = Config(resolved_notices=True)
PERIOD_END = datetime(2026, 12, 1, tzinfo=UTC)


def crossed(limit: float = 10, *, entity: str = "t", **user_info: Any) -> Alert:
    period = {"budget_reset_at": PERIOD_END.isoformat()}
    info = {"spend": limit, "max_budget": limit, "team_id": entity, "team_alias": "Research"} | period | user_info
    (alert,) = alerts_in([budget_event("team_budget", **info)])
    return alert


def listed(alert: Alert) -> dict[str, Alerted]:
    key = alerted_key(alert.gateway, alert.entity.type, alert.entity.id or alert.entity.name)
    return {key: Alerted(key, alert)}


def now_at(limit: float | None, *, spend: float = 10, entity: str = "t", alerted: Alert | None = None) -> list[Any]:
    event = budget_event("team_budget", spend=spend, max_budget=limit, team_id=entity)
    evaluation = evaluate(parse_objects([event]), gateway="gw", config=CONFIG, now=NOW)
    return raised_again(evaluation.readings, gateway="gw", alerted=listed(alerted or crossed()))


RAISED: dict[str, tuple[list[Any], int]] = {
    "a limit that the spend does not reach": (now_at(20), 1),
    "a limit that it is close to": (now_at(10.5), 0),
    "the same limit": (now_at(10, spend=1), 0),
    "a lower limit": (now_at(9, spend=1), 0),
    "no limit any more, which no event can tell from one that is not said": (now_at(None), 0),
    "a budget that has not alerted": (now_at(20, entity="other"), 0),
    "one that alerted for its soft budget": (now_at(20, alerted=crossed(10, spend=5, max_budget=100, soft_budget=5)), 0),
}


@pytest.mark.parametrize(("found", "count"), RAISED.values(), ids=RAISED)
def test_which_limits_were_raised(found: list[Any], count: int) -> None:
    assert len(found) == count


def test_a_budget_named_by_its_name_alone_is_found_by_it() -> None:
    assert alerted_key("gw", "team", "Research") != alerted_key("gw", "team", "t") != alerted_key("gw", "user", "t")


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        pytest.param(crossed(), PERIOD_END, id="its period ends"),
        pytest.param(crossed(budget_reset_at=None), NOW + timedelta(days=1), id="no period is named"),
        pytest.param(
            crossed(budget_reset_at=(NOW - timedelta(seconds=1)).isoformat()), NOW + timedelta(days=1), id="its period is over"
        ),
    ],
)
def test_when_a_budget_is_looked_at_again(alert: Alert, expected: datetime) -> None:
    assert due_at(alert, now=NOW, config=CONFIG) == expected


class TestResolution:
    def test_a_reset_begins_at_nothing(self) -> None:
        ((_, alerted),) = listed(crossed()).items()
        claim, alert = resolution(alerted, reading=None, now=PERIOD_END, request_id="r", config=CONFIG)
        assert alert.budget is not None
        assert (alert.message, alert.is_resolved, alert.level) == ("was reset", True, "Low")
        assert (alert.budget.spend, alert.budget.limit, alert.budget.resets_at) == (Decimal(0), Decimal(10), None)
        assert claim.outbox == alert.model_dump_json()

    def test_each_alert_is_resolved_once_and_by_whichever_way_comes_first(self) -> None:
        ((_, alerted),) = listed(crossed()).items()
        ((_, reading),) = now_at(20)
        keys = {
            resolution(alerted, reading=given, now=NOW, request_id=request, config=CONFIG)[0].key
            for given, request in ((None, "a"), (reading, "b"))
        }
        assert len(keys) == 1
        ((_, another),) = listed(crossed(20)).items()
        assert resolution(another, reading=None, now=NOW, request_id="c", config=CONFIG)[0].key not in keys


class TestKnownAlerted:
    def test_the_list_is_read_once_a_minute(self) -> None:
        budgets, known = FakeAlerted(), KnownAlerted()
        budgets.note(crossed(), due_at=PERIOD_END)
        for seconds in (0, 30, 59):
            assert len(known.by_key(budgets=lambda: budgets, now=NOW + timedelta(seconds=seconds))) == 1
        assert budgets.reads == 1
        known.by_key(budgets=lambda: budgets, now=NOW + READ_EVERY)
        assert budgets.reads == 2

    def test_a_list_that_could_not_be_read_is_read_the_next_time(self) -> None:
        budgets, known = FakeAlerted(), KnownAlerted()
        budgets.note(crossed(), due_at=PERIOD_END)
        budgets.unavailable = {"read"}
        with pytest.raises(DependencyUnavailable):
            known.by_key(budgets=lambda: budgets, now=NOW)
        budgets.unavailable = set()
        assert len(known.by_key(budgets=lambda: budgets, now=NOW)) == 1


class TestDynamoDB:
    @pytest.fixture
    def budgets(self, fake_aws: FakeAws) -> DynamoDBAlertedBudgets:  # noqa: F811
        good = {"pk": {"S": "alerted#00000001"}, "alert": {"S": crossed().model_dump_json()}}
        other = {"pk": {"S": "alerted#00000002"}, "alert": {"S": '{"of": "another version"}'}}

        def answer(query: dict[str, Any]) -> dict[str, Any]:
            is_first = query["ExpressionAttributeValues"][":shard"]["S"] == "alerted-0"
            return {"Items": [other, good] if is_first else []}

        fake_aws.answers |= {"Query": answer, "DeleteItem": {}}
        return DynamoDBAlertedBudgets(AlertsTable(aws_client("dynamodb"), name="alerts"))

    def test_one_that_cannot_be_read_stops_no_request(self, budgets: DynamoDBAlertedBudgets) -> None:
        assert [alerted.key for alerted in budgets.read(now=NOW)] == ["alerted#00000001"]

    def test_one_that_cannot_be_read_leaves_the_agenda(
        self,
        budgets: DynamoDBAlertedBudgets,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        assert [alerted.key for alerted in budgets.due(now=NOW)] == ["alerted#00000001"]
        deleted = [asked["Key"]["pk"]["S"] for name, asked in fake_aws.calls if name == "DeleteItem"]
        assert deleted == ["alerted#00000002"]
