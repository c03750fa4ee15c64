"""Previews kept as a folder of engine events, so that another run can report on them without the program.

A workflow that may write comments must not run a fork's code; it reads what that code's run left, as data, and makes
the report itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from automation.engine import Event
from automation.errors import Exit, UserError
from automation.markdown import Basis
from automation.operations import Result
from automation.plan import Diagnostic, build

_INDEX = "previews.json"
_SCHEMA = 1
_NAME = r"^[a-z][a-z0-9-]{0,62}$"
_MOST_BYTES = 64 * 1024 * 1024
_OWNER_ONLY = 0o600


class _Stack(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=_NAME)
    code: Exit
    errors: list[str] = Field(default_factory=list, max_length=100)


class _Index(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: int = Field(_SCHEMA, alias="schema", ge=_SCHEMA, le=_SCHEMA)
    basis: Basis
    notice: str = Field(max_length=200)
    stacks: list[_Stack] = Field(max_length=100)


@dataclass(frozen=True)
class Previews:
    """What one run previewed."""

    results: Sequence[Result]
    basis: Basis
    notice: str


def save(folder: Path, previews: Previews) -> None:
    """Write previews into a folder, for the owner's eyes only: events may name what nobody should read."""
    folder.mkdir(parents=True, exist_ok=True)
    stacks = [
        _Stack(name=one.stack, code=one.code, errors=[] if one.events else [e.message for e in one.plan.errors()])
        for one in previews.results
    ]
    index = _Index(schema=_SCHEMA, basis=previews.basis, notice=previews.notice, stacks=stacks)
    _write(folder / _INDEX, index.model_dump_json(by_alias=True, indent=2))
    for one in previews.results:
        _write(folder / f"{one.stack}.jsonl", "".join(json.dumps(event) + "\n" for event in one.events))


def load(folder: Path) -> Previews:
    """Read previews that `save` wrote, here or in a run that is not trusted.

    Raises:
        UserError: the folder does not hold previews, or more than anybody would read.
    """
    try:
        index = _Index.model_validate_json(_read(folder / _INDEX))
        results = [_result(folder, stack) for stack in index.stacks]
    except FileNotFoundError as error:
        raise _refusal(folder, f"{error.filename} is missing") from None
    except (ValidationError, ValueError) as error:
        reason = f"{error.error_count()} of its fields are wrong" if isinstance(error, ValidationError) else str(error)
        raise _refusal(folder, reason) from None
    return Previews(results, index.basis, index.notice)


def _result(folder: Path, stack: _Stack) -> Result:
    events: list[Event] = []
    for line in _read(folder / f"{stack.name}.jsonl").splitlines():
        event: Any = json.loads(line)
        if not isinstance(event, dict):
            raise ValueError(f"an event of {stack.name} is no object")  # noqa: TRY004 the file is wrong, not the code
        events.append(event)
    try:
        plan = build(stack.name, events)
    except (AttributeError, IndexError, KeyError, TypeError):
        raise ValueError(f"the events of {stack.name} are none of an engine") from None
    plan.diagnostics += [Diagnostic("error", message) for message in stack.errors]
    plan.seal()
    return Result(stack.name, plan, stack.code, 0.0, events=events)


def _read(path: Path) -> str:
    if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name} is no plain file of at most {_MOST_BYTES} bytes")
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY), "w", encoding="utf-8") as file:
        file.write(text)


def _refusal(folder: Path, reason: str) -> UserError:
    return UserError(
        f"{folder} holds no previews that can be read: {reason}.",
        hint="Write them with modeshift preview --save FOLDER, by the same version of modeshift.",
        code=Exit.FAILED,
    )
