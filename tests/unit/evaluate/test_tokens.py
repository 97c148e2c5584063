import pytest

from evaluate.tokens import IngestTokens
from gateway_alerts.errors import ConfigurationError

PARSED: dict[str, tuple[str, dict[str, str | None]]] = {
    "one pair": ("prod=secret-1", {"secret-1": "prod", "secret-2": None}),
    "a bare token belongs to the default gateway": ("secret-1", {"secret-1": "default"}),
    "several gateways": ("prod=secret-1,eu=secret-2", {"secret-1": "prod", "secret-2": "eu"}),
    "two tokens of one gateway, while one replaces the other": (
        "prod=old-secret,prod=new-secret",
        {"old-secret": "prod", "new-secret": "prod"},
    ),
    "a bare token beside pairs": ("prod=secret-1, secret-2", {"secret-1": "prod", "secret-2": "default"}),
    "blanks and line ends around": (" prod = secret-1 ,\n eu=secret-2\n", {"secret-1": "prod", "secret-2": "eu"}),
    "commas too many": (",prod=secret-1,,", {"secret-1": "prod", "": None}),
    "a token that holds an equals sign": ("prod=c2VjcmV0MQ==", {"c2VjcmV0MQ==": "prod", "c2VjcmV0MQ": None}),
    "a token that is not ASCII": ("prod=Schlüssel-日本", {"Schlüssel-日本": "prod", "Schlussel-日本": None}),
    "a gateway with every letter it may have": ("Prod-1.eu_west=secret-1", {"secret-1": "Prod-1.eu_west"}),
    "nothing presented": ("prod=secret-1", {"": None}),
    "a token in another case": ("prod=secret-1", {"SECRET-1": None}),
    "the beginning of a token": ("prod=secret-1", {"secret-": None, "secret-11": None}),
    "the gateway in place of the token": ("prod=secret-1", {"prod": None, "prod=secret-1": None}),
    "half a pair of surrogates": ("prod=secret-1", {"\ud800": None}),
}


@pytest.mark.parametrize(("text", "gateways"), PARSED.values(), ids=PARSED)
def test_a_token_belongs_to_its_gateway(text: str, gateways: dict[str, str | None]) -> None:
    tokens = IngestTokens.parse(text)
    assert {token: tokens.gateway_of(token) for token in gateways} == gateways


MALFORMED: dict[str, tuple[str, int]] = {
    "no token": ("prod=", 1),
    "a blank token": ("prod=   ", 1),
    "no gateway": ("=sk-secret-value", 1),
    "a gateway with a blank": ("my gateway=sk-secret-value", 1),
    "a gateway that begins with a dot": (".prod=sk-secret-value", 1),
    "a gateway that is too long": ("g" * 65 + "=sk-secret-value", 1),
    "a gateway that is not ASCII": ("pröd=sk-secret-value", 1),
    "only equals signs for a token, as short base64 alone would be read": ("c2VjcmV0Cg==", 1),
    "a long gateway whose token was left empty": ("production-gateway=", 1),
    "the second of three": ("prod=sk-secret-value,eu=,us=sk-secret-value", 2),
}


@pytest.mark.parametrize(("text", "position"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_pair_is_named_by_its_place_and_never_shown(text: str, position: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"^INGEST_TOKENS: pair {position} is not GATEWAY=TOKEN") as raised:
        IngestTokens.parse(text)
    assert "sk-secret" not in str(raised.value)


def test_one_token_of_two_gateways_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ConfigurationError, match=r"^INGEST_TOKENS: the token of pair 2 belongs to another gateway") as raised:
        IngestTokens.parse("prod=sk-secret-value,eu=sk-secret-value")
    assert "sk-secret" not in str(raised.value)


def test_one_pair_given_twice_is_once() -> None:
    assert IngestTokens.parse("prod=secret-1,prod=secret-1").gateway_of("secret-1") == "prod"


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"], ids=["empty", "blank", "a comma", "commas"])
def test_without_any_token_nobody_could_send_and_that_is_an_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no token"):
        IngestTokens.parse(text)
