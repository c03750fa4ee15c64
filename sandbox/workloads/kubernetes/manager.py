"""All releases of the account's clusters."""

from __future__ import annotations

import asyncio
import fnmatch
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import aiohttp

from sandbox.control.errors import Refusal
from sandbox.data.environment import environment_of
from sandbox.workloads.kubernetes.chart import Renderer
from sandbox.workloads.kubernetes.history import History
from sandbox.workloads.kubernetes.installation import Installation
from sandbox.workloads.kubernetes.kubelet import Kubelet
from sandbox.workloads.kubernetes.manifests import ManifestError
from sandbox.workloads.kubernetes.nodes import Nodes
from sandbox.workloads.kubernetes.release import Release, Settings
from sandbox.workloads.snapshot import name_of, stack_of
from sandbox.workloads.surfaces import Outcome

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.control.wire import Values
    from sandbox.workloads.containers.containers import Containers
    from sandbox.workloads.context import Context
    from sandbox.workloads.events import Level
    from sandbox.workloads.snapshot import Snapshot
    from sandbox.workloads.surfaces import Targets

_RELEASE = "kubernetes:helm.sh/v3:Release"
_NAMESPACE = "kubernetes:core/v1:Namespace"
_CLUSTER = "aws:eks/cluster:Cluster"
_GATED = ("eks.amazonaws.com/pod-readiness-gate-inject", "elbv2.k8s.aws/pod-readiness-gate-inject")
_TIMEOUT = 300.0
_ASKED = ("chart", "name", "namespace", "values", "checksum")


@dataclass
class _Kept:
    """A release, what was asked of it last, and what is being done about that."""

    resource: Resource
    cluster: Resource
    release: Release
    history: History
    asked: str = ""
    work: asyncio.Task[Outcome] | None = None


class Kubernetes:
    """Keeps every release of the account running in the cluster that it is in."""

    def __init__(self, context: Context, containers: Containers, targets: Targets) -> None:
        self._context = context
        self._containers = containers
        self._targets = targets
        self._renderer = Renderer(context.checkout)
        self._session: aiohttp.ClientSession | None = None
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._nodes: dict[str, Nodes] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        context.faults.on_kill(self._kill)

    async def apply(self, snapshot: Snapshot) -> None:
        """Install what is new, upgrade what has changed, uninstall what is gone."""
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            self._forget_histories({str(one.key) for one in snapshot.of(_RELEASE)})
        clusters = {str(one.outputs["endpoint"]).removeprefix("https://"): one for one in snapshot.of(_CLUSTER)}
        for server, cluster in clusters.items():
            self._nodes.setdefault(server, Nodes(self._context.faults)).take_up(cluster, snapshot)
        wanted = {(one.region, one.id): one for one in snapshot.of(_RELEASE) if one.region in clusters}
        for key in self._kept.keys() - wanted.keys():
            self._remove(self._kept.pop(key))
        for key, resource in wanted.items():
            asked = json.dumps({name: resource.inputs.get(name) for name in _ASKED}, sort_keys=True)
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = self._keep(resource, clusters[resource.region], snapshot)
            kept.resource = resource
            if kept.asked != asked:
                kept.asked = asked
                kept.work = asyncio.create_task(self._deploy(kept, kept.work), name=f"release {resource.id}")

    async def settled(self, release_urn: str) -> Outcome | None:
        """Wait until a release has come about or has failed, as it says itself; None where there is no such release."""
        kept = self._named(release_urn)
        if kept is None or kept.work is None:
            return None
        work = kept.work
        outcome = await asyncio.shield(work)
        # What was asked for meanwhile counts.
        return outcome if kept.work is work else await self.settled(release_urn)

    def evict(self, namespace: str, pod: str) -> str:
        """Evict a pod as draining its node does; return why that is refused, empty when it is done."""
        for kept in self._kept.values():
            if kept.resource.inputs.get("namespace") == namespace:
                return kept.release.installation.evict(pod)
        return f'namespaces "{namespace}" not found'

    def describe(self) -> dict[str, Any]:
        """Return all releases with their pods, as JSON."""
        return {
            "releases": [
                {
                    "name": name_of(kept.resource),
                    "urn": kept.resource.urn,
                    "stack": stack_of(kept.resource),
                    "namespace": kept.resource.inputs.get("namespace"),
                    "cluster": kept.cluster.outputs["name"],
                    **kept.release.describe(),
                }
                for kept in self._kept.values()
            ]
        }

    async def close(self) -> None:
        """End all pods."""
        for kept in self._kept.values():
            if kept.work is not None:
                kept.work.cancel()
                await asyncio.gather(kept.work, return_exceptions=True)
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await asyncio.gather(*(kept.release.installation.close() for kept in self._kept.values()))
        self._kept.clear()
        if self._session is not None:
            await self._session.close()

    def _forget_histories(self, keys: Collection[str]) -> None:
        """Delete what is known of releases that went while nobody looked."""
        for file in (self._context.folder / "releases").glob("*.json"):
            if file.name.split(".", 1)[0] not in keys:
                file.unlink()

    def _keep(self, resource: Resource, cluster: Resource, snapshot: Snapshot) -> _Kept:
        cluster_name, namespace = str(cluster.outputs["name"]), str(resource.inputs["namespace"])
        subject, stack = name_of(resource), stack_of(resource)
        installation = Installation(
            partial(self._kubelet, subject, stack, cluster),
            self._targets,
            self._nodes[resource.region],
            cluster=cluster_name,
            namespace=namespace,
            gated=_gated(namespace, resource.region, snapshot),
        )
        # The key tells a release from one of the same name that was there before it.
        file = self._context.folder / "releases" / f"{resource.key}.{namespace}.{resource.inputs['name']}.json"
        history = History.of(file)
        note = partial(self._note, subject, stack)
        release = Release(str(resource.inputs["name"]), installation, history, self._context.clock, note)
        return _Kept(resource, cluster, release, history)

    def _kubelet(self, subject: str, stack: str, cluster: Resource, changed: Callable[[], None]) -> Kubelet:
        assert self._session is not None
        return Kubelet(
            context=self._context,
            containers=self._containers,
            session=self._session,
            subject=subject,
            stack=stack,
            log_group=f"/aws/containerinsights/{cluster.outputs['name']}/application",
            localized=partial(environment_of, self._context.account, region=cluster.region),
            changed=changed,
        )

    async def _deploy(self, kept: _Kept, before: asyncio.Task[Outcome] | None) -> Outcome:
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        inputs = kept.resource.inputs
        values = cast("Values", inputs.get("values") or {})
        version = str(kept.cluster.outputs["version"])
        try:
            rendered = await self._renderer.render(
                str(inputs["chart"]), str(inputs["name"]), str(inputs["namespace"]), values, version
            )
            return await kept.release.deploy(rendered, _settings(inputs))
        except (Refusal, ManifestError, OSError) as error:
            self._note(name_of(kept.resource), stack_of(kept.resource), "error", str(error))
            return Outcome(ok=False, reason=str(error))

    def _remove(self, kept: _Kept) -> None:
        if kept.work is not None:
            kept.work.cancel()
        kept.history.forget()
        self._note(name_of(kept.resource), stack_of(kept.resource), "info", "Uninstalled")
        task = asyncio.create_task(kept.release.installation.uninstall())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _named(self, urn: str) -> _Kept | None:
        return next((kept for kept in self._kept.values() if kept.resource.urn == urn), None)

    def _kill(self, pattern: str) -> bool:
        named = (kept for kept in self._kept.values() if fnmatch.fnmatchcase(name_of(kept.resource), pattern))
        return any(kept.release.installation.kill() for kept in named)

    def _note(self, subject: str, stack: str, level: Level, text: str) -> None:
        self._context.events.add(subject, "release", text, stack=stack, level=level)


def _gated(namespace: str, server: str, snapshot: Snapshot) -> bool:
    """Whether pods of a namespace count as ready only once a load balancer finds them healthy."""
    for one in snapshot.of(_NAMESPACE):
        metadata = cast("Mapping[str, Any]", one.outputs.get("metadata") or {})
        if one.region == server and metadata.get("name") == namespace:
            labels = metadata.get("labels") or {}
            return any(labels.get(label) == "enabled" for label in _GATED)
    return False


def _settings(inputs: Values) -> Settings:
    atomic = inputs.get("atomic") is True
    return Settings(
        atomic=atomic,
        wait=atomic or inputs.get("skipAwait") is not True,
        timeout=float(cast("float", inputs.get("timeout") or _TIMEOUT)),
        kept=int(cast("int", inputs.get("maxHistory") or 0)),
    )
