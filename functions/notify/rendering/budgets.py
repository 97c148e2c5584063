"""One budget alert in words: in full, in one line for a storm, and plain for notifications and screen readers.

A budget is over, close to its limit, over its soft budget, on course to be exceeded, or within its limits again.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

from gateway_alerts.alerts import Alert, BudgetFigures, Entity
from gateway_alerts.bounds import MIN_LIMIT_USD
from notify.grouping import AlertItem
from notify.rendering.wording import NEAR, bar, day, escape, lateness, percent, resets, shortened, shown_name, span, usd
from notify.rendering.words import EMOJI, Gravity, Wording

#: Characters of what is known besides.
FACTS_CHARACTERS = 300

WHY_CHARACTERS = 80

#: How a headline counts budgets: ``2 budgets over, 1 close``.
STATES = {
    Gravity.OVER: "over",
    Gravity.CLOSE: "close",
    Gravity.PROJECTED: "projected over",
    Gravity.SOFT: "over soft budget",
    Gravity.RESOLVED: "within limits again",
}


def word_budget(item: AlertItem, budget: BudgetFigures, *, now: datetime, with_gateway: bool) -> Wording:
    """Put one budget alert into words.

    Args:
        item: the alert, and how often it was raised.
        budget: its figures.
        now: the moment that the message is written for.
        with_gateway: name the gateway, since the message speaks of several.
    """
    alert = item.alert
    gravity = Gravity.RESOLVED if alert.is_resolved else gravity_of(budget)
    share, count = share_of(budget), item.count
    name, label = _bare_name(alert), _label(alert)
    verdict = _verdict(budget, gravity) + (_why(alert) if alert.is_resolved else "")
    gateway = f" · {escape(shown_name(alert.gateway))}" if with_gateway else ""
    repeats = [f"raised {count:,} times"] if count > 1 else []
    late = [] if alert.is_digest else lateness(alert.raised_at, now=now)
    forecast = [_forecast(budget, budget.exhausted_at, now=now)] if gravity is Gravity.PROJECTED and budget.exhausted_at else []
    reset = [resets(budget.resets_at, now=now)] if budget.resets_at and not forecast else []
    figures = _figures(budget)
    gauge = [f"{bar(share)} *{percent(share)}*   {figures}" if share is not None else figures]
    facts = [shortened(" · ".join(f"{fact.label}: {fact.text}" for fact in alert.facts), FACTS_CHARACTERS)] if alert.facts else []
    remarks = " · ".join([*late, *repeats, *forecast, *_remarks(budget), *reset, *facts])
    measure = _measure(budget, gravity, share, figures)
    line = " · ".join([measure, *forecast, *reset, *repeats, *late])
    return Wording(
        gravity=gravity,
        order=(gravity, -(share if share is not None else Decimal(0)), label),
        group=_group(alert.entity) + gateway,
        full="\n".join(
            [
                f"*{escape(label)}*{_owner(alert.entity)} {verdict}{gateway}",
                *gauge,
                *filter(None, [remarks]),
                *_consequence(budget, gravity, now=now),
            ]
        ),
        line=f"{EMOJI[gravity]} *{escape(name)}* {line}",
        lone_line=f"{EMOJI[gravity]} *{escape(label)}* {line}{gateway}",
        plain=" · ".join([f"{escape(label)} {_plain_measure(budget, gravity, share)}{gateway}", *forecast, *repeats, *late]),
        emoji=EMOJI[gravity],
        noun="budget",
        state=STATES[gravity],
    )


def gravity_of(budget: BudgetFigures) -> Gravity:
    """How grave a budget is, by its figures."""
    if budget.kind == "projected":
        return Gravity.PROJECTED
    if budget.kind == "soft":
        return Gravity.SOFT
    is_over = budget.rung >= 1 or budget.limit <= 0 or budget.spend >= budget.limit
    return Gravity.OVER if is_over else Gravity.CLOSE


def share_of(budget: BudgetFigures) -> Decimal | None:
    """The fraction that the bar shows: of the maximum where there is one, else of the limit; None where it means nothing."""
    limit = budget.max_budget if budget.max_budget is not None and budget.max_budget > 0 else budget.limit
    return budget.spend / limit if limit >= MIN_LIMIT_USD else None


def noun_of(entity: Entity) -> str:
    """An entity type as a person says it: ``key``, ``team member``, ``model access group``."""
    return shown_name(entity.type.replace("_", " "))


def _verdict(budget: BudgetFigures, gravity: Gravity) -> str:
    match gravity:
        case Gravity.OVER:
            return "is over its budget" if budget.spend > budget.limit else "has used up its budget"
        case Gravity.RESOLVED:
            return "is within its soft budget again" if budget.kind == "soft" else "is within its budget again"
        case Gravity.PROJECTED:
            return "is on course to exceed its limit"
        case Gravity.SOFT:
            return "is over its soft budget" if budget.spend > budget.limit else "has reached its soft budget"
        case _:
            return f"has {usd(budget.limit - budget.spend)} left"


def _why(alert: Alert) -> str:
    """Why a budget is well again: ``: it was reset``."""
    return f": it {shortened(alert.message, WHY_CHARACTERS)}" if alert.message.startswith("was ") else ""


def _figures(budget: BudgetFigures) -> str:
    if budget.kind == "projected":
        ahead = f", {usd(budget.projected_spend)} projected" if budget.projected_spend is not None else ""
        return f"{usd(budget.spend)} of {usd(budget.limit)}{ahead}"
    if budget.kind == "soft":
        maximum = f" · limit {usd(budget.max_budget)}" if budget.max_budget is not None else ""
        return f"{usd(budget.spend)} · soft budget {usd(budget.limit)}{maximum}"
    return f"{usd(budget.spend)} of {usd(budget.limit)}"


def _measure(budget: BudgetFigures, gravity: Gravity, share: Decimal | None, figures: str) -> str:
    """The figures of a line in a storm."""
    if gravity is Gravity.PROJECTED and budget.projected_spend is not None:
        expected = f" · expected {day_text}" if (day_text := _expected_day(budget)) else ""
        return f"{usd(budget.projected_spend)} projected of {usd(budget.limit)} · {usd(budget.spend)} so far{expected}"
    return f"{percent(share)} · {figures}" if share is not None else figures


def _remarks(budget: BudgetFigures) -> list[str]:
    remarks = []
    if budget.kind == "projected" and (day_text := _expected_day(budget)):
        remarks.append(f"expected on {day_text}")
    if budget.kind == "maximum" and budget.soft_budget_crossed and budget.soft_budget is not None:
        remarks.append(f"soft budget {usd(budget.soft_budget)} passed too")
    return remarks


def _forecast(budget: BudgetFigures, exhausted_at: datetime, *, now: datetime) -> str:
    """``will be used up on 12 Dec at 15:00 UTC, 9 days before it resets``."""
    moment = exhausted_at.astimezone(UTC)
    when = f"{moment.day} {moment:%b} at {moment:%H:%M} UTC" if abs(moment - now) <= NEAR else day(moment)
    will_be = "will be" if moment > now else "was to be"
    ahead = ""
    if budget.resets_at is not None and budget.resets_at > moment:
        ahead = f", {span(budget.resets_at - moment)} before it resets"
    return f"{will_be} used up on {when}{ahead}"


def _consequence(budget: BudgetFigures, gravity: Gravity, *, now: datetime) -> list[str]:
    if gravity is not Gravity.OVER or budget.spend < budget.limit:
        return []
    until = "then" if budget.resets_at is not None and budget.resets_at > now else "it resets or is raised"
    return [f"_Requests are refused until {until}._"]


def _plain_measure(budget: BudgetFigures, gravity: Gravity, share: Decimal | None) -> str:
    match gravity:
        case Gravity.RESOLVED:
            return f"within its budget again, {_share_or_spend(budget, share)} of {usd(budget.limit)}"
        case Gravity.SOFT:
            return f"over soft budget {usd(budget.limit)}"
        case Gravity.PROJECTED:
            return f"projected over {usd(budget.limit)}"
        case _:
            return f"{_share_or_spend(budget, share)} of {usd(budget.limit)}"


def _share_or_spend(budget: BudgetFigures, share: Decimal | None) -> str:
    return percent(share) if share is not None else usd(budget.spend)


def _expected_day(budget: BudgetFigures) -> str:
    """The day that the gateway projected, unless we know it better: ``12 Dec`` for an ISO date, else as it wrote it."""
    text = budget.projected_exceeded_date
    if not text or budget.exhausted_at is not None:
        return ""
    try:
        moment = date.fromisoformat(text)
    except ValueError:
        return escape(shown_name(text))
    return f"{moment.day} {moment:%b}"


def _bare_name(alert: Alert) -> str:
    """The entity's name without its type, for a list that says the type in its heading."""
    entity = alert.entity
    if entity.type == "proxy":
        return shown_name(alert.gateway) or UNNAMED
    return shown_name(entity.name or "") or shown_name(entity.id or "") or UNNAMED


UNNAMED = "(unnamed)"


def _label(alert: Alert) -> str:
    """The entity with its type: ``Team Research``; ``Unnamed key`` when the gateway said neither name nor id."""
    noun, name = noun_of(alert.entity), _bare_name(alert)
    return f"Unnamed {noun}" if name == UNNAMED else f"{noun.capitalize()} {name}"


def _owner(entity: Entity) -> str:
    """Whose key it is, and of which team; nothing where the name says it already."""
    parts: tuple[str | None, ...]
    match entity.type:
        case "key" | "user":
            parts = (entity.owner, entity.team)
        case "project":
            parts = (entity.team,)
        case _:
            return ""
    who = ", ".join(shown for shown in (shown_name(part or "") for part in parts) if shown)
    return f" ({escape(who)})" if who else ""


def _group(entity: Entity) -> str:
    noun = escape(noun_of(entity).capitalize())
    team = shown_name(entity.team or "") if entity.type in ("key", "project", "user") else ""
    return f"{noun} · {escape(team)}" if team else noun
