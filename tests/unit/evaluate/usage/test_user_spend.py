"""Who is over a threshold, and whose day is unusual."""

from decimal import Decimal

import pytest

from evaluate.usage.usage import GatewayUsage, Spender
from evaluate.usage.user_spend import UserSpend, unusual_users, users_over
from tests.unit.evaluate.usage_builders import by_users, spending


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(by_users(ada=10), [("ada", 10)], id="at the threshold"),
        pytest.param(by_users(ada="9.99"), [], id="a cent below it"),
        pytest.param(by_users(ada=11, bob=30, eve=1), [("bob", 30), ("ada", 11)], id="the highest first"),
        pytest.param(
            spending({Spender("k1", user_id="ada"): 6, Spender("k2", user_id="ada"): 5}),
            [("ada", 11)],
            id="over all of their keys",
        ),
        pytest.param(spending({Spender("k1"): 50}), [], id="nobody answers for a key without a user"),
        pytest.param(spending({Spender(user_email="a@example.com"): 50}), [("a@example.com", 50)], id="known by address alone"),
    ],
)
def test_users_over_a_threshold(usage: GatewayUsage, expected: list[tuple[str, int]]) -> None:
    assert [(user.user_id, user.usd) for user in users_over(usage, threshold_usd=Decimal(10))] == expected


def test_a_user_goes_by_their_address() -> None:
    usage = spending({Spender(user_id="u1"): 5, Spender(user_id="u1", user_email="ada@example.com"): 6})

    assert users_over(usage, threshold_usd=Decimal(10)) == [UserSpend("u1", "ada@example.com", Decimal(11))]


@pytest.mark.parametrize(
    ("today", "baseline", "usual"),
    [
        pytest.param("9.99", None, None, id="below the least that counts, though never seen before"),
        pytest.param("10", None, 0, id="never spent before"),
        pytest.param("30", "70", None, id="three times the usual day, and not more"),
        pytest.param("30.01", "70", 10, id="more than three times"),
        pytest.param("9", "0.7", None, id="many times the usual day, of next to nothing"),
        pytest.param("500", "7000", None, id="half the usual day"),
        pytest.param("10", "-5", 0, id="had nothing but credits before"),
    ],
)
def test_an_unusual_day(today: str, baseline: str | None, usual: int | None) -> None:
    before = GatewayUsage() if baseline is None else by_users(ada=baseline)

    found = unusual_users(by_users(ada=today), before, baseline_days=7, min_spend_usd=Decimal(10), multiplier=Decimal(3))

    assert found == ([] if usual is None else [UserSpend("ada", "ada", Decimal(today), Decimal(usual))])


def test_unusual_users_are_told_the_highest_first() -> None:
    found = unusual_users(
        by_users(ada=20, bob=30), by_users(eve=5), baseline_days=1, min_spend_usd=Decimal(10), multiplier=Decimal(3)
    )
    assert [user.user_id for user in found] == ["bob", "ada"]
