"""What keeps a service off a compute, by the very rules that a stack file has to pass."""

from __future__ import annotations

from pathlib import Path

from automation.modes.survey import Abilities
from stacks.catalog import read_catalog
from stacks.config import decode
from stacks.errors import Problem
from stacks.files import read_stack_file
from stacks.limits import described
from stacks.load import Resolved, neighbours, stack_file_name
from stacks.rules import findings, limits
from stacks.rules.base import Subject
from stacks.settings import Compute, Mode, StackSettings


def abilities(root: Path, resolved: Resolved, service: str) -> dict[Compute, Abilities]:
    """Return what each compute can do for a service of a stack."""
    given = decode(read_stack_file(root / stack_file_name(resolved.stack)).config).tree
    around, catalog = neighbours(root, resolved.stack), read_catalog(root)
    found: dict[Compute, Abilities] = {}
    for compute in Compute:
        settings = _moved(resolved.settings, service, compute)
        subject = Subject(resolved.stack, resolved.region, settings, given, around, catalog)
        beyond = [
            finding.why for rule in limits.RULES for finding in rule(subject) if finding.path == ("services", service)
        ]
        found[compute] = Abilities(
            limits=described(compute, settings.front_door),
            blockers=beyond,
            before=[_sentence(problem) for _, problem in findings(subject, set()) if problem.why not in beyond],
        )
    return found


def _moved(settings: StackSettings, service: str, compute: Compute) -> StackSettings:
    """Return a stack's settings with one service on a compute, at once and for all of its traffic."""
    mode = Mode.SERVERLESS if compute is Compute.LAMBDA else Mode.CONTAINER
    own = settings.services[service].model_copy(update={"mode": mode, "compute": compute, "shift": None})
    return settings.model_copy(update={"services": {**settings.services, service: own}})


def _sentence(problem: Problem) -> str:
    """Return a problem as a line of what to do."""
    value = f" ({problem.value})" if problem.value else ""
    allowed = " or ".join(problem.allowed.splitlines())
    wanted = f"; allowed: {allowed}" if allowed else ""
    return f"{problem.key}{value}: {problem.why}{wanted}{f'; {problem.fix}' if problem.fix else ''}"
