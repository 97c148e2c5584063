"""The benchmark still runs, and its table has its shape. No figure is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.growth import plot
from tests.bench.report import Goal, Row, table

ROOT = Path(__file__).resolve().parents[2]


def _bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.bench", "--quick", "--rounds", "1", *arguments]
    answer = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_run_prints_one_table_with_a_line_for_each_measure() -> None:
    lines = _bench("--only", "logs", "calls").splitlines()
    assert lines[0].split() == ["measure", "ours", "floor", "or", "bound", "ratio", "goal", "met"]
    assert [line for line in lines if line.startswith("[")] == ["[logs]", "[calls]"]
    assert any(line.startswith("lambda_handler") and "logs/s" in line for line in lines)
    assert any("goals met." in line for line in lines)


def test_cold_starts_are_measured_of_functions_that_still_answer() -> None:
    rows = [row for row in json.loads(_bench("--only", "init", "--json"))["rows"] if row["unit"] == "ms"]
    assert len(rows) == 7
    assert all(row["ratio"] > 0 for row in rows)


def test_a_plot_has_a_line_for_each_series_and_costs_on_it_where_they_belong() -> None:
    flat, growing = {1: 1e-5, 10: 1e-5, 100: 1e-5}, {1: 1e-5, 10: 1e-4, 100: 1e-3}
    picture = ElementTree.fromstring(plot({"budgets": flat, "alerts": growing, "destinations": flat, "routes": flat}))
    lines = [line.attrib["points"] for line in picture.iter("{http://www.w3.org/2000/svg}polyline")]
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in lines]
    assert [len(set(line)) for line in heights] == [1, 3, 1, 1]
    assert heights[1] == sorted(heights[1], reverse=True)  # y counts downwards


def test_a_run_for_a_program_says_the_same_in_json() -> None:
    report = json.loads(_bench("--only", "calls", "--json"))
    assert set(report) == {"remark", "rows"}
    for row in report["rows"]:
        assert set(row) == {"group", "measure", "unit", "ours", "bound", "ratio", "goal", "met", "note"}
    assert {row["group"] for row in report["rows"]} == {"calls"}


@pytest.mark.parametrize(
    ("row", "is_met"),
    [
        pytest.param(Row("g", "m", "ms", 6.0, 10.0, Goal("<=", 0.70)), True, id="a ratio under its ceiling"),
        pytest.param(Row("g", "m", "ms", 8.0, 10.0, Goal("<=", 0.70)), False, id="a ratio over its ceiling"),
        pytest.param(Row("g", "m", "/s", 6.5, 10.0, Goal(">=", 0.65)), True, id="a ratio on its floor"),
        pytest.param(Row("g", "m", "calls", 0, None, Goal("<=", 0, of="ours")), True, id="a count that is its own figure"),
        pytest.param(Row("g", "m", "", note="not built", goal=Goal("<=", 1.05)), None, id="nothing was measured"),
        pytest.param(Row("g", "m", "ms", 8.0, 10.0), None, id="no goal"),
    ],
)
def test_a_goal_is_met_missed_or_left_open(row: Row, is_met: bool | None) -> None:
    assert row.is_met is is_met
    assert {True: "yes", False: "NO", None: "–"}[is_met] in table([row])
