"""Where a command talks to its user: a person's console, and standard output for JSON when that was asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.text import Text

from automation import render
from automation.cloud import Session
from automation.errors import Exit, UserError
from automation.operations import Result
from stacks.errors import SettingsError


@dataclass(frozen=True)
class Screen:
    """What a command writes, and how it asks."""

    console: Console
    json: bool

    @classmethod
    def open(cls, as_json: bool) -> Screen:  # noqa: FBT001 the option of every command
        """Return a screen; with JSON, everything but the document goes to standard error."""
        return cls(Console(stderr=as_json, highlight=False, soft_wrap=False), as_json)

    def document(self, value: object) -> None:
        """Write the one JSON document."""
        if self.json:
            sys.stdout.write(json.dumps(value, indent=2, sort_keys=True) + "\n")

    def say(self, text: str, style: str = "dim") -> None:
        """Say a sentence."""
        self.console.print(text, style=style, soft_wrap=True)

    def plan(self, session: Session, result: Result, title: str = "what changes") -> None:
        """Show what would change, and why the run failed if it did."""
        if result.ok or result.plan.changed():
            self.console.print(render.plan_view(result.plan, f"{session.stack}: {title}"))
        if not result.ok:
            self.console.print(render.diagnostics_view(result.plan.errors()), soft_wrap=True)
            ending = "was interrupted" if result.code is Exit.INTERRUPTED else "failed"
            self.say(f"This is not complete: the run {ending}.", "yellow")

    def result(self, session: Session, result: Result, again: str) -> None:
        """Show what was done; `again` is the command that finishes the rest."""
        counts = render.counts_line(result.plan.counts(), past=True)
        length = render.seconds(result.seconds)
        if result.ok:
            self.console.print(Text.assemble((f"{session.stack}: done in {length}: ", "bold green"), counts))
            if result.outputs:
                self.console.print(render.outputs_view(result.outputs), soft_wrap=True)
            if result.local:
                self.console.print(render.local_view(result.local), soft_wrap=True)
            return
        ending = "interrupted" if result.code is Exit.INTERRUPTED else "failed"
        self.console.print(render.diagnostics_view(result.plan.errors()), soft_wrap=True)
        self.console.print(Text.assemble((f"{session.stack}: {ending} after {length}: ", "bold red"), counts))
        self.say(f"What was finished is kept. Run {again} again to finish the rest.")

    def guarded(self, resources: Sequence[tuple[str, str]]) -> None:
        """List what is protected or retained, by type and name."""
        for token, name in resources:
            self.console.print(f"  {render.kind(token)} {name}")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before going on, unless `yes` says that it is agreed.

        Raises:
            UserError: the answer is no, or there is nobody to ask.
        """
        if yes:
            return
        if self.json or not sys.stdin.isatty():
            raise UserError("There is nobody here to ask.", hint="Add --yes to go on without asking.")
        if not typer.confirm(question):
            raise UserError("Nothing was changed.", code=Exit.DONE)

    def problem(self, error: UserError | SettingsError) -> None:
        """Say what a person can put right."""
        said = Text(str(error)) if isinstance(error, SettingsError) else render.problem(error.message, error.hint)
        self.console.print(said, soft_wrap=True)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors meant for people into a sentence, a JSON document and an exit code."""
        try:
            yield
        except UserError as error:
            self.problem(error)
            self.document({"error": error.message, "hint": error.hint})
            raise typer.Exit(error.code) from None
        except SettingsError as error:
            self.problem(error)
            self.document({"error": "settings", "problems": [problem.as_dict() for problem in error.problems]})
            raise typer.Exit(Exit.USAGE) from None
        except KeyboardInterrupt:
            self.say("Interrupted.", "yellow")
            raise typer.Exit(Exit.INTERRUPTED) from None
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            problem = render.problem(f"{error.strerror or error}{place}", "Nothing was overwritten.")
            self.console.print(problem, soft_wrap=True)
            raise typer.Exit(Exit.FAILED) from None


def ask(question: str, hint: str) -> str:
    """Return what a person types.

    Raises:
        UserError: there is nobody to ask; `hint` says what to do instead.
    """
    if not sys.stdin.isatty():
        raise UserError("There is nobody here to ask.", hint=hint)
    return str(typer.prompt(question))
