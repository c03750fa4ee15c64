"""Move a stack's state from one backend to another: nothing is removed before the copy has been read back."""

from __future__ import annotations

import json
from typing import Any

from automation.engine import Engine, Outcome
from automation.errors import Exit, UserError
from automation.state import PASSPHRASE, engine_words, unreachable

Deployment = dict[str, Any]


def move(stack: str, source: Engine, target: Engine, secrets_provider: str) -> None:
    """Copy a stack's state to where it exists already, empty or from an earlier attempt, and read it back.

    The source stays. Secrets are compared in clear, in memory only.

    Raises:
        UserError: the target knows resources that the source does not, or the copy cannot be made or is not the same.
    """
    known = {_identity(resource) for resource in _resources(_export(source, stack))}
    foreign = sorted({_identity(resource) for resource in _resources(_export(target, stack))} - known)
    if foreign:
        raise UserError(
            f"The new place already holds a state of {stack} with {len(foreign)} resource(s) this one does not know, "
            f"such as {foreign[0][0]}.",
            hint="Somebody else has worked there since. Nothing was moved; compare the two with `pulumi stack export`.",
            code=Exit.FAILED,
        )
    sealed = json.dumps(_export(source, stack))
    _done(target.query("stack", "import", "--stack", stack, stdin=sealed), f"The state of {stack} could not be copied.")
    if secrets_provider != PASSPHRASE:
        _done(
            target.query("stack", "change-secrets-provider", secrets_provider, "--stack", stack),
            f"The secrets in the state of {stack} could not be encrypted with the new key.",
        )
    if _readable(source, stack) != _readable(target, stack):
        raise UserError(
            f"The copy of the state of {stack} is not the same when read back.",
            hint="The old one is untouched and still in use. Run the command again.",
            code=Exit.FAILED,
        )


def is_empty(engine: Engine, stack: str) -> bool:
    """Tell whether a stack's state knows no resource."""
    return not _resources(_export(engine, stack))


def _readable(engine: Engine, stack: str) -> Deployment:
    """Return what a state says, secrets in clear, without when and how it was written."""
    deployment = _export(engine, stack, "--show-secrets").get("deployment") or {}
    return {name: value for name, value in deployment.items() if name not in {"manifest", "secrets_providers"}}


def _export(engine: Engine, stack: str, *options: str) -> Deployment:
    answer = engine.query("stack", "export", *options, "--stack", stack)
    if answer.code != 0:
        raise unreachable(answer, stack)
    return json.loads(answer.stdout)


def _resources(document: Deployment) -> list[Deployment]:
    return (document.get("deployment") or {}).get("resources") or []


def _identity(resource: Deployment) -> tuple[str, str]:
    return resource["urn"].rsplit("::", 1)[-1], str(resource.get("id", ""))


def _done(outcome: Outcome, failure: str) -> None:
    if outcome.code != 0:
        hint = f"{engine_words(outcome)}\nThe old state is untouched; run the command again."
        raise UserError(failure, hint=hint, code=Exit.FAILED)
