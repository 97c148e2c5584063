"""The reach of every role: a literal table of actions and resources, and no more than the code calls."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.template import resource

ROOT = Path(__file__).resolve().parents[2]
ROLES = (
    "EvaluateFunctionRole",
    "NotifyFunctionRole",
    "EvaluateFunctionSweepOutboxRole",
    "EvaluateFunctionCanaryRole",
    "EvaluateFunctionReportsRole",
)

_SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gateway-alerts"
_PARAMETER = "arn:aws:ssm:us-east-1:000000000000:parameter"
#: All that a stack called gateway-alerts may do: role → (action, resource). ``Name.Arn`` is the ARN of that resource.
RIGHTS: dict[str, set[tuple[str, str]]] = {
    "EvaluateFunctionRole": {
        ("dynamodb:Query", "AlertsTable.Arn/index/outbox-index"),
        ("dynamodb:DeleteItem", "AlertsTable.Arn"),
        ("dynamodb:UpdateItem", "AlertsTable.Arn"),
        ("dynamodb:GetItem", "UsageTable.Arn"),
        ("dynamodb:PutItem", "UsageTable.Arn"),
        ("dynamodb:Query", "UsageTable.Arn"),
        ("dynamodb:UpdateItem", "UsageTable.Arn"),
        ("dynamodb:DeleteItem", "UsageTable.Arn"),
        ("logs:CreateLogStream", "EvaluateFunctionLogGroup.Arn"),
        ("logs:PutLogEvents", "EvaluateFunctionLogGroup.Arn"),
        ("secretsmanager:GetSecretValue", f"{_SECRET}-ingest-tokens-??????"),
        ("sqs:SendMessage", "AlertsQueue.Arn"),
        ("sqs:SendMessage", "EventsDeadLetterQueue.Arn"),
        ("sqs:DeleteMessage", "RequestLogQueue.Arn"),
        ("sqs:GetQueueAttributes", "RequestLogQueue.Arn"),
        ("sqs:ReceiveMessage", "RequestLogQueue.Arn"),
        ("ssm:GetParameter", f"{_PARAMETER}ConfigParameter"),
    },
    "NotifyFunctionRole": {
        ("dynamodb:Query", "AlertsTable.Arn"),
        ("dynamodb:UpdateItem", "AlertsTable.Arn"),
        ("logs:CreateLogStream", "NotifyFunctionLogGroup.Arn"),
        ("logs:PutLogEvents", "NotifyFunctionLogGroup.Arn"),
        ("secretsmanager:GetSecretValue", f"{_SECRET}-slack-webhook-??????"),
        ("secretsmanager:GetSecretValue", f"{_SECRET}/*"),
        ("sqs:ChangeMessageVisibility", "AlertsQueue.Arn"),
        ("sqs:DeleteMessage", "AlertsQueue.Arn"),
        ("sqs:GetQueueAttributes", "AlertsQueue.Arn"),
        ("sqs:ReceiveMessage", "AlertsQueue.Arn"),
        ("sqs:SendMessage", "AlertsDeadLetterQueue.Arn"),
        ("sns:Publish", "arn:aws:sns:us-east-1:000000000000:gateway-alerts-*"),
        ("ssm:GetParameter", f"{_PARAMETER}/gateway-alerts/*"),
    },
    "EvaluateFunctionSweepOutboxRole": {("lambda:InvokeFunction", "EvaluateFunction.Arn")},
    "EvaluateFunctionReportsRole": {("lambda:InvokeFunction", "EvaluateFunction.Arn")},
    "EvaluateFunctionCanaryRole": {("lambda:InvokeFunction", "EvaluateFunction.Arn")},
}


def _statements(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in properties.get("Policies", []):
        statements = policy["PolicyDocument"]["Statement"]
        yield from statements if isinstance(statements, list) else [statements]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _actions(template: dict[str, Any], role: str) -> set[str]:
    return {action for statement in _statements(resource(template, role)) for action in _listed(statement["Action"])}


def _target(value: Any) -> str:
    """A resource as the table of rights spells it."""
    match value:
        case str():
            return value
        case {"Fn::GetAtt": [name, "Arn"]}:
            return f"{name}.Arn"
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w.]+)\}", r"\1", text)
    raise AssertionError(f"a resource that this test cannot read: {value}")


def _rights(template: dict[str, Any], role: str) -> list[tuple[str, str]]:
    return [
        (action, _target(target))
        for statement in _statements(resource(template, role))
        for action in _listed(statement["Action"])
        for target in _listed(statement["Resource"])
    ]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_exactly_what_the_table_says(template: dict[str, Any], role: str) -> None:
    rights = _rights(template, role)
    assert set(rights) == RIGHTS[role]
    assert len(rights) == len(set(rights)), "a right is given twice"


def test_the_roles_are_these(resources: dict[str, Any]) -> None:
    assert {name for name, body in resources.items() if body["Type"] == "AWS::IAM::Role"} == set(ROLES)
    assert not any(body["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} for body in resources.values())


@pytest.mark.parametrize("function", ["EvaluateFunction", "NotifyFunction"])
def test_each_function_has_the_role_that_is_written_for_it(template: dict[str, Any], function: str) -> None:
    assert resource(template, function)["Role"] == {"Fn::GetAtt": [f"{function}Role", "Arn"]}


@pytest.mark.parametrize("role", ROLES)
def test_no_role_borrows_a_managed_policy(template: dict[str, Any], role: str) -> None:
    assert not resource(template, role).get("ManagedPolicyArns")


@pytest.mark.parametrize("role", ROLES)
def test_actions_are_named_one_by_one(template: dict[str, Any], role: str) -> None:
    statements = list(_statements(resource(template, role)))
    assert statements
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert not any("*" in action or "?" in action for action in _listed(statement["Action"]))
        assert "NotAction" not in statement


@pytest.mark.parametrize("role", ROLES)
def test_resources_are_limited_to_this_stack(template: dict[str, Any], role: str) -> None:
    for statement in _statements(resource(template, role)):
        assert "NotResource" not in statement
        for target in _listed(statement["Resource"]):
            text = target if isinstance(target, str) else json.dumps(target)
            is_this_stacks = "gateway-alerts" in text or "Fn::GetAtt" in text or "${AlertsTable.Arn}" in text
            is_its_own_parameter = text == json.dumps(
                {"Fn::Sub": "arn:aws:ssm:us-east-1:000000000000:parameter${ConfigParameter}"}
            )
            assert is_this_stacks or is_its_own_parameter, statement
            assert text != "*"


#: What IAM asks for, by the client's method that the code calls.
ACTION_OF_CALL = {
    "get_item": "dynamodb:GetItem",
    "put_item": "dynamodb:PutItem",
    "update_item": "dynamodb:UpdateItem",
    "delete_item": "dynamodb:DeleteItem",
    "query": "dynamodb:Query",
    "scan": "dynamodb:Scan",
    "batch_get_item": "dynamodb:BatchGetItem",
    "batch_write_item": "dynamodb:BatchWriteItem",
    "send_message": "sqs:SendMessage",
    "send_message_batch": "sqs:SendMessage",
    "change_message_visibility": "sqs:ChangeMessageVisibility",
    "change_message_visibility_batch": "sqs:ChangeMessageVisibility",
}
#: What Lambda itself does in a function's name.
ACTIONS_OF_LAMBDA = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}


@pytest.mark.parametrize(("role", "package"), [("EvaluateFunctionRole", "evaluate"), ("NotifyFunctionRole", "notify")])
def test_a_function_may_do_what_its_code_calls_and_no_more(template: dict[str, Any], role: str, package: str) -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "functions" / package).rglob("*.py"))
    called = {action for call, action in ACTION_OF_CALL.items() if re.search(rf"(\.|\"){call}(\(|\")", code)}
    granted = {action for action in _actions(template, role) if action.startswith(("dynamodb:", "sqs:"))}
    assert granted - ACTIONS_OF_LAMBDA == called


def _secrets(template: dict[str, Any], role: str) -> set[str]:
    return {
        target.rpartition(":secret:")[2]
        for statement in _statements(resource(template, role))
        if statement["Action"] == "secretsmanager:GetSecretValue"
        for target in _listed(statement["Resource"])
    }


def test_each_function_reads_its_own_secret_and_notify_what_the_configuration_may_name(template: dict[str, Any]) -> None:
    assert _secrets(template, "EvaluateFunctionRole") == {"gateway-alerts-ingest-tokens-??????"}
    assert _secrets(template, "NotifyFunctionRole") == {"gateway-alerts-slack-webhook-??????", "gateway-alerts/*"}
    assert resource(template, "IngestTokensSecret")["Name"] == "gateway-alerts-ingest-tokens"
    assert resource(template, "SlackWebhookSecret")["Name"] == "gateway-alerts-slack-webhook"


@pytest.mark.parametrize("role", ["EvaluateFunctionRole", "NotifyFunctionRole"])
def test_only_lambda_takes_on_a_functions_role(template: dict[str, Any], role: str) -> None:
    (statement,) = resource(template, role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_nobody_is_allowed_anything_by_wildcard_principal(resources: dict[str, Any]) -> None:
    for body in resources.values():
        if body["Type"] != "AWS::SQS::QueuePolicy":
            continue
        for statement in body["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Principal"] != "*"
                assert statement["Action"] == "sqs:SendMessage"
