"""Releases of the real chart as processes: they come up, are replaced, fail and go back as Helm does it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.sandbox.workloads.kubernetes.cluster import NAME, URN, ZONES, Cluster, cluster, values

pytestmark = pytest.mark.e2e


def test_a_release_is_there_once_the_load_balancer_finds_its_pods_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            one.balancer.healthy = False
            await one.apply(values=values(replicas=3, env={"VERSION": "one"}))
            await one.until(lambda: len(one.balancer.targets) == 3)
            assert not any(pod["ready"] for pod in one.pods)
            assert one.condition("Available")["reason"] == "MinimumReplicasUnavailable"
            assert one.release["status"] == "pending-install"
            one.balancer.healthy = True
            outcome = await one.manager.settled(URN)
            assert outcome is not None
            assert outcome.ok
            assert (one.release["status"], one.release["revision"]) == ("deployed", 1)
            await one.until(lambda: one.condition("Progressing")["reason"] == "NewReplicaSetAvailable")
            assert one.condition("Available")["status"] == "True"
            # Spread over zones as evenly as three go on two; each with an address of its zone's subnet.
            zones = sorted(pod["zone"] for pod in one.pods)
            assert set(zones) == set(ZONES)
            assert all(pod["ip"].startswith(f"10.30.{ZONES.index(pod['zone'])}.") for pod in one.pods)
            assert {target.zone for target in one.balancer.targets.values()} == set(ZONES)
            assert {await asyncio.to_thread(one.ask, pod, "/") for pod in one.pods} == {"one"}
            assert [budget["allowed_disruptions"] for budget in one.release["budgets"]] == [1]

    asyncio.run(scenario())


def test_an_update_replaces_pods_and_never_leaves_too_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values(env={"VERSION": "one"}))).ok
            await one.until(lambda: one.deployment["available"] == 2)
            old = {pod["name"] for pod in one.pods}
            fewest: list[int] = []
            watch = asyncio.create_task(_watch(one, fewest))
            assert (await one.up(values(env={"VERSION": "two"}))).ok
            await one.until(lambda: len(one.pods) == 2 and not old & {pod["name"] for pod in one.pods})
            watch.cancel()
            assert min(fewest) >= 2
            assert {await asyncio.to_thread(one.ask, pod, "/") for pod in one.pods} == {"two"}
            assert [(each["revision"], each["status"]) for each in one.release["history"]] == [
                (1, "superseded"),
                (2, "deployed"),
            ]
            # Who leaves is out of the load balancer before it is asked to end, and ends by itself.
            gone = [target for verb, target in one.balancer.told if verb == "deregister"]
            assert len(gone) == 2
            lines = one.context.logs.read("/aws/containerinsights/staging-eks/application", contains="asked to end")
            assert {line.stream.split("/")[1] for line in lines} == old
            assert all(line.stream.startswith(f"{NAME}/") for line in lines)

    asyncio.run(scenario())


async def _watch(one: Cluster, fewest: list[int]) -> None:
    while True:
        fewest.append(len(one.balancer.targets))
        await asyncio.sleep(0.01)


def test_an_update_that_cannot_start_goes_back_and_touches_no_pod_that_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values())).ok
            served = {pod["pid"] for pod in one.pods}
            outcome = await one.up(values(env={"MODE": "crash"}))
            assert not outcome.ok
            assert f"release {NAME} failed, and has been rolled back due to atomic being set" in outcome.reason
            assert "CrashLoopBackOff" in outcome.reason or "Error with exit code 1" in outcome.reason
            statuses = [(each["status"], each["description"]) for each in one.release["history"]]
            assert statuses == [
                ("superseded", "Install complete"),
                ("failed", f'Upgrade "{NAME}" failed: context deadline exceeded'),
                ("deployed", "Rollback to 1"),
            ]
            await one.until(lambda: len(one.pods) == 2)
            assert {pod["pid"] for pod in one.pods} == served
            assert any("has timed out progressing" in text for text in one.said())
            assert any("Back-off restarting failed container" in text for text in one.said())
            # Asked for again by nobody, it is not tried again; asked for what runs, it has nothing to do.
            await one.apply()
            assert len(one.release["history"]) == 3
            assert (await one.up(values())).ok
            assert len(one.release["history"]) == 3

    asyncio.run(scenario())


def test_an_install_that_never_gets_ready_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            outcome = await one.up(values(env={"MODE": "bad-ready"}))
            assert not outcome.ok
            assert f"release {NAME} failed, and has been uninstalled due to atomic being set" in outcome.reason
            assert "HTTP probe failed with statuscode: 503" in outcome.reason
            assert one.release["deployments"] == []
            await one.until(lambda: not one.containers.describe())

    asyncio.run(scenario())


def test_a_release_that_waits_for_nothing_is_there_at_once_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            outcome = await one.up(values(replicas=1, env={"MODE": "bad-ready"}), atomic=False, skipAwait=True)
            assert outcome.ok
            await one.until(lambda: any(pod["message"] for pod in one.pods))
            assert one.release["status"] == "deployed"

    asyncio.run(scenario())


def test_a_new_start_of_the_sandbox_is_no_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values(env={"VERSION": "one"}))).ok
            assert not (await one.up(values(env={"MODE": "crash"}))).ok
        async with cluster(tmp_path, monkeypatch) as again:
            # The account may still have what failed; what runs is what Helm went back to.
            assert (await again.up(values(env={"MODE": "crash"}))).ok
            assert [each["status"] for each in again.release["history"]] == ["superseded", "failed", "deployed"]
            assert await asyncio.to_thread(again.ask, again.pods[0], "/") == "one"
            assert (await again.up(values(env={"VERSION": "two"}))).ok
            assert again.release["revision"] == 4

    asyncio.run(scenario())


def test_what_the_chart_refuses_or_is_not_simulated_fails_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            refused = await one.up(values(autoscaling={"enabled": True, "minReplicas": 3, "maxReplicas": 2}))
            assert not refused.ok
            assert "autoscaling.maxReplicas is 2, below" in refused.reason
            secret = {"enabled": True, "secretStoreRef": {"name": "aws"}, "data": {"KEY": {"key": "prod/app"}}}
            outcome = await one.up(values(externalSecret=secret))
            assert not outcome.ok
            assert "variables from Secrets and ConfigMaps are not simulated" in outcome.reason
            assert one.pods == []

    asyncio.run(scenario())


def test_a_quota_holds_back_pods_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            quota = {"enabled": True, "hard": {"pods": "1"}}
            await one.apply(values=values(resourceQuota=quota))
            await one.until(lambda: "ReplicaFailure" in str(one.release["deployments"]))
            assert len(one.pods) == 1
            failure = one.condition("ReplicaFailure")
            assert failure["reason"] == "FailedCreate"
            assert f"exceeded quota: {NAME}, requested: pods=1, used: pods=1, limited: pods=1" in failure["message"]

    asyncio.run(scenario())


def test_a_release_that_goes_takes_its_pods_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with cluster(tmp_path, monkeypatch) as one:
            assert (await one.up(values())).ok
            await one.down()
            await one.until(lambda: not one.containers.describe())
            assert not one.balancer.targets
            assert one.manager.describe() == {"releases": []}
            assert await one.manager.settled(URN) is None

    asyncio.run(scenario())
