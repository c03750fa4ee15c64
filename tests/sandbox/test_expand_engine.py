"""A VPC component under the real engine and the sandbox, through plain `pulumi`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import attachments

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_REPOSITORY = Path(__file__).resolve().parents[2]
_RECORDED = Path(__file__).parent / "recorded" / "vpc-3-single.json"
_TIMEOUT = 120

_PROGRAM = """
import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

config = pulumi.Config()


def tagged(args):
    if args.type_ == "aws:ec2/subnet:Subnet":
        return pulumi.ResourceTransformResult({**args.props, "tags": {**args.props["tags"], "seen": "yes"}}, args.opts)


provider = aws.Provider("aws", region="us-west-2")
vpc = awsx.ec2.Vpc(
    "net",
    cidr_block="10.20.0.0/16",
    enable_dns_hostnames=True,
    number_of_availability_zones=config.get_int("zones") or 3,
    nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=awsx.ec2.NatGatewayStrategy.SINGLE),
    subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
    tags={"owner": config.get_secret("owner") or "nobody"},
    opts=pulumi.ResourceOptions(provider=provider, transforms=[tagged]),
)
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.vpc_id, opts=pulumi.ResourceOptions(provider=provider))
pulumi.export("cidr", vpc.vpc.cidr_block)
pulumi.export("private", [vpc.private_subnet_ids[zone] for zone in range(3)])
pulumi.export("vpc", group.vpc_id)
pulumi.export("vpcId", vpc.vpc_id)
"""


def _pulumi() -> str:
    found = shutil.which("pulumi")
    if found is None:
        from automation.toolchain import pulumi_binary  # noqa: PLC0415 - needed only without a CLI on PATH

        found = str(pulumi_binary())
    return found


@dataclass(frozen=True)
class _Stack:
    """A project in a folder, attached to a sandbox."""

    root: Path
    port: int

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{self.root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_DEBUG_LANGUAGES": f"python:{self.port}",
            "PULUMI_DEBUG_PROVIDERS": attachments(self.port),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.root / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": "dev",
        }
        return subprocess.run(
            [_pulumi(), *args, "--non-interactive"],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )

    def ok(self, *args: str) -> str:
        done = self.run(*args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def planned(self) -> dict[str, int]:
        return json.loads(self.ok("preview", "--json"))["changeSummary"]

    def resources(self) -> dict[str, dict[str, Any]]:
        found = json.loads(self.ok("stack", "export"))["deployment"].get("resources", [])
        return {f"{one['type']}::{one['urn'].rpartition('::')[2]}": one for one in found}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[_Stack]:
    """Yield an empty stack with a sandbox of its own."""
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(_PROGRAM)
    with _attached(tmp_path / "account") as port:
        made = _Stack(tmp_path, port)
        made.ok("stack", "init", "dev")
        yield made


@contextmanager
def _attached(account: Path) -> Generator[int, None, None]:
    command = [sys.executable, "-m", "automation.attach", "--account", str(account), "--until-stdin-closes"]
    with subprocess.Popen(
        command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["port"]
        process.stdin.close()


def test_a_vpc_lives_its_life_under_the_real_engine(stack: _Stack) -> None:
    real = json.loads(_RECORDED.read_text())
    others = 3  # the stack, the provider and the security group
    assert stack.planned() == {"create": len(real) + others}
    stack.ok("up", "--yes", "--skip-preview")
    made = stack.resources()
    for one in real:
        ours = made[f"{one['type']}::{one['name']}"]
        if one["parent"]:
            kind, name = one["parent"].split("::")
            assert ours["parent"] == made[f"{kind}::{name}"]["urn"]
        expected = {name: value for name, value in one["inputs"].items() if name in {"cidrBlock", "availabilityZone"}}
        assert {name: ours["inputs"][name] for name in expected} == expected
        if "tags" in one["inputs"]:
            seen = {"seen": "yes"} if one["type"] == "aws:ec2/subnet:Subnet" else {}
            assert ours["inputs"]["tags"] == {"owner": "nobody", **one["inputs"]["tags"], **seen}
    outputs = json.loads(stack.ok("stack", "output", "--json"))
    assert outputs["cidr"] == "10.20.0.0/16"
    assert outputs["vpc"] == outputs["vpcId"] == made["aws:ec2/vpc:Vpc::net"]["id"]
    assert outputs["private"] == [made[f"aws:ec2/subnet:Subnet::net-private-{zone}"]["id"] for zone in (1, 2, 3)]
    assert stack.planned() == {"same": len(real) + others}
    stack.ok("destroy", "--yes", "--skip-preview")
    assert stack.resources() == {}


def test_a_secret_tag_stays_secret_in_every_child(stack: _Stack) -> None:
    stack.ok("config", "set", "--secret", "owner", "a-secret-owner")
    output = stack.ok("up", "--yes", "--skip-preview", "--diff")
    state = (stack.root / "state/.pulumi/stacks/tiny/dev.json").read_text()
    assert "net-private-3" in state
    assert "a-secret-owner" not in output + state


def test_too_many_zones_fail_in_the_preview(stack: _Stack) -> None:
    stack.ok("config", "set", "zones", "9")
    done = stack.run("preview")
    assert done.returncode != 0
    assert "does not have at least 9 Availability Zones. Either specify an explicit list" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
