"""Whatever the order of ways in, sweeps, failures and deaths: what two ways report is told, and told once.

A project is named by its request log and not by its webhook; an outage is counted from request logs, and told in a
gateway's own words besides.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from evaluate.alerting import LOG_SECONDS
from evaluate.claims import Claim, Decided
from evaluate.episodes import KnownEpisodes
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import evaluate, raise_alerts, sweep_outbox
from evaluate.reactions import Stores, react
from evaluate.resolutions import KnownAlerted
from evaluate.shapes import parse_objects
from gateway_alerts.alerts import Alert
from gateway_alerts.config import Config
from gateway_alerts.errors import DependencyUnavailable
from tests.pipeline.evaluate.builders import NOW, request_log
from tests.pipeline.evaluate.fakes import FakeAlerted, FakeCalls, FakeClaims, FakeEpisodes, FakeOutages, FakeQueue

CONTAINERS = 2
CONFIG = Config.model_validate({"alert_types": ["budget_alerts", "outage_alerts"]})
#: What goes wrong, at which call of the store, and whether the call has had its effect.
TROUBLES = st.one_of(
    st.none(),
    st.none(),
    st.tuples(st.sampled_from(["fails", "dies"]), st.sampled_from(["submit", "note", "replace", "clear", "send"]), st.booleans()),
)
Trouble = tuple[str, str, bool]


class Died(Exception):
    """The process is gone, in the middle of what it did."""


class TroubledClaims(FakeClaims):
    """Claims that fail once, or end the process that calls them, before or after their effect."""

    trouble: Trouble | None = None

    def submit(self, claims: Sequence[Claim], *, now: datetime) -> list[Decided]:
        return self._with_trouble("submit", lambda: super(TroubledClaims, self).submit(claims, now=now))

    def note(self, claim: Claim, *, now: datetime) -> None:
        self._with_trouble("note", lambda: super(TroubledClaims, self).note(claim, now=now))

    def replace(self, claim: Claim, *, now: datetime) -> None:
        self._with_trouble("replace", lambda: super(TroubledClaims, self).replace(claim, now=now))

    def clear(self, outboxes: Any) -> None:
        self._with_trouble("clear", lambda: super(TroubledClaims, self).clear(outboxes))

    def _with_trouble[T](self, method: str, call: Callable[[], T]) -> T:
        return with_trouble(self.trouble, method, call)


class TroubledQueue(FakeQueue):
    """A queue that does the same."""

    trouble: Trouble | None = None

    def send(self, alerts: Sequence[Alert]) -> set[str]:
        try:
            return with_trouble(self.trouble, "send", lambda: super(TroubledQueue, self).send(alerts))
        except DependencyUnavailable:
            return set()  # as the queue's own adapter says it


def with_trouble[T](trouble: Trouble | None, method: str, call: Callable[[], T]) -> T:
    if trouble is None or trouble[1] != method:
        return call()
    kind, _, has_effect = trouble
    if has_effect:
        call()
    raise Died if kind == "dies" else DependencyUnavailable("no answer")


class TwoWays(RuleBasedStateMachine):
    """Containers and sweeps on one table and one queue."""

    @initialize(is_calm=st.booleans())
    def begin(self, is_calm: bool) -> None:
        self.is_calm = is_calm
        self.claims, self.queue, self.outages = TroubledClaims(), TroubledQueue(), FakeOutages()
        self.now = NOW
        self.containers = [(KnownClaims(), self._stores()) for _ in range(CONTAINERS)]
        #: What was answered with success: nothing of it may be lost.
        self.accepted: list[tuple[str, datetime]] = []

    def _stores(self) -> Stores:
        return Stores(
            claims=lambda: self.claims,
            episodes=FakeEpisodes,
            outages=lambda: self.outages,
            calls=lambda: FakeCalls(self.claims),
            alerted=FakeAlerted,
            queue=lambda: self.queue,
            known=KnownEpisodes(),
            known_alerted=KnownAlerted(),
        )

    def send(self, name: str, *events: dict[str, Any], container: int, trouble: Trouble | None) -> None:
        """One request, answered or not."""
        evaluation = evaluate(parse_objects(list(events)), gateway="g", config=CONFIG, now=self.now)
        assert evaluation.rejections == []
        known, stores = self.containers[container]
        offers = [offer for _, offers in evaluation.offers for offer in offers]
        given: dict[str, Any] = {"now": self.now, "request_id": f"{self.now} {len(self.accepted)}", "config": CONFIG}

        def run() -> None:
            raised = raise_alerts(offers, claims=lambda: self.claims, queue=lambda: self.queue, known=known, **given)
            raised.add(react(evaluation.signals, gateway="g", stores=stores, **given))
            if raised.failure is None:
                self.accepted.append((name, self.now))

        if not self._in_trouble(trouble, run):
            self.restart(container)

    @rule(trouble=TROUBLES)
    def sweep(self, trouble: Trouble | None) -> None:
        self._in_trouble(trouble, lambda: sweep_outbox(claims=self.claims, queue=self.queue, now=self.now))

    @rule(container=st.integers(0, CONTAINERS - 1))
    def restart(self, container: int) -> None:
        self.containers[container] = (KnownClaims(), self._stores())

    def _in_trouble(self, trouble: Trouble | None, run: Callable[[], object]) -> bool:
        """Run with a trouble; returns whether the process lived."""
        self.claims.trouble = self.queue.trouble = None if self.is_calm else trouble
        try:
            run()
        except Died:
            return False
        except DependencyUnavailable:
            pass
        finally:
            self.claims.trouble = self.queue.trouble = None
        return True

    def told(self) -> list[Alert]:
        """What NotifyFunction tells once all outboxes are due: an alert that comes twice is known by its id."""
        for minute in range(1, 11):
            sweep_outbox(claims=self.claims, queue=self.queue, now=self.now + timedelta(minutes=minute))
        assert self.claims.outboxes == {}
        return list({alert.alert_id: alert for alert in self.queue.alerts}.values())


class Projects(TwoWays):
    """A team's two projects, both over the same limit."""

    @rule(container=st.integers(0, CONTAINERS - 1), trouble=TROUBLES)
    def webhook(self, container: int, trouble: Trouble | None) -> None:
        event = {"event": "budget_crossed", "event_message": "", "event_group": "project", "team_id": "t"}
        self.send("webhook", event | {"spend": 31, "max_budget": 30}, container=container, trouble=trouble)

    @rule(project=st.sampled_from("pq"), container=st.integers(0, CONTAINERS - 1), trouble=TROUBLES)
    def log(self, project: str, container: int, trouble: Trouble | None) -> None:
        error = {"entity_type": "project", "entity_id": project, "limit": 30, "spend": 31}
        log = request_log(error=error, team_id="t", project_id=project, project_alias=project)
        self.send(project, log, container=container, trouble=trouble)

    @rule(seconds=st.sampled_from([1, 5, LOG_SECONDS, 121]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def teardown(self) -> None:
        told = self.told()
        names = [alert.entity.name for alert in told]
        accepted = {name for name, _ in self.accepted}
        assert all(names.count(project) == 1 for project in accepted & {"p", "q"})
        assert all(names.count(name) <= 1 for name in (None, "p", "q"))
        assert "webhook" not in accepted or names
        if self.is_calm and accepted - {"webhook"}:
            first_log = min(at for name, at in self.accepted if name != "webhook")
            waited = [first_log - at for name, at in self.accepted if name == "webhook" and at < first_log]
            is_in_time = all(each < timedelta(seconds=LOG_SECONDS) for each in waited)
            assert not (is_in_time and None in names)


class Outages(TwoWays):
    """One deployment: a minor outage from five errors on, a major one from ten on."""

    @rule(severity=st.sampled_from(["minor", "major"]), container=st.integers(0, CONTAINERS - 1), trouble=TROUBLES)
    def own_words(self, severity: str, container: int, trouble: Trouble | None) -> None:
        metadata = {"model": "m", "provider": "openai", "api_base": "https://a.example", "severity": severity}
        words = {"alert_type": "outage_alerts", "message": "out", "metadata": metadata}
        words["level"] = "High" if severity == "major" else "Medium"
        self.send(severity, words, container=container, trouble=trouble)

    @rule(count=st.sampled_from([1, 5]), container=st.integers(0, CONTAINERS - 1), trouble=TROUBLES)
    def logs(self, count: int, container: int, trouble: Trouble | None) -> None:
        log = {"litellm_call_id": "c", "status": "failure", "model": "openai/m", "model_id": "d", "custom_llm_provider": "openai"}
        error = {"error_code": "500", "error_class": "InternalServerError"}
        self.send("logs", *[log | {"error_information": error}] * count, container=container, trouble=trouble)

    @rule(seconds=st.sampled_from([1, 5]))
    def wait(self, seconds: int) -> None:
        """Never long: within the interval each severity is one."""
        self.now += timedelta(seconds=seconds)

    def teardown(self) -> None:
        told = [alert.level for alert in self.told()]
        assert max(told.count("Medium"), told.count("High")) <= 1
        accepted = {name for name, _ in self.accepted}
        assert "minor" not in accepted or told
        assert "major" not in accepted or "High" in told


TestProjects = Projects.TestCase
TestOutages = Outages.TestCase
TestProjects.settings = TestOutages.settings = settings(max_examples=300, stateful_step_count=8, deadline=None)
