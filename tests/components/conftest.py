"""A recording engine: runs a program that declares components and returns what it registered, resolved.

Nothing is created and nothing leaves the process. Outputs are made up in the shape AWS gives them, so that a value
that ends in the wrong place is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc, settings
from pulumi.runtime.mocks import (
    MockCallArgs,
    MockMonitor,
    MockResourceArgs,
    Mocks,
    _resolve_callbacks,  # the only way from a request to the transform it names
    set_mocks,
)
from pulumi.runtime.stack import run_pulumi_func

from components.cluster import Cluster, Insights
from components.fargate_service import FargateService
from components.load_balancer import LoadBalancer
from components.network import Network
from components.service import ImageArtifact, Link, ServiceArgs

ACCOUNT = "123456789012"
REGION = "us-east-1"

# Pulumi marks a reference to a resource in a property value with this key and value.
_REFERENCE = {"4dabf18193072939515e22adb298388d": "5cf8f73096256a8f31e491e813e4eb8e", "packageVersion": ""}

# ARN of a type where it is more than `service:type/name`.
_ARNS = {
    "aws:cloudwatch/logGroup:LogGroup": "arn:aws:logs:{region}:{account}:log-group:{physical}",
    "aws:ecr/repository:Repository": "arn:aws:ecr:{region}:{account}:repository/{physical}",
    "aws:ecs/cluster:Cluster": "arn:aws:ecs:{region}:{account}:cluster/{physical}",
    "aws:ecs/taskDefinition:TaskDefinition": "arn:aws:ecs:{region}:{account}:task-definition/{physical}:1",
    "aws:efs/accessPoint:AccessPoint": "arn:aws:elasticfilesystem:{region}:{account}:access-point/fsap-{physical}",
    "aws:efs/fileSystem:FileSystem": "arn:aws:elasticfilesystem:{region}:{account}:file-system/fs-{physical}",
    "aws:iam/role:Role": "arn:aws:iam::{account}:role/{physical}",
    "aws:kms/key:Key": "arn:aws:kms:{region}:{account}:key/{physical}",
    "aws:lambda/function:Function": "arn:aws:lambda:{region}:{account}:function:{physical}",
    "aws:lb/loadBalancer:LoadBalancer": "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{suffix}",
    "aws:lb/targetGroup:TargetGroup": "arn:aws:elasticloadbalancing:{region}:{account}:{suffix}",
    "aws:s3/bucket:Bucket": "arn:aws:s3:::{physical}",
    "aws:secretsmanager/secret:Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{physical}-a1b2c3",
    "aws:sns/topic:Topic": "arn:aws:sns:{region}:{account}:{physical}",
    "aws:sqs/queue:Queue": "arn:aws:sqs:{region}:{account}:{physical}",
}
# What else a type has by its name alone.
_OUTPUTS = {
    "aws:apigateway/restApi:RestApi": {"executionArn": "arn:aws:execute-api:{region}:{account}:{physical}"},
    "aws:apigatewayv2/api:Api": {
        "apiEndpoint": "https://{physical}.execute-api.{region}.amazonaws.com",
        "executionArn": "arn:aws:execute-api:{region}:{account}:{physical}",
    },
    "aws:ecr/repository:Repository": {"repositoryUrl": "{account}.dkr.ecr.{region}.amazonaws.com/{physical}"},
    "aws:rds/proxy:Proxy": {"endpoint": "{physical}.proxy-c1.{region}.rds.amazonaws.com"},
    "aws:lb/loadBalancer:LoadBalancer": {
        "dnsName": "{physical}.{region}.elb.amazonaws.com",
        "zoneId": "Z35SXDOTRQ7X7K",
    },
    "aws:sqs/queue:Queue": {"url": "https://sqs.{region}.amazonaws.com/{account}/{physical}"},
}
_SUFFIXES = {
    "aws:lb/loadBalancer:LoadBalancer": "app/{physical}/50dc6c495c0c9188",
    "aws:lb/targetGroup:TargetGroup": "targetgroup/{physical}/73e2d6bc24d8a067",
}


@dataclass(frozen=True)
class Recorded:
    """One registered resource with resolved inputs; `parent` and `depends_on` are `type::name`."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    custom: bool
    depends_on: tuple[str, ...] = ()
    protect: bool = False
    retain: bool = False
    import_id: str = ""
    delete_before_replace: bool = False
    ignore_changes: tuple[str, ...] = ()
    transforms: tuple[Callable[[pulumi.ResourceTransformArgs], Any], ...] = ()


class Recording(list[Recorded]):
    """Everything a program registered, in order, and what it returned (`value`) with its outputs resolved."""

    def __init__(self, resources: Iterable[Recorded], value: Any = None) -> None:
        super().__init__(resources)
        self.value = value

    def all(self, kind: str) -> list[Recorded]:
        """Return the resources whose type token ends in `kind`, as in `ecs/service:Service` or `Service`."""
        return [r for r in self if r.type == kind or r.type.endswith((f":{kind}", f"/{kind}"))]

    def one(self, kind: str, name: str | None = None) -> Recorded:
        """Return the only resource of that type (and logical name)."""
        found = [r for r in self.all(kind) if name in (None, r.name)]
        assert len(found) == 1, f"{kind} {name or ''}: {[(r.type, r.name) for r in found or self]}"
        return found[0]


def short(urn: str) -> str:
    """Return a URN as `type::name`."""
    kind, _, name = urn.split("::", 2)[2].partition("::")
    return f"{kind.split('$')[-1]}::{name}"


class _Cloud(Mocks):
    def __init__(self) -> None:
        self.references: dict[str, tuple[str, dict[str, Any]]] = {}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getRegion:getRegion": {"region": REGION, "name": REGION, "id": REGION},
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT, "id": ACCOUNT},
            "aws:index/getPartition:getPartition": {"partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com"},
            "aws:secretsmanager/getSecretVersion:getSecretVersion": {"secretString": "https://events.example.com/1"},
            "aws:route53/getZone:getZone": {"zoneId": "Z0123456789ABCDEFGHIJ", "name": args.args.get("name")},
        }
        return {**args.args, **answers[args.token]}, []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == "awsx:ec2:Vpc":
            return "", self._vpc(args.name, args.inputs)
        if args.typ == "eks:index:Cluster":
            return "", self._eks_cluster(args.name, args.inputs)
        physical = str(args.inputs.get("name") or args.inputs.get("family") or f"{args.name}-1a2b3c4")
        values = {"region": REGION, "account": ACCOUNT, "physical": physical}
        values["suffix"] = _SUFFIXES.get(args.typ, "").format_map(values)
        kind = args.typ.split(":")[1].split("/")
        plain = f"arn:aws:{kind[0]}:{{region}}:{{account}}:{kind[-1]}/{{physical}}"
        outputs = {
            "name": physical,
            "arn": _ARNS.get(args.typ, plain).format_map(values),
            "arnSuffix": values["suffix"],
            **args.inputs,
            **_outputs(args, physical),
        }
        return f"{args.name}-id", outputs

    def _vpc(self, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        zones = range(1, int(inputs["numberOfAvailabilityZones"]) + 1)
        outputs: dict[str, Any] = {
            "vpcId": f"{name}-vpc",
            "publicSubnetIds": [f"{name}-public-{zone}" for zone in zones],
            "privateSubnetIds": [f"{name}-private-{zone}" for zone in zones],
            "vpc": self._reference("aws:ec2/vpc:Vpc", name, {"defaultSecurityGroupId": f"{name}-default-sg"}),
            "routeTables": [
                self._reference("aws:ec2/routeTable:RouteTable", f"{name}-{kind}-{zone}", {})
                for zone in zones
                for kind in ("public", "private")
            ],
        }
        return outputs

    def _eks_cluster(self, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        made = {"name": inputs["name"], "arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{inputs['name']}"}
        return {
            "eksCluster": self._reference("aws:eks/cluster:Cluster", f"{name}-eksCluster", made),
            "clusterSecurityGroupId": f"{name}-cluster-sg",
            "kubeconfigJson": "{}",
        }

    def _reference(self, kind: str, name: str, outputs: dict[str, Any]) -> dict[str, str]:
        urn = f"urn:pulumi:stack::project::parent${kind}::{name}"
        self.references[urn] = (f"{name}-id", outputs)
        return {**_REFERENCE, "urn": urn, "id": f"{name}-id"}


def _outputs(args: MockResourceArgs, physical: str) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    match args.typ:
        case "aws:lambda/function:Function":
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{physical}"
            outputs = {"version": "1", "qualifiedArn": f"{arn}:1", "invokeArn": f"invoke/{arn}"}
        case "aws:lambda/alias:Alias":
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{args.inputs['functionName']}:{physical}"
            outputs = {"arn": arn, "invokeArn": f"invoke/{arn}"}
        case "aws:apigatewayv2/domainName:DomainName":
            target = {"targetDomainName": f"d-{args.name}.execute-api.{REGION}.amazonaws.com", "hostedZoneId": "Z1"}
            outputs = {"domainNameConfiguration": {**args.inputs["domainNameConfiguration"], **target}}
        case "aws:acm/certificate:Certificate":
            record = {"resourceRecordName": "_x", "resourceRecordType": "CNAME", "resourceRecordValue": "_y"}
            outputs = {"domainValidationOptions": [{"domainName": args.inputs.get("domainName"), **record}]}
        case "aws:dynamodb/table:Table" if args.inputs.get("streamEnabled"):
            arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{physical}"
            outputs = {"streamArn": f"{arn}/stream/2026-01-02T03:04:05.678"}
        case "aws:rds/instance:Instance":
            identifier = args.inputs["identifier"]
            secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-{identifier}"
            address = f"{identifier}.c1.{REGION}.rds.amazonaws.com"
            outputs = {"address": address, "masterUserSecrets": [{"secretArn": secret, "secretStatus": "active"}]}
        case "aws:elasticache/serverlessCache:ServerlessCache":
            address = f"{physical}.serverless.use1.cache.amazonaws.com"
            outputs = {"endpoints": [{"address": address, "port": 6379}]}
        case _:
            values = {"region": REGION, "account": ACCOUNT, "physical": physical}
            outputs = {key: text.format_map(values) for key, text in _OUTPUTS.get(args.typ, {}).items()}
    return outputs


class _Monitor(MockMonitor):
    def __init__(self, cloud: _Cloud) -> None:
        super().__init__(cloud)
        self.cloud = cloud
        self.recorded: list[Recorded] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the engine's call
        response = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":
            return response
        for urn, (id_, outputs) in self.cloud.references.items():
            self.resources[urn] = MockMonitor.ResourceRegistration(urn, id_, outputs)
        self.recorded.append(
            Recorded(
                type=request.type,
                name=request.name,
                inputs=dict(rpc.deserialize_properties(request.object)),
                parent=short(request.parent) if request.parent else "",
                custom=request.custom,
                depends_on=tuple(sorted(short(urn) for urn in request.dependencies)),
                protect=request.protect,
                retain=request.retainOnDelete,
                import_id=request.importId,
                delete_before_replace=request.deleteBeforeReplace,
                ignore_changes=tuple(request.ignoreChanges),
                transforms=tuple(_resolve_callbacks(request.transforms)),
            )
        )
        return response


def _close_loop() -> None:
    """Close the loop that the mock engine leaves in its thread."""
    with contextlib.suppress(RuntimeError):  # nothing was registered, so none was made
        asyncio.get_event_loop_policy().get_event_loop().close()


def record(program: Callable[[], Any]) -> Recording:
    """Run `program` against the recording engine and wait until everything it declared is resolved."""

    async def resolved() -> Any:
        found: list[Any] = []

        async def main() -> None:
            made = program()
            found.append(made if isinstance(made, pulumi.Resource) else await pulumi.Output.from_input(made).future())

        await run_pulumi_func(main)
        return found[0]

    def run() -> Recording:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        # One thread, so that resources register in the same order every time.
        with ThreadPoolExecutor(max_workers=1) as engine:
            loop.set_default_executor(engine)
            try:
                settings.set_root_resource(None)  # pyright: ignore[reportArgumentType] - a run starts without a stack
                monitor = _Monitor(_Cloud())
                set_mocks(monitor.cloud, project="project", stack="stack", preview=False, monitor=monitor)
                value = loop.run_until_complete(resolved())
                return Recording(monitor.recorded, value)
            finally:
                engine.submit(_close_loop).result()
                asyncio.set_event_loop(None)
                loop.close()

    return contextvars.copy_context().run(run)


@pytest.fixture(scope="session")
def deploy() -> Callable[[Callable[[], Any]], Recording]:
    """Run a program that declares components and return everything it registered."""
    return record


@pytest.fixture(scope="session")
def linked(deploy: Callable[[Callable[[], Any]], Recording]) -> Callable[[Callable[[], Link]], dict[str, Any]]:
    """Run a program that makes a link and return its environment, statements and secrets, resolved."""

    def resolve(program: Callable[[], Link]) -> dict[str, Any]:
        def asked() -> dict[str, Any]:
            link = program()
            return {
                "environment": dict(link.environment),
                "statements": [
                    {
                        "actions": list(one.actions),
                        "resources": list(one.resources),
                        "conditions": {test: dict(values) for test, values in one.conditions.items()},
                    }
                    for one in link.statements
                ],
                "secrets": {secret.name: secret.reference for secret in link.secrets},
            }

        return deploy(asked).value

    return resolve


IMAGE = ImageArtifact(reference=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/modeshift@sha256:{'a' * 64}")


def fargate(
    args: ServiceArgs | None = None, *, cluster_key: str | None = None, insights: Insights = "enabled", **choices: Any
) -> FargateService:
    """Declare a Fargate service called `dev-netprobe` with the network, cluster and load balancer that it needs."""
    network = Network("dev-net")
    return FargateService(
        "dev-netprobe",
        args or ServiceArgs(artifact=IMAGE),
        cluster=Cluster("dev", key_arn=cluster_key, insights=insights),
        network=network,
        load_balancer=LoadBalancer("dev-door", network=network, internal=True),
        **choices,
    )


@pytest.fixture(scope="session")
def make_fargate() -> Callable[..., FargateService]:
    """Declare a Fargate service inside a program of the test's own."""
    return fargate


@pytest.fixture(scope="session")
def deploy_fargate(deploy: Callable[[Callable[[], Any]], Recording]) -> Callable[..., Recording]:
    """Deploy a Fargate service with what it needs; `args` are fields of `ServiceArgs`, the rest its own choices."""

    def run(args: dict[str, Any] | None = None, **choices: Any) -> Recording:
        return deploy(lambda: fargate(replace(ServiceArgs(artifact=IMAGE), **(args or {})), **choices))

    return run
