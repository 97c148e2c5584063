"""claim and enqueue: offers in, alerts in the queue, each rung once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from evaluate.alerting import LOG_SECONDS
from evaluate.claims import FRUITLESS_SUBMISSIONS, Decided, Verdict
from evaluate.known_claims import KnownClaims
from evaluate.pipeline import sweep_outbox
from gateway_alerts.config import Config, parse_config
from gateway_alerts.errors import DependencyUnavailable
from tests.pipeline.evaluate.builders import NOW, budget_event, request_log
from tests.pipeline.evaluate.conftest import Way
from tests.pipeline.evaluate.fakes import FakeQueue

DECEMBER, JANUARY = "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"


def user(spend: float, *, limit: float = 10, name: str = "u", **more: Any) -> dict[str, Any]:
    return budget_event(spend=spend, max_budget=limit, user_id=name, **more)


def rungs(queue: FakeQueue) -> list[str]:
    return [str(alert.budget.rung) for alert in queue.alerts]


class TestNothingToDo:
    def test_events_that_cross_nothing_call_nothing(self, way: Way) -> None:
        raised = way.send(user(1), user(8.49), user(0, limit=0))
        assert (raised.alerts, raised.repeat_count, raised.unsent_count) == ([], 0, 0)
        assert (way.store_calls, way.queue_calls) == (0, 0)

    def test_no_events_call_nothing(self, way: Way) -> None:
        way.send()
        assert (way.store_calls, way.queue_calls) == (0, 0)

    @pytest.mark.parametrize("reset_at", [None, DECEMBER], ids=["no period", "a period"])
    def test_a_repeat_in_the_same_container_is_answered_from_memory(self, way: Way, reset_at: str | None) -> None:
        way.send(user(9, budget_reset_at=reset_at))
        raised = way.send(user(9.1, budget_reset_at=reset_at), user(9.2, budget_reset_at=reset_at))
        assert (raised.alerts, raised.repeat_count) == ([], 2)
        assert (way.store_calls, way.queue_calls) == (1, 1)

    def test_a_repeat_that_another_container_lost_is_answered_from_memory_from_then_on(self, way: Way) -> None:
        way.send(user(9))
        way.forget()
        assert way.send(user(9)).repeat_count == 1
        assert way.send(user(9)).repeat_count == 1
        assert (way.store_calls, way.queue_calls) == (2, 1)

    def test_a_lost_claim_does_not_call_the_queue(self, way: Way) -> None:
        way.send(user(9))
        way.forget()
        way.send(user(9))
        assert (len(way.queue.batches), way.queue_calls) == (1, 1)


class TestOneDecision:
    def test_a_crossing_is_claimed_queued_and_its_outbox_emptied(self, way: Way) -> None:
        raised = way.send(user(9, name="ada"))
        assert way.queue.told == [("user", "ada", "threshold_crossed", Decimal("0.85"))]
        assert raised.alerts == way.queue.alerts
        assert (raised.repeat_count, raised.unsent_count, raised.failure) == (0, 0, None)
        assert way.store.outboxes == {}
        assert len(way.store.cleared) == 1

    def test_copies_in_one_batch_are_one_alert(self, way: Way) -> None:
        raised = way.send(*[user(9)] * 50)
        assert (len(raised.alerts), raised.repeat_count) == (1, 49)
        assert [len(submission) for submission in way.store.submissions] == [1]

    def test_copies_in_fifty_containers_are_one_alert(self, way: Way) -> None:
        counts = []
        for _ in range(50):
            way.forget()
            counts.append(len(way.send(user(9)).alerts))
        assert counts == [1] + [0] * 49

    def test_several_rungs_in_one_batch_are_one_alert_for_the_highest(self, way: Way) -> None:
        raised = way.send(user(8.6), user(10), user(9.6))
        assert way.queue.told == [("user", "u", "budget_crossed", Decimal(1))]
        assert raised.repeat_count == 2

    def test_of_one_rung_in_one_batch_the_largest_spend_is_told(self, way: Way) -> None:
        way.send(user(8.6), user(8.9), user(8.7))
        assert [alert.budget.spend for alert in way.queue.alerts] == [Decimal("8.9")]

    def test_the_lower_rungs_of_a_batch_are_settled_by_the_highest(self, way: Way) -> None:
        way.send(user(8.6), user(10))
        way.forget()
        assert way.send(user(8.6), user(9.6), user(10)).alerts == []

    def test_different_entities_of_one_batch_are_claimed_together(self, way: Way) -> None:
        way.send(user(9, name="a"), user(9, name="b"), user(10, name="c"))
        assert [len(submission) for submission in way.store.submissions] == [3]
        assert [entity_id for _, entity_id, _, _ in way.queue.told] == ["a", "b", "c"]

    def test_one_that_has_alerted_does_not_hold_up_the_others_of_its_submission(self, way: Way) -> None:
        way.send(user(9, name="b"))
        way.forget()
        raised = way.send(user(9, name="a"), user(9, name="b"), user(9, name="c"))
        assert [alert.entity.id for alert in raised.alerts] == ["a", "c"]
        assert raised.repeat_count == 1
        assert [len(submission) for submission in way.store.submissions] == [1, 3, 2]

    def test_user_team_organization_and_key_called_acme_are_four(self, way: Way) -> None:
        acme = {
            "user_budget": "user_id",
            "team_budget": "team_id",
            "organization_budget": "organization_id",
            "token_budget": "token",
        }
        way.send(*(budget_event(kind, spend=10, max_budget=10, **{name: "acme"}) for kind, name in acme.items()))
        assert sorted(entity_type for entity_type, _, _, _ in way.queue.told) == ["key", "organization", "team", "user"]

    def test_an_entity_without_an_id_silences_neither_another_nor_the_gateway(self, way: Way) -> None:  # D6
        for kind in ("user_budget", "team_budget", "proxy_budget"):
            way.send(budget_event(kind, spend=10, max_budget=10))
        assert [(kind, entity_id) for kind, entity_id, _, _ in way.queue.told] == [
            ("user", None),
            ("team", None),
            ("proxy", "default_id"),
        ]

    def test_a_keys_crossing_does_not_silence_its_project_and_three_keys_are_one_project(self, way: Way) -> None:  # D7
        way.send(budget_event("token_budget", spend=10, max_budget=10, token="k1"))
        for key in ("k1", "k2", "k3"):
            way.send(budget_event("project_budget", spend=10, max_budget=10, token=key, team_id="t"))
        assert [kind for kind, _, _, _ in way.queue.told] == ["key", "project"]

    def test_one_entity_of_two_gateways_is_two(self, way: Way) -> None:
        way.send(user(9), gateway="eu")
        way.send(user(9), gateway="us")
        assert [alert.gateway for alert in way.queue.alerts] == ["eu", "us"]

    def test_a_key_reported_by_two_types_of_call_is_one(self, way: Way) -> None:  # D2
        for kind in ("token_budget", "max_budget_alert"):
            way.send(budget_event(kind, spend=9, max_budget=10, token="k"))
        assert len(way.queue.alerts) == 1

    def test_more_offers_than_a_transaction_takes_go_in_several(self, way: Way) -> None:
        raised = way.send(*(user(9, name=f"u{n}") for n in range(250)))
        assert [len(submission) for submission in way.store.submissions] == [100, 100, 50]
        assert (len(raised.alerts), len(way.queue.alerts)) == (250, 250)

    def test_the_offers_of_one_event_are_never_parted(self, way: Way) -> None:
        singles = [user(9, name=f"u{n}") for n in range(99)]
        way.send(*singles, user(10, name="both", soft_budget=5), user(9, name="last"))
        assert [len(submission) for submission in way.store.submissions] == [99, 3]
        assert len(way.queue.alerts) == 101


class TestSoftAndMaximum:
    def test_both_at_once_are_one_alert(self, way: Way) -> None:
        raised = way.send(user(9.6, soft_budget=5))
        assert way.queue.told == [("user", "u", "threshold_crossed", Decimal("0.95"))]
        assert raised.alerts[0].budget.soft_budget_crossed
        assert [len(submission) for submission in way.store.submissions] == [2]

    def test_both_at_once_are_both_settled(self, way: Way) -> None:
        way.send(user(9.6, soft_budget=5))
        way.forget()
        assert way.send(user(9.6, soft_budget=5)).alerts == []
        assert way.send(user(6, soft_budget=5)).alerts == []

    def test_where_the_soft_budget_has_alerted_the_maximum_alerts_alone(self, way: Way) -> None:
        way.send(user(6, soft_budget=5))
        way.forget()
        way.send(user(9.6, soft_budget=5))
        assert [(event, alert.budget.kind) for (_, _, event, _), alert in zip(way.queue.told, way.queue.alerts, strict=True)] == [
            ("soft_budget_crossed", "soft"),
            ("threshold_crossed", "maximum"),
        ]

    def test_where_the_maximum_has_alerted_the_soft_budget_alerts_alone(self, way: Way) -> None:
        way.send(user(9.6))
        way.forget()
        way.send(user(9.6, soft_budget=5))
        assert [event for _, _, event, _ in way.queue.told] == ["threshold_crossed", "soft_budget_crossed"]

    def test_copies_in_one_batch_are_one_alert(self, way: Way) -> None:
        raised = way.send(user(8.6, soft_budget=5), user(9.6, soft_budget=5), user(6, soft_budget=5))
        assert way.queue.told == [("user", "u", "threshold_crossed", Decimal("0.95"))]
        assert raised.repeat_count == 3

    def test_an_event_of_a_later_period_is_one_alert_too(self, way: Way) -> None:
        way.send(
            user(9.6, budget_reset_at=DECEMBER),
            user(9.6, soft_budget=5, budget_reset_at=JANUARY),
        )
        assert [alert.budget.soft_budget_crossed for alert in way.queue.alerts] == [False, True]


class TestEachRungOnce:
    def test_86_then_96_then_100_percent_are_three_alerts(self, way: Way) -> None:  # D3
        for spend in (8.6, 8.7, 9.6, 9.7, 10, 12, 9.6, 8.6):
            way.forget()
            way.send(user(spend))
        assert rungs(way.queue) == ["0.85", "0.95", "1"]

    def test_a_jump_is_one_alert_and_the_rungs_below_never_come(self, way: Way) -> None:
        for spend in (10, 8.6, 9.6):
            way.forget()
            way.send(user(spend))
        assert rungs(way.queue) == ["1"]

    def test_a_raised_limit_alerts_again(self, way: Way) -> None:  # D4
        for spend, limit in ((10, 10), (20, 20), (1_000, 1_000)):
            way.send(user(spend, limit=limit))
        assert [alert.budget.limit for alert in way.queue.alerts] == [10, 20, 1_000]

    def test_the_same_limit_written_differently_does_not(self, way: Way) -> None:
        for limit in (10, 10.0, "10.00", "1e1"):
            way.forget()
            way.send(user(10, limit=limit))  # type: ignore[arg-type]
        assert len(way.queue.alerts) == 1

    @pytest.mark.parametrize("order", [(0.0, -0.0), (-0.0, 0.0)], ids=["zero first", "minus zero first"])
    def test_zero_and_minus_zero_are_one_limit(self, way: Way, order: tuple[float, float]) -> None:
        for limit in order:
            way.forget()
            way.send(user(1, limit=limit))
        assert len(way.queue.alerts) == 1

    def test_a_new_period_alerts_at_once(self, way: Way) -> None:  # D5
        way.send(user(10, budget_reset_at=DECEMBER), now=NOW)
        way.send(user(10, budget_reset_at=JANUARY), now=NOW + timedelta(seconds=1))
        assert len(way.queue.alerts) == 2

    def test_a_new_period_begins_at_its_lowest_rung(self, way: Way) -> None:
        way.send(user(10, budget_reset_at=DECEMBER))
        for spend in (8.6, 9.6, 10):
            way.send(user(spend, budget_reset_at=JANUARY))
        assert rungs(way.queue) == ["1", "0.85", "0.95", "1"]

    def test_a_late_event_of_the_period_before_does_not(self, way: Way) -> None:
        way.send(user(8.6, budget_reset_at=JANUARY))
        way.forget()
        assert way.send(user(10, budget_reset_at=DECEMBER)).alerts == []

    def test_a_period_that_was_shortened_alerts_once_its_reports_have_settled(self, way: Way) -> None:
        way.send(user(10, budget_reset_at=JANUARY))
        for minutes in (1, 9, 11, 12):
            way.forget()
            way.send(user(10, budget_reset_at=DECEMBER), now=NOW + timedelta(minutes=minutes))
        assert [alert.raised_at - NOW for alert in way.queue.alerts] == [timedelta(0), timedelta(minutes=11)]

    def test_without_a_period_it_alerts_again_after_budget_alert_ttl(self, way: Way) -> None:
        for hours in (0, 12, 23.9, 24, 30, 48):
            way.forget()
            way.send(user(10), now=NOW + timedelta(hours=hours))
        assert [alert.raised_at - NOW for alert in way.queue.alerts] == [timedelta(0), timedelta(hours=24), timedelta(hours=48)]

    def test_in_one_container_it_alerts_again_after_budget_alert_ttl_too(self, way: Way) -> None:
        for hours in (0, 12, 24):
            way.send(user(10), now=NOW + timedelta(hours=hours))
        assert [alert.raised_at - NOW for alert in way.queue.alerts] == [timedelta(0), timedelta(hours=24)]

    def test_an_alert_has_an_id_of_its_own_each_time(self, way: Way) -> None:
        for hours in (0, 24):
            way.send(user(10), now=NOW + timedelta(hours=hours))
        assert len({alert.alert_id for alert in way.queue.alerts}) == 2

    def test_a_configured_ladder_is_climbed_rung_by_rung(self, way: Way) -> None:
        config = parse_config('{"thresholds": [50, 100, 150]}')
        for spend in (5, 10, 15, 20):
            way.send(user(spend), config=config)
        assert rungs(way.queue) == ["0.5", "1", "1.5"]

    def test_several_periods_in_one_batch_are_claimed_in_their_order(self, way: Way) -> None:
        way.send(user(10, budget_reset_at=JANUARY), user(9.6, budget_reset_at=DECEMBER), user(8.6))
        assert [str(alert.budget.resets_at)[:10] for alert in way.queue.alerts] == ["None", "2026-12-01", "2027-01-01"]

    def test_what_one_period_lost_against_answers_for_the_periods_after_it(self, way: Way) -> None:
        way.send(user(10, budget_reset_at=JANUARY))
        way.forget()
        raised = way.send(user(9, budget_reset_at=DECEMBER), user(9, budget_reset_at=JANUARY))
        assert (raised.alerts, raised.repeat_count) == ([], 2)
        assert [len(submission) for submission in way.store.submissions] == [1, 1]


class TestTwoWaysIn:
    """One crossing by webhook, which names no period, and by request log, which does."""

    def test_webhook_first_then_request_log_is_one_alert(self, way: Way) -> None:
        way.send(user(9))
        way.forget()
        assert way.send(user(9, budget_reset_at=DECEMBER), now=NOW + timedelta(seconds=30)).alerts == []
        assert [claim.period_end for claim in way.store.notes] == [1796083200]

    def test_the_period_that_was_noted_stays_alerted_for_good(self, way: Way) -> None:
        way.send(user(9))
        way.send(user(9, budget_reset_at=DECEMBER), now=NOW + timedelta(seconds=30))
        for container in ("the same", "another"):
            if container == "another":
                way.forget()
            assert way.send(user(9, budget_reset_at=DECEMBER), now=NOW + timedelta(days=2)).alerts == []
        assert len(way.store.notes) == 1

    def test_the_same_container_asks_the_store_since_it_must_be_noted(self, way: Way) -> None:
        way.send(user(9))
        way.send(user(9, budget_reset_at=DECEMBER), now=NOW + timedelta(seconds=30))
        assert (way.store_calls, len(way.store.notes)) == (2, 1)

    def test_request_log_first_then_webhook_is_one_alert(self, way: Way) -> None:
        way.send(user(9, budget_reset_at=DECEMBER))
        way.forget()
        assert way.send(user(9), now=NOW + timedelta(days=2)).alerts == []
        assert way.store.notes == []

    def test_a_higher_rung_by_the_other_way_alerts(self, way: Way) -> None:
        way.send(user(9))
        way.send(user(9.6, budget_reset_at=DECEMBER))
        way.send(user(10))
        assert rungs(way.queue) == ["0.85", "0.95", "1"]

    def test_a_period_that_comes_later_than_the_settling_time_is_a_new_one(self, way: Way) -> None:
        way.send(user(9))
        way.send(user(9, budget_reset_at=DECEMBER), now=NOW + timedelta(minutes=11))
        assert len(way.queue.alerts) == 2

    def test_a_period_that_is_over_does_not_silence_the_webhook(self, way: Way) -> None:
        way.send(user(9, budget_reset_at=DECEMBER))
        way.send(user(9), now=NOW + timedelta(days=9))
        assert len(way.queue.alerts) == 2


class TestFailures:
    def test_an_alert_that_the_queue_did_not_take_stays_in_its_outbox_and_its_neighbours_do_not(self, way: Way) -> None:
        way.queue.refuses = lambda alert: alert.entity.id == "b"
        raised = way.send(user(9, name="a"), user(9, name="b"), user(9, name="c"))
        assert (len(raised.alerts), raised.unsent_count) == (3, 1)
        assert [entity_id for _, entity_id, _, _ in way.queue.told] == ["a", "c"]
        assert [alert.entity.id for alerts in way.store.outboxes.values() for alert in alerts] == ["b"]

    def test_an_alert_that_is_not_queued_is_not_remembered(self, way: Way) -> None:
        way.queue.refuses = lambda alert: alert.entity.id == "b"
        way.send(user(9, name="a"), user(9, name="b"))
        way.send(user(9, name="a"))
        assert way.store_calls == 1
        way.send(user(9, name="b"))
        assert way.store_calls == 2

    def test_both_ladders_of_an_alert_that_is_not_queued_are_not_remembered(self, way: Way) -> None:
        way.queue.refuses = lambda alert: True
        way.send(user(9, soft_budget=5))
        way.send(user(6, soft_budget=5))
        assert way.store_calls == 2

    def test_an_outbox_that_cannot_be_emptied_is_the_sweeps_and_no_failure(self, way: Way) -> None:
        way.store.unavailable = {"clear"}
        raised = way.send(user(9))
        assert (len(raised.alerts), raised.unsent_count, raised.failure) == (1, 0, None)
        assert len(way.store.outboxes) == 1

    def test_a_store_that_cannot_be_reached_is_a_failure_and_nothing_is_queued(self, way: Way) -> None:
        way.store.unavailable = {"submit"}
        raised = way.send(user(9))
        assert isinstance(raised.failure, DependencyUnavailable)
        assert (raised.alerts, way.queue_calls) == ([], 0)

    def test_what_was_won_before_the_store_failed_is_queued(self, way: Way) -> None:
        way.store.available_submissions = 1
        raised = way.send(*(user(9, name=f"u{n}") for n in range(150)))
        assert isinstance(raised.failure, DependencyUnavailable)
        assert (len(raised.alerts), len(way.queue.alerts)) == (100, 100)
        assert way.store.outboxes == {}

    def test_the_sender_comes_again_and_gets_the_rest(self, way: Way) -> None:
        events = [user(9, name=f"u{n}") for n in range(150)]
        way.store.available_submissions = 1
        way.send(*events)
        way.store.available_submissions = None
        raised = way.send(*events)
        assert (len(raised.alerts), raised.repeat_count, raised.failure) == (50, 100, None)
        assert len({alert.entity.id for alert in way.queue.alerts}) == len(way.queue.alerts) == 150

    def test_a_period_that_cannot_be_noted_is_a_failure_so_that_it_is_noted_the_next_time(self, way: Way) -> None:
        way.send(user(9))
        way.store.unavailable = {"note"}
        assert way.send(user(9, budget_reset_at=DECEMBER)).failure is not None
        way.store.unavailable = set()
        assert way.send(user(9, budget_reset_at=DECEMBER)).failure is None
        assert len(way.store.notes) == 1

    def test_another_transaction_in_the_way_is_tried_again(self, way: Way) -> None:
        way.store.conflicts = FRUITLESS_SUBMISSIONS - 1
        raised = way.send(user(9))
        assert (len(raised.alerts), raised.failure) == (1, None)

    def test_transactions_in_the_way_for_ever_are_a_failure(self, way: Way) -> None:
        way.store.conflicts = 1_000
        raised = way.send(user(9))
        assert isinstance(raised.failure, DependencyUnavailable)
        assert len(way.store.submissions) == FRUITLESS_SUBMISSIONS

    def test_progress_between_conflicts_begins_the_count_anew(self, way: Way) -> None:
        way.send(user(9, name="lost"))
        way.forget()
        way.store.conflicts = FRUITLESS_SUBMISSIONS - 1
        raised = way.send(user(9, name="lost"), user(9, name="new"))
        assert [alert.entity.id for alert in raised.alerts] == ["new"]
        assert way.store.decisions[-2][0] == Decided(Verdict.LOST, way.store.decisions[-2][0].state)

    def test_alerts_that_an_earlier_process_left_in_the_same_outbox_are_not_lost(self, way: Way) -> None:
        way.queue.refuses = lambda alert: True
        way.send(user(9))
        way.queue.refuses = lambda alert: False
        way.forget()
        way.send(user(10))
        # Both are still there: the sweep will send both, the second for the second time.
        assert [[str(a.budget.rung) for a in alerts] for alerts in way.store.outboxes.values()] == [["0.85", "1"]]


def test_a_memory_that_is_too_small_costs_calls_and_no_doubles(way: Way) -> None:
    way.known = KnownClaims(limit=1)
    for name in "abab":
        way.send(user(9, name=name))
    assert (way.store_calls, len(way.queue.alerts)) == (4, 2)


def webhook_of_project(spend: float = 31, *, limit: float | None = 30, team: str | None = "t", **fields: Any) -> dict[str, Any]:
    """As LiteLLM sends it: the calling key and its team, nothing of the project."""
    event = {"event": "budget_crossed", "event_message": "Budget Crossed", "event_group": "project", "token": "k1"}
    return event | {"spend": spend, "max_budget": limit, "team_id": team} | fields


def log_of_project(spend: float = 31, *, limit: float = 30, project: str = "p", team: str | None = "t") -> dict[str, Any]:
    error = {"entity_type": "project", "entity_id": project, "limit": limit, "spend": spend}
    return request_log(error=error, hash="k1", team_id=team, project_id=project, project_alias=f"Project {project}")


class TestAProjectThatTheWebhookDoesNotName:
    TEAMS = pytest.mark.parametrize("team", ["t", None], ids=["of a team", "of no team"])

    def sweep(self, way: Way, *, after_seconds: int) -> list[str | None]:
        """The names of all that was told, once the sweep has run."""
        sweep_outbox(claims=way.store, queue=way.queue, now=NOW + timedelta(seconds=after_seconds))
        return [alert.entity.name for alert in way.queue.alerts]

    def test_it_waits_for_its_log_as_long_as_one_may_take(self, way: Way) -> None:
        raised = way.send(webhook_of_project())
        assert (len(raised.alerts), raised.unsent_count, way.queue_calls) == (1, 0, 0)
        assert self.sweep(way, after_seconds=LOG_SECONDS) == []
        assert self.sweep(way, after_seconds=LOG_SECONDS + 1) == [None]
        assert self.sweep(way, after_seconds=LOG_SECONDS + 200) == [None]

    @TEAMS
    @pytest.mark.parametrize("is_one_container", [True, False])
    def test_the_log_that_names_it_takes_its_place(self, way: Way, team: str | None, is_one_container: bool) -> None:
        way.send(webhook_of_project(team=team))
        if not is_one_container:
            way.forget()
        way.send(log_of_project(team=team), now=NOW + timedelta(seconds=5))
        assert self.sweep(way, after_seconds=600) == ["Project p"]

    @TEAMS
    def test_a_log_that_comes_first_leaves_the_webhook_nothing_to_tell(self, way: Way, team: str | None) -> None:
        way.send(log_of_project(team=team))
        way.forget()
        assert way.send(webhook_of_project(team=team)).repeat_count == 1
        assert self.sweep(way, after_seconds=600) == ["Project p"]

    def test_both_in_one_request_are_told_once_by_name(self, way: Way) -> None:
        way.send(webhook_of_project(), log_of_project())
        assert self.sweep(way, after_seconds=600) == ["Project p"]

    def test_another_project_of_the_team_is_told_by_its_own_log(self, way: Way) -> None:
        way.send(webhook_of_project(), webhook_of_project(token="k2"))
        way.send(log_of_project(), log_of_project(project="q"))
        assert self.sweep(way, after_seconds=600) == ["Project p", "Project q"]

    def test_a_log_that_repeats_what_another_container_told_replaces_too(self, way: Way) -> None:
        way.send(log_of_project(), log_of_project(project="q", team="u"))
        way.forget()
        way.send(webhook_of_project(team="other"))
        way.send(log_of_project(team="other"))
        assert self.sweep(way, after_seconds=600) == ["Project p", "Project q"]

    def test_a_container_replaces_once(self, way: Way) -> None:
        for _ in range(3):
            way.send(log_of_project())
        assert (len(way.store.replaced), way.store_calls) == (1, 1)

    def test_what_is_graver_is_left_to_be_told(self, way: Way) -> None:
        way.send(webhook_of_project())
        way.send(log_of_project(26))
        assert self.sweep(way, after_seconds=600) == ["Project p", None]

    @pytest.mark.parametrize(
        "event",
        [
            webhook_of_project(event="soft_budget_crossed", limit=None, soft_budget=30),
            webhook_of_project(project_id="p"),
            webhook_of_project(event_group="team"),
            budget_event("project_budget", spend=31, max_budget=30, team_id="t"),
        ],
        ids=["a soft budget, which no log tells", "a named one", "another entity", "a sender without logs"],
    )
    def test_nothing_else_waits(self, way: Way, event: dict[str, Any]) -> None:
        way.send(event)
        assert len(way.queue.alerts) == 1

    def test_others_of_its_request_do_not_wait(self, way: Way) -> None:
        raised = way.send(webhook_of_project(), user(10))
        assert ([entity_type for entity_type, *_ in way.queue.told], raised.unsent_count) == (["user"], 0)
        assert len(way.store.outboxes) == 1

    def test_quiet_hours_that_last_longer_decide(self, way: Way) -> None:
        quiet = Config.model_validate({"quiet_hours": [{"begin": "09:00", "end": "10:00", "levels": ["High"]}]})
        way.send(webhook_of_project(), config=quiet)
        assert self.sweep(way, after_seconds=1_800) == []
        assert self.sweep(way, after_seconds=3_600) == [None]

    def test_a_table_that_cannot_replace_is_the_senders_to_repeat_and_the_named_alert_is_told(self, way: Way) -> None:
        way.send(webhook_of_project())
        way.store.unavailable = {"replace"}
        assert isinstance(way.send(log_of_project()).failure, DependencyUnavailable)
        way.store.unavailable = set()
        assert way.send(log_of_project()).failure is None
        assert self.sweep(way, after_seconds=600) == ["Project p"]

    def test_a_log_that_could_not_be_claimed_replaces_nothing(self, way: Way) -> None:
        way.send(webhook_of_project())
        way.store.unavailable = {"submit"}
        assert way.send(log_of_project()).failure is not None
        assert self.sweep(way, after_seconds=600) == [None]
