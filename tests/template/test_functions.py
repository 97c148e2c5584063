"""Both functions: handler, environment, logs; and that code and template name the same variables."""

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.template import PLACEHOLDERS, resource, source_template
from notify.gates import HOLD_MILLIS

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = {"EvaluateFunction": "evaluate", "NotifyFunction": "notify"}

#: Read by Powertools, Pydantic and botocore, not by us.
READ_BY_LIBRARIES = {
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_LOG_LEVEL",
    "PYDANTIC_DISABLE_PLUGINS",
    "MALLOC_TOP_PAD_",
    "AWS_ENDPOINT_URL",
}
#: `sam local` and the local stack override these, which only declared variables allow; on AWS they stay empty.
EMPTY_ON_AWS = {"CONFIG", "AWS_ENDPOINT_URL", "INGEST_TOKENS", "SLACK_WEBHOOK_URL"}


class _Recording(Mapping[str, str]):
    """An environment in which everything is set, and that remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return "1"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _environment(template: dict[str, Any], function: str) -> dict[str, Any]:
    return resource(template, function)["Environment"]["Variables"]


@pytest.mark.parametrize(("function", "package"), FUNCTIONS.items())
def test_every_variable_that_is_read_is_declared_and_no_other(template: dict[str, Any], function: str, package: str) -> None:
    environment = _Recording()
    importlib.import_module(f"{package}.settings").Settings.read(environment)
    assert set(_environment(template, function)) == environment.asked | READ_BY_LIBRARIES


@pytest.mark.parametrize(("function", "package"), FUNCTIONS.items())
def test_the_handler_exists_and_its_package_keeps_its_name(template: dict[str, Any], function: str, package: str) -> None:
    assert resource(template, function)["Handler"] == f"{package}.app.lambda_handler"
    assert "def lambda_handler(" in (ROOT / "functions" / package / "app.py").read_text()
    source = source_template()["Resources"][function]
    assert source["Properties"]["CodeUri"] == f"functions/{package}"
    assert source["Metadata"]["BuildProperties"] == {"ParentPackageMode": "explicit", "ParentPackages": package}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_for_this_machine_only_is_empty_on_aws(template: dict[str, Any], function: str) -> None:
    environment = _environment(template, function)
    assert {name for name, value in environment.items() if value == ""} == EMPTY_ON_AWS & set(environment)


def test_secrets_are_handed_on_by_reference_only(template: dict[str, Any]) -> None:
    assert _environment(template, "EvaluateFunction")["INGEST_TOKENS_SECRET_ARN"] == {"Ref": "IngestTokensSecret"}
    assert _environment(template, "NotifyFunction")["SLACK_WEBHOOK_SECRET_ARN"] == {"Ref": "SlackWebhookSecret"}
    holders = {
        name
        for name, body in template["Resources"].items()
        if any(secret in json.dumps(body) for secret in PLACEHOLDERS.values())
    }
    assert holders == {"IngestTokensSecret", "SlackWebhookSecret"}
    assert not any(secret in json.dumps(template["Outputs"]) for secret in PLACEHOLDERS.values())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_logs_to_a_group_that_forgets(template: dict[str, Any], function: str) -> None:
    group = resource(template, function)["LoggingConfig"]["LogGroup"]["Ref"]
    assert resource(template, group)["RetentionInDays"] == 30


def test_every_log_group_forgets(resources: dict[str, Any]) -> None:
    groups = [body["Properties"] for body in resources.values() if body["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) == 3
    assert all(group["RetentionInDays"] for group in groups)


def test_the_time_outs_fit_their_callers(template: dict[str, Any]) -> None:
    http_api_gives_up_after_seconds = 30
    assert resource(template, "EvaluateFunction")["Timeout"] < http_api_gives_up_after_seconds
    assert resource(template, "NotifyFunction")["Timeout"] == 30


def test_a_gate_is_held_for_longer_than_the_function_may_run(template: dict[str, Any]) -> None:
    assert resource(template, "NotifyFunction")["Timeout"] * 1_000 < HOLD_MILLIS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_runtime_and_memory(template: dict[str, Any], function: str) -> None:
    properties = resource(template, function)
    assert properties["Runtime"] == "python3.13"
    assert properties["MemorySize"] >= 512
    # Throttling pushes messages into the dead-letter queue.
    assert "ReservedConcurrentExecutions" not in properties


def test_the_configuration_starts_empty_in_a_parameter(template: dict[str, Any]) -> None:
    parameter = resource(template, "ConfigParameter")
    assert (parameter["Name"], parameter["Type"], parameter["Value"]) == ("/gateway-alerts/config", "String", "{}")
    for function in FUNCTIONS:
        assert _environment(template, function)["CONFIG_PARAMETER_NAME"] == {"Ref": "ConfigParameter"}


@pytest.mark.parametrize("function", ["EvaluateFunction", "NotifyFunction"])
def test_lambdas_own_lines_are_not_paid_for_and_ours_are_filtered_by_us_alone(template: dict[str, Any], function: str) -> None:
    logging = resource(template, function)["LoggingConfig"]
    assert (logging["LogFormat"], logging["SystemLogLevel"], logging["ApplicationLogLevel"]) == ("JSON", "WARN", "DEBUG")
