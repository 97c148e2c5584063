"""The decision: which limits a reading of a budget has reached. Pure, and in ``Decimal``.

Rules, where the reference does otherwise with its defect's number (D27, D28, D29 of the README's list of differences):

====================  =====================================================================================
maximum budget        the highest threshold that the spend has reached, exactly (D27: 0.85 of 1 is 85 %)
soft budget           reached when spend ≥ soft budget; a ladder of one rung, beside the maximum's
projection            stays a projection, whatever else the numbers say (D29)
limit missing         no such limit
limit infinite        no such limit (D28: infinite spend of an infinite budget is refused as no number)
limit zero            crossed by the first spend above zero, not by none (D28: not by 0 of 0)
limit negative        crossed when spend ≥ limit, as the gateway enforces it; it has no percentage
limit NaN             refused: it is no number (D28: silent)
spend negative        a credit; below every limit that is not lower
====================  =====================================================================================
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from evaluate.readings import BudgetReading
from gateway_alerts.alerts import BudgetKind
from gateway_alerts.errors import InvalidEvent
from gateway_alerts.events import MAX_MONEY_USD

FULL = Decimal(1)


class Crossing(NamedTuple):
    """One limit that was reached. ``rung`` is the fraction of it that was passed, 1 where there is but one."""

    kind: BudgetKind
    limit: Decimal
    rung: Decimal

    @property
    def event(self) -> str:
        """The reference's name for it."""
        if self.kind == "projected":
            return "projected_limit_exceeded"
        if self.kind == "soft":
            return "soft_budget_crossed"
        return "budget_crossed" if self.rung >= FULL else "threshold_crossed"


def crossings_of(reading: BudgetReading, *, thresholds: Sequence[Decimal]) -> tuple[Crossing, ...]:
    """The limits that a reading has reached, the gravest first; empty when it crosses nothing.

    Args:
        reading: one budget at one moment.
        thresholds: the rungs of its maximum budget, ascending, as fractions of it.

    Raises:
        InvalidEvent: a limit is no number, or too far below zero to be one.
    """
    info = reading.user_info
    spend = info.spend
    maximum = _limit("max_budget", info.max_budget)
    soft = _limit("soft_budget", info.soft_budget)
    if reading.budget_type.is_projection:
        limit = maximum if maximum is not None else soft
        return () if limit is None else (Crossing("projected", limit, FULL),)
    crossings: tuple[Crossing, ...] = ()
    if maximum is not None:
        rung = _highest_rung(spend, maximum, thresholds)
        if rung is not None:
            crossings = (Crossing("maximum", maximum, rung),)
    if soft is not None and _is_reached(spend, soft):
        crossings = (*crossings, Crossing("soft", soft, FULL))
    return crossings


def _highest_rung(spend: Decimal, limit: Decimal, thresholds: Sequence[Decimal]) -> Decimal | None:
    if limit <= 0:
        return thresholds[-1] if thresholds and _is_reached(spend, limit) else None
    if not thresholds or spend < thresholds[0] * limit:  # most readings end here
        return None
    return next(rung for rung in reversed(thresholds) if spend >= rung * limit)


def _is_reached(spend: Decimal, limit: Decimal) -> bool:
    return spend >= limit if limit != 0 else spend > 0


def _limit(field: str, value: Decimal | None) -> Decimal | None:
    if value is None:
        return None
    if value.is_nan():
        raise InvalidEvent(f"{field}: is not a number")
    if value < -MAX_MONEY_USD:
        raise InvalidEvent(f"{field}: is below -{MAX_MONEY_USD}")
    return None if value > MAX_MONEY_USD else value
