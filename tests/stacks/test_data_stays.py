"""No setting, whatever it says, changes what AWS could only change by making the resource anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.stateful import STATEFUL_TYPES
from stacks.block import OF_CODE
from stacks.catalog import read_catalog
from stacks.forms import Form, fields
from stacks.links import LinkSettings
from tests.components.conftest import Recording
from tests.deployments import deploy_shop
from tests.manifests import EVERYTHING, FILES, add_service

SAID = EVERYTHING + FILES
FACTS = Path(__file__).parents[2] / "sandbox/control/facts"
KEPT = STATEFUL_TYPES | {"aws:sqs/queue:Queue", "aws:sns/topic:Topic"}
ALTERED: Mapping[str, Mapping[str, object]] = {
    "postgres": {
        "size": "db.r7g.large",
        "storageGb": 100,
        "maxStorageGb": 1000,
        "multiAz": True,
        "backupDays": 35,
        "monitoring": True,
        "proxy": True,
        "version": "17",
        "database": "other",
        "username": "other",
    },
    "table": {},
    "bucket": {"infrequentDays": 40, "archiveDays": 100, "expireDays": 400, "accessLogDays": 30},
    "secret": {},
    "topic": {"email": ["a@example.com"], "https": ["https://example.com/a"]},
    "cache": {"maxGb": 10, "maxEcpuPerSecond": 50_000, "backupDays": 10},
    "files": {},
}
"""Another value than the default of each setting that a stack file has of a link."""

MOMENTS = {"import", "restores"}
"""Settings that say where data comes from; each makes another resource, and says so in a plan."""

OF_STACK: Mapping[str, object] = {"customerKey": True, "logRetentionDays": 90, "deletionProtection": True, "owner": "x"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Recording]:
    """A stack as it is by default, and the same with every setting changed."""
    root = tmp_path_factory.mktemp("stays")
    add_service(root, SAID)
    names = {link.kind: name for name, link in _links(root).items()}
    links = {names[kind]: dict(said) for kind, said in ALTERED.items()}
    changed = {"links": links, "worker": {"timeout": 30}, "triggers": {"hourly": {"rate": "rate(2 hours)"}}}
    return deploy_shop(root, SAID), deploy_shop(root, SAID, own=changed, settings=OF_STACK)


def _links(root: Path) -> Mapping[str, LinkSettings]:
    catalog = read_catalog(root)
    manifest = None if catalog is None else catalog.manifest("shop")
    assert manifest is not None
    return manifest.links


def test_every_setting_of_every_kind_is_changed_here() -> None:
    kinds = Form(LinkSettings).kinds

    assert ALTERED.keys() == kinds.keys()
    for kind, block in kinds.items():
        of_stacks = {key for key, field in fields(block).items() if OF_CODE not in field.metadata}
        assert of_stacks - MOMENTS == ALTERED[kind].keys(), kind


def test_nothing_that_a_setting_changes_replaces_what_holds_data(recorded: tuple[Recording, Recording]) -> None:
    replacing = {kind: set(facts.get("replace", ())) for kind, facts in all_facts().items()}
    before, after = ({(r.type, r.name): r for r in one if r.type in KEPT} for one in recorded)
    changed: set[str] = set()

    assert before.keys() <= after.keys()
    for key, old in before.items():
        new = after[key]
        differing = {
            name for name in old.inputs.keys() | new.inputs.keys() if old.inputs.get(name) != new.inputs.get(name)
        }
        assert {name.partition(".")[0] for name in replacing[key[0]]} & differing <= set(new.ignore_changes), key
        changed |= {f"{old.type} {name}" for name in differing}
    # What must show, or this test could not fail.
    assert {"aws:rds/instance:Instance instanceClass", "aws:rds/instance:Instance kmsKeyId"} <= changed
    assert {"aws:sqs/queue:Queue visibilityTimeoutSeconds", "aws:s3/bucket:Bucket forceDestroy"} <= changed


def all_facts() -> dict[str, dict[str, Any]]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FACTS.glob("*.yaml"))]
    return {kind: facts for file in files for kind, facts in file.items()}
