"""A restore is a line of a stack file more: it means what it says, and all other lines stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from automation.shift.file import with_restore
from stacks.catalog import read_catalog
from stacks.links import PostgresSettings
from stacks.load import resolve

ROOT = Path(__file__).resolve().parents[3]
AT = "2026-11-21T10:00:00Z"

ALONE = """\
config:
  modeshift:services:
    users: # ours
      route: /
"""
NOTHING_SAID = """\
config:
  modeshift:services: {users: {route: /}, netprobe: {route: /probe}}
"""
IN_BLOCKS = """\
# Production of users.
config:
  modeshift:network: {nat: single}
  modeshift:services:
    users:
      route: /
      links:
        database:
          size: db.t4g.small   # enough
          restores:
            - name: r1         # the mistake of Tuesday
              at: "2026-11-20T10:00:00Z"
          backupDays: 14
    netprobe:
      route: /probe
"""
IN_A_LINE = """\
config:
  modeshift:services:
    users:
      route: /
      links: {database: {restores: [{name: r1, at: "2026-11-20T10:00:00Z"}], backupDays: 14}}
"""


def settings(text: str) -> PostgresSettings:
    config = yaml.safe_load(text)["config"]
    said = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    given = {"aws:region": "us-east-1", "modeshift:network": '{"nat": "single"}', **said}
    resolved = resolve("dev", given, catalog=read_catalog(ROOT))
    found = resolved.settings.services["users"].links["database"]
    assert isinstance(found, PostgresSettings)
    return found


@pytest.mark.parametrize("before", [ALONE, NOTHING_SAID, IN_BLOCKS, IN_A_LINE])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_file_says_one_restore_more(before: str, ends: str) -> None:
    earlier = settings(before)
    resolved = resolve("dev", {"aws:region": "us-east-1"}).settings

    after = with_restore(before.replace("\n", ends), resolved, ("users", "database"), "r2", AT)

    now = settings(after)
    assert [(one.name, one.at) for one in now.restores] == [
        *((one.name, one.at) for one in earlier.restores),
        ("r2", AT),
    ]
    assert now.model_dump(exclude={"restores"}) == earlier.model_dump(exclude={"restores"})
    assert after.count(ends) == after.count("\n")


def test_other_lines_and_what_is_remarked_on_them_stay() -> None:
    resolved = resolve("dev", {"aws:region": "us-east-1"}).settings
    after = with_restore(IN_BLOCKS, resolved, ("users", "database"), "r2", AT).splitlines()

    assert [line for line in IN_BLOCKS.splitlines() if line not in after] == []
    [added] = [line for line in after if line not in IN_BLOCKS.splitlines()]
    assert added.strip() == f'- {{name: r2, at: "{AT}"}}'
