"""`modeshift exec`: a command in a running task, by ECS Exec; what to do instead where there are no tasks."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from automation.errors import Exit, UserError
from automation.operate.asking import asked
from automation.operate.deployed import Part, short
from automation.operate.settings import advice
from stacks.settings import Compute

_PLUGIN: Final = "session-manager-plugin"
_INSTALL: Final = (
    "Install it: on macOS `brew install --cask session-manager-plugin`; on Debian and Ubuntu download "
    "https://s3.amazonaws.com/session-manager-downloads/plugin/latest/ubuntu_64bit/session-manager-plugin.deb "
    "(ubuntu_arm64 on ARM) and `sudo dpkg -i` it; elsewhere see "
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)


def run(client: Any, part: Part, command: Sequence[str], *, task: str = "", stack: str) -> int:  # noqa: ANN401
    """Run a command in a task of a part, on this terminal; return its exit code, so far as it is known.

    Raises:
        UserError: the part has no tasks, none runs, or the session cannot be had.
    """
    if part.compute is not Compute.FARGATE:
        raise _elsewhere(part, command)
    if not part.exec:
        setting = advice(["container"], {"exec": True}, f"Pulumi.{stack}.yaml")
        raise UserError(
            f"{part.name} lets nobody in: ECS Exec is off.", hint=f"Put {setting}, and modeshift up --stack {stack}."
        )
    container = _container(client, part, task)
    answer = asked(
        lambda: client.execute_command(
            cluster=part.cluster,
            task=container["taskArn"],
            container=container["name"],
            interactive=True,
            command=shlex.join(command),
        ),
        f"open a session in {part.name}",
        "ecs:ExecuteCommand",
    )
    url = urlsplit(answer["session"]["streamUrl"])
    if url.scheme == "file":
        return _here(Path(url2pathname(url.path)))
    return _through_plugin(client, answer["session"], part, container)


def _container(client: Any, part: Part, task: str) -> Mapping[str, Any]:  # noqa: ANN401
    """Return the container of the task that is named, by its beginning, or of the one that started last."""
    doing, needs = f"tell which tasks of {part.name} run", ("ecs:ListTasks", "ecs:DescribeTasks")
    arns = asked(
        lambda: client.list_tasks(cluster=part.cluster, serviceName=part.identity, desiredStatus="RUNNING")["taskArns"],
        doing,
        *needs,
    )
    tasks: list[dict[str, Any]] = []
    if arns:
        tasks = asked(lambda: client.describe_tasks(cluster=part.cluster, tasks=arns)["tasks"], doing, *needs)
    ready = [one for one in tasks if one["lastStatus"] == "RUNNING" and short(one["taskArn"]).startswith(task)]
    if not ready:
        there = ", ".join(f"{short(one['taskArn'])} ({one['lastStatus']})" for one in tasks) or "none"
        which = f"No task of {part.name} that runs begins with {task}." if task else f"No task of {part.name} runs."
        raise UserError(which, hint=f"Its tasks: {there}. `modeshift status` tells more.", code=Exit.FAILED)
    newest = max(ready, key=lambda one: one["startedAt"])
    # The app's own container comes first; AWS may put agents beside it.
    return {"taskArn": newest["taskArn"], **newest["containers"][0]}


def _through_plugin(
    client: Any,  # noqa: ANN401 boto3 has no types of its own
    session: Mapping[str, str],
    part: Part,
    container: Mapping[str, Any],
) -> int:
    plugin = shutil.which(_PLUGIN)
    if plugin is None:
        raise UserError(f"ECS Exec needs AWS's {_PLUGIN} on this machine.", hint=_INSTALL)
    target = f"ecs:{short(part.cluster)}_{short(container['taskArn'])}_{container['runtimeId']}"
    arguments = [json.dumps(session), client.meta.region_name, "StartSession", os.environ.get("AWS_PROFILE", "")]
    return _foreground([plugin, *arguments, json.dumps({"Target": target}), client.meta.endpoint_url])


def _here(file: Path) -> int:
    """Run what a session of this machine says, which is in a file with secrets: it is gone before anything runs."""
    record = json.loads(file.read_text())
    file.unlink()
    try:
        return _foreground(shlex.split(record["command"]), record["environment"], record["folder"])
    except OSError as error:
        raise UserError(f"The command cannot be run: {error.strerror}: {error.filename}", code=Exit.FAILED) from None


def _foreground(command: Sequence[str], environment: Mapping[str, str] | None = None, folder: str | None = None) -> int:
    """Run a command on this terminal, whose interrupts are for the command alone."""
    # A handler is not inherited, unlike being ignored: the command has its own way with interrupts.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, env=environment, cwd=folder, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def _elsewhere(part: Part, command: Sequence[str]) -> UserError:
    if part.compute is Compute.EKS:
        return UserError(
            f"{part.name} runs as pods, which Kubernetes lets people into.",
            hint=(
                f"aws eks update-kubeconfig --name {part.cluster}, then "
                f"kubectl -n {part.namespace} exec -it deployment/{part.identity} -- {shlex.join(command)}"
            ),
        )
    return UserError(
        f"{part.name} is a function: between calls nothing of it runs that one could get into.",
        hint=(
            f"Call it instead (aws lambda invoke --function-name {part.identity}), read it "
            f"(modeshift logs {part.service}), or run its code on this machine (docs/sandbox-data.md)."
        ),
    )
