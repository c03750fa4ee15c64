"""A service with every kind of link and trigger, planned by the real engine: whatever changes, its data stays.

Every change of mode and of size is previewed against a stack that is up, and none replaces or deletes what holds data
or what waits in a queue. What exists is taken over, and what is protected is there when all else is destroyed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from automation import operations
from automation.cloud import Cloud, Session, ensure_stack, open_session
from automation.plan import Change, Op, Plan
from automation.plan.remarks import remarks
from automation.project import Project
from components.stateful import STATEFUL_TYPES
from tests.e2e.conftest import Workspace, make_workspace
from tests.manifests import EVERYTHING, add_service

pytestmark = pytest.mark.e2e

STACK = "dev"
IMAGE = "registry.example.com/app@sha256:" + "1" * 64
ADMIN = "arn:aws:iam::123456789012:role/deploy"
# What a service has in it is not looked at here; a journey with real data runs its migrations.
SAID = EVERYTHING.replace("migrations = true", "")
BASE: Mapping[str, object] = {
    "image": IMAGE,
    "network": {"nat": "single"},
    "deletionProtection": True,
    "container": {"kubernetes": {"admins": [ADMIN]}},
    "mode": "serverless",
    "services": {"shop": {}},
}
MODES: Mapping[str, Mapping[str, object]] = {
    "lambda": {"mode": "serverless"},
    "fargate": {"mode": "container"},
    "eks": {"mode": "container", "services": {"shop": {"compute": "eks"}}},
    "shift": {"services": {"shop": {"shift": {"step": 1, "weights": {"lambda": 100, "fargate": 0}}}}},
}
WAITING = frozenset({"aws:sqs/queue:Queue", "aws:sns/topic:Topic"})
"""What holds no data and must stay all the same: messages are in it, and people have subscribed."""

KEPT = STATEFUL_TYPES | WAITING
SIZES: Mapping[str, Mapping[str, object]] = {
    "cache": {"maxGb": 5, "maxEcpuPerSecond": 10_000, "backupDays": 7},
    "database": {
        "size": "db.t4g.medium",
        "storageGb": 50,
        "maxStorageGb": 500,
        "multiAz": True,
        "backupDays": 30,
        "monitoring": True,
        "proxy": True,
        "database": "other",
        "username": "other",
    },
    "notices": {"email": ["people@example.com"], "https": ["https://example.com/notices"]},
    "uploads": {"infrequentDays": 30, "archiveDays": 90, "expireDays": 400, "accessLogDays": 30},
}


class Shop:
    """The stack and its file."""

    def __init__(self, workspace: Workspace, session: Session, project: Project) -> None:
        self.workspace = workspace
        self._session = session
        self._project = project
        self._console = Console(quiet=True)

    def write(self, **settings: object) -> None:
        """Write the stack file: what every stack here says, and these settings."""
        self.workspace.edit(STACK, **{**BASE, **dict.fromkeys(("customerKey", "logRetentionDays")), **settings})
        ensure_stack(self._project, STACK, Cloud.SANDBOX)

    def up(self, **settings: object) -> Plan:
        """Bring up; return what was done."""
        self.write(**settings)
        done = operations.up(self._session, self._console)
        assert done.ok, [error.message for error in done.plan.errors()]
        return done.plan

    def destroy(self) -> None:
        """Take the stack down, but for what is protected."""
        assert operations.destroy(self._session, self._console).ok

    def forget(self, *kinds: str) -> None:
        """Take resources out of the stack and leave them in the account, as when a state is lost."""
        while found := [one["urn"] for one in self.resources() if one["type"] in kinds]:
            done = self._session.engine.query(
                *("state", "delete", found[0], "--force", "--target-dependents", "--yes", "--stack", STACK)
            )
            assert done.ok, done

    def resources(self) -> list[dict[str, Any]]:
        """Return the service's resources in the state that hold data or messages, but for what its computes own."""
        found = self.workspace.state(STACK)["checkpoint"]["latest"]["resources"]
        return [
            one for one in found if one["type"] in KEPT and "::dev-shop-" in one["urn"] and not of_compute(one["urn"])
        ]

    def preview(self, **settings: object) -> Plan:
        """Return what bringing up would do."""
        self.write(**settings)
        planned = operations.preview(self._session, self._console)
        assert planned.ok, [error.message for error in planned.plan.errors()]
        return planned.plan


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, build_cache: Path) -> Workspace:
    """A stack with every kind of link and trigger, on Lambda, up; tests that change it do so in a copy."""
    workspace = make_workspace(tmp_path_factory.mktemp("data"), build_cache)
    add_service(workspace.root, SAID)
    with pytest.MonkeyPatch.context() as patch, opened(workspace, patch) as stack:
        stack.up()
    return workspace


@pytest.fixture(scope="module")
def shop(made: Workspace) -> Iterator[Shop]:
    """The stack, for previews: the engine's providers run on between them."""
    with pytest.MonkeyPatch.context() as patch, opened(made, patch) as stack:
        yield stack


@pytest.fixture
def copy(made: Workspace, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the stack and its account, to be changed."""
    workspace = Workspace(tmp_path / "copy")
    shutil.copytree(made.root, workspace.root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch, opened(workspace, patch) as stack:
        yield stack


@contextmanager
def opened(workspace: Workspace, patch: pytest.MonkeyPatch) -> Iterator[Shop]:
    patch.setenv("PYTHONPATH", workspace.environment["PYTHONPATH"])
    project = Project(workspace.root, workspace.root / ".modeshift")
    workspace.edit(STACK, **BASE)
    ensure_stack(project, STACK, Cloud.SANDBOX)
    with open_session(project, STACK, Cloud.SANDBOX, runs=False) as session:
        yield Shop(workspace, session, project)


def of_compute(urn: str) -> bool:
    """Tell whether a compute owns something: the queue of a function's failed events goes with it."""
    return "Service$" in urn


def kept(plan: Plan) -> list[Change]:
    """Return what of the service's own holds data or messages."""
    found = [change for change in plan.changes.values() if change.type in KEPT and "::dev-shop-" in change.urn]
    own = [change for change in found if not of_compute(change.urn)]
    assert {change.type for change in own} >= KEPT - {
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:kms/key:Key",
        "aws:route53/zone:Zone",
    }
    return own


def ops(plan: Plan) -> dict[str, Op]:
    return {f"{change.type} {change.name}": change.op for change in kept(plan)}


@pytest.mark.parametrize("mode", ["fargate", "eks", "shift"])
def test_a_change_of_mode_leaves_data_and_messages_as_they_are(shop: Shop, mode: str) -> None:
    plan = shop.preview(**MODES[mode])

    assert set(ops(plan).values()) == {Op.SAME}
    assert plan.changed()
    assert any("Nothing that holds data is replaced or deleted." in remark.text for remark in remarks(plan))


SIZED: Mapping[str, object] = {"links": SIZES, "worker": {"timeout": 200}}


def test_a_change_of_size_changes_in_place(shop: Shop) -> None:
    plan = shop.preview(services={"shop": SIZED}, customerKey=True, logRetentionDays=30)
    found = {what: op for what, op in ops(plan).items() if op is not Op.CREATE}

    assert set(found.values()) <= {Op.SAME, Op.UPDATE}
    updated = {what.rpartition(" ")[2] for what, op in found.items() if op is Op.UPDATE}
    assert updated >= {"dev-shop-database", "dev-shop-cache", "dev-shop-jobs"}
    assert [change.name for change in plan.changed() if change.destructive] == []


def test_a_restore_makes_a_database_and_leaves_the_one_it_is_made_of(shop: Shop) -> None:
    restores = [{"name": "r1", "at": "2026-01-02T03:04:05Z"}]
    plan = shop.preview(services={"shop": {"links": {"database": {"restores": restores}}}})
    databases = {change.name: change.op for change in kept(plan) if change.type == "aws:rds/instance:Instance"}

    assert databases == {"dev-shop-database": Op.SAME, "dev-shop-database-r1": Op.CREATE}
    assert any("as it was at 2026-01-02T03:04:05Z" in remark.text for remark in remarks(plan))


def test_what_moved_and_grew_is_what_it_was(copy: Shop) -> None:
    before = {one["urn"]: one["id"] for one in copy.resources()}
    # A cluster that is protected could not be left again in one step.
    copy.up(mode="container", deletionProtection=False, services={"shop": {**SIZED, "compute": "eks"}})
    after = {one["urn"]: one["id"] for one in copy.resources()}
    back = copy.preview(deletionProtection=False, services={"shop": SIZED})

    assert before
    assert {urn: after.get(urn) for urn in before} == before
    assert set(ops(back).values()) == {Op.SAME}


def test_protected_data_is_there_when_its_stack_is_destroyed(copy: Shop) -> None:
    before = {one["urn"]: one["id"] for one in copy.resources() if one["type"] in STATEFUL_TYPES}
    copy.destroy()
    account = {one["id"] for one in copy.workspace.account()}

    assert {one["urn"]: one["id"] for one in copy.resources() if one["type"] in STATEFUL_TYPES} == before
    assert account >= set(before.values())


TAKEN: Mapping[str, str] = {
    "aws:dynamodb/table:Table": "results",
    "aws:elasticache/serverlessCache:ServerlessCache": "cache",
    "aws:rds/instance:Instance": "database",
    "aws:s3/bucket:Bucket": "uploads",
    "aws:secretsmanager/secret:Secret": "keys",
}


def test_what_exists_is_taken_over_as_it_is(copy: Shop) -> None:
    names = {one["type"]: one for one in copy.resources() if one["urn"].endswith(f"-shop-{TAKEN.get(one['type'])}")}
    given: dict[str, dict[str, object]] = {TAKEN[kind]: {"import": name_of(one)} for kind, one in names.items()}
    given["database"] |= {"backupDays": 9}
    copy.forget(*TAKEN)
    plan = copy.preview(services={"shop": {"links": given}})
    imported = {change.type: change for change in plan.changed() if change.imported}
    database = imported.pop("aws:rds/instance:Instance")

    assert imported.keys() == TAKEN.keys() - {database.type}
    assert {change.op for change in imported.values()} == {Op.CREATE}
    assert (database.op, [one.path for one in database.diff]) == (Op.UPDATE, ["backupRetentionPeriod"])


def name_of(resource: Mapping[str, Any]) -> str:
    """Return what people call a resource by: its ARN, where no other name is taken."""
    outputs = resource["outputs"]
    if resource["type"] == "aws:secretsmanager/secret:Secret":
        return str(outputs["arn"])
    return str(outputs.get("identifier") or outputs.get("bucket") or outputs["name"])
