"""Rules for one service: its compute, environment and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stacks.catalog import MANIFEST, folder_of, takes
from stacks.errors import MASK, nearest
from stacks.keys import REGION_KEY, Path
from stacks.rules.base import COMPUTES, Finding, Rule, Subject
from stacks.settings import Compute, Mode

ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED: Final = re.compile(
    r"PORT|HEALTH_PATH|ENVIRONMENT|COMMIT|SERVICES|QUEUES|DEAD_LETTERS|IDEMPOTENCY_TABLE|HEARTBEAT_PATH"
    r"|(MODESHIFT|WORKER|AWS|LAMBDA|ECS)_.*|_HANDLER|_X_AMZN_.*",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(
    r"arn:aws:secretsmanager:[a-z]{2}(-[a-z]+)+-\d:\d{12}:secret:[\w/+=.@-]{1,512}(:[\w.-]*:[\w.-]*:[\w-]*)?"
)
TAKEN_PATHS: Final = ("/docs", "/faults", "/openapi.json", "/ready", "/version")
"""Paths that every app answers itself."""

_PATH: Final = re.compile(r"(/[A-Za-z0-9._-]+)+")
_LAMBDA_ENVIRONMENT: Final = 4096


def is_reserved(variable: str) -> bool:
    """Tell whether the platform sets a variable itself."""
    return _RESERVED.fullmatch(variable) is not None


def compute(subject: Subject) -> Iterator[Finding]:
    """Refuse a compute of the other mode."""
    for name, service in subject.settings.services.items():
        mode = subject.settings.mode_of(name)
        path: Path = ("services", name, "compute")
        if service.compute is not None and service.compute not in COMPUTES[mode]:
            other = Mode.CONTAINER if mode is Mode.SERVERLESS else Mode.SERVERLESS
            yield Finding(
                path=path,
                why=f"belongs to mode {other}, and this service is in mode {mode}",
                allowed="lambda" if mode is Mode.SERVERLESS else "fargate | eks",
                fix=f"remove it, or set mode: {other} on the service",
                reads=(("mode",), ("services", name, "mode")),
            )


def environment(subject: Subject) -> Iterator[Finding]:
    """Refuse what is no variable, what the platform sets and what Lambda has no room for."""
    for name, service in subject.settings.services.items():
        for block in ("env", "secrets"):
            for variable in service.env if block == "env" else service.secrets:
                path: Path = ("services", name, block, variable)
                if not ENV_NAME.fullmatch(variable):
                    allowed = "letters, digits and _, no digit first"
                    yield Finding(path=path, value=variable, why="is not a name of a variable", allowed=allowed)
                elif is_reserved(variable):
                    yield Finding(path=path, value=variable, why="is set by the platform", allowed="another name")
                elif block == "secrets" and variable in service.env:
                    yield Finding(path=path, value=variable, why="is in env as well", fix="keep one of the two")
        size = sum(len(f"{key}{value}".encode()) for key, value in (service.env | service.secrets).items())
        if Compute.LAMBDA in subject.computes(name) and size > _LAMBDA_ENVIRONMENT:
            why = f"holds {size} bytes with the secrets' references; Lambda takes {_LAMBDA_ENVIRONMENT}"
            yield Finding(path=("services", name, "env"), why=why, allowed=f"up to {_LAMBDA_ENVIRONMENT} bytes")


def variables(subject: Subject) -> Iterator[Finding]:
    """Refuse variables that a service does not take, where its manifest lists those it does."""
    for name, service in subject.settings.services.items():
        known = None if subject.catalog is None else subject.catalog.variables_of(name)
        if known is None:
            continue
        for block in ("env", "secrets"):
            for variable in service.env if block == "env" else service.secrets:
                if not takes(known, variable) and not is_reserved(variable):
                    yield Finding(
                        path=("services", name, block, variable),
                        value=variable,
                        why=f"is not a variable that {name} takes",
                        allowed=", ".join(known),
                        nearest=nearest(variable, known),
                        fix=f"if the service reads it, add it to `settings` in {folder_of(name)}/{MANIFEST}",
                    )


def health(subject: Subject) -> Iterator[Finding]:
    """Refuse a health path that is none, or that the app uses for something else."""
    for name, service in subject.settings.services.items():
        path: Path = ("services", name, "health")
        if not _PATH.fullmatch(service.health):
            yield Finding(path=path, why="is not a path", allowed="/one/more, letters, digits and . _ -")
        elif service.health in TAKEN_PATHS:
            yield Finding(path=path, why="is a path with another meaning", allowed="another path, as in /health")


def secrets(subject: Subject) -> Iterator[Finding]:
    """Refuse a secret that stands here by value instead of by reference."""
    for name, service in subject.settings.services.items():
        for variable, reference in service.secrets.items():
            if not _REFERENCE.fullmatch(reference):
                yield Finding(
                    path=("services", name, "secrets", variable),
                    value=MASK,
                    why="is not a reference to a secret",
                    allowed="arn:aws:secretsmanager:<region>:<account>:secret:<name>, for one key of it with :<key>::",
                    fix="store the value with `aws secretsmanager create-secret` and put its ARN here",
                )


def migrations(subject: Subject) -> Iterator[Finding]:
    """Refuse images that Lambda would not take, where a function runs the migrations of a service in containers."""
    settings = subject.settings
    registry = re.compile(rf"\d{{12}}\.dkr\.ecr\.{re.escape(subject.region)}\.amazonaws\.com/.+")
    for name, service in settings.services.items():
        image = settings.image_of(name)
        if not service.migrations or image is None or Compute.LAMBDA in settings.computes_of(name):
            continue
        if not registry.fullmatch(image):
            yield Finding(
                path=("image",) if service.image is None else ("services", name, "image"),
                value=image,
                why=f"a function migrates {name} from it, and Lambda takes images of its region's ECR alone",
                allowed=f"<account>.dkr.ecr.{subject.region}.amazonaws.com/<repository>@sha256:<64 hex digits>",
                reads=((REGION_KEY,), ("mode",), *(("services", name, key) for key in ("mode", "compute", "shift"))),
            )


def rollout(subject: Subject) -> Iterator[Finding]:
    """Refuse a rollout that could never move, and a health check that overlaps itself."""
    container = subject.settings.container
    path: Path = ("container", "rollout", "maxPercent")
    if container.rollout.max_percent <= container.rollout.min_percent:
        why = "leaves no room for a new task: minPercent is as high"
        yield Finding(path=path, why=why, allowed=f"{container.rollout.min_percent + 1}..200")
    check = container.health_check
    if check.timeout >= check.interval:
        why = f"is not less than the interval of {check.interval} s"
        allowed = f"2..{check.interval - 1}"
        yield Finding(path=("container", "healthCheck", "timeout"), why=why, allowed=allowed)


RULES: Final[tuple[Rule, ...]] = (compute, environment, variables, health, migrations, rollout, secrets)
