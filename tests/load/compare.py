"""``make compare``: the reference's measured failures, side by side with this application.

``python -m tests.load.compare [GROUP …]``; ends with status 1 when a promise of ours is broken.
"""

import argparse
import logging
import os
import platform
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from local.serve import interrupt_on_sigterm
from tests.load.scenarios import GROUPS, Group, Row

HEADINGS = ("", "scenario", "LiteLLM 1.109.1 (published)", "here (this run)", "verdict")
#: Shares of the width for the columns after the first.
SHARES = (0.27, 0.21, 0.35, 0.17)
MIN_WIDTH, MAX_WIDTH = 120, 190


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit status."""
    interrupt_on_sigterm()
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)  # warns of figures for AWS that nobody wants
    parser = argparse.ArgumentParser(prog="python -m tests.load.compare", description="The reference's failures, and ours.")
    parser.add_argument("group", nargs="*", help=f"some of {', '.join(group.name for group in GROUPS)}; all by default")
    wanted = parser.parse_args(arguments).group
    groups = [group for group in GROUPS if not wanted or group.name in wanted]
    started = time.monotonic()
    # The crash waits two minutes for the sweep, so it has a thread of its own beside the others.
    with ThreadPoolExecutor(2) as threads:
        patient = {group.name: threads.submit(_run, group) for group in groups if group.name == "crash"}
        others = threads.submit(lambda: {group.name: _run(group) for group in groups if group.name not in patient})
        rows_of = others.result() | {name: future.result() for name, future in patient.items()}
    rows = [row for group in groups for row in rows_of[group.name]]
    print(table(rows))
    broken = [fault for row in rows for fault in row.faults]
    print(f"\n{remark(time.monotonic() - started)}")
    for fault in broken:
        print(f"BROKEN: {fault}", file=sys.stderr)
    print(f"{len(rows) - sum(bool(row.faults) for row in rows)} of {len(rows)} kept")
    return 1 if broken else 0


def _run(group: Group) -> list[Row]:
    started = time.monotonic()
    rows = group.run()
    print(f"{group.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return rows


def remark(seconds: float) -> str:
    """What the table needs to be read rightly."""
    return (
        "D numbers are those of the project's study of LiteLLM 1.109.1, whose figures were measured there and are quoted.\n"
        "Ours are counted by the sink of this run: real functions in worker processes, emulated SQS and DynamoDB, a batch\n"
        "window of 1 s in place of 10. Alerts that wait are posted together, so a crowd takes few posts. A double counts as\n"
        "explained only when the sink took the message and its answer did not arrive.\n"
        f"{seconds:.0f} s on {os.cpu_count()} cores, Python {platform.python_version()}."
    )


def table(rows: Sequence[Row], *, width: int | None = None) -> str:
    """The rows as a table, wrapped to the terminal."""
    width = width or min(MAX_WIDTH, max(MIN_WIDTH, shutil.get_terminal_size((160, 40)).columns))
    room = width - 5 - 3 * len(SHARES)
    widths = [5, *(int(room * share) for share in SHARES)]
    line = "─┼─".join("─" * column for column in widths)
    parts = [_cells(HEADINGS, widths)]
    for row in rows:
        verdict = "kept" if not row.faults else "BROKEN: " + "; ".join(row.faults)
        cells = (row.defect, row.scenario, row.reference, row.here, f"{verdict}; {row.remark}" if row.remark else verdict)
        parts += [line, _cells(cells, widths)]
    return "\n".join(parts)


def _cells(texts: Sequence[str], widths: Sequence[int]) -> str:
    wrapped = [textwrap.wrap(text, width) or [""] for text, width in zip(texts, widths, strict=True)]
    height = max(map(len, wrapped))
    lines = [
        " │ ".join(cell[at].ljust(width) if at < len(cell) else " " * width for cell, width in zip(wrapped, widths, strict=True))
        for at in range(height)
    ]
    return "\n".join(text.rstrip() for text in lines)


if __name__ == "__main__":
    sys.exit(main())
