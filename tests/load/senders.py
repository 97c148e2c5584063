"""Gateways: they send events over HTTP, and come again until they are told that it worked."""

import threading
import time
from collections import Counter
from typing import Any, Self

import httpx

#: A pause before the second try, doubled up to the longest; LiteLLM's own are 1 s and more.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
PATIENCE_SECONDS = 300.0

Event = dict[str, Any]


class NotAccepted(AssertionError):
    """An event was refused, or not taken for minutes."""


def name_of(prefix: str, number: int) -> str:
    """The name of one entity of a scenario."""
    return f"who-{prefix}-{number:05d}"


#: Finds these names in a message.
NAMING = r"who-[a-z0-9]+-\d{5}"


def budget(name: str, spend: float, *, limit: float = 100.0, **more: Any) -> Event:
    """A user's budget event, as LiteLLM's ``budget_alerts`` has it."""
    return {"type": "user_budget", "user_info": {"spend": spend, "max_budget": limit, "user_id": name} | more}


class Gateway:
    """One gateway's HTTP client. Any thread may send. Use as a context manager."""

    def __init__(self, url: str, token: str) -> None:
        self.answers: Counter[str] = Counter()
        self._lock = threading.Lock()
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
        self._http = httpx.Client(
            base_url=url, timeout=60, limits=limits, trust_env=False, headers={"authorization": f"Bearer {token}"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, events: Event | list[Event]) -> int:
        """Send events until they are taken; returns the alerts of the answer that said so."""
        pause = FIRST_PAUSE_SECONDS
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self._http.post("/events", json=events)
            except httpx.TransportError as error:
                self._note(type(error).__name__)
            else:
                self._note(str(answer.status_code))
                if answer.status_code == 200:
                    return int(answer.json()["alerts"])
                if answer.status_code < 500:
                    raise NotAccepted(f"{answer.status_code} {answer.text[:200]}")
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        raise NotAccepted(f"not taken within {PATIENCE_SECONDS:.0f} s: {dict(self.answers)}")

    def _note(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1
