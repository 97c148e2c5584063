"""The README's table of alert types is the registry, and every type in it has a sample."""

import re
from pathlib import Path

import pytest

from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, SLACK_MESSAGE
from tools.readme import COLUMNS, README, samples_of, table, with_table


def test_the_readmes_table_is_the_registry() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_table(readme) == readme, "the table is stale: make readme"


def test_every_alert_type_has_a_row_of_all_columns() -> None:
    head, rule, *rows = (line.split("|")[1:-1] for line in table().splitlines())
    assert {len(cells) for cells in (head, rule, *rows)} == {len(COLUMNS)}
    assert [re.findall(r"`(\w+)`", row[0])[0] for row in rows] == list(ALERT_TYPES)


@pytest.mark.parametrize("name", sorted(ALERT_TYPES.keys() - {BUDGET_ALERTS, SLACK_MESSAGE}))
def test_every_alert_type_has_a_sample(name: str) -> None:
    assert samples_of(name)


def test_every_link_of_the_table_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", table())
    assert len(links) >= len(ALERT_TYPES) - 1
    assert [link for link in links if not (README.parent / link).exists()] == []
    assert all(not Path(link).is_absolute() for link in links)
