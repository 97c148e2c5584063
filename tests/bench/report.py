"""Rows of the table, and how they are written for a person and for a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


class Goal(NamedTuple):
    """What a row is held to: its ratio to the bound, or (``of`` is ``ours``) its own figure."""

    sense: Literal["<=", ">="]
    value: float
    of: Literal["ratio", "ours"] = "ratio"

    def is_met_by(self, figure: float) -> bool:
        return figure <= self.value if self.sense == "<=" else figure >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.sense == '<=' else '≥'} {self.value:{'.2f' if self.of == 'ratio' else 'g'}}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``note`` stands in place of a figure that could not be taken."""

    group: str
    measure: str
    unit: str
    ours: float | None = None
    bound: float | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.bound if self.ours is not None and self.bound else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without a goal, or without a figure to judge by."""
        figure = self.ours if self.goal is not None and self.goal.of == "ours" else self.ratio
        return None if self.goal is None or figure is None else self.goal.is_met_by(figure)

    def as_json(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "measure": self.measure,
            "unit": self.unit,
            "ours": self.ours,
            "bound": self.bound,
            "ratio": self.ratio,
            "goal": None if self.goal is None else str(self.goal),
            "met": self.is_met,
            "note": self.note,
        }


HEADINGS = ("measure", "ours", "floor or bound", "ratio", "goal", "met")


def table(rows: Sequence[Row]) -> str:
    """The rows as one table of aligned columns, with a line for each group."""
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in [HEADINGS, *cells]) for column in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths), "  ".join("─" * width for width in widths)]
    group = None
    for row, line in zip(rows, cells, strict=True):
        if row.group != group:
            lines += [""] * (group is not None) + [f"[{row.group}]"]
            group = row.group
        lines.append(_line(line, widths))
    judged = [row.is_met for row in rows if row.is_met is not None]
    return "\n".join([*lines, "", f"{sum(judged)} of {len(judged)} goals met."])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.measure,
        row.note if row.ours is None else _figure(row.ours, row.unit),
        "–" if row.bound is None else _figure(row.bound, row.unit),
        "–" if row.ratio is None else f"{row.ratio:.2f}",
        "–" if row.goal is None else str(row.goal),
        {True: "yes", False: "NO", None: "–"}[row.is_met],
    )


def _figure(value: float, unit: str) -> str:
    digits = 0 if value >= 100 or value == int(value) else 2 if value >= 0.1 else 4
    return f"{value:,.{digits}f} {unit}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if column in (0, 5) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest]).rstrip()
