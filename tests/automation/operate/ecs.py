"""What ECS answers about a service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.automation.operate.aws import CLUSTER, TASKS

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def deployment(number: int = 1, revision: int = 2, status: str = "PRIMARY", **said: Any) -> dict[str, Any]:
    return {
        "id": f"ecs-svc/{number}",
        "status": status,
        "taskDefinition": f"{TASKS}:{revision}",
        "runningCount": 2,
        "desiredCount": 2,
        "rolloutState": "COMPLETED",
        **said,
    }


def service(*deployments: dict[str, Any], **said: Any) -> dict[str, Any]:
    first = deployments or (deployment(),)
    return {
        "status": "ACTIVE",
        "runningCount": 2,
        "desiredCount": 2,
        "pendingCount": 0,
        "taskDefinition": first[0]["taskDefinition"],
        "deployments": list(first),
        "events": [{"id": "1", "createdAt": LONG_AGO, "message": "(service dev-users-1) has reached a steady state."}],
        **said,
    }


def task(name: str, **said: Any) -> dict[str, Any]:
    return {
        "taskArn": f"{CLUSTER.replace(':cluster/', ':task/')}/{name}",
        "lastStatus": "RUNNING",
        "startedAt": LONG_AGO,
        "containers": [{"name": "app", "runtimeId": f"{name}-1"}],
        **said,
    }
