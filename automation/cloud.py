"""Where a command works: real AWS or the sandbox. The only place that asks which."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from automation.engine import Engine
from automation.errors import Exit, UserError
from automation.project import Project
from automation.state import State, exists, init_stack, prepare
from automation.toolchain import pulumi_binary
from sandbox import attachments
from stacks.files import StackFile, read_stack_file
from stacks.load import Resolved, load

_ACCOUNT = "123456789012"
_LANGUAGE_HOST = "pulumi-language-python"


class Cloud(StrEnum):
    """Where a stack is brought up."""

    SANDBOX = "sandbox"
    AWS = "aws"

    @property
    def notice(self) -> str:
        """What every result must say about where it happened; empty for AWS."""
        return "Sandbox: nothing was created in AWS." if self is Cloud.SANDBOX else ""


@dataclass(frozen=True)
class Session:
    """One stack in one cloud, with an engine that reaches it."""

    project: Project
    stack: str
    cloud: Cloud
    engine: Engine
    endpoint: str | None = None
    """Where the AWS API is; AWS's own endpoints when unset."""
    state: State | None = None
    """Where the state is, when that is neither where the tracked files say nor the sandbox's own folder."""
    account: Path | None = None
    """Folder of the sandbox's account whose workloads are run on this machine; unset where none are."""

    def aws_client(self, service: str, region: str = "") -> Any:  # noqa: ANN401 boto3 has no types of its own
        """Return a boto3 client for a service, in the stack's region unless another is named."""
        import boto3  # noqa: PLC0415 a quarter of a second that most commands do not need

        own = _config(self.project, self.stack, self.state).get("aws:region", "us-east-1")
        options = {"region_name": region or str(own)}
        if self.endpoint is not None:
            options |= {
                "endpoint_url": self.endpoint,
                "aws_access_key_id": "sandbox",
                "aws_secret_access_key": "sandbox",
            }
        return boto3.client(service, **options)

    @property
    def notice(self) -> str:
        """What every result must say about where it happened; empty for AWS."""
        return self.cloud.notice

    @property
    def state_file(self) -> Path | None:
        """The file that holds the state, if that is kept in a folder of this machine."""
        state = self.state or own_state(self.project, self.cloud)
        return state.local_file(self.project, self.stack) if state else None


def choose(cloud: Cloud | None) -> Cloud:
    """Return the cloud to use: the sandbox unless named; in CI it must be named.

    Raises:
        UserError: CI is set and no cloud was named.
    """
    if cloud is None and os.environ.get("CI", "").lower() in {"1", "true"}:
        raise UserError(
            "In CI the cloud must be named, so that nothing is deployed, or not deployed, by accident.",
            hint="Add --cloud sandbox or --cloud aws.",
        )
    return cloud or Cloud.SANDBOX


def choose_sandbox(cloud: Cloud | None, option: str) -> Cloud:
    """Return the sandbox, for an option that works nowhere else.

    Raises:
        UserError: another cloud was named.
    """
    if cloud not in {None, Cloud.SANDBOX}:
        raise UserError(f"{option} works in the sandbox.", hint=f"Leave out {option}, or --cloud {cloud}.")
    return Cloud.SANDBOX


@contextmanager
def open_session(
    project: Project, stack: str, cloud: Cloud, state: State | None = None, *, runs: bool = True
) -> Iterator[Session]:
    """Yield a session whose engine can reach its providers, and end what was started for it.

    The state is where the tracked files say, or in the sandbox a folder of its own, unless `state` names a place.
    Where a stack is brought up for its plan only, `runs` is false and the sandbox runs nothing of it.

    Raises:
        UserError: the state cannot be reached, or what runs beside the engine did not start.
    """
    binary = pulumi_binary()
    if cloud is Cloud.AWS and _has_language_host(binary):
        ensure_stack(project, stack, cloud, state)
        engine = Engine(binary, project.root, environment(project, stack, cloud, 0, state))
        yield Session(project, stack, cloud, engine, state=state)
        return
    arguments = ["--program", str(project.root)]
    if cloud is Cloud.SANDBOX:
        arguments += ["--account", str(project.sandbox.resolve())]
    with _attached(arguments) as process:
        # While it starts, the stack is made ready.
        ensure_stack(project, stack, cloud, state)
        ready = _ready(process)
        engine = Engine(binary, project.root, environment(project, stack, cloud, ready["port"], state))
        account = project.sandbox if runs and cloud is Cloud.SANDBOX else None
        yield Session(project, stack, cloud, engine, ready.get("endpoint"), state, account)


def environment(project: Project, stack: str, cloud: Cloud, port: int, state: State | None = None) -> dict[str, str]:
    """Return the variables with which plain `pulumi` reaches the same stack through what listens on `port`."""
    state = state or own_state(project, cloud)
    # A stack file that does not say how secrets are encrypted must not make the engine choose anew.
    env = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true"}
    if not _has_language_host(pulumi_binary()):
        env["PULUMI_DEBUG_LANGUAGES"] = f"python:{port}"
    if cloud is Cloud.SANDBOX:
        env |= {
            "PULUMI_DEBUG_PROVIDERS": attachments(port),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(project.local / "home"),
            "PULUMI_STACK": stack,
        }
    if state is not None:
        env |= {**state.environment(project), "PULUMI_OPTION_CONFIG_FILE": str(state.stack_file(stack))}
    return env


def ensure_stack(project: Project, stack: str, cloud: Cloud, state: State | None = None) -> None:
    """Create a stack where its state is kept, when it is new.

    Raises:
        UserError: the state cannot be reached, or nothing says how its secrets shall be encrypted.
    """
    state = state or own_state(project, cloud)
    if state is not None:
        config = _config(project, stack, state)
        prepare(project, stack, state, state_engine(project, stack, cloud, state), config)
        return
    engine = Engine(pulumi_binary(), project.root, environment(project, stack, cloud, 0))
    if not exists(engine, stack):
        init_stack(engine, stack, _secrets_provider(project, stack), "the backend")


def state_engine(project: Project, stack: str, cloud: Cloud, state: State) -> Engine:
    """Return an engine for commands about the state itself, such as `stack import`.

    They read the copy of the stack file from the folder they run in, and take no other.
    """
    env = environment(project, stack, cloud, 0, state)
    del env["PULUMI_OPTION_CONFIG_FILE"]
    env.pop("PULUMI_STACK", None)
    return Engine(pulumi_binary(), state.folder, env)


def _config(project: Project, stack: str, state: State | None) -> dict[str, object]:
    """Return a stack's config: its file's, which may be missing where a state brings the whole of it."""
    brought = dict(state.settings) if state is not None else {}
    if "aws:region" in brought and stack not in project.stacks():
        return brought
    return brought | read_stack_file(project.stack_file(stack)).config


def own_state(project: Project, cloud: Cloud) -> State | None:
    """Return where a cloud keeps state by itself: the sandbox in a folder, AWS where the tracked files say."""
    if cloud is Cloud.AWS:
        return None
    return State(
        f"file://{project.state}", project.sandbox / "config" / project.name, settings=_fallback_settings(cloud)
    )


def _secrets_provider(project: Project, stack: str) -> str:
    """Return what shall encrypt a new stack's secrets: what its file names, else what the other files agree on."""
    named = {name: _document(project, name).get("secretsprovider") for name in [stack, *project.stacks()]}
    wanted = {named[stack]} if named[stack] else {provider for provider in named.values() if provider}
    if len(wanted) == 1:
        return str(wanted.pop())
    raise UserError(
        f"The stack {stack} does not exist yet, and no stack file says what shall encrypt its secrets.",
        hint=(
            f"Create it once: pulumi stack init {stack} --secrets-provider awskms:///KEY-ARN?region=REGION "
            "(`modeshift bootstrap --cloud aws` makes the key and prints that line)."
        ),
    )


def settings_of(project: Project, stack: str, cloud: Cloud, file: StackFile | None = None) -> Resolved:
    """Return a stack's settings as its program will read them; raises SettingsError when they are wrong.

    `file` stands in for the stack's own, for what it would say.
    """
    return load(project.root, stack, fallback=_fallback_settings(cloud), file=file)


def _fallback_settings(cloud: Cloud) -> dict[str, object]:
    """Return the settings that a cloud brings where a stack file says nothing."""
    if cloud is Cloud.AWS:
        return {}
    return {"modeshift:image": f"{_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:{'0' * 64}"}


def _document(project: Project, stack: str) -> dict[str, Any]:
    return yaml.safe_load(project.stack_file(stack).read_text()) or {}


def _has_language_host(binary: Path) -> bool:
    return (binary.parent / _LANGUAGE_HOST).is_file() or shutil.which(_LANGUAGE_HOST) is not None


@contextmanager
def _attached(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run `automation.attach` for as long as the block lasts; it ends when its standard input closes."""
    command = [sys.executable, "-m", "automation.attach", "--until-stdin-closes", *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise UserError("The sandbox did not start.", hint="Its message is above; `modeshift doctor` may say more.")
    ready = json.loads(line)
    if "problem" in ready:
        raise UserError(ready["problem"], code=Exit.FAILED)
    return ready
