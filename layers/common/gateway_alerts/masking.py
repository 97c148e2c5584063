"""Secrets that a gateway put where a name belongs → what is left of them to recognise them by. Pure, in linear time.

Masked are API keys (``sk-…`` of every vendor, Groq's, Google's), bearer tokens, JSON web tokens, Slack's webhook URLs
and tokens, AWS access keys and passwords in URLs. Of a long one the first three and the last four characters stay, as
in LiteLLM's own ``sk-...WXYZ``; of a short one the first three.

A name stays whole: ``sk-`` begins a key only when what follows is not made of words (``sk-learn-team`` is a name,
``sk-1234`` is the key of every LiteLLM tutorial). Each pattern begins at a place where no other match of it can have
begun, so that no text is read more than a few times.
"""

import re
from collections.abc import Callable
from functools import cache

KEPT_AT_START, KEPT_AT_END = 3, 4
#: Of a shorter secret the last characters would be too much of it.
LONG_CHARACTERS = 20

#: Without one of these there is nothing to mask; nearly every name ends here.
_MARKS = ("sk-", "sk_", "AIza", "earer", "EARER", "eyJ", "hooks.slack", "xox", "AKIA", "ASIA", "://")
#: An AWS secret access key has this many characters, and no mark.
_AWS_SECRET_CHARACTERS = 40
#: How far before it a link is looked for that it would be part of.
_PATH_CHARACTERS = 200
_END_OF_PATH = re.compile(r"[\s?#|<>\"'`,;=]")

#: A part of a name between hyphens: ``search``, ``Research``, ``prodSearch``, ``EMEA``, ``v2``, ``2026``.
_WORD = re.compile(r"(?:[A-Z]?[a-z]{3,}){1,2}[0-9]*|[A-Za-z]?[a-z]*[0-9]*|[A-Z]+[0-9]*")
#: Characters in parts that are no words from which on it is a key; fewer tell nothing: ``k8s``, ``v2b``.
_TELLING_CHARACTERS = 6
_PLAIN_WORD = re.compile(r"[A-Z]?[a-z]{1,15}")


def masked(text: str) -> str:
    """The text with every secret in it masked; a text without one is returned as it is. Masking twice changes nothing."""
    if len(text) < _AWS_SECRET_CHARACTERS and not any(mark in text for mark in _MARKS):
        return text
    for pattern, replacement in _rules():
        text = pattern.sub(replacement, text)
    return text


def mask(secret: str) -> str:
    """What is shown of a secret."""
    end = secret[-KEPT_AT_END:] if len(secret) >= LONG_CHARACTERS else ""
    return f"{secret[:KEPT_AT_START]}…{end}"


def _whole(match: re.Match[str]) -> str:
    return mask(match[0])


def _vendor_key(match: re.Match[str]) -> str:
    return mask(match[0]) if _is_key(match[1]) else match[0]


def _is_key(body: str) -> bool:
    """Whether what follows ``sk-`` is a key rather than a name."""
    if body.isdecimal():
        return len(body) >= 4
    return sum(len(part) for part in re.split(r"[-_]", body) if not _is_word(part)) >= _TELLING_CHARACTERS


def _is_word(part: str) -> bool:
    return len(part) < LONG_CHARACTERS and _WORD.fullmatch(part) is not None


def _bearer(match: re.Match[str]) -> str:
    return match[0] if _PLAIN_WORD.fullmatch(match[2]) else f"{match[1]}{mask(match[2])}"


def _after_the_start(match: re.Match[str]) -> str:
    """The first group, and of the second only the end of a long one."""
    end = match[2][-KEPT_AT_END:] if len(match[2]) >= LONG_CHARACTERS else ""
    return f"{match[1]}…{end}"


def _aws_secret(match: re.Match[str]) -> str:
    kinds = (str.isupper, str.islower, str.isdigit)
    is_random = all(any(map(kind, match[0])) for kind in kinds)
    return mask(match[0]) if is_random and not _is_path_of_link(match) else match[0]


def _is_path_of_link(match: re.Match[str]) -> bool:
    """Whether ``https://grafana.example/d/…`` has such a run by chance: masked, the link would lead nowhere."""
    scheme = match.string.rfind("://", max(0, match.start() - _PATH_CHARACTERS), match.start() + 2)
    return scheme >= 0 and _END_OF_PATH.search(match.string, scheme + 3, match.start()) is None


@cache
def _rules() -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]:
    """Patterns and what stands in their place. Compiled for the first text that may hold a secret: most names hold none."""
    return (
        # scheme://user:password@host: the password goes to the last @ before the path.
        (re.compile(r"(://[^\s/:@…]*:)([^\s/…]+)(?=@)"), lambda match: f"{match[1]}…"),
        (re.compile(r"(hooks\.slack(?:-gov)?\.com/)([^\s…]+)", re.IGNORECASE), _after_the_start),
        (re.compile(r"\b(bearer[\s:=]{1,8})([\w.~+/=-]{8,})", re.IGNORECASE), _bearer),
        (re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), _whole),
        (re.compile(r"(?<![A-Za-z0-9])sk-([A-Za-z0-9_-]+)"), _vendor_key),
        (re.compile(r"(?<![A-Za-z0-9])(?:gsk_|sk_(?:live|test)_|AIza)[A-Za-z0-9_-]{16,}"), _whole),
        (re.compile(r"(?<![A-Za-z0-9])xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}"), _whole),
        (re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"), _whole),
        (re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"), _aws_secret),
    )
