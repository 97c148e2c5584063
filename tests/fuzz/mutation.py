"""A mutator that knows JSON: half of the inputs stay well-formed and get one node replaced, so that values are reached
where a mutation of bytes only breaks the syntax.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

#: What a sender of anything could put in place of anything.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 9, 10, 0.85, 1e15, 1e16, -1e15, 5e-324, 10**30, -(10**30), float("inf"), float("nan")),
    *(
        "",
        "0",
        "9.99",
        "1e400",
        "-0",
        "NaN",
        "x" * 2_001,
        "\x00",
        "\udc80",
        "🔥",
        "2026-12-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
    ),
    *([], {}, [[]], [0, [1], 0], [None, None, None], [0, [9, 9], "F"], [1, [1], 10**30], {"a": 1}, [{}] * 30),
    *("token_budget", "soft_budget", "projected_limit_exceeded", "max_budget_alert", "key", "team", "proxy", "budget_crossed"),
    *("os.environ/X", "ssm:x", "default", "High", "budget_alerts", "sk-1234", "Bearer abcdefgh"),
)
NAMES = (
    *(
        "type",
        "user_info",
        "spend",
        "max_budget",
        "soft_budget",
        "projected_spend",
        "budget_reset_at",
        "token",
        "user_id",
        "team_id",
    ),
    *("event", "event_group", "litellm_call_id", "status", "response_cost", "metadata", "error_information", "events", "gateway"),
    *("destination", "alert", "entity", "budget", "rung", "resets_at", "thresholds", "routes", "destinations", "alerting_args"),
)


def mutate(given: bytes, max_bytes: int, seed: int, *, of_bytes: Callable[[bytes, int], bytes], prefix_bytes: int = 0) -> bytes:
    """Change an input. ``of_bytes`` changes bytes; the first ``prefix_bytes`` are no part of the JSON."""
    random = Random(seed)
    if random.random() < 0.5:
        return of_bytes(given, max_bytes)
    prefix, rest = given[:prefix_bytes], given[prefix_bytes:]
    try:
        tree = json.loads(rest)
    except (ValueError, RecursionError):
        return of_bytes(given, max_bytes)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        tree = _changed(tree, random)
    try:
        text = json.dumps(tree, ensure_ascii=random.random() < 0.9)
    except (ValueError, RecursionError):
        return of_bytes(given, max_bytes)
    changed = prefix + text.encode(errors="surrogatepass")
    return changed if len(changed) <= max_bytes else of_bytes(given, max_bytes)


def _changed(tree: Any, random: Random) -> Any:
    """The tree with a node replaced, removed, added or doubled."""
    holders = [holder for holder in _nodes(tree) if isinstance(holder, dict | list) and holder]
    if not holders or random.random() < 0.02:
        return random.choice((_value(random), [tree], {random.choice(NAMES): tree}))
    holder = random.choice(holders)
    place = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    what = random.random()
    if what < 0.7:
        holder[place] = _value(random)
    elif what < 0.8:
        del holder[place]
    elif isinstance(holder, dict):
        holder[random.choice(NAMES)] = random.choice((_value(random), holder[place]))
    else:
        holder.append(holder[place])
    return json.loads(json.dumps(tree))  # no node stands in two places


def _value(random: Random) -> Any:
    return deepcopy(random.choice(VALUES))  # a list that is put in its own place would hold itself


def _nodes(tree: Any) -> list[Any]:
    found, left = [], [tree]
    while left:
        node = left.pop()
        found.append(node)
        if isinstance(node, dict):
            left += node.values()
        elif isinstance(node, list):
            left += node
    return found
