"""How amounts, fractions, times and names are written for a person; and how text from outside is made harmless."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from gateway_alerts.masking import masked

BAR_CELLS = 10
#: An alert that is told later than this after it was raised says so; gathering takes seconds.
LATE = timedelta(minutes=5)
#: A reset further away than this is told by its day.
NEAR = timedelta(days=60)
_HASH = re.compile(r"\b[0-9a-f]{32,}\b")
HASH_CHARACTERS = 12
#: Of an overlong text what is masked lies beyond what is shown too: a mask is shorter than its key.
LOOKED_AT_BEYOND_CHARACTERS = 1_000
#: What is left at the end where a cut went through ``&amp;``.
_HALF_ESCAPE = re.compile(r"&[a-z]*$")
#: What follows the noun in ``user over a threshold`` and ``outage ended``.
_QUALIFIED = re.compile(r"(.+?)( ended| (?:over|with) .+)")
SMALLEST_SHOWN_USD = Decimal("0.000001")
LARGEST_SHOWN_FRACTION = Decimal(10_000)
#: Characters of a name in a message; the middle of a longer one is left out, since names differ at both ends.
MAX_NAME_CHARACTERS = 80


def usd(amount: Decimal) -> str:
    """``$1,234.50``, rounded towards zero: $99.999 is not yet $100. Amounts under a cent with the digits that matter."""
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size == 0:
        return "$0.00"
    if size < SMALLEST_SHOWN_USD:
        return f"under {sign}${SMALLEST_SHOWN_USD:f}"
    places = Decimal("0.01") if size >= Decimal("0.01") else Decimal(1).scaleb(size.adjusted() - 1)
    text = f"{size.quantize(places, ROUND_DOWN):,f}"
    return sign + "$" + (text if places == Decimal("0.01") else text.rstrip("0"))


def percent(fraction: Decimal) -> str:
    """``96 %``, rounded towards zero: 99.97 % of a budget is not yet 100 %. One decimal close below a whole budget."""
    if abs(fraction) > LARGEST_SHOWN_FRACTION:
        return f"{'over ' if fraction > 0 else 'under -'}{LARGEST_SHOWN_FRACTION * 100:,} %"
    places = Decimal("0.1") if Decimal("0.99") < fraction < 1 else Decimal(1)
    return f"{(fraction * 100).quantize(places, ROUND_DOWN) + 0:,} %"


def bar(fraction: Decimal) -> str:
    """Ten cells, each full or empty: parts of a cell leave a gap in most fonts. Full from 100 % on, and not before."""
    filled = int(max(Decimal(0), min(Decimal(1), fraction)) * BAR_CELLS)
    return "█" * filled + "░" * (BAR_CELLS - filled)


def clean(text: str) -> str:
    """Text from outside on one line, without control, direction and other invisible characters, secrets masked."""
    # Masked last: an invisible character would hide a key from the masks, and not from a reader.
    return masked(_visible(text))


def _visible(text: str) -> str:
    text = " ".join(text.split())
    if text.isprintable():  # nearly every name is: nothing invisible in it
        return text
    return " ".join("".join(c for c in text if unicodedata.category(c)[0] != "C").split())


def escape(text: str) -> str:
    """Text for Slack's mrkdwn, in which only ``&``, ``<`` and ``>`` can start something
    (https://docs.slack.dev/messaging/formatting-message-text#escaping).
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, limit: int, *, with_hashes: bool = True) -> str:
    """Text from outside on one line, harmless and escaped, in at most so many characters; what is cut ends with ``…``.

    Without ``with_hashes`` each hash is told by its first digits.
    """
    text = _visible(text)
    looked_at = limit + LOOKED_AT_BEYOND_CHARACTERS
    if len(text) > looked_at:  # no half of a word at the end: it could be half of a key
        text = text[:looked_at].rpartition(" ")[0] or text[:looked_at]
        text += " …"
    text = masked(text)
    return cut(escape(text if with_hashes else _without_hashes(text)), limit)


def shortened_lines(text: str, limit: int) -> list[str]:
    """The same, with its lines kept, in at most so many characters altogether."""
    lines: list[str] = []
    for line in text.splitlines():
        if limit <= 1:
            break
        if shown := shortened(line, limit):
            lines.append(shown)
            limit -= len(shown) + 1
    return lines


def cut(escaped: str, limit: int) -> str:
    """Escaped text in at most so many characters, never through an escape; what is cut ends with ``…``."""
    if len(escaped) <= limit:
        return escaped
    return _HALF_ESCAPE.sub("", escaped[: limit - 1]).rstrip() + "…"


def _without_hashes(text: str) -> str:
    # After masking: a key that is cut looks like none.
    return _HASH.sub(lambda match: f"{match[0][:HASH_CHARACTERS]}…", text)


def shown_name(text: str) -> str:
    """A name or id as it is shown: clean, a hash by its first digits, the middle of an overlong one left out."""
    text = _without_hashes(clean(text))
    if len(text) > MAX_NAME_CHARACTERS:
        half = MAX_NAME_CHARACTERS // 2
        return f"{text[:half]}…{text[-half + 1 :]}"
    return text


def clock(moment: datetime) -> str:
    """``25 Nov 10:25 UTC``."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %H:%M} UTC"


def period(first: datetime, last: datetime) -> str:
    """From when to when: ``25 Nov 10:25 to 10:40 UTC``; ``25 Nov 10:25 UTC`` where it is one minute."""
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    begin, end = clock(first), clock(last)
    if begin == end:
        return begin
    begin = begin.removesuffix(" UTC")
    return f"{begin} to {last:%H:%M} UTC" if first.date() == last.date() else f"{begin} to {end}"


def about(seconds: float) -> str:
    """A duration as exact as it matters: ``0.32 s``, ``48 s``, ``5.2 min``, ``28 h``."""
    if seconds < 0.001:
        return "under 1 ms"
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds >= length * 1.995:
            return f"{_two_digits(seconds / length)} {unit}"
    return f"{_two_digits(seconds)} s"


def _two_digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.2g}"


def day(moment: datetime) -> str:
    """``1 Jan 2030``."""
    return f"{moment.day} {moment:%b %Y}"


def resets(resets_at: datetime, *, now: datetime) -> str:
    """When a budget starts anew: ``resets 1 Dec 00:00 UTC, in 7 days``."""
    resets_at, now = resets_at.astimezone(UTC), now.astimezone(UTC)
    wait = resets_at - now
    if wait < -NEAR:
        return f"was to reset {day(resets_at)}"
    if wait <= timedelta(0):
        return f"was to reset {clock(resets_at)}"
    if (resets_at.hour, resets_at.minute) == (0, 0) and resets_at.date() - now.date() == timedelta(days=1):
        return "resets at midnight UTC"
    if wait > NEAR:
        return f"resets {day(resets_at)}"
    return f"resets {clock(resets_at)}, in {span(wait)}"


def span(wait: timedelta) -> str:
    """A wait in its largest unit, rounded down: ``7 days``, ``1 hour``, ``3 minutes``."""
    seconds = int(wait.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return plural(seconds // length, unit)
    return "under a minute"


def lateness(raised_at: datetime, *, now: datetime) -> list[str]:
    """How long ago an alert was raised, where that is long."""
    wait = now - raised_at
    return [f"raised {span(wait)} ago"] if wait > LATE else []


def plural(count: int, noun: str) -> str:
    """``1 key``, ``2 keys``, ``2 proxies``."""
    return f"{count:,} {noun if count == 1 else nouns(noun)}"


def capitalised(text: str) -> str:
    """With its first letter large, and ``LLM`` left as it is."""
    return text[:1].upper() + text[1:]


def nouns(noun: str) -> str:
    """The plural of a noun: of ``user over a threshold`` that of ``user``."""
    if qualified := _QUALIFIED.fullmatch(noun):
        return nouns(qualified[1]) + qualified[2]
    return f"{noun[:-1]}ies" if re.search(r"[^aeiou]y$", noun) else f"{noun}s"
