"""A cluster of an account with one release of the real chart, whose app is a small program of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.control.account import Resource
from sandbox.workloads.containers.containers import Containers
from sandbox.workloads.context import Context
from sandbox.workloads.faults import Faults
from sandbox.workloads.kubernetes import manager as module
from sandbox.workloads.kubernetes.manager import Kubernetes
from sandbox.workloads.snapshot import Snapshot
from sandbox.workloads.surfaces import Health, Outcome, Target

CHART = Path(__file__).resolve().parents[4] / "charts" / "service"
NAME = "staging-users"
URN = f"urn:pulumi:staging::modeshift::kubernetes:helm.sh/v3:Release::{NAME}"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/users/0123456789abcdef"
ZONES = ("us-east-1a", "us-east-1b")
PATIENCE = 240
"""Seconds that a busy machine may take; what is waited for comes within one or two."""

_SERVER = "CD4E.gr7.us-east-1.eks.amazonaws.com"
_APP = """
import http.server, os, signal, sys, threading, time

mode = os.environ.get("MODE", "")
if mode == "crash":
    sys.exit("cannot start like this")


def leave(number, frame):
    print("asked to end", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, leave)


def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/eat":
            self.server.eaten = bytearray(b"x") * (200 * 1024 * 1024)
        if self.path == "/burn":
            threading.Thread(target=burn, args=(float(os.environ["BURN"]),), daemon=True).start()
        bad = mode == f"bad{self.path.replace('/', '-')}" or os.path.exists(f"switches{self.path}")
        body = os.environ.get("VERSION", "").encode()
        self.send_response(503 if bad else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


if mode == "worker":
    print("working", flush=True)
    open(os.environ["HEARTBEAT"], "w").close()
    while True:
        time.sleep(60)
if mode == "check":
    sys.exit(0)
print("serving", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Balancer:
    """A load balancer that finds healthy what it is told to, and remembers who was there."""

    def __init__(self) -> None:
        self.targets: dict[str, Target] = {}
        self.healthy = True
        self.told: list[tuple[str, str]] = []

    def register(self, group_arn: str, target: Target) -> None:
        assert group_arn == GROUP
        self.targets[target.id] = target
        self.told.append(("register", target.id))

    async def deregister(self, group_arn: str, target_id: str) -> None:
        assert group_arn == GROUP
        self.targets.pop(target_id, None)
        self.told.append(("deregister", target_id))

    def health(self, group_arn: str) -> list[Health]:
        state = "healthy" if self.healthy else "initial"
        return [Health(target, state) for target in self.targets.values()]


class Failing(Faults):
    """Faults that a test says itself."""

    def __init__(self) -> None:
        super().__init__()
        self.zones: set[str] = set()

    def failed_zones(self) -> frozenset[str]:
        return frozenset(self.zones)


class Cluster:
    """The manager with what a test needs to drive it."""

    def __init__(self, folder: Path, speed: float) -> None:
        self.checkout = folder / "checkout"
        (self.checkout / "app").mkdir(parents=True, exist_ok=True)
        (self.checkout / "app" / "__main__.py").write_text(_APP)
        (self.checkout / "switches").mkdir(exist_ok=True)
        made = Context.of(folder / "account", self.checkout, speed)
        self.faults = Failing()
        self.context = Context(**{**made.__dict__, "faults": self.faults})
        self.containers = Containers(self.context)
        self.balancer = Balancer()
        self.manager = Kubernetes(self.context, self.containers, self.balancer)
        self.inputs: dict[str, Any] = {}

    async def apply(self, **changes: Any) -> None:
        """Let the account have the release, with these inputs different from before."""
        self.inputs = {**self.inputs, **changes}
        await self.manager.apply(_snapshot(self.inputs))

    async def up(self, values: Mapping[str, Any], **changes: Any) -> Outcome:
        """Bring the release up with values, and wait until it is settled."""
        await self.apply(values=dict(values), **changes)
        outcome = await asyncio.wait_for(self.manager.settled(URN), PATIENCE)
        assert outcome is not None
        return outcome

    async def down(self) -> None:
        """Let the account have no release any more."""
        await self.manager.apply(_snapshot(None))

    @property
    def release(self) -> dict[str, Any]:
        (release,) = self.manager.describe()["releases"]
        return release

    @property
    def deployment(self) -> dict[str, Any]:
        (deployment,) = self.release["deployments"]
        return deployment

    @property
    def pods(self) -> list[dict[str, Any]]:
        return [pod for one in self.release["deployments"] for pod in one["pods"]]

    def condition(self, kind: str) -> dict[str, str]:
        return next(one for one in self.deployment["conditions"] if one["type"] == kind)

    def said(self) -> list[str]:
        return [event.text for event in self.context.events.since()]

    def ask(self, pod: Mapping[str, Any], path: str) -> str:
        return httpx.get(f"http://127.0.0.1:{pod['port']}{path}", timeout=PATIENCE).text

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)


@asynccontextmanager
async def cluster(folder: Path, monkeypatch: pytest.MonkeyPatch, speed: float = 50) -> AsyncIterator[Cluster]:
    """Start a cluster in a folder, and leave no process behind."""
    monkeypatch.setattr(module, "environment_of", lambda account, given, region: dict(given))
    made = Cluster(folder, speed)
    try:
        yield made
    finally:
        await made.manager.close()
        await made.containers.close()
        made.context.logs.close()


def values(*, replicas: int = 2, **more: Any) -> dict[str, Any]:
    """Return values of the chart, for pods that begin and end quickly."""
    digest = f"sha256:{'a' * 64}"
    return {
        "image": {"repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/app", "digest": digest},
        "replicaCount": replicas,
        "targetGroupBinding": {"enabled": True, "targetGroupARN": GROUP},
        "rollout": {"progressDeadlineSeconds": 120},
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "100m", "memory": "128Mi"},
        },
        **more,
    }


def _snapshot(release: Mapping[str, Any] | None) -> Snapshot:
    subnets = [
        _resource("aws:ec2/subnet:Subnet", f"subnet-{zone}", availabilityZone=zone, cidrBlock=f"10.30.{number}.0/24")
        for number, zone in enumerate(ZONES)
    ]
    cluster = _resource(
        "aws:eks/cluster:Cluster",
        "staging-eks",
        name="staging-eks",
        version="1.35",
        endpoint=f"https://{_SERVER}",
        vpcConfig={"subnetIds": [one.id for one in subnets]},
    )
    gated = {"eks.amazonaws.com/pod-readiness-gate-inject": "enabled"}
    namespace = _resource(
        "kubernetes:core/v1:Namespace", NAME, region=_SERVER, metadata={"name": NAME, "labels": gated}
    )
    given = {
        "chart": str(CHART),
        "name": NAME,
        "namespace": NAME,
        "atomic": True,
        "timeout": 900,
        "maxHistory": 10,
        **(release or {}),
    }
    made = Resource(9, "kubernetes:helm.sh/v3:Release", _SERVER, f"{NAME}/{NAME}", URN, given, given)
    return Snapshot([*subnets, cluster, namespace, *([made] if release is not None else [])])


def _resource(kind: str, known: str, region: str = "us-east-1", **outputs: Any) -> Resource:
    return Resource(1, kind, region, known, f"urn:pulumi:staging::modeshift::{kind}::{known}", outputs, outputs)
