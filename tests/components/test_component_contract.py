"""What every component promises, whoever writes the next one: it fails here until it has an example and keeps them."""

from __future__ import annotations

import importlib
import inspect
import json
import keyword
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

import components
from components.api_logs import ApiLogs
from components.base import Component
from components.bucket import Bucket
from components.bucket_events import Arrival, BucketEvents
from components.cache import Cache
from components.cluster import Cluster
from components.dashboard import Dashboard
from components.domain import DomainName
from components.eks_cluster import EksCluster
from components.eks_service import EksService
from components.eks_worker import EksWorker
from components.fargate_service import FargateService
from components.fargate_worker import FargateWorker
from components.file_system import FileSystem
from components.front_door import FrontDoor, FrontDoorArgs
from components.github_roles import GithubRoles
from components.key import CustomerKey
from components.lambda_service import LambdaOptions, LambdaService
from components.lambda_worker import LambdaWorker
from components.load_balancer import LoadBalancer
from components.migration import Migration
from components.naming import fits
from components.network import Network
from components.notifications import Notifications, Slack
from components.postgres import Postgres, Restore
from components.private_bucket import PrivateBucket
from components.queue import Queue
from components.registry import ImageRegistry
from components.rest_definition import RestRoute
from components.route import Route
from components.schedule import Schedule
from components.secret import Secret
from components.service import ImageArtifact, LambdaTarget, SecretRef, ServiceArgs, Weighted, WorkloadArgs, ZipArtifact
from components.table import Table
from components.table_stream import TableStream
from components.task_events import TaskEvents
from components.topic import Topic
from components.web_acl import WebAcl
from tests.components.workers import worker

Deploy = Callable[[Callable[[], Any]], Any]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
IMAGE = ImageArtifact(reference="123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:1")
ADMIN = "arn:aws:iam::123456789012:role/deploy"
WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/ours/1"
BUCKET = "arn:aws:s3:::state"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/llm-AbCdEf"


def containers() -> None:
    """Declare a stack of one container service with everything that is optional."""
    network = Network("dev-net", nat="single", endpoints=["ecr.api", "logs"], key_arn=KEY)
    door = FrontDoor("dev-front-door", FrontDoorArgs(containers=True, key_arn=KEY), network=network)
    assert door.load_balancer is not None
    service = FargateService(
        "dev-netprobe",
        ServiceArgs(
            artifact=IMAGE,
            secrets=[SecretRef(name="GROQ", arn=SECRET, key="groq")],
            key_arn=KEY,
        ),
        cluster=Cluster("dev-cluster", key_arn=KEY),
        network=network,
        load_balancer=door.load_balancer,
        exec_enabled=True,
    )
    Route(
        "dev-netprobe",
        front_door=door,
        path="/",
        targets=[Weighted(target=service.target)],
        depends_on=[service.service],
    )


def public_entry() -> None:
    """Declare a public load balancer under the stack's own name."""
    domain = DomainName(host="api.example.com", zone="example.com")
    args = FrontDoorArgs(kind="alb", containers=True, domain=domain)
    FrontDoor("dev-front-door", args, network=Network("dev-net"))


def api_entry() -> None:
    """Declare an HTTP API under the stack's own name."""
    domain = DomainName(host="api.example.com", zone="example.com")
    FrontDoor("dev-front-door", FrontDoorArgs(domain=domain), network=Network("dev-net"))


def rest_entry() -> None:
    """Declare a REST API under the stack's own name."""
    domain = DomainName(host="api.example.com", zone="example.com")
    args = FrontDoorArgs(kind="rest-api", domain=domain, key_arn=KEY, web_acl_arn=WEB_ACL)
    door = FrontDoor("dev-front-door", args, network=Network("dev-net"))
    arn = pulumi.Output.from_input("arn:aws:lambda:us-east-1:123456789012:function:users:live")
    name = pulumi.Output.from_input("users")
    target = LambdaTarget(function_name=name, alias_name=name, alias_arn=arn, invoke_arn=arn)
    door.add(RestRoute(name="dev-users", path="/", target=target, timeout=28))
    door.publish()


def functions() -> None:
    """Declare a stack of one function behind its API, with everything that is optional."""
    network = Network("dev-net", flow_logs=False)
    service = LambdaService(
        "dev-netprobe",
        ServiceArgs(
            artifact=ZipArtifact(path=__file__, sha256="x"),
            secrets=[SecretRef(name="GROQ", arn=SECRET, key="groq")],
            key_arn=KEY,
        ),
        options=LambdaOptions(reserved_concurrency=5, provisioned_concurrency=1),
        network=network,
    )
    door = FrontDoor("dev-front-door", FrontDoorArgs(), network=network)
    Route("dev-netprobe", front_door=door, path="/", targets=[Weighted(target=service.target)], depends_on=[service])


def pods() -> None:
    """Declare a stack of one service in pods with everything that is optional."""
    network = Network("dev-net")
    cluster = EksCluster(
        "dev-eks", network=network, admins=[ADMIN], public_cidrs=["203.0.113.7/32"], deletion_protection=True
    )
    EksService(
        "dev-netprobe",
        ServiceArgs(artifact=IMAGE, secrets=[SecretRef(name="GROQ", arn=SECRET, key="groq")]),
        cluster=cluster,
        network=network,
        load_balancer=LoadBalancer("dev-door", network=network, internal=True),
    )


def data() -> None:
    """Declare what a service keeps, and what feeds its worker, with everything that is optional."""
    table = Table(
        "dev-contracts-results",
        key=["hash"],
        attributes={"hash": "S", "day": "S", "created": "N"},
        indexes={"by-day": ["day", "created"]},
        ttl="expires",
        stream=True,
        key_arn=KEY,
    )
    bucket = Bucket(
        "dev-contracts-uploads", infrequent_days=30, archive_days=90, expire_days=365, access_log_days=90, key_arn=KEY
    )
    Secret("dev-contracts-keys", key_arn=KEY)
    Topic("dev-contracts-notices", email=["team@example.com"], https=["https://example.com/hook"], key_arn=KEY)
    uploaded = Queue("dev-contracts-uploaded", bucket_arns=[bucket.arn], key_arn=KEY)
    BucketEvents("dev-contracts-uploads", bucket=bucket, arrivals=[Arrival(queue=uploaded, suffix=".sol")])
    Schedule("dev-contracts-hourly", queue=Queue("dev-contracts-hourly", key_arn=KEY), expression="rate(1 hour)")
    TableStream("dev-contracts-written", table=table, queue=Queue("dev-contracts-written", key_arn=KEY))


def reached() -> None:
    """Declare what a service keeps where it is reached through the network, with everything that is optional."""
    network = Network("dev-net")
    restores = [Restore(name="r1", at="2026-11-21T10:00:00Z")]
    Postgres("dev-users-database", network=network, proxy=True, restores=restores, monitoring_seconds=60, key_arn=KEY)
    Cache("dev-users-cache", network=network, key_arn=KEY)
    FileSystem("dev-users-files", network=network, key_arn=KEY)


def worked() -> None:
    """Declare what runs beside a service on every compute: its worker, and what migrates before."""
    network = Network("dev-net")
    cluster = EksCluster("dev-eks", network=network, admins=[ADMIN])
    args = worker("jobs", "uploaded", key_arn=KEY)
    LambdaWorker("dev-contracts-worker", args)
    FargateWorker("dev-users-worker", args, cluster=Cluster("dev-cluster"), network=network, exec_enabled=True)
    EksWorker("dev-netprobe-worker", args, cluster=cluster)
    Migration("dev-contracts-migration", WorkloadArgs(artifact=IMAGE, key_arn=KEY))


def account() -> None:
    """Declare what an account has once, for all its stacks."""
    ImageRegistry("modeshift", key_arn=KEY, replicate_to=["eu-west-1"], lambda_pull=True)
    CustomerKey("modeshift-key")
    PrivateBucket("modeshift-state", key_arn=KEY)
    ApiLogs("modeshift-api-logs", regions=["us-east-1", "eu-west-1"])
    GithubRoles(
        "modeshift-ci",
        repository="acme/app",
        environments=["dev"],
        state_arn=BUCKET,
        key_arn=KEY,
        registry_arn="arn:aws:ecr:us-east-1:123456789012:repository/modeshift-1a2b3c4",
        regions=["us-east-1"],
    )


def watched() -> None:
    """Declare what stands before a stack and what shows it."""
    WebAcl("dev-firewall", countries=["US"], key_arn=KEY)
    told = Notifications(
        "dev-alarms",
        email=["team@example.com"],
        pagerduty=SECRET,
        slack=Slack(workspace="T0123456789", channel="C0123456789"),
        key_arn=KEY,
    )
    TaskEvents("dev-tasks", cluster_arn="arn:aws:ecs:us-east-1:123456789012:cluster/dev", topics=told.topics)
    Dashboard("dev-stack", watched=told.watched, region="us-east-1")


EXAMPLES = [containers, functions, pods, worked, data, reached, public_entry, api_entry, rest_entry, account, watched]


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda example: example.__name__)
def recorded(request: pytest.FixtureRequest, deploy: Deploy) -> Any:
    return deploy(request.param)


def every_component() -> list[type[Component]]:
    for module in pkgutil.iter_modules(components.__path__, "components."):
        importlib.import_module(module.name)
    return sorted(Component.__subclasses__(), key=lambda component: component.__name__)


def resource_class(token: str) -> type[pulumi.Resource]:
    """Return the class of the SDK behind a type token such as `aws:ecs/service:Service`."""
    package, path, name = token.split(":")
    module = path.split("/")[0]
    module = f"{module}_" if keyword.iskeyword(module) else module
    return getattr(importlib.import_module(f"pulumi_{package}.{module}"), name)


def statements(recorded: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    for policy in recorded.all("RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            yield policy, statement


def children(recorded: Any) -> list[Any]:
    return [resource for resource in recorded if resource.custom]


def test_every_component_is_in_an_example(deploy: Deploy) -> None:
    shown = {resource.type for example in EXAMPLES for resource in deploy(example)}
    assert [c.__name__ for c in every_component() if f"modeshift:components:{c.__name__}" not in shown] == []


@pytest.mark.parametrize("component", every_component(), ids=lambda component: component.__name__)
def test_all_but_name_and_arguments_are_by_keyword(component: type[Component]) -> None:
    parameters = list(inspect.signature(component).parameters.values())
    by_position = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert by_position[0] == "name"
    assert len(by_position) <= 2, by_position
    assert parameters[-1].name == "opts"


@pytest.mark.parametrize("component", every_component(), ids=lambda component: component.__name__)
def test_docs_say_what_it_costs(component: type[Component]) -> None:
    text = (component.__doc__ or "").lower()
    assert any(word in text for word in ("usd", "free")), component.__name__


def test_every_taggable_child_carries_its_name(recorded: Any) -> None:
    taggable = [
        resource
        for resource in recorded
        if resource.type.startswith(("aws:", "awsx:"))
        and "tags" in inspect.signature(getattr(resource_class(resource.type), "_internal_init")).parameters  # noqa: B009
    ]
    assert taggable
    assert [r.type for r in taggable if r.inputs.get("tags", {}).get("Name") != r.name] == []


def test_every_child_has_a_listed_type_and_a_name_that_fits(recorded: Any) -> None:
    assert [(r.type, r.name) for r in children(recorded) if not fits(r.type, r.name)] == []


def test_every_child_belongs_to_a_component_and_is_called_after_it(recorded: Any) -> None:
    for resource in recorded:
        kind, _, parent = resource.parent.partition("::")
        if resource.custom:
            assert kind.startswith("modeshift:components:"), resource
        if kind.startswith("modeshift:components:"):
            assert resource.name == parent or resource.name.startswith(f"{parent}-"), resource


def test_the_world_is_let_in_at_the_load_balancer_and_nowhere_else(recorded: Any) -> None:
    for rule in recorded.all("SecurityGroupIngressRule"):
        if rule.inputs.get("cidrIpv4") == "0.0.0.0/0" or rule.inputs.get("cidrIpv6") == "::/0":
            assert rule.parent.startswith("modeshift:components:LoadBalancer::")
            assert rule.inputs["fromPort"] == rule.inputs["toPort"]
            assert rule.inputs["fromPort"] in {80, 443}


def test_no_rule_stands_inside_a_security_group_and_each_says_what_it_is_for(recorded: Any) -> None:
    for group in recorded.all("ec2/securityGroup:SecurityGroup"):
        assert not {"ingress", "egress"} & group.inputs.keys()
        assert group.inputs["description"]
    for rule in [*recorded.all("SecurityGroupIngressRule"), *recorded.all("SecurityGroupEgressRule")]:
        assert rule.inputs["description"], rule


# AWS takes no narrower resource for these.
WITHOUT_RESOURCE = {
    "ec2:DescribeTags",
    "ec2:DescribeVolumes",
    "ecr:GetAuthorizationToken",
    "logs:DescribeLogGroups",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def test_roles_name_their_resources_and_actions(recorded: Any) -> None:
    for policy, statement in statements(recorded):
        # What CI deploys has no ARN before it is deployed; its roles are bound to a repository and an environment.
        if policy.parent.startswith("modeshift:components:GithubRoles::"):
            continue
        assert all("*" not in action for action in statement["Action"]), statement
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= WITHOUT_RESOURCE, statement


def test_each_role_is_taken_by_one_service_or_by_ci(recorded: Any) -> None:
    for role in recorded.all("iam/role:Role"):
        for statement in json.loads(role.inputs["assumeRolePolicy"])["Statement"]:
            (principal,) = statement["Principal"].items()
            assert principal[0] in {"Service", "Federated"}
            assert "*" not in principal[1]


def test_every_log_group_forgets(recorded: Any) -> None:
    for group in recorded.all("LogGroup"):
        assert group.inputs["retentionInDays"] > 0, group.name
