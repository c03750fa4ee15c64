"""Workers and migrations under the real engine and the sandbox: moves, releases that fail, and what others judge."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from automation import policies
from sandbox.data import client
from tests.sandbox.engine import Sandbox, Stack, opened

pytestmark = pytest.mark.e2e

_REPOSITORY = Path(__file__).resolve().parents[2]

_PROGRAM = f"""
import json
import sys
from pathlib import Path

sys.path.insert(0, {str(_REPOSITORY)!r})

import pulumi
import pulumi_aws as aws

from components.key import CustomerKey
from components.migration import Migration
from components.network import Network
from components.queue import Queue
from components.service import ImageArtifact, WorkloadArgs, ZipArtifact
from components.table import Table
from components.worker import WorkerArgs, visibility_seconds

wanted = {{
    "modes": ["lambda"],
    "triggers": ["jobs", "uploaded"],
    "timeout": 300,
    "visibility": None,
    "package": None,
    "note": "",
    "key": False,
    "tags": {{"tags": {{"Owner": "me", "Environment": "dev", "Cost-Center": "none"}}}},
    **json.loads(Path("settings.json").read_text()),
}}
opts = pulumi.ResourceOptions(provider=aws.Provider("aws", region="us-east-1", default_tags=wanted["tags"]))
key = CustomerKey("dev-key", guarded=False, opts=opts).arn if wanted["key"] else None
seconds = wanted["visibility"] or visibility_seconds(wanted["timeout"])
queues = {{
    name: Queue(f"dev-contracts-{{name}}", visibility_seconds=seconds, key_arn=key, opts=opts)
    for name in wanted["triggers"]
}}
table = Table(
    "dev-contracts-idempotency",
    key=["id"],
    attributes={{"id": "S"}},
    ttl="expiration",
    key_arn=key,
    guarded=wanted["key"],
    opts=opts,
)
path, digest = wanted["package"]
package = ZipArtifact(path=path, sha256=digest)
image = ImageArtifact(reference="123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:" + 64 * "a")
kept = 365 if wanted["key"] else 7
ran = {{"MIGRATED": str(Path("migrated").resolve())}}
migration = Migration(
    "dev-contracts-migration",
    WorkloadArgs(artifact=package, environment=ran, key_arn=key, timeout=60, log_retention_days=kept),
    opts=opts,
)
after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[migration]))
network = None
if wanted["modes"] != ["lambda"]:
    network = Network("dev-network", key_arn=key, log_retention_days=kept, opts=opts)


def worker_args(artifact):
    return WorkerArgs(
        artifact=artifact,
        environment={{"SERVICES": "contracts=/", "NOTE": wanted["note"]}},
        queues=queues,
        idempotency=table.link("idempotency", actions=["PutItem", "UpdateItem", "DeleteItem"]),
        timeout=wanted["timeout"],
        key_arn=key,
        log_retention_days=kept,
    )


if "lambda" in wanted["modes"]:
    from components.lambda_worker import LambdaWorker

    LambdaWorker("dev-contracts-worker", worker_args(package), opts=after)
if "fargate" in wanted["modes"]:
    from components.cluster import Cluster
    from components.fargate_worker import FargateWorker

    cluster = Cluster("dev-cluster", key_arn=key, log_retention_days=kept, opts=opts)
    FargateWorker("dev-contracts-worker", worker_args(image), cluster=cluster, network=network, opts=after)
if "eks" in wanted["modes"]:
    from components.eks_cluster import EksCluster
    from components.eks_worker import EksWorker

    admin = "arn:aws:iam::123456789012:role/deploy"
    cluster = EksCluster("dev-eks", network=network, admins=[admin], opts=opts)
    EksWorker("dev-contracts-worker", worker_args(image), cluster=cluster, opts=after)
pulumi.export("jobs", queues["jobs"].url)
pulumi.export("table", table.table_name)
"""

_MIGRATES = """
import os


def lambda_handler(event, context):
    with open(os.environ["MIGRATED"], "a") as lines:
        lines.write("{version}\\n")
    if {fails}:
        raise RuntimeError("column users.email exists")
    return {{"migrated": "{version}"}}
"""

FUNCTION = "aws:lambda/function:Function"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
_DATA = ("aws:sqs/queue:Queue", "aws:dynamodb/table:Table")


def package(folder: Path, version: str, *, fails: bool = False) -> list[str]:
    """Return path and hash of a package whose migration says that it ran."""
    path = folder / f"{version}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {
            "app/__init__.py": "",
            "app/migrate.py": _MIGRATES.format(version=version, fails=fails),
            "app/worker.py": f"VERSION = {version!r}\n",
        }.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return [str(path), base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("workers")
    with opened(folder) as sandbox:
        try:
            yield sandbox
        finally:
            client.stop(folder / "account")


def steps(events: list[dict[str, Any]], kind: str) -> set[str]:
    """Return what was done with the resources of a type."""
    found = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    return {one["op"] for one in found if one["type"] == kind}


def versions(sandbox: Sandbox) -> dict[str, str]:
    """Return the published version of each function there is."""
    found = [one for one in sandbox.account.list_resources() if one.type == FUNCTION]
    return {str(one.outputs["name"])[:-8]: str(one.outputs["version"]) for one in found}


def migrated(stack: Stack) -> list[str]:
    return (stack.folder / "migrated").read_text().split()


def test_worker_moves_between_computes_and_what_feeds_it_stays(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = sandbox.stack(_PROGRAM, "moves")
    first = package(tmp_path, "one")
    stack.settle(package=first)
    assert stack.summary("up").keys() == {"create"}
    assert migrated(stack) == ["one"]
    assert stack.summary("up").keys() == {"same"}
    names = stack.outputs()

    # As in a shift, then one of them, which by now has less to do.
    stack.settle(package=first, modes=["lambda", "fargate", "eks"])
    events = stack.events("up")
    assert all(steps(events, kind) == {"same"} for kind in (*_DATA, FUNCTION, MAPPING))
    assert stack.outputs() == names
    assert migrated(stack) == ["one"], "the package and what it is linked with are the same"

    stack.settle(package=first, triggers=["jobs"], timeout=200, visibility=2000, note="other")
    events = stack.events("up")
    assert "replace" not in steps(events, FUNCTION)
    assert steps(events, MAPPING) == {"same", "delete"}
    assert steps(events, "aws:ecs/service:Service") == steps(events, "kubernetes:helm.sh/v3:Release") == {"delete"}
    assert stack.outputs() == names

    assert stack.summary("destroy").keys() == {"delete"}
    assert sandbox.account.summary() == {}


def test_release_stops_at_a_migration_that_fails_and_goes_on_with_one_that_does_not(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    stack = sandbox.stack(_PROGRAM, "releases")
    stack.settle(package=package(tmp_path, "one"))
    stack.summary("up")
    before = versions(sandbox)

    stack.settle(package=package(tmp_path, "bad", fails=True))
    said = stack.failure("up")
    assert "column users.email exists" in said
    assert versions(sandbox)["dev-contracts-worker"] == before["dev-contracts-worker"] == "1"
    assert migrated(stack) == ["one", "bad"]

    stack.settle(package=package(tmp_path, "good"))
    events = stack.events("up")
    assert "replace" in steps(events, "aws:lambda/invocation:Invocation")
    assert versions(sandbox)["dev-contracts-worker"] == "2"
    assert migrated(stack) == ["one", "bad", "good"]
    stack.summary("destroy")


def test_workers_and_migrations_break_no_rule_that_stops_them(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = sandbox.stack(_PROGRAM, "prod")
    stack.settle(package=package(tmp_path, "one"), modes=["lambda", "fargate", "eks"], key=True)
    report = policies.judge(
        stack.events("preview"), environment="prod", suppressions=(), today=date(2026, 1, 1), dependencies=None
    )
    own = [one for one in report.findings if one.stops and "contracts" in one.resource.name]
    # Where tasks may go is what a service reaches, which no setting says yet (policy/suppressions.yaml).
    assert [(one.rule.id, one.resource.name) for one in own if one.rule.id != "MS-NET-006"] == []
