"""One budget alert in words: in full, in one line for a storm, and plain for notifications and screen readers."""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from gateway_alerts.alerts import Alert, BudgetFigures, Entity
from notify.grouping import AlertItem
from notify.rendering.wording import bar, clean, escape, percent, resets, shown_name, usd


class Gravity(IntEnum):
    """What comes first in a message."""

    OVER = 0
    CLOSE = 1
    PROJECTED = 2
    SOFT = 3


EMOJI = {Gravity.OVER: "🔴", Gravity.CLOSE: "🟠", Gravity.PROJECTED: "📈", Gravity.SOFT: "🟡"}


class Wording(NamedTuple):
    """One alert in words. ``full`` and ``line`` are Slack mrkdwn with everything from outside escaped; ``plain`` is
    escaped text. ``group`` is the heading that it stands under in a storm. Lower ``order`` comes first.
    """

    gravity: Gravity
    order: tuple[int, Decimal, str]
    group: str
    full: str
    line: str
    plain: str


def word(item: AlertItem, *, now: datetime, with_gateway: bool) -> Wording:
    """Put one alert into words.

    Args:
        item: the alert, and how often it was raised.
        now: the moment that the message is written for.
        with_gateway: name the gateway, since the message speaks of several.
    """
    alert = item.alert
    name = _label(alert)
    repeats = f" ×{item.count}" if item.count > 1 else ""
    gateway = f" · {escape(shown_name(alert.gateway))}" if with_gateway else ""
    group = _group(alert.entity) + gateway
    budget, gravity = alert.budget, gravity_of(alert)
    share = share_of(budget)
    figures = _figures(budget)
    lines = [f"*{escape(name)}*{_owner(alert.entity)} {_verdict(budget, gravity)}{repeats}{gateway}"]
    gauge = f"{bar(share)} *{percent(share)}*   " if share is not None else ""
    lines.append(gauge + figures)
    lines += _remarks(budget, gravity, now=now)
    ending = f" · {resets(budget.resets_at, now=now)}" if budget.resets_at else ""
    measure = percent(share) if share is not None else usd(budget.spend)
    return Wording(
        gravity=gravity,
        order=(gravity, -(share if share is not None else Decimal(0)), name),
        group=group,
        full="\n".join(lines),
        line=f"{EMOJI[gravity]} *{escape(_bare_name(alert))}* {measure} · {figures}{ending}{repeats}",
        plain=f"{escape(name)} {_plain_measure(budget, gravity, measure)}{repeats}{gateway}",
    )


def gravity_of(alert: Alert) -> Gravity:
    """How grave an alert is."""
    if alert.budget.kind == "projected":
        return Gravity.PROJECTED
    if alert.budget.kind == "soft":
        return Gravity.SOFT
    return Gravity.OVER if alert.budget.rung >= 1 else Gravity.CLOSE


def share_of(budget: BudgetFigures) -> Decimal | None:
    """The fraction that the bar shows: of the maximum where there is one, else of the limit; None where it means nothing."""
    limit = budget.max_budget if budget.max_budget is not None and budget.max_budget > 0 else budget.limit
    return budget.spend / limit if limit > 0 else None


def noun_of(entity: Entity) -> str:
    """An entity type as a person says it: ``key``, ``team member``, ``model access group``."""
    return clean(entity.type.replace("_", " "))


def _verdict(budget: BudgetFigures, gravity: Gravity) -> str:
    match gravity:
        case Gravity.OVER:
            return "is over its budget" if budget.spend > budget.limit else "has used up its budget"
        case Gravity.PROJECTED:
            return "is on course to exceed its limit"
        case Gravity.SOFT:
            return "is over its soft budget" if budget.spend > budget.limit else "has reached its soft budget"
        case _:
            return f"has {percent(1 - budget.spend / budget.limit)} of its budget left"


def _figures(budget: BudgetFigures) -> str:
    if budget.kind == "projected":
        ahead = f" · {usd(budget.projected_spend)} projected" if budget.projected_spend is not None else ""
        return f"{usd(budget.spend)} of {usd(budget.limit)}{ahead}"
    if budget.kind == "soft":
        maximum = f" · limit {usd(budget.max_budget)}" if budget.max_budget is not None else ""
        return f"{usd(budget.spend)} · soft budget {usd(budget.limit)}{maximum}"
    return f"{usd(budget.spend)} of {usd(budget.limit)}"


def _remarks(budget: BudgetFigures, gravity: Gravity, *, now: datetime) -> list[str]:
    remarks = []
    if budget.resets_at is not None:
        remarks.append(resets(budget.resets_at, now=now))
    if budget.kind == "projected" and budget.projected_exceeded_date:
        remarks.append(f"expected on {escape(clean(budget.projected_exceeded_date))}")
    if budget.kind == "maximum" and budget.soft_budget_crossed and budget.soft_budget is not None:
        remarks.append(f"soft budget {usd(budget.soft_budget)} passed too")
    lines = [" · ".join(remarks)] if remarks else []
    if gravity is Gravity.OVER and budget.spend >= budget.limit:
        until = "then" if budget.resets_at is not None and budget.resets_at > now else "it resets or is raised"
        lines.append(f"_Requests are refused until {until}._")
    return lines


def _plain_measure(budget: BudgetFigures, gravity: Gravity, measure: str) -> str:
    match gravity:
        case Gravity.SOFT:
            return f"over soft budget {usd(budget.limit)}"
        case Gravity.PROJECTED:
            return f"projected over {usd(budget.limit)}"
        case _:
            return f"{measure} of {usd(budget.limit)}"


def _bare_name(alert: Alert) -> str:
    """The entity's name without its type, for a list that says the type in its heading."""
    entity = alert.entity
    if entity.type == "proxy":
        return shown_name(alert.gateway)
    return shown_name(entity.name or entity.id or "") or "(unnamed)"


def _label(alert: Alert) -> str:
    """The entity with its type: ``Team Research``; ``Unnamed key`` when the gateway said neither name nor id."""
    noun = noun_of(alert.entity)
    name = _bare_name(alert)
    return f"Unnamed {noun}" if name == "(unnamed)" else f"{noun.capitalize()} {name}"


def _owner(entity: Entity) -> str:
    if entity.type in ("proxy", "team_member", "organization_member", "organization", "project", "team"):
        who = entity.team if entity.type == "project" else None
    else:
        who = ", ".join(shown_name(part) for part in (entity.owner, entity.team) if part)
    return f" ({escape(shown_name(who))})" if who else ""


def _group(entity: Entity) -> str:
    noun = noun_of(entity).capitalize()
    if entity.team and entity.type in ("key", "project", "user"):
        return f"{noun} · {escape(shown_name(entity.team))}"
    return noun
