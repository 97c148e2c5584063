"""The whole application on this machine: template.yaml's parts, put together and taken apart again.

::

    HTTP ─▶ gateway_http ─┐                          ┌─▶ DynamoDB ┐
    put_event ────────────┼─▶ EvaluateFunction (n) ──┤            ├ ministack
    scheduler ────────────┤                          └─▶ SQS ─────┘
    RequestLogQueue ──────┘                               └─▶ poller ─▶ NotifyFunction (n) ─▶ inbox, or Slack
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Self

from local.asynchronous import RETRY_SECONDS, AsynchronousInvoker
from local.gateway_http import HttpApi, LocalServer
from local.http_events import routes_of
from local.inbox import Inbox
from local.ministack import Ministack, running_ministack
from local.poller import EventSourceMapping, Poller
from local.resources import CREDENTIALS, REGION, Resources, function_arn, physical_name
from local.scheduler import Scheduler, schedules_of
from local.template import expanded_template
from local.workers import FunctionSettings, WorkerPool

EVALUATE = "EvaluateFunction"
NOTIFY = "NotifyFunction"
ALERTS_QUEUE = "AlertsQueue"
LOCAL_TOKEN = "local-token"
LOCAL_INGEST_TOKENS = f"local={LOCAL_TOKEN}"
#: Where `make local` has its AWS, so that events/env.json can name it.
LOCAL_AWS_PORT = 4566


@dataclass(frozen=True, slots=True)
class StackSettings:
    """How a stack differs from what template.yaml says. None leaves a value as the template has it.

    Attributes:
        port: of the HTTP API and the inbox; 0 takes a free one.
        aws_port: of ministack; None takes a free one.
        config: the configuration document, as ``CONFIG``; empty reads the parameter.
        ingest_tokens: ``gateway=token`` pairs, kept in the secret.
        slack_webhook_url: the default destination, kept in the secret; None is the stack's own inbox.
        visibility_timeout_seconds: the alerts queue's; for tests that wait for a redelivery.
        retry_seconds: pauses before the retries of an asynchronous invocation; for tests.
        environment: more variables for both functions, such as those that ``os.environ/NAME`` in a configuration names.
        is_polling: whether the event source mappings run; without them alerts and request logs stay in their queues.
        log: where the functions' and the stack's own lines go; None is a file that ends with the stack, ``Stack.log_path``.
    """

    port: int = 0
    aws_port: int | None = None
    batch_window_seconds: int | None = None
    batch_size: int | None = None
    config: str = ""
    ingest_tokens: str = LOCAL_INGEST_TOKENS
    slack_webhook_url: str | None = None
    evaluate_worker_count: int = 2
    notify_worker_count: int = 2
    visibility_timeout_seconds: int | None = None
    retry_seconds: Sequence[float] = RETRY_SECONDS
    environment: Mapping[str, str] = field(default_factory=dict)
    is_polling: bool = True
    log: IO[bytes] | None = None


class Stack:
    """A running stack; a context manager. Everything that it starts has ended when it is left, however that happens."""

    server: LocalServer
    ministack: Ministack
    resources: Resources
    evaluate: WorkerPool
    notify: WorkerPool
    poller: Poller

    def __init__(self, settings: StackSettings | None = None) -> None:
        self.settings = settings or StackSettings()
        self.inbox = Inbox()
        self.log_path: Path | None = None
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        """Start everything, and return when it takes requests. Raises PortInUse, DidNotStart."""
        with self._exit as started:
            settings = self.settings
            self._log = settings.log or self._log_file()
            self.server = started.enter_context(closing(LocalServer(settings.port)))
            self.ministack = started.enter_context(running_ministack(port=settings.aws_port))
            template = self._template()
            self.resources = started.enter_context(closing(Resources(template, self.ministack.endpoint_url)))
            self.evaluate = self._pool(started, EVALUATE, settings.evaluate_worker_count)
            self.notify = self._pool(started, NOTIFY, settings.notify_worker_count)
            self._asynchronous = {name: started.enter_context(closing(self._invoker(name))) for name in (EVALUATE, NOTIFY)}
            self.mapping = self._mapping(NOTIFY)
            self.poller = Poller(self.sqs, self.mapping, self.notify.invoke, report=self._report)
            log_poller = Poller(self.sqs, self._mapping(EVALUATE), self.evaluate.invoke, report=self._report)
            scheduler = Scheduler(schedules_of(template), lambda name, event: self._asynchronous[name].put(event))
            for part in (self.poller, log_poller, scheduler) if settings.is_polling else (scheduler,):
                started.enter_context(closing(part))
                part.start()
            self.server.start(HttpApi(routes_of(template), self._invoke_for_http, report=self._report), self.inbox.answer)
            self._exit = started.pop_all()
        return self

    def __exit__(self, *details: object) -> None:
        self._exit.close()

    @property
    def url(self) -> str:
        """Of the HTTP API and of the inbox page."""
        return self.server.url

    @property
    def inbox_webhook_url(self) -> str:
        """The default channel of the stack's own inbox. By name, since that leads here from a container too: docker_bridge."""
        return f"http://localhost:{self.server.port}/inbox/alerts"

    @property
    def endpoint_url(self) -> str:
        """What ``AWS_ENDPOINT_URL`` is for the functions."""
        return self.ministack.endpoint_url

    @property
    def sqs(self) -> Any:
        """The boto3 client of SQS."""
        return self.resources.client("sqs")

    @property
    def dynamodb(self) -> Any:
        """The boto3 client of DynamoDB."""
        return self.resources.client("dynamodb")

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke a function and wait for its answer. Raises FunctionError."""
        return self._pools[function].invoke(event)

    def put_event(self, event: Mapping[str, Any]) -> Future[bool]:
        """Hand an EventBridge event to EvaluateFunction, as the rule would: asynchronously, with retries."""
        return self._asynchronous[EVALUATE].put(event)

    def queue_depth(self, logical_id: str = ALERTS_QUEUE) -> int:
        """Messages in a queue, those being handled included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.resources.ref(logical_id), AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def _template(self) -> dict[str, Any]:
        settings = self.settings
        parameters: dict[str, str | int] = {
            "IngestToken": settings.ingest_tokens,
            "SlackWebhookUrl": settings.slack_webhook_url or self.inbox_webhook_url,
        }
        if settings.batch_window_seconds is not None:
            parameters["BatchWindowSeconds"] = settings.batch_window_seconds
        if settings.batch_size is not None:
            parameters["BatchSize"] = settings.batch_size
        template = expanded_template(**parameters)
        if settings.visibility_timeout_seconds is not None:
            template["Resources"][ALERTS_QUEUE]["Properties"]["VisibilityTimeout"] = settings.visibility_timeout_seconds
        return template

    def _pool(self, started: ExitStack, name: str, size: int) -> WorkerPool:
        overrides = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **CREDENTIALS,
            **self.settings.environment,
        }
        if self.settings.config:
            overrides["CONFIG"] = self.settings.config
        function = function_settings(self.resources, name, overrides)
        return started.enter_context(closing(WorkerPool(function, size=size, log=self._log)))

    @property
    def _pools(self) -> dict[str, WorkerPool]:
        return {EVALUATE: self.evaluate, NOTIFY: self.notify}

    def _invoke_for_http(self, function: str, event: Any, wait_seconds: float) -> Any:
        return self._pools[function].invoke(event, wait_seconds=wait_seconds)

    def _invoker(self, name: str) -> AsynchronousInvoker:
        return AsynchronousInvoker(
            self._pools[name].invoke,
            on_failure=self._dead_letter_sender(name),
            report=self._report,
            retry_seconds=self.settings.retry_seconds,
        )

    def _dead_letter_sender(self, name: str) -> Callable[[str], object]:
        """What keeps a function's failed asynchronous events: its OnFailure destination, if it has one."""
        for properties in self.resources.of_type("AWS::Lambda::EventInvokeConfig").values():
            if properties["FunctionName"] == {"Ref": name}:
                logical_id = properties["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
                url = self.resources.ref(logical_id)
                return lambda body: self.sqs.send_message(QueueUrl=url, MessageBody=body)
        return lambda _: None

    def _mapping(self, function: str) -> EventSourceMapping:
        mappings = self.resources.of_type("AWS::Lambda::EventSourceMapping").values()
        properties = next(properties for properties in mappings if properties["FunctionName"] == {"Ref": function})
        mapping = mapping_settings(self.resources, properties)
        # Lambda starts a container for a batch that finds none; here it would wait, where it gathers no more alerts.
        worker_count = {EVALUATE: self.settings.evaluate_worker_count, NOTIFY: self.settings.notify_worker_count}[function]
        return replace(mapping, maximum_concurrency=min(mapping.maximum_concurrency, worker_count))

    def _log_file(self) -> IO[bytes]:
        log = tempfile.NamedTemporaryFile(prefix="gateway-alerts-", suffix=".log")  # noqa: SIM115
        self._exit.enter_context(log)
        self.log_path = Path(log.name)
        return log

    def _report(self, line: str) -> None:
        self._log.write(f"local: {line}\n".encode())
        self._log.flush()


def function_settings(resources: Resources, name: str, overrides: Mapping[str, str]) -> FunctionSettings:
    """What the template says about a function, with ``overrides`` of its environment."""
    properties = resources.properties(name)
    return FunctionSettings(
        name=physical_name(name),
        handler=properties["Handler"],
        arn=function_arn(name),
        timeout_seconds=properties["Timeout"],
        memory_mib=properties["MemorySize"],
        environment=resources.environment(name) | dict(overrides),
    )


def mapping_settings(resources: Resources, properties: Mapping[str, Any]) -> EventSourceMapping:
    """What the template says about an event source mapping, and about its queue."""
    queue = properties["EventSourceArn"]["Fn::GetAtt"][0]
    defaults = EventSourceMapping(
        queue_url=resources.ref(queue),
        queue_arn=resources.arn(queue),
        visibility_timeout_seconds=resources.properties(queue).get("VisibilityTimeout", 30),
    )
    return replace(
        defaults,
        batch_size=properties.get("BatchSize", defaults.batch_size),
        window_seconds=properties.get("MaximumBatchingWindowInSeconds", defaults.window_seconds),
        maximum_concurrency=properties.get("ScalingConfig", {}).get("MaximumConcurrency", defaults.maximum_concurrency),
        reports_batch_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
    )
