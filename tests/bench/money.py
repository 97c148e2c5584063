"""Dollars per million events and write units per alert, as ``make cost`` counts them on an emulator."""

import json
import os
import sys
from collections.abc import Mapping

from tests.bench.cost import HUNDRED_A_REQUEST, ONE_A_REQUEST
from tests.bench.measure import Measured, Suite, run_child
from tests.bench.report import Goal, Row

GOALS_USD = {HUNDRED_A_REQUEST: 0.02, ONE_A_REQUEST: 1.30}


def money_suite() -> Suite:
    """One run of ``make cost`` in a process of its own: its clients lead elsewhere."""

    def rows(_: Mapping[str, Measured]) -> list[Row]:
        done = run_child(
            [sys.executable, "-m", "tests.bench.cost", "--json"], os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        )
        cost = json.loads(done.stdout)
        lines = [
            Row(
                "money",
                f"1,000,000 events, 1,000 new alerts: {name}",
                "USD",
                cost["usd"][name],
                goal=Goal("<=", limit, of="ours"),
            )
            for name, limit in GOALS_USD.items()
        ]
        units = cost["write_units_per_alert"]
        return [*lines, Row("money", "write units of an alert that comes alone", "units", units, goal=Goal("<=", 3, of="ours"))]

    return Suite("money", [], rows)
