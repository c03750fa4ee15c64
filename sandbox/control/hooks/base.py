"""What a hook can see and do; a type has one only where its facts cannot say how it behaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sandbox.control import paths
from sandbox.control.account import Resource, Transaction
from sandbox.control.diff import Difference
from sandbox.control.errors import Refusal
from sandbox.control.facts import ResourceType
from sandbox.control.messages import Verb, api_error
from sandbox.control.scope import Scope
from sandbox.control.wire import Value, Values


@dataclass
class Operation:
    """One create, update or delete under way; `outputs` is what the answer will say, the inputs included."""

    verb: Verb
    kind: ResourceType
    scope: Scope
    account: Transaction
    name: str
    region: str
    inputs: Values
    outputs: Values
    old: Resource | None = None
    changed: set[str] = field(default_factory=set)

    def find(self, kinds: str | Sequence[str], handle: Value) -> Resource | None:
        """Return the resource that goes by an id, ARN or name."""
        return self.account.named((kinds,) if isinstance(kinds, str) else kinds, self.region, str(handle))

    def field(self, prop: str, wanted: str) -> Value:
        """Return a field of the resource that an input names."""
        path = paths.parse(prop)
        reference = next((one for one in self.kind.refs.values() if one.path == paths.pattern(path)), None)
        if reference is None:
            message = f"{self.kind.token}: a lookup by {prop} needs {prop} among the refs"
            raise KeyError(message)
        value = paths.first(self.inputs, path)
        found = self.find(reference.kinds, reference.handle(value)) if isinstance(value, str) else None
        if found is None:
            return None
        return found.id if wanted == "id" else paths.first(found.outputs, paths.parse(wanted))

    def end_parts(self, whole: str, *kinds: str) -> None:
        """Take away what is part of a resource, by whose id it goes, and ends with it."""
        for kind in kinds:
            for part in self.account.of_type(kind, self.region):
                if part.id == whole:
                    self.account.remove(part.key)

    def error(self, code: str, text: str) -> Refusal:
        """Return what AWS answers when it refuses this operation."""
        return api_error(self.kind, self.verb, self.name, code, text)


class Hook:
    """Behaviour of one type; every step does nothing unless a type has something to say."""

    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        """Complete the inputs where defaults cannot; yield what is wrong with them at preview, and where."""
        del inputs
        return ()

    def diff(self, difference: Difference, old: Values, new: Values) -> None:
        """Change a difference, or refuse it as the provider does at preview."""

    def recomputed(self, names: set[str], inputs: Values, changed: set[str]) -> set[str]:
        """Return the outputs that an update makes unknown until it is done."""
        del inputs, changed
        return names

    def create(self, operation: Operation) -> None:
        """Judge a resource about to exist, and put outputs that templates cannot make."""

    def update(self, operation: Operation) -> None:
        """Judge a resource about to change, and put outputs that templates cannot make."""

    def delete(self, operation: Operation) -> None:
        """Refuse a delete that AWS would refuse."""

    def handles(self, outputs: Values) -> Iterable[tuple[str, str]]:
        """Yield types and ids of what comes into existence along with this resource."""
        del outputs
        return ()

    def identity(self, outputs: Values) -> str | None:
        """Return what tells this resource from all others of its type and region, where its id does not."""
        del outputs
        return None
