"""The application between its models: containers that start and die, the real pipelines, the schedule of the sweep."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evaluate.alert_queue import SQSAlertQueue
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import evaluate, raise_alerts, sweep_outbox
from evaluate.shapes import parse_body
from gateway_alerts.config import Config, Destination, Route
from gateway_alerts.errors import DependencyUnavailable
from notify.dead_letters import SQSDeadLetters
from notify.pipeline import Notified, Ports, notify
from notify.returns import SQSReturns
from tests.simulation.queue import Queue
from tests.simulation.senders import Senders
from tests.simulation.slack import POST_SECONDS, SimDestination, Slack
from tests.simulation.table import SimClaims, SimDeliveries, SimGates, Table
from tests.simulation.world import Invocation, World

EVALUATE_SECONDS = NOTIFY_SECONDS = 30.0
SWEEP_SECONDS = 60.0
END_SECONDS = 40 * 3_600.0


@dataclass
class Container:
    """One container of EvaluateFunction, with what it remembers."""

    known: KnownClaims
    is_busy: bool = False


class System:
    """One run. A mutant replaces one of the parts that are made here."""

    claims_type: type[SimClaims] = SimClaims
    known_type: type[KnownClaims] = KnownClaims
    gates_type: type[SimGates] = SimGates
    raise_alerts: Callable[..., Any] = staticmethod(raise_alerts)
    sweep_outbox: Callable[..., Any] = staticmethod(sweep_outbox)
    notify: Callable[..., Notified] = staticmethod(notify)

    def __init__(self, seed: int, *, kill_at: tuple[int, str] | None = None, is_traced: bool = False) -> None:
        self.world = World(seed, kill_at=kill_at, is_traced=is_traced)
        self.table = Table(self.world)
        self.queue = Queue(self.world, self._notify)
        self.slack = Slack(self.world, self.table)
        self.senders = Senders(self.world, self._evaluate)
        self.containers: list[Container] = []
        self._requests = 0
        reference = Destination(url="os.environ/FINANCE")
        self.config = Config(
            destinations={"finance": reference},
            routes=[Route(entity_types=["team"], destinations=["default", "finance"])],
            fallback_destination=self.world.random.choice([None, "finance"]),
        )
        self.alert_queue = self.make_alert_queue()

    def make_alert_queue(self) -> Any:
        return SQSAlertQueue(self.queue, queue_url="alerts")  # type: ignore[arg-type]

    def make_ports(self, invocation: Invocation) -> Ports:
        return Ports(
            destination=lambda name: SimDestination(name, self.slack),
            deliveries=SimDeliveries(self.table),
            gates=self.gates_type(self.table),
            returns=SQSReturns(lambda: self.queue, queue_url="alerts"),  # type: ignore[arg-type,return-value]
            dead_letters=SQSDeadLetters(lambda: self.queue, queue_url="dead"),  # type: ignore[arg-type,return-value]
            fallback=self.config.fallback_destination,
            has_time=lambda: invocation.deadline - self.world.now > POST_SECONDS,
            clock=self.world.clock,
            holder=invocation.name,
            side_by_side=self.world.side_by_side,
        )

    def run(self) -> None:
        # A day of waiting is long: few alerts go through it.
        self.senders.begin(is_brief=self.slack.archived_until > self.world.calm_at * 2)
        self.world.after(SWEEP_SECONDS, self._sweep)
        self.world.run(END_SECONDS)

    def _invocation(self, kind: str, seconds: float) -> Invocation:
        self._requests += 1
        return Invocation(f"{kind}-{self._requests}", self.world.now + seconds)

    def _evaluate(self, gateway: str, body: bytes, answered: Callable[[bool], None]) -> None:
        container = self._container()
        invocation = self._invocation("evaluate", EVALUATE_SECONDS)
        is_accepted = False

        def run() -> None:
            nonlocal is_accepted
            self.world.step("arrive", lambda: None)
            evaluation = evaluate(parse_body(body), gateway=gateway, config=self.config, now=self.world.clock())
            assert not evaluation.rejections, evaluation.rejections
            raised = self.raise_alerts(
                [offer for _, offers in evaluation.offers for offer in offers],
                claims=lambda: self.claims_type(self.table),
                queue=lambda: self.alert_queue,
                known=container.known,
                now=self.world.clock(),
                request_id=invocation.name,
                config=self.config,
            )
            self.world.step("answer", lambda: None)
            is_accepted = raised.failure is None

        def done(is_whole: bool) -> None:
            container.is_busy = False
            if not is_whole:
                self.containers.remove(container)
            answered(is_accepted)

        self.world.start(run, invocation, done)

    def _container(self) -> Container:
        idle = [container for container in self.containers if not container.is_busy]
        if not idle or self.world.happens(0.1):
            idle = [Container(self.known_type())]
            self.containers += idle
        container = self.world.random.choice(idle)
        container.is_busy = True
        return container

    def _notify(self, records: list[dict[str, Any]], answered: Callable[[set[str] | None], None]) -> None:
        invocation = self._invocation("notify", NOTIFY_SECONDS)
        failed: set[str] | None = None

        def run() -> None:
            nonlocal failed
            self.world.step("arrive", lambda: None)
            notified = self.notify(records, ports=self.make_ports(invocation), now=self.world.clock())
            self.world.counts["batches"] += 1
            self.world.step("answer", lambda: None)
            unhandled = [fault for fault in notified.faults if "unhandled" in fault]
            assert not unhandled, unhandled
            failed = notified.failed

        self.world.start(run, invocation, lambda is_whole: answered(failed if is_whole else None))

    def _sweep(self) -> None:
        is_needed = any(item.outbox for item in self.table.items.values()) or any(
            item.outbox for item in self.table.index.values()
        )
        if is_needed:
            invocation = self._invocation("sweep", EVALUATE_SECONDS)

            def run() -> None:
                try:
                    self.sweep_outbox(claims=self.claims_type(self.table), queue=self.alert_queue, now=self.world.clock())
                except DependencyUnavailable:
                    self.world.say("the sweep failed")

            self.world.start(run, invocation, lambda is_whole: None)
        if is_needed or not self.world.is_calm:
            self.world.after(SWEEP_SECONDS, self._sweep)
