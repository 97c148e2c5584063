"""How each budget's spend has grown, from the ledger: what a forecast is made of. No I/O but the ledger's.

A series is one period of one budget, with a sample for each quarter in which a request named the budget; of what is more
than six hours ago, and of days that are over, one every three hours. A period that has ended, and a budget without an id,
have none.
"""

from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from evaluate.usage.periods import DAY_SECONDS, QUARTER_SECONDS, quarter_of
from evaluate.usage.usage import Budget, Samples, with_samples
from evaluate.usage.usage_ledger import UsageLedger

#: How far back samples are read: the rate of a week tells where a month ends.
SERIES_DAYS = 7


class BudgetSeries(NamedTuple):
    """One budget's spend over time. ``limit`` and ``name`` are the latest; ``resets_at`` is in epoch seconds, None where
    the gateway names no reset; ``samples`` are (quarter, US dollars), ascending.
    """

    gateway: str
    event_group: str
    id: str
    name: str | None
    limit: Decimal
    resets_at: int | None
    samples: tuple[tuple[int, Decimal], ...]


def budget_series(*, ledger: UsageLedger, now: datetime, day_count: int = SERIES_DAYS) -> list[BudgetSeries]:
    """The series of every budget period that is running.

    Raises:
        DependencyUnavailable, InvalidUsage: the ledger could not be read.
    """
    end = quarter_of(now) + 1
    usage = ledger.read_budgets(range(end - day_count * DAY_SECONDS // QUARTER_SECONDS, end))
    periods: dict[tuple[str, str, str, int | None], list[tuple[Budget, Samples]]] = {}
    for gateway, of_gateway in usage.gateways.items():
        for budget, samples in of_gateway.budgets.items():
            is_over = budget.resets_at is not None and budget.resets_at <= now.timestamp()
            if budget.id is not None and not is_over:
                identity = (gateway, budget.event_group, budget.id, budget.resets_at)
                periods.setdefault(identity, []).append((budget, samples))
    return [_series(identity, parts) for identity, parts in sorted(periods.items(), key=str)]


def _series(identity: tuple[str, str, str, int | None], parts: list[tuple[Budget, Samples]]) -> BudgetSeries:
    """One period's samples together, whatever limit and name it had when they were taken."""
    gateway, event_group, entity_id, resets_at = identity
    latest, _ = max(parts, key=lambda part: (max(part[1]), part[0].limit, part[0].name or ""))
    samples = reduce(with_samples, (of_part for _, of_part in parts))
    return BudgetSeries(gateway, event_group, entity_id, latest.name, latest.limit, resets_at, tuple(sorted(samples.items())))
