"""What a gateway's usage in a period cost, as a report: by team, model, key, tag and customer, and what moved most. Pure.

In: the usage of the period, and of the one before where it is known. Out: a report, or None where nothing was spent: an
empty report tells nobody anything. A section of which nothing is known (no request has a tag) is left out.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from evaluate.usage.usage import OTHER, GatewayUsage, Spend, Spender
from evaluate.usage.wording import percent, plural, short, usd
from gateway_alerts.alerts import Report, ReportRow, ReportSection

ROWS = 10
MOVERS = 5
#: What moved by less is not worth a line.
LEAST_MOVE_USD = Decimal("0.01")


class _Named(NamedTuple):
    """One team, key … and what it spent. ``id`` is None for requests that name none."""

    id: str | None
    name: str
    spend: Spend


def spend_report(
    *,
    title: str,
    period: str,
    usage: GatewayUsage,
    before: GatewayUsage | None = None,
    before_period: str = "",
    note: str = "",
) -> Report | None:
    """The spend report of a period.

    Args:
        title: what kind of report it is.
        period: the period in words.
        usage: of the period.
        before: of the period before; None where it is not wholly known.
        before_period: that period in words.
        note: what a reader has to know besides, such as since when usage is recorded.
    """
    total = usage.total
    if total.usd == 0:
        return None
    in_all = f" · {usd(total.usd)} in all"
    sections = [
        _section(f"By team{in_all}", _by(usage.spend, _team, unknown="no team"), total.usd, chart_unit="USD"),
        _section(f"By model{in_all}", _named(usage.models), total.usd, chart_unit="USD"),
        _section(f"By key{in_all}", _by(usage.spend, _key, unknown="no key"), total.usd),
        # A request may carry several tags, or no customer: these do not add up to the whole.
        _section("By tag", _named(usage.tags), total.usd),
        _section("By customer", _named(usage.customers), total.usd),
    ]
    if before is not None:
        sections += _movers(usage, before, before_period)
    facts = [_summary(total, before, before_period), _folded(usage), note]
    return Report(
        title=title,
        period=period,
        summary=" · ".join(fact for fact in facts if fact),
        sections=tuple(section for section in sections if section is not None),
    )


def _team(spender: Spender) -> tuple[str | None, str | None]:
    return spender.team_id or spender.team_alias, spender.team_alias


def _key(spender: Spender) -> tuple[str | None, str | None]:
    return spender.key_hash or spender.key_alias, spender.key_alias


def _named(entries: Mapping[str, Spend]) -> list[_Named]:
    return [_Named(name, name, spend) for name, spend in entries.items()]


def _by(
    entries: Mapping[Spender, Spend], identity: Callable[[Spender], tuple[str | None, str | None]], *, unknown: str
) -> list[_Named]:
    """What was spent by id; an id that had several names goes by that of the largest spend."""
    totals: dict[str | None, Spend] = {}
    names: dict[str | None, tuple[Decimal, str]] = {}
    for spender, spend in entries.items():
        entity_id, name = identity(spender)
        totals[entity_id] = totals.get(entity_id, Spend()).plus(spend)
        if name is not None:
            names[entity_id] = max(names.get(entity_id, (spend.usd, name)), (spend.usd, name))
    return [
        _Named(entity_id, names[entity_id][1] if entity_id in names else entity_id or unknown, spend)
        for entity_id, spend in totals.items()
    ]


def _section(title: str, entries: Iterable[_Named], whole: Decimal, *, chart_unit: str | None = None) -> ReportSection | None:
    ranked = sorted(entries, key=lambda entry: (-entry.spend.usd, entry.name))
    if all(entry.id is None for entry in ranked):
        return None
    rows = tuple(
        ReportRow(
            name=short(name),
            value=usd(spend.usd),
            remark=f"{percent(spend.usd, whole)} · {plural(spend.request_count, 'request')}",
            amount=float(spend.usd),
        )
        for _, name, spend in ranked[:ROWS]
    )
    return ReportSection(title=title, rows=rows, more_count=max(0, len(ranked) - ROWS), chart_unit=chart_unit)


def _movers(usage: GatewayUsage, before: GatewayUsage, before_period: str) -> list[ReportSection]:
    """The keys whose spend rose and fell most. Every request has one key, so that no move is told twice."""
    now, then = ({entry.id: entry for entry in _by(of.spend, _key, unknown="no key")} for of in (usage, before))
    if not then:
        return []
    nothing = _Named(None, "", Spend())
    moves = []
    for entity_id, entry in {**then, **now}.items():
        spent = then.get(entity_id, nothing).spend.usd
        moves.append((now.get(entity_id, nothing).spend.usd - spent, spent, entry.name))
    risers = sorted((move for move in moves if move[0] >= LEAST_MOVE_USD), key=lambda move: (-move[0], move[2]))
    fallers = sorted((move for move in moves if move[0] <= -LEAST_MOVE_USD), key=lambda move: (move[0], move[2]))
    return [
        ReportSection(
            title=f"Keys that {what} most against {before_period}",
            rows=tuple(
                ReportRow(
                    name=short(name),
                    value=f"{'+' if change > 0 else ''}{usd(change)}",
                    remark=f"from {usd(spent)}" if spent else "new",
                )
                for change, spent, name in moved[:MOVERS]
            ),
            more_count=max(0, len(moved) - MOVERS),
        )
        for what, moved in (("rose", risers), ("fell", fallers))
        if moved
    ]


def _summary(total: Spend, before: GatewayUsage | None, before_period: str) -> str:
    spent = f"{usd(total.usd)} in {plural(total.request_count, 'request')}"
    usd_before = Decimal(0) if before is None else before.total.usd
    if usd_before <= 0:
        return spent
    change = total.usd - usd_before
    if change == 0:
        return f"{spent} · as much as {before_period}"
    more = "more" if change > 0 else "less"
    return f"{spent} · {percent(abs(change), usd_before)} {more} than {before_period} ({usd(usd_before)})"


def _folded(usage: GatewayUsage) -> str:
    count = sum(usage.folded.get(kind, 0) for kind in ("spend", "models", "tags", "customers"))
    return f"{OTHER} stands for {count:,} small entries too many to keep apart" if count else ""
