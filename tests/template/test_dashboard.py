"""The dashboard shows curves that exist, and every curve that an alarm is over."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway_alerts import observability
from local.template import resource

ROOT = Path(__file__).resolve().parents[2]
OWN_NAMESPACE = "GatewayAlerts/gateway-alerts"
COLUMNS = 24
NAMES = r"\b(?:[A-Z][a-z]+){2,}\b"


@pytest.fixture(scope="module")
def widgets(template: dict[str, Any]) -> list[dict[str, Any]]:
    body = resource(template, "Dashboard")["DashboardBody"]["Fn::Sub"]
    return json.loads(re.sub(r"\$\{([\w.]+)\}", r"\1", body))["widgets"]


@pytest.fixture(scope="module")
def own_metrics() -> dict[str, set[str]]:
    """Metric names by service, as the module that publishes them lists them."""
    assert observability.__doc__
    table = observability.__doc__.partition("::\n\n")[2]
    evaluate, notify = re.findall(r"    evaluate  (.*)\n    notify    (.*)", table, flags=re.DOTALL)[0]
    names = {"evaluate": re.findall(NAMES, evaluate), "notify": re.findall(NAMES, notify)}
    assert all(names.values())
    return {service: set(found) for service, found in names.items()}


def _metrics(widgets: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Namespace, name and the first dimension's value of every curve; what a search finds, too."""
    for widget in widgets:
        for row in widget["properties"].get("metrics", ()):
            assert isinstance(row, list)
            if isinstance(row[0], dict):
                namespace, name = re.findall(r'\{"([^"]+)",service,.*MetricName="(\w+)"', row[0]["expression"])[0]
                yield namespace, name, ""
            else:
                yield row[0], row[1], row[3]


def test_it_asks_the_three_questions(widgets: list[dict[str, Any]]) -> None:
    questions = [widget["properties"]["markdown"] for widget in widgets if widget["type"] == "text"]
    assert questions == ["## Are alerts flowing?", "## How late?", "## Is anything stuck?"]


def test_its_parts_fill_the_grid_and_do_not_overlap(widgets: list[dict[str, Any]]) -> None:
    cells: set[tuple[int, int]] = set()
    for part in widgets:
        own = {(x, y) for x in range(part["x"], part["x"] + part["width"]) for y in range(part["y"], part["y"] + part["height"])}
        assert not own & cells
        cells |= own
    assert cells == {(x, y) for x in range(COLUMNS) for y in range(len(cells) // COLUMNS)}


def test_every_curve_says_what_it_is_and_how_it_is_summed_up(widgets: list[dict[str, Any]]) -> None:
    for widget in widgets:
        properties = widget["properties"]
        if widget["type"] == "metric":
            assert properties["title"]
            assert properties["region"] == "us-east-1"
            for row in properties["metrics"]:
                assert "label" in row[-1]
                assert "stat" in properties or "stat" in row[-1] or "expression" in row[-1]


def test_every_metric_of_ours_is_shown_and_no_other(widgets: list[dict[str, Any]], own_metrics: dict[str, set[str]]) -> None:
    shown = {name for namespace, name, _ in _metrics(widgets) if namespace == OWN_NAMESPACE}
    assert shown == own_metrics["evaluate"] | own_metrics["notify"]
    for namespace, name, service in _metrics(widgets):
        if namespace == OWN_NAMESPACE and service:
            assert name in own_metrics[service], name


def test_whoever_is_alarmed_by_a_metric_of_ours_sees_its_curve(
    resources: dict[str, Any], widgets: list[dict[str, Any]], own_metrics: dict[str, set[str]]
) -> None:
    shown = {(namespace, name) for namespace, name, _ in _metrics(widgets)}
    alarms = [body["Properties"] for body in resources.values() if body["Type"] == "AWS::CloudWatch::Alarm"]
    own = [alarm for alarm in alarms if alarm["Namespace"] == OWN_NAMESPACE]
    assert {alarm["MetricName"] for alarm in own} == {
        "WaitingSeconds",
        "DestinationsBroken",
        "CanaryDelivered",
        "SchedulesFailed",
    }
    for alarm in own:
        (dimension,) = alarm["Dimensions"]
        assert dimension["Name"] == "service"
        assert alarm["MetricName"] in own_metrics[dimension["Value"]]
        assert (alarm["Namespace"], alarm["MetricName"]) in shown


@pytest.mark.parametrize("function", ["EvaluateFunction", "NotifyFunction"])
def test_metrics_go_where_alarms_and_dashboard_look(template: dict[str, Any], function: str) -> None:
    variables = resource(template, function)["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == OWN_NAMESPACE
    assert variables["POWERTOOLS_SERVICE_NAME"] == function.removesuffix("Function").lower()


@pytest.mark.parametrize("service", ["evaluate", "notify"])
def test_the_list_of_metrics_is_what_the_code_publishes(own_metrics: dict[str, set[str]], service: str) -> None:
    published: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "functions" / service / "app.py").read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"add", "add_by", "measure"}:
            texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            published |= {text for text in texts if re.fullmatch(NAMES, text)}
            published |= {keyword.arg for keyword in node.keywords if keyword.arg and keyword.arg[0].isupper()}
    assert published == own_metrics[service]
