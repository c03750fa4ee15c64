"""The page and the command show the rules that there are."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from typer.testing import CliRunner

from automation.cli import app
from policy.catalogue import RULES, table
from policy.suppressions import FILE, Suppression, load

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policies.md").read_text()


def test_the_page_has_the_table_of_rules() -> None:
    assert table() in PAGE, "run python -m policy.catalogue"
    assert table().count("\n| MS-") == len(RULES)


def test_the_page_names_every_exception_and_its_example_is_one() -> None:
    assert {one.rule for one in load(FILE, rules=RULES)} == {
        rule.id for rule in RULES if f"\n| {rule.id} | " in PAGE.partition("## Where we differ")[0]
    }
    example = PAGE.partition("```yaml\n")[2].partition("```")[0]
    assert [Suppression.model_validate(one) for one in yaml.safe_load(example)]


def test_the_command_lists_every_rule() -> None:
    shown = CliRunner().invoke(app, ["policies"], env={"COLUMNS": "160"})
    listed = json.loads(CliRunner().invoke(app, ["policies", "--json"]).stdout)

    assert shown.exit_code == 0
    assert [rule.id for rule in RULES if rule.id not in shown.stdout] == []
    assert [one["id"] for one in listed] == [rule.id for rule in RULES]
    assert all(one["remedy"] and one["types"] for one in listed)
