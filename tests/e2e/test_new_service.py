"""A service comes with one command and goes with its folder: made, tested, deployed in both modes, dropped."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import REPOSITORY, Ran, Workspace

pytestmark = pytest.mark.e2e

NAME = "sos-cast"
FOLDER, TESTS = "app/services/sos_cast", "tests/app/sos_cast"


@pytest.fixture
def checkout(workspace: Workspace) -> Workspace:
    """A copy that holds what tests, style and types of a service need."""
    for file in ("pytest.ini", "ruff.toml", "tests/app/conftest.py"):
        (workspace.root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / file, workspace.root / file)
    settings = json.loads((REPOSITORY / "pyrightconfig.json").read_text())
    settings |= {"include": [FOLDER], "venvPath": str(REPOSITORY)}
    (workspace.root / "pyrightconfig.json").write_text(json.dumps(settings))
    return workspace


def tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def up(workspace: Workspace) -> dict[str, Any]:
    ran = workspace.modeshift("up", "--stack", "dev", "--yes", "--skip-preview", "--json")
    assert ran.code == 0, ran
    return ran.document["stacks"][0]["outputs"]


def inputs(workspace: Workspace, token: str, name: str) -> dict[str, Any]:
    resources = workspace.state("dev")["checkpoint"]["latest"]["resources"]
    return next(one["inputs"] for one in resources if one["urn"].endswith(f"{token}::{name}"))


def of_service(workspace: Workspace) -> list[str]:
    return [one["urn"] for one in workspace.account() if f"::dev-{NAME}" in one["urn"]]


def test_a_new_service_is_clean_deployed_in_both_modes_and_dropped_with_its_folder(checkout: Workspace) -> None:
    made = checkout.modeshift("new", NAME, "--json")
    assert made.code == 0, made
    assert all((checkout.root / file).is_file() for file in made.document["files"])
    for command in (
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS],
        [tool("ruff"), "check", "--no-cache", FOLDER, TESTS],
        [tool("ruff"), "format", "--check", "--no-cache", FOLDER, TESTS],
        [tool("basedpyright")],
    ):
        ran = checkout.run(command)
        assert ran.code == 0, ran

    services = {"netprobe": {}, NAME: {}}
    checkout.edit("dev", services=services)
    outputs = up(checkout)
    assert outputs["services"][NAME]["url"] == f"{outputs['url']}/{NAME}"
    function = inputs(checkout, "Function", f"dev-{NAME}")
    assert function["environment"]["variables"]["SERVICES"] == f"{NAME}=/{NAME}"
    assert function["memorySize"] == 512
    assert FOLDER in packaged(checkout)

    checkout.edit("dev", mode="container")
    assert up(checkout)["services"][NAME]["url"] == outputs["services"][NAME]["url"]
    (container,) = json.loads(inputs(checkout, "TaskDefinition", f"dev-{NAME}")["containerDefinitions"])
    assert {"name": "SERVICES", "value": f"{NAME}=/{NAME}"} in container["environment"]
    assert inputs(checkout, "TargetGroup", f"dev-{NAME}")["healthCheck"]["path"] == "/health"

    shutil.rmtree(checkout.root / FOLDER)
    refused(checkout.modeshift("up", "--stack", "dev", "--yes"))
    assert of_service(checkout), "a refusal deletes nothing"

    checkout.edit("dev", services={"netprobe": {}}, mode="serverless")
    assert NAME not in up(checkout)["services"]
    assert of_service(checkout) == []
    assert FOLDER not in packaged(checkout)
    gone = checkout.modeshift("destroy", "--stack", "dev", "--yes")
    assert gone.code == 0, gone
    assert checkout.account() == []


def refused(ran: Ran) -> None:
    assert ran.code == 2, ran
    assert f"modeshift:services.{NAME}" in ran.stderr + ran.stdout
    assert f"{FOLDER}/service.toml does not exist" in ran.stderr + ran.stdout
    assert f"modeshift new {NAME}" in ran.stderr + ran.stdout


def packaged(workspace: Workspace) -> set[str]:
    """Return the folders in the package that netprobe's function runs."""
    code = inputs(workspace, "Function", "dev-netprobe")["code"]
    with zipfile.ZipFile(code["path"]) as package:
        return {str(Path(name).parent) for name in package.namelist()}
