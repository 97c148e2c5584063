"""What events tell besides budgets: alerts of the gateway, failures, slow requests, errors of deployments, calls. Pure."""

from collections.abc import Iterable
from datetime import datetime

from evaluate.gateway_alert import occurrence_of, slack_message_of
from evaluate.hanging import Signal, signal_of
from evaluate.occurrences import Occurrence
from evaluate.outages import Errors, errors_in
from evaluate.request_logs import failure_of, is_failure, is_slow, slow_request_of
from gateway_alerts.alert_types import (
    DAILY_REPORTS,
    LLM_EXCEPTIONS,
    LLM_TOO_SLOW,
    SPEND_REPORTS,
    USER_SPEND_ANOMALIES,
    USER_SPEND_THRESHOLDS,
)
from gateway_alerts.config import Config
from gateway_alerts.events import GatewayAlert, InboundEvent, RequestLog, SlackMessage

#: The events that tell anything besides budgets.
SIGNALLING = frozenset({RequestLog, GatewayAlert, SlackMessage})
#: What is made from the usage that request logs add up to; with none of them on, none is kept.
FROM_USAGE = (DAILY_REPORTS, SPEND_REPORTS, USER_SPEND_ANOMALIES, USER_SPEND_THRESHOLDS)


class Signals:
    """What is to be told, counted or kept. Occurrences are told by the index of their event."""

    def __init__(self) -> None:
        self.occurrences: list[tuple[int, Occurrence]] = []
        self.calls: list[Signal] = []
        self.logs: list[RequestLog] = []

    def errors(self, *, gateway: str, config: Config, now: datetime) -> list[Errors]:
        """The errors that count towards outages, by the places that they are of."""
        return errors_in(self.logs, gateway=gateway, config=config, now=now)


def add_signals(event: InboundEvent, *, index: int, to: Signals, gateway: str, config: Config, now: datetime) -> None:
    """Add what one event tells.

    Raises:
        UnknownAlertType: a gateway alert's type is not in the table.
        InvalidEvent: it is a signal about a call, and does not say which.
    """
    # By type, as in ``evaluate.readings``.
    if type(event) is RequestLog:
        to.logs.append(event)
        to.occurrences += [(index, occurrence) for occurrence in _in_log(event, gateway=gateway, config=config, now=now)]
    elif type(event) is GatewayAlert:
        call = signal_of(event, gateway=gateway, config=config, now=now)
        if call is None:
            occurrence = occurrence_of(event, gateway=gateway, config=config, now=now)
            if config.is_enabled(occurrence.alert_type):
                to.occurrences.append((index, occurrence))
        elif config.is_enabled(event.alert_type):
            to.calls.append(call)
    elif type(event) is SlackMessage:
        to.occurrences.append((index, slack_message_of(event, gateway=gateway, now=now)))


def _in_log(log: RequestLog, *, gateway: str, config: Config, now: datetime) -> Iterable[Occurrence]:
    if config.is_enabled(LLM_EXCEPTIONS) and is_failure(log, config=config):
        yield failure_of(log, gateway=gateway, now=now)
    if config.is_enabled(LLM_TOO_SLOW) and is_slow(log, config=config):
        yield slow_request_of(log, gateway=gateway, config=config, now=now)


def keeps_usage(config: Config) -> bool:
    """Whether anything that is on is made from usage."""
    return config.forecast or any(map(config.is_enabled, FROM_USAGE))
