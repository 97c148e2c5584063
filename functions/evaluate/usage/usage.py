"""Request logs → usage: who spent how much on what, how each deployment did, how far each budget is. Pure.

Usage adds up: ``plus`` gives the same whatever the order and grouping, so that each invocation writes down its own and
nobody needs a shared counter. Amounts are exact sums, to 10⁻¹² US dollars; durations are whole microseconds, and a
distribution besides (:mod:`gateway_alerts.distributions`). Per gateway it holds::

    deployments   model id, model, provider, API base, model group → requests, failures, time and tokens of answers
    spend         key, user and team, id and name each → US dollars, requests, tokens
    models        model group → the same
    tags          request tag, without those that LiteLLM makes of the user agent → the same
    customers     end user → the same
    budgets       event group, id, name, limit, reset time of the key's, user's and team's budget → spend over time

What is left out: a request that a budget refused was never made, and counts nowhere but for its budgets. A failure
without a deployment counts for none. An answer from the gateway's cache says nothing of a deployment's latency. Names
are masked on the way in (:mod:`gateway_alerts.masking`), so no secret is written down.

As bytes it is deflated JSON, in parts that each stand alone: those of one whole may be added up in any order.
"""

import json
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from heapq import nlargest
from itertools import batched
from typing import Any, NamedTuple, Self, cast

from pydantic_core import from_json

from evaluate.budget_alert_types import given
from evaluate.readings import caller_budgets
from evaluate.usage.periods import quarter_of
from gateway_alerts.distributions import added, bucket_of
from gateway_alerts.errors import InvalidUsage
from gateway_alerts.events import RequestLog, RequestMetadata
from gateway_alerts.keys import digest
from gateway_alerts.masking import masked

#: Distinct entries of one kind that the usage of a gateway keeps; the least of those beyond it become one, ``OTHER``.
MAX_ENTRIES = 50_000
#: Stands for entries that were not kept apart.
OTHER = "(other)"
#: Stands for the model of requests that name none.
NO_MODEL = "(no model)"
#: Of a budget's spend some hours ago one sample in so many quarters is kept: eight a day.
SAMPLE_QUARTERS = 12
#: Rows that are deflated together: at 40 to 60 bytes each far below an item.
ROWS_PER_PART = 5_000
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
    """Who made requests. Models are counted apart: rows by both would be several times as many, and no report needs them."""

    key_hash: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    team_alias: str | None = None


#: Its user stays unknown, so that no user answers for others.
OTHER_SPENDER = Spender(key_alias=OTHER, team_alias=OTHER)


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


def with_samples(samples: Samples, others: Samples) -> Samples:
    """Both together."""
    merged = dict(samples)
    for quarter, usd in others.items():
        merged[quarter] = max(usd, merged.get(quarter, usd))
    return merged


def _thinned(samples: Samples, keep_from: float) -> Samples:
    recent = {quarter: usd for quarter, usd in samples.items() if quarter >= keep_from}
    last_of_each_part = {quarter // SAMPLE_QUARTERS: quarter for quarter in sorted(samples.keys() - recent.keys())}
    return {quarter: samples[quarter] for quarter in last_of_each_part.values()} | recent


@dataclass(frozen=True, slots=True)
class GatewayUsage:
    """The usage of one gateway. ``folded`` counts by kind the entries that were not kept apart."""

    deployments: Mapping[Deployment, DeploymentFigures] = field(default_factory=dict)
    spend: Mapping[Spender, Spend] = field(default_factory=dict)
    models: Mapping[str, Spend] = field(default_factory=dict)
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
            models=_merged([usage.models for usage in usages], Spend.plus),
            tags=_merged([usage.tags for usage in usages], Spend.plus),
            customers=_merged([usage.customers for usage in usages], Spend.plus),
            budgets=_merged([usage.budgets for usage in usages], with_samples),
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
            models=largest("models", self.models, lambda spend: spend, OTHER, Spend.plus),
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

    def thinned(self, *, keep_from: float = math.inf) -> "Usage":
        """With the last of each budget's samples in ``SAMPLE_QUARTERS``, and all from the quarter ``keep_from`` on, a
        multiple of it. Thinning twice changes nothing.
        """
        return Usage(
            {
                name: replace(usage, budgets={budget: _thinned(samples, keep_from) for budget, samples in usage.budgets.items()})
                for name, usage in self.gateways.items()
            }
        )

    def without_budgets(self) -> "Usage":
        """All but the budgets."""
        rest = {name: replace(usage, budgets={}) for name, usage in self.gateways.items()}
        return Usage({name: usage for name, usage in rest.items() if usage != GatewayUsage()})

    def only_budgets(self) -> "Usage":
        """The budgets, and nothing else."""
        return Usage({name: GatewayUsage(budgets=usage.budgets) for name, usage in self.gateways.items() if usage.budgets})

    def to_bytes(self) -> bytes:
        """Deflated JSON; equal usage gives equal bytes."""
        return _deflated(_rows_of(self))

    def to_parts(self, *, max_bytes: int) -> list[bytes]:
        """The usage as bytes, in as many parts as it takes; each is usage by itself, and they add up to the whole."""
        chunks = batched(_rows_of(self), ROWS_PER_PART, strict=False)
        return [body for chunk in chunks for body in _packed(chunk, max_bytes=max_bytes)] or [self.to_bytes()]

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
            return cls({name: _gateway_usage(kinds) for name, kinds in document["gateways"].items()})
        except (zlib.error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise InvalidUsage(f"it is not usage: {type(error).__name__}") from None


def usage_of(logs: Iterable[RequestLog], *, gateway: str, now: datetime) -> Usage:
    """What request logs of one gateway add up to; budgets are dated by ``now``, when they came in."""
    quarter, names = quarter_of(now), _Names()
    deployments: dict[Deployment, DeploymentFigures] = {}
    spend: dict[Spender, Spend] = {}
    models: dict[str, Spend] = {}
    tags: dict[str, Spend] = {}
    customers: dict[str, Spend] = {}
    budgets: dict[Budget, Samples] = {}
    for log in logs:
        for budget, usd in _budgets_in(log, names):
            _add(budgets, budget, {quarter: usd}, with_samples)
        if _is_refused(log):
            continue
        if (deployment := _deployment_in(log, names)) != Deployment():
            _add(deployments, deployment, _figures_in(log), DeploymentFigures.plus)
        cost = Spend((log.response_cost or Decimal(0)).quantize(_USD_PLACES), 1, _tokens_in(log))
        _add(spend, _spender_in(log.metadata, names), cost, Spend.plus)
        _add(models, names[log.model_group] or names[log.model] or NO_MODEL, cost, Spend.plus)
        for tag in {names[tag] for tag in log.request_tags or () if not tag.startswith(USER_AGENT_TAG)} - {None}:
            _add(tags, cast(str, tag), cost, Spend.plus)
        if customer := names[log.end_user] or names[log.metadata.user_api_key_end_user_id]:
            _add(customers, customer, cost, Spend.plus)
    usage = GatewayUsage(deployments, spend, models, tags, customers, budgets)
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


def _spender_in(who: RequestMetadata, names: _Names) -> Spender:
    return Spender(
        names[who.user_api_key_hash],
        names[who.user_api_key_alias],
        names[who.user_api_key_user_id],
        names[who.user_api_key_user_email],
        names[who.user_api_key_team_id],
        names[who.user_api_key_team_alias],
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


class _Row(NamedTuple):
    """One entry as JSON has it: the fields of its key, then its figures."""

    gateway: str
    kind: str
    fields: list[Any]


def _rows_of(usage: Usage) -> Iterator[_Row]:
    """Every entry, in one order whatever order they were added in. Entries of one key stand together, which deflates best."""
    for gateway, of_gateway in sorted(usage.gateways.items()):
        for kind, rows in _kinds(of_gateway).items():
            for row in rows:
                yield _Row(gateway, kind, row)


def _kinds(usage: GatewayUsage) -> dict[str, Iterable[list[Any]]]:
    return {
        "deployments": (
            [*key, *figures[:4], sorted(figures.seconds_per_token.items())] for key, figures in _ordered(usage.deployments)
        ),
        "spend": ([*key, _text(usd), *counts] for key, (usd, *counts) in _ordered(usage.spend)),
        "models": ([key, _text(usd), *counts] for key, (usd, *counts) in sorted(usage.models.items())),
        "tags": ([key, _text(usd), *counts] for key, (usd, *counts) in sorted(usage.tags.items())),
        "customers": ([key, _text(usd), *counts] for key, (usd, *counts) in sorted(usage.customers.items())),
        "budgets": (
            [*key[:3], _text(key.limit), key.resets_at, [(quarter, _text(usd)) for quarter, usd in sorted(samples.items())]]
            for key, samples in _ordered(usage.budgets)
        ),
        "folded": ([kind, count] for kind, count in sorted(usage.folded.items())),
    }


def _ordered[K: tuple[Any, ...], V](entries: Mapping[K, V]) -> list[tuple[K, V]]:
    """By key, in which None stands before everything."""
    return sorted(entries.items(), key=lambda entry: [(part is not None, part) for part in entry[0]])


def _packed(rows: Sequence[_Row], *, max_bytes: int) -> Iterator[bytes]:
    body = _deflated(rows)
    if len(body) <= max_bytes:
        yield body
        return
    if len(rows) == 1:
        raise InvalidUsage(f"one entry alone is larger than {max_bytes} bytes")
    middle = len(rows) // 2
    yield from _packed(rows[:middle], max_bytes=max_bytes)
    yield from _packed(rows[middle:], max_bytes=max_bytes)


def _deflated(rows: Iterable[_Row]) -> bytes:
    gateways: dict[str, dict[str, list[Any]]] = {}
    for gateway, kind, row in rows:
        gateways.setdefault(gateway, {}).setdefault(kind, []).append(row)
    document = {"format": FORMAT, "gateways": gateways}
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def _gateway_usage(kinds: Mapping[str, Any]) -> GatewayUsage:
    return GatewayUsage(
        deployments={
            Deployment._make(row[:5]): DeploymentFigures(row[5], row[6], row[7], row[8], dict(row[9]))
            for row in kinds.get("deployments", ())
        },
        spend={Spender._make(row[:6]): _spend(row[6:]) for row in kinds.get("spend", ())},
        models={row[0]: _spend(row[1:]) for row in kinds.get("models", ())},
        tags={row[0]: _spend(row[1:]) for row in kinds.get("tags", ())},
        customers={row[0]: _spend(row[1:]) for row in kinds.get("customers", ())},
        budgets={
            Budget(group, entity_id, name, Decimal(limit), resets_at): {quarter: Decimal(usd) for quarter, usd in samples}
            for group, entity_id, name, limit, resets_at, samples in kinds.get("budgets", ())
        },
        folded=dict(kinds.get("folded", ())),
    )


def _spend(fields: Sequence[Any]) -> Spend:
    usd, request_count, token_count = fields
    return Spend(Decimal(usd), request_count, token_count)


def _text(usd: Decimal) -> str:
    return str(usd.normalize())
