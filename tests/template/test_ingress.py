"""The ways in: routes, rule, schedule; and that no way in leaks a token or loses an event silently."""

import json
import re
from typing import Any

import pytest

from evaluate.ingress import is_schedule, read_request
from local.template import resource

#: The defaults of an account (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
ACCOUNT_REQUESTS_PER_SECOND = 10_000
ACCOUNT_BURST_REQUESTS = 5_000


def test_the_routes(template: dict[str, Any]) -> None:
    paths = resource(template, "HttpApi")["Body"]["paths"]
    routes = {(method, path) for path, methods in paths.items() for method in methods}
    assert routes == {
        ("post", "/events"),
        ("post", "/events/{token}"),
        ("post", "/services/{token+}"),
        ("get", "/health"),
    }
    for methods in paths.values():
        for route in methods.values():
            assert route["x-amazon-apigateway-integration"]["payloadFormatVersion"] == "2.0"


def test_the_access_log_cannot_hold_a_token(template: dict[str, Any]) -> None:
    settings = resource(template, "HttpApiApiGatewayDefaultStage")["AccessLogSettings"]
    variables = set(re.findall(r"\$context\.([\w.]+)", settings["Format"]))
    assert variables == {
        "requestTime",
        "requestId",
        "routeKey",
        "status",
        "identity.sourceIp",
        "responseLength",
        "responseLatency",
        "integration.status",
    }
    assert json.loads(settings["Format"])["route"] == "$context.routeKey"
    assert settings["DestinationArn"] == {"Fn::GetAtt": ["HttpApiLogGroup", "Arn"]}


def test_the_stage_refuses_nothing_that_an_account_takes(template: dict[str, Any]) -> None:
    """It would answer 429, which LiteLLM drops; the ceiling is ``MaxEvaluateConcurrency``."""
    settings = resource(template, "HttpApiApiGatewayDefaultStage")["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] >= ACCOUNT_REQUESTS_PER_SECOND
    assert settings["ThrottlingBurstLimit"] >= ACCOUNT_BURST_REQUESTS


def test_the_rule_takes_our_source_from_the_bus_that_was_named(template: dict[str, Any]) -> None:
    rule = resource(template, "EvaluateFunctionGatewayEvents")
    assert rule["EventBusName"] == "default"
    assert rule["EventPattern"] == {"source": ["llm-gateway"]}
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]}}


def test_only_that_rule_may_put_into_the_dead_letter_queue(template: dict[str, Any]) -> None:
    statements = resource(template, "EventsDeadLetterQueuePolicy")["PolicyDocument"]["Statement"]
    (allow,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["EvaluateFunctionGatewayEvents", "Arn"]}}}


def test_the_sweep_runs_each_minute(template: dict[str, Any]) -> None:
    schedule = resource(template, "EvaluateFunctionSweepOutbox")
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert json.loads(schedule["Target"]["Input"]) == {"schedule": "sweep_outbox"}
    assert schedule.get("State", "ENABLED") == "ENABLED"
    assert "Name" not in schedule, "a fixed name would let only one stack live in an account"


def test_the_canary_is_sent_every_five_minutes_and_asks_for_nothing(template: dict[str, Any]) -> None:
    schedule = resource(template, "EvaluateFunctionCanary")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert json.loads(schedule["Target"]["Input"]) == {"schedule": "canary"}
    assert schedule.get("State", "ENABLED") == "ENABLED"
    assert "Name" not in schedule, "a fixed name would let only one stack live in an account"


@pytest.mark.parametrize("schedule", ["EvaluateFunctionSweepOutbox", "EvaluateFunctionCanary"])
def test_a_schedule_that_fails_leaves_nothing_among_the_events_that_are_kept(template: dict[str, Any], schedule: str) -> None:
    target = resource(template, schedule)["Target"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert "DeadLetterConfig" not in target


def test_every_schedule_asks_for_something_that_the_function_knows(resources: dict[str, Any]) -> None:
    for body in resources.values():
        if body["Type"] == "AWS::Scheduler::Schedule":
            event = json.loads(body["Properties"]["Target"]["Input"])
            assert is_schedule(event)
            read_request(event, tokens=lambda: pytest.fail("no token"))


def test_what_fails_when_invoked_asynchronously_is_kept(template: dict[str, Any]) -> None:
    config = resource(template, "EvaluateFunctionEventInvokeConfig")
    assert config["MaximumRetryAttempts"] == 2
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["EventsDeadLetterQueue", "Arn"]}


@pytest.mark.parametrize("way_in", ["PostEvents", "PostEventsWithToken", "GetHealth", "GatewayEvents"])
def test_whoever_may_invoke_is_named(template: dict[str, Any], way_in: str) -> None:
    permission = resource(template, f"EvaluateFunction{way_in}Permission")
    assert permission["FunctionName"] == {"Ref": "EvaluateFunction"}
    assert permission["SourceArn"]
