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
limit NaN             refused where it comes in: it is no number (D28: silent)
spend negative        a credit; below every limit that is not lower
====================  =====================================================================================
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from evaluate.readings import BudgetReading
from gateway_alerts.alerts import BudgetKind

FULL = Decimal(1)


class Crossing(NamedTuple):
    """One limit that was reached, or will be. ``rung`` is the fraction of it that was passed, 1 where there is but one;
    ``exhausted_at`` is when a forecast of ours has it reached.
    """

    kind: BudgetKind
    limit: Decimal
    rung: Decimal
    exhausted_at: datetime | None = None

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
    """
    info = reading.user_info
    spend, maximum, soft = info.spend, info.max_budget, info.soft_budget
    if reading.budget_type.is_projection:
        limit = maximum if maximum is not None else soft
        return () if limit is None else (Crossing("projected", limit, FULL),)
    crossings: tuple[Crossing, ...] = ()
    # Most readings are below the lowest rung.
    if maximum is not None and thresholds and (maximum <= 0 or spend >= thresholds[0] * maximum):
        rung = _highest_rung(spend, maximum, thresholds)
        if rung is not None:
            crossings = (Crossing("maximum", maximum, rung),)
    if soft is not None and is_reached(spend, soft):
        crossings = (*crossings, Crossing("soft", soft, FULL))
    return crossings


def is_reached(spend: Decimal, limit: Decimal) -> bool:
    """Whether all of a limit is spent; a limit of zero only when anything is."""
    return spend >= limit if limit != 0 else spend > 0


def _highest_rung(spend: Decimal, limit: Decimal, thresholds: Sequence[Decimal]) -> Decimal | None:
    if limit <= 0:  # it has no part that could be reached before the whole
        return FULL if is_reached(spend, limit) else None
    return next((rung for rung in reversed(thresholds) if spend >= rung * limit), None)
