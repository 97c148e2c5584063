"""What a report of deployments says, and when there is none."""

import pytest

from evaluate.usage.daily_reports import ROWS, deployment_report
from evaluate.usage.usage import OTHER, Deployment, DeploymentFigures, GatewayUsage
from gateway_alerts.alerts import Report, ReportSection
from tests.unit.evaluate.usage_builders import answers

GPT = {"model_id": "d1", "model": "openai/gpt-4o", "provider": "openai", "api_base": "https://a.example", "model_group": "gpt-4o"}
CLAUDE = {"model_id": "d2", "model": "claude-sonnet", "provider": "anthropic", "model_group": "sonnet"}


def report(*usages: GatewayUsage, note: str = "") -> Report:
    made = deployment_report(title="Deployments", period="23 Nov 2026", usage=GatewayUsage.added(usages), note=note)
    assert made is not None
    return made


def section(report: Report, title: str) -> ReportSection:
    (found,) = [section for section in report.sections if section.title.startswith(title)]
    return found


class TestFailures:
    def test_each_deployment_with_count_share_and_place(self) -> None:
        made = report(answers(0.04, 0.04, failures=2, **GPT), answers(*[0.1] * 99, failures=1, **CLAUDE))

        failures = section(made, "Failures")
        assert [(row.name, row.value, row.remark, row.amount) for row in failures.rows] == [
            ("gpt-4o", "2 of 4 (50 %)", "openai/gpt-4o · https://a.example", 2),
            ("sonnet", "1 of 100 (1 %)", "claude-sonnet · anthropic", 1),
        ]
        assert failures.chart_unit == "failed requests"

    def test_logs_of_failures_that_name_little_belong_to_the_same_deployment(self) -> None:
        unplaced = answers(failures=3, model_id="d1", model="openai/gpt-4o", model_group="gpt-4o")

        (row,) = section(report(answers(0.04, **GPT), unplaced), "Failures").rows
        assert (row.name, row.value, row.remark) == ("gpt-4o", "3 of 4 (75 %)", "openai/gpt-4o · https://a.example")

    def test_no_failure_has_no_section(self) -> None:
        made = report(answers(0.04, **GPT))
        assert [section.title for section in made.sections] == ["Latency per output token, slowest first"]
        assert made.summary == "1 request to 1 deployment, none failed"

    def test_only_failures_have_no_latency(self) -> None:
        assert [section.title for section in report(answers(failures=1, **GPT)).sections] == ["Failures by deployment"]

    def test_the_most_are_named_and_the_rest_counted(self) -> None:
        made = report(*[answers(failures=n, model_id=str(n), model=f"m{n}") for n in range(1, 21)])

        failures = section(made, "Failures")
        assert [row.name for row in failures.rows] == [f"m{n}" for n in range(20, 20 - ROWS, -1)]
        assert failures.more_count == 20 - ROWS


class TestLatency:
    @pytest.mark.parametrize("request_count", [1, 10, 1_000])
    def test_it_is_an_average_and_no_sum(self, request_count: int) -> None:
        (row,) = section(report(answers(*[0.04] * request_count, **GPT)), "Latency").rows

        assert row.value == "40 ms on average"
        assert row.amount == 40

    def test_it_is_the_time_of_all_tokens(self) -> None:
        short, long = answers(1.0, tokens=1, **GPT), answers(0.01, tokens=99, **GPT)
        (row,) = section(report(short, long), "Latency").rows

        assert row.value == "20 ms on average"

    def test_median_and_95th_percentile_are_beside_it(self) -> None:
        (row,) = section(report(answers(*[0.02] * 90, *[0.5] * 10, **GPT)), "Latency").rows

        assert row.remark == "p50 19 ms · p95 489 ms · openai/gpt-4o · https://a.example"

    def test_the_slowest_come_first_and_the_rest_are_counted(self) -> None:
        made = report(*[answers(n / 100, model_id=str(n), model=f"m{n}") for n in range(1, 21)])

        latencies = section(made, "Latency")
        assert [row.name for row in latencies.rows] == [f"m{n}" for n in range(20, 20 - ROWS, -1)]
        assert latencies.more_count == 20 - ROWS
        assert latencies.chart_unit == "ms per output token"

    def test_one_deployment_is_one_whatever_its_logs_named(self) -> None:
        made = report(answers(0.04, **GPT), answers(0.06, **{**GPT, "api_base": None}))

        (row,) = section(made, "Latency").rows
        assert row.value == "50 ms on average"


class TestNames:
    @pytest.mark.parametrize(
        ("deployment", "name", "place"),
        [
            (Deployment("d1", "openai/gpt-4o", "openai", "https://a", "gpt"), "gpt", "openai/gpt-4o · https://a"),
            (Deployment("d1", "openai/gpt-4o", "openai", None, "gpt"), "gpt", "openai/gpt-4o · openai"),
            (Deployment("d1", "openai/gpt-4o", None, None, "gpt"), "gpt", "openai/gpt-4o · d1"),
            (Deployment("d1", "openai/gpt-4o"), "openai/gpt-4o", "d1"),
            (Deployment("d1"), "d1", "d1"),
            (Deployment(model=OTHER), OTHER, ""),
        ],
    )
    def test_a_deployment_is_known_by_its_group_and_where_it_is(self, deployment: Deployment, name: str, place: str) -> None:
        (row,) = section(report(GatewayUsage(deployments={deployment: DeploymentFigures(1, 1)})), "Failures").rows
        assert (row.name, row.remark) == (name, place)

    def test_without_an_id_model_and_api_base_tell_deployments_apart(self) -> None:
        made = report(*[answers(failures=1, model="m", api_base=base) for base in ("https://a", "https://b")])
        assert [row.remark for row in section(made, "Failures").rows] == ["https://a", "https://b"]


def test_the_summary_counts_all() -> None:
    made = report(answers(0.04, failures=1, **GPT), answers(*[0.04] * 18, **CLAUDE), note="recorded since 20 Nov")
    assert made.summary == "20 requests to 2 deployments, 1 failed (5 %) · recorded since 20 Nov"


def test_what_was_not_kept_apart_is_said() -> None:
    usage = GatewayUsage(deployments={Deployment("d1"): DeploymentFigures(1)}, folded={"deployments": 12, "spend": 3})
    assert report(usage).summary.endswith("none failed · (other) stands for 12 deployments too many to keep apart")


def test_nothing_requested_has_no_report() -> None:
    assert deployment_report(title="Deployments", period="23 Nov 2026", usage=GatewayUsage()) is None
