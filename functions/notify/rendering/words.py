"""What every alert becomes before a destination lays it out: words, in three lengths, and what comes first."""

from collections import Counter
from collections.abc import Collection, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from notify.rendering.wording import plural, shown_name

#: What a headline counts by itself; everything else is "more". It is read at a glance.
MAX_HEADLINE_PARTS = 5


class Gravity(IntEnum):
    """What comes first in a message: what hurts now, what will, what happened, what is over.

    ``MAJOR`` is an outage at level High; ``HIGH``, ``MEDIUM`` and ``LOW`` are the levels of what is no budget;
    ``CHANGED`` is what somebody did on purpose, whatever its level.
    """

    MAJOR = 0
    OVER = 1
    HIGH = 2
    CLOSE = 3
    PROJECTED = 4
    MEDIUM = 5
    SOFT = 6
    CHANGED = 7
    LOW = 8
    RESOLVED = 9


EMOJI = {
    Gravity.MAJOR: "🚨",
    Gravity.OVER: "🔴",
    Gravity.HIGH: "❗",
    Gravity.CLOSE: "🟠",
    Gravity.PROJECTED: "📈",
    Gravity.MEDIUM: "⚠️",
    Gravity.SOFT: "🟡",
    Gravity.CHANGED: "✏️",
    Gravity.LOW: "ℹ️",
    Gravity.RESOLVED: "✅",
}


class Wording(NamedTuple):
    """One alert in words, everything from outside escaped. Lower ``order`` comes first.

    ``line`` stands under the heading ``group``, ``lone_line`` under none; ``plain`` says the same without layout.
    A headline counts it by ``noun`` and ``state`` (``budget``, ``over``); ``emoji`` is that of its kind.
    """

    gravity: Gravity
    order: tuple[int, Decimal, str]
    group: str
    full: str
    line: str
    lone_line: str
    plain: str
    emoji: str = "🔔"
    noun: str = "alert"
    state: str = ""


def headline_of(wordings: Sequence[Wording], *, gateways: Collection[str]) -> str:
    """What a message is about, the gravest first: ``1 outage, 2 budgets over, 1 close, 3 LLM failures · prod-gateway``.

    Plain text, not escaped. What is called alike stands together, at the place of its gravest.
    """
    counts: dict[str, Counter[str]] = {}
    kinds = Counter((wording.gravity, wording.noun, wording.state) for wording in wordings)
    for (_, noun, state), count in sorted(kinds.items(), key=lambda kind: kind[0][0]):
        counts.setdefault(noun, Counter())[state] += count
    parts: list[tuple[int, str]] = []
    for noun, states in counts.items():
        (state, count), *others = states.items()
        parts += [(count, f"{plural(count, noun)} {state}".rstrip()), *((n, f"{n:,} {other}") for other, n in others)]
    shown, more = parts[:MAX_HEADLINE_PARTS], sum(count for count, _ in parts[MAX_HEADLINE_PARTS:])
    what = ", ".join([text for _, text in shown] + ([f"{more:,} more"] if more else []))
    where = shown_name(next(iter(gateways))) if len(gateways) == 1 else plural(len(gateways), "gateway")
    return f"{what} · {where or 'unnamed gateway'}"
