"""How a gateway's deployments did in a period, as a report: failures, and latency per output token. Pure.

Latency is the time of all answers divided by their output tokens, and so an average (the reference adds up averages,
D13); beside it stand the median and the 95th percentile over requests. Nothing was requested: no report.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from evaluate.usage.usage import OTHER, Deployment, DeploymentFigures, GatewayUsage
from evaluate.usage.wording import millis, percent, plural, short
from gateway_alerts.alerts import Report, ReportRow, ReportSection
from gateway_alerts.distributions import percentile

ROWS = 10
_MICROS = 1_000_000


class _Named(NamedTuple):
    """A deployment, where it is, and how it did."""

    name: str
    place: str
    figures: DeploymentFigures

    @property
    def seconds_per_token(self) -> float:
        return self.figures.answer_micros / _MICROS / self.figures.answer_tokens


def deployment_report(*, title: str, period: str, usage: GatewayUsage, note: str = "") -> Report | None:
    """The report of a period; ``note`` is what a reader has to know besides."""
    deployments = _by_deployment(usage)
    request_count = sum(deployment.figures.request_count for deployment in deployments)
    failure_count = sum(deployment.figures.failure_count for deployment in deployments)
    if request_count == 0:
        return None
    failing = [deployment for deployment in deployments if deployment.figures.failure_count]
    answering = [deployment for deployment in deployments if deployment.figures.answer_tokens]
    failed = f"{failure_count:,} failed ({percent(failure_count, request_count)})" if failure_count else "none failed"
    folded = usage.folded.get("deployments", 0)
    facts = [
        f"{plural(request_count, 'request')} to {plural(len(deployments), 'deployment')}, {failed}",
        f"{OTHER} stands for {folded:,} deployments too many to keep apart" if folded else "",
        note,
    ]
    return Report(
        title=title,
        period=period,
        summary=" · ".join(fact for fact in facts if fact),
        sections=tuple(
            section for section, ranked in ((_failures(failing), failing), (_latencies(answering), answering)) if ranked
        ),
    )


def _by_deployment(usage: GatewayUsage) -> list[_Named]:
    """Each deployment once: logs of failures name its id and little else."""
    groups: defaultdict[tuple[str | None, ...], dict[Deployment, DeploymentFigures]] = defaultdict(dict)
    for deployment, figures in usage.deployments.items():
        identity = (deployment.model_id,) if deployment.model_id else (deployment.model, deployment.api_base)
        groups[identity][deployment] = figures
    return [_named(group) for group in groups.values()]


def _named(group: dict[Deployment, DeploymentFigures]) -> _Named:
    """One deployment, by what most of its requests say of it."""
    total = DeploymentFigures()
    known = Deployment()
    for deployment, figures in sorted(group.items(), key=lambda entry: (-entry[1].request_count, str(entry[0]))):
        total = total.plus(figures)
        known = Deployment._make(had or has for had, has in zip(known, deployment, strict=True))
    where = known.api_base or known.provider or known.model_id
    place = [known.model if known.model_group else None, where]
    return _Named(known.model_group or known.model or known.model_id or "", " · ".join(filter(None, place)), total)


def _failures(deployments: Iterable[_Named]) -> ReportSection:
    ranked = sorted(deployments, key=lambda d: (-d.figures.failure_count, d.figures.request_count, d.name, d.place))
    rows = tuple(_failure(deployment) for deployment in ranked[:ROWS])
    return ReportSection(
        title="Failures by deployment", rows=rows, more_count=max(0, len(ranked) - ROWS), chart_unit="failed requests"
    )


def _failure(deployment: _Named) -> ReportRow:
    figures = deployment.figures
    share = percent(figures.failure_count, figures.request_count)
    return ReportRow(
        name=short(deployment.name),
        value=f"{figures.failure_count:,} of {figures.request_count:,} ({share})",
        remark=short(deployment.place),
        amount=figures.failure_count,
    )


def _latencies(deployments: Iterable[_Named]) -> ReportSection:
    ranked = sorted(deployments, key=lambda d: (-d.seconds_per_token, d.name, d.place))
    rows = tuple(_latency(deployment) for deployment in ranked[:ROWS])
    return ReportSection(
        title="Latency per output token, slowest first",
        rows=rows,
        more_count=max(0, len(ranked) - ROWS),
        chart_unit="ms per output token",
    )


def _latency(deployment: _Named) -> ReportRow:
    average = deployment.seconds_per_token
    distribution = deployment.figures.seconds_per_token
    median, slow = percentile(distribution, 0.5) or 0.0, percentile(distribution, 0.95) or 0.0
    return ReportRow(
        name=short(deployment.name),
        value=f"{millis(average)} on average",
        remark=" · ".join(filter(None, [f"p50 {millis(median)}", f"p95 {millis(slow)}", short(deployment.place)])),
        amount=round(average * 1_000, 3),
    )
