"""How figures are written in what is made here for a person: reports, and facts of alerts. Pure."""

from decimal import ROUND_HALF_UP, Decimal

#: Characters of a name in a report: as many rows as a report has must fit into one item of the outbox.
MAX_NAME_CHARACTERS = 120
_CENT = Decimal("0.01")


def usd(amount: Decimal) -> str:
    """``$1,234.50``; amounts under a cent with two digits that matter: ``$0.0042``. No sum is shown as nothing."""
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size == 0 or size >= _CENT:
        return f"{sign}${size.quantize(_CENT, ROUND_HALF_UP):,f}"
    places = Decimal(1).scaleb(size.adjusted() - 1)
    return f"{sign}${size.quantize(places, ROUND_HALF_UP).normalize():f}"


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    """``38 %``, below ten with one decimal: ``0.3 %``. What is not nothing is not shown as nothing, nor as all."""
    if whole == 0:
        return "0 %"
    share = Decimal(part) / Decimal(whole) * 100
    shown = share.quantize(Decimal(1) if abs(share) >= 10 else Decimal("0.1"), ROUND_HALF_UP)
    if shown == 0 and share > 0:
        return "under 0.1 %"
    if shown == 100 and share < 100:
        return "over 99 %"
    return f"{shown:,f} %".replace(".0 %", " %")


def millis(seconds: float) -> str:
    """A short duration: ``4.1 ms``, ``41 ms``, ``1.2 s``."""
    if seconds >= 1:
        return f"{seconds:,.1f} s"
    return f"{seconds * 1_000:.1f} ms" if seconds < 0.01 else f"{seconds * 1_000:.0f} ms"


def plural(count: int, noun: str) -> str:
    """``1 request``, ``2 requests``, ``1,234 requests``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def short(name: str) -> str:
    """A name as a report shows it: the middle of an overlong one is left out, since names differ at both ends."""
    if len(name) <= MAX_NAME_CHARACTERS:
        return name
    half = MAX_NAME_CHARACTERS // 2
    return f"{name[:half]}…{name[-half + 1 :]}"
