"""The model that every output is made of, and how raw engine events become it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from automation.engine import Event
from automation.plan.diffs import PropertyChange, as_path, changed_roots, differences, steps
from automation.plan.masks import Masks
from automation.plan.noise import noise_of
from automation.plan.values import Hidden, Value, hide, leaked, readable
from components.stateful import STATEFUL_TYPES

_STACK_TYPE = "pulumi:pulumi:Stack"
_PROVIDER_TYPE = "pulumi:providers:"
_DEFAULT_PROVIDER = re.compile(r"pulumi:providers:[^:]+::default(_|$)")
_COLOUR = re.compile(r"<\{%.*?%\}>")
_PATTERNS_KEY = "modeshift:maskPatterns"


class Op(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"
    READ = "read"


COUNTED = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE, Op.SAME)
"""What a summary counts."""

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
    """One resource in a plan.

    `before` and `after` are its inputs as `values.readable` gives them: secrets and unknown values are `Hidden`,
    text that is JSON is what it says. A provider has none, since they may be credentials.
    """

    urn: str
    op: Op
    type: str
    name: str
    parent: str
    custom: bool
    protected: bool = False
    retained: bool = False
    imported: bool = False
    """Taken over, not made."""
    unprotected: bool = False
    """Was protected, and is not any more."""
    deleted_first: bool = False
    """Replaced in an order that leaves a gap."""
    causes: Sequence[str] = ()
    """Properties that force a replacement."""
    properties: Sequence[str] = ()
    """Property paths that change, as the engine names them."""
    before: Mapping[str, Value] = field(default_factory=dict)
    after: Mapping[str, Value] = field(default_factory=dict)

    @property
    def destructive(self) -> bool:
        """Whether data goes with it: a stateful resource that is deleted or replaced, and not retained."""
        return self.type in STATEFUL_TYPES and self.op in {Op.DELETE, Op.REPLACE} and not self.retained

    @cached_property
    def diff(self) -> tuple[PropertyChange, ...]:
        """What changes, leaf by leaf; nothing for what is made or goes as a whole."""
        if self.op not in {Op.UPDATE, Op.REPLACE}:
            return ()
        return tuple(differences(self.before, self.after, self.properties, self.causes))

    @cached_property
    def noisy(self) -> bool:
        """Whether it is an update of what nobody reviews: tags, hashes of packages, digests of images."""
        return self.op is Op.UPDATE and bool(self.diff) and all(noise_of(one) for one in self.diff)

    @cached_property
    def follows(self) -> bool:
        """Whether it is replaced only because something else is: its causes are not known before that is done."""
        causes = [one for one in self.diff if one.replaces]
        return self.op is Op.REPLACE and bool(causes) and all(one.after is Hidden.UNKNOWN for one in causes)


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
    outputs_before: Mapping[str, Value] = field(default_factory=dict)
    outputs_after: Mapping[str, Value] = field(default_factory=dict)
    """The stack's outputs; empty before the first deployment, and after a preview that failed."""
    result: str = ""
    """How the engine says it ended: `succeeded`, `failed`, `canceled`."""
    _deleted: set[str] = field(default_factory=set)
    _patterns: Sequence[str] = ()
    _leaks: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take one raw event in; unknown kinds are left alone, since engines grow new ones."""
        if pre := event.get("resourcePreEvent"):
            self._add_step(pre["metadata"])
        elif outputs := event.get("resOutputsEvent"):
            self._add_outputs(outputs["metadata"])
        elif failure := event.get("resOpFailedEvent"):
            self.failed.add(failure["metadata"]["urn"])
        elif diagnostic := event.get("diagnosticEvent"):
            self._add_diagnostic(diagnostic)
        elif summary := event.get("summaryEvent"):
            self.result = summary.get("result", "")
        elif prelude := event.get("preludeEvent"):
            self._patterns = _patterns((prelude.get("config") or {}).get(_PATTERNS_KEY))

    def seal(self) -> None:
        """Close a plan whose run has ended: sort it, and hide what only the whole run tells to be secret."""
        masks = Masks(self._patterns, self._leaks)
        self.outputs_before, self.outputs_after = masks.tree(self.outputs_before), masks.tree(self.outputs_after)
        self.diagnostics = [replace(one, message=masks.text(one.message)) for one in self.diagnostics]
        self.changes = {
            urn: replace(change, before=masks.tree(change.before), after=masks.tree(change.after))
            for urn, change in sorted(self.changes.items())
        }

    def counts(self) -> dict[str, int]:
        """Return how many resources each operation touches, all five always present."""
        tally = Counter(change.op for change in self.changes.values() if change.urn not in self.failed)
        return {op.value: tally[op] for op in COUNTED}

    def changed(self) -> list[Change]:
        """Return everything that is not `same` or `read`."""
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
        if metadata["op"] == "delete-replaced":
            self._deleted.add(urn)
        if op is None or kind == _STACK_TYPE or _DEFAULT_PROVIDER.search(urn):
            return
        old, new = metadata.get("old") or {}, metadata.get("new") or {}
        state = new or old
        detailed = metadata.get("detailedDiff") or {}
        provider = kind.startswith(_PROVIDER_TYPE)
        before, after = ({}, {}) if provider else self._sides(old, new, detailed)
        self.changes[urn] = Change(
            urn=urn,
            op=op,
            type=kind,
            name=urn.rsplit("::", 1)[-1],
            parent=state.get("parent", ""),
            custom=bool(state.get("custom")),
            protected=bool(state.get("protect")),
            retained=bool(state.get("retainOnDelete")),
            imported=metadata["op"].startswith("import") or (op is Op.UPDATE and self._is_taken(urn)),
            unprotected=bool(old.get("protect")) and bool(new) and not new.get("protect"),
            deleted_first=op is Op.REPLACE and urn in self._deleted,
            causes=_causes(metadata.get("keys") or (), detailed),
            properties=tuple(sorted(detailed))
            or tuple(map(as_path, metadata.get("diffs") or ()))
            or tuple(changed_roots(before, after) if op is Op.UPDATE else ()),
            before=before,
            after=after,
        )

    def _is_taken(self, urn: str) -> bool:
        """Tell whether the engine took a resource over before; what differs from its settings is then a second step."""
        return urn in self.changes and self.changes[urn].imported

    def _sides(self, old: Event, new: Event, detailed: Event) -> tuple[Mapping[str, Value], Mapping[str, Value]]:
        """Return the inputs of both sides; where the difference is in an output, that output too."""
        outputs = {steps(path)[0] for path, diff in detailed.items() if not diff.get("inputDiff")}
        before, after = (
            {
                **readable(state.get("inputs") or {}),
                **readable({name: value for name, value in (state.get("outputs") or {}).items() if name in outputs}),
            }
            for state in (old, new)
        )
        self._leaks.update(leaked(before, after))
        return hide(before, after)

    def _add_outputs(self, metadata: Event) -> None:
        urn = metadata["urn"]
        if metadata["type"] == _STACK_TYPE:
            before, after = (readable((metadata.get(side) or {}).get("outputs") or {}) for side in ("old", "new"))
            self._leaks.update(leaked(before, after))
            self.outputs_before, self.outputs_after = hide(before, after)
        self.done.add(urn)
        known = self.changes.get(urn)
        if known is not None and known.op is Op.SAME and metadata["op"] != known.op:
            self._add_step(metadata)

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
    plan.seal()
    return plan


def _causes(keys: Sequence[str], detailed: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    exact = tuple(sorted(path for path, diff in detailed.items() if str(diff.get("diffKind", "")).endswith("-replace")))
    return exact or tuple(map(as_path, keys))


def _patterns(setting: object) -> tuple[str, ...]:
    """Return the stack's mask patterns; the engine hands settings on as text."""
    try:
        patterns = json.loads(setting) if isinstance(setting, str) else ()
    except ValueError:
        patterns = [setting]
    return tuple(str(pattern) for pattern in patterns) if isinstance(patterns, list) else ()


def _type_of(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]
