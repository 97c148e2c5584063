"""What is read out of a printed object, what of it counts as set, and that no secret stays in it."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from evaluate.slack.litellm_objects import set_fields

SECRET = "word-like-secret-of-a-customer"

READ: dict[str, tuple[str, dict[str, str]]] = {
    "a text": ("key_alias='new'", {"key_alias": "new"}),
    "a text with spaces and what looks like a field": ("key_alias='a max_budget=1 b'", {"key_alias": "a max_budget=1 b"}),
    "a text with a quote": ('key_alias="it\'s"', {"key_alias": "it's"}),
    "a text with both quotes": (r"""key_alias='it\'s "x"'""", {"key_alias": 'it\'s "x"'}),
    "a text with a backslash": (r"key_alias='a\\b'", {"key_alias": "a\\b"}),
    "numbers": ("max_budget=10.0 tpm_limit=5", {"max_budget": "10.0", "tpm_limit": "5"}),
    "a list of texts": ("models=['gpt-4o', 'm, n']", {"models": "gpt-4o, m, n"}),
    "a list of other things": ("limits=[1, 'a']", {"limits": "[1, 'a']"}),
    "an object with spaces": ("metadata={'a b': 1, 'c': [2]}", {"metadata": "{'a b': 1, 'c': [2]}"}),
    "a model within": (
        "members=[Member(user_id='u', role='user')] x=1",
        {"members": "[Member(user_id='u', role='user')]", "x": "1"},
    ),
    "a choice": ("key_type=<KeyType.LLM_API: 'llm_api'> x=1", {"key_type": "llm_api", "x": "1"}),
    "an object that is no model": ("namespace(team_ids=['t1'])", {"team_ids": "t1"}),
    "a text without an end": ("a='x b=1", {"a": "x b=1"}),
    "brackets without an end": ("a=[1 b=2", {"a": "[1 b=2"}),
    "brackets without a beginning": ("a=1] b=2", {"a": "1] b=2"}),
    "nothing of the kind": ("hello there", {"": "hello there"}),
    "nothing": ("", {}),
    "space around": (" a=1 ", {"a": "1"}),
}


@pytest.mark.parametrize(("text", "fields"), READ.values(), ids=READ)
def test_fields_are_read_whole(text: str, fields: dict[str, str]) -> None:
    assert set_fields(text, is_new=False) == fields


UNSET = "a=None b=[] c={} d='' e=\"\" f=set() g=()"
ZERO = "spend=0 max_budget=0.0 blocked=False key_type=<KeyType.DEFAULT: 'default'>"


def test_what_is_empty_was_not_set() -> None:
    assert set_fields(UNSET, is_new=False) == {}


def test_zero_and_false_were_set_by_a_change_and_not_by_a_creation() -> None:
    assert set_fields(ZERO, is_new=True) == {}
    assert set_fields(ZERO, is_new=False) == {"spend": "0", "max_budget": "0.0", "blocked": "False", "key_type": "default"}


def test_a_name_like_a_default_was_set() -> None:
    assert set_fields("key_alias='default' team_alias='0'", is_new=True) == {"key_alias": "default", "team_alias": "0"}


MASKED = {
    "a key": (f"key='{SECRET}'", {"key": "wor…omer"}),
    "a short key": ("key='sk-short'", {"key": "sk-…"}),
    "keys": (f"keys=['{SECRET}', 'another-secret-of-words']", {"keys": "wor…omer, ano…ords"}),
    "a token": (f"token='{SECRET}'", {"token": "wor…omer"}),
    "a password, of which nothing stays": (f"password='{SECRET}'", {"password": "…"}),
    "a password in an object": (f"a={{'ADMIN_PASSWORD': '{SECRET}'}}", {"a": "{'ADMIN_PASSWORD': '…'}"}),
    "a name that ends like one": (f"callback_secret='{SECRET}'", {"callback_secret": "wor…omer"}),
    "a secret in an object": (
        f"config={{'api_key': '{SECRET}', 'note': 'x'}}",
        {"config": "{'api_key': 'wor…omer', 'note': 'x'}"},
    ),
    "a secret deep in an object": (f"a={{'b': [{{'TOKEN': '{SECRET}'}}]}}", {"a": "{'b': [{'TOKEN': 'wor…omer'}]}"}),
    "secrets in an object": (
        f"a={{'tokens': ['{SECRET}', '{SECRET}'], 'n': 1}}",
        {"a": "{'tokens': ['wor…omer', 'wor…omer'], 'n': 1}"},
    ),
    "a secret in a model": (f"a=Params(api_key='{SECRET}', x=1)", {"a": "Params(api_key='wor…omer', x=1)"}),
    "a secret in other quotes": (f'a={{"api_key": "{SECRET}"}}', {"a": "{\"api_key\": 'wor…omer'}"}),
    "a secret without an end": (f"key='{SECRET}", {"key": "wor…omer"}),
}


@pytest.mark.parametrize(("text", "fields"), MASKED.values(), ids=MASKED)
def test_a_secret_is_masked_by_its_name(text: str, fields: dict[str, str]) -> None:
    assert set_fields(text, is_new=False) == fields


@pytest.mark.parametrize("text", ["key_alias='search'", "max_tokens=5", "token_count={'x': 'y'}", "auto_create_key=True"])
def test_what_is_only_called_after_a_key_stays(text: str) -> None:
    (value,) = set_fields(text, is_new=False).values()
    assert value in text


texts = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1).filter(
    lambda text: text.isprintable()
)


class Request(BaseModel):
    """What a gateway would print."""

    first: str
    number: float = 1.5
    second: str = ""
    nothing: str | None = None
    key: str | None = None


@settings(deadline=None)
@given(first=texts, second=texts)
def test_what_pydantic_prints_is_read_back(first: str, second: str) -> None:
    printed = str(Request(first=first, second=second))
    assert set_fields(printed, is_new=False) == {"first": first, "number": "1.5", "second": second}


@settings(deadline=None)
@given(text=st.text(alphabet="ab=' \"\\[](){}<>,:.key", max_size=60))
def test_a_secret_is_masked_whatever_stands_before_it(text: str) -> None:
    fields = set_fields(str(Request(first=text, key=SECRET)), is_new=False)
    assert not [value for value in fields.values() if SECRET in value]


HOSTILE = (
    "a",
    "a=",
    "a='",
    "'",
    "\\'",
    "'\\",
    '"',
    "[",
    "](",
    "a=[",
    " ",
    "a= ",
    "<A: '",
    "'key': '",
    "key",
    "key=['a', ",
    "a(",
    "_",
    "a_key_",
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_text_takes_no_time_to_speak_of(unit: str) -> None:
    for text in (
        unit * (300_000 // len(unit)),
        "key='" + unit * (300_000 // len(unit)),
        "a=[" + unit * (300_000 // len(unit)) + "\\",
    ):
        began = time.process_time()
        set_fields(text, is_new=True)
        assert time.process_time() - began < 2
