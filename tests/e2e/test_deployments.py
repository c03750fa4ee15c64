"""Deployments inside a mode, by the stack file and plain `up`: traffic that ECS moves, versions that share requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Ran, Workspace

pytestmark = pytest.mark.e2e

SERVICE = "aws:ecs/service:Service"
RULE = "aws:lb/listenerRule:ListenerRule"
ALIAS = "aws:lambda/alias:Alias"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:"
CONTAINER = {"compute": "fargate", "placement": "public"}


def up(workspace: Workspace) -> Ran:
    ran = workspace.modeshift("up", "--stack", "dev", "--yes", "--json")
    assert ran.code == 0, ran
    return ran


def inputs(workspace: Workspace, token: str, name: str = "dev-netprobe") -> dict[str, Any]:
    state = workspace.state("dev")["checkpoint"]["latest"]["resources"]
    return next(one["inputs"] for one in state if one["type"] == token and one["urn"].endswith(f"::{name}"))


def test_ecs_takes_over_the_traffic_of_a_service_that_runs_and_gives_it_back(workspace: Workspace) -> None:
    workspace.edit("dev", mode="container", container=CONTAINER, image=REGISTRY + "1" * 64)
    up(workspace)
    rule = inputs(workspace, RULE)

    workspace.edit("dev", container={**CONTAINER, "rollout": {"strategy": "canary", "percent": 5, "stepMinutes": 3}})
    taken = up(workspace)
    assert taken.summary["replace"] == 0
    (stack,) = taken.document["stacks"]
    gone = [change["name"] for change in stack["changes"] if change["op"] == "delete"]
    assert gone == ["dev-netprobe-requests"]
    made = inputs(workspace, SERVICE)
    assert made["deploymentConfiguration"]["canaryConfiguration"]["canaryPercent"] == 5
    assert inputs(workspace, RULE)["actions"] == rule["actions"]

    # ECS owns the weights from now on: what it did to them is nobody's mistake to correct.
    workspace.edit("dev", image=REGISTRY + "2" * 64)
    rolled = up(workspace)
    assert RULE not in {change["type"] for stack in rolled.document["stacks"] for change in stack["changes"]}

    workspace.edit("dev", container=CONTAINER)
    back = workspace.modeshift("up", "--stack", "dev", "--yes", "--refresh", "--json")
    assert back.code == 0, back
    assert "deploymentConfiguration" not in inputs(workspace, SERVICE)
    assert workspace.modeshift("preview", "--stack", "dev", "--expect-no-changes").code == 0
    assert workspace.modeshift("destroy", "--stack", "dev", "--yes").code == 0
    assert workspace.account() == []


def test_a_stack_may_begin_with_a_strategy_but_no_move_does(workspace: Workspace) -> None:
    canary = {**CONTAINER, "rollout": {"strategy": "blue-green", "bakeMinutes": 1}}
    workspace.edit("dev", mode="serverless", container=canary, image=REGISTRY + "1" * 64)
    up(workspace)
    workspace.edit("dev", mode="container")
    refused = workspace.modeshift("preview", "--stack", "dev")
    assert refused.code != 0
    assert "rolling first" in refused.stdout, refused
    workspace.edit("dev", container=CONTAINER)
    up(workspace)
    workspace.edit("dev", container=canary)
    up(workspace)


def test_a_new_version_of_a_function_gets_its_share_and_then_all(workspace: Workspace) -> None:
    first = up(workspace).document["stacks"][0]["outputs"]["services"]["netprobe"]["version"]
    workspace.edit("dev", services={"netprobe": {"canary": {"keep": int(first), "percent": 10}}})
    up(workspace)
    assert "routingConfig" not in inputs(workspace, ALIAS)

    handler = workspace.root / "app/handler.py"
    handler.write_text(handler.read_text() + "# newer\n")
    up(workspace)
    alias = inputs(workspace, ALIAS)
    assert alias["routingConfig"]["additionalVersionWeights"] == {first: 0.9}
    assert alias["functionVersion"] == str(int(first) + 1)

    workspace.edit("dev", services={"netprobe": {}})
    up(workspace)
    alias = inputs(workspace, ALIAS)
    assert "routingConfig" not in alias
    assert alias["functionVersion"] == str(int(first) + 1)
