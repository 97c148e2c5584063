"""Logs and metrics: one line and one flush per invocation that has something to say, none otherwise.

A quiet invocation (nothing crossed, nothing refused) writes nothing: at one event a request, logs would be the
largest cost that is ours to choose. Its counts are kept and go out with the next flush of the same container, or
after ``QUIET_FLUSH_SECONDS``; a container that ends before that takes them with it.
"""

import logging
from collections import Counter
from datetime import datetime

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

#: Counts of quiet invocations are at most this old when they are published.
QUIET_FLUSH_SECONDS = 300


def build_logger(service: str) -> Logger:
    """The one logger of a function. Keeps clients quiet: httpx logs whole URLs, and a webhook's URL is its secret."""
    for name in ("httpx", "httpcore", "boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Logger(service=service)


class Counts:
    """Counters that gather over invocations and are published as CloudWatch metrics in one flush."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counter: Counter[str] = Counter()
        self._flushed_at: datetime | None = None

    def add(self, **counts: int) -> None:
        """Add to the counters; names are metric names, zero is allowed."""
        self._counter.update(counts)

    def flush(self, *, now: datetime, noteworthy: bool) -> None:
        """Publish what has gathered, if this invocation is noteworthy or the last flush is long ago."""
        self._flushed_at = self._flushed_at or now
        is_stale = (now - self._flushed_at).total_seconds() >= QUIET_FLUSH_SECONDS
        if not (noteworthy or is_stale):
            return
        for name, count in self._counter.items():
            if count:
                self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
        if any(self._counter.values()):
            self._metrics.flush_metrics()
        self._counter.clear()
        self._flushed_at = now
