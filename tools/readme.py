"""Writes the README's table of alert types from the registry and the samples, between its two markers.

``make readme`` does it; ``tests/contract/test_readme_alert_types.py`` fails while the table is not what this would write.
Nothing else of the README is touched, and a README without the markers is left as it is.
"""

import sys
from pathlib import Path

from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, AlertType

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SAMPLES = Path("events/evaluate")
BEGIN, END = "<!-- alert types -->", "<!-- /alert types -->"
COLUMNS = ("alert type", "ways in", "raised when", "on by default", "level", "once per", "sample")
#: A sample is called by what it is, then by its alert type.
PREFIXES = ("http_gateway_alert_", "http_slack_text_", "schedule_")
#: Budgets have a sample for each kind of budget, not one of their own.
BUDGET_SAMPLES = f"[http_budget_event_…]({SAMPLES})"


class MarkersMissing(Exception):
    """The README has no place for the table, or more than one."""


def main(readme: Path = README) -> int:
    """Rewrite the table; returns the exit code."""
    try:
        readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
    except MarkersMissing as error:
        print(f"readme: {error}", file=sys.stderr)
        return 1
    return 0


def table() -> str:
    """The table in Markdown: a row for each alert type, in the registry's order."""
    head, *rows = (f"| {' | '.join(cells)} |" for cells in (COLUMNS, *map(_cells, ALERT_TYPES.values())))
    return "\n".join((head, f"|{'---|' * len(COLUMNS)}", *rows))


def with_table(readme: str) -> str:
    """The README with the table as it is now. Raises MarkersMissing."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise MarkersMissing(f"it needs {BEGIN} and {END}, in this order and once each")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def samples_of(name: str) -> list[Path]:
    """The samples of an alert type, by their names; relative to the repository."""
    return [path for prefix in PREFIXES if (ROOT / (path := SAMPLES / f"{prefix}{name}.json")).exists()]


def _cells(row: AlertType) -> tuple[str, ...]:
    samples = [f"[{path.name.partition(f'_{row.name}')[0]}]({path})" for path in samples_of(row.name)]
    return (
        f"{row.emoji} `{row.name}`",
        ", ".join(row.ways_in),
        row.raised_when,
        "yes" if row.is_on else "no",
        row.level,
        row.once_per,
        BUDGET_SAMPLES if row.name == BUDGET_ALERTS else ", ".join(samples),
    )


if __name__ == "__main__":
    sys.exit(main())
