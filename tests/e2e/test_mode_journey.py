"""What services keep outlives every change of mode: lambda, fargate, eks and lambda again, with everything real.

A stack with users on PostgreSQL and contracts with its worker goes through all modes under the engine. At each stop the
services run as the account says, find all that was written before, write more, are started anew and find that too. What
waits in a queue when the mode changes is taken by the worker of the next one, once. In the end nothing is left.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from app.ask.results import digest
from automation import operations
from automation.cloud import Cloud, Session, ensure_stack, open_session
from automation.plan import Op
from automation.project import Project
from components.stateful import STATEFUL_TYPES
from sandbox.data.environment import Compute
from tests.app.worker.desk import Desk, client
from tests.e2e.conftest import Workspace
from tests.e2e.workloads import Ask, Workloads, until

pytestmark = pytest.mark.e2e

STACK = "dev"
# What waits or has subscribed holds no data, and is kept by every change of mode all the same.
WAITING = frozenset({"aws:sqs/queue:Queue", "aws:sns/topic:Topic"})
BASE: Mapping[str, object] = {
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:" + "1" * 64,
    "network": {"nat": "single"},
    "container": {"kubernetes": {"admins": ["arn:aws:iam::123456789012:role/deploy"]}},
}
MODES: Mapping[Compute, Mapping[str, object]] = {
    "lambda": {"mode": "serverless", "services": {"users": {"route": "/"}, "contracts": {}}},
    "fargate": {"mode": "container", "services": {"users": {"route": "/"}, "contracts": {}}},
    "eks": {
        "mode": "container",
        "services": {"users": {"route": "/", "compute": "eks"}, "contracts": {"compute": "eks"}},
    },
}
# A function has dead letters of its own, a cluster a key: they come and go with it.
COMPUTES = ("LambdaService$", "EksCluster$")
ROUTE: tuple[Compute, ...] = ("lambda", "fargate", "eks", "lambda")


@dataclass
class Stack:
    """The stack, and what was written to its services so far."""

    workspace: Workspace
    project: Project
    session: Session
    emails: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    def up(self, **settings: object) -> None:
        """Bring up; hold the plan, and what is there afterwards, to losing nothing."""
        self.workspace.edit(STACK, **{**BASE, **settings})
        ensure_stack(self.project, STACK, Cloud.SANDBOX)
        done = operations.up(self.session, Console(quiet=True))
        assert done.ok, [error.message for error in done.plan.errors()]
        lost = [one.urn for one in done.plan.changed() if one.op in {Op.REPLACE, Op.DELETE} and stays(one.urn)]
        assert lost == []
        assert self.missing() == []
        self.kept = self._there()

    def destroy(self) -> None:
        """Delete what is not protected."""
        done = operations.destroy(self.session, Console(quiet=True))
        assert done.ok, [error.message for error in done.plan.errors()]

    def missing(self) -> list[str]:
        """Return what was there after the last `up` and is there no more."""
        there = self._there()
        return [urn for urn, name in self.kept.items() if there.get(urn) != name]

    def _there(self) -> dict[str, str]:
        return {one["urn"]: one["id"] for one in self.workspace.account() if stays(one["urn"])}

    @property
    def workloads(self) -> Workloads:
        return Workloads(self.workspace.root)


@pytest.fixture
def stack(workspace: Workspace) -> Iterator[Stack]:
    """A stack without anything yet; the engine's providers run on between its changes."""
    project = Project(workspace.root, workspace.root / ".modeshift")
    workspace.edit(STACK, **BASE, **MODES["lambda"])
    ensure_stack(project, STACK, Cloud.SANDBOX)
    with open_session(project, STACK, Cloud.SANDBOX, runs=False) as session:
        yield Stack(workspace, project, session)


def test_data_outlives_every_change_of_mode(stack: Stack) -> None:
    stack.up(**MODES["lambda"])
    contracts = Contracts(stack.workloads)
    keep_users(stack, "lambda")
    for before, compute in itertools.pairwise(ROUTE):
        contracts.leave(before)
        # A cluster that is protected could not be left again in one step.
        stack.up(**MODES[compute], deletionProtection=compute == "lambda")
        contracts.take(compute)
        keep_users(stack, compute)
    assert (len(stack.emails), len(contracts.sent)) == (4, 6)

    # Destroyed by mistake: what holds data stays, and the next `up` is with it again.
    stack.destroy()
    assert {kind(urn) for urn in stack.missing()} <= WAITING
    stack.kept = {}
    stack.up(**MODES["lambda"], deletionProtection=False)
    keep_users(stack, "lambda")

    assert running(stack.workloads.account)
    stack.destroy()
    assert stack.workspace.account() == []
    until(lambda: not running(stack.workloads.account))
    assert list(stack.workloads.account.glob("data/postgres/db-*")) == []


def kind(urn: str) -> str:
    """Return a resource's own type."""
    return urn.split("::")[2].rpartition("$")[2]


def stays(urn: str) -> bool:
    """Tell whether a resource holds data or messages of the services, which is nothing of a compute's own."""
    return kind(urn) in STATEFUL_TYPES | WAITING and not any(part in urn for part in COMPUTES)


def keep_users(stack: Stack, compute: Compute) -> None:
    """Read all users that were ever written, write one more, and read again after a new start."""
    with stack.workloads.serving("users", compute) as ask:
        assert emails(ask) == stack.emails
        stack.emails.append(f"user{len(stack.emails)}@example.com")
        answer = ask("POST", "/", {"email": stack.emails[-1], "name": f"On {compute}"})
        assert answer.status == 201, answer
    with stack.workloads.serving("users", compute) as ask:
        assert emails(ask) == stack.emails


def emails(ask: Ask) -> list[str]:
    answer = ask("GET", "/?limit=100")
    assert answer.status == 200, answer
    return [user["email"] for user in reversed(answer.body["items"])]


class Contracts:
    """Contracts that were sent in, and the notices of their results, to which somebody has subscribed."""

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = workloads
        self._told: Counter[str] = Counter()
        self.sent: list[str] = []
        desk = workloads.desk("contracts", "lambda")
        self._inbox = desk.sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = desk.sqs.get_queue_attributes(QueueUrl=self._inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = desk.environ["NOTICES_TOPIC"]
        client("sns", desk.endpoint).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def leave(self, compute: Compute) -> None:
        """Send one in as a job and one as a file, and each message once more, as queues may; nobody takes them yet."""
        desk = self._workloads.desk("contracts", compute)
        job, file = (f"pragma solidity 0.8.30; contract C{len(self.sent) + more} {{ }}" for more in range(2))
        with self._workloads.serving("contracts", compute) as ask:
            assert ask("POST", "/contracts/analyze", {"source": job}, prefer="respond-async").status == 202
        bucket = client("s3", desk.endpoint)
        bucket.put_object(Bucket=desk.environ["UPLOADS_BUCKET"], Key=f"{digest(file)}.sol", Body=file.encode())
        for trigger in ("jobs", "uploaded"):
            [message] = desk.sqs.receive_message(QueueUrl=desk.url(trigger), VisibilityTimeout=0)["Messages"]
            desk.send(message["Body"], trigger=trigger)
        self.sent += [digest(job), digest(file)]

    def take(self, compute: Compute) -> None:
        """Let the worker take what waits; each contract has been told of once, and its result can be read."""
        desk = self._workloads.desk("contracts", compute)
        triggers = json.loads(desk.environ["QUEUES"])
        with self._workloads.working("contracts", compute) as go_on:

            def done() -> bool:
                go_on()
                self._told.update(self._heard(desk))
                return self._told.keys() >= set(self.sent) and all(desk.waiting(one) == (0, 0) for one in triggers)

            until(done)
        self._told.update(self._heard(desk))
        assert self._told == dict.fromkeys(self.sent, 1)
        assert [parked for trigger in triggers for parked in desk.parked(trigger)] == []
        with self._workloads.serving("contracts", compute) as ask:
            answer = ask("GET", "/contracts/results?limit=50")
        assert {result["hash"] for result in answer.body["results"]} == set(self.sent)

    def _heard(self, desk: Desk) -> Iterator[str]:
        """Yield the hash of each new notice."""
        received = desk.sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages", [])
        for message in received:
            desk.sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(json.loads(message["Body"])["Message"])["hash"]


def running(account: Path) -> list[str]:
    """Return the commands of what runs for an account, but for the engine's own providers."""
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    found = [" ".join(words) for words in commands if any(str(account) in word for word in words)]
    return [command for command in found if "automation.attach" not in command]
