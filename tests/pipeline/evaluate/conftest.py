"""One gateway's way through the pipeline: a store, a queue, and as many containers as a test wants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from evaluate.claims import ClaimStore
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import Raised, raise_alerts
from gateway_alerts.config import Config
from tests.pipeline.evaluate.builders import CONFIG, NOW, offers_in
from tests.pipeline.evaluate.fakes import FakeClaims, FakeQueue


@dataclass
class Way:
    """Events in, alerts out. ``known`` is one container's memory; ``forget`` begins another container."""

    store: FakeClaims = field(default_factory=FakeClaims)
    queue: FakeQueue = field(default_factory=FakeQueue)
    known: KnownClaims = field(default_factory=KnownClaims)
    #: How often somebody asked for the store.
    store_calls: int = 0
    queue_calls: int = 0

    def send(
        self,
        *events: Mapping[str, Any],
        now: datetime = NOW,
        gateway: str = "gw",
        config: Config = CONFIG,
    ) -> Raised:
        return raise_alerts(
            offers_in(events, gateway=gateway, config=config),
            claims=self._claims,
            queue=self._queue,
            known=self.known,
            now=now,
            request_id="request-1",
            config=config,
        )

    def forget(self) -> None:
        self.known = KnownClaims()

    def _claims(self) -> ClaimStore:
        self.store_calls += 1
        return self.store

    def _queue(self) -> FakeQueue:
        self.queue_calls += 1
        return self.queue


@pytest.fixture
def way() -> Way:
    return Way()
