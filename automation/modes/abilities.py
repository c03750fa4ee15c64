"""What keeps a service off a compute, by the very rules that a stack file has to pass."""

from __future__ import annotations

from pathlib import Path

from automation.modes.survey import Abilities
from stacks.catalog import read_catalog
from stacks.config import decode
from stacks.errors import Problem
from stacks.files import read_stack_file
from stacks.load import Resolved, neighbours, stack_file_name
from stacks.rules import findings
from stacks.rules.base import Subject
from stacks.settings import Compute, Mode, StackSettings


def abilities(root: Path, resolved: Resolved, service: str) -> dict[Compute, Abilities]:
    """Return what each compute can do for a service of a stack."""
    return {compute: Abilities(limits={}, before=_missing(root, resolved, service, compute)) for compute in Compute}


def _missing(root: Path, resolved: Resolved, service: str, compute: Compute) -> list[str]:
    """Return what a stack's file has to say before a service can run on a compute, in sentences."""
    file = read_stack_file(root / stack_file_name(resolved.stack))
    subject = Subject(
        resolved.stack,
        resolved.region,
        _moved(resolved.settings, service, compute),
        decode(file.config).tree,
        neighbours(root, resolved.stack),
        read_catalog(root),
    )
    return [_sentence(problem) for _, problem in findings(subject, set())]


def _moved(settings: StackSettings, service: str, compute: Compute) -> StackSettings:
    """Return a stack's settings with one service on a compute, at once and for all of its traffic."""
    mode = Mode.SERVERLESS if compute is Compute.LAMBDA else Mode.CONTAINER
    own = settings.services[service].model_copy(update={"mode": mode, "compute": compute, "shift": None})
    return settings.model_copy(update={"services": {**settings.services, service: own}})


def _sentence(problem: Problem) -> str:
    """Return a problem as a line of what to do."""
    said = f"{problem.key}: {problem.value} {problem.why}" if problem.value else f"{problem.key} {problem.why}"
    wanted = f" (allowed: {problem.allowed})" if problem.allowed else ""
    return f"{said}{wanted}{f'; {problem.fix}' if problem.fix else ''}".replace("\n", " ")
