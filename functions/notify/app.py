"""NotifyFunction: takes a batch of queued alerts, posts aggregated messages. Wiring only.

In: an SQS event. Out: ``{"batchItemFailures": [{"itemIdentifier": messageId}]}``, so that only what failed comes
back. A record that keeps failing lands in the dead-letter queue.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from pydantic import SecretStr

from gateway_alerts import secrets
from gateway_alerts.alerts import CANARY_DESTINATION
from gateway_alerts.aws import aws_client
from gateway_alerts.config_source import ConfigSource
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable, GatewayAlertsError, place_of
from gateway_alerts.observability import Counts, build_logger, silence_clients
from notify.dead_letters import SQSDeadLetters
from notify.deliveries import DynamoDBDeliveries
from notify.destinations.base import Destination
from notify.destinations.registry import Clients, open_destination
from notify.gates import DynamoDBGates
from notify.http_client import make_http_client
from notify.outcomes import Delivered
from notify.pipeline import Notified, Ports, notify
from notify.returns import SQSReturns
from notify.settings import Settings

#: A post may take this long; with less time left, what remains goes back to the queue.
POST_MILLIS = 12_000
#: Destinations that are posted to at the same time.
SIDE_BY_SIDE = 8


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is killed."""


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """AWS Lambda's entry point."""
    now = datetime.now(UTC)
    try:
        return _application().handle(
            event, remaining_millis=context.get_remaining_time_in_millis, request_id=context.aws_request_id, now=now
        )
    except GatewayAlertsError as error:
        _logger().error("failed", extra={"reason": type(error).__name__, "detail": str(error)})
        raise
    except Exception as error:  # noqa: BLE001
        # The last resort: a defect of ours. Its message could quote the input or a URL, so only its place is kept.
        _logger().error("unhandled", extra={"reason": type(error).__name__, "place": place_of(error)})
        raise RuntimeError(f"unhandled {type(error).__name__}") from None


class Application:
    """The function's collaborators, built once per container; clients when they are first needed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        silence_clients()
        self._environment = environment
        self._settings = Settings.read(environment)
        self._counts = Counts()
        self.config = ConfigSource(
            inline=self._settings.config,
            parameter_name=self._settings.config_parameter_name,
            check=lambda _config: None,
            logger=_logger,
        ).current
        self._http = cache(make_http_client)
        self._clients = Clients(http=self._http, sns=lambda: aws_client("sns"))
        dynamodb, sqs = (lambda: aws_client("dynamodb")), (lambda: aws_client("sqs"))
        self._deliveries = DynamoDBDeliveries(dynamodb, table_name=self._settings.table_name)
        self._gates = DynamoDBGates(dynamodb, table_name=self._settings.table_name)
        self._returns = SQSReturns(sqs, queue_url=self._settings.queue_url)
        self._dead_letters = SQSDeadLetters(sqs, queue_url=self._settings.dead_letter_queue_url)

    def handle(
        self, event: Mapping[str, Any], *, remaining_millis: Callable[[], int], request_id: str, now: datetime
    ) -> dict[str, Any]:
        """Deliver one batch."""
        ports = Ports(
            destination=self.destination,
            deliveries=self._deliveries,
            gates=self._gates,
            returns=self._returns,
            dead_letters=self._dead_letters,
            fallback=self._fallback(),
            has_time=lambda: remaining_millis() > POST_MILLIS,
            clock=lambda: datetime.now(UTC),
            holder=request_id,
            side_by_side=self._side_by_side,
        )
        notified = notify(event["Records"], ports=ports, now=now)
        self._report(notified, record_count=len(event["Records"]), now=now)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(notified.failed)]}

    def _side_by_side(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run tasks at the same time; one alone needs no thread."""
        if len(tasks) <= 1:
            for task in tasks:
                task()
            return
        from concurrent.futures import ThreadPoolExecutor

        self._http()  # made here, or several threads would each load the certificates
        with ThreadPoolExecutor(max_workers=min(len(tasks), SIDE_BY_SIDE)) as threads:
            for finished in [threads.submit(task) for task in tasks]:
                finished.result()

    def _fallback(self) -> str | None:
        try:
            return self.config().fallback_destination
        except (ConfigurationError, DependencyUnavailable):
            return None  # each destination meets the same trouble, and says so

    def destination(self, name: str) -> Destination:
        """The destination of that name, as the configuration has it now."""
        return open_destination(
            name,
            config=self.config(),
            default_url=self._default_url,
            clients=self._clients,
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
            AlertsDiverted=notified.diverted_count,
            AlertsRedelivered=notified.redelivered_count,
            AlertsDeadLettered=notified.buried_count,
            RecordsReturned=len(notified.failed),
            DestinationsBroken=len(notified.broken),
            PostsDelivered=sum(isinstance(outcome, Delivered) for outcome in outcomes),
            PostsPossiblyDoubled=notified.possible_double_count,
        )
        for outcome in outcomes:
            if not isinstance(outcome, Delivered):
                self._counts.add_by("PostsFailed", reason=outcome.reason)
        canaries = [delay.total_seconds() for name, delay in notified.delays if name == CANARY_DESTINATION]
        self._counts.add(CanaryDelivered=len(canaries))
        self._counts.measure("CanarySeconds", *canaries)
        others = [delay.total_seconds() for name, delay in notified.delays if name != CANARY_DESTINATION]
        self._counts.measure("DeliverySeconds", *others)
        self._counts.measure("BatchRecords", record_count)
        if notified.failed:
            self._counts.measure("WaitingSeconds", notified.waiting.total_seconds())
        log = _logger().warning if notified.failed or notified.faults else _logger().info
        log(
            "notified",
            extra={
                "record_count": record_count,
                "alert_count": notified.alert_count,
                "message_count": len(outcomes),
                "redelivered_count": notified.redelivered_count,
                "returned_count": len(notified.failed),
                "buried_count": notified.buried_count,
                "broken": notified.broken,
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
def _logger() -> Logger:  # imported with the module, unlike EvaluateFunction's: every batch logs
    return build_logger("notify")


@cache
def _application() -> Application:
    return Application(os.environ)
