"""What a message is about, in one line."""

from decimal import Decimal

import pytest

from notify.rendering.words import EMOJI, MAX_HEADLINE_PARTS, Gravity, Wording, headline_of


def worded(noun: str, state: str = "", gravity: Gravity = Gravity.HIGH) -> Wording:
    return Wording(gravity, (gravity, Decimal(0), ""), "", "", "", "", "", noun=noun, state=state)


OUTAGE = worded("outage", gravity=Gravity.MAJOR)
MINOR = worded("outage", gravity=Gravity.MEDIUM)
ENDED = worded("outage", "ended", Gravity.RESOLVED)
OVER = worded("budget", "over", Gravity.OVER)
CLOSE = worded("budget", "close", Gravity.CLOSE)
FAILURE = worded("LLM failure")
SLOW = worded("slow model", gravity=Gravity.LOW)
USER = worded("user over a spend threshold")


@pytest.mark.parametrize(
    ("wordings", "headline"),
    [
        pytest.param([OVER, OVER, CLOSE], "2 budgets over, 1 close", id="budgets alone"),
        pytest.param(
            [OUTAGE, OVER, OVER, *[FAILURE] * 3], "1 outage, 2 budgets over, 3 LLM failures", id="a mix, the worst first"
        ),
        pytest.param([SLOW, FAILURE, OVER, OUTAGE], "1 outage, 1 budget over, 1 LLM failure, 1 slow model", id="in any order"),
        pytest.param([FAILURE, CLOSE, OVER], "1 budget over, 1 close, 1 LLM failure", id="budgets stand together"),
        pytest.param([FAILURE, CLOSE], "1 LLM failure, 1 budget close", id="by the gravest of them"),
        pytest.param([OUTAGE, MINOR, ENDED], "2 outages, 1 ended", id="of both severities, and what is over"),
        pytest.param([USER, USER], "2 users over a spend threshold", id="a noun of several words"),
        pytest.param([FAILURE] * 1_234, "1,234 LLM failures", id="many"),
    ],
)
def test_headline(wordings: list[Wording], headline: str) -> None:
    assert headline_of(wordings, gateways=["prod"]) == f"{headline} · prod"


def test_more_kinds_than_can_be_read_at_a_glance_are_counted_together() -> None:
    kinds = [worded(f"thing {n}") for n in range(MAX_HEADLINE_PARTS + 2)]

    assert headline_of([*kinds, *kinds], gateways=["prod"]).endswith(", 2 thing 4s, 4 more · prod")


@pytest.mark.parametrize(
    ("gateways", "where"),
    [
        pytest.param(["prod"], "prod", id="one by its name"),
        pytest.param(["eu", "us"], "2 gateways", id="several by their number"),
        pytest.param(["\u200b"], "unnamed gateway", id="one without a visible name"),
    ],
)
def test_where(gateways: list[str], where: str) -> None:
    assert headline_of([OVER], gateways=gateways) == f"1 budget over · {where}"


def test_every_gravity_has_an_emoji_of_its_own() -> None:
    assert EMOJI.keys() == set(Gravity)
    assert len(set(EMOJI.values())) == len(EMOJI)
