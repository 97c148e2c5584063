import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from local.ministack import Ministack, running_ministack
from local.resources import Resources, UnknownResource

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Environment": {
                    "Variables": {
                        "TABLE": {"Ref": "Table"},
                        "QUEUE": {"Ref": "Queue"},
                        "SECRET": {"Ref": "Secret"},
                        "PARAMETER": {"Ref": "Parameter"},
                        "NAME": {"Fn::GetAtt": ["Queue", "QueueName"]},
                        "EMPTY": "",
                    }
                }
            },
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 77,
                "SqsManagedSseEnabled": True,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 4},
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "at", "AttributeType": "N"},
                ],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "by-time",
                        "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                ],
                "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            },
        },
        "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/stack/config", "Type": "String", "Value": "{}"}},
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "stack-secret", "SecretString": "hush"}},
        "Topic": {"Type": "AWS::SNS::Topic"},
    }
}


@pytest.fixture(scope="module")
def ministack() -> Iterator[Ministack]:
    with running_ministack() as running:
        yield running


@pytest.fixture
def resources(ministack: Ministack) -> Iterator[Resources]:
    ministack.reset()
    with closing(Resources(TEMPLATE, ministack.endpoint_url)) as made:
        yield made


def test_a_table_has_its_keys_its_index_and_its_expiry(resources: Resources) -> None:
    dynamodb = resources.client("dynamodb")
    table = dynamodb.describe_table(TableName=resources.ref("Table"))["Table"]
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by-time"]
    expiry = dynamodb.describe_time_to_live(TableName=resources.ref("Table"))["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_queue_has_its_properties_and_its_dead_letter_queue(resources: Resources) -> None:
    sqs = resources.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=resources.ref("Queue"), AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "77"
    assert attributes["SqsManagedSseEnabled"] == "true"
    assert json.loads(attributes["RedrivePolicy"]) == {"deadLetterTargetArn": resources.arn("Dead"), "maxReceiveCount": 4}


def test_a_functions_environment_refers_to_what_was_made(resources: Resources) -> None:
    environment = resources.environment("Function")
    assert environment == {
        "TABLE": "gateway-alerts-Table",
        "QUEUE": f"{resources.endpoint_url}/000000000000/gateway-alerts-Queue",
        "SECRET": resources.arn("Secret"),
        "PARAMETER": "/stack/config",
        "NAME": "gateway-alerts-Queue",
        "EMPTY": "",
    }
    secrets, parameters = resources.client("secretsmanager"), resources.client("ssm")
    assert secrets.get_secret_value(SecretId=environment["SECRET"])["SecretString"] == "hush"
    assert parameters.get_parameter(Name=environment["PARAMETER"])["Parameter"]["Value"] == "{}"


def test_what_is_not_made_here_is_named(resources: Resources) -> None:
    with pytest.raises(UnknownResource, match=r"Topic.*AWS::SNS::Topic"):
        resources.ref("Topic")


def test_resources_of_a_type_are_listed(resources: Resources) -> None:
    assert list(resources.of_type("AWS::SQS::Queue")) == ["Queue", "Dead"]
