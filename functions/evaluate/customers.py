"""What customers (end users) spend, by the webhook event of each of their requests → readings of their budgets.

The reference tells the cost of one request and the customer's maximum budget (``spend_tracked``), never the sum, and it
never alerts on it. So the sum is kept here, for each customer and calendar month of ``time_zone``: one write for each
customer in a request. What a sender repeats is counted again. A request that a customer's budget refused brings the
gateway's own sum (``evaluate.readings``)::

    pk       customer#DIGEST of gateway, customer and month
    spend    US dollars
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple, Protocol

from evaluate.budget_alert_types import get_event_group_type, given
from evaluate.readings import SPEND_TRACKED, BudgetReading
from evaluate.table import AlertsTable
from evaluate.usage.periods import this_month
from gateway_alerts.bounds import MAX_MONEY_USD
from gateway_alerts.config import Config
from gateway_alerts.events import InboundEvent, UserInfo, WebhookEvent
from gateway_alerts.keys import digest

END_USER = "end_user"
KEEP_SECONDS = 40 * 86_400
#: A sum has at most 38 digits in DynamoDB, and one that would have more is refused
#: (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html). What a request
#: costs is counted to this, and sums to 10**20 US dollars with it.
LEAST_USD = Decimal("1E-18")
_EXACT = Context(prec=38, rounding=ROUND_HALF_EVEN)


class TrackedSpend(NamedTuple):
    """What one customer spent in the requests that one invocation was told of, and the budget that they had."""

    customer_id: str
    usd: Decimal
    max_budget: Decimal


class CustomerSpend(Protocol):
    """Where customers' spend is summed up."""

    def add(self, tracked: TrackedSpend, *, gateway: str, month: str, until: datetime) -> Decimal:
        """Add to a customer's spend of a month that lasts ``until``; returns the sum. Raises DependencyUnavailable."""


def tracked_in(events: Iterable[InboundEvent]) -> list[TrackedSpend]:
    """What each customer with a budget spent. Pure."""
    tracked: dict[str, TrackedSpend] = {}
    for event in events:
        if type(event) is not WebhookEvent or event.event != SPEND_TRACKED:
            continue
        customer_id = given(event.customer_id)
        cost_usd = event.spend.quantize(LEAST_USD, context=_EXACT)
        if customer_id is None or event.max_budget is None or cost_usd <= 0:
            continue
        before = tracked.get(customer_id)
        usd = _EXACT.add(cost_usd, before.usd if before else Decimal(0))
        tracked[customer_id] = TrackedSpend(customer_id, usd, event.max_budget)
    return list(tracked.values())


def customer_readings(
    tracked: Iterable[TrackedSpend], *, store: CustomerSpend, gateway: str, config: Config, now: datetime
) -> list[BudgetReading]:
    """The readings of customers' budgets, their spend summed up over the running month. Raises DependencyUnavailable."""
    month, until = month_of(now, config=config)
    entity_type = get_event_group_type(END_USER)
    readings: list[BudgetReading] = []
    for each in tracked:
        spend = min(MAX_MONEY_USD, store.add(each, gateway=gateway, month=month, until=until))
        info = UserInfo(
            spend=spend, max_budget=each.max_budget, customer_id=each.customer_id, event_group=END_USER, budget_reset_at=until
        )
        readings.append(BudgetReading(entity_type, entity_type, info))
    return readings


def month_of(now: datetime, *, config: Config) -> tuple[str, datetime]:
    """The running month, ``2026-11``, and when it ends."""
    month = this_month(now, zone=config.zone)
    return f"{month.start:%Y-%m}", month.end.astimezone(UTC)


class DynamoDBCustomerSpend:
    """Sums in the alerts table."""

    def __init__(self, table: AlertsTable) -> None:
        self._table = table

    def add(self, tracked: TrackedSpend, *, gateway: str, month: str, until: datetime) -> Decimal:
        """See :class:`CustomerSpend`. One write."""
        item = self._table.update(
            f"customer#{digest([gateway, tracked.customer_id, month])}",
            "SET expires_at = :expires_at ADD spend :usd",
            {":usd": tracked.usd, ":expires_at": int(until.timestamp()) + KEEP_SECONDS},
            is_read=True,
        )
        return Decimal(item["spend"]["N"])
