"""What a person is asked for when deploying, and what the answers change."""

import re
from typing import Any

import pytest

from local.template import PLACEHOLDERS, expanded_template, resource, source_template

FUNCTIONS = ("EvaluateFunction", "NotifyFunction")


def test_the_parameters_are_those_that_the_design_fixes() -> None:
    parameters = source_template()["Parameters"]
    assert set(parameters) == {
        "SlackWebhookUrl",
        "IngestToken",
        "BatchWindowSeconds",
        "BatchSize",
        "Architecture",
        "MaxEvaluateConcurrency",
        "AlarmEmail",
        "EventBusName",
        "LogLevel",
        "RequestLogGateway",
    }
    assert {name for name, parameter in parameters.items() if parameter.get("NoEcho")} == {"SlackWebhookUrl", "IngestToken"}
    assert all(parameter["Description"] for parameter in parameters.values())


def test_only_the_secrets_must_be_given() -> None:
    parameters = source_template()["Parameters"]
    assert {name for name, parameter in parameters.items() if "Default" not in parameter} == set(PLACEHOLDERS)


def test_the_logical_ids_that_others_rely_on_exist(resources: dict[str, Any]) -> None:
    fixed = {"EvaluateFunction", "NotifyFunction", "AlertsTable", "AlertsQueue", "AlertsDeadLetterQueue", "HttpApi"}
    assert fixed <= set(resources)
    assert "CommonLayer" in source_template()["Resources"]


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_functions_layer_and_its_build_are_of_one_architecture(architecture: str) -> None:
    template = expanded_template(Architecture=architecture)
    for name in FUNCTIONS:
        assert resource(template, name)["Architectures"] == [architecture]
    layers = [body for body in template["Resources"].values() if body["Type"] == "AWS::Lambda::LayerVersion"]
    assert [layer["Properties"]["CompatibleArchitectures"] for layer in layers] == [[architecture]]
    # Without it SAM fetches x86_64 wheels whatever the functions run on.
    assert source_template()["Resources"]["CommonLayer"]["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}


def test_arm64_is_the_default() -> None:
    assert source_template()["Parameters"]["Architecture"]["Default"] == "arm64"


def test_the_batch_is_what_its_parameters_say() -> None:
    mapping = resource(expanded_template(BatchSize=7, BatchWindowSeconds=3), "NotifyFunctionAlertBatch")
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (7, 3)


def test_the_ceiling_is_for_evaluation_only_and_for_those_who_ask() -> None:
    ceilings = {
        given: [resource(expanded_template(**given_to), name).get("ReservedConcurrentExecutions") for name in FUNCTIONS]
        for given, given_to in ((None, {}), (0, {"MaxEvaluateConcurrency": 0}), (50, {"MaxEvaluateConcurrency": 50}))
    }

    # NotifyFunction's is its mapping's: throttled, it would push messages towards the dead-letter queue.
    assert ceilings == {None: [None, None], 0: [None, None], 50: [50, None]}


def test_no_address_no_subscription() -> None:
    assert "AlarmEmailSubscription" not in expanded_template()["Resources"]
    subscription = resource(expanded_template(AlarmEmail="ops@example.com"), "AlarmEmailSubscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")


@pytest.mark.parametrize(
    ("token", "accepted"),
    [
        ("0123456789abcdef", True),
        ("prod=0123456789abcdef,staging=fedcba9876543210", True),
        ("a token with spaces in it", False),
        ("slash/0123456789abcdef", False),
        ("percent%0123456789abcdef", False),
    ],
)
def test_a_token_can_stand_in_a_url(token: str, accepted: bool) -> None:
    parameter = source_template()["Parameters"]["IngestToken"]
    assert bool(re.search(parameter["AllowedPattern"], token)) is accepted
    assert parameter["MinLength"] >= 8


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(KeyError, match="BatchSiz"):
        expanded_template(BatchSiz=5)


def test_the_outputs_hold_what_a_person_pastes(template: dict[str, Any]) -> None:
    outputs = {name: output["Value"] for name, output in template["Outputs"].items()}
    assert outputs["WebhookUrl"]["Fn::Sub"].endswith("/events/YOUR_TOKEN")
    assert outputs["EventsUrl"]["Fn::Sub"].endswith("/events")
    assert outputs["EventBus"] == "default"
    assert {
        "HealthUrl",
        "ConfigParameterName",
        "SecretsPrefix",
        "AlertsTableName",
        "AlertsQueueUrl",
        "AlertsDeadLetterQueueUrl",
        "EventsDeadLetterQueueUrl",
        "AlarmTopicArn",
    } <= set(outputs)
    assert all(output["Description"] for output in template["Outputs"].values())
