"""Pods as a kubelet keeps them: probed, restarted, held to limits, moved when a zone fails, counted by their use."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.workloads.kubernetes.cluster import NAME, ZONES, Cluster, cluster, values

pytestmark = pytest.mark.e2e


def test_a_pod_that_is_not_ready_gets_no_requests_and_one_that_does_not_live_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values(replicas=1))).ok
            pid, restarts = one.pods[0]["pid"], one.pods[0]["restarts"]
            ready = one.checkout / "switches" / "ready"
            ready.touch()
            await one.until(lambda: not one.balancer.targets)
            assert (one.pods[0]["ready"], one.pods[0]["pid"], one.pods[0]["restarts"]) == (False, pid, restarts)
            assert one.pods[0]["message"] == "HTTP probe failed with statuscode: 503"
            ready.unlink()
            await one.until(lambda: one.balancer.targets)
            health = one.checkout / "switches" / "health"
            health.touch()
            await one.until(lambda: one.pods[0]["restarts"] > restarts)
            health.unlink()
            await one.until(lambda: one.pods[0]["ready"] and one.balancer.targets)
            assert one.pods[0]["pid"] != pid
            assert any("Container app failed liveness probe, will be restarted" in text for text in one.said())
            # It was asked to end, and did so by itself.
            assert one.pods[0]["last_state"]["reason"] == "Completed"
            (target,) = one.balancer.targets.values()
            assert target.port == one.pods[0]["port"]

    asyncio.run(scenario())


def test_a_container_that_takes_more_memory_than_its_limit_is_killed_and_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values(replicas=1))).ok
            pid = one.pods[0]["pid"]
            with suppress(httpx.HTTPError):
                await asyncio.to_thread(one.ask, one.pods[0], "/eat")
            await one.until(lambda: one.pods[0]["pid"] not in {0, pid} and one.pods[0]["ready"])
            state = one.pods[0]["last_state"]
            assert (state["reason"], state["exit_code"]) == ("OOMKilled", 137)

    asyncio.run(scenario())


def test_one_process_is_killed_on_request_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values())).ok
            before = {pod["name"]: pod["pid"] for pod in one.pods}
            restarts = sum(pod["restarts"] for pod in one.pods)
            (kill,) = one.faults._kill
            assert kill("staging-*")
            assert not kill("dev-*")
            await one.until(lambda: len(_ready(one)) == 2 and {pod["pid"] for pod in one.pods} != {*before.values()})
            after = {pod["name"]: pod["pid"] for pod in one.pods}
            assert after.keys() == before.keys()
            assert sum(after[name] == pid for name, pid in before.items()) == 1
            assert sum(pod["restarts"] for pod in one.pods) == restarts + 1

    asyncio.run(scenario())


def _ready(one: Cluster) -> list[dict[str, Any]]:
    # Kubernetes takes pods of a node that has just gone for ready; nothing of them runs.
    return [pod for pod in one.pods if pod["ready"] and pod["status"] == "Running" and pod["pid"]]


def test_pods_of_a_zone_that_fails_come_back_elsewhere_whatever_a_budget_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch, speed=100) as one:
            assert (await one.up(values())).ok
            await one.until(lambda: one.deployment["available"] == 2)
            lost = {pod["name"] for pod in one.pods if pod["zone"] == ZONES[0]}
            one.faults.zones.add(ZONES[0])
            # Kubernetes learns of it when nodes have been silent for a while, and gives up on their pods later.
            await one.until(lambda: one.condition("Available")["status"] == "False")
            assert lost < {pod["name"] for pod in one.pods}
            await one.until(lambda: len(_ready(one)) == 2 and one.deployment["available"] == 2)
            assert {pod["zone"] for pod in _ready(one)} == {ZONES[1]}
            assert not lost & {pod["name"] for pod in _ready(one)}
            # With no zone left a pod has nowhere to be, until there is one again.
            one.faults.zones.add(ZONES[1])
            await one.until(lambda: any(pod["status"] == "Pending" for pod in one.pods))
            assert any("0/2 zones are available" in pod["message"] for pod in one.pods)
            one.faults.zones.clear()
            await one.until(lambda: len(_ready(one)) == 2)

    asyncio.run(scenario())


def test_a_zone_that_comes_back_soon_has_its_pods_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch, speed=20) as one:
            assert (await one.up(values())).ok
            before = {pod["name"]: pod["restarts"] for pod in one.pods}
            one.faults.zones.update(ZONES)
            await one.until(lambda: not any(pod["pid"] for pod in one.pods))
            one.faults.zones.clear()
            await one.until(lambda: len(_ready(one)) == 2)
            assert before.keys() == {pod["name"] for pod in one.pods}
            assert all(pod["restarts"] > before[pod["name"]] for pod in one.pods)

    asyncio.run(scenario())


def test_evictions_keep_to_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values(replicas=3))).ok
            first, second, _ = (pod["name"] for pod in one.pods)
            assert one.manager.evict(NAME, first) == ""
            refusal = one.manager.evict(NAME, second)
            assert refusal.startswith("Cannot evict pod as it would violate the pod's disruption budget.")
            assert f"{NAME} needs 2 healthy pods and has 2 currently" in refusal
            await one.until(lambda: len(_ready(one)) == 3 and first not in {pod["name"] for pod in one.pods})
            assert one.manager.evict(NAME, second) == ""
            assert one.manager.evict(NAME, "nobody") == 'pods "nobody" not found'

    asyncio.run(scenario())


def test_pods_are_counted_by_what_they_use_of_a_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaling = {"enabled": True, "minReplicas": 1, "maxReplicas": 3, "scaleUpCooldownSeconds": 30}

    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch, speed=50) as one:
            given = values(autoscaling={**autoscaling, "scaleDownCooldownSeconds": 100}, env={"BURN": "6"})
            assert (await one.up(given)).ok
            autoscaler = one.deployment["autoscaler"]
            assert (autoscaler["min"], autoscaler["max"], autoscaler["desired"]) == (1, 3, 1)
            await one.until(lambda: one.deployment["autoscaler"]["metrics"]["cpu"]["current"] is not None)
            await asyncio.to_thread(one.ask, one.pods[0], "/burn")
            # A whole processor of the tenth that it asks for.
            await one.until(lambda: one.deployment["replicas"] == 3)
            assert any(
                "reason: cpu resource utilization (percentage of request) above target" in text for text in one.said()
            )
            await one.until(lambda: len(_ready(one)) == 3)
            await one.until(lambda: one.deployment["replicas"] == 1)
            await one.until(lambda: len(one.pods) == 1)
            assert any("reason: All metrics below target" in text for text in one.said())
            names = {name for _, name, _ in one.context.metrics.names("ContainerInsights")}
            assert {"pod_cpu_utilization_over_pod_limit", "namespace_number_of_running_pods"} <= names

    asyncio.run(scenario())


def test_a_worker_lives_as_its_command_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = {"command": ["python3", "-m", "app"], "replicaCount": 1}
    alive = ["/bin/sh", "-c", 'test -e "$HEARTBEAT"']

    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            given = values(worker={**worker, "livenessCommand": alive}, server={"enabled": False})
            del given["targetGroupBinding"]
            outcome = await one.up({**given, "env": {"MODE": "worker", "HEARTBEAT": "/tmp/heartbeat"}})
            assert outcome.ok, outcome.reason
            assert one.deployment["component"] == "worker"
            assert one.deployment["name"] == NAME
            assert not one.balancer.told
            lines = one.context.logs.read("/aws/containerinsights/staging-eks/application", stream=NAME)
            assert [line.text for line in lines] == ["working"]

    asyncio.run(scenario())
