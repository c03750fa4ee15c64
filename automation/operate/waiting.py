"""Wait until an ECS service is steady, and say on the way what it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from automation.errors import Exit, UserError
from automation.operate.asking import asked
from automation.operate.deployed import Part, short

_PAUSE_SECONDS: Final = 3.0
_PATIENCE_SECONDS: Final = 1200

Service = Mapping[str, Any]


def primary(service: Service) -> Mapping[str, Any]:
    """Return the deployment that a service is on its way to."""
    return next((one for one in service["deployments"] if one["status"] == "PRIMARY"), {})


def describe(client: Any, part: Part) -> Service:  # noqa: ANN401 boto3 has no types of its own
    """Return an ECS service.

    Raises:
        UserError: there is none any more, or AWS does not tell.
    """
    services = asked(
        lambda: client.describe_services(cluster=part.cluster, services=[part.identity])["services"],
        f"tell how {part.name} is",
        "ecs:DescribeServices",
    )
    if not services:
        raise UserError(f"The ECS service of {part.name} does not exist any more.", code=Exit.FAILED)
    return services[0]


def steady(
    client: Any,  # noqa: ANN401
    part: Part,
    say: Callable[[str], None],
    *,
    deployment: str = "",
    patience: float = _PATIENCE_SECONDS,
    pause: float = _PAUSE_SECONDS,
) -> None:
    """Wait until a service runs what it shall, and as often; of a deployment, that it is this one that does.

    Raises:
        UserError: ECS gave it up or took it back, or it takes too long.
    """
    deadline = time.monotonic() + patience
    before = ""
    while True:
        service = describe(client, part)
        now = primary(service)
        line = _line(part, service, now)
        if line != before:
            say(line)
            before = line
        # ECS goes back by making another deployment the primary one.
        taken_back = bool(deployment) and now.get("id") != deployment
        if now.get("rolloutState") == "FAILED" or taken_back:
            failed = next((one for one in service["deployments"] if one["id"] == deployment), now)
            reason = (
                failed.get("rolloutStateReason")
                or (service["events"] or [{"message": "no reason given"}])[0]["message"]
            )
            raise UserError(
                f"{part.name} is not what was asked for: ECS went back to {short(service['taskDefinition'])}."
                if taken_back
                else f"The deployment of {part.name} failed.",
                hint=f"{reason} See: modeshift logs {part.service} --errors",
                code=Exit.FAILED,
            )
        counted = service["runningCount"] == service["desiredCount"] and not service["pendingCount"]
        if counted and len(service["deployments"]) == 1 and now.get("rolloutState", "COMPLETED") == "COMPLETED":
            return
        if time.monotonic() + pause > deadline:
            raise UserError(
                f"{part.name} is not steady after {patience:.0f} s; ECS goes on.",
                hint=f"{line}. Watch it: modeshift status --watch",
                code=Exit.FAILED,
            )
        time.sleep(pause)


def _line(part: Part, service: Service, now: Mapping[str, Any]) -> str:
    failed = now.get("failedTasks", 0)
    old = service["runningCount"] - now.get("runningCount", 0)
    words = [f"{now.get('runningCount', 0)} of {now.get('desiredCount', service['desiredCount'])} tasks run"]
    words += [f"{old} old ones"] if old > 0 else []
    words += [f"{failed} failed"] if failed else []
    return f"{part.name}: {', '.join(words)}"
