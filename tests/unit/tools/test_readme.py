from pathlib import Path

import pytest

from tools.readme import BEGIN, END, MarkersMissing, main, samples_of, table, with_table

AROUND = "# Title\n\n{}\n\nThe end.\n"


@pytest.mark.parametrize("between", ["", "\n", "\n| an | old | table |\n"], ids=["nothing", "a line", "an old table"])
def test_what_is_between_the_markers_becomes_the_table_and_the_rest_stays(between: str) -> None:
    assert with_table(AROUND.format(BEGIN + between + END)) == AROUND.format(f"{BEGIN}\n{table()}\n{END}")


def test_writing_it_twice_changes_nothing() -> None:
    once = with_table(BEGIN + END)
    assert with_table(once) == once


MISSING = {
    "no marker": "",
    "no end": BEGIN,
    "no beginning": END,
    "the end before the beginning": END + BEGIN,
    "two beginnings": BEGIN + BEGIN + END,
    "two ends": BEGIN + END + END,
    "two places": 2 * (BEGIN + END),
}


@pytest.mark.parametrize("markers", MISSING.values(), ids=MISSING)
def test_a_readme_without_one_place_for_the_table_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], markers: str
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(AROUND.format(markers))
    with pytest.raises(MarkersMissing):
        with_table(markers)
    assert main(readme) == 1
    assert readme.read_text() == AROUND.format(markers)
    assert BEGIN in capsys.readouterr().err


def test_the_readme_is_rewritten(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(AROUND.format(BEGIN + END))
    assert main(readme) == 0
    assert table() in readme.read_text()


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param("outage_alerts", "http_gateway_alert_outage_alerts.json", id="a type"),
        pytest.param("region_outage_alerts", "http_gateway_alert_region_outage_alerts.json", id="a type that ends in another"),
    ],
)
def test_a_sample_is_found_by_its_whole_name(name: str, sample: str) -> None:
    assert sample in [path.name for path in samples_of(name)]
    assert all(
        path.stem.removesuffix(f"_{name}") in ("http_gateway_alert", "http_slack_text", "schedule") for path in samples_of(name)
    )


def test_an_alert_type_without_a_sample_has_none() -> None:
    assert samples_of("no_such_type") == []
