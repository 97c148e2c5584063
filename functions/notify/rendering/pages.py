"""Worded alerts → pages, for destinations that show text line by line: worst first, each page within a limit. Pure.

Every item is on exactly one page; one that fills more than a page is on its own. Few alerts are told in full, a storm
in one line each.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from notify.grouping import AlertItem
from notify.rendering.alerts import word
from notify.rendering.slack import FULL_LAYOUT_ALERTS, footer_of
from notify.rendering.words import headline_of


class Told(NamedTuple):
    """One alert as its page tells it: mrkdwn, in one line or several."""

    item: AlertItem
    mrkdwn: str
    emoji: str


class Page(NamedTuple):
    """What one message shows. ``title`` and ``footer`` are plain text; every page has the same ``headline`` in its title."""

    headline: str
    title: str
    alerts: tuple[Told, ...]
    footer: str
    is_storm: bool

    @property
    def items(self) -> tuple[AlertItem, ...]:
        """The alerts that are on it."""
        return tuple(told.item for told in self.alerts)


def lay_out(items: Sequence[AlertItem], *, now: datetime, cost: Callable[[str], int], room: int) -> list[Page]:
    """As few pages as there is ``room`` for: the sum of what the texts of a page's alerts ``cost``, given as mrkdwn."""
    gateways = {item.alert.gateway for item in items}
    worded = sorted(
        ((item, word(item, now=now, with_gateway=len(gateways) > 1)) for item in items), key=lambda pair: pair[1].order
    )
    if not worded:
        return []
    is_storm = len(worded) > FULL_LAYOUT_ALERTS
    alerts = [Told(item, wording.lone_line if is_storm else wording.full, wording.emoji) for item, wording in worded]
    parts = list(_parts(alerts, cost=cost, room=room))
    headline = headline_of([wording for _, wording in worded], gateways=gateways)
    return [
        Page(
            headline=headline,
            title=f"{part[0].emoji} {headline}" + (f" ({number} of {len(parts)})" if len(parts) > 1 else ""),
            alerts=tuple(part),
            footer=footer_of(len(part), alert_count=len(alerts), now=now),
            is_storm=is_storm,
        )
        for number, part in enumerate(parts, start=1)
    ]


def _parts(alerts: Sequence[Told], *, cost: Callable[[str], int], room: int) -> Iterator[list[Told]]:
    part: list[Told] = []
    size = 0
    for told in alerts:
        needed = cost(told.mrkdwn)
        if part and size + needed > room:
            yield part
            part, size = [], 0
        part.append(told)
        size += needed
    yield part
