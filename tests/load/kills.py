"""SIGKILL for worker processes, again and again, as the seed says."""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from typing import Self

from local.faulty_slack import Channel
from local.stack import Stack
from tests.load.stage import SEED

#: A message is noted well within this time after it was posted.
POST_TO_NOTE_SECONDS = 2.0


class Kills:
    """Kills one process of the stack's functions at a time until it is left. ``at`` has each moment, by ``time.monotonic``."""

    def __init__(self, stack: Stack, *, pause_seconds: tuple[float, float] = (0.3, 1.0), seed: int = SEED) -> None:
        self.evaluate_count = 0
        self.notify_count = 0
        self.notify_killed_at: list[float] = []
        self._stack = stack
        self._pause_seconds = pause_seconds
        self._random = random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def explained_doubles(self, channel: Channel) -> int:
        """How often entities were named again after a message that the channel took within the seconds before a
        NotifyFunction was killed: a batch posts and notes its messages within that time, so the note is what is missing.
        """
        first_at: dict[str, float] = {}
        explained = 0
        for message in channel.taken:
            for name in message.names:
                if name in first_at:
                    explained += any(0 <= at - first_at[name] < POST_TO_NOTE_SECONDS for at in self.notify_killed_at)
                first_at[name] = message.at
        return explained

    def _run(self) -> None:
        while not self._stopped.wait(self._random.uniform(*self._pause_seconds)):
            is_evaluate = self._random.random() < 0.5
            pids = (self._stack.evaluate if is_evaluate else self._stack.notify).pids
            with suppress(ProcessLookupError):
                os.kill(self._random.choice(pids), signal.SIGKILL)
                if is_evaluate:
                    self.evaluate_count += 1
                else:
                    self.notify_count += 1
                    self.notify_killed_at.append(time.monotonic())
