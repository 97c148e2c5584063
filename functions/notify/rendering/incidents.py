"""An alert that is neither a budget nor a report, in words: what it is, of whom, how often and when, what is known of it.

What it is called comes from its row in ``ALERT_TYPES``; where the plain layout (message, facts) does not serve it, its
own is in ``_LAYOUTS``. A fact that a layout knows by its label stands where it is looked for, and is not told again; the
others follow in the order given, and what does not fit is counted.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from gateway_alerts import distributions
from gateway_alerts.alert_types import (
    ALERT_TYPES,
    CHANGES,
    DAILY_REPORTS,
    LLM_EXCEPTIONS,
    LLM_REQUESTS_HANGING,
    LLM_TOO_SLOW,
    NEW_MODEL_ADDED,
    OUTAGE_ALERTS,
    REGION_OUTAGE_ALERTS,
    SPEND_REPORTS,
    AlertType,
)
from gateway_alerts.alerts import Alert, Entity, Fact
from notify.grouping import AlertItem
from notify.rendering.wording import (
    about,
    capitalised,
    cut,
    escape,
    lateness,
    period,
    plural,
    shortened,
    shortened_lines,
    shown_name,
    span,
)
from notify.rendering.words import EMOJI, Gravity, Wording

OUTAGES = (OUTAGE_ALERTS, REGION_OUTAGE_ALERTS)
#: Of a type that is not registered here: only its sender knows it.
UNKNOWN = AlertType("", True, "Medium", "🔔", "alert", (), "", "")

# Characters, escaped. A section takes 3,000: a title has 1,200 at most, and what stands below it 1,500.
HEAD_CHARACTERS = 80
GATEWAYS_CHARACTERS = 400
SAMPLE_CHARACTERS = 240
MEASURE_CHARACTERS = 160
MESSAGE_CHARACTERS = 700
LIST_CHARACTERS = 1_200
FACTS_CHARACTERS = 600
LABEL_CHARACTERS = 40
FACT_CHARACTERS = 160
#: Of a new model: what it is and costs; its sender may know dozens of figures.
MODEL_FACTS = 6
#: A shorter text may be in a message by chance.
LEAST_SAID_CHARACTERS = 4
#: What a gateway writes for an argument that was not given.
NOT_GIVEN = frozenset({"none", "null", "[]", "{}"})

_BY_LEVEL = {"High": Gravity.HIGH, "Medium": Gravity.MEDIUM, "Low": Gravity.LOW}


def word_incident(item: AlertItem, *, now: datetime, with_gateway: bool) -> Wording:
    """Put one alert into words; ``with_gateway`` names its gateway, since the message speaks of several."""
    alert = item.alert
    row, gravity = ALERT_TYPES.get(alert.alert_type, UNKNOWN), gravity_of(alert)
    told = _LAYOUTS.get(alert.alert_type, _said)(item, _Facts(alert.facts, but_for=alert.entity.name or alert.entity.id))
    emoji = EMOJI[gravity] if alert.is_resolved else row.emoji
    noun = capitalised(_noun(alert, row))
    name = escape(_name(alert))
    names = " · ".join(dict.fromkeys(filter(None, [name, *told.heads])))
    title = f"{noun}: {names}" if names else noun
    gateway = _gateways(item, with_gateway=with_gateway)
    late = [] if alert.is_digest else lateness(alert.raised_at, now=now)
    rest = _joined(told.measure, *late)
    return Wording(
        gravity=gravity,
        order=(gravity, Decimal(-item.count), title),
        group=noun + gateway,
        full="\n".join([f"{emoji} *{title}*{_whose(alert.entity)}{gateway}", *filter(None, told.lines), *late]),
        line=f"{emoji} *{names or noun}* {rest}".rstrip(),
        lone_line=f"{emoji} *{title}* {rest}".rstrip() + gateway,
        plain=f"{title}{gateway}" + (f" · {rest}" if rest else ""),
        emoji=emoji,
        noun=row.noun,
        state="ended" if alert.is_resolved else "",
    )


def gravity_of(alert: Alert) -> Gravity:
    """How grave an alert is, by its type and its level."""
    if alert.is_resolved:
        return Gravity.RESOLVED
    if alert.alert_type in OUTAGES and alert.level == "High":
        return Gravity.MAJOR
    by_level = _BY_LEVEL[alert.level]
    return max(by_level, Gravity.CHANGED) if alert.alert_type in CHANGES else by_level


class _Facts:
    """The facts of an alert that are still to be told: not those that only say its name again."""

    def __init__(self, facts: Sequence[Fact], *, but_for: str | None = None) -> None:
        self._left = [fact for fact in facts if fact.text.strip() and fact.text != but_for]

    def take(self, *labels: str, limit: int = HEAD_CHARACTERS) -> str:
        """The text of the fact with the first of these labels that there is, short and harmless; empty where there is none."""
        for label in labels:
            for fact in self._left:
                if _label(fact).casefold() == label:
                    self._left.remove(fact)
                    return shortened(fact.text, limit, with_hashes=False)
        return ""

    def given(self) -> "_Facts":
        """Without those whose text says that there is nothing."""
        return _Facts([fact for fact in self._left if fact.text.strip().casefold() not in NOT_GIVEN])

    def unsaid(self, message: str) -> "_Facts":
        """Without those that a message says already."""
        return _Facts([fact for fact in self._left if len(fact.text) < LEAST_SAID_CHARACTERS or fact.text not in message])

    def fitting(self, limit: int, *, most: int | None = None) -> tuple[list[str], int]:
        """``label: text`` of as many as have at most so many characters altogether, and how many are left out."""
        shown: list[str] = []
        for fact in self._left[:most]:
            text = f"{shortened(_label(fact), LABEL_CHARACTERS)}: {shortened(_telling(fact), FACT_CHARACTERS, with_hashes=False)}"
            limit -= len(text) + len(" · ")
            if limit < 0:
                break
            shown.append(text)
        return shown, len(self._left) - len(shown)

    def line(self, limit: int = FACTS_CHARACTERS, *, most: int | None = None) -> str:
        """All of them on one line, and how many more there are where they do not fit."""
        shown, more = self.fitting(limit, most=most)
        return _joined(*shown, f"{more} more" if more else "")


def _label(fact: Fact) -> str:
    return fact.label.replace("_", " ").strip()


def _telling(fact: Fact) -> str:
    """Of a traceback its last line: the others say where, and only that one what."""
    return fact.text.strip().splitlines()[-1] if _label(fact).casefold() == "traceback" else fact.text


class _Told(NamedTuple):
    """What a layout makes of an alert, all of it escaped.

    ``measure`` stands on the line of a storm and in plain text, ``lines`` below the title, ``heads`` beside the name.
    """

    measure: str
    lines: Sequence[str]
    heads: Sequence[str] = ()


# --- layouts ---------------------------------------------------------------------------------------------------------


def _said(item: AlertItem, facts: _Facts) -> _Told:
    """What the sender says, and what it knows."""
    message = item.alert.message
    brief = shortened(message, MEASURE_CHARACTERS) or facts.line(MEASURE_CHARACTERS)
    return _Told(
        measure=_joined(happened_lately(item), brief),
        lines=[happened(item), *shortened_lines(message, MESSAGE_CHARACTERS), facts.unsaid(message).line()],
    )


def _listed(item: AlertItem, facts: _Facts) -> _Told:
    """What the sender lists, a line each: models with their dates, fallbacks with their counts."""
    message = item.alert.message
    lines = shortened_lines(message, LIST_CHARACTERS)
    entries, more = facts.fitting(LIST_CHARACTERS - sum(map(len, lines)))
    return _Told(
        measure=_joined(shortened(message, LIST_CHARACTERS // 4), facts.line(LIST_CHARACTERS // 4)),
        lines=[happened(item), *lines, *(f"• {entry}" for entry in entries), f"… and {more} more" if more else ""],
    )


def _failure(item: AlertItem, facts: _Facts) -> _Told:
    """Which model of which provider fails with what, how often, and one of its errors."""
    sample = shortened(item.alert.message, SAMPLE_CHARACTERS)
    heads = [
        facts.take("model"),
        facts.take("provider"),
        facts.take("error class", "error", "exception"),
        facts.take("error code", "status code", "status"),
    ]
    return _Told(
        measure=happened_lately(item),
        lines=[happened(item), f"&gt; {sample}" if sample else "", facts.line()],
        heads=heads,
    )


def _slow(item: AlertItem, facts: _Facts) -> _Told:
    """How many requests were slow, and how slow."""
    seconds, count = item.occurrences.seconds, item.count
    median, slow, longest = (distributions.percentile(seconds, fraction) for fraction in (0.5, 0.95, 1))
    if median is None or slow is None or longest is None:
        return _said(item, facts)
    took = f"took {about(longest)}"
    if count > 1:
        took = f"p50 {about(median)} · p95 {about(slow)} · longest {about(longest)}"
    threshold = _with_unit(facts.take("threshold", "threshold seconds"))
    how_slow = _joined(took, f"threshold {threshold}" if threshold else "")
    return _Told(
        heads=[facts.take("model"), facts.take("provider")],
        measure=f"{plural(count, 'slow request')} · {how_slow}",
        lines=[happened(item, "slow request"), how_slow, facts.line()],
    )


def _hanging(item: AlertItem, facts: _Facts) -> _Told:
    """How many requests hang, and for how long."""
    longest = distributions.percentile(item.occurrences.seconds, 1)
    if longest is None:
        return _said(item, facts)
    waited = f"no answer for {'up to ' if item.count > 1 else ''}{about(longest)}"
    calls = facts.take("calls", "call ids", "call id", limit=FACTS_CHARACTERS)
    return _Told(
        heads=[facts.take("model"), facts.take("provider")],
        measure=f"{plural(item.count, 'request')} · {waited}",
        lines=[happened(item, "request"), waited, facts.line(), f"Calls: {calls}" if calls else ""],
    )


def _outage(item: AlertItem, facts: _Facts) -> _Told:
    """How many errors of which kinds; when it is over, after how long."""
    heads = [facts.take("model"), facts.take("provider"), facts.take("region")]
    facts.take("severity")  # the title says it
    if item.alert.is_resolved:
        lasted = _lasted(item) or facts.take("duration", "lasted")
        recovered = f"recovered after {lasted}" if lasted else "recovered"
        return _Told(recovered, [recovered, happened(item, "error"), facts.line()], heads)
    where = [("API base", facts.take("api base")), ("Deployment", facts.take("deployment")), ("Window", facts.take("window"))]
    known = facts.line()
    # With figures, the sender's sentence only says again that there is an outage.
    said = "" if known else shortened(item.alert.message, SAMPLE_CHARACTERS)
    return _Told(
        measure=_joined(happened_lately(item, "error"), facts.line(MEASURE_CHARACTERS) or said),
        lines=[happened(item, "error"), known, said, _joined(*(f"{label}: {text}" for label, text in where if text))],
        heads=heads,
    )


def _change(item: AlertItem, facts: _Facts) -> _Told:
    """Who did it, and what was given."""
    by = facts.take("done by", "done by user id", "done by user", "by")
    role, key = facts.take("done by role", "by role"), facts.take("done by key alias", "done by key")
    facts.take("action")  # the title says it
    how = ", ".join(filter(None, [role.replace("_", " "), f"key {key}" if key else ""]))
    who = f"by {by or 'somebody'}" + (f" ({how})" if how else "") if by or how else ""
    known = facts.given().line()
    # With these, the sender's sentence only says again what was done.
    said = "" if who or known else shortened(item.alert.message, SAMPLE_CHARACTERS)
    return _Told(measure=_joined(happened_lately(item), who, said), lines=[happened(item), who, known, said])


def _added(item: AlertItem, facts: _Facts) -> _Told:
    """A few of the figures of a new model; without any, the beginning of its sender's text, which may be a manual of pages."""
    given = facts.given()
    known = given.line(most=MODEL_FACTS)
    said = "" if known else shortened(item.alert.message, SAMPLE_CHARACTERS)
    return _Told(
        measure=given.line(MEASURE_CHARACTERS, most=MODEL_FACTS) or cut(said, MEASURE_CHARACTERS),
        lines=[happened(item), known, said],
    )


_LAYOUTS: dict[str, Callable[[AlertItem, _Facts], _Told]] = {
    LLM_EXCEPTIONS: _failure,
    LLM_TOO_SLOW: _slow,
    LLM_REQUESTS_HANGING: _hanging,
    OUTAGE_ALERTS: _outage,
    REGION_OUTAGE_ALERTS: _outage,
    NEW_MODEL_ADDED: _added,
    SPEND_REPORTS: _listed,
    DAILY_REPORTS: _listed,
    "model_deprecation_warnings": _listed,
    "fallback_reports": _listed,
    **dict.fromkeys(CHANGES, _change),
}


# --- parts -----------------------------------------------------------------------------------------------------------


def happened(item: AlertItem, noun: str = "time") -> str:
    """``12 times, 23 Nov 09:20 to 09:25 UTC``; empty for what happened once just now, which the message's own time tells."""
    occurrences, raised_at = item.occurrences, item.alert.raised_at
    is_once = occurrences.count == 1
    if is_once and not item.alert.is_digest:
        return ""
    first = occurrences.first_at or raised_at
    when = period(first, max(first, occurrences.last_at or raised_at))
    return when if is_once else f"{plural(occurrences.count, noun)}, {when}"


def happened_lately(item: AlertItem, noun: str = "time") -> str:
    """The same, short enough for a line: ``12 times since 09:20 UTC``."""
    first, raised_at = item.occurrences.first_at, item.alert.raised_at
    if item.count == 1 or item.alert.is_digest or first is None or first.date() != raised_at.date():
        return happened(item, noun)
    return f"{plural(item.count, noun)} since {first:%H:%M} UTC"


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))


def _lasted(item: AlertItem) -> str:
    first, last = item.occurrences.first_at, item.occurrences.last_at
    return span(last - first) if first is not None and last is not None and last > first else ""


def _with_unit(seconds: str) -> str:
    return f"{seconds} s" if seconds.replace(".", "", 1).isdecimal() else seconds


def _name(alert: Alert) -> str:
    """Of what it tells; empty for one of a gateway as a whole, which the message names anyway."""
    entity = alert.entity
    if entity.type == "gateway" and (entity.name or entity.id) == alert.gateway:
        return ""
    return shown_name(entity.name or "") or shown_name(entity.id or "")


def _noun(alert: Alert, row: AlertType) -> str:
    if alert.is_resolved:
        return f"{row.noun} ended"
    return f"{'major' if alert.level == 'High' else 'minor'} {row.noun}" if alert.alert_type in OUTAGES else row.noun


def _whose(entity: Entity) -> str:
    who = ", ".join(filter(None, (shortened(part or "", HEAD_CHARACTERS) for part in (entity.owner, entity.team))))
    return f" ({who})" if who else ""


def _gateways(item: AlertItem, *, with_gateway: bool) -> str:
    """The gateways that raised it, where it is more than one, or where the message speaks of several."""
    names = item.gateways
    if len(names) == 1 and not with_gateway:
        return ""
    return f" · {shortened(', '.join(shown_name(name) or 'unnamed gateway' for name in names), GATEWAYS_CHARACTERS)}"
