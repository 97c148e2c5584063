"""What this container knows of claims, so that a repeat is answered without a call to anything.

Only what is safe is remembered: an alert that the queue has, or a claim that another process holds (whose outbox the
sweep empties if that process dies). At most ``limit`` claims, the least recently used go first.
"""

from collections import OrderedDict

from evaluate.claims import ClaimState
from gateway_alerts.keys import BudgetIdentity

#: About 500 bytes each: 25 MB of a function's 1,024.
KNOWN_CLAIMS = 50_000


class KnownClaims:
    """A bounded memory of claim states by identity."""

    def __init__(self, limit: int = KNOWN_CLAIMS) -> None:
        self._limit = limit
        self._states: OrderedDict[BudgetIdentity, ClaimState] = OrderedDict()

    def get(self, identity: BudgetIdentity) -> ClaimState:
        """What is known of a claim; the empty state when nothing is."""
        state = self._states.get(identity)
        if state is None:
            return ClaimState()
        self._states.move_to_end(identity)
        return state

    def remember(self, identity: BudgetIdentity, state: ClaimState) -> None:
        """Keep a state, in place of what was known before."""
        self._states[identity] = state
        self._states.move_to_end(identity)
        if len(self._states) > self._limit:
            self._states.popitem(last=False)
