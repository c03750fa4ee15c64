"""What a service keeps and what feeds it belong to the stack: computes come and go, and none of it changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.stateful import STATEFUL_TYPES
from stacks.data import OPTIONAL_SECRETS
from tests.components.conftest import Recorded, Recording
from tests.deployments import deploy_shop
from tests.manifests import EVERYTHING, FILES

Up = Callable[..., Recording]

ADMIN = "arn:aws:iam::123456789012:role/ci"
EKS = {"compute": "eks", "kubernetes": {"admins": [ADMIN]}}
RUNNING = {"function:Function", "service:Service", "v3:Release"}
MODES: dict[str, dict[str, object]] = {
    "lambda": {"mode": "serverless"},
    "fargate": {"mode": "container"},
    "eks": {"mode": "container", "container": EKS},
}
COMPUTES = {"LambdaService", "LambdaWorker", "FargateService", "FargateWorker", "EksService", "EksWorker"}
OF_COMPUTES = tuple(f"modeshift:components:{kind}::" for kind in sorted({*COMPUTES, "Migration", "Route"}))


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Up:
    """Deploy a stack with one service `shop` that has every kind of link and trigger; the value is its outputs.

    What several tests look at is deployed once.
    """
    made: dict[str, Recording] = {}

    def run(stack: str = "staging", said: str = EVERYTHING, own: object = None, **settings: object) -> Recording:
        key = repr((stack, said, own, settings))
        if key not in made:
            made[key] = deploy_shop(tmp_path_factory.mktemp("shop"), said, stack, own, settings)
        return made[key]

    return run


def data(recorded: Recording) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return the inputs of all that belongs to no compute, by type and name: links, queues and what sends to them."""
    ours = [r for r in recorded if r.custom and r.name.startswith("staging-shop")]
    return {(r.type, r.name): r.inputs for r in ours if not r.parent.startswith(OF_COMPUTES)}


def test_no_mode_changes_what_is_kept_or_what_waits(up: Up) -> None:
    lambda_, fargate, eks = (data(up(**mode)) for mode in MODES.values())

    kinds = {kind for kind, _ in lambda_}
    assert kinds >= {
        "aws:dynamodb/table:Table",
        "aws:elasticache/serverlessCache:ServerlessCache",
        "aws:pipes/pipe:Pipe",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketNotification:BucketNotification",
        "aws:scheduler/schedule:Schedule",
        "aws:secretsmanager/secret:Secret",
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
    }
    for other in (fargate, eks):
        assert lambda_.keys() == other.keys()
        assert {key for key in lambda_ if lambda_[key] != other[key]} == set()


def test_all_computes_take_messages_during_a_shift(up: Up) -> None:
    recorded = up(own={"shift": {"step": 1, "weights": {"lambda": 90, "fargate": 10}}}, mode="serverless")

    workers = {r.type.rpartition(":")[2] for r in recorded if r.name == "staging-shop-worker"}
    assert workers & COMPUTES == {"LambdaWorker", "FargateWorker"}
    assert len(recorded.all("EventSourceMapping")) == 4


@pytest.mark.parametrize("mode", MODES)
def test_migrations_come_before_everything_that_runs_the_service(up: Up, mode: str) -> None:
    recorded = up(**MODES[mode])
    names = [(r.type.rpartition("/")[2], r.name) for r in recorded if r.custom]
    halves = ("staging-shop", "staging-shop-worker")
    running = [names.index(one) for one in names if one[1] in halves and one[0] in RUNNING]

    assert len(running) == 2
    assert min(running) > names.index(("invocation:Invocation", "staging-shop-migration"))


def test_what_a_service_does_not_have_is_not_made(up: Up) -> None:
    recorded = up(said="")

    assert {r.type for r in recorded if r.custom} & (STATEFUL_TYPES - {"aws:kms/key:Key"}) == set()
    assert recorded.value["services"]["shop"].keys() & {"links", "queues"} == set()


@pytest.mark.parametrize("mode", MODES)
def test_both_halves_find_their_links(up: Up, mode: str) -> None:
    recorded = up(**MODES[mode])
    http, worker = environment(recorded, "staging-shop"), environment(recorded, "staging-shop-worker")
    both = {
        "CACHE_URL",
        "DATABASE_SECRET",
        "DATABASE_URL",
        "JOBS_QUEUE",
        "NOTICES_TOPIC",
        "RESULTS_TABLE",
        "UPLOADS_BUCKET",
        OPTIONAL_SECRETS,
    }
    assert both <= http.keys()
    assert both <= worker.keys()
    assert {name for name in both if http[name] != worker[name]} == set()
    assert json.loads(http[OPTIONAL_SECRETS]).keys() == {"GEMINI_API_KEY", "OTHER_API_KEY"}
    assert json.loads(worker["QUEUES"]).keys() == {"hourly", "jobs", "uploaded", "written"}
    assert "QUEUES" not in http
    assert worker["IDEMPOTENCY_TABLE"].startswith("staging-shop-idempotency")


def environment(recorded: Recording, name: str) -> dict[str, str]:
    """Return the plain variables of what is called so, on any compute."""
    (found,) = (r for r in recorded if r.name == name and r.type.endswith((":Function", ":TaskDefinition", ":Release")))
    if found.type.endswith(":Function"):
        return found.inputs["environment"]["variables"]
    if found.type.endswith(":TaskDefinition"):
        (container,) = json.loads(found.inputs["containerDefinitions"])
        return {variable["name"]: variable["value"] for variable in container["environment"]}
    return found.inputs["values"]["env"]


def test_optional_secrets_are_readable_and_keep_no_task_from_starting(up: Up) -> None:
    recorded = up(mode="container")
    (container,) = json.loads(recorded.one("TaskDefinition", "staging-shop").inputs["containerDefinitions"])
    policy = json.loads(recorded.one("RolePolicy", "staging-shop-task").inputs["policy"])
    readable = [s["Resource"] for s in policy["Statement"] if "secretsmanager:GetSecretValue" in s["Action"]]

    assert [secret["name"] for secret in container["secrets"]] == ["OPENAI_API_KEY"]
    assert any("staging-shop-more-keys" in arn for arns in readable for arn in arns)
    assert not any("staging-shop-keys" in arn for arns in readable for arn in arns)


def test_the_database_is_shared_through_a_proxy_while_a_function_uses_it(up: Up) -> None:
    assert up("prod", **MODES["lambda"]).all("aws:rds/proxy:Proxy")
    assert not up("prod", **MODES["fargate"]).all("aws:rds/proxy:Proxy")
    assert up("prod", own={"links": {"database": {"proxy": True}}}, **MODES["fargate"]).all("aws:rds/proxy:Proxy")


@pytest.mark.parametrize(
    ("stack", "settings", "guarded"),
    [
        ("staging", {}, False),
        ("staging", {"deletionProtection": True}, True),
        ("prod", {"deletionProtection": False}, True),
    ],
)
def test_data_is_protected_where_the_stack_says_so_and_in_prod(
    up: Up, stack: str, settings: Mapping[str, object], guarded: bool
) -> None:
    stateful = [r for r in up(stack, said=EVERYTHING + FILES, **settings) if r.type in STATEFUL_TYPES]

    assert {r.type for r in stateful} >= STATEFUL_TYPES - {
        "aws:ecr/repository:Repository",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:route53/zone:Zone",
    }
    assert {(r.protect, r.retain) for r in stateful if r.type != "aws:kms/key:Key"} == {(guarded, guarded)}


def test_sizes_of_prod_are_those_of_its_profile(up: Up) -> None:
    database = up("prod").one("aws:rds/instance:Instance").inputs

    assert (database["multiAz"], database["backupRetentionPeriod"], database["monitoringInterval"]) == (True, 35, 60)


def test_outputs_say_what_links_are_called_and_no_secret(up: Up) -> None:
    shop = up().value["services"]["shop"]

    assert shop["links"].keys() == {"cache", "database", "keys", "more-keys", "notices", "results", "uploads"}
    assert shop["links"]["results"].startswith("staging-shop-results")
    assert shop["queues"].keys() == {"hourly", "jobs", "uploaded", "written"}
    assert shop["queues"]["jobs"].startswith("https://sqs.")
    assert "secret:rds" not in json.dumps(shop)


@pytest.mark.parametrize("mode", MODES)
def test_no_role_may_act_on_what_it_does_not_name(up: Up, mode: str) -> None:
    unnamed = {"ecr:GetAuthorizationToken", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    unnamed |= {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"}
    unnamed |= {"ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
    for policy in (r for r in up(**MODES[mode]).all("RolePolicy") if r.name.startswith("staging-shop")):
        check(policy, unnamed)


def check(policy: Recorded, unnamed: set[str]) -> None:
    for statement in json.loads(policy.inputs["policy"])["Statement"]:
        assert not any("*" in action for action in statement["Action"]), (policy.name, statement)
        if set(statement["Action"]) - unnamed:
            assert "*" not in statement["Resource"], (policy.name, statement)
