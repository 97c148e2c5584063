"""The README's table of settings names every setting of the configuration, and no other, with its default."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from gateway_alerts.config import Config, parse_config

README = Path("README.md")


def section() -> str:
    """The README from ``## Configuration`` to the next heading of its kind."""
    return README.read_text(encoding="utf-8").partition("\n## Configuration\n")[2].partition("\n## ")[0]


def rows() -> dict[str, str]:
    """The table: the name of a setting → its default, as they stand there."""
    cells = (line.split("|")[1:-1] for line in section().splitlines() if re.match(r"\| `[a-z_]", line))
    return {name.strip(" `"): default.strip(" `") for name, *_, default in cells}


def settings(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, str]]:
    """Every setting of a model → its default. What stands in a mapping has NAME or TYPE before it."""
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        yield f"{place}{name}", "" if field.is_required() or inner else written(field.default)
        if inner:
            key = (
                {"alert_type_config": "TYPE.", "destinations": "NAME."}.get(name, "")
                if get_origin(field.annotation) is dict
                else ""
            )
            yield from settings(inner, f"{place}{name}.{key}")


def inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := inner_model(argument))), None)


def written(default: Any) -> str:
    """A default as a person writes it; nothing where there is none."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float | Decimal):
        return f"{Decimal(str(default)).normalize():f}"
    if isinstance(default, list):
        return ", ".join(map(str, default))
    return str(default) if default not in (None, {}) else ""


def test_every_setting_is_in_the_table_with_its_default_and_no_other() -> None:
    assert rows() == dict(settings(Config))


def test_the_examples_are_configurations() -> None:
    examples = re.findall(r"```json\n(.+?)```", section(), re.DOTALL)
    assert examples
    assert all(parse_config(example).model_fields_set for example in examples)
