"""What the real chart asks for is read as it is meant; what is not simulated is refused, not left out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.control.errors import Refusal
from sandbox.workloads.faults import Faults
from sandbox.workloads.kubernetes.chart import Renderer
from sandbox.workloads.kubernetes.history import History
from sandbox.workloads.kubernetes.hpa import Policy, Rules
from sandbox.workloads.kubernetes.manifests import ManifestError, read
from sandbox.workloads.kubernetes.nodes import Nodes, Subnet
from sandbox.workloads.kubernetes.objects import Manifest
from sandbox.workloads.kubernetes.probes import Tally
from sandbox.workloads.kubernetes.quotas import refusal
from tests.sandbox.workloads.kubernetes.cluster import CHART, GROUP, values

_WORKER = {"command": ["python3", "-m", "app.worker"], "livenessCommand": ["python3", "-m", "app.worker", "--check"]}
_RENDERER = Renderer(CHART.parents[1])


def _rendered(**given: Any) -> str:
    return asyncio.run(_RENDERER.render("charts/service", "users", "shop", values(**given), "1.35")).text


def test_the_chart_is_read_as_it_is_meant() -> None:
    found = read(
        _rendered(
            env={"PRICE": "5 $ or $(HOME)"},
            args=["--literal", "$HOME"],
            autoscaling={"enabled": True, "minReplicas": 2, "scaleUpCooldownSeconds": 30},
            worker=_WORKER,
        )
    )
    server, worker = sorted(found.deployments, key=lambda one: one.component)
    assert (server.name, server.component, server.replicas, server.surge, server.unavailable) == (
        "users",
        "server",
        None,
        "25%",
        0,
    )
    template = server.template
    assert template.environment["PRICE"] == "5 $ or $(HOME)"
    assert template.args == ("--literal", "$HOME")
    assert (template.port, template.pre_stop, template.grace) == (8080, 10, 45)
    assert (template.cpu, template.memory_limit) == (0.1, 128 * 2**20)
    assert template.startup is not None
    assert (template.startup.path, template.startup.period, template.startup.failures) == ("/health", 2, 30)
    assert template.readiness is not None
    assert (template.readiness.path, template.readiness.failures, template.readiness.timeout) == ("/ready", 2, 3)
    assert (worker.name, worker.replicas, worker.template.port) == ("users-worker", 1, 0)
    assert worker.template.command == ("python3", "-m", "app.worker")
    assert worker.template.liveness is not None
    assert worker.template.liveness.command == ("python3", "-m", "app.worker", "--check")
    (autoscaler,) = found.autoscalers
    assert (autoscaler.target, autoscaler.least, autoscaler.most) == ("users", 2, 10)
    assert autoscaler.metrics == {"cpu": 70, "memory": 80}
    assert autoscaler.up == Rules(30, (Policy("Percent", 100, 60), Policy("Pods", 4, 60)))
    assert autoscaler.down == Rules(300, (Policy("Percent", 50, 60),))
    (binding,) = found.bindings
    assert binding.group_arn == GROUP
    assert binding.selector.items() <= template.labels.items()
    assert not binding.selector.items() <= worker.template.labels.items()
    assert [(one.name, one.unavailable, one.always_unhealthy) for one in found.budgets] == [("users", 1, True)]
    assert found.quotas[0][1]["pods"] == 27
    assert found.not_simulated == ("NetworkPolicy",)


def test_equal_pods_have_equal_names_and_others_have_not() -> None:
    one, same, other = (read(_rendered(env={"A": value})).deployments[0].template.hash for value in "112")
    assert one == same != other
    # What stands beside the pods changes none of them.
    more = read(_rendered(replicas=5, env={"A": "1"})).deployments[0]
    assert (more.replicas, more.template.hash) == (5, one)


def test_a_chart_that_is_no_chart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r'charts/service" not found$'):
        asyncio.run(Renderer(tmp_path).render("charts/service", "users", "shop", {}, "1.35"))


def _changed(change: Callable[[dict[str, Any]], object]) -> str:
    """Return a Deployment of the chart that is different in one thing."""
    documents = [one for one in yaml.safe_load_all(_rendered()) if one]
    change(next(one for one in documents if one["kind"] == "Deployment")["spec"])
    return yaml.safe_dump_all(documents)


def _pod(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["template"]["spec"]


def _container(spec: dict[str, Any]) -> dict[str, Any]:
    return _pod(spec)["containers"][0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda spec: spec["strategy"].update(type="Recreate"), "strategy Recreate is not simulated"),
        (lambda spec: _pod(spec)["containers"].append(_container(spec)), "pods of several containers"),
        (lambda spec: _pod(spec).update(initContainers=[{"name": "first"}]), "without init containers"),
        (lambda spec: _pod(spec)["volumes"].append({"name": "files", "hostPath": {"path": "/"}}), "the volumes files"),
        (lambda spec: _container(spec).update(envFrom=[{"secretRef": {"name": "x"}}]), "from Secrets and ConfigMaps"),
        (lambda spec: _container(spec)["env"].append({"name": "A", "valueFrom": {}}), "from Secrets and ConfigMaps"),
        (lambda spec: _container(spec)["ports"].append({"containerPort": 9464}), "only one port"),
        (
            lambda spec: _container(spec).update(livenessProbe={"tcpSocket": {"port": 1}}),
            "simulated as httpGet or exec",
        ),
        (lambda spec: _container(spec)["livenessProbe"]["httpGet"].update(port=99), "asks port 99"),
        (lambda spec: _container(spec).update(lifecycle={"preStop": {"exec": {}}}), "preStop hook of exec"),
    ],
)
def test_what_pods_would_be_others_without_is_refused(change: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(ManifestError, match=words) as refused:
        read(_changed(change))
    assert str(refused.value).startswith("Deployment users: ")


def test_only_the_use_of_resources_is_a_metric() -> None:
    text = _rendered(autoscaling={"enabled": True}).replace("type: Resource", "type: External")
    with pytest.raises(ManifestError, match="only the average use of cpu and memory is simulated"):
        read(text)


def test_a_quota_counts_what_pods_ask_for() -> None:
    template = read(_rendered()).deployments[0].template
    quotas = [("users", {"pods": 3.0, "limits.memory": 256.0 * 2**20, "count/jobs": 0.0})]
    assert refusal(quotas, [template], template, "users-x") == ""
    assert refusal(quotas, [template] * 2, template, "users-x") == (
        'pods "users-x" is forbidden: exceeded quota: users, requested: limits.memory=134217728, '
        "used: limits.memory=268435456, limited: limits.memory=268435456"
    )


def test_a_probe_says_something_else_only_after_its_threshold() -> None:
    tally = Tally(failures=2, successes=3, passing=False)
    told: list[bool] = []
    for passed in (True, True, False, True, True, True, False, True, False, False):
        tally.count(passed=passed)
        told.append(tally.passing)
    assert told == [False, False, False, False, False, True, True, True, True, False]


def test_pods_are_placed_where_there_are_fewest() -> None:
    nodes = Nodes(Faults())
    assert nodes.place([]) is None
    assert nodes.refusal() == "no nodes available to schedule pods"
    nodes.subnets = [Subnet(zone, IPv4Network(f"10.0.{number}.0/28")) for number, zone in enumerate(("a", "b"))]
    placed = [nodes.place(["a", "a", "b"]) for _ in range(5)]
    assert {place[0] for place in placed if place} == {"b"}
    addresses = {place[1] for place in placed if place}
    # A block of 16 has 11 addresses that AWS does not keep for itself.
    assert len(addresses) == 5
    while (place := nodes.place(["a"] * 99)) and place[0] == "b":
        addresses.add(place[1])
    assert len(addresses) == 11
    assert place is not None
    assert place[0] == "a"


def test_a_history_keeps_what_is_deployed_and_tells_what_was_interrupted(tmp_path: Path) -> None:
    history = History.of(tmp_path / "releases" / "one.json")
    for number in range(4):
        made = history.begin("service-1", f"sum {number}", "text", "pending-upgrade", "")
        history.succeed(made, "Upgrade complete")
    broken = history.begin("service-1", "sum 5", "text", "pending-upgrade", "Preparing upgrade")
    history.keep(2)
    again = History.of(history.file)
    assert again.interrupted
    assert [one.status for one in again.revisions] == ["deployed", "pending-upgrade"]
    assert again.deployed is not None
    assert again.deployed.checksum == "sum 3"
    again.begin("service-1", "sum 5", "text", "pending-upgrade", "")
    assert [(one.revision, one.status) for one in again.revisions[1:]] == [
        (broken.revision, "failed"),
        (broken.revision + 1, "pending-upgrade"),
    ]
    again.file.write_text(json.dumps({"attempted": 1}))
    assert History.of(again.file).revisions == []
    again.forget()
    assert not again.file.exists()


def test_nothing_asked_for_is_nothing() -> None:
    assert read("") == Manifest()
