"""What happened → what is told of it: alike things together, with how often and since when. Pure.

An occurrence is no crossing: it may happen again at any time. The first of its kind is told at once; what comes again
within the interval of its alert type is counted, and told at the interval's end (``evaluate.episodes``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway_alerts.alert_types import Level
from gateway_alerts.alerts import Alert, Entity, Fact, Occurrences
from gateway_alerts.config import Config
from gateway_alerts.distributions import added
from gateway_alerts.keys import digest
from gateway_alerts.masking import masked

#: So many different texts of one fact are shown.
MAX_TEXTS = 5


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that happened, or several alike.

    ``alike`` is what two of them must have in common, besides type and gateway, to be the same; ``seconds`` counts
    durations by bucket (``gateway_alerts.distributions``). Text is masked already.
    """

    alert_type: str
    gateway: str
    alike: tuple[str | None, ...]
    level: Level
    message: str
    entity: Entity
    last_at: datetime
    first_at: datetime
    count: int = 1
    facts: tuple[Fact, ...] = ()
    seconds: dict[int, int] = field(default_factory=dict)
    slack_payload: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """The episode's key in the table, and the alert's dedupe key: ``episode#TYPE#DIGEST``."""
        return f"episode#{self.alert_type}#{digest([self.gateway, *self.alike])}"

    def plus(self, other: "Occurrence") -> "Occurrence":
        """Both together, told with what the later one says; where their facts differ (two providers of a model), with both."""
        latest = max(self, other, key=lambda occurrence: occurrence.last_at)
        earlier = other if latest is self else self
        return replace(
            latest,
            facts=_facts_of_both(latest.facts, earlier.facts),
            count=self.count + other.count,
            first_at=min(self.first_at, other.first_at),
            seconds=added(self.seconds, other.seconds),
        )

    def alert(self, *, now: datetime, request_id: str, config: Config) -> Alert:
        """The alert that tells it. The id holds the time and the request of the decision."""
        return Alert(
            alert_id=digest([self.key, now.isoformat(), request_id]),
            dedupe_key=self.key,
            alert_type=self.alert_type,
            event=self.alert_type,
            level=self.level,
            gateway=self.gateway,
            message=self.message,
            entity=self.entity,
            occurrences=Occurrences(count=self.count, first_at=self.first_at, last_at=self.last_at, seconds=self.seconds),
            facts=self.facts,
            slack_payload=self.slack_payload,
            is_digest=config.is_digest(self.alert_type),
            raised_at=now,
            destinations=config.destinations_for(
                alert_type=self.alert_type, entity_type=self.entity.type, gateway=self.gateway, level=self.level
            ),
        )


def facts_of(said: Mapping[str, str]) -> tuple[Fact, ...]:
    """Texts by label as facts, secrets masked, without those that say nothing."""
    return tuple(Fact(label=label, text=masked(text)) for label, text in said.items() if text)


def _facts_of_both(latest: tuple[Fact, ...], earlier: tuple[Fact, ...]) -> tuple[Fact, ...]:
    if latest == earlier:
        return latest
    said = {fact.label: fact.text for fact in latest}
    for fact in earlier:
        texts = said.get(fact.label, "").split(", ")
        if fact.text not in texts and len(texts) < MAX_TEXTS:
            said[fact.label] = ", ".join(filter(None, [*texts, fact.text]))
    return tuple(Fact(label=label, text=text) for label, text in said.items())


def merged(occurrences: Iterable[Occurrence]) -> list[Occurrence]:
    """One occurrence for each key, in the order in which they first came."""
    by_key: dict[str, Occurrence] = {}
    for occurrence in occurrences:
        known = by_key.get(occurrence.key)
        by_key[occurrence.key] = occurrence if known is None else known.plus(occurrence)
    return list(by_key.values())
