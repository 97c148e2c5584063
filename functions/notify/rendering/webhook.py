"""Alerts → the documents that a generic webhook is sent. Pure.

    {"version": 1, "delivery": "…", "sent_at": "2026-11-23T12:00:00+00:00", "part": 1, "parts": 1,
     "alerts": [{"alert_id": "…", "alert_type": "budget_alerts", …, "count": 1}]}

An alert is the JSON of ``gateway_alerts.alerts.Alert``: money as text, exact; times in UTC; ``count`` is how often it was
raised. ``note``, where there is one, says something about all of them. ``delivery`` is the same whenever the same alerts
are sent together; a redelivery may bring an alert in other company, so ``alert_id`` is what to dedupe alerts by.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from gateway_alerts.keys import digest
from gateway_alerts.masking import masked
from notify.destinations.base import Message
from notify.grouping import AlertItem

VERSION = 1
#: What most receivers take without being asked to; an alert that is larger by itself goes alone.
DOCUMENT_BYTES = 256 * 1024
DOCUMENT_ALERTS = 100
#: What is around the alerts.
FRAME_BYTES = 1_000


def compose_documents(items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
    """Put alerts into documents, in the order in which they came. Every item is in exactly one of them."""
    parts = list(_parts(items, room=DOCUMENT_BYTES - FRAME_BYTES - len(note.encode())))
    return [
        Message(
            {
                "version": VERSION,
                "delivery": digest(sorted(alert_id for item, _ in part for alert_id in item.alert_ids)),
                "sent_at": now.isoformat(),
                "part": number,
                "parts": len(parts),
                **({"note": note} if note else {}),
                "alerts": [alert for _, alert in part],
            },
            tuple(item for item, _ in part),
        )
        for number, part in enumerate(parts, start=1)
    ]


def _parts(items: Sequence[AlertItem], *, room: int) -> Iterator[list[tuple[AlertItem, dict[str, Any]]]]:
    part: list[tuple[AlertItem, dict[str, Any]]] = []
    size = 0
    for item in items:
        alert = _alert(item)
        needed = len(json.dumps(alert, ensure_ascii=False).encode())
        if part and (len(part) == DOCUMENT_ALERTS or size + needed > room):
            yield part
            part, size = [], 0
        part.append((item, alert))
        size += needed
    if part:
        yield part


def _alert(item: AlertItem) -> dict[str, Any]:
    """The alert without the names of our other destinations, and without the keys that a gateway may have put into it."""
    alert = _masked(item.alert.model_dump(mode="json", exclude={"destinations"}))
    return {**alert, "count": item.count}


def _masked(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case dict():
            return {masked(name): _masked(inner) for name, inner in value.items()}
        case list():
            return [_masked(inner) for inner in value]
    return value
