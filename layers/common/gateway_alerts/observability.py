"""Logs and metrics: one line and one flush per invocation that has something to say, none otherwise.

A quiet invocation (nothing crossed, nothing refused) writes nothing: at one event a request, logs would be the
largest cost that is ours to choose. Its counts are kept and go out with the next flush of the same container, or
after ``QUIET_FLUSH_SECONDS``; a container that ends before that takes them with it. Powertools is imported by the first
line or flush.

Every metric, in the namespace ``GatewayAlerts/STACK`` with the dimension ``service`` and those named here::

    evaluate  EventsAccepted, EventsRejected           events by verdict
              ClaimsWon, ClaimsLost                    rungs that alert; rungs that somebody has alerted for
              AlertsRaised {alert_type, reason}        alerts, by what they say
              OccurrencesHeld                          counted, to be told at the end of their interval
              AlertsLeftInOutbox, AlertsSwept          what the queue did not take at once; what the sweep sent later
              RequestsRefused, RequestsFailed          the sender's fault; ours
              SchedulesFailed                          a sweep or a canary that came to nothing
    notify    BatchRecords                             size of each batch
              AlertsDelivered, AlertsRedelivered       told; known to be told, and not told again
              AlertsDiverted, AlertsDeadLettered       told by the fallback; given up
              RecordsReturned                          back to the queue for later
              PostsDelivered, PostsFailed {reason}     posts by outcome
              PostsPossiblyDoubled                     sent, and no answer said that they arrived
              DestinationsBroken                       destinations found to need an operator
              DeliverySeconds                          from event to post, of the oldest alert of each message
              WaitingSeconds                           age of the oldest alert that went back
              CanaryDelivered, CanarySeconds           the canary's arrivals and how long each took
"""

import logging
from collections import Counter
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

#: Counts of quiet invocations are at most this old when they are published.
QUIET_FLUSH_SECONDS = 300


def silence_clients() -> None:
    """Keep clients from logging what they send, before the first of them is made: a webhook's URL is its secret."""
    for name in ("httpx", "httpcore", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def build_logger(service: str) -> "Logger":
    """The one logger of a function."""
    from aws_lambda_powertools import Logger

    return Logger(service=service)


_Dimensions = tuple[tuple[str, str], ...]


class Counts:
    """Counts and measured values that gather over invocations and are published as CloudWatch metrics in one flush."""

    def __init__(self) -> None:
        self._counters: dict[_Dimensions, Counter[str]] = {(): Counter()}
        self._values: dict[str, list[float]] = {}
        self._flushed_at: datetime | None = None

    @cached_property
    def _metrics(self) -> "Metrics":
        from aws_lambda_powertools import Metrics

        return Metrics()

    def add(self, **counts: int) -> None:
        """Add to the counters; names are metric names, zero is allowed."""
        self._counters[()].update(counts)

    def add_by(self, name: str, /, **dimensions: str) -> None:
        """Count one by dimensions. Their values must be few and fixed: each combination is a metric of its own."""
        self._counters.setdefault(tuple(sorted(dimensions.items())), Counter())[name] += 1

    def measure(self, name: str, *values: float) -> None:
        """Keep values, for their distribution; a name that ends in ``Seconds`` is in seconds, another one counts."""
        self._values.setdefault(name, []).extend(values)

    def flush(self, *, now: datetime, noteworthy: bool) -> None:
        """Publish what has gathered, if this invocation is noteworthy or the last flush is long ago."""
        self._flushed_at = self._flushed_at or now
        is_stale = (now - self._flushed_at).total_seconds() >= QUIET_FLUSH_SECONDS
        if not (noteworthy or is_stale):
            return
        # Powertools gives all of a flush the same dimensions: one flush for each set of them, the plain one first.
        self._add_values()
        for dimensions, counter in sorted(self._counters.items()):
            for name, count in counter.items():
                if count:
                    self._add_metric(name, count)
            self._publish(dimensions)
        self._counters = {(): Counter()}
        self._flushed_at = now

    def _add_values(self) -> None:
        for name, values in self._values.items():
            for value in values:
                self._add_metric(name, value)
        self._values.clear()

    def _add_metric(self, name: str, value: float) -> None:
        from aws_lambda_powertools.metrics import MetricUnit

        unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
        self._metrics.add_metric(name=name, unit=unit, value=value)

    def _publish(self, dimensions: _Dimensions) -> None:
        if not self._metrics.metric_set:
            return
        for name, value in dimensions:
            self._metrics.add_dimension(name=name, value=value)
        self._metrics.flush_metrics()
