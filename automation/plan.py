"""A plan: what a preview would change, or an update did, built from raw engine events alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from automation.engine import Event
from components.stateful import STATEFUL_TYPES

_STACK_TYPE = "pulumi:pulumi:Stack"
_DEFAULT_PROVIDER = re.compile(r"pulumi:providers:[^:]+::default(_|$)")
_COLOUR = re.compile(r"<\{%.*?%\}>")


class Op(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"
    READ = "read"


# A replacement is three engine steps; only the logical one is counted. A refresh tells its result in the second event.
_OPS: Mapping[str, Op] = {
    "create": Op.CREATE,
    "import": Op.CREATE,
    "update": Op.UPDATE,
    "replace": Op.REPLACE,
    "import-replacement": Op.REPLACE,
    "delete": Op.DELETE,
    "discard": Op.DELETE,
    "same": Op.SAME,
    "read": Op.READ,
    "refresh": Op.SAME,
}


@dataclass(frozen=True)
class Change:
    """One resource in a plan."""

    urn: str
    op: Op
    type: str
    name: str
    parent: str
    custom: bool
    protected: bool = False
    retained: bool = False
    causes: Sequence[str] = ()
    """Properties that force a replacement."""
    properties: Sequence[str] = ()
    """Property paths that change."""

    @property
    def destructive(self) -> bool:
        """Whether data goes with it: a stateful resource that is deleted or replaced, and not retained."""
        return self.type in STATEFUL_TYPES and self.op in {Op.DELETE, Op.REPLACE} and not self.retained


@dataclass(frozen=True)
class Diagnostic:
    """A message of the engine, a provider or the program."""

    severity: str
    message: str
    urn: str = ""


@dataclass
class Plan:
    """What a run would do or did; `done` and `failed` hold URNs once the engine acts."""

    stack: str
    changes: dict[str, Change] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take one raw event in; unknown kinds are left alone, since engines grow new ones."""
        if pre := event.get("resourcePreEvent"):
            self._add_step(pre["metadata"])
        elif outputs := event.get("resOutputsEvent"):
            metadata = outputs["metadata"]
            self.done.add(metadata["urn"])
            known = self.changes.get(metadata["urn"])
            if known is not None and known.op is Op.SAME and metadata["op"] != known.op:
                self._add_step(metadata)
        elif failure := event.get("resOpFailedEvent"):
            self.failed.add(failure["metadata"]["urn"])
        elif diagnostic := event.get("diagnosticEvent"):
            self._add_diagnostic(diagnostic)

    def counts(self) -> dict[str, int]:
        """Return how many resources each operation touches, all five always present."""
        tally = Counter(change.op for change in self.changes.values() if change.urn not in self.failed)
        return {op.value: tally[op] for op in (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE, Op.SAME)}

    def changed(self) -> list[Change]:
        """Return everything that is not `same` or `read`, in the engine's order."""
        return [change for change in self.changes.values() if change.op not in {Op.SAME, Op.READ}]

    def errors(self) -> list[Diagnostic]:
        """Return what went wrong, in the engine's words."""
        return [diagnostic for diagnostic in self.diagnostics if diagnostic.severity == "error"]

    def component_of(self, urn: str) -> str:
        """Return the URN of the outermost component around a resource: the one directly under the stack."""
        while (change := self.changes.get(urn)) and change.parent and _type_of(change.parent) != _STACK_TYPE:
            urn = change.parent
        return urn

    def _add_step(self, metadata: Event) -> None:
        op, urn, kind = _OPS.get(metadata["op"]), metadata["urn"], metadata["type"]
        if op is None or kind == _STACK_TYPE or _DEFAULT_PROVIDER.search(urn):
            return
        state = metadata.get("new") or metadata.get("old") or {}
        detailed = metadata.get("detailedDiff") or {}
        self.changes[urn] = Change(
            urn=urn,
            op=op,
            type=kind,
            name=urn.rsplit("::", 1)[-1],
            parent=state.get("parent", ""),
            custom=bool(state.get("custom")),
            protected=bool(state.get("protect")),
            retained=bool(state.get("retainOnDelete")),
            causes=_causes(metadata.get("keys") or (), detailed),
            properties=tuple(sorted(detailed)) or tuple(metadata.get("diffs") or ()),
        )

    def _add_diagnostic(self, diagnostic: Event) -> None:
        if diagnostic.get("ephemeral") or diagnostic["severity"] == "debug":
            return
        message = _COLOUR.sub("", diagnostic["message"]).strip()
        if message:
            self.diagnostics.append(Diagnostic(diagnostic["severity"], message, diagnostic.get("urn", "")))


def build(stack: str, events: Iterable[Event]) -> Plan:
    """Build the plan of a stack from a whole run's events."""
    plan = Plan(stack)
    for event in events:
        plan.add(event)
    return plan


def _causes(keys: Sequence[str], detailed: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    exact = tuple(sorted(path for path, diff in detailed.items() if str(diff.get("diffKind", "")).endswith("-replace")))
    return exact or tuple(keys)


def _type_of(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]
