"""Moves between computes by hand: edit the stack file, `up`, step by step, there and back.

Each step's plan is held to what a person is promised: the base is not touched, a change of shares is one rule changed
in place, the URL stays, nothing is left over, and where a move begins and ends a second `up` has nothing to do. An
older file is refused.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from rich.console import Console

from automation import operations
from automation.cloud import Cloud, Session, ensure_stack, open_session
from automation.plan import Change, Op, Plan
from automation.project import Project
from automation.toolchain import pulumi_binary
from tests.e2e.conftest import Workspace

STACK = "dev"
IMAGE = "registry.example.com/app@sha256:" + "1" * 64
MODES = {"lambda": "serverless", "fargate": "container", "eks": "container"}

Moves = Mapping[str, tuple[str, str]]
ALONE: Moves = {"netprobe": ("lambda", "fargate")}
# There and back, these are all six moves between three computes.
ALL: Moves = {"netprobe": ("lambda", "fargate"), "users": ("fargate", "eks"), "reports": ("eks", "lambda")}
CONTAINER = {"kubernetes": {"admins": ["arn:aws:iam::123456789012:role/deploy"]}}

# What outlives any mode, whatever runs. What containers need of an HTTP API's front door comes and goes with them.
BASE = ("components:Network", "components:CustomerKey", "components:HttpApi", "::dev-front-door-access")
# What a function alone has at an HTTP API, where all else has the link.
DIRECT = ("Integration {}-lambda", "Permission {}")


@pytest.fixture
def walk(workspace: Workspace) -> Iterator[Walk]:
    """A stack that is taken through one file after the other, the engine's providers kept running between them."""
    project = Project(workspace.root, workspace.root / ".modeshift")
    workspace.edit(STACK, image=IMAGE, customerKey=True, network={"nat": "single"}, container=CONTAINER)
    ensure_stack(project, STACK, Cloud.SANDBOX)
    with open_session(project, STACK, Cloud.SANDBOX, runs=False) as session:
        yield Walk(workspace, project, session)


class Walk:
    """The steps of one stack."""

    def __init__(self, workspace: Workspace, project: Project, session: Session) -> None:
        self.workspace = workspace
        self._project = project
        self._session = session
        self._console = Console(quiet=True)

    def write(self, front_door: str, services: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the stack file."""
        routes = {name: {"route": "/" if name == "netprobe" else f"/{name}", **said} for name, said in services.items()}
        self.workspace.edit(STACK, frontDoor=front_door, services=routes)
        ensure_stack(self._project, STACK, Cloud.SANDBOX)

    def up(self) -> Plan:
        """Bring up; return what was done."""
        done = operations.up(self._session, self._console)
        assert done.ok, [error.message for error in done.plan.errors()]
        return done.plan

    def settled(self) -> Plan:
        """Bring up; return what was done, after which there is nothing to do."""
        plan = self.up()
        assert operations.up(self._session, self._console).plan.changed() == []
        return plan

    def refused(self) -> str:
        """Preview what must not be; return what is said."""
        result = operations.preview(self._session, self._console)
        assert not result.ok
        assert result.plan.changed() == []
        return "\n".join(error.message for error in result.plan.errors())

    def kept(self) -> tuple[list[str], list[str]]:
        """Return what the account and the stack's state hold."""
        resources = self.workspace.state(STACK)["checkpoint"]["latest"]["resources"]
        return sorted(each["type"] for each in self.workspace.account()), sorted(each["urn"] for each in resources)


def alone(compute: str) -> dict[str, Any]:
    """Return what a stack file says of a service on one compute."""
    return {"mode": MODES[compute], "compute": compute}


def shared(step: int, own: str, **weights: int) -> dict[str, Any]:
    """Return what it says of one that is on its way."""
    return {**alone(own), "shift": {"step": step, "weights": weights}}


def made(plan: Plan, op: Op) -> list[str]:
    return sorted(short(change) for change in plan.changed() if change.op is op)


def short(change: Change) -> str:
    return f"{change.type.rpartition(':')[2]} {change.name}"


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("front_door", "moves"),
    [
        pytest.param("http-api", ALONE, id="http-api with the first and the last container"),
        pytest.param("http-api", ALL, id="http-api"),
        pytest.param("alb", ALL, id="alb"),
    ],
)
def test_shifts_go_there_and_back(walk: Walk, front_door: str, moves: Moves) -> None:
    walk.workspace.offer(*(name for name in moves if name != "netprobe"))
    walk.write(front_door, {name: alone(old) for name, (old, _) in moves.items()})
    url, before = walk.settled().outputs_after["url"], walk.kept()
    back = {name: (new, old) for name, (old, new) in moves.items()}
    for there in (moves, back):
        move(walk, front_door, there, url)
    assert walk.kept() == before


def move(walk: Walk, front_door: str, moves: Moves, url: object) -> None:
    """Take services to their new computes, and hold each step's plan to what is promised."""
    plans: list[Plan] = []
    for step, share in enumerate((0, 50, 100), 1):
        weights = {name: {old: 100 - share, new: share} for name, (old, new) in moves.items()}
        walk.write(front_door, {name: shared(step, old, **weights[name]) for name, (old, _) in moves.items()})
        plans.append(walk.settled() if share == 0 else walk.up())
        services = plans[-1].outputs_after["services"]
        assert {name: facts["traffic"] for name, facts in services.items()} == weights
    walk.write(front_door, {name: alone(new) for name, (_, new) in moves.items()})
    plans.append(walk.settled())

    begun, *moved, ended = plans
    base = (*BASE, "components:FrontDoor") if front_door == "alb" else BASE
    for plan in plans:
        gone = [change.urn for change in plan.changed() if change.op is Op.DELETE]
        assert [urn for urn in gone if any(part in urn for part in base)] == []
        assert made(plan, Op.REPLACE) == []
        assert plan.outputs_after["url"] == url
    rules = sorted(f"ListenerRule dev-{name}" for name in moves)
    assert all([short(change) for change in plan.changed()] == rules for plan in moved)
    assert all(made(plan, Op.UPDATE) == rules for plan in moved)
    assert made(begun, Op.UPDATE) == entries(front_door, {name: old for name, (old, _) in moves.items()})
    assert made(ended, Op.UPDATE) == entries(front_door, {name: new for name, (_, new) in moves.items()})
    direct = {each.format(f"dev-{name}") for name in moves for each in DIRECT}
    assert set(made(begun, Op.DELETE)) <= direct
    assert set(made(ended, Op.CREATE)) <= direct


def entries(front_door: str, computes: Mapping[str, str]) -> list[str]:
    """Return what changes in place where services on these computes get company, or lose it."""
    changed = ["Dashboard dev-stack"]
    for name, compute in computes.items():
        if (front_door, compute) != ("http-api", "lambda"):
            changed.append(f"ListenerRule dev-{name}")
        else:
            changed += [f"Route dev-{name}", *([] if name == "netprobe" else [f"Route dev-{name}-below"])]
    return sorted(changed)


@pytest.mark.e2e
def test_an_older_file_moves_nothing_back(walk: Walk) -> None:
    file = {
        1: shared(1, "lambda", **{"lambda": 100}, fargate=0),
        2: shared(2, "lambda", **{"lambda": 50}, fargate=50),
    }
    # A first deployment may begin anywhere: nothing is there that could be moved.
    walk.write("alb", {"netprobe": file[2]})
    walk.up()
    for older, why in (
        (file[1], "step 2 is live: lambda=50 fargate=50"),
        (alone("lambda"), "without shift this file would move all traffic to lambda=100"),
        (alone("fargate"), "without shift this file would move all traffic to fargate=100"),
    ):
        walk.write("alb", {"netprobe": older})
        said = " ".join(walk.refused().split())
        assert why.lower() in said.lower()
        assert "Nothing was created or changed" in said
    # The same by the engine alone, without a command of ours.
    ran = walk.workspace.modeshift("sandbox", "env", "--stack", STACK, "--json")
    plain = subprocess.run(
        [pulumi_binary(), "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=walk.workspace.root,
        env={**walk.workspace.environment, **{key: value for key, value in ran.document.items() if key != "PATH"}},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert plain.returncode != 0
    assert "step 2 is live" in plain.stdout + plain.stderr

    walk.write("alb", {"netprobe": shared(3, "lambda", **{"lambda": 0}, fargate=100)})
    walk.up()
    walk.write("alb", {"netprobe": alone("fargate")})
    walk.up()
    walk.write("alb", {"netprobe": file[2]})
    assert "all traffic is on fargate" in " ".join(walk.refused().split())
