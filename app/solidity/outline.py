"""What a source declares: contracts with their variables and functions."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from app.solidity.body import Body
from app.solidity.source import Source, children
from app.solidity.source import field as field_of

if TYPE_CHECKING:
    from tree_sitter import Node

Kind = Literal["contract", "interface", "library"]

_CONTRACTS: Mapping[str, Kind] = {
    "contract_declaration": "contract",
    "interface_declaration": "interface",
    "library_declaration": "library",
}
_MOST_ANCESTORS = 100
_FUNCTIONS = {
    "function_definition": "function",
    "constructor_definition": "constructor",
    "fallback_receive_definition": "fallback",
    "modifier_definition": "modifier",
}


@dataclass(frozen=True)
class Variable:
    """A state variable, a parameter or a local one."""

    node: Node
    name: str
    type: str
    visibility: str = ""
    fixed: bool = False
    """Whether it is constant or immutable."""

    @property
    def is_array(self) -> bool:
        """Whether it is an array that can grow."""
        return self.type.endswith("[]")


@dataclass(frozen=True)
class Function:
    """A function, a constructor, a fallback or a modifier."""

    source: Source
    node: Node
    kind: str
    name: str
    visibility: str
    mutability: str
    modifiers: tuple[str, ...]
    parameters: Mapping[str, Variable]
    contract: Contract | None

    @cached_property
    def body(self) -> Body:
        """What it does; empty where it is only declared."""
        return Body(self.source, self.node.child_by_field_name("body"), set(self.parameters), set(self.states))

    @property
    def states(self) -> Mapping[str, Variable]:
        """The state variables that it can reach."""
        return self.contract.all_variables if self.contract else {}

    @property
    def is_implemented(self) -> bool:
        """Whether it has a body."""
        return self.node.child_by_field_name("body") is not None

    @property
    def is_open(self) -> bool:
        """Whether anybody can call it."""
        default = self.kind in {"fallback", "constructor"} or (self.kind == "function" and not self.visibility)
        return self.visibility in {"public", "external"} or (default and self.kind != "constructor")

    @property
    def reads_only(self) -> bool:
        """Whether it cannot change anything."""
        return self.mutability in {"view", "pure", "constant"}


@dataclass
class Contract:
    """A contract, an interface or a library."""

    node: Node
    kind: Kind
    name: str
    bases: tuple[str, ...]
    variables: dict[str, Variable] = field(default_factory=dict[str, Variable])
    functions: list[Function] = field(default_factory=list[Function])
    parents: list[Contract] = field(default_factory=list["Contract"])
    """Those of its ancestors that are in the same source."""

    @cached_property
    def all_variables(self) -> dict[str, Variable]:
        """Its variables and those of its ancestors in the source, its own last."""
        known = {name: variable for parent in reversed(self.parents) for name, variable in parent.variables.items()}
        return known | self.variables

    @cached_property
    def is_whole(self) -> bool:
        """Whether all its ancestors are in the source."""
        names = {parent.name for parent in self.parents}
        return all(base in names for contract in (self, *self.parents) for base in contract.bases)

    @cached_property
    def modifiers(self) -> dict[str, Function]:
        """The modifiers that its functions can use, by name."""
        found = [each for contract in (*reversed(self.parents), self) for each in contract.functions]
        return {each.name: each for each in found if each.kind == "modifier"}


@dataclass(frozen=True)
class Outline:
    """All that a source declares."""

    source: Source
    contracts: tuple[Contract, ...]
    free: tuple[Function, ...]
    pragmas: tuple[Node, ...]

    @property
    def functions(self) -> list[Function]:
        """All functions, in the order of the text."""
        return [each for contract in self.contracts for each in contract.functions] + list(self.free)


def outline(source: Source) -> Outline:
    """Return what a source declares."""
    contracts: list[Contract] = []
    free: list[Function] = []
    pragmas: list[Node] = []
    for node in source.root.named_children:
        if node.type in _CONTRACTS:
            contracts.append(_contract(source, node, _CONTRACTS[node.type]))
        elif node.type == "function_definition":
            free.append(_function(source, node, None))
        elif node.type == "pragma_directive":
            pragmas.append(node)
    _link(source, contracts)
    return Outline(source, tuple(contracts), tuple(free), tuple(pragmas))


def variable(source: Source, node: Node) -> Variable:
    """Return what a declaration declares."""
    words = {child.type for child in node.children}
    return Variable(
        node=node,
        name=source.text(node.child_by_field_name("name")),
        type=source.text(node.child_by_field_name("type")),
        visibility=source.text(node.child_by_field_name("visibility")),
        fixed=bool(words & {"constant", "immutable"}),
    )


def _contract(source: Source, node: Node, kind: Kind) -> Contract:
    ancestors = [each.child_by_field_name("ancestor") for each in children(node, "inheritance_specifier")]
    bases = tuple(source.text(ancestor).rpartition(".")[2] for ancestor in ancestors)
    contract = Contract(node, kind, source.text(node.child_by_field_name("name")), bases)
    body = node.child_by_field_name("body")
    for number, member in enumerate(body.named_children if body is not None else ()):
        if number % 256 == 0:
            source.check_time()
        if member.type == "state_variable_declaration":
            declared = variable(source, member)
            contract.variables[declared.name] = declared
        elif member.type in _FUNCTIONS:
            contract.functions.append(_function(source, member, contract))
    return contract


def _function(source: Source, node: Node, contract: Contract | None) -> Function:
    parameters = [variable(source, each) for each in children(node, "parameter")]
    mutability = [source.text(each) for each in children(node, "state_mutability")]
    visibility = [source.text(each) for each in children(node, "visibility")]
    invoked = [each.named_child(0) for each in children(node, "modifier_invocation")]
    return Function(
        source=source,
        node=node,
        kind=_FUNCTIONS[node.type],
        name=source.text(field_of(node, "name")),
        visibility=visibility[0] if visibility else "",
        mutability=mutability[0] if mutability else "",
        modifiers=tuple(source.text(each) for each in invoked),
        parameters={each.name: each for each in parameters if each.name},
        contract=contract,
    )


def _link(source: Source, contracts: list[Contract]) -> None:
    """Let every contract know its ancestors, each once, the nearest first; circles end."""
    named = {contract.name: contract for contract in contracts}
    for contract in contracts:
        source.check_time()
        seen, waiting = {contract.name}, deque(contract.bases)
        while waiting and len(contract.parents) < _MOST_ANCESTORS:
            name = waiting.popleft()
            base = named.get(name)
            if base is None or name in seen:
                continue
            seen.add(name)
            contract.parents.append(base)
            waiting.extend(base.bases)
