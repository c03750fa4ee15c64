"""Where the state of stacks is kept when no tracked file says it, and the copy of a stack file that goes with it.

The engine notes beside a stack's settings how the secrets in its state are encrypted. It notes that in the copy, so
that no tracked file is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from automation import checkpoint, journal, processes
from automation.engine import Engine, Outcome
from automation.errors import Exit, UserError
from automation.project import Project

PASSPHRASE = "passphrase"  # noqa: S105 the name of a way to encrypt, no secret
_LOCAL = "file://"
_MISSING = "no stack named"


@dataclass(frozen=True)
class State:
    """A backend: `url` as Pulumi writes it, the `folder` of copied stack files, what encrypts secrets in it.

    `settings` are config that the copies have where the tracked file says nothing; with a region among them, a stack
    needs no tracked file.
    """

    url: str
    folder: Path
    secrets_provider: str = PASSPHRASE
    settings: Mapping[str, object] = field(default_factory=dict[str, object])

    def stack_file(self, stack: str) -> Path:
        """Return the copy of a stack's file."""
        return self.folder / f"Pulumi.{stack}.yaml"

    def environment(self, project: Project) -> dict[str, str]:
        """Return the variables with which the engine reads and writes this state."""
        # The files that a folder's backend writes beside its own are not replaced in one step: a kill would break them.
        plain = self.url.startswith(_LOCAL) and "?" not in self.url
        return {
            "PULUMI_BACKEND_URL": f"{self.url}?metadata=skip" if plain else self.url,
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(project.local / "passphrase"),
        }

    def local_file(self, project: Project, stack: str) -> Path | None:
        """Return the file that holds a stack's state, if this state is kept in a folder of this machine."""
        if not self.url.startswith(_LOCAL):
            return None
        return Path(self.url.removeprefix(_LOCAL)) / ".pulumi" / "stacks" / project.name / f"{stack}.json"


def prepare(project: Project, stack: str, state: State, engine: Engine, config: Mapping[str, object]) -> None:
    """Write the copy of the stack's file with its `config`, and create the stack when it is new.

    `engine` runs in the folder of the copies, with the state's environment.

    Raises:
        UserError: the state cannot be reached.
    """
    # Two first commands at once would both create the stack.
    with processes.alone(project.local / "prepare.lock"):
        state.folder.mkdir(parents=True, exist_ok=True)
        if local := state.local_file(project, stack):
            local.parents[3].mkdir(parents=True, exist_ok=True)
            if checkpoint.mend(local, stack):
                journal.doubt(project.local / "journal", stack)
        _require_passphrase(project, local)
        project.passphrase()
        _write(state.folder / "Pulumi.yaml", _without_backend(project))
        copy = state.stack_file(stack)
        manager = _secrets_manager(project, stack, state, engine)
        known = {} if manager is None else _as_in_file(manager) or _from_copy(copy)
        _write(copy, {"config": dict(config), **known})
        if manager is None:
            if local:
                checkpoint.forget(local)
            init_stack(engine, stack, state.secrets_provider, state.url)


def init_stack(engine: Engine, stack: str, secrets_provider: str, place: str) -> None:
    """Create a stack; the engine notes in the stack file of its folder how secrets are encrypted.

    Raises:
        UserError: the backend refuses.
    """
    made = engine.query("stack", "init", stack, "--secrets-provider", secrets_provider)
    if made.code != 0:
        raise UserError(f"The stack {stack} could not be set up in {place}.", hint=engine_words(made), code=Exit.FAILED)


def exists(engine: Engine, stack: str) -> bool:
    """Tell whether a stack exists in the engine's backend.

    Raises:
        UserError: the backend cannot be reached.
    """
    return _export(engine, stack) is not None


def engine_words(outcome: Outcome) -> str:
    """Return what the engine said when it ended, without its label."""
    words = outcome.stderr.strip() or outcome.stdout.strip()
    return words.removeprefix("error: ") or f"The engine ended with code {outcome.code} and no message."


def unreachable(outcome: Outcome, stack: str) -> UserError:
    """Return a sentence for why a stack's state cannot be read."""
    words = engine_words(outcome)
    if "PULUMI_ACCESS_TOKEN" in words:
        return UserError(
            f"No backend is named, so nobody knows where the state of {stack} is.",
            hint=(
                "Put backend: {url: …} into Pulumi.yaml; `modeshift bootstrap --cloud aws` makes one and prints "
                "the line. Or log in once with `pulumi login`."
            ),
        )
    if "credential" in words.lower():
        return UserError(
            f"AWS cannot be reached without credentials. Pulumi says: {_last_line(words)}",
            hint="Sign in, as with `aws sso login`, and set AWS_PROFILE; `aws sts get-caller-identity` must answer.",
        )
    return UserError(f"The state of {stack} cannot be read.", hint=words, code=Exit.FAILED)


def _last_line(words: str) -> str:
    return words.splitlines()[-1].strip()


def _export(engine: Engine, stack: str) -> dict[str, Any] | None:
    answer = engine.query("stack", "export", "--stack", stack)
    if answer.code == 0:
        return json.loads(answer.stdout)
    if _MISSING in answer.stderr + answer.stdout:
        return None
    raise unreachable(answer, stack)


def _secrets_manager(project: Project, stack: str, state: State, engine: Engine) -> dict[str, Any] | None:
    """Return how the state says that its secrets are encrypted: empty when it does not say, None without a stack."""
    local = state.local_file(project, stack)
    if local is None:
        exported = _export(engine, stack)
        return None if exported is None else (exported.get("deployment") or {}).get("secrets_providers") or {}
    # Reading the file saves a fifth of a second of every command.
    if not local.is_file():
        return None
    return checkpoint.read(local).get("secrets_providers") or {}


def _require_passphrase(project: Project, local: Path | None) -> None:
    """Refuse to make a new passphrase where states were encrypted with one that is gone."""
    path = project.local / "passphrase"
    if local is None or path.is_file() or not any(local.parents[1].glob("*/*.json")):
        return
    raise UserError(
        f"The passphrase {path} is missing; without it the secrets in {local.parents[1]} cannot be read.",
        hint="Put the file back. If it is lost, `modeshift sandbox reset` starts over with an empty sandbox.",
        code=Exit.FAILED,
    )


def _as_in_file(manager: Mapping[str, Any]) -> dict[str, str]:
    """Return the lines of a stack file that go with what a state says about its secrets."""
    details = manager.get("state") or {}
    if manager.get("type") == "cloud":
        return {"secretsprovider": details["url"], "encryptedkey": details["encryptedkey"]}
    return {"encryptionsalt": details["salt"]} if details.get("salt") else {}


def _from_copy(copy: Path) -> dict[str, str]:
    if not copy.is_file():
        return {}
    document = yaml.safe_load(copy.read_text()) or {}
    return {key: document[key] for key in ("secretsprovider", "encryptedkey", "encryptionsalt") if key in document}


def _without_backend(project: Project) -> dict[str, object]:
    document = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
    document.pop("backend", None)
    return document


def _write(path: Path, document: Mapping[str, object]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(yaml.safe_dump(document, sort_keys=True))
    temporary.replace(path)
