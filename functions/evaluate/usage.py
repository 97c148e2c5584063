"""Request logs → usage: who spent how much on what, how each deployment did, how far each budget is. Pure.

Usage adds up: ``plus`` gives the same whatever the order and grouping, so that each invocation writes down its own and
nobody needs a shared counter. Amounts are exact sums, to 10⁻¹² US dollars; durations are whole microseconds, and a
distribution besides (:mod:`gateway_alerts.distributions`). Per gateway it holds::

    deployments   model id, model, provider, API base, model group → requests, failures, time and tokens of answers
    spend         key, user, team (id and name each), model group  → US dollars, requests, tokens
    tags          request tag, without those that LiteLLM makes of the user agent → the same
    customers     end user → the same
    budgets       event group, id, name, limit, reset time of the key's, user's and team's budget → spend over time

What is left out: a request that a budget refused was never made, and counts nowhere but for its budgets. A failure
without a deployment counts for none. An answer from the gateway's cache says nothing of a deployment's latency. Names
are masked on the way in (:mod:`gateway_alerts.masking`), so no secret is written down.

As bytes it is deflated JSON, in parts that each stand alone: those of one whole may be added up in any order.
"""

import itertools
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from heapq import nlargest
from typing import Any, NamedTuple, Self, cast

from pydantic_core import from_json

from evaluate.budget_alert_types import given
from evaluate.periods import quarter_of
from evaluate.readings import caller_budgets
from gateway_alerts.distributions import added, bucket_of
from gateway_alerts.errors import InvalidUsage
from gateway_alerts.events import RequestLog
from gateway_alerts.keys import digest
from gateway_alerts.masking import masked

#: Distinct entries of one kind that the usage of a gateway keeps; the least of those beyond it become one, ``OTHER``.
MAX_ENTRIES = 50_000
#: Stands for entries that were not kept apart.
OTHER = "(other)"
#: Of a budget's spend in a day that is written down for good, one sample in so many quarters is kept: eight a day.
SAMPLE_QUARTERS = 12
USER_AGENT_TAG = "User-Agent:"
FORMAT = 1
#: Sums of these stay exact in Decimal's 28 digits up to 10¹⁶ US dollars.
_USD_PLACES = Decimal("1e-12")
_SAMPLE_PLACES = Decimal("1e-6")
_MICROS = 1_000_000


class Deployment(NamedTuple):
    """One deployment as one request log described it; the same ``model_id`` may come with and without the rest."""

    model_id: str | None = None
    model: str | None = None
    provider: str | None = None
    api_base: str | None = None
    model_group: str | None = None


class DeploymentFigures(NamedTuple):
    """How a deployment did. ``answer_micros`` and ``answer_tokens`` are of answers with output tokens, by which latency is
    told; ``seconds_per_token`` is its distribution over them.
    """

    request_count: int = 0
    failure_count: int = 0
    answer_micros: int = 0
    answer_tokens: int = 0
    seconds_per_token: Mapping[int, int] = {}

    def plus(self, other: "DeploymentFigures") -> "DeploymentFigures":
        """Both together."""
        return DeploymentFigures(
            self.request_count + other.request_count,
            self.failure_count + other.failure_count,
            self.answer_micros + other.answer_micros,
            self.answer_tokens + other.answer_tokens,
            added(self.seconds_per_token, other.seconds_per_token),
        )


class Spender(NamedTuple):
    """Who made requests, and of which model group."""

    key_hash: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    model_group: str | None = None


#: Its user stays unknown, so that no user answers for others.
OTHER_SPENDER = Spender(key_alias=OTHER, team_alias=OTHER, model_group=OTHER)


class Spend(NamedTuple):
    """What requests cost together."""

    usd: Decimal = Decimal(0)
    request_count: int = 0
    token_count: int = 0

    def plus(self, other: "Spend") -> "Spend":
        """Both together."""
        return Spend(self.usd + other.usd, self.request_count + other.request_count, self.token_count + other.token_count)


class Budget(NamedTuple):
    """One period of one budget. ``resets_at`` is in epoch seconds, None where the gateway names no reset."""

    event_group: str
    id: str | None
    name: str | None
    limit: Decimal
    resets_at: int | None


#: A budget's spend as it was last seen in each quarter. Within a period spend only grows, so the most is the latest.
Samples = Mapping[int, Decimal]


def _with(samples: Samples, others: Samples) -> Samples:
    merged = dict(samples)
    for quarter, usd in others.items():
        merged[quarter] = max(usd, merged.get(quarter, usd))
    return merged


def _last_of_each_part(samples: Samples) -> Samples:
    return dict({quarter // SAMPLE_QUARTERS: (quarter, usd) for quarter, usd in sorted(samples.items())}.values())


@dataclass(frozen=True, slots=True)
class GatewayUsage:
    """The usage of one gateway. ``folded`` counts by kind the entries that were not kept apart."""

    deployments: Mapping[Deployment, DeploymentFigures] = field(default_factory=dict)
    spend: Mapping[Spender, Spend] = field(default_factory=dict)
    tags: Mapping[str, Spend] = field(default_factory=dict)
    customers: Mapping[str, Spend] = field(default_factory=dict)
    budgets: Mapping[Budget, Samples] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Spend:
        """What all requests cost together."""
        return _total(self.spend.values())

    @classmethod
    def added(cls, usages: Sequence["GatewayUsage"]) -> Self:
        """All of them together."""
        return cls(
            deployments=_merged([usage.deployments for usage in usages], DeploymentFigures.plus),
            spend=_merged([usage.spend for usage in usages], Spend.plus),
            tags=_merged([usage.tags for usage in usages], Spend.plus),
            customers=_merged([usage.customers for usage in usages], Spend.plus),
            budgets=_merged([usage.budgets for usage in usages], _with),
            folded=dict(sum((Counter(usage.folded) for usage in usages), Counter())),
        )

    def bounded(self, max_entries: int) -> Self:
        """At most so many entries of each kind: the largest, and the rest as one. Sums stay as they are; budgets beyond it
        are given up, those that are furthest from their limit.
        """
        folded = Counter(self.folded)

        def largest[K, V](kind: str, entries: Mapping[K, V], size: Callable[[V], Any], other: K, add: Callable[[V, V], V]) -> Any:
            apart = {key: value for key, value in entries.items() if key != other}
            if len(apart) <= max_entries:
                return entries
            kept = dict(nlargest(max_entries, apart.items(), key=lambda entry: (size(entry[1]), str(entry[0]))))
            folded[kind] += len(apart) - len(kept)
            rest = [{other: value} for key, value in entries.items() if key not in kept]
            return kept | _merged(rest, add)

        budgets = self.budgets
        if len(budgets) > max_entries:
            folded["budgets"] += len(budgets) - max_entries
            budgets = dict(nlargest(max_entries, budgets.items(), key=lambda entry: (_used(*entry), str(entry[0]))))
        bounded = replace(
            self,
            deployments=largest(
                "deployments", self.deployments, lambda f: f.request_count, Deployment(model=OTHER), DeploymentFigures.plus
            ),
            spend=largest("spend", self.spend, lambda spend: spend, OTHER_SPENDER, Spend.plus),
            tags=largest("tags", self.tags, lambda spend: spend, OTHER, Spend.plus),
            customers=largest("customers", self.customers, lambda spend: spend, OTHER, Spend.plus),
            budgets=budgets,
        )
        return replace(bounded, folded=dict(folded))


def _used(budget: Budget, samples: Samples) -> Decimal:
    spend = max(samples.values())
    return spend / budget.limit if budget.limit > 0 else spend


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of all gateways, by their name."""

    gateways: Mapping[str, GatewayUsage] = field(default_factory=dict)

    def plus(self, *others: "Usage") -> "Usage":
        """All of them together."""
        together: dict[str, list[GatewayUsage]] = {}
        for usage in (self, *others):
            for gateway, part in usage.gateways.items():
                together.setdefault(gateway, []).append(part)
        return Usage({name: parts[0] if len(parts) == 1 else GatewayUsage.added(parts) for name, parts in together.items()})

    def bounded(self, max_entries: int = MAX_ENTRIES) -> "Usage":
        """At most so many entries of each kind and gateway; see :meth:`GatewayUsage.bounded`."""
        return Usage({name: usage.bounded(max_entries) for name, usage in self.gateways.items()})

    def thinned(self) -> "Usage":
        """With the last of each budget's samples in ``SAMPLE_QUARTERS``; thinning twice changes nothing."""
        return Usage(
            {
                name: replace(usage, budgets={budget: _last_of_each_part(samples) for budget, samples in usage.budgets.items()})
                for name, usage in self.gateways.items()
            }
        )

    def without_budgets(self) -> "Usage":
        """All but the budgets."""
        return Usage({name: replace(usage, budgets={}) for name, usage in self.gateways.items()})

    def only_budgets(self) -> "Usage":
        """The budgets, and nothing else."""
        return Usage({name: GatewayUsage(budgets=usage.budgets) for name, usage in self.gateways.items() if usage.budgets})

    def to_bytes(self) -> bytes:
        """Deflated JSON; equal usage gives equal bytes."""
        document = {"format": FORMAT, "gateways": {name: _rows(usage) for name, usage in sorted(self.gateways.items())}}
        return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Read it back.

        Raises:
            InvalidUsage: the bytes are not of this format.
        """
        try:
            document = from_json(zlib.decompress(body), cache_strings="all")
            if document["format"] != FORMAT:
                raise InvalidUsage(f"it has format {document['format']!r}, this reads {FORMAT}")
            return cls({name: _usage(rows) for name, rows in document["gateways"].items()})
        except (zlib.error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise InvalidUsage(f"it is not usage: {type(error).__name__}") from None

    def to_parts(self, *, max_bytes: int) -> list[bytes]:
        """The usage as bytes, in as many parts as it takes; each is usage by itself, and they add up to the whole."""
        body = self.to_bytes()
        if len(body) <= max_bytes:
            return [body]
        count = -(-len(body) // max_bytes) + 1
        parts = [self._every(count, start) for start in range(count)]
        if any(part == self for part in parts):
            raise InvalidUsage("one entry alone is larger than an item")
        return [body for part in parts for body in part.to_parts(max_bytes=max_bytes)]

    def _every(self, step: int, start: int) -> "Usage":
        """Every so manieth entry, counted through all gateways and kinds."""
        numbers = itertools.count()

        def some[K, V](entries: Mapping[K, V]) -> dict[K, V]:
            return {key: value for key, value in sorted(entries.items(), key=_order) if next(numbers) % step == start}

        return Usage(
            {
                name: GatewayUsage(**{kind.name: some(getattr(usage, kind.name)) for kind in fields(usage)})
                for name, usage in self.gateways.items()
            }
        )


def usage_of(logs: Iterable[RequestLog], *, gateway: str, now: datetime) -> Usage:
    """What request logs of one gateway add up to; budgets are dated by ``now``, when they came in."""
    quarter, names = quarter_of(now), _Names()
    deployments: dict[Deployment, DeploymentFigures] = {}
    spend: dict[Spender, Spend] = {}
    tags: dict[str, Spend] = {}
    customers: dict[str, Spend] = {}
    budgets: dict[Budget, Samples] = {}
    for log in logs:
        for budget, usd in _budgets_in(log, names):
            _add(budgets, budget, {quarter: usd}, _with)
        if _is_refused(log):
            continue
        if (deployment := _deployment_in(log, names)) != Deployment():
            _add(deployments, deployment, _figures_in(log), DeploymentFigures.plus)
        cost = Spend((log.response_cost or Decimal(0)).quantize(_USD_PLACES), 1, _tokens_in(log))
        _add(spend, _spender_in(log, names), cost, Spend.plus)
        for tag in {names[tag] for tag in log.request_tags or () if not tag.startswith(USER_AGENT_TAG)} - {None}:
            _add(tags, cast(str, tag), cost, Spend.plus)
        if customer := names[log.end_user] or names[log.metadata.user_api_key_end_user_id]:
            _add(customers, customer, cost, Spend.plus)
    usage = GatewayUsage(deployments, spend, tags, customers, budgets)
    return Usage({gateway: usage.bounded(MAX_ENTRIES)}) if usage != GatewayUsage() else Usage()


def entry_id(logs: Iterable[RequestLog], *, gateway: str) -> str:
    """What tells a batch from every other and is the same when a sender repeats it. A call id alone is not enough: a
    gateway that tries another deployment logs both tries under one.
    """
    return digest([gateway, *([log.litellm_call_id, log.status, log.model_id, log.endTime] for log in logs)])


class _Names(dict[str | None, str | None]):
    """Names from outside as they are kept: masked, and None when blank. Each is masked once."""

    def __missing__(self, name: str | None) -> str | None:
        known = given(name)
        self[name] = kept = None if known is None else masked(known)
        return kept


def _budgets_in(log: RequestLog, names: _Names) -> Iterable[tuple[Budget, Decimal]]:
    """The budgets of the caller's key, user and team, with their spend once the request is paid."""
    who = log.metadata
    for event_group, spend, limit, resets_at in caller_budgets(who):
        if spend is None or limit is None:
            continue
        entity_id, name = {
            "key": (who.user_api_key_hash, who.user_api_key_alias),
            "user": (who.user_api_key_user_id, who.user_api_key_user_email),
            "team": (who.user_api_key_team_id, who.user_api_key_team_alias),
        }[event_group]
        period_end = None if resets_at is None else int(resets_at.timestamp())
        usd = (spend + (log.response_cost or 0)).quantize(_SAMPLE_PLACES)
        yield Budget(event_group, names[entity_id], names[name], limit, period_end), usd


def _is_refused(log: RequestLog) -> bool:
    return log.error_information is not None and given(log.error_information.error_budget_entity_type) is not None


def _deployment_in(log: RequestLog, names: _Names) -> Deployment:
    model_id, api_base = names[log.model_id], names[log.api_base]
    if api_base is None and log.hidden_params is not None:
        api_base = names[log.hidden_params.api_base]
    if model_id is None and api_base is None:
        return Deployment()
    return Deployment(model_id, names[log.model], names[log.custom_llm_provider], api_base, names[log.model_group])


def _figures_in(log: RequestLog) -> DeploymentFigures:
    if log.status != "success":
        return DeploymentFigures(1, 1)
    seconds, tokens = log.duration_seconds, log.completion_tokens
    if seconds is None or not tokens or log.cache_hit:
        return DeploymentFigures(1)
    return DeploymentFigures(1, 0, round(seconds * _MICROS), tokens, {bucket_of(seconds / tokens): 1})


def _tokens_in(log: RequestLog) -> int:
    return (log.prompt_tokens or 0) + (log.completion_tokens or 0)


def _spender_in(log: RequestLog, names: _Names) -> Spender:
    who = log.metadata
    return Spender(
        names[who.user_api_key_hash],
        names[who.user_api_key_alias],
        names[who.user_api_key_user_id],
        names[who.user_api_key_user_email],
        names[who.user_api_key_team_id],
        names[who.user_api_key_team_alias],
        names[log.model_group] or names[log.model],
    )


def _add[K, V](entries: dict[K, V], key: K, value: V, add: Callable[[V, V], V]) -> None:
    seen = entries.get(key)
    entries[key] = value if seen is None else add(seen, value)


def _merged[K, V](mappings: Sequence[Mapping[K, V]], add: Callable[[V, V], V]) -> dict[K, V]:
    merged = dict(mappings[0]) if mappings else {}
    for mapping in mappings[1:]:
        for key, value in mapping.items():
            _add(merged, key, value, add)
    return merged


def _total(spends: Iterable[Spend]) -> Spend:
    total = Spend()
    for spend in spends:
        total = total.plus(spend)
    return total


def _order(entry: tuple[Any, Any]) -> str:
    return str(entry[0])


def _rows(usage: GatewayUsage) -> dict[str, Any]:
    """The usage as JSON has it: a row for each entry, its key's fields first."""
    return {
        "deployments": [
            [*key, *figures[:4], [[bucket, count] for bucket, count in sorted(figures[4].items())]]
            for key, figures in sorted(usage.deployments.items(), key=_order)
        ],
        "spend": [[*key, *_spend_row(spend)] for key, spend in sorted(usage.spend.items(), key=_order)],
        "tags": [[key, *_spend_row(spend)] for key, spend in sorted(usage.tags.items())],
        "customers": [[key, *_spend_row(spend)] for key, spend in sorted(usage.customers.items())],
        "budgets": [
            [group, entity_id, name, _text(limit), resets_at, [[q, _text(usd)] for q, usd in sorted(samples.items())]]
            for (group, entity_id, name, limit, resets_at), samples in sorted(usage.budgets.items(), key=_order)
        ],
        "folded": dict(sorted(usage.folded.items())),
    }


def _spend_row(spend: Spend) -> tuple[str, int, int]:
    return _text(spend.usd), spend.request_count, spend.token_count


def _text(usd: Decimal) -> str:
    return str(usd.normalize())


def _usage(rows: Mapping[str, Any]) -> GatewayUsage:
    return GatewayUsage(
        deployments={
            Deployment._make(row[:5]): DeploymentFigures(row[5], row[6], row[7], row[8], dict(row[9]))
            for row in rows["deployments"]
        },
        spend={Spender._make(row[:7]): Spend(Decimal(row[7]), row[8], row[9]) for row in rows["spend"]},
        tags={row[0]: Spend(Decimal(row[1]), row[2], row[3]) for row in rows["tags"]},
        customers={row[0]: Spend(Decimal(row[1]), row[2], row[3]) for row in rows["customers"]},
        budgets={
            Budget(group, entity_id, name, Decimal(limit), resets_at): {quarter: Decimal(usd) for quarter, usd in samples}
            for group, entity_id, name, limit, resets_at, samples in rows["budgets"]
        },
        folded=rows["folded"],
    )
