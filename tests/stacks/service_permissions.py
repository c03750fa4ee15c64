"""What each half of each service may do in a stack, by mode; `python -m tests.stacks.service_permissions` writes it.

The listings are what a reviewer reads: a right more or less shows as a changed line of `permissions/`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.service import ZipArtifact
from stacks import deploy as deploying
from stacks.catalog import read_catalog
from stacks.load import resolve
from tests.components.conftest import Recording, record

ROOT = Path(__file__).resolve().parents[2]
LISTINGS = Path(__file__).with_name("permissions")
SERVICES = ("contracts", "netprobe", "rewriter", "users")
MODES: Mapping[str, Mapping[str, object]] = {
    "lambda": {"mode": "serverless"},
    "fargate": {"mode": "container"},
    "eks": {
        "mode": "container",
        "container": {"compute": "eks", "kubernetes": {"admins": ["arn:aws:iam::123456789012:role/ci"]}},
    },
}
_SETTINGS: Mapping[str, object] = {
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:" + "ab" * 32,
    "network": {"nat": "single"},
    "services": {name: {} for name in SERVICES},
    "customerKey": True,
}
# What the recording engine ends every name with.
_SUFFIX = "-1a2b3c4"
_PLACE = "us-east-1:123456789012:"


@dataclass(frozen=True)
class Right:
    """One statement of a role's policies."""

    role: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]]

    def __str__(self) -> str:
        where = ", ".join(resource.replace(_SUFFIX, "").replace(_PLACE, "") for resource in self.resources)
        tests = [f"{key} {test} {value}" for test, keys in self.condition.items() for key, value in keys.items()]
        return f"{', '.join(self.actions)} on {where}{' if ' if tests else ''}{' and '.join(tests)}"


@functools.cache
def rights(mode: str) -> tuple[Right, ...]:
    """Return what the roles of all services may do in a stack that has all of them in one mode."""
    found: list[Right] = []
    for resource in _deployed(mode).all("aws:iam/rolePolicy:RolePolicy"):
        if not resource.name.startswith(tuple(f"dev-{name}" for name in SERVICES)):
            continue
        for one in json.loads(resource.inputs["policy"])["Statement"]:
            assert one["Effect"] == "Allow"
            assert {"NotAction", "NotResource"} & one.keys() == set()
            right = Right(resource.name, tuple(one["Action"]), tuple(one["Resource"]), one.get("Condition", {}))
            found.append(right)
    return tuple(found)


def managed(mode: str) -> list[str]:
    """Return the policies of AWS's own that roles of services have."""
    attached = _deployed(mode).all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    return [one.name for one in attached if one.name.startswith(tuple(f"dev-{name}" for name in SERVICES))]


def listing(mode: str) -> str:
    """Return all of them for people, by role."""
    by_role: dict[str, list[str]] = {}
    for right in rights(mode):
        by_role.setdefault(right.role, []).append(str(right))
    return "\n".join(
        f"{role}\n{''.join(f'  {line}{chr(10)}' for line in sorted(set(lines)))}"
        for role, lines in sorted(by_role.items())
    )


@functools.cache
def _deployed(mode: str) -> Recording:
    config = {
        "aws:region": "us-east-1",
        **{f"modeshift:{key}": said for key, said in {**_SETTINGS, **MODES[mode]}.items()},
    }
    resolved = resolve("dev", config, catalog=read_catalog(ROOT))
    package = ZipArtifact(path=__file__, sha256="c2hhMjU2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploying, "bundle", lambda root, architecture, commit=None: package)
        return record(lambda: deploying.deploy(resolved, ROOT))


if __name__ == "__main__":
    for name in MODES:
        (LISTINGS / f"{name}.txt").write_text(listing(name))
