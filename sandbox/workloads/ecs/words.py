"""What ECS says, as the API and its event stream have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STEADY = "has reached a steady state."
IMPAIRED = "is unable to consistently start tasks successfully."
STUCK = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
    "Update the minimumHealthyPercent or maximumPercent value and try again."
)
NO_CAPACITY = (
    "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a "
    "different availability zone."
)
UNHEALTHY_STATUS = " Amazon ECS replaced {count} tasks due to an unhealthy status."

ESSENTIAL_EXITED = "Essential container in task exited"
FAILED_TO_START = "Task failed to start"
FAILED_CONTAINER_CHECKS = "Task failed container health checks"


def elb_checks_failed(group_arn: str) -> str:
    return f"Task failed ELB health checks in (target-group {group_arn})"


def scaling(deployment: str) -> str:
    return f"Scaling activity initiated by (deployment {deployment})"


def started(tasks: Sequence[str]) -> str:
    return f"has started {len(tasks)} tasks: {_listed(tasks)}."


def stopped(tasks: Sequence[str]) -> str:
    return f"has stopped {len(tasks)} running tasks: {_listed(tasks)}."


def draining(count: int) -> str:
    return f"has begun draining connections on {count} tasks."


def registered(count: int, group_arn: str) -> str:
    return f"registered {count} targets in (target-group {group_arn})"


def deregistered(count: int, group_arn: str) -> str:
    return f"deregistered {count} targets in (target-group {group_arn})"


def unhealthy(task: str, port: int, group_arn: str, reason: str) -> str:
    return f"(task {task}) (port {port}) is unhealthy in (target-group {group_arn}) due to (reason {reason})"


def in_progress(deployment: str) -> str:
    return f"ECS deployment {deployment} in progress."


def completed(deployment: str) -> str:
    return f"ECS deployment {deployment} completed."


def rolling_back(why: str, deployment: str) -> str:
    return f"{why}: rolling back to deploymentId {deployment}."


def not_balanced(zones: Mapping[str, int]) -> str:
    found = ", ".join(f"{count} tasks in {zone}" for zone, count in sorted(zones.items()))
    return f"is not AZ balanced with {found}. AZ Rebalancing in progress."


def _listed(tasks: Sequence[str]) -> str:
    return " ".join(f"(task {task})" for task in tasks)
