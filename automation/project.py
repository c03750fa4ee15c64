"""Where things are: the project's folder, its stacks, and the ignored folder that holds local state."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from automation.errors import UserError

_PASSPHRASE_MODE = 0o600


@dataclass(frozen=True)
class Project:
    """A checkout: `root` holds Pulumi.yaml, `local` (ignored by git) the sandbox's state, account and build cache."""

    root: Path
    local: Path

    @property
    def name(self) -> str:
        """Return the name of the Pulumi project."""
        return str((yaml.safe_load((self.root / "Pulumi.yaml").read_text()) or {}).get("name") or self.root.name)

    @property
    def state(self) -> Path:
        return self.local / "state"

    @property
    def sandbox(self) -> Path:
        return self.local / "sandbox"

    def stacks(self) -> list[str]:
        """Return the names of all stacks that have a file, sorted."""
        return sorted(path.name.split(".")[1] for path in self.root.glob("Pulumi.*.yaml"))

    def stack_file(self, stack: str) -> Path:
        """Return the tracked file of a stack.

        Raises:
            UserError: there is no such file.
        """
        path = self.root / f"Pulumi.{stack}.yaml"
        if not path.is_file():
            known = ", ".join(self.stacks()) or "none yet"
            raise UserError(f"There is no stack {stack!r}: {path.name} does not exist.", hint=f"Stacks here: {known}.")
        return path

    def passphrase(self) -> str:
        """Return the key that encrypts secrets in the sandbox's state, made on first use and never printed."""
        path = self.local / "passphrase"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PASSPHRASE_MODE), "w") as file:
                file.write(secrets.token_urlsafe(24))
            return path.read_text().strip()


def find_project(start: Path | None = None) -> Project:
    """Find the project from `start` (default: the current folder) upwards.

    `MODESHIFT_LOCAL` moves the local folder elsewhere, for tests and for read-only checkouts.

    Raises:
        UserError: no Pulumi.yaml in any parent folder.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            local = os.environ.get("MODESHIFT_LOCAL")
            return Project(folder, Path(local).resolve() if local else folder / ".modeshift")
    raise UserError(f"No Pulumi.yaml in {here} or above.", hint="Run modeshift inside the project's folder.")


def choose_stacks(project: Project, names: Sequence[str] | None, *, all_stacks: bool) -> list[str]:
    """Return the stacks a command works on: those named, all of them, or the only one there is.

    Raises:
        UserError: it is not clear which, or there is no file of that name.
    """
    if all_stacks and names:
        raise UserError("--all and --stack exclude each other.", hint="Name stacks, or take all of them.")
    known = project.stacks()
    chosen = known if all_stacks else list(names or ())
    if not chosen:
        if len(known) != 1:
            raise UserError("Which stack?", hint=f"Add --stack NAME (here: {', '.join(known) or 'none yet'}) or --all.")
        chosen = known
    for name in chosen:
        project.stack_file(name)
    return chosen
