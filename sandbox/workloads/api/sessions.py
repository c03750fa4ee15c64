"""ECS's ExecuteCommand: here a session is a file that says how to run the command on this machine."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from sandbox.workloads.api.protocol import AwsError, Call
from sandbox.workloads.api.services import cluster_of, container_name, find_task
from sandbox.workloads.api.view import View

_OFF = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."
)


async def execute_command(view: View, call: Call) -> dict[str, Any]:
    """Answer ExecuteCommand.

    The URL of the session's stream is that of a file: whoever takes the session deletes it, and runs its `command` in
    its `folder` with its `environment`, which is that of the task.
    """
    cluster = cluster_of(view, call)
    service, task = find_task(view, call.region, cluster, call.parameters["task"])
    if service is None:
        raise AwsError("InvalidParameterException", "The task provided in the request was not found.")
    container = view.managers["ecs"].container(task["id"])
    if not service.outputs.get("enableExecuteCommand") or container is None:
        raise AwsError("InvalidParameterException", _OFF)
    session = f"ecs-execute-command-{secrets.token_hex(8)}"
    record = {
        "command": call.parameters["command"],
        "environment": dict(container.environment),
        "folder": str(container.folder),
    }
    file = _written(view.context.folder / "sessions", session, json.dumps(record))
    name = container_name(view, str(task.get("taskDefinition") or service.outputs["taskDefinition"]))
    task_arn = f"{cluster.replace(':cluster/', ':task/')}/{task['id']}"
    return {
        "clusterArn": cluster,
        "taskArn": task_arn,
        "containerArn": f"{task_arn.replace(':task/', ':container/')}/{name}",
        "containerName": name,
        "interactive": True,
        "session": {"sessionId": session, "streamUrl": file.as_uri(), "tokenValue": "none"},
    }


def _written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


ANSWERS = {("ecs", "ExecuteCommand"): execute_command}
