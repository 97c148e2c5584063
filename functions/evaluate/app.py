"""EvaluateFunction: takes events in, decides, claims, enqueues. Wiring only: what is decided is in the pipeline.

========================  ====================================================  =================================
in                        out                                                   where a failure goes
========================  ====================================================  =================================
POST /events…             200 with counts and refusals; 400, 401, 413; 503      the sender, who tries again on 5xx
POST /services/…          ``ok``, or the word that Slack would answer           the sender
RequestLogQueue           the messages that could not be read                   ten tries, then its dead-letter queue
EventBridge               nothing                                               two retries, then the events'
                                                                                dead-letter queue, rejected ones too
schedule sweep_outbox     nothing                                               counted; the next sweep
schedule reports          nothing                                               counted; the next run
schedule canary           nothing                                               counted; the next canary, and an alarm
========================  ====================================================  =================================
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from evaluate.alert_queue import AlertQueue, SQSAlertQueue
from evaluate.alerting import Offer
from evaluate.answers import batch_answer, dry_run_body, evaluated_answer, http_answer, refusal_body, slack_answer
from evaluate.budget_alert_types import entity_types
from evaluate.canary import canary_alert
from evaluate.claims import ClaimStore, DynamoDBClaims
from evaluate.customers import DynamoDBCustomerSpend, customer_readings
from evaluate.episodes import DynamoDBEpisodes, KnownEpisodes
from evaluate.gateway_alert import ENTITY_TYPES
from evaluate.hanging import DynamoDBHangingCalls
from evaluate.ingress import (
    EventsRequest,
    QueuedLogsRequest,
    ReportsRequest,
    SlackRequest,
    Task,
    is_http,
    is_schedule,
    is_slack,
    read_request,
)
from evaluate.known_claims import KnownClaims
from evaluate.outages import DynamoDBOutageCounts
from evaluate.pipeline import Evaluation, Raised, evaluate, offers_at, raise_alerts, sweep_outbox
from evaluate.reactions import Stores, look_after, react, tell_due_alerts, watch_budgets
from evaluate.resolutions import DynamoDBAlertedBudgets, KnownAlerted
from evaluate.settings import Settings
from evaluate.shapes import ParsedEvents
from evaluate.signals import keeps_usage
from evaluate.table import AlertsTable
from evaluate.tokens import IngestTokens
from gateway_alerts import secrets
from gateway_alerts.alert_types import BUDGET_ALERTS
from gateway_alerts.aws import aws_client
from gateway_alerts.config_source import ConfigSource
from gateway_alerts.errors import (
    ConfigurationError,
    DependencyUnavailable,
    EventRejected,
    GatewayAlertsError,
    RequestRefused,
    SlackRefused,
    place_of,
)
from gateway_alerts.observability import Counts, build_logger, silence_clients

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from evaluate.usage.usage_ledger import UsageLedger

#: Alerts due by the clock that a container remembers to be told.
KNOWN_DUE = 10_000


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any] | None:
    """AWS Lambda's entry point. Raises only where the invoker is to try again, and never with a secret in the message."""
    now = datetime.now(UTC)
    try:
        return _application().handle(event, now=now, request_id=getattr(context, "aws_request_id", ""))
    except GatewayAlertsError as error:
        _log_failure(error, now=now, is_scheduled=is_schedule(event))
        if is_slack(event):
            return _slack_refusal(error)
        if is_http(event):
            return _refusal(error)
        if is_schedule(event):
            return None  # kept, an outage would fill the dead-letter queue with one record a minute; the next one comes anyway
        raise
    except Exception as error:  # noqa: BLE001
        # The last resort: a defect of ours. Its message could quote the input, so only its place is kept.
        _log_failure(error, now=now)
        raise RuntimeError(f"unhandled {type(error).__name__}") from None


class Application:
    """The function's collaborators, built once per container; AWS clients when they are first needed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        silence_clients()
        self._settings = Settings.read(environment)
        self._known = KnownClaims()
        self._stores = Stores(
            claims=self._claims,
            episodes=lambda: DynamoDBEpisodes(self._table()),
            outages=lambda: DynamoDBOutageCounts(self._table()),
            calls=lambda: DynamoDBHangingCalls(self._table()),
            alerted=lambda: DynamoDBAlertedBudgets(self._table()),
            queue=self._queue,
            known=KnownEpisodes(),
            known_alerted=KnownAlerted(),
        )
        #: What the clock had due and somebody has told; to forget it costs a report made in vain.
        self._settled: list[tuple[str, int]] = []
        self._tokens = cache(IngestTokens.parse)
        self.config = ConfigSource(
            inline=self._settings.config,
            parameter_name=self._settings.config_parameter_name,
            check=lambda config: config.check_entity_types(entity_types(), others=ENTITY_TYPES),
            logger=_logger,
        ).current

    def handle(self, event: Mapping[str, Any], *, now: datetime, request_id: str) -> dict[str, Any] | None:
        """Do what one Lambda event asks for; the answer is for the HTTP API or the queue, and None for the others."""
        match read_request(event, tokens=self.tokens):
            case Task.HEALTH:
                return http_answer(200, {"status": "ok"})
            case Task.SWEEP:
                self._sweep(now=now, request_id=request_id)
                return None
            case ReportsRequest(at=at):
                self._report_usage(now=at or now, request_id=request_id)
                return None
            case Task.CANARY:
                if not self._queue().send([canary_alert(now=now, request_id=request_id)]):
                    raise DependencyUnavailable("SQS: the canary was not taken")
                return None
            case SlackRequest(gateway=gateway, parsed=parsed):
                self._react(self._decide(parsed, gateway=gateway, now=now), gateway=gateway, now=now, request_id=request_id)
                return slack_answer("ok", 200)
            case QueuedLogsRequest(parsed=parsed, message_ids=message_ids):
                gateway = self._settings.request_log_gateway
                evaluation = self._decide(parsed, gateway=gateway, now=now)
                self._react(evaluation, gateway=gateway, now=now, request_id=request_id)
                return batch_answer([message_ids[rejection.position] for rejection in evaluation.rejections])
            case EventsRequest() as request:
                return self._evaluate(request, is_http=is_http(event), now=now, request_id=request_id)

    def _evaluate(self, request: EventsRequest, *, is_http: bool, now: datetime, request_id: str) -> dict[str, Any] | None:
        evaluation = self._decide(request.parsed, gateway=request.gateway, now=now)
        if request.is_dry_run:
            return http_answer(200, dry_run_body(evaluation, now=now, config=self.config()))
        alert_count = self._react(evaluation, gateway=request.gateway, now=now, request_id=request_id)
        if is_http:
            return evaluated_answer(evaluation, alert_count=alert_count)
        if evaluation.rejections:
            # Nobody reads an answer here. Raising keeps the event: what was good in it is decided, and dedupes.
            raise EventRejected(f"{len(evaluation.rejections)} of the events")
        return None

    def _decide(self, parsed: ParsedEvents, *, gateway: str, now: datetime) -> Evaluation:
        return evaluate(parsed, gateway=gateway, config=self.config(), now=now)

    def _react(self, evaluation: Evaluation, *, gateway: str, now: datetime, request_id: str) -> int:
        """Claim, tell, count and keep what was decided; returns how many alerts are on their way.

        Raises:
            DependencyUnavailable: not all of it could be done; what was, is not done again.
        """
        config = self.config()
        offers = [offer for _, offers in evaluation.offers for offer in offers]
        if evaluation.tracked:
            store = DynamoDBCustomerSpend(self._table())
            readings = customer_readings(evaluation.tracked, store=store, gateway=gateway, config=config, now=now)
            offers += [offer for reading in readings for offer in offers_at(reading, gateway=gateway, config=config)]
        raised = self._raise(offers, now=now, request_id=request_id)
        told = react(evaluation.signals, gateway=gateway, stores=self._stores, now=now, request_id=request_id, config=config)
        raised.add(told)
        self._keep_usage(evaluation, raised, gateway=gateway, now=now)
        watched = watch_budgets(
            raised.alerts,
            evaluation.readings,
            gateway=gateway,
            stores=self._stores,
            now=now,
            request_id=request_id,
            config=config,
        )
        raised.add(watched)
        self._report(evaluation, raised, gateway=gateway, now=now, message="evaluated")
        if raised.failure:
            raise raised.failure
        return len(raised.alerts)

    def _raise(self, offers: Sequence[Offer], *, now: datetime, request_id: str) -> Raised:
        return raise_alerts(
            offers,
            claims=self._claims,
            queue=self._queue,
            known=self._known,
            now=now,
            request_id=request_id,
            config=self.config(),
        )

    def _keep_usage(self, evaluation: Evaluation, raised: Raised, *, gateway: str, now: datetime) -> None:
        logs = evaluation.signals.logs
        if not (logs and self._settings.usage_table_name and keeps_usage(self.config())):
            return
        # Here, because only request logs need it.
        from evaluate.usage.usage import entry_id, usage_of

        try:
            self._ledger().append(entry_id(logs, gateway=gateway), usage_of(logs, gateway=gateway, now=now), now=now)
        except DependencyUnavailable as error:
            raised.failure = raised.failure or error

    def _report_usage(self, *, now: datetime, request_id: str) -> None:
        """What is due by the clock: reports, users' spend, forecasts. Raises DependencyUnavailable."""
        if not self._settings.usage_table_name:
            return
        # Here, because only this schedule needs them.
        from evaluate.usage.budget_series import budget_series
        from evaluate.usage.forecasts import forecast_offers
        from evaluate.usage.scheduled import due_alerts

        config, ledger = self.config(), self._ledger()
        due = due_alerts(ledger=ledger, config=config, now=now, request_id=request_id, settled=self._settled)
        told, settled = tell_due_alerts(due, stores=self._stores, now=now, config=config)
        self._settled = [*self._settled, *settled][-KNOWN_DUE:]
        raised = Raised()
        if config.forecast and config.is_enabled(BUDGET_ALERTS):
            offers = forecast_offers(budget_series(ledger=ledger, now=now), now=now)
            raised = self._raise(offers, now=now, request_id=request_id)
        raised.add(told)
        self._report(Evaluation(), raised, gateway="", now=now, message="reported")
        if raised.failure:
            raise raised.failure

    def _sweep(self, *, now: datetime, request_id: str) -> None:
        swept = sweep_outbox(claims=self._claims(), queue=self._queue(), now=now)
        due = self._table().due(now=now)
        swept.add(look_after(due, stores=self._stores, now=now, request_id=request_id, config=self.config()))
        _counts().add(AlertsSwept=len(swept.alerts))
        self._report(Evaluation(), swept, gateway="", now=now, message="swept")
        if swept.failure:
            raise swept.failure

    def tokens(self) -> IngestTokens:
        """The ingest tokens as they are now. Raises ConfigurationError, DependencyUnavailable."""
        settings = self._settings
        if not settings.ingest_tokens and not settings.ingest_tokens_secret_arn:
            raise ConfigurationError("not set: INGEST_TOKENS or INGEST_TOKENS_SECRET_ARN")
        return self._tokens(settings.ingest_tokens or secrets.secret(settings.ingest_tokens_secret_arn))

    def _report(self, evaluation: Evaluation, raised: Raised, *, gateway: str, now: datetime, message: str) -> None:
        rejected_count = len(evaluation.rejections)
        _counts().add(
            EventsAccepted=len(evaluation.accepted),
            EventsRejected=rejected_count,
            ClaimsWon=raised.won_count,
            ClaimsLost=raised.repeat_count,
            OccurrencesHeld=raised.held_count,
            AlertsLeftInOutbox=raised.unsent_count,
        )
        for alert in raised.alerts[raised.resent_count :]:
            _counts().add_by("AlertsRaised", alert_type=alert.alert_type, reason=alert.event)
        is_noteworthy = bool(raised.alerts or rejected_count or raised.unsent_count)
        if is_noteworthy:
            _logger().info(
                message,
                extra={
                    "gateway": gateway,
                    "accepted_count": len(evaluation.accepted),
                    "rejected_count": rejected_count,
                    "alert_count": len(raised.alerts),
                    "repeat_count": raised.repeat_count,
                    "unsent_count": raised.unsent_count,
                    "reasons": sorted({rejection.reason.partition(":")[0] for rejection in evaluation.rejections}),
                    "dedupe_keys": [alert.dedupe_key for alert in raised.alerts[:20]],
                },
            )
        _counts().flush(now=now, noteworthy=is_noteworthy)

    def _ledger(self) -> "UsageLedger":
        from evaluate.usage.usage_ledger import DynamoDBUsageLedger

        table_name = self._settings.usage_table_name
        return DynamoDBUsageLedger(aws_client("dynamodb"), table_name=table_name, zone=self.config().zone)

    def _table(self) -> AlertsTable:
        return AlertsTable(aws_client("dynamodb"), name=self._settings.table_name)

    def _claims(self) -> ClaimStore:
        return DynamoDBClaims(
            aws_client("dynamodb"),
            table_name=self._settings.table_name,
            ttl_seconds=self.config().alerting_args.budget_alert_ttl,
        )

    def _queue(self) -> AlertQueue:
        return SQSAlertQueue(aws_client("sqs"), queue_url=self._settings.queue_url)


@cache
def _application() -> Application:
    return Application(os.environ)


@cache
def _logger() -> "Logger":
    return build_logger("evaluate")


@cache
def _counts() -> Counts:
    return Counts()


def _log_failure(error: Exception, *, now: datetime, is_scheduled: bool = False) -> None:
    """One line about why an invocation failed, without anything that came from outside."""
    if isinstance(error, RequestRefused | SlackRefused):
        _counts().add(RequestsRefused=1)
        _logger().info("refused", extra={"reason": error.word if isinstance(error, SlackRefused) else error.code})
    elif isinstance(error, EventRejected):
        _logger().warning("kept for the dead-letter queue", extra={"reason": error.code})
    elif isinstance(error, GatewayAlertsError):
        _counts().add(**{"SchedulesFailed" if is_scheduled else "RequestsFailed": 1})
        _logger().error("failed", extra={"reason": type(error).__name__, "detail": str(error)})
    else:
        _counts().add(RequestsFailed=1)
        _logger().error("unhandled", extra={"reason": type(error).__name__, "place": place_of(error)})
    _counts().flush(now=now, noteworthy=True)


def _slack_refusal(error: GatewayAlertsError) -> dict[str, Any]:
    if isinstance(error, SlackRefused):
        return slack_answer(error.word, error.status)
    if isinstance(error, RequestRefused):
        return slack_answer("invalid_payload", error.status)
    return slack_answer("service_unavailable", 503)


def _refusal(error: GatewayAlertsError) -> dict[str, Any]:
    if isinstance(error, RequestRefused):
        return http_answer(error.status, refusal_body(error.code, str(error)))
    # 503, not 500: the sender is to come again. What failed is in the log, not in the answer.
    code = "unavailable" if isinstance(error, DependencyUnavailable) else "misconfigured"
    return http_answer(503, refusal_body(code, "try again later; the log says what failed"))
