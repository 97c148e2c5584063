from decimal import Decimal
from itertools import combinations

import pytest

from gateway_alerts.keys import BudgetIdentity, digest


def identity(
    gateway: str = "gw",
    entity_type: str = "user",
    entity_id: str | None = "u",
    entity_hint: str | None = None,
    kind: str = "maximum",
    limit: str = "10",
) -> BudgetIdentity:
    return BudgetIdentity(gateway, entity_type, entity_id, entity_hint, kind, Decimal(limit))


#: No two of these are one budget.
DIFFERENT = {
    "the plain one": identity(),
    "another gateway": identity(gateway="gw2"),
    "another entity type": identity(entity_type="team"),
    "another id": identity(entity_id="u2"),
    "an id in another case": identity(entity_id="U"),
    "an id with a blank behind": identity(entity_id="u "),
    "no id": identity(entity_id=None),
    "an id that reads like no id": identity(entity_id="None"),
    "an id that reads like JSON's": identity(entity_id="null"),
    "the shared id of the reference": identity(entity_id="default_id"),
    "no id and a hint": identity(entity_id=None, entity_hint="u"),
    "another kind": identity(kind="soft"),
    "another limit": identity(limit="11"),
    "a limit of other size": identity(limit="100"),
    "a limit that differs far behind the point": identity(limit="10.000000001"),
    "a negative limit": identity(limit="-10"),
    "no limit to speak of": identity(limit="0"),
    "a separator moved": identity(gateway="gw#user", entity_id=""),
    "quotes in the id": identity(entity_id='u","'),
    "not ASCII": identity(entity_id="ü"),
    "not ASCII, written in two": identity(entity_id="u\u0308"),
}


def test_different_budgets_have_different_keys() -> None:
    same = [(a, b) for a, b in combinations(DIFFERENT, 2) if DIFFERENT[a].table_key == DIFFERENT[b].table_key]
    assert same == []


LIMITS = {"with zeros behind the point": "10.00", "with an exponent": "1E+1", "with a negative exponent": "1000E-2"}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_the_same_limit_is_the_same_key_however_it_is_written(limit: str) -> None:
    assert identity(limit=limit).table_key == identity(limit="10").table_key
    assert identity(limit=limit) == identity(limit="10")


def test_a_key_begins_with_what_it_is() -> None:
    assert identity().table_key.startswith("budget#user#")


def test_a_key_stays_short_whatever_the_ids_hold() -> None:
    longest = identity(gateway="g" * 64, entity_type="organization_member", entity_id="😀" * 4_000)
    assert len(longest.table_key.encode()) <= 100


def test_a_key_is_the_same_in_every_process_and_version() -> None:
    # Another spelling would let every budget alert once more.
    assert identity().table_key == "budget#user#26bddfa8bf71b26238bfc5bcf28ee4a6"


def test_an_entity_is_what_its_ladders_have_in_common() -> None:
    assert identity(kind="soft", limit="5").entity == identity().entity
    assert identity(entity_id="u2").entity != identity().entity


def test_a_digest_tells_where_parts_end() -> None:
    assert digest(["a:b", "c"]) != digest(["a", "b:c"])
    assert digest(["a", "b"]) != digest(["ab"])
