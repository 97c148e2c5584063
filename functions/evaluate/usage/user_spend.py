"""Which users spent more than a threshold, or more than is usual for them. Pure.

As in LiteLLM: a user is over a threshold from the threshold on; their day is unusual when they have spent at least
``min_spend_usd`` and more than ``multiplier`` times their usual day, or never spent before. Their usual day is the mean of
the days before, as many of ``baseline_days`` as are recorded: of the first day nobody knows what is usual.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from evaluate.usage.usage import GatewayUsage


class UserSpend(NamedTuple):
    """What one user spent. ``usual_usd`` is their usual day, where that was asked for."""

    user_id: str
    name: str
    usd: Decimal
    usual_usd: Decimal | None = None


def users_over(usage: GatewayUsage, *, threshold_usd: Decimal) -> list[UserSpend]:
    """Users who spent a threshold or more, the highest first."""
    return [user for user in _users(usage).values() if user.usd >= threshold_usd]


def unusual_users(
    usage: GatewayUsage, baseline: GatewayUsage, *, baseline_days: int, min_spend_usd: Decimal, multiplier: Decimal
) -> list[UserSpend]:
    """Users whose spend of a day is unusual, the highest first; ``baseline`` is of ``baseline_days`` days before it."""
    before = _users(baseline)
    unusual = []
    for user in _users(usage).values():
        usual = before[user.user_id].usd / baseline_days if user.user_id in before else Decimal(0)
        is_new = usual <= 0
        if user.usd >= min_spend_usd and (is_new or user.usd > multiplier * usual):
            unusual.append(user._replace(usual_usd=max(usual, Decimal(0))))
    return unusual


def _users(usage: GatewayUsage) -> Mapping[str, UserSpend]:
    """What each user spent, by id (by e-mail address where they have none), the highest first."""
    totals: dict[str, Decimal] = {}
    addresses: dict[str, str] = {}
    for spender, spend in usage.spend.items():
        user_id = spender.user_id or spender.user_email
        if user_id is None:
            continue
        totals[user_id] = totals.get(user_id, Decimal(0)) + spend.usd
        if spender.user_email is not None:  # of several, the same one in whatever order usage was added up
            addresses[user_id] = max(addresses.get(user_id, ""), spender.user_email)
    ranked = sorted(totals.items(), key=lambda entry: (-entry[1], entry[0]))
    return {user_id: UserSpend(user_id, addresses.get(user_id, user_id), usd) for user_id, usd in ranked}
