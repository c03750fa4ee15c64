"""A worker as pods: a release without a server, judged by the chart's own schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from components.eks_cluster import EksCluster
from components.eks_release import CHART
from components.eks_service import EksService
from components.eks_worker import EksWorker
from components.load_balancer import LoadBalancer
from components.network import Network
from components.service import Link, ServiceArgs, Size, Volume
from components.worker import WorkerScaling
from tests.components.workers import CACHE, IMAGE, allowed, assert_takes_and_parks_and_no_more, assert_told, worker

Deploy = Callable[..., Any]

NAME = "dev-contracts-worker"
SCHEMA = json.loads((Path(__file__).parents[2] / CHART / "values.schema.json").read_text())
FILES = Volume(name="files", path="/mnt/files", access_point_arn="arn:aws:efs:::a", file_system_id="fs-1")


def declared(*triggers: str, insights: bool = True, **choices: Any) -> EksWorker:
    admin = "arn:aws:iam::123456789012:role/deploy"
    cluster = EksCluster("dev-eks", network=Network("dev-net"), admins=[admin], insights=insights)
    return EksWorker(NAME, worker(*(triggers or ("jobs",)), **choices), cluster=cluster)


@pytest.fixture(scope="session")
def worker_pods(deploy: Deploy) -> Deploy:
    """Deploy a worker and return everything it registered."""
    return lambda *triggers, **choices: deploy(lambda: declared(*triggers, **choices) and None)


def told(recorded: Any) -> dict[str, Any]:
    return recorded.one("Release").inputs["values"]


@settings(max_examples=5, deadline=None)
@given(
    timeout=st.integers(1, 890),
    fewest=st.integers(0, 3),
    cpu=st.integers(256, 4096),
    percent=st.integers(1, 100),
)
def test_the_chart_takes_any_worker(worker_pods: Deploy, *, timeout: int, fewest: int, cpu: int, percent: int) -> None:
    scaling = WorkerScaling(min=fewest, max=3, cpu_percent=percent)
    values = told(worker_pods(timeout=timeout, scaling=scaling, size=Size(cpu=cpu, memory=512)))
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(values)] == []


def test_release_is_the_worker_alone(worker_pods: Deploy) -> None:
    recorded = worker_pods(scaling=WorkerScaling(min=0, max=5))
    values = told(recorded)
    assert values["server"] == {"enabled": False}
    assert values["worker"]["command"] == ["python3", "-m", "app.worker"]
    assert values["worker"]["livenessCommand"] == ["python3", "-m", "app.worker", "--check"]
    # Nothing starts a first pod.
    scaled = values["worker"]["autoscaling"]
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (1, 5)
    assert "ingress" not in values["networkPolicy"]
    assert not recorded.all("TargetGroup")
    assert not recorded.all("SecurityGroupIngressRule")


def test_worker_is_told_its_queues_and_pods_have_the_time_of_the_longest_work(worker_pods: Deploy) -> None:
    values = told(worker_pods("uploaded", "jobs", timeout=300))
    assert_told(values["env"], "jobs", "uploaded")
    assert values["env"]["STOP_SECONDS"] == "300"
    assert values["env"]["HEARTBEAT_PATH"].startswith("/tmp/")
    assert values["timeoutSeconds"] > 300


def test_pods_may_take_messages_and_park_them_and_no_more(worker_pods: Deploy) -> None:
    actions = allowed(worker_pods("jobs", "uploaded"), f"{NAME}-pod")
    assert_takes_and_parks_and_no_more(actions, "jobs", "uploaded")
    assert {name.split(":")[0] for name in actions} == {"sqs", "dynamodb"}


def test_worker_has_a_namespace_and_an_identity_of_its_own(worker_pods: Deploy) -> None:
    recorded = worker_pods()
    namespace = recorded.one("Namespace").inputs["metadata"]
    assert namespace["name"] == NAME
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    # Nothing makes its pods ready but they themselves.
    assert "eks.amazonaws.com/pod-readiness-gate-inject" not in namespace["labels"]
    identity = recorded.one("PodIdentityAssociation").inputs
    assert (identity["namespace"], identity["serviceAccount"]) == (NAME, NAME)
    release = recorded.one("Release")
    assert (release.inputs["name"], release.inputs["namespace"], release.inputs["atomic"]) == (NAME, NAME, True)
    assert f"aws:eks/podIdentityAssociation:PodIdentityAssociation::{NAME}" in release.depends_on


def test_links_let_the_pods_of_the_cluster_in(worker_pods: Deploy) -> None:
    (way,) = worker_pods(links=[CACHE]).all("SecurityGroupIngressRule")
    assert (way.inputs["securityGroupId"], way.inputs["fromPort"]) == ("sg-cache", 6379)


def test_a_service_and_its_worker_are_let_in_once_and_another_service_too(deploy: Deploy) -> None:
    other = replace(CACHE, security_group_id="sg-other")

    def program() -> None:
        network = Network("dev-net")
        admin = "arn:aws:iam::123456789012:role/deploy"
        cluster = EksCluster("dev-eks", network=network, admins=[admin])
        balancer = LoadBalancer("dev-door", network=network, internal=True)
        for name, link in (("dev-contracts", CACHE), ("dev-users", other)):
            args = ServiceArgs(artifact=IMAGE, links=[link])
            EksService(name, args, cluster=cluster, network=network, load_balancer=balancer)
        EksWorker(NAME, worker("jobs", links=[CACHE]), cluster=cluster)

    ways = [one for one in deploy(program).all("SecurityGroupIngressRule") if "-to-" in one.name]
    # AWS refuses a second rule that says the same.
    assert {one.name: one.inputs["securityGroupId"] for one in ways} == {
        "dev-eks-to-dev-contracts-cache": "sg-cache",
        "dev-eks-to-dev-users-cache": "sg-other",
    }


def test_files_are_refused(worker_pods: Deploy) -> None:
    with pytest.raises(ValueError, match=f"{NAME}: EKS in Auto Mode cannot mount EFS"):
        worker_pods(links=[Link(name="files", volumes=[FILES])])


def test_alarm_is_made_where_pods_are_watched(worker_pods: Deploy) -> None:
    assert worker_pods().all("MetricAlarm")[-1].name == f"{NAME}-busy"
    assert f"{NAME}-busy" not in {one.name for one in worker_pods(insights=False).all("MetricAlarm")}
