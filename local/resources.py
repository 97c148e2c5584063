"""The template's stateful resources, made in the emulator: tables, queues, parameters and secrets.

Every property comes from the expanded template. Physical names are what CloudFormation would choose without its random
ending (``gateway-alerts-AlertsTable``), so that events/env.json can name them.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3

from local.template import PSEUDO_PARAMETERS

REGION = PSEUDO_PARAMETERS["AWS::Region"]
#: No credentials of the machine are used: these are what the emulator takes for its root.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

#: Properties of AWS::DynamoDB::Table that CreateTable takes under the same name.
_TABLE_PROPERTIES = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that exists: what ``Ref`` gives for it, and its ARN."""

    ref: str
    arn: str


class UnknownResource(KeyError):
    """The template refers to something that this does not make."""


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def aws_client(service: str, endpoint_url: str) -> Any:
    """A boto3 client of the emulator, untouched by the machine's own AWS settings. The caller closes it."""
    return _session().client(service, endpoint_url=endpoint_url)


class Resources:
    """The resources of one expanded template in one emulator."""

    def __init__(self, template: Mapping[str, Any], endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self._template = template["Resources"]
        self._made: dict[str, Made] = {}
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._makers = {
            "AWS::DynamoDB::Table": self._make_table,
            "AWS::SQS::Queue": self._make_queue,
            "AWS::SSM::Parameter": self._make_parameter,
            "AWS::SecretsManager::Secret": self._make_secret,
        }
        for logical_id, body in self._template.items():
            if body["Type"] in self._makers:
                self._make(logical_id)

    def client(self, service: str) -> Any:
        """The boto3 client of a service of the emulator that these resources are in; any thread may use it."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = aws_client(service, self.endpoint_url)
            return self._clients[service]

    def close(self) -> None:
        """Close the clients. The resources end with the emulator."""
        for client in self._clients.values():
            client.close()

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The properties that the template gives a resource."""
        properties: dict[str, Any] = self._template[logical_id].get("Properties", {})
        return properties

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of a type, by logical id."""
        return {name: self.properties(name) for name, body in self._template.items() if body["Type"] == resource_type}

    def ref(self, logical_id: str) -> str:
        """A table's name, a queue's URL, a parameter's name, a secret's ARN. Raises UnknownResource."""
        return self._make(logical_id).ref

    def arn(self, logical_id: str) -> str:
        """The ARN of a resource. Raises UnknownResource."""
        return self._make(logical_id).arn

    def environment(self, function: str) -> dict[str, str]:
        """The environment variables that the template gives a function."""
        variables = self.properties(function).get("Environment", {}).get("Variables", {})
        return {name: str(self.resolve(value)) for name, value in variables.items()}

    def resolve(self, node: Any) -> Any:
        """The node with references to resources replaced."""
        match node:
            case {"Ref": str(logical_id)}:
                return self.ref(logical_id)
            case {"Fn::GetAtt": [logical_id, "Arn"]}:
                return self.arn(logical_id)
            case {"Fn::GetAtt": [logical_id, "QueueName"]}:
                return physical_name(logical_id)
            case dict():
                return {key: self.resolve(value) for key, value in node.items()}
            case list():
                return [self.resolve(value) for value in node]
        return node

    def _make(self, logical_id: str) -> Made:
        if logical_id not in self._made:
            body = self._template.get(logical_id, {"Type": "nothing in the template"})
            if body["Type"] == "AWS::Lambda::Function":
                return Made(logical_id, function_arn(logical_id))
            if body["Type"] not in self._makers:
                raise UnknownResource(f"{logical_id}: the local stack makes no {body['Type']}")
            self._made[logical_id] = self._makers[body["Type"]](logical_id, self.resolve(body.get("Properties", {})))
        return self._made[logical_id]

    def _make_table(self, logical_id: str, properties: dict[str, Any]) -> Made:
        dynamodb, name = self.client("dynamodb"), properties.get("TableName", physical_name(logical_id))
        wanted = {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}
        table = dynamodb.create_table(TableName=name, **wanted)["TableDescription"]
        if specification := properties.get("TimeToLiveSpecification"):
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
        return Made(name, table["TableArn"])

    def _make_queue(self, logical_id: str, properties: dict[str, Any]) -> Made:
        sqs, name = self.client("sqs"), properties.pop("QueueName", physical_name(logical_id))
        properties.pop("Tags", None)
        url = sqs.create_queue(QueueName=name, Attributes={key: _text(value) for key, value in properties.items()})["QueueUrl"]
        return Made(url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])

    def _make_parameter(self, logical_id: str, properties: dict[str, Any]) -> Made:
        name = properties.get("Name", physical_name(logical_id))
        self.client("ssm").put_parameter(Name=name, Value=properties["Value"], Type=properties["Type"])
        account = PSEUDO_PARAMETERS["AWS::AccountId"]
        return Made(name, f"arn:aws:ssm:{REGION}:{account}:parameter/{name.removeprefix('/')}")

    def _make_secret(self, logical_id: str, properties: dict[str, Any]) -> Made:
        name = properties.get("Name", physical_name(logical_id))
        secret = self.client("secretsmanager").create_secret(Name=name, SecretString=properties["SecretString"])
        return Made(secret["ARN"], secret["ARN"])


def physical_name(logical_id: str) -> str:
    """The name of a resource that the template leaves unnamed."""
    return f"{PSEUDO_PARAMETERS['AWS::StackName']}-{logical_id}"


def function_arn(logical_id: str) -> str:
    """The ARN that a function would have."""
    return f"arn:aws:lambda:{REGION}:{PSEUDO_PARAMETERS['AWS::AccountId']}:function:{physical_name(logical_id)}"


def _text(value: Any) -> str:
    """A queue attribute as SQS takes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return json.dumps(value)
    return str(value)
