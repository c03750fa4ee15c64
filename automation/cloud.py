"""Where a command works: real AWS or the sandbox. The only place that asks which."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from automation.engine import Engine
from automation.errors import UserError
from automation.project import Project
from automation.toolchain import pulumi_binary
from stacks.files import read_stack_file

_ACCOUNT = "123456789012"
_LANGUAGE_HOST = "pulumi-language-python"


class Cloud(StrEnum):
    """Where a stack is brought up."""

    SANDBOX = "sandbox"
    AWS = "aws"


@dataclass(frozen=True)
class Session:
    """One stack in one cloud, with an engine that reaches it."""

    project: Project
    stack: str
    cloud: Cloud
    engine: Engine
    endpoint: str | None = None
    """Where the AWS API is; AWS's own endpoints when unset."""

    def aws_client(self, service: str) -> Any:
        """Return a boto3 client for a service, in the stack's region."""
        import boto3  # noqa: PLC0415 a quarter of a second that most commands do not need

        region = _config(self.project, self.stack).get("aws:region", "us-east-1")
        options = {"region_name": str(region)}
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
        return "Sandbox: nothing was created in AWS." if self.cloud is Cloud.SANDBOX else ""


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


@contextmanager
def open_session(project: Project, stack: str, cloud: Cloud) -> Iterator[Session]:
    """Yield a session whose engine can reach its providers, and end what was started for it."""
    binary = pulumi_binary()
    arguments = ["--account", str(project.sandbox)] if cloud is Cloud.SANDBOX else []
    if cloud is Cloud.AWS and _has_language_host(binary):
        yield Session(project, stack, cloud, Engine(binary, project.root, {"PULUMI_SKIP_UPDATE_CHECK": "true"}))
        return
    if cloud is Cloud.SANDBOX:
        ensure_stack(project, stack, binary)
    with _attached(arguments) as ready:
        engine = Engine(binary, project.root, environment(project, stack, cloud, ready["port"]))
        yield Session(project, stack, cloud, engine, ready.get("endpoint"))


def environment(project: Project, stack: str, cloud: Cloud, port: int) -> dict[str, str]:
    """Return the variables with which plain `pulumi` reaches the same stack through what listens on `port`."""
    env = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    if not _has_language_host(pulumi_binary()):
        env["PULUMI_DEBUG_LANGUAGES"] = f"python:{port}"
    if cloud is Cloud.SANDBOX:
        env |= {
            "PULUMI_BACKEND_URL": f"file://{project.state}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(project.local / "passphrase"),
            "PULUMI_DEBUG_PROVIDERS": f"aws:{port},awsx:{port}",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(project.local / "home"),
            "PULUMI_OPTION_CONFIG_FILE": str(_config_file(project, stack)),
            "PULUMI_STACK": stack,
        }
    return env


def ensure_stack(project: Project, stack: str, binary: Path) -> None:
    """Write the sandbox's copy of the stack file, and create the stack in the local backend when it is new.

    The copy holds what must not stand in the tracked file: the salt of the local state, and the image that stands in
    for one that was never pushed.
    """
    copy = _config_file(project, stack)
    for folder in (copy.parent, project.state):
        folder.mkdir(parents=True, exist_ok=True)
    project.passphrase()
    shutil.copyfile(project.root / "Pulumi.yaml", copy.parent / "Pulumi.yaml")
    salt = _salt(project, stack, copy)
    config = fallback_settings(Cloud.SANDBOX) | _config(project, stack)
    _write(copy, {"config": config} | ({"encryptionsalt": salt} if salt else {}))
    if not salt:
        env = environment(project, stack, Cloud.SANDBOX, 0)
        del env["PULUMI_OPTION_CONFIG_FILE"], env["PULUMI_STACK"]
        made = Engine(binary, copy.parent, env).query("stack", "init", stack)
        if made.code != 0:
            raise UserError(f"The stack {stack} could not be set up in {project.state}.", hint=made.stderr.strip())


def fallback_settings(cloud: Cloud) -> dict[str, object]:
    """Return the settings that a cloud brings where a stack file says nothing."""
    if cloud is Cloud.AWS:
        return {}
    return {"modeshift:image": f"{_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:{'0' * 64}"}


def _config(project: Project, stack: str) -> dict[str, object]:
    return dict(read_stack_file(project.stack_file(stack)).config)


def _config_file(project: Project, stack: str) -> Path:
    return project.sandbox / "config" / f"Pulumi.{stack}.yaml"


def _salt(project: Project, stack: str, copy: Path) -> str | None:
    """Return the salt of the stack's secrets, from the state first: the copy may be gone while the state is not."""
    states = sorted(project.state.glob(f".pulumi/stacks/*/{stack}.json"))
    if not states:
        return None
    provider = json.loads(states[0].read_text()).get("checkpoint", {}).get("latest", {}) or {}
    salt = provider.get("secrets_providers", {}).get("state", {}).get("salt")
    if salt is None and copy.is_file():
        salt = (yaml.safe_load(copy.read_text()) or {}).get("encryptionsalt")
    return salt


def _write(path: Path, document: Mapping[str, object]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(yaml.safe_dump(document, sort_keys=True))
    temporary.replace(path)


def _has_language_host(binary: Path) -> bool:
    return (binary.parent / _LANGUAGE_HOST).is_file() or shutil.which(_LANGUAGE_HOST) is not None


@contextmanager
def _attached(arguments: list[str]) -> Iterator[dict[str, Any]]:
    """Run `automation.attach` for as long as the block lasts; it ends when its standard input closes."""
    command = [sys.executable, "-m", "automation.attach", "--until-stdin-closes", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise UserError("The sandbox did not start.", hint="Its message is above; `modeshift doctor` may say more.")
        yield json.loads(line)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
