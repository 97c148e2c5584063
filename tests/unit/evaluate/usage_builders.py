"""Short ways to write request logs, usage and a ledger in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from evaluate.usage.periods import quarter_of
from evaluate.usage.usage import Deployment, DeploymentFigures, GatewayUsage, Spend, Spender, Usage
from gateway_alerts.distributions import buckets_of
from gateway_alerts.errors import DependencyUnavailable
from gateway_alerts.events import RequestLog

NOW = datetime(2026, 11, 23, 9, 25, 44, tzinfo=UTC)


def log(*, cost: Any = None, call_id: str = "call-1", status: str = "success", **fields: Any) -> RequestLog:
    """A request log; fields that no log has are metadata, without their prefix ``user_api_key_``."""
    metadata = {f"user_api_key_{name}": fields.pop(name) for name in list(fields) if name not in RequestLog.model_fields}
    return RequestLog.model_validate(
        {"litellm_call_id": call_id, "status": status, "response_cost": cost, "metadata": metadata, **fields}
    )


def spent(usd: Any, *, requests: int = 1, tokens: int = 0) -> Spend:
    return Spend(Decimal(str(usd)), requests, tokens)


def spending(rows: Mapping[Spender, Any], **kinds: Mapping[str, Any]) -> GatewayUsage:
    """Usage in which spenders spent US dollars, one request each; ``models``, ``tags`` and ``customers`` likewise."""
    return GatewayUsage(
        spend={spender: spent(usd) for spender, usd in rows.items()},
        **{kind: {name: spent(usd) for name, usd in entries.items()} for kind, entries in kinds.items()},
    )


def by_users(**usd: Any) -> GatewayUsage:
    return spending({Spender(user_id=user): amount for user, amount in usd.items()})


def answers(*seconds_per_token: float, tokens: int = 100, failures: int = 0, **deployment: Any) -> GatewayUsage:
    """Usage of one deployment that answered with ``tokens`` tokens each time."""
    figures = DeploymentFigures(
        request_count=len(seconds_per_token) + failures,
        failure_count=failures,
        answer_micros=round(sum(seconds_per_token) * tokens * 1_000_000),
        answer_tokens=tokens * len(seconds_per_token),
        seconds_per_token=buckets_of(seconds_per_token),
    )
    return GatewayUsage(deployments={Deployment(**deployment): figures})


@dataclass
class FakeLedger:
    """A ledger in memory, and what was read of it."""

    since: int = 0
    entries: dict[tuple[int, str], Usage] = field(default_factory=dict)
    reads: list[range] = field(default_factory=list)
    closed_at: list[datetime] = field(default_factory=list)
    is_unavailable: bool = False

    def append(self, entry_id: str, usage: Usage, *, now: datetime) -> None:
        self.entries[quarter_of(now), entry_id] = usage

    def close(self, *, now: datetime) -> int:
        if self.is_unavailable:
            raise DependencyUnavailable("the table is gone")
        self.closed_at.append(now)
        return self.since

    def read(self, quarters: range) -> Usage:
        self.reads.append(quarters)
        return self._added(quarters).without_budgets()

    def read_budgets(self, quarters: range) -> Usage:
        self.reads.append(quarters)
        return self._added(quarters).only_budgets()

    def _added(self, quarters: range) -> Usage:
        return Usage().plus(*(usage for (quarter, _), usage in self.entries.items() if quarter in quarters))

    def spend(self, at: datetime, usage: GatewayUsage, *, gateway: str = "prod") -> None:
        """Have a gateway's usage at a moment."""
        self.append(f"{gateway} {len(self.entries)}", Usage({gateway: usage}), now=at)


def ago(**ago_by: float) -> datetime:
    return NOW - timedelta(**ago_by)
