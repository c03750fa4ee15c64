"""A REST API as the front door: it keeps its URL through any move, and a change of kind is named for what it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Ran, Workspace

pytestmark = pytest.mark.e2e
SLACK = {"workspace": "T0123456789", "channel": "C0123456789"}
PAGERDUTY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:pagerduty-AbCdEf"
DOMAIN = {"name": "api.example.com", "zone": "example.com"}


def up(workspace: Workspace, *options: str) -> Ran:
    done = workspace.modeshift("up", "--stack", "dev", "--yes", "--json", *options)
    assert done.code == 0, done
    return done


def outputs(ran: Ran) -> dict[str, Any]:
    return ran.document["stacks"][0]["outputs"]


def remarks(ran: Ran) -> list[str]:
    return [remark["text"] for stack in ran.document["stacks"] for remark in stack["remarks"]]


def replaced_or_deleted(ran: Ran) -> set[str]:
    """Return the types of what goes; a replacement that is how a type is changed is none."""
    gone = {
        change["type"]
        for stack in ran.document["stacks"]
        for change in stack["changes"]
        if change["op"] in {"delete", "replace"}
    }
    return gone - {"aws:apigateway/deployment:Deployment"}


def values_in_state(workspace: Workspace) -> list[Any]:
    """Return what the stack's state holds of API keys."""
    resources = workspace.state("dev")["checkpoint"]["latest"]["resources"]
    kinds = ("apiKey:ApiKey", "usagePlanKey:UsagePlanKey")
    return [each["outputs"]["value"] for each in resources if each["type"].endswith(kinds)]


def test_a_move_behind_a_rest_api_keeps_its_url_and_leaves_nothing(workspace: Workspace) -> None:
    workspace.edit(
        "dev",
        frontDoor="rest-api",
        services={"netprobe": {"route": "/", "apiKey": True}},
        restApi={"clients": {"partner": {"quota": 1000}}},
        firewall={"countries": ["US"]},
        alarms={"email": ["team@example.com"], "slack": SLACK, "pagerduty": PAGERDUTY},
    )
    first = up(workspace)
    url = outputs(first)["url"]
    assert url.startswith("https://")
    assert url.endswith(".execute-api.us-east-1.amazonaws.com/live")
    again = workspace.modeshift("preview", "--stack", "dev", "--json")
    assert again.summary["same"] == first.summary["create"]
    keys = values_in_state(workspace)
    assert len(keys) == 2
    assert all("ciphertext" in key for key in keys), "a key stands in the state for all to read"

    for mode, leaves in (("container", "lambda"), ("serverless", "ecs")):
        workspace.edit("dev", mode=mode)
        plan = workspace.modeshift("preview", "--stack", "dev", "--json")
        assert plan.code == 0, plan
        gone = replaced_or_deleted(plan)
        assert any(f":{leaves}/" in token for token in gone), gone
        assert {token for token in gone if ":apigateway/" in token} == set()
        assert any("The URL stays." in text for text in remarks(plan)), remarks(plan)
        assert outputs(up(workspace))["url"] == url

    gone = workspace.modeshift("destroy", "--stack", "dev", "--yes", "--json")
    assert gone.code == 0, gone
    assert workspace.account() == []


def test_a_domain_keeps_the_url_through_every_kind_of_front_door(workspace: Workspace) -> None:
    workspace.edit("dev", domain=DOMAIN)
    assert outputs(up(workspace))["url"] == "https://api.example.com"
    for kind in ("rest-api", "http-api", "alb", "rest-api"):
        workspace.edit("dev", frontDoor=kind)
        plan = workspace.modeshift("preview", "--stack", "dev", "--json")
        assert plan.code == 0, plan
        assert any(f" to {kind}; its name keeps the URL" in text for text in remarks(plan)), remarks(plan)
        # The access logs of a load balancer go with it.
        assert outputs(up(workspace, "--accept-data-loss"))["url"] == "https://api.example.com"


def test_another_kind_moves_the_url_and_is_no_part_of_a_move(workspace: Workspace) -> None:
    up(workspace)
    workspace.edit("dev", frontDoor="rest-api", mode="container")
    said = remarks(workspace.modeshift("preview", "--stack", "dev", "--json"))
    assert any("from http-api to rest-api, and the URL moves with it" in text for text in said), said
    assert any("Change the front door in an update of its own." in text for text in said), said
