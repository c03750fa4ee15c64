"""The README says of the values what the schema says, and of the rest what is so."""

from __future__ import annotations

import re

import pytest

from automation.chart_reference import README, page
from tests.charts.chart import CHART, SCHEMA, objects, text

TEXT = README.read_text(encoding="utf-8")


def test_the_table_is_up_to_date() -> None:
    assert page() == TEXT, "run: python -m automation.chart_reference"


def test_the_table_has_every_key() -> None:
    table = TEXT.partition("## Values\n")[2]
    assert [key for key in SCHEMA["properties"] if f"| `{key}` |" not in table] == []
    assert "| `networkPolicy.egress.NAME.cidrs` | none | list |" in table
    assert "| `image.digest` | needed | text |" in table
    assert "| `preStopSeconds` | `10` | 0 to 120 |" in table


def test_every_default_is_a_value_of_the_schema() -> None:
    # A key that values.yaml has and the schema has not would keep the chart from ever being installed.
    assert objects()


@pytest.mark.parametrize(
    "check",
    sorted(
        set(
            re.findall(
                r"CKV\w+(?==)",
                "".join(path.read_text(encoding="utf-8") for path in CHART.glob("templates/**/*") if path.is_file()),
            )
        )
    ),
)
def test_every_exception_is_in_the_readme(check: str) -> None:
    assert f"`{check}`" in TEXT


def test_the_example_of_the_readme_is_taken() -> None:
    import yaml  # noqa: PLC0415

    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert "probe-to-internet" in text(yaml.safe_load(example))
