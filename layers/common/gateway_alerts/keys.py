"""The identities under which alerts are deduplicated, and how they are spelled in the table."""

import hashlib
import json
from decimal import Decimal
from typing import NamedTuple


class BudgetIdentity(NamedTuple):
    """One ladder of rungs. Its period is not part of it: the claim keeps that (see ``evaluate.claims``).

    ``entity_id`` is None for an entity that the gateway did not identify; ``entity_hint`` then tells such entities
    apart as far as the event allows, and is None otherwise. Entities of different types never share an identity.
    """

    gateway: str
    entity_type: str
    entity_id: str | None
    entity_hint: str | None
    kind: str
    limit: Decimal

    @property
    def entity(self) -> tuple[str, str, str | None, str | None]:
        """Whom the ladder belongs to: what all ladders of one entity have in common."""
        return self[:4]

    @property
    def table_key(self) -> str:
        """The claim's partition key: ``budget#TYPE#DIGEST``, at most 100 bytes whatever the ids hold."""
        parts = [*self[:5], format(self.limit.normalize(), "f")]
        return f"budget#{self.entity_type}#{digest(parts)}"


def digest(parts: object) -> str:
    """128 bits of SHA-256 over the JSON of ``parts``, in hexadecimal. JSON keeps ``["a:b","c"]`` and ``["a","b:c"]`` apart."""
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
