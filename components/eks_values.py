"""What a service's chart is told: `ServiceArgs` as values of `charts/service`, whose schema is the contract."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.links import referenced_environment
from components.service import Architecture, ImageArtifact, ServiceArgs, Size, WorkloadArgs
from components.worker import ALIVE, GIVING_BACK, WorkerArgs

ARCHITECTURES: Mapping[Architecture, str] = {"arm64": "arm64", "x86_64": "amd64"}
"""What Kubernetes calls a processor."""

_UNITS = 1024
_MILLI = 1000
_SHORTEST_TIMEOUT = 20
_METADATA = "169.254.169.254/32"
_ANYWHERE = {"anywhere": {"cidrs": ["0.0.0.0/0"], "except": [_METADATA]}}


@dataclass(frozen=True, kw_only=True)
class PodRollout:
    """How a new version takes over: pods beyond the wanted number, in percent, and seconds a pod has to start."""

    surge_percent: int = 100
    startup_seconds: int = 60


def values(
    args: ServiceArgs,
    image: ImageArtifact,
    *,
    rollout: PodRollout,
    target_group_arn: pulumi.Input[str],
    network_cidr: str,
) -> dict[str, Any]:
    """Return the values of one service.

    A pod gets what it asks for and no more, so that its size means what it means elsewhere. It may be reached from the
    network, where the load balancer is, and may reach everything but the metadata of its node.
    """
    return {
        **_common(args, image, rollout),
        "args": list(image.command),
        "port": args.port,
        "healthPath": args.health_path,
        **_count(args),
        "timeoutSeconds": max(args.timeout, _SHORTEST_TIMEOUT),
        "networkPolicy": {
            "ingress": {"load-balancer": {"cidrs": [network_cidr]}},
            "egress": _ANYWHERE,
        },
        "targetGroupBinding": {"enabled": True, "targetGroupARN": target_group_arn},
        "resourceQuota": {"hard": _quota(args.scaling.max, args.size, rollout, testing=1)},
    }


def worker_values(args: WorkerArgs, image: ImageArtifact, *, rollout: PodRollout) -> dict[str, Any]:
    """Return the values of a worker alone, which nobody may reach."""
    scaling = args.scaling
    fewest, most = max(1, scaling.min), max(1, scaling.max)
    return {
        **_common(args, image, rollout),
        "server": {"enabled": False},
        "worker": {
            "command": list(image.entry_point),
            "livenessCommand": list(ALIVE),
            "autoscaling": {
                "enabled": True,
                "minReplicas": fewest,
                "maxReplicas": most,
                "targetCPUUtilizationPercentage": scaling.cpu_percent,
                "scaleUpCooldownSeconds": scaling.scale_out_cooldown,
                "scaleDownCooldownSeconds": scaling.scale_in_cooldown,
            },
        },
        "timeoutSeconds": args.timeout + GIVING_BACK,
        "networkPolicy": {"egress": _ANYWHERE},
        "resourceQuota": {"hard": _quota(most, args.size, rollout, testing=0)},
    }


def _common(args: WorkloadArgs, image: ImageArtifact, rollout: PodRollout) -> dict[str, Any]:
    repository, _, digest = image.reference.partition("@")
    return {
        "image": {"repository": repository, "digest": digest},
        "architecture": ARCHITECTURES[args.architecture],
        "env": referenced_environment(args),
        "resources": {"requests": _amounts(args.size), "limits": _amounts(args.size)},
        "rollout": {"maxSurge": f"{rollout.surge_percent}%"},
        "startupSeconds": rollout.startup_seconds,
    }


def _count(args: ServiceArgs) -> dict[str, Any]:
    """Return how many pods run: a number when nothing moves it, else bounds and the use to keep to."""
    scaling = args.scaling
    if scaling.cpu_percent is None and scaling.memory_percent is None:
        return {"replicaCount": scaling.min}
    return {
        "autoscaling": {
            "enabled": True,
            "minReplicas": scaling.min,
            "maxReplicas": scaling.max,
            "targetCPUUtilizationPercentage": scaling.cpu_percent or 0,
            "targetMemoryUtilizationPercentage": scaling.memory_percent or 0,
            "scaleUpCooldownSeconds": scaling.scale_out_cooldown,
            "scaleDownCooldownSeconds": scaling.scale_in_cooldown,
        }
    }


def _amounts(size: Size) -> dict[str, str]:
    return {"cpu": f"{_millicores(size)}m", "memory": f"{size.memory}Mi"}


def _millicores(size: Size) -> int:
    return size.cpu * _MILLI // _UNITS


def _quota(most: int, size: Size, rollout: PodRollout, *, testing: int) -> dict[str, str]:
    """Return what the namespace may use: the most pods there can be during a rollout, and those that test them."""
    pods = most + math.ceil(most * rollout.surge_percent / 100) + testing
    cores = str(math.ceil(pods * _millicores(size) / _MILLI))
    memory = f"{pods * size.memory}Mi"
    return {
        "pods": str(pods),
        "requests.cpu": cores,
        "requests.memory": memory,
        "limits.cpu": cores,
        "limits.memory": memory,
    }
