from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from evaluate.outages import (
    MAJOR,
    MINOR,
    Counted,
    DynamoDBOutageCounts,
    Errors,
    Place,
    errors_in,
    is_outage_error,
    outage_in,
    region_of,
)
from evaluate.table import AlertsTable
from gateway_alerts.alert_types import OUTAGE_ALERTS, REGION_OUTAGE_ALERTS
from gateway_alerts.aws import aws_client
from gateway_alerts.config import Config
from gateway_alerts.events import RequestLog
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DEPLOYMENT = Place(OUTAGE_ALERTS, "openai", "d-1")
REGION = Place(REGION_OUTAGE_ALERTS, "vertex_ai", "us-central1")


def log(code: str = "500", **fields: Any) -> RequestLog:
    base = {"litellm_call_id": "c", "status": "failure", "model_id": "d-1", "custom_llm_provider": "openai"}
    return RequestLog.model_validate(base | {"error_information": {"error_code": code}} | fields)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("408", True), ("500", True), ("503", True), ("599", True), ("429", False), ("400", False), ("", False), ("abc", False)],
)
def test_which_errors_count_towards_an_outage(code: str, expected: bool) -> None:
    assert is_outage_error(log(code)) is expected


def test_a_request_that_succeeded_never_does() -> None:
    assert not is_outage_error(log(status="success"))


@pytest.mark.parametrize(
    ("api_base", "region"),
    [
        ("https://us-central1-aiplatform.googleapis.com/v1/projects/p", "us-central1"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://bedrock-runtime.us-gov-west-1.amazonaws.com/model", "us-gov-west-1"),
        ("https://swedencentral.api.cognitive.microsoft.com/", "swedencentral"),
        ("https://my-model.eastus2.models.ai.azure.com", "eastus2"),
        ("https://api.openai.com", None),
        ("https://my-resource.openai.azure.com", None),
        ("", None),
        ("http://[broken", None),
    ],
)
def test_the_region_in_an_address(api_base: str, region: str | None) -> None:
    assert region_of(api_base) == region


def test_errors_are_gathered_by_deployment_and_by_region() -> None:
    base = "https://us-central1-aiplatform.googleapis.com"
    found = errors_in(
        [log(), log("408"), log(model_id="d-2", api_base=base), log(model_id="d-3", api_base=base), log("429")],
        gateway="prod",
        config=Config(),
        now=NOW,
    )
    assert [(errors.place.alert_type, errors.place.id, len(errors.at), len(errors.deployments)) for errors in found] == [
        (OUTAGE_ALERTS, "d-1", 2, 1),
        (OUTAGE_ALERTS, "d-2", 1, 1),
        (REGION_OUTAGE_ALERTS, "us-central1", 2, 2),
        (OUTAGE_ALERTS, "d-3", 1, 1),
    ]
    assert found[0].kinds == {"server errors": 1, "time-outs": 1}


def test_a_deployment_without_an_id_is_its_model_and_address() -> None:
    places = {
        errors.place.id
        for base in ("https://a", "https://b")
        for errors in errors_in([log(model_id=None, model_group="m", api_base=base)], gateway="g", config=Config(), now=NOW)
    }
    assert len(places) == 2


@pytest.mark.parametrize(("off", "left"), [(OUTAGE_ALERTS, []), (REGION_OUTAGE_ALERTS, [OUTAGE_ALERTS])])
def test_a_type_that_is_off_counts_nothing(off: str, left: list[str]) -> None:
    config = Config(alert_types=[name for name in (OUTAGE_ALERTS, REGION_OUTAGE_ALERTS) if name != off])
    assert [errors.place.alert_type for errors in errors_in([log()], gateway="g", config=config, now=NOW)] == left


@pytest.mark.parametrize(("age_seconds", "count"), [(0, 1), (59, 1), (60, 0), (86_400, 0)])
def test_an_error_that_is_told_of_after_its_window_does_not_count(age_seconds: int, count: int) -> None:
    """It could end an outage that goes on: the count keeps when the last error was."""
    found = errors_in([log(endTime=NOW.timestamp() - age_seconds)], gateway="g", config=Config(), now=NOW)
    assert len(found) == count


def counted(*ages: int, seen: dict[str, int] | None = None) -> Counted:
    """One error at each age in seconds."""
    slots: dict[datetime, int] = {}
    for age in ages:
        slot = NOW - timedelta(seconds=age)
        slots[slot] = slots.get(slot, 0) + 1
    erred = {name: NOW - timedelta(seconds=age) for name, age in (seen or {}).items()}
    return Counted(NOW - timedelta(seconds=max(ages, default=0)), slots, erred, (("server errors", len(ages)),))


OUTAGES: dict[str, tuple[Place, Counted, Decimal | None]] = {
    "four errors are none": (DEPLOYMENT, counted(1, 2, 3, 4), None),
    "five are minor": (DEPLOYMENT, counted(1, 2, 3, 4, 5), MINOR),
    "nine are minor": (DEPLOYMENT, counted(*range(1, 10)), MINOR),
    "ten are major": (DEPLOYMENT, counted(*range(1, 11)), MAJOR),
    "five of which one is too old are none": (DEPLOYMENT, counted(1, 2, 3, 4, 60), None),
    "five in a region of one deployment are none": (REGION, counted(1, 2, 3, 4, 5, seen={"a": 1}), None),
    "five in a region of two are minor": (REGION, counted(1, 2, 3, 4, 5, seen={"a": 1, "b": 5}), MINOR),
    "five in a region whose other deployment is well again are none": (
        REGION,
        counted(1, 2, 3, 4, 5, seen={"a": 1, "b": 61}),
        None,
    ),
}


@pytest.mark.parametrize(("place", "counts", "rung"), OUTAGES.values(), ids=OUTAGES)
def test_what_makes_an_outage(place: Place, counts: Counted, rung: Decimal | None) -> None:
    outage = outage_in(counts, place, gateway="prod", config=Config(), now=NOW)
    assert (None if outage is None else outage.rung) == rung


def test_the_operators_thresholds_count() -> None:
    config = Config.model_validate({"alerting_args": {"minor_outage_alert_threshold": 1, "major_outage_alert_threshold": 2}})
    outage = outage_in(counted(1), DEPLOYMENT, gateway="prod", config=config, now=NOW)
    assert outage is not None
    assert outage.rung == MINOR


def test_each_outage_of_a_place_is_claimed_for_itself() -> None:
    first = outage_in(counted(1, 2, 3, 4, 5), DEPLOYMENT, gateway="a", config=Config(), now=NOW)
    again = outage_in(counted(1, 2, 3, 4, 6), DEPLOYMENT, gateway="b", config=Config(), now=NOW)
    assert first is not None
    assert again is not None
    assert first.claim_key != again.claim_key
    assert first._replace(gateway="b").claim_key == first.claim_key


class TestDynamoDB:
    #: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    MAX_EXPRESSION_BYTES = 4_096

    @pytest.fixture
    def counts(self, fake_aws: FakeAws) -> DynamoDBOutageCounts:  # noqa: F811
        fake_aws.answers |= {"UpdateItem": {}, "DeleteItem": {}}
        return DynamoDBOutageCounts(AlertsTable(aws_client("dynamodb"), name="alerts"))

    def test_a_region_of_a_thousand_deployments_fits_into_one_write(
        self,
        counts: DynamoDBOutageCounts,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        base = "https://us-central1-aiplatform.googleapis.com"
        logs = [log(model_id=f"d-{n}", api_base=base, endTime=NOW.timestamp() - n / 20) for n in range(1_000)]
        config = Config(alert_types=[REGION_OUTAGE_ALERTS])
        (errors,) = errors_in(logs, gateway="g", config=config, now=NOW)
        assert len(errors.deployments) == 1_000
        counts.count(errors, window_seconds=60, quiet_seconds=300, now=NOW)
        ((_, asked),) = fake_aws.calls
        assert len(asked["UpdateExpression"].encode()) <= self.MAX_EXPRESSION_BYTES
        noted = [name for name in asked["ExpressionAttributeNames"].values() if name.startswith("seen_")]
        assert len(noted) >= 2

    def test_an_item_that_was_forgotten_meanwhile_is_not_brought_back(
        self,
        counts: DynamoDBOutageCounts,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        fake_aws.answers["UpdateItem"] = AwsError("ConditionalCheckFailedException")
        last_at = {"N": str(int(NOW.timestamp()) - 1)}
        item = {"pk": {"S": DEPLOYMENT.key}, "last_error_at": last_at, "quiet_seconds": {"N": "300"}}
        assert counts.settle(item, now=NOW) is None
        ((_, asked),) = fake_aws.calls
        assert asked["ConditionExpression"] == "attribute_exists(last_error_at)"

    def test_an_outage_that_went_on_is_not_forgotten(
        self,
        counts: DynamoDBOutageCounts,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        fake_aws.answers["DeleteItem"] = AwsError("ConditionalCheckFailedException")
        outage = outage_in(counted(1, 2, 3, 4, 5), DEPLOYMENT, gateway="g", config=Config(), now=NOW)
        assert outage is not None
        counts.forget(outage)
        ((_, asked),) = fake_aws.calls
        assert asked["ExpressionAttributeValues"] == {":last_at": {"N": str(int(NOW.timestamp()))}}

    def test_old_slots_are_taken_out_and_no_others(
        self,
        counts: DynamoDBOutageCounts,
        fake_aws: FakeAws,  # noqa: F811
    ) -> None:
        moment = int(NOW.timestamp())
        slots = {f"errors_{moment - age}": {"N": "1"} for age in range(0, 600, 6)}
        fake_aws.answers["UpdateItem"] = {"Attributes": slots}
        counts.count(Errors(DEPLOYMENT, "g", [NOW]), window_seconds=60, quiet_seconds=300, now=NOW)
        removed = fake_aws.calls[-1][1]["ExpressionAttributeNames"].values()
        assert set(removed) == {f"errors_{moment - age}" for age in range(126, 600, 6)}
