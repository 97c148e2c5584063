"""Faults in delivery."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from gateway_alerts.alerts import Alert, parse_queued_alert
from gateway_alerts.errors import DependencyUnavailable
from notify.destinations.base import Message
from notify.gates import GateState, Reservation
from notify.outcomes import Delivered, Outcome
from notify.pipeline import Notified, Ports, notify
from tests.simulation.slack import SimDestination
from tests.simulation.system import System
from tests.simulation.table import SimDeliveries, SimGates
from tests.simulation.world import Invocation


class WholeBatchAcknowledged(System):
    """No partial answer: what failed is deleted with the rest."""

    @staticmethod
    def notify(records: Sequence[Any], **rest: Any) -> Notified:
        notified = notify(records, **rest)
        notified.failed.clear()
        return notified


class WholeBatchReturned(System):
    """One failure fails the batch, and nothing is noted: the neighbours are posted again."""

    def make_ports(self, invocation: Invocation) -> Ports:
        return super().make_ports(invocation)._replace(deliveries=_NotesNothing())

    @staticmethod
    def notify(records: Sequence[Any], **rest: Any) -> Notified:
        notified = notify(records, **rest)
        if notified.failed:
            notified.failed |= {record["messageId"] for record in records}
        return notified


class _NotesNothing:
    def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
        return set()

    def note(self, alert_ids: Iterable[str], *, destination: str, now: datetime) -> None:
        return None


class NothingNoted(System):
    """A record that comes again is posted again."""

    def make_ports(self, invocation: Invocation) -> Ports:
        return super().make_ports(invocation)._replace(deliveries=_NotesNothing())


class AskedBeforeTheGate(System):
    """What was delivered is asked once, when the batch begins; another batch with the same message asks then too."""

    @staticmethod
    def notify(records: Sequence[Any], *, ports: Ports, now: datetime) -> Notified:
        queued = [parse_queued_alert(record["body"]) for record in records]
        try:
            known = {
                name: ports.deliveries.among([q.alert for q in queued if q.destination == name], destination=name, now=now)
                for name in {q.destination for q in queued}
            }
        except DependencyUnavailable:
            return Notified(failed={record["messageId"] for record in records})

        class Remembers:
            def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
                return known[destination]

            def note(self, alert_ids: Iterable[str], *, destination: str, now: datetime) -> None:
                ports.deliveries.note(alert_ids, destination=destination, now=now)

        return notify(records, ports=ports._replace(deliveries=Remembers()), now=now)


class SoughtSinceTheBatch(System):
    """What was delivered is sought among what was noted since the batch began, not since the alerts were raised."""

    def make_ports(self, invocation: Invocation) -> Ports:
        class Forgets(SimDeliveries):
            def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
                recent = [alert.model_copy(update={"raised_at": now}) for alert in alerts]
                return super().among(recent, destination=destination, now=now)

        return super().make_ports(invocation)._replace(deliveries=Forgets(self.table))


class MarkedBeforeSent(System):
    """The batch is noted as delivered before anything was posted."""

    @staticmethod
    def notify(records: Sequence[Any], *, ports: Ports, now: datetime) -> Notified:
        deliveries = ports.deliveries

        class MarksFirst:
            def among(self, alerts: Sequence[Alert], *, destination: str, now: datetime) -> set[str]:
                known = deliveries.among(alerts, destination=destination, now=now)
                deliveries.note([alert.alert_id for alert in alerts], destination=destination, now=now)
                return known

            def note(self, alert_ids: Iterable[str], *, destination: str, now: datetime) -> None:
                return None

        return notify(records, ports=ports._replace(deliveries=MarksFirst()), now=now)


class _NotesBeforePost(SimDestination):
    """Notes each message before it is posted."""

    def __init__(self, name: str, system: System) -> None:
        super().__init__(name, system.slack)
        self.system = system

    def post(self, message: Message) -> Outcome:
        queued = [record.queued for item in message.items for record in item.records]
        deliveries, now = SimDeliveries(self.system.table), self.system.world.clock()
        with suppress(DependencyUnavailable):
            deliveries.note([q.alert.alert_id for q in queued], destination=queued[0].destination, now=now)
        return super().post(message)


class NotedBeforePosted(System):
    """Each message is noted, then posted."""

    def make_ports(self, invocation: Invocation) -> Ports:
        return super().make_ports(invocation)._replace(destination=lambda name: _NotesBeforePost(name, self))


class RetryAfterIgnored(System):
    """A 429 closes no gate."""

    class gates_type(SimGates):  # noqa: N801
        def close(self, destination: str, *, until: datetime) -> None:
            return None


class GateOfEachContainer(System):
    """Each container keeps its own gates."""

    class gates_type(SimGates):  # noqa: N801
        def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
            self.table.call("gates.reserve", lambda: self.table.gates.pop(destination, GateState()))
            return Reservation(is_granted=True)


class DivertedWithoutTheGate(System):
    """Who diverts a broken destination's alerts does not ask who holds its gate: another may be probing with the same alert."""

    class gates_type(SimGates):  # noqa: N801
        def reserve(self, destination: str, *, holder: str, now: datetime, is_second_form: bool = False) -> Reservation:
            reservation = super().reserve(destination, holder=holder, now=now, is_second_form=is_second_form)
            gate = self.table.gates.get(destination, GateState())
            if gate.broken_reason and not reservation.is_granted:
                if gate.holder == holder:
                    self.table.gates[destination] = gate._replace(holder="", held_until_millis=0)
                return Reservation(is_granted=False, broken_reason=gate.broken_reason)
            return reservation


class AnyAnswerIsSuccess(System):
    """The answer is not looked at."""

    def make_ports(self, invocation: Invocation) -> Ports:
        class Trusting(SimDestination):
            def post(self, message: Message) -> Outcome:
                super().post(message)
                return Delivered()

        return super().make_ports(invocation)._replace(destination=lambda name: Trusting(name, self.slack))


class TooManyToName(System):
    """A message names the first of its alerts."""

    def make_ports(self, invocation: Invocation) -> Ports:
        class Brief(SimDestination):
            def compose(self, items: Sequence[Any], *, now: datetime, note: str = "") -> list[Message]:
                messages = super().compose(items[:1], now=now, note=note)
                return [Message(message.payload, tuple(items)) for message in messages]

        return super().make_ports(invocation)._replace(destination=lambda name: Brief(name, self.slack))


class DeadLettersDropped(System):
    """What is given up is acknowledged and kept nowhere."""

    def make_ports(self, invocation: Invocation) -> Ports:
        class Nowhere:
            def bury(self, letters: Sequence[Any]) -> set[str]:
                return {letter.message_id for letter in letters}

        return super().make_ports(invocation)._replace(dead_letters=Nowhere())
