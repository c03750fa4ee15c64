"""What is wrong with a stack's settings, all of it at once, and how a person reads it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Final

from stacks.keys import Json, Path

MASK: Final = "(hidden)"
GUIDE: Final = "docs/settings.md"
_WIDTH: Final = 100
_LABEL: Final = 10
_LONGEST_VALUE: Final = 120
_SECRET_NAME: Final = re.compile(
    r"pass(word|wd|wort|phrase)?$|secret|token|credential|(api|private|access|auth)_?-?key|dsn$", re.IGNORECASE
)
_SECRET_VALUE: Final = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN|\bgh[pousr]_\w{20,}|\bsk-\w{16,}|\bxox[abp]-|://[^/\s:@]+:[^/\s@]+@"
)
_REFERENCE: Final = re.compile(r"^arn:[\w-]+:(secretsmanager|ssm):")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake. `value` never holds a secret; `where` is `file:line` as far as it is known."""

    key: str
    why: str
    value: str = ""
    allowed: str = ""
    nearest: str = ""
    fix: str = ""
    where: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the parts that are known, for JSON output."""
        return {field.name: text for field in fields(self) if (text := str(getattr(self, field.name)))}


class SettingsError(ValueError):
    """The settings of a stack cannot be used; `problems` holds every reason."""

    def __init__(self, problems: Sequence[Problem], stack: str = "", guide: str = GUIDE) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.stack = stack
        super().__init__(render(self.problems, stack, guide))


def render(problems: Sequence[Problem], stack: str = "", guide: str = GUIDE) -> str:
    """Return the report: one block per problem, then the count and what to do."""
    numbered = zip(range(1, len(problems) + 1), problems, strict=True)
    blocks = [_block(number, len(str(len(problems))), problem) for number, problem in numbered]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    of_stack = f" of stack {stack}" if stack else ""
    closing = (
        f"{count} in the settings{of_stack}. Nothing was created or changed.\n"
        f"Correct and run the command again; {guide} lists every setting."
    )
    return "\n\n".join([*blocks, closing])


def _block(number: int, digits: int, problem: Problem) -> str:
    indent = " " * (digits + 2)
    head = f"{number:>{digits}}. {problem.key}"
    if problem.where:
        head = f"{head}{problem.where:>{max(len(problem.where) + 2, _WIDTH - len(head))}}"
    lines = [head]
    for label in ("value", "why", "allowed", "nearest", "fix"):
        for index, paragraph in enumerate(str(getattr(problem, label)).splitlines()):
            lead = f"{indent}{label if index == 0 else '':<{_LABEL}}"
            lines += textwrap.wrap(
                paragraph,
                _WIDTH,
                initial_indent=lead,
                subsequent_indent=" " * len(lead),
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def nearest(value: object, allowed: Iterable[str]) -> str:
    """Return the allowed word closest to a value, or nothing when none is close."""
    word = str(value).lower()
    by_lower = {choice.lower(): choice for choice in sorted(allowed)}
    found = get_close_matches(word, list(by_lower), n=3, cutoff=0.6)
    swapped = [choice for choice in found if sorted(choice) == sorted(word)]
    return by_lower[(swapped or found)[0]] if found else ""


def is_secret(path: Path, value: object) -> bool:
    """Return whether a value may be a secret, by its key or by its looks. A reference to a secret is none."""
    names = [part for part in path if isinstance(part, str)]
    if isinstance(value, str) and _REFERENCE.match(value):
        return False
    if isinstance(value, str) and _SECRET_VALUE.search(value):
        return True
    below_secrets = names[:1] == ["services"] and names[2:3] == ["secrets"] and bool(names[3:])
    return isinstance(value, str | int | float) and (below_secrets or bool(names and _SECRET_NAME.search(names[-1])))


def show(path: Path, value: Json) -> str:
    """Return a value as it may be printed: short, on one line, never a secret, never what a block holds."""
    if is_secret(path, value):
        return MASK
    if isinstance(value, dict):
        return f"a block with {len(value)} key{'' if len(value) == 1 else 's'}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = value if isinstance(value, str) and value.isprintable() and value.strip() == value != "" else _json(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=True)
