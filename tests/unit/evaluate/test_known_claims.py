from decimal import Decimal

from evaluate.claims import ClaimState
from evaluate.known_claims import KnownClaims
from gateway_alerts.keys import BudgetIdentity


def identity(name: str) -> BudgetIdentity:
    return BudgetIdentity("gw", "user", name, None, "maximum", Decimal(10))


STATE = ClaimState(period_end=100, period_rung=Decimal("0.85"))
HIGHER = ClaimState(period_end=100, period_rung=Decimal("0.95"))


def test_of_a_claim_that_is_not_remembered_nothing_is_known() -> None:
    assert KnownClaims().get(identity("a")) == ClaimState()


def test_what_is_remembered_last_is_what_is_known() -> None:
    known = KnownClaims()
    known.remember(identity("a"), STATE)
    known.remember(identity("a"), HIGHER)
    assert known.get(identity("a")) == HIGHER
    assert known.get(identity("b")) == ClaimState()


def test_the_memory_is_bounded_and_the_oldest_goes_first() -> None:
    known = KnownClaims(limit=3)
    for name in "abcd":
        known.remember(identity(name), STATE)
    assert [name for name in "abcd" if known.get(identity(name)) == STATE] == ["b", "c", "d"]


def test_what_was_asked_for_lately_stays() -> None:
    known = KnownClaims(limit=3)
    for name in "abc":
        known.remember(identity(name), STATE)
    known.get(identity("a"))
    known.remember(identity("d"), STATE)
    assert [name for name in "abcd" if known.get(identity(name)) == STATE] == ["a", "c", "d"]


def test_what_was_remembered_again_stays() -> None:
    known = KnownClaims(limit=3)
    for name in "abcad":
        known.remember(identity(name), STATE)
    assert [name for name in "abcd" if known.get(identity(name)) == STATE] == ["a", "c", "d"]


def test_asking_for_what_is_not_there_takes_no_room() -> None:
    known = KnownClaims(limit=1)
    known.remember(identity("a"), STATE)
    known.get(identity("b"))
    assert known.get(identity("a")) == STATE
