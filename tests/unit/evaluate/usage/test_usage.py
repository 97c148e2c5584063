"""What request logs add up to, that it adds up in any order, and that bytes lose nothing."""

import json
import math
import zlib
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.usage.periods import quarter_of
from evaluate.usage.usage import (
    NO_MODEL,
    OTHER,
    OTHER_SPENDER,
    SAMPLE_QUARTERS,
    Budget,
    Deployment,
    DeploymentFigures,
    GatewayUsage,
    Spend,
    Spender,
    Usage,
    entry_id,
    usage_of,
)
from gateway_alerts.distributions import bucket_of
from gateway_alerts.errors import InvalidUsage
from gateway_alerts.events import RequestLog
from tests.unit.evaluate.usage_builders import NOW, log, spending, spent

CAPTURES = Path(__file__).parents[3] / "data" / "litellm" / "generic_api"
QUARTER = quarter_of(NOW)
SECRET = "sk-4mtVbd9Qx7Zp2LkW8sYr3nHc"


def usage(*logs: RequestLog) -> GatewayUsage:
    """What logs of one gateway add up to."""
    return usage_of(logs, gateway="prod", now=NOW).gateways.get("prod", GatewayUsage())


def captured(name: str) -> RequestLog:
    return RequestLog.model_validate(json.loads((CAPTURES / f"{name}.json").read_text())["body"])


class TestCapturedLogs:
    """Logs that LiteLLM 1.109.1 sent."""

    def test_who_spent_what_on_what(self) -> None:
        plain, prod = captured("success_plain_key"), captured("success_prod_key")

        found = usage(plain, plain, prod)

        assert {(s.key_alias, s.user_id, s.team_id, s.team_alias): spend for s, spend in found.spend.items()} == {
            ("plain-key", "u-ada", "team-research", "Research"): spent("0.000445", requests=2, tokens=58),
            ("prod-éü-key", "u-ada", "team-research", "Research"): spent("0.0002225", tokens=29),
        }
        assert found.models == {"mock-ok": spent("0.0006675", requests=3, tokens=87)}
        assert found.customers == {"customer-7": spent("0.0006675", requests=3, tokens=87)}

    def test_tags_are_those_of_the_caller(self) -> None:
        assert usage(captured("success_plain_key")).tags == {"team:search": spent("0.0002225", tokens=29)}

    def test_a_streams_latency_is_until_its_last_part(self) -> None:
        (figures,) = usage(captured("success_stream")).deployments.values()

        assert figures == DeploymentFigures(1, 0, 41_168, 20, {bucket_of(0.041168 / 20): 1})

    def test_failures_of_a_deployment(self) -> None:
        found = usage(captured("failure_500"), captured("failure_429"), captured("success_plain_key")).deployments

        assert {(d.model_group, f.request_count, f.failure_count) for d, f in found.items()} == {
            ("mock-500", 1, 1),
            ("mock-429", 1, 1),
            ("mock-ok", 1, 0),
        }

    def test_a_request_that_a_budget_refused_was_never_made(self) -> None:
        assert usage(captured("failure_budget_key")) == GatewayUsage()

    def test_budgets_with_their_spend_once_the_request_is_paid(self) -> None:
        new_year_2030 = 1_893_456_000

        assert usage(captured("success_plain_key")).budgets == {
            Budget("key", captured("success_plain_key").metadata.user_api_key_hash, "plain-key", Decimal(100), new_year_2030): {
                QUARTER: Decimal("1.250223")
            },
            Budget("team", "team-research", "Research", Decimal(500), None): {QUARTER: Decimal("12.500223")},
        }


class TestLogs:
    def test_costs_add_up_exactly(self) -> None:
        found = usage(*[log(cost=0.1, hash="k")] * 10)

        assert found.total == spent(1, requests=10)

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            pytest.param({}, DeploymentFigures(1, 0, 2_000_000, 50, {bucket_of(0.04): 1}), id="an answer"),
            pytest.param({"status": "failure"}, DeploymentFigures(1, 1), id="a failure has no latency"),
            pytest.param({"cache_hit": True}, DeploymentFigures(1), id="a cached answer says nothing of the deployment"),
            pytest.param({"completion_tokens": 0}, DeploymentFigures(1), id="no output tokens, as of an embedding"),
            pytest.param({"completion_tokens": None}, DeploymentFigures(1), id="nobody counted tokens"),
            pytest.param({"response_time": None}, DeploymentFigures(1), id="nobody took the time"),
        ],
    )
    def test_how_a_deployment_did(self, fields: dict[str, Any], expected: DeploymentFigures) -> None:
        made = log(**{"model_id": "d1", "response_time": 2, "completion_tokens": 50, **fields})

        assert usage(made).deployments == {Deployment("d1"): expected}

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            pytest.param({"model": "gpt-4o"}, None, id="no deployment was reached"),
            pytest.param({"model_id": " ", "api_base": ""}, None, id="blanks name none"),
            pytest.param({"api_base": "https://a.example"}, Deployment(api_base="https://a.example"), id="an API base alone"),
            pytest.param(
                {"model_id": "d1", "hidden_params": {"api_base": "https://b.example"}},
                Deployment("d1", api_base="https://b.example"),
                id="the API base that only the router names",
            ),
        ],
    )
    def test_which_deployment_it_was(self, fields: dict[str, Any], expected: Deployment | None) -> None:
        assert next(iter(usage(log(**fields)).deployments), None) == expected

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            pytest.param(["a", "b"], {"a", "b"}, id="each tag has the whole cost"),
            pytest.param(["a", "a"], {"a"}, id="a tag counts once a request"),
            pytest.param(["User-Agent: curl", "User-Agent: curl/7.88.1"], set(), id="user agents are no tags"),
            pytest.param(["", "  "], set(), id="blank ones neither"),
            pytest.param(None, set(), id="no tags"),
        ],
    )
    def test_tags(self, tags: list[str] | None, expected: set[str]) -> None:
        assert usage(log(cost=2, request_tags=tags)).tags == dict.fromkeys(expected, spent(2))

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"end_user": "c1", "end_user_id": "c2"}, "c1"),
            ({"end_user": "", "end_user_id": "c2"}, "c2"),
            ({}, None),
        ],
    )
    def test_customers(self, fields: dict[str, Any], expected: str | None) -> None:
        assert next(iter(usage(log(**fields)).customers), None) == expected

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            pytest.param({"model_group": "gpt", "model": "openai/gpt-4o"}, "gpt", id="the model group"),
            pytest.param({"model_group": "", "model": "gpt-4o"}, "gpt-4o", id="the model where no group is named"),
            pytest.param({}, NO_MODEL, id="neither"),
        ],
    )
    def test_models(self, fields: dict[str, Any], expected: str) -> None:
        assert usage(log(cost=2, **fields)).models == {expected: spent(2)}

    @pytest.mark.parametrize(
        ("metadata", "expected"),
        [
            pytest.param({"spend": 1}, set(), id="no limit"),
            pytest.param({"max_budget": 5}, set(), id="no spend"),
            pytest.param({"hash": "k", "spend": 1, "max_budget": 5}, {("key", "k", Decimal("1.5"))}, id="key"),
            pytest.param({"user_id": "u", "user_spend": 2, "user_max_budget": 5}, {("user", "u", Decimal("2.5"))}, id="user"),
            pytest.param({"team_id": "t", "team_spend": 3, "team_max_budget": 5}, {("team", "t", Decimal("3.5"))}, id="team"),
        ],
    )
    def test_budgets(self, metadata: dict[str, Any], expected: set[tuple[str, str, Decimal]]) -> None:
        found = usage(log(cost=0.5, **metadata)).budgets

        assert {(budget.event_group, budget.id, samples[QUARTER]) for budget, samples in found.items()} == expected

    def test_within_a_quarter_the_most_that_was_spent_is_the_latest(self) -> None:
        logs = [log(hash="k", spend=spend, max_budget=10) for spend in (3, 7, 5)]

        assert list(usage(*logs).budgets.values()) == [{QUARTER: Decimal(7)}]

    def test_another_limit_or_period_is_another_series(self) -> None:
        logs = [
            log(hash="k", spend=3, max_budget=10, budget_reset_at="2026-12-01T00:00:00Z"),
            log(hash="k", spend=3, max_budget=20, budget_reset_at="2026-12-01T00:00:00Z"),
            log(hash="k", spend=0, max_budget=20, budget_reset_at="2027-01-01T00:00:00Z"),
        ]

        assert len(usage(*logs).budgets) == 3

    @pytest.mark.parametrize(
        "fields",
        [
            {"alias": SECRET},
            {"hash": SECRET},
            {"user_email": SECRET},
            {"team_alias": SECRET, "team_spend": 1, "team_max_budget": 2},
            {"request_tags": [SECRET]},
            {"end_user": SECRET},
            {"api_base": f"https://user:{SECRET}@host.example"},
            {"model_group": SECRET},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_no_secret_is_written_down(self, fields: dict[str, Any]) -> None:
        body = usage_of([log(**fields)], gateway="prod", now=NOW).to_bytes()

        assert SECRET.encode() not in zlib.decompress(body)
        assert b"sk-" in zlib.decompress(body) or "api_base" in fields

    def test_no_logs_are_no_usage(self) -> None:
        assert usage_of([], gateway="prod", now=NOW) == Usage()


class TestEntryId:
    LOGS = (log(call_id="a", endTime=1.5), log(call_id="b"))

    def test_a_repeated_batch_has_the_same(self) -> None:
        assert entry_id(self.LOGS, gateway="prod") == entry_id([log(call_id="a", endTime=1.5), log(call_id="b")], gateway="prod")

    @pytest.mark.parametrize(
        ("logs", "gateway"),
        [
            pytest.param(LOGS, "staging", id="of another gateway"),
            pytest.param(LOGS[:1], "prod", id="a part of it"),
            pytest.param((log(call_id="a", endTime=1.5), log(call_id="c")), "prod", id="with another call"),
            pytest.param((log(call_id="a", endTime=2.5), log(call_id="b")), "prod", id="another try under the same call id"),
            pytest.param((log(call_id="a", endTime=1.5, status="failure"), log(call_id="b")), "prod", id="a try that failed"),
            pytest.param((log(call_id="a", endTime=1.5, model_id="d2"), log(call_id="b")), "prod", id="at another deployment"),
        ],
    )
    def test_another_batch_has_another(self, logs: tuple[RequestLog, ...], gateway: str) -> None:
        assert entry_id(logs, gateway=gateway) != entry_id(self.LOGS, gateway="prod")


#: Each example is a whole ledger's worth; the machine that runs this may be busy.
FEW = settings(database=None, deadline=None, derandomize=True, max_examples=25)
names = st.sampled_from(["a", "b", "ü", "🦙", 'say "x"', "\n"])
maybe = st.none() | names
amounts = st.decimals(min_value=-10, max_value=10**6, places=12)
spends = st.builds(Spend, amounts, st.integers(0, 10**6), st.integers(0, 10**9))
figures = st.builds(
    DeploymentFigures,
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**12),
    st.integers(0, 10**9),
    st.dictionaries(st.integers(-97, 50), st.integers(1, 10**6), max_size=4),
)
budgets = st.builds(
    Budget, st.sampled_from(["key", "user", "team"]), maybe, maybe, amounts, st.none() | st.integers(QUARTER, QUARTER + 10**6)
)
samples = st.dictionaries(
    st.integers(QUARTER, QUARTER + 200), st.decimals(min_value=0, max_value=10**6, places=6), min_size=1, max_size=6
)
gateway_usages = st.builds(
    GatewayUsage,
    deployments=st.dictionaries(st.builds(Deployment, maybe, maybe, maybe, maybe, maybe), figures, max_size=4),
    spend=st.dictionaries(st.builds(Spender, maybe, maybe, maybe, maybe, maybe, maybe), spends, max_size=6),
    models=st.dictionaries(names, spends, max_size=3),
    tags=st.dictionaries(names, spends, max_size=4),
    customers=st.dictionaries(names, spends, max_size=4),
    budgets=st.dictionaries(budgets, samples, max_size=4),
    folded=st.dictionaries(st.sampled_from(["spend", "tags"]), st.integers(1, 10), max_size=2),
)
used = gateway_usages.filter(lambda usage: usage != GatewayUsage())
usages = st.builds(Usage, st.dictionaries(st.sampled_from(["prod", "staging"]), used, max_size=2))


class TestAddingUp:
    @FEW
    @given(st.lists(usages, max_size=6), st.randoms(), st.integers(1, 3))
    def test_any_order_and_grouping_gives_the_same(self, parts: list[Usage], random: Any, size: int) -> None:
        whole = reduce(Usage.plus, parts, Usage())
        shuffled = random.sample(parts, len(parts))

        assert Usage().plus(*shuffled) == whole
        assert reduce(Usage.plus, [Usage().plus(*group) for group in batched(shuffled, size, strict=False)], Usage()) == whole

    @FEW
    @given(st.lists(st.sampled_from([0.0002225, 0.1, 1e-9, 12.5, 3]), max_size=12), st.integers(1, 5))
    def test_batches_of_any_size_give_what_all_logs_give(self, costs: list[float], size: int) -> None:
        logs = [log(cost=cost, call_id=str(n), hash=f"k{n % 3}", request_tags=[f"t{n % 2}"]) for n, cost in enumerate(costs)]
        batches = [usage_of(batch, gateway="prod", now=NOW) for batch in batched(logs, size, strict=False)]

        assert Usage().plus(*batches) == usage_of(logs, gateway="prod", now=NOW)

    def test_nothing_is_shared_with_what_was_added_up(self) -> None:
        one, other = Usage({"prod": spending({Spender("k"): 1})}), Usage({"prod": spending({Spender("k"): 2})})

        one.plus(other)

        assert one.gateways["prod"].total == spent(1)


class TestBytes:
    @FEW
    @given(usages)
    def test_reading_gives_what_was_written(self, usage: Usage) -> None:
        assert Usage.from_bytes(usage.to_bytes()) == usage

    @FEW
    @given(gateway_usages)
    def test_equal_usage_gives_equal_bytes(self, usage: GatewayUsage) -> None:
        turned = GatewayUsage(
            deployments=dict(reversed(usage.deployments.items())),
            spend=dict(reversed(usage.spend.items())),
            models=dict(reversed(usage.models.items())),
            tags=dict(reversed(usage.tags.items())),
            customers=dict(reversed(usage.customers.items())),
            budgets=dict(reversed(usage.budgets.items())),
            folded=dict(reversed(usage.folded.items())),
        )
        assert Usage({"prod": turned}).to_bytes() == Usage({"prod": usage}).to_bytes()

    @FEW
    @given(st.lists(usages, max_size=4), st.sampled_from([400, 700, 10**6]))
    def test_parts_stand_alone_and_add_up(self, some: list[Usage], max_bytes: int) -> None:
        usage = Usage().plus(*some)
        parts = usage.to_parts(max_bytes=max_bytes)

        assert all(len(part) <= max_bytes for part in parts)
        assert Usage().plus(*map(Usage.from_bytes, reversed(parts))) == usage

    def test_what_is_small_is_one_part(self) -> None:
        usage = Usage({"prod": spending({Spender("k"): 1})})
        assert usage.to_parts(max_bytes=1_000) == [usage.to_bytes()]

    def test_one_entry_alone_that_is_too_large_is_refused(self) -> None:
        with pytest.raises(InvalidUsage, match="one entry alone"):
            Usage({"prod": spending({Spender("k"): 1})}).to_parts(max_bytes=10)

    def test_many_gateways_of_one_entry_each_make_parts_too(self) -> None:
        usage = Usage({f"gateway-{n}": spending({Spender(f"key-{n}"): n}) for n in range(100)})
        assert len(usage.to_parts(max_bytes=300)) > 2

    @pytest.mark.parametrize(
        "document",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"not deflated", id="not deflated"),
            pytest.param(zlib.compress(b"no JSON"), id="no JSON"),
            pytest.param(zlib.compress(b"[]"), id="an array"),
            pytest.param(zlib.compress(b'{"gateways": {}}'), id="without a format"),
            pytest.param(zlib.compress(b'{"format": 2, "gateways": {}}'), id="a format to come"),
            pytest.param(zlib.compress(b'{"format": 1, "gateways": []}'), id="gateways that are none"),
            pytest.param(zlib.compress(b'{"format": 1, "gateways": {"prod": {"tags": 5}}}'), id="a kind without rows"),
            pytest.param(zlib.compress(b'{"format": 1, "gateways": {"prod": {"spend": [["k"]]}}}'), id="a row that is cut"),
            pytest.param(
                zlib.compress(b'{"format": 1, "gateways": {"prod": {"tags": [["a", "x", 1, 1]]}}}'), id="an amount that is none"
            ),
        ],
    )
    def test_what_is_not_usage_is_refused_by_name(self, document: bytes) -> None:
        with pytest.raises(InvalidUsage):
            Usage.from_bytes(document)


class TestBounds:
    def test_the_largest_are_kept_and_the_rest_is_one(self) -> None:
        usage = GatewayUsage(
            deployments={Deployment(str(n)): DeploymentFigures(n, 1) for n in range(1, 6)},
            spend={Spender(str(n)): spent(n) for n in range(1, 6)},
            models={str(n): spent(n) for n in range(1, 6)},
            tags={str(n): spent(n) for n in range(1, 6)},
            customers={str(n): spent(n) for n in range(1, 6)},
        )

        bounded = usage.bounded(2)

        assert bounded.deployments == {
            Deployment("5"): DeploymentFigures(5, 1),
            Deployment("4"): DeploymentFigures(4, 1),
            Deployment(model=OTHER): DeploymentFigures(6, 3),
        }
        assert bounded.spend == {Spender("5"): spent(5), Spender("4"): spent(4), OTHER_SPENDER: spent(6, requests=3)}
        assert bounded.models == bounded.tags == bounded.customers == {"5": spent(5), "4": spent(4), OTHER: spent(6, requests=3)}
        assert bounded.folded == {"deployments": 3, "spend": 3, "models": 3, "tags": 3, "customers": 3}

    def test_of_budgets_those_closest_to_their_limit_are_kept(self) -> None:
        far, close, over = (Budget("key", name, None, Decimal(10), None) for name in ("far", "close", "over"))
        usage = GatewayUsage(budgets={far: {1: Decimal(1)}, close: {1: Decimal(9)}, over: {1: Decimal(2), 2: Decimal(20)}})

        bounded = usage.bounded(2)

        assert set(bounded.budgets) == {close, over}
        assert bounded.folded == {"budgets": 1}

    def test_a_limit_of_zero_is_no_obstacle(self) -> None:
        nothing, something = Budget("key", "a", None, Decimal(0), None), Budget("key", "b", None, Decimal(10), None)
        usage = GatewayUsage(budgets={nothing: {1: Decimal(1)}, something: {1: Decimal(1)}})

        assert set(usage.bounded(1).budgets) == {nothing}

    @FEW
    @given(gateway_usages, st.integers(1, 3), st.integers(1, 3))
    def test_sums_stay_as_they_are(self, usage: GatewayUsage, first: int, second: int) -> None:
        bounded = usage.bounded(first).bounded(second)

        assert bounded.total == usage.total
        assert sum(f.request_count for f in bounded.deployments.values()) == sum(
            f.request_count for f in usage.deployments.values()
        )
        assert all(
            len(kind) <= second + 1
            for kind in (bounded.deployments, bounded.spend, bounded.models, bounded.tags, bounded.customers)
        )

    @FEW
    @given(gateway_usages)
    def test_what_is_within_bounds_stays_as_it_is(self, usage: GatewayUsage) -> None:
        assert usage.bounded(10) == usage


class TestThinning:
    BUDGET = Budget("key", "k", None, Decimal(10), None)
    START = QUARTER - QUARTER % SAMPLE_QUARTERS

    @pytest.mark.parametrize(
        ("keep_from", "kept"),
        [
            pytest.param(math.inf, [11, 23, 29], id="the last of each part"),
            pytest.param(24, [11, 23, *range(24, 30)], id="and all that are recent"),
            pytest.param(0, [*range(30)], id="all are recent"),
        ],
    )
    def test_which_samples_are_kept(self, keep_from: float, kept: list[int]) -> None:
        usage = Usage({"prod": GatewayUsage(budgets={self.BUDGET: {self.START + n: Decimal(n) for n in range(30)}})})
        (thinned,) = usage.thinned(keep_from=self.START + keep_from).gateways["prod"].budgets.values()

        assert thinned == {self.START + n: Decimal(n) for n in kept}

    @FEW
    @given(usages)
    def test_thinning_twice_changes_nothing_and_nothing_else_is_thinned(self, usage: Usage) -> None:
        thinned = usage.thinned()

        assert thinned.thinned() == thinned
        assert thinned.without_budgets() == usage.without_budgets()

    @FEW
    @given(usages)
    def test_budgets_and_the_rest_are_the_whole(self, usage: Usage) -> None:
        assert usage.without_budgets().plus(usage.only_budgets()) == usage


def test_a_moment_later_in_the_quarter_gives_the_same() -> None:
    logs = [log(hash="k", spend=1, max_budget=5)]
    start = NOW.replace(minute=15, second=0)

    assert usage_of(logs, gateway="prod", now=start) == usage_of(logs, gateway="prod", now=start + timedelta(minutes=14))
