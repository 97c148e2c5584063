"""NotifyFunction: takes a batch of queued alerts, posts aggregated messages. Wiring only.

In: an SQS event. Out: ``{"batchItemFailures": [{"itemIdentifier": messageId}]}``, so that only what failed comes
back. A record that keeps failing lands in the dead-letter queue.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import httpx
from aws_lambda_powertools import Metrics
from pydantic import SecretStr

from gateway_alerts import secrets
from gateway_alerts.aws import aws_client
from gateway_alerts.config_source import ConfigSource
from gateway_alerts.errors import ConfigurationError
from gateway_alerts.observability import Counts, build_logger
from notify.deliveries import DynamoDBDeliveries
from notify.destinations.base import Destination
from notify.destinations.registry import open_destination
from notify.outcomes import Delivered, Permanent, RetryLater
from notify.pipeline import Notified, notify
from notify.settings import Settings

#: A post may take this long; with less time left, what remains goes back to the queue.
POST_MILLIS = 12_000
POST_TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is killed."""


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """AWS Lambda's entry point."""
    now = datetime.now(UTC)
    return _application().handle(event, remaining_millis=context.get_remaining_time_in_millis, now=now)


class Application:
    """The function's collaborators, built once per container; clients when they are first needed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._settings = Settings.read(environment)
        self._logger = build_logger("notify")
        self._counts = Counts(Metrics())
        self.config = ConfigSource(
            inline=self._settings.config,
            parameter_name=self._settings.config_parameter_name,
            check=lambda _config: None,
            logger=self._logger,
        ).current
        self._http = cache(_http_client)
        self._deliveries = DynamoDBDeliveries(lambda: aws_client("dynamodb"), table_name=self._settings.table_name)

    def handle(self, event: Mapping[str, Any], *, remaining_millis: Callable[[], int], now: datetime) -> dict[str, Any]:
        """Deliver one batch."""
        notified = notify(
            event["Records"],
            destination=self.destination,
            deliveries=self._deliveries,
            has_time=lambda: remaining_millis() > POST_MILLIS,
            now=now,
        )
        self._report(notified, record_count=len(event["Records"]), now=now)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(notified.failed)]}

    def destination(self, name: str) -> Destination:
        """The destination of that name, as the configuration has it now."""
        return open_destination(
            name,
            config=self.config(),
            default_url=self._default_url,
            client=self._http,
            environment=self._environment,
        )

    def _default_url(self) -> SecretStr:
        if self._settings.slack_webhook_url:
            return SecretStr(self._settings.slack_webhook_url.strip())
        if self._settings.slack_webhook_secret_arn:
            return SecretStr(secrets.secret(self._settings.slack_webhook_secret_arn).strip())
        raise ConfigurationError("not set: SLACK_WEBHOOK_URL or SLACK_WEBHOOK_SECRET_ARN")

    def _report(self, notified: Notified, *, record_count: int, now: datetime) -> None:
        outcomes = [outcome for _, outcome in notified.outcomes]
        self._counts.add(
            AlertsDelivered=notified.alert_count,
            AlertsRedelivered=notified.redelivered_count,
            RecordsReturned=len(notified.failed),
            RecordsUnreadable=notified.unreadable_count,
            PostsDelivered=sum(isinstance(outcome, Delivered) for outcome in outcomes),
            PostsToRetry=sum(isinstance(outcome, RetryLater) for outcome in outcomes),
            PostsRefused=sum(isinstance(outcome, Permanent) for outcome in outcomes),
            PostsPossiblyDoubled=notified.possible_double_count,
        )
        log = self._logger.warning if notified.failed or notified.faults else self._logger.info
        log(
            "notified",
            extra={
                "record_count": record_count,
                "alert_count": notified.alert_count,
                "message_count": len(outcomes),
                "redelivered_count": notified.redelivered_count,
                "returned_count": len(notified.failed),
                "outcomes": [
                    {"destination": name, "outcome": type(outcome).__name__} | asdict(outcome)
                    for name, outcome in notified.outcomes
                    if not isinstance(outcome, Delivered)
                ][:20],
                "faults": notified.faults[:20],
            },
        )
        self._counts.flush(now=now, noteworthy=True)


@cache
def _application() -> Application:
    return Application(os.environ)


def _http_client() -> httpx.Client:
    """The one client of this container: it loads the certificates once and keeps its connections."""
    return httpx.Client(timeout=POST_TIMEOUT, follow_redirects=False)
