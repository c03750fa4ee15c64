"""Deployments of a service that keeps data, on the recording engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from components.service import ZipArtifact
from stacks import deploy as deploying
from stacks.catalog import read_catalog
from stacks.load import resolve
from tests.components.conftest import Recording, record
from tests.manifests import add_service

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:" + "ab" * 32


def deploy_shop(
    root: Path, said: str, stack: str = "dev", own: object = None, settings: Mapping[str, object] | None = None
) -> Recording:
    """Deploy a stack with one service `shop`, by what its manifest and the stack file say; the value is its outputs."""
    add_service(root, said)
    config = {"image": IMAGE, "network": {"nat": "single"}, "services": {"shop": own}, **(settings or {})}
    keys = {"aws:region": "us-east-1", **{f"modeshift:{key}": value for key, value in config.items()}}
    resolved = resolve(stack, keys, catalog=read_catalog(root))
    package = ZipArtifact(path=__file__, sha256="c2hhMjU2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploying, "bundle", lambda root, architecture, commit=None: package)
        return record(lambda: deploying.deploy(resolved, root))
