"""The outputs of a resource: those that the facts describe, in a preview unknown, otherwise filled in."""

from __future__ import annotations

import copy

from sandbox.control import paths
from sandbox.control.facts import ResourceType
from sandbox.control.hooks import hook_of
from sandbox.control.hooks.base import Operation
from sandbox.control.shape import conform
from sandbox.control.templates import Template, uses
from sandbox.control.wire import DEFAULTS, UNKNOWN, Bag, Path, Value, Values


def template_of(operation: Operation) -> Template:
    """Return what fills the templates of the resource of an operation."""
    return Template(operation.scope, operation.region, operation.outputs, operation.kind.computed, operation.field)


def computed_outputs(operation: Operation, template: Template) -> None:
    """Put every output that is not there yet: what AWS fills in for inputs not given, and what it computes."""
    for path, source in sorted(operation.kind.unset, key=lambda entry: len(entry[0])):
        for _, block in paths.blocks(operation.outputs, path):
            _put(block, path[-1], source, template)
    for name, source in operation.kind.computed.items():
        _put(operation.outputs, name, source, template)
    _judge_types(operation)


def _judge_types(operation: Operation) -> None:
    """Refuse to answer with a wrongly typed output: a program would wait for it for ever, without an error."""

    def report(path: Path, problem: str) -> None:
        message = f"the facts of {operation.kind.token} make a wrong output, {paths.show(path)}: {problem}"
        raise TypeError(message)

    for name, value in operation.outputs.items():
        expected = operation.kind.outputs.get(name)
        if expected is not None:
            operation.outputs[name] = conform(expected, value, (name,), operation.kind.objects, report)


def _put(block: Values, name: str, source: Value, template: Template) -> None:
    if name not in block:
        value = template.fill(source)
        if value is not None:
            block[name] = value


def planned_create(kind: ResourceType, region: str, inputs: Values) -> Values:
    """Return the outputs of a resource that is still to be created: its inputs, and unknowns."""
    outputs = {key: copy.deepcopy(value) for key, value in inputs.items() if key != DEFAULTS}
    if kind.regional:
        outputs.setdefault("region", region)
    for name in (*kind.computed, *kind.recompute, *(path[0] for path, _ in kind.unset if len(path) == 1)):
        outputs.setdefault(name, UNKNOWN)
    for path, _ in kind.unset:
        *outer, name = path
        if outer:
            for _, block in paths.blocks(outputs, path):
                block.setdefault(name, UNKNOWN)
    return outputs


def planned_update(kind: ResourceType, outputs: Values, inputs: Values, changed: set[str]) -> Values:
    """Return the outputs of a resource that is still to be updated: what the update computes is unknown."""
    return {**outputs, **dict.fromkeys(recomputed(kind, inputs, changed), UNKNOWN)}


def recomputed(kind: ResourceType, inputs: Values, changed: set[str]) -> set[str]:
    """Return the outputs that an update of some inputs evaluates anew."""
    names = {name for name, causes in kind.recompute.items() if changed.intersection(causes)}
    sources = {name: uses(source) for name, source in kind.computed.items()}
    while True:
        more = {name for name, used in sources.items() if used & (changed | names)} - names
        if not more:
            break
        names |= more
    return hook_of(kind).recomputed(names - set(inputs), inputs, changed)


def secret_paths(kind: ResourceType, inputs: Bag) -> set[Path]:
    """Return which outputs are secret: secret inputs, what is made from them, and what always is."""
    roots = inputs.secret_roots()
    derived = {(name,) for name, source in kind.computed.items() if roots and uses(source) & roots}
    return inputs.secrets | derived | {(name,) for name in kind.secret}
