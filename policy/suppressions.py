"""Exceptions from rules: each names a rule and a resource, says why, and ends on a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from policy.model import Resource, Rule

FILE = Path(__file__).with_name("suppressions.yaml")

_SHORTEST_REASON = 20


class SuppressionError(ValueError):
    """The file of exceptions cannot be read as one; `problems` has a sentence for each mistake."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        super().__init__(f"{path.name}: " + "; ".join(problems))
        self.problems = problems


class Suppression(BaseModel):
    """One exception. `resource` is a logical name; `*` in it stands for any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    resource: str
    reason: Annotated[str, Field(min_length=_SHORTEST_REASON)]
    expires: date

    @field_validator("resource")
    @classmethod
    def _names_something(cls, value: str) -> str:
        if not value.strip("*?"):
            msg = "name the resource; a rule is not switched off for all of them"
            raise ValueError(msg)
        return value

    def covers(self, rule: Rule, resource: Resource) -> bool:
        """Whether it is about this rule and this resource, still good or not."""
        return self.names(rule.id, resource.name)

    def names(self, rule: str, resource: str) -> bool:
        """Whether it is about the rule of this id and the resource of this logical name."""
        return self.rule == rule and fnmatchcase(resource, self.resource)

    def holds(self, today: date) -> bool:
        """Whether it is still good; its last day counts."""
        return today <= self.expires

    def expiry(self) -> str:
        """Return what to say once it is no longer good."""
        return f"The exception made because of “{self.reason}” ended on {self.expires.isoformat()}."


def load(path: Path = FILE, *, rules: Iterable[Rule] | None) -> list[Suppression]:
    """Read exceptions from a file; none when there is no file. `rules` is None for rules of others, of any id.

    Raises:
        SuppressionError: An entry lacks something, names an unknown rule, or the file is no list of entries.

    """
    if not path.is_file():
        return []
    try:
        entries = TypeAdapter(list[Suppression]).validate_python(yaml.safe_load(path.read_text("utf-8")) or [])
    except ValidationError as error:
        raise SuppressionError(path, [_sentence(one["loc"], one["msg"]) for one in error.errors()]) from None
    except yaml.YAMLError as error:
        raise SuppressionError(path, [str(error)]) from None
    if rules is None:
        return entries
    known = {rule.id for rule in rules}
    if unknown := [f"there is no rule {entry.rule}" for entry in entries if entry.rule not in known]:
        raise SuppressionError(path, unknown)
    return entries


def _sentence(place: Sequence[int | str], message: str) -> str:
    entry, *rest = place or ("",)
    where = f"entry {int(entry) + 1}" if isinstance(entry, int) else "the file"
    return f"{where}{''.join(f', {part}' for part in rest)}: {message}"
