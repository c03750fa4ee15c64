"""`modeshift redeploy`: start a part anew, with the version that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from automation.errors import UserError
from automation.operate import waiting
from automation.operate.asking import asked
from automation.operate.deployed import Part
from automation.operate.settings import advice
from stacks.settings import Compute


def redeploy(client: Any, part: Part, say: Callable[[str], None], *, pause: float = 3.0) -> None:  # noqa: ANN401
    """Replace all tasks of a part by new ones, without a gap, and wait until they take over.

    Raises:
        UserError: the part has no tasks, or the new ones do not work; then the old ones stay.
    """
    if part.compute is not Compute.FARGATE:
        raise _instead(part)
    answer = asked(
        lambda: client.update_service(cluster=part.cluster, service=part.identity, forceNewDeployment=True),
        f"start {part.name} anew",
        "ecs:UpdateService",
    )
    deployment = waiting.primary(answer["service"]).get("id", "")
    waiting.steady(client, part, say, deployment=deployment, pause=pause)


def _instead(part: Part) -> UserError:
    """Say why a part has nothing that AWS could start anew, and what does it."""
    if part.compute is Compute.EKS:
        return UserError(
            f"{part.name} runs as pods, which Kubernetes starts anew and not AWS.",
            hint=f"aws eks update-kubeconfig --name {part.cluster}, then "
            f"kubectl -n {part.namespace} rollout restart deployment/{part.identity}",
        )
    variable = ("services", part.service, "env")
    return UserError(
        f"{part.name} is a function: nothing of it runs between calls, and every new version brings fresh instances.",
        hint="Instances read secrets when they start, and live for hours. To have fresh ones now, change any variable: "
        f"put {advice(variable, {'RESTARTED': 'today'}, 'the stack file')}, and bring the stack up.",
    )
