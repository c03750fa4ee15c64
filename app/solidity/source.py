"""A parsed source. Nothing here recurses and every look at the text is bounded: a source may be hostile.

tree-sitter's parser is linear in the length and keeps its stack on the heap, and it makes a tree of anything. What must
be kept off is Python that goes up or down the tree for each of its nodes: a million brackets are a tree as deep.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Tree

LONGEST_TEXT = 200
"""Characters of a node's text that are looked at; a name or a comparison is shorter."""
DEEPEST = 50
"""How far an expression is unwrapped; a person's brackets end sooner."""

_WRAPPERS = frozenset({"expression", "parenthesized_expression", "call_argument", "statement"})
_EVERY = 1024
_MOST_ERRORS = 20


class OutOfTimeError(Exception):
    """The time that may be spent on a source is over."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; lines and columns count characters from 1, as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """A place where the text is no Solidity."""

    place: Place
    message: str


class Source:
    """A text and its tree.

    Args:
        text: The source.
        seconds: How long it may be looked at before `OutOfTimeError`.

    """

    def __init__(self, text: str, seconds: float = 10) -> None:
        from tree_sitter import Parser  # noqa: PLC0415 a service that reads no Solidity should not load it

        self._deadline = time.monotonic() + seconds
        self.data = text.encode()
        self.tree: Tree = Parser(_language()).parse(self.data)
        self.root: Node = self.tree.root_node
        self.lines = len(text.splitlines())

    def check_time(self) -> None:
        """Raise `OutOfTimeError` when the time is over."""
        if time.monotonic() > self._deadline:
            raise OutOfTimeError

    def text(self, node: Node | None) -> str:
        """Return the beginning of a node's text, without blanks."""
        if node is None:
            return ""
        end = min(node.end_byte, node.start_byte + LONGEST_TEXT)
        return "".join(self.data[node.start_byte : end].decode(errors="replace").split())

    def place(self, node: Node) -> Place:
        """Return where a node begins, white space left off."""
        start = node.start_byte
        # Some tokens of the grammar begin with the blanks before them.
        shown = self.data[start : min(node.end_byte, start + LONGEST_TEXT)]
        return self.place_at(start + len(shown) - len(shown.lstrip()))

    def place_at(self, byte: int) -> Place:
        """Return the place of a byte."""
        before = self.data.rfind(b"\n", 0, byte) + 1
        column = len(self.data[before:byte].decode(errors="replace"))
        return Place(self.data.count(b"\n", 0, byte) + 1, column + 1)

    def walk(self, node: Node, most: int | None = None) -> Iterator[tuple[Node, int]]:
        """Yield a node and all below it in the order of the text, each with its depth, `most` of them."""
        cursor = node.walk()
        depth = count = 0
        while True:
            current = cursor.node
            if current is not None:
                yield current, depth
            count += 1
            if count % _EVERY == 0:
                self.check_time()
            if most is not None and count >= most:
                return
            if cursor.goto_first_child():
                depth += 1
                continue
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return
                depth -= 1

    def faults(self) -> list[SyntaxFault]:
        """Return the first places where the text is no Solidity."""
        found: list[SyntaxFault] = []
        if not self.root.has_error:
            return found
        for node, _ in self.walk(self.root):
            if node.is_missing:
                found.append(SyntaxFault(self.place(node), f"{node.type!r} is missing here."))
            elif node.is_error:
                start = self.data[node.start_byte : node.start_byte + 30].decode(errors="replace").split()
                shown = " ".join(start)
                found.append(SyntaxFault(self.place(node), f"{shown!r} cannot be read as Solidity."))
            if len(found) == _MOST_ERRORS:
                break
        return found


def bare(node: Node | None) -> Node | None:
    """Return what a node wraps: an expression without brackets around it."""
    for _ in range(DEEPEST):
        if node is None or node.type not in _WRAPPERS or node.named_child_count != 1:
            return node
        node = node.named_child(0)
    return node


def field(node: Node | None, name: str) -> Node | None:
    """Return what a node has in a field, unwrapped."""
    return bare(node.child_by_field_name(name)) if node is not None else None


def children(node: Node | None, kind: str) -> list[Node]:
    """Return the children of a kind."""
    return [child for child in node.named_children if child.type == kind] if node is not None else []


@lru_cache(maxsize=1)
def _language() -> Language:
    import tree_sitter_solidity  # noqa: PLC0415
    from tree_sitter import Language  # noqa: PLC0415

    with warnings.catch_warnings():
        # The grammar's package hands over a number, which a later tree-sitter will not take.
        warnings.simplefilter("ignore", DeprecationWarning)
        return Language(tree_sitter_solidity.language())
