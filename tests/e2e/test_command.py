"""How the command answers people who make mistakes, and machines that read it."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Workspace

MISTAKES = """\
config:
  aws:region: us-esat-1
  modeshift:mode: serverles
  modeshift:netwrk: {azs: 2}
  modeshift:account: "12"
  modeshift:frontDoor: nlb
  modeshift:network: {cidr: 8.8.0.0/16, azs: 5, nat: two, endpoints: [nosuch]}
  modeshift:serverless: {snapStart: true, provisionedConcurrency: 2, memory: 5}
  modeshift:container: {compute: lambda, placement: roof}
  modeshift:logRetentionDays: 8
  modeshift:throttle: {rate: 0}
  modeshift:services:
    a-name-that-is-far-too-long-for-a-target-group: {route: /}
    users: {route: users, size: {cpu: 512, memory: 9000}, scaling: {min: 5, max: 2}, image: app:latest}
"""


def test_fifteen_mistakes_are_one_report(workspace: Workspace) -> None:
    (workspace.root / "Pulumi.dev.yaml").write_text(MISTAKES)
    ran = workspace.modeshift("up", "--stack", "dev", "--yes")
    said = ran.stdout + ran.stderr
    assert ran.code == 2, ran
    assert "Traceback" not in said
    for key in (
        "aws:region",
        "modeshift:mode",
        "modeshift:netwrk",
        "modeshift:account",
        "modeshift:frontDoor",
        "modeshift:network.cidr",
        "modeshift:network.azs",
        "modeshift:network.nat",
        "modeshift:network.endpoints",
        "modeshift:serverless.memory",
        "modeshift:container.compute",
        "modeshift:container.placement",
        "modeshift:logRetentionDays",
        "modeshift:throttle.rate",
        "modeshift:services.a-name-that-is-far-too-long-for-a-target-group",
        "modeshift:services.users.route",
        "modeshift:services.users.scaling",
        "modeshift:services.users.image",
    ):
        assert key in said, f"{key} is not in the report"
    assert "us-east-1" in said
    assert "Pulumi.dev.yaml:" in said
    assert not (workspace.root / ".modeshift/state").exists()


def test_in_ci_the_cloud_must_be_named(workspace: Workspace) -> None:
    ran = workspace.modeshift("preview", "--stack", "dev", env={"CI": "true"})
    assert ran.code == 2
    assert "--cloud" in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["preview", "--stack", "nosuch"], "dev"),
        (["preview", "--stack", "dev", "--all"], "--all and --stack"),
        (["preview"], "Which stack?"),
        (["outputs", "--stack", "dev"], "no outputs"),
        (["up", "--stack", "dev", "--cloud", "gcp"], "sandbox"),
    ],
)
def test_bad_usage_ends_with_two_and_a_way_out(workspace: Workspace, args: list[str], said: str) -> None:
    ran = workspace.modeshift(*args)
    assert ran.code == 2, ran
    assert said in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_settings_are_printed_with_their_origin(workspace: Workspace) -> None:
    rows = workspace.modeshift("config", "--stack", "prod", "--json").document
    assert rows["modeshift:mode"] == {"value": "container", "origin": "Pulumi.prod.yaml"}
    assert rows["modeshift:deletionProtection"] == {"value": True, "origin": "profile prod"}
    assert rows["modeshift:services.netprobe.route"]["origin"] == "app/services/netprobe/service.toml"
    assert rows["modeshift:throttle.rate"]["origin"] == "library default"


@pytest.mark.e2e
def test_json_is_one_document_and_says_where_it_happened(workspace: Workspace) -> None:
    ran = workspace.modeshift("preview", "--all", "--json")
    assert ran.code == 0, ran
    assert ran.document["notice"] == "Sandbox: nothing was created in AWS."
    stacks = ran.document["stacks"]
    assert [stack["stack"] for stack in stacks] == ["dev", "prod", "staging"]
    assert ran.summary["create"] == sum(stack["summary"]["create"] for stack in stacks)
    assert set(ran.summary) == {"create", "update", "replace", "delete", "same"}


@pytest.mark.e2e
def test_expecting_no_changes_ends_with_four(workspace: Workspace) -> None:
    assert workspace.modeshift("preview", "--stack", "dev", "--expect-no-changes").code == 4


@pytest.mark.e2e
def test_without_yes_and_without_a_person_nothing_happens(workspace: Workspace) -> None:
    ran = workspace.modeshift("up", "--stack", "dev")
    assert ran.code == 2
    assert "--yes" in ran.stdout + ran.stderr
    assert workspace.account() == []
