"""What every alert becomes before a destination lays it out: words, in three lengths, and what comes first."""

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple


class Gravity(IntEnum):
    """What comes first in a message."""

    OVER = 0
    CLOSE = 1
    PROJECTED = 2
    SOFT = 3


EMOJI = {Gravity.OVER: "🔴", Gravity.CLOSE: "🟠", Gravity.PROJECTED: "📈", Gravity.SOFT: "🟡"}


class Wording(NamedTuple):
    """One alert in words, everything from outside escaped. Lower ``order`` comes first.

    ``line`` stands under the heading ``group``, ``lone_line`` under none; ``plain`` says the same without layout.
    """

    gravity: Gravity
    order: tuple[int, Decimal, str]
    group: str
    full: str
    line: str
    lone_line: str
    plain: str
