"""Rules for EKS: each refuses what it is about, says what is allowed, and lets the neighbouring value through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.eks_versions import NEWEST, SUPPORTED
from stacks.errors import Problem
from stacks.load import Resolved

Accepted = Callable[..., Resolved]
Refused = Callable[..., dict[str, Problem]]

ADMIN = "arn:aws:iam::123456789012:role/deploy"
IMAGE = "registry:5000/team/app@sha256:" + "0" * 64
BLOCK = "modeshift:container.kubernetes"


def stack(
    kubernetes: dict[str, Any] | None = None, *, service: dict[str, Any] | None = None, **container: Any
) -> dict[str, Any]:
    """Return the settings of a stack on EKS, in order but for what a test changes."""
    return {
        "mode": "container",
        "image": IMAGE,
        "network": {"nat": "single"},
        "container": {"compute": "eks", "kubernetes": {"admins": [ADMIN], **(kubernetes or {})}, **container},
        "services": {"netprobe": {"route": "/", **(service or {})}},
    }


def test_stack_on_eks_is_accepted(accepted: Accepted) -> None:
    wanted = accepted(**stack()).settings.container.kubernetes
    assert (wanted.version, wanted.admins, wanted.public_cidrs) == (NEWEST, (ADMIN,), ())


@pytest.mark.parametrize(
    ("kubernetes", "key", "why", "offered"),
    [
        ({"version": "1.30"}, "version", "left standard support on 2025-07-23", SUPPORTED[0]),
        ({"version": "1.99"}, "version", "no version", NEWEST),
        ({"version": "v1.29.3"}, "version", "no version", SUPPORTED[0]),
        ({"version": "latest"}, "version", "no version", NEWEST),
        ({"version": 1.35}, "version", "text (in quotes", ""),
        ({"autoMode": False}, "autoMode", "no nodes", "true"),
        ({"mostVcpus": 1}, "mostVcpus", "out of range", "2 to 1000"),
        ({"publicCidrs": ["0.0.0.0/0"]}, "publicCidrs[0]", "whole world", "203.0.113.7/32"),
        ({"publicCidrs": ["::/0"]}, "publicCidrs[0]", "not an IPv4 block", "203.0.113.7/32"),
        ({"publicCidrs": ["10.1.0.0/16"]}, "publicCidrs[0]", "is private", "203.0.113.7/32"),
        ({"publicCidrs": ["203.0.113.7/24"]}, "publicCidrs[0]", "first address", "203.0.113.0/24"),
        ({"publicCidrs": ["203.0.113.7/32"] * 2}, "publicCidrs[1]", "twice", "remove it"),
        ({"publicCidrs": [f"203.0.113.{i}/32" for i in range(41)]}, "publicCidrs", "EKS takes fewer", "up to 40"),
        ({"publicCidrs": "203.0.113.7/32"}, "publicCidrs", "a list", "list"),
        ({"admins": []}, "admins", "may not enter it", "bootstrap"),
        ({"admins": ["deploy"]}, "admins[0]", "not the ARN of a role", "role/<name>"),
        ({"admins": ["arn:aws:iam::123456789012:user/ann"]}, "admins[0]", "not the ARN of a role", "role/<name>"),
        (
            {"admins": ["arn:aws:sts::123456789012:assumed-role/ops/ann"]},
            "admins[0]",
            "session",
            "123456789012:role/ops",
        ),
        ({"admins": [ADMIN, ADMIN]}, "admins[1]", "twice", "keep one"),
    ],
)
def test_cluster_that_cannot_be_is_refused(
    refused: Refused, kubernetes: dict[str, Any], key: str, why: str, offered: str
) -> None:
    problem = refused(**stack(kubernetes))[f"{BLOCK}.{key}"]
    assert why in problem.why
    assert offered in f"{problem.allowed}\n{problem.nearest}\n{problem.fix}"


@pytest.mark.parametrize("version", SUPPORTED)
def test_versions_in_standard_support_are_accepted(accepted: Accepted, version: str) -> None:
    assert accepted(**stack({"version": version})).settings.container.kubernetes.version == version


def test_administrator_of_another_account_is_refused_where_the_account_is_named(refused: Refused) -> None:
    problem = refused(**stack(), account="210987654321")[f"{BLOCK}.admins[0]"]
    assert "another account" in problem.why


def test_administrators_are_needed_on_eks_only(accepted: Accepted) -> None:
    assert accepted().settings.container.kubernetes.admins == ()


@pytest.mark.parametrize(
    ("container", "key", "why"),
    [
        ({"placement": "public"}, "placement", "without public addresses"),
        ({"exec": True}, "exec", "there is no ECS"),
        ({"rollout": {"minPercent": 50}}, "rollout.minPercent", "before its successor"),
        ({"rollout": {"graceSeconds": 601}}, "rollout.graceSeconds", "longer than a pod may take"),
    ],
)
def test_settings_that_pods_cannot_follow_are_refused(
    refused: Refused, accepted: Accepted, container: dict[str, Any], key: str, why: str
) -> None:
    assert why in refused(**stack(**container))[f"modeshift:container.{key}"].why
    # The same beside tasks, which can.
    beside = {"netprobe": {"route": "/"}, "users": {"route": "/users", "compute": "fargate"}}
    assert accepted(**{**stack(**container), "services": beside})


@pytest.mark.parametrize(
    ("scaling", "key", "why"),
    [
        ({"min": 0}, "min", "to one"),
        ({"requestsPerTarget": 200}, "requestsPerTarget", "not by requests"),
        ({"spotPercent": 50}, "spotPercent", "Fargate Spot"),
        ({"steps": [{"cpuPercent": 80, "change": 1}]}, "steps", "not in steps"),
        ({"schedules": {"night": {"cron": "cron(0 20 ? * * *)", "min": 1, "max": 1}}}, "schedules", "by the clock"),
    ],
)
def test_scaling_that_kubernetes_cannot_do_is_refused_unless_tasks_do_it(
    refused: Refused, accepted: Accepted, scaling: dict[str, Any], key: str, why: str
) -> None:
    settings = stack(service={"scaling": scaling})
    assert why in refused(**settings)[f"modeshift:services.netprobe.scaling.{key}"].why
    shift = {"step": 1, "weights": {"fargate": 50, "eks": 50}}
    assert accepted(**stack(service={"scaling": scaling, "shift": shift}))


def test_requests_that_are_turned_off_are_accepted(accepted: Accepted) -> None:
    assert accepted(**stack(service={"scaling": {"requestsPerTarget": None}}))


@pytest.mark.parametrize(
    ("size", "key", "nearest"),
    [
        ({"cpu": 32}, "cpu", "64"),
        ({"cpu": 20000}, "cpu", "16384"),
        ({"memory": 64}, "memory", "128"),
        ({"memory": 999999}, "memory", "122880"),
    ],
)
def test_size_that_no_pod_has_is_refused(refused: Refused, size: dict[str, int], key: str, nearest: str) -> None:
    problem = refused(**stack({"mostVcpus": 1000}, service={"size": size}))[f"modeshift:services.netprobe.size.{key}"]
    assert problem.nearest == nearest


def test_pod_may_have_a_size_that_fargate_does_not_offer(accepted: Accepted) -> None:
    assert accepted(**stack(service={"size": {"cpu": 300, "memory": 700}}))


def test_nodes_have_room_for_the_most_pods_there_can_be(refused: Refused, accepted: Accepted) -> None:
    service = {"size": {"cpu": 4096, "memory": 8192}, "scaling": {"max": 5}}
    problem = refused(**stack(service=service))[f"{BLOCK}.mostVcpus"]
    assert "netprobe may want 40 vCPU" in problem.why
    assert accepted(**stack({"mostVcpus": 40}, service=service))


def test_pods_need_a_way_out_and_are_told_which(refused: Refused, accepted: Accepted) -> None:
    settings = stack()
    problem = refused(**{**settings, "network": {"nat": "none"}})["modeshift:network.nat"]
    assert problem.why.startswith("pods in private subnets could not reach")
    assert "placement" not in problem.allowed
    endpoints = ["ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "sts"]
    assert accepted(**{**settings, "network": {"nat": "none", "endpoints": endpoints}})


def test_region_without_auto_mode_is_refused(refused: Refused) -> None:
    assert "no EKS Auto Mode" in refused(region="mx-central-1", **stack())["modeshift:container.compute"].why
