"""An object that LiteLLM printed into an alert (``key_alias='new' models=[] key='sk-…'``) → its fields that were set. Pure.

In: a pydantic model as ``str`` writes it. Out: names and values as a person reads them, each whole. Secrets are masked by the
name that they stand under, whatever they look like, at any depth; the shapes that :mod:`gateway_alerts.masking` knows are left to
whoever shows the values. Lost is what was not set: None, what is empty, and of a new object what is zero, false or the default.
Any text is read once, in linear time.
"""

import re
from collections.abc import Iterator

from gateway_alerts.masking import mask

#: A text as ``repr`` writes it. One without an end goes on to the end of all, so that nothing is read twice.
_STRING = r"""(?:'(?:[^'\\]|\\.?)*+(?:'|\Z)|"(?:[^"\\]|\\.?)*+(?:"|\Z))"""
_STRINGS = re.compile(_STRING, re.DOTALL)
_PARTS = re.compile(rf"{_STRING}|[\[({{]|[\])}}]| |[^'\"\[\](){{}} ]+", re.DOTALL)
_NAME = re.compile(r"([a-z_]{1,80})=")
#: ``namespace(a=1)``, where the object is no model.
_WRAPPED = re.compile(r"\w{1,40}\((.*)\)", re.DOTALL)
_ENUM = re.compile(r"<[\w.]{1,80}: '([^']*)'>")

_UNSET = ("None", "[]", "{}", "()", "set()", "''", '""')
_UNSET_WHEN_NEW = ("0", "0.0", "False")

_MASKED_NAME = r"(?:key|token|secret|password|credential)s?"
_IS_MASKED = re.compile(rf"(?:\w{{0,60}}_)?{_MASKED_NAME}")
#: ``'api_key': '…'`` or ``tokens=['…', '…']`` within a value.
_MASKED_WITHIN = re.compile(
    rf"(?<!\w)(\w{{0,60}}{_MASKED_NAME})(['\"]?(?:: |=))(\[(?:{_STRING}(?:, )?)*+|{_STRING})", re.DOTALL | re.IGNORECASE
)


def set_fields(text: str, *, is_new: bool) -> dict[str, str]:
    """The fields that were set, in the order of the text.

    Args:
        text: the object as it was printed.
        is_new: the object was created, so that zero, false and the default are only what nobody set.
    """
    wrapped = _WRAPPED.fullmatch(text)
    return {name: _readable(name, raw) for name, raw in _assignments(wrapped[1] if wrapped else text) if _is_set(raw, is_new)}


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """``a='x y' b=[1, 2]`` → names, and values as they are written."""
    name, parts, depth, is_start = "", list[str](), 0, True
    for part in _PARTS.findall(text):
        begun = _NAME.match(part) if is_start and depth == 0 else None
        if begun is not None:
            yield name, "".join(parts).strip()
            name, parts = begun[1], [part[begun.end() :]]
        else:
            parts.append(part)
        depth += (part in "[({") - (part in "])}")
        is_start = part == " "
    yield name, "".join(parts).strip()


def _is_set(raw: str, is_new: bool) -> bool:
    if raw == "" or raw in _UNSET:
        return False
    enum = _ENUM.fullmatch(raw)
    return not (is_new and (raw in _UNSET_WHEN_NEW or (enum is not None and enum[1] == "default")))


def _readable(name: str, raw: str) -> str:
    enum = _ENUM.fullmatch(raw)
    if enum is not None:
        return enum[1]
    if _IS_MASKED.fullmatch(name):
        raw = _with_strings_masked(raw, name)
    else:
        raw = _MASKED_WITHIN.sub(lambda found: found[1] + found[2] + _with_strings_masked(found[3], found[1]), raw)
    strings = _STRINGS.findall(raw)
    is_text = len(strings) == 1 and strings[0] == raw
    is_list_of_texts = raw.startswith("[") and not _STRINGS.sub("", raw).strip("[], ")
    return ", ".join(map(_unquoted, strings)) if is_text or is_list_of_texts else raw


def _with_strings_masked(raw: str, name: str) -> str:
    """Of a password, which a person may use elsewhere too, nothing stays."""
    is_password = "password" in name.lower()
    return _STRINGS.sub(lambda string: "'…'" if is_password else f"'{mask(_unquoted(string[0]))}'", raw)


def _unquoted(string: str) -> str:
    return string[1:].removesuffix(string[0]).replace("\\'", "'").replace("\\\\", "\\")
