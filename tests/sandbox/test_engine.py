"""The real engine runs plain programs against the sandbox: from the first preview to an empty account."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.control import faults
from sandbox.control.faults import Rule
from tests.sandbox.engine import Sandbox, opened

WEB = """
import json
from pathlib import Path

import pulumi
from pulumi_aws import ec2, lb

settings = json.loads(Path("settings.json").read_text())
vpc = ec2.Vpc("net", cidr_block="10.20.0.0/16", tags=settings.get("tags"))
subnets = [
    ec2.Subnet(f"net-{zone}", vpc_id=vpc.id, cidr_block=f"10.20.{at}.0/24", availability_zone=zone)
    for at, zone in enumerate(("us-east-1a", "us-east-1b"))
]
group = ec2.SecurityGroup("web", vpc_id=vpc.id, description="Web")
balancer = lb.LoadBalancer(
    "web", subnets=[subnet.id for subnet in subnets], security_groups=[group.id], internal=True
)
targets = lb.TargetGroup("web", port=settings.get("port", 80), protocol="HTTP", target_type="ip", vpc_id=vpc.id)
forward = lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)
lb.Listener("web", load_balancer_arn=balancer.arn, port=80, protocol="HTTP", default_actions=[forward])
pulumi.export("dns", balancer.dns_name)
pulumi.export("vpc", vpc.id)
"""
QUEUES = """
from pulumi_aws import sqs

for name in ("one", "two"):
    sqs.Queue(name)
"""
IMPORTED = """
import json
from pathlib import Path

import pulumi
from pulumi_aws import sqs

settings = json.loads(Path("settings.json").read_text())
options = pulumi.ResourceOptions(import_=settings.get("import"), retain_on_delete=True)
pulumi.export("url", sqs.Queue("jobs", name="jobs", delay_seconds=settings.get("delay", 5), opts=options).url)
"""
REGIONS = """
import pulumi
from pulumi_aws import Provider, sqs

tags = {"tags": {"Owner": pulumi.get_stack()}}
elsewhere = Provider("elsewhere", region="ap-south-1", default_tags=tags)
for at in range(4):
    sqs.Queue(f"near-{at}")
    sqs.Queue(f"far-{at}", opts=pulumi.ResourceOptions(provider=elsewhere))
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with opened(tmp_path) as sandbox:
        yield sandbox


def test_a_stack_from_first_preview_to_empty_account(sandbox: Sandbox) -> None:
    stack = sandbox.stack(WEB)
    assert stack.summary("preview") == {"create": 8}
    assert sandbox.account.summary() == {}, "a preview creates nothing"
    assert stack.summary("up") == {"create": 8}
    assert stack.output("dns").startswith("internal-web-")
    assert stack.summary("up") == {"same": 8}

    stack.settle(tags={"Name": "net"})
    assert stack.summary("up") == {"same": 7, "update": 1}

    # The target group gets a successor before it goes, for its name is generated; the listener moves in between.
    stack.settle(tags={"Name": "net"}, port=8080)
    assert stack.summary("preview") == {"same": 6, "update": 1, "replace": 1}
    assert stack.summary("up") == {"same": 6, "update": 1, "replace": 1}
    assert stack.summary("up") == {"same": 8}
    assert sandbox.account.summary()["aws:lb/targetGroup:TargetGroup"] == 1

    assert stack.summary("destroy") == {"delete": 8}
    assert sandbox.account.summary() == {}


def test_drift_is_seen_and_undone(sandbox: Sandbox) -> None:
    stack = sandbox.stack(WEB)
    stack.summary("up")
    vpc = stack.output("vpc")
    sandbox.account.touch(vpc, {"enableDnsSupport": False})
    assert stack.summary("refresh") == {"same": 7, "update": 1}
    assert stack.summary("up") == {"same": 7, "update": 1}
    found = sandbox.account.get("aws:ec2/vpc:Vpc", vpc)
    assert found is not None
    assert found.outputs["enableDnsSupport"] is True


def test_what_exists_can_be_imported(sandbox: Sandbox) -> None:
    first = sandbox.stack(IMPORTED)
    first.summary("up")
    second = sandbox.stack(IMPORTED, "other")
    second.settle(**{"import": first.output("url")})
    assert second.summary("up") == {"create": 1, "import": 1}
    assert second.summary("up") == {"same": 2}
    assert sandbox.account.summary() == {"aws:sqs/queue:Queue": 1}


def test_a_mistake_stops_the_preview_with_its_place(sandbox: Sandbox) -> None:
    stack = sandbox.stack(IMPORTED)
    stack.settle(delay=901)
    failure = stack.failure("preview")
    assert "in the range (0 - 900), got 901" in failure
    assert "Examine values at 'jobs.delaySeconds'" in failure


def test_the_next_up_finishes_what_failed(sandbox: Sandbox) -> None:
    stack = sandbox.stack(QUEUES)
    faults.add(sandbox.account, Rule("aws:sqs/*", "create", "throttle"))
    assert "Rate exceeded" in stack.failure("up")
    stack.summary("up")
    assert sandbox.account.summary() == {"aws:sqs/queue:Queue": 2}
    assert stack.summary("up") == {"same": 3}


def test_what_was_made_in_spite_of_an_error_is_not_made_twice(sandbox: Sandbox) -> None:
    stack = sandbox.stack(QUEUES)
    faults.add(sandbox.account, Rule("*", "create", "fail-after"))
    assert "waiting for completion: creating SQS Queue" in stack.failure("up")
    stack.summary("up")
    assert sandbox.account.summary() == {"aws:sqs/queue:Queue": 2}
    assert stack.summary("up") == {"same": 3}


def test_stacks_at_the_same_time_keep_their_regions_and_tags(sandbox: Sandbox) -> None:
    regions = {"dev": "us-east-1", "prod": "eu-west-1"}
    stacks = [sandbox.stack(REGIONS, name, region) for name, region in regions.items()]
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda stack: stack.summary("up"), stacks)) == [{"create": 10}, {"create": 10}]
    resources = sandbox.account.list_resources()
    assert len(resources) == 16
    for resource in resources:
        stack = resource.urn.split("::")[0].rsplit(":", 1)[1]
        far = "::far-" in resource.urn
        assert resource.region == ("ap-south-1" if far else regions[stack])
        assert resource.outputs.get("tagsAll") == ({"Owner": stack} if far else None)
