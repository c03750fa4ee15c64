"""A stack file as text: its config, and the line of every key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import ClassVar, Final

import yaml

from stacks.errors import Problem, SettingsError, nearest
from stacks.keys import Json, Path, dotted

_DEEPEST: Final = 16
_TOP_KEYS: Final = ("config", "secretsprovider", "encryptedkey", "encryptionsalt")
_INTEGER: Final = re.compile(r"[-+]?[1-9][0-9]{0,14}|0")
_FRACTION: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+)")
_AMBIGUOUS: Final = re.compile(r"[-+]?0[0-9_]+|[-+]?0[xob][0-9a-fA-F_]+|[-+]?[0-9]+_[0-9_]*")
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}


class _Loader(yaml.SafeLoader):
    """PyYAML without its YAML 1.1 guesses: `on` and `2030-01-31` are text, as the engine reads them."""

    yaml_implicit_resolvers: ClassVar[dict[str, object]] = {}  # pyright: ignore[reportIncompatibleVariableOverride]


@dataclass(frozen=True)
class Positions:
    """Where the keys of a stack file are; empty when the settings came from elsewhere."""

    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict[str, int])

    def of(self, path: Path) -> str:
        """Return `file:line` of a key, or of the nearest block above it."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(dotted(path[:length]))) is not None:
                return f"{self.file}:{line}"
        return self.file

    def line(self, path: Path) -> int:
        """Return the line that `of` names, 0 when there is none."""
        _, _, line = self.of(path).rpartition(":")
        return int(line) if line.isdigit() else 0


@dataclass(frozen=True)
class StackFile:
    """What a stack file holds: `config` by full key, where each key stands, and what could not be taken over."""

    config: dict[str, Json]
    positions: Positions
    problems: tuple[Problem, ...] = ()


def read_stack_file(path: FilePath) -> StackFile:
    """Read a stack file.

    Raises:
        SettingsError: it cannot be read, or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError([Problem(key=path.name, why=f"cannot be read: {reason}")]) from None
    return parse_stack_file(path.name, text)


def parse_stack_file(name: str, text: str) -> StackFile:
    """Read a stack file's text.

    Raises:
        SettingsError: it is no YAML.
    """
    reader = _Reader(name)
    config = reader.read(text)
    return StackFile(config, Positions(name, reader.lines), tuple(reader.problems))


class _Reader:
    """One pass over one file; it collects problems instead of stopping at the first."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def read(self, text: str) -> dict[str, Json]:
        """Return the config in a stack file's text.

        Raises:
            SettingsError: the text is no YAML.
        """
        try:
            root = yaml.compose(text, Loader=_Loader)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise SettingsError([self._invalid(error)]) from None
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            self._refuse(self.file, "is not a block of keys", root, allowed="config:, with the settings under it")
            return {}
        config: dict[str, Json] = {}
        for key, _, node in self._pairs(root, ()):
            if key == "config":
                config = self._config(node)
            elif key not in _TOP_KEYS:
                why = "is not a key of a stack file"
                self._refuse(key, why, node, allowed=", ".join(_TOP_KEYS), near=nearest(key, _TOP_KEYS))
        return config

    def _config(self, node: yaml.Node) -> dict[str, Json]:
        if isinstance(node, yaml.MappingNode):
            # The engine takes a key without a namespace for one of the project's.
            return {dotted((key,)): self._value(value, path) for key, path, value in self._pairs(node, (), note=True)}
        if not (isinstance(node, yaml.ScalarNode) and node.value in _WORDS):
            self._refuse("config", "is not a block of settings", node)
        return {}

    def _pairs(
        self, node: yaml.MappingNode, path: Path, *, note: bool = False
    ) -> Iterator[tuple[str, Path, yaml.Node]]:
        known: set[str] = set()
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                self._refuse(self.file, "a key must be text", name)
                continue
            key = str(name.value)
            here: Path = (*path, key)
            shown = dotted(here) if note else key
            if key in known:
                self._refuse(shown, "stands twice in this block", name)
                continue
            known.add(key)
            if note:
                self.lines[shown] = _line(name)
            yield key, here, value

    def _value(self, node: yaml.Node, path: Path) -> Json:
        if id(node) in self._seen or len(path) > _DEEPEST:
            why = "nests too deep" if len(path) > _DEEPEST else "repeats another part by an alias; write it out instead"
            where = f"{self.file}:{self.lines[dotted(path)]}"
            self.problems.append(Problem(key=dotted(path), why=why, where=where))
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, self._value(value, here)) for key, here, value in self._pairs(node, path, note=True)]
            return dict(pairs)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.lines[dotted((*path, index))] = _line(item)
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path) if isinstance(node, yaml.ScalarNode) else None

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Json:
        text = str(node.value)
        if not node.tag.endswith(":str"):
            self._refuse(dotted(path), "has a tag; a stack file holds plain values", node)
        if node.style in ("'", '"', "|", ">"):
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _AMBIGUOUS.fullmatch(text):
            self._refuse(dotted(path), "is a number to some readers and text to others; put it in quotes", node)
            return text
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _FRACTION.fullmatch(text) else text

    def _refuse(self, key: str, why: str, node: yaml.Node, *, allowed: str = "", near: str = "") -> None:
        where = f"{self.file}:{_line(node)}"
        self.problems.append(Problem(key=key, why=why, allowed=allowed, nearest=near, where=where))

    def _invalid(self, error: Exception) -> Problem:
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
            where = f"{self.file}:{error.problem_mark.line + 1}"
            return Problem(key=self.file, why=f"is not valid YAML: {error.problem}", where=where)
        why = "nests too deep" if isinstance(error, RecursionError) else "holds characters that YAML does not allow"
        return Problem(key=self.file, why=f"is not valid YAML: it {why}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
