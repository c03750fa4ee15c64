"""What the body of a function does, as lists in the order of the text; one walk finds them all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.solidity.source import DEEPEST, Source, bare, children, field

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_NODES = 200_000
"""Nodes of a body that are looked at; a long function of a person has some thousands."""

_LOOPS = frozenset({"for_statement", "while_statement", "do_while_statement"})
_ORDER = frozenset({"<", ">", "<=", ">="})
_EQUALITY = frozenset({"==", "!="})
_WRITING = frozenset({"delete", "++", "--"})
_CHECKS = frozenset({"require", "assert"})
_SENDERS = frozenset({"msg.sender", "_msgSender()"})
_LONGEST_CONDITION = 200
_CHANGING = frozenset({"push", "pop"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call: `object.name{value: …}(arguments)`."""

    node: Node
    name: str
    object: Node | None
    """What it is called on; none for a name alone."""
    root: str
    """The name that `object` begins with."""
    arguments: tuple[Node, ...]
    sends_value: bool
    is_dropped: bool
    """Whether nobody looks at what it returns."""
    in_loop: bool

    @property
    def is_low_level(self) -> bool:
        """Whether it reaches an address, not a function that is known."""
        return self.object is not None and self.name in {"call", "delegatecall", "staticcall", "callcode"}

    @property
    def pays(self) -> bool:
        """Whether it is one of the address members that send Ether and forward little gas."""
        return self.object is not None and self.name in {"send", "transfer"} and len(self.arguments) == 1


@dataclass(frozen=True, slots=True)
class Write:
    """A value given to something; `root` is the name of what changes, its storage name behind a pointer."""

    node: Node
    root: str
    value: Node | None
    is_state: bool


@dataclass(frozen=True, slots=True)
class Use:
    """A name or a member that is read, as in `tx.origin`."""

    node: Node
    text: str
    in_loop: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operation."""

    node: Node
    operator: str
    left: Node | None
    right: Node | None


class Body:
    """The body of a function.

    Args:
        source: Where it is from.
        node: The body; none where a function is only declared.
        parameters: The names of its parameters.
        states: The names of the state variables that it can reach.

    """

    def __init__(self, source: Source, node: Node | None, parameters: set[str], states: set[str]) -> None:
        self.calls: list[Call] = []
        self.writes: list[Write] = []
        self.uses: list[Use] = []
        self.operations: list[Operation] = []
        self.loops: list[Node] = []
        self.assemblies: list[Node] = []
        self.locals: dict[str, Node] = {}
        self.checks_sender = False
        """Whether it compares who calls with something, or looks the caller up in a list of those who may."""
        self.is_cut = False
        """Whether it is longer than what is looked at."""
        self._source = source
        self._states = states
        self._parameters = parameters
        self._in_loop = False
        self._compared: set[str] = set()
        self._pointers: dict[str, str] = {}
        self._dropped: set[int] = set()
        if node is not None:
            self._read(node)

    def root(self, node: Node | None) -> str:
        """Return the name that an expression begins with: `users` of `users[id].balance`."""
        for _ in range(DEEPEST):
            node = bare(node)
            if node is None:
                return ""
            match node.type:
                case "array_access":
                    node = node.child_by_field_name("base")
                case "member_expression":
                    node = node.child_by_field_name("object")
                case "call_expression":
                    node = node.child_by_field_name("function")
                case "struct_expression":
                    node = node.child_by_field_name("type")
                case "unary_expression" | "update_expression":
                    node = node.child_by_field_name("argument")
                case "type_cast_expression" | "payable_conversion_expression":
                    inside = children(node, "call_argument")
                    node = inside[0] if inside else None
                case _:
                    return self._source.text(node)
        return ""

    def names_state(self, root: str) -> bool:
        """Tell whether a name is a state variable here, not hidden by a local one."""
        return root in self._states and root not in self.locals and root not in self._parameters

    def uses_in(self, node: Node | None) -> list[Use]:
        """Return what is read in a part of the body."""
        self._source.check_time()
        if node is None:
            return []
        first = bisect_left(self.uses, node.start_byte, key=lambda use: use.node.start_byte)
        last = bisect_left(self.uses, node.end_byte, lo=first, key=lambda use: use.node.start_byte)
        return self.uses[first:last]

    def compares(self, *texts: str) -> bool:
        """Tell whether one of some texts is a side of a comparison for equality."""
        self._source.check_time()
        return not self._compared.isdisjoint(texts)

    def _read(self, top: Node) -> None:
        visits: dict[str, Callable[[Node], None]] = {
            "expression_statement": self._statement,
            "if_statement": lambda node: self._condition(node.child_by_field_name("condition")),
            "call_expression": self._call,
            "assignment_expression": self._assignment,
            "augmented_assignment_expression": self._assignment,
            "update_expression": self._unary,
            "unary_expression": self._unary,
            "binary_expression": self._operation,
            "variable_declaration": self._local,
            "variable_declaration_statement": self._point,
            "member_expression": self._use,
            "identifier": self._use,
            "assembly_statement": self.assemblies.append,
            **dict.fromkeys(_LOOPS, self.loops.append),
        }
        loops: list[int] = []
        count = 0
        for node, depth in self._source.walk(top, MOST_NODES):
            count += 1
            while loops and loops[-1] >= depth:
                loops.pop()
            if not node.is_named:
                continue
            self._in_loop = bool(loops)
            visit = visits.get(node.type)
            if visit is not None:
                visit(node)
            if node.type in _LOOPS:
                loops.append(depth)
        self.is_cut = count >= MOST_NODES

    def _statement(self, node: Node) -> None:
        inner = bare(node.named_child(0))
        if inner is not None:
            self._dropped.add(inner.id)

    def _use(self, node: Node) -> None:
        self.uses.append(Use(node, self._source.text(node), self._in_loop))

    def _local(self, node: Node) -> None:
        self.locals[self._source.text(node.child_by_field_name("name"))] = node

    def _assignment(self, node: Node) -> None:
        self._assign(node, node.child_by_field_name("left"), node.child_by_field_name("right"))

    def _unary(self, node: Node) -> None:
        if self._operator(node) in _WRITING:
            self._assign(node, node.child_by_field_name("argument"), None)

    def _operator(self, node: Node) -> str:
        return self._source.text(node.child_by_field_name("operator"))

    def _call(self, node: Node) -> None:
        if self._old_option(node):
            return
        dropped = node.id in self._dropped
        called, sends_value = field(node, "function"), False
        for _ in range(DEEPEST):
            if called is None:
                return
            if called.type == "struct_expression":
                options = children(called, "struct_field_assignment")
                sends_value |= any(self._source.text(field(option, "name")) == "value" for option in options)
                called = field(called, "type")
            elif called.type == "call_expression" and (option := self._old_option(called)):
                sends_value |= option == "value"
                called = field(field(called, "function"), "object")
            else:
                break
        on = field(called, "object") if called is not None and called.type == "member_expression" else None
        name = self._source.text(called.child_by_field_name("property") if on is not None and called else called)
        arguments = tuple(children(node, "call_argument"))
        self.calls.append(Call(node, name, on, self.root(on), arguments, sends_value, dropped, self._in_loop))
        if name in _CHECKS and arguments:
            self._condition(arguments[0])
        if name in _CHANGING and on is not None:
            self._assign(node, on, None)

    def _old_option(self, called: Node) -> str:
        """Return the option that a call before 0.7 sets, as in `.value(1)`."""
        function = field(called, "function")
        if function is None or function.type != "member_expression":
            return ""
        name = self._source.text(function.child_by_field_name("property"))
        on = field(function, "object")
        return name if name in {"value", "gas"} and on is not None and on.type != "identifier" else ""

    def _assign(self, node: Node, to: Node | None, value: Node | None) -> None:
        target = bare(to)
        targets = target.named_children if target is not None and target.type == "tuple_expression" else [target]
        for each in targets:
            root = self.root(each)
            pointed = self._pointers.get(root)
            is_state = self.names_state(root) if pointed is None else self._is_part(each)
            self.writes.append(Write(node, pointed or root, value, is_state))

    def _is_part(self, node: Node | None) -> bool:
        """Tell whether something is part of what a pointer points to: to set the pointer itself changes no storage."""
        inner = bare(node)
        return inner is not None and inner.type != "identifier"

    def _operation(self, node: Node) -> None:
        operator = self._operator(node)
        left, right = field(node, "left"), field(node, "right")
        self.operations.append(Operation(node, operator, left, right))
        if operator in _EQUALITY:
            self._compared |= {self._source.text(left), self._source.text(right)}
            self.checks_sender = self.checks_sender or self.compares(*_SENDERS)

    def _condition(self, node: Node | None) -> None:
        """Note whether a condition asks who calls; how much the caller has is another question."""
        self._source.check_time()
        skipped: int | None = None
        for each, depth in self._source.walk(node, _LONGEST_CONDITION) if node is not None else ():
            if skipped is not None and depth > skipped:
                continue
            skipped = None
            if each.type == "binary_expression" and self._operator(each) in _ORDER:
                skipped = depth
            elif each.type in {"member_expression", "call_expression"} and self._source.text(each) in _SENDERS:
                self.checks_sender = True

    def _point(self, node: Node) -> None:
        """Note what a local pointer into storage points to."""
        for declared in children(node, "variable_declaration"):
            if any(child.type == "storage" for child in declared.children):
                root = self.root(node.child_by_field_name("value"))
                self._pointers[self._source.text(declared.child_by_field_name("name"))] = self._pointers.get(root, root)
