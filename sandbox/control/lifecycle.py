"""Create, read, update and delete: what a resource becomes, judged and written in one transaction."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import replace

from sandbox.control import paths
from sandbox.control.account import Entry, Resource, Transaction
from sandbox.control.check import judged
from sandbox.control.diff import diff
from sandbox.control.facts import Reference, ResourceType
from sandbox.control.hooks import hook_of
from sandbox.control.hooks.base import Operation
from sandbox.control.messages import Verb, in_use, missing, taken
from sandbox.control.outputs import computed_outputs, recomputed, template_of
from sandbox.control.scope import ACCOUNT_ID, Scope
from sandbox.control.wire import DEFAULTS, Values

EXTERNAL_ZONE = "Z0SANDBOX"
_ARN_ACCOUNT = 4


def region_of(kind: ResourceType, scope: Scope, values: Values) -> str:
    """Return where a resource is: a region, for what is in a cluster that; empty for what is global."""
    if kind.package == "kubernetes":
        return scope.region
    region = values.get("region") if kind.regional else ""
    return region if isinstance(region, str) else scope.region


def create(account: Transaction, kind: ResourceType, scope: Scope, urn: str, inputs: Values) -> Resource:
    """Bring a resource into existence, or refuse as AWS would."""
    operation = _operation("create", (account, kind, scope), urn, inputs)
    _judge(operation, set(operation.inputs))
    hook_of(kind).create(operation)
    names = _names(operation)
    if not kind.put:
        _refuse_taken(operation, names, None)
    template = template_of(operation)
    resource_id = str(template.fill(kind.id))
    template.fixed["id"] = resource_id
    computed_outputs(operation, template)
    entry = _entry(operation, urn, inputs, resource_id, names)
    there = account.identified(kind.token, operation.region, entry.identity)
    if there and kind.put:
        account.remove(there.key)
    elif there:
        raise operation.error(*taken(kind.token, resource_id))
    key = account.add(entry)
    return Resource(key, kind.token, operation.region, resource_id, urn, inputs, operation.outputs)


def update(account: Transaction, kind: ResourceType, scope: Scope, old: Resource, inputs: Values) -> Resource:
    """Change a resource in place, or refuse as AWS would."""
    operation = _operation("update", (account, kind, scope), old.urn, inputs, old)
    _judge(operation, operation.changed)
    stale = recomputed(kind, operation.inputs, operation.changed)
    operation.outputs = carried(kind, old.inputs, old.outputs, operation.inputs)
    for name in stale:
        operation.outputs.pop(name, None)
    hook_of(kind).update(operation)
    names = _names(operation)
    _refuse_taken(operation, names, old.key)
    template = template_of(operation)
    template.fixed["id"] = old.id
    computed_outputs(operation, template)
    for name in stale - set(operation.outputs):
        if name in old.outputs:
            operation.outputs[name] = old.outputs[name]
    entry = _entry(operation, old.urn, inputs, old.id, names)
    account.replace(old.key, entry)
    return replace(old, inputs=inputs, outputs=operation.outputs)


def carried(kind: ResourceType, old_inputs: Values, outputs: Values, inputs: Values) -> Values:
    """Return a resource's outputs under new inputs: what is no longer given goes, unless AWS keeps it."""
    kept = {path[0] for path, _ in kind.unset if len(path) == 1} | set(kind.computed)
    gone = {key for key in old_inputs if key not in inputs and key not in kept}
    result = {key: value for key, value in outputs.items() if key not in gone}
    result.update((key, copy.deepcopy(value)) for key, value in inputs.items() if key != DEFAULTS)
    for path, _ in kind.unset:
        block, value = paths.first(result, path[:-1]), paths.first(outputs, path)
        # In a list nothing tells which element was which.
        if path[1:] and paths.EACH not in path and isinstance(block, dict) and value is not None:
            block.setdefault(path[-1], copy.deepcopy(value))
    return result


def delete(account: Transaction, kind: ResourceType, scope: Scope, old: Resource) -> None:
    """Take a resource away, or refuse because others need it."""
    operation = _operation("delete", (account, kind, scope), old.urn, old.inputs, old)
    operation.outputs = old.outputs
    hook_of(kind).delete(operation)
    dependants = account.dependants(old.key)
    if dependants:
        by = ", ".join(sorted(f"{one.type.rsplit(':', 1)[1]} {one.id}" for one in dependants))
        raise operation.error(*in_use(kind.token, old.id, by))
    account.remove(old.key)


def find(account: Transaction, kind: ResourceType, scope: Scope, resource_id: str, state: Values) -> Resource | None:
    """Return the resource that an engine's id and state mean."""
    region = region_of(kind, scope, state)
    found = account.identified(kind.token, region, _identity(kind, state, resource_id))
    # Without a state (import), any of a resource's ids, ARNs and names will do.
    return found if found or state else account.named((kind.token,), region, resource_id)


def _operation(
    verb: Verb,
    place: tuple[Transaction, ResourceType, Scope],
    urn: str,
    inputs: Values,
    old: Resource | None = None,
) -> Operation:
    account, kind, scope = place
    values = {key: value for key, value in inputs.items() if key != DEFAULTS}
    region = old.region if old else region_of(kind, scope, values)
    before = old.inputs if old else {}
    changed = diff(kind, scope, before, values, state=old.outputs if old else {}).roots
    name = urn.rsplit("::", 1)[-1]
    outputs = copy.deepcopy(values)
    if kind.regional:
        outputs["region"] = region
    return Operation(verb, kind, scope, account, name, region, values, outputs, old, changed)


def _judge(operation: Operation, given: set[str]) -> None:
    kind = operation.kind
    problem = next(judged(kind.apply_checks, operation.inputs), None)
    if problem:
        path, text = problem
        raise operation.error("ValidationException", f"{paths.show(path)}: {text}")
    for reference in kind.refs.values():
        if reference.path[0] not in given:
            continue
        for _, value in paths.find(operation.inputs, reference.path):
            if isinstance(value, str) and value and not _exists(operation, reference, value):
                raise operation.error(*missing(reference.kinds[0], value))


def _exists(operation: Operation, reference: Reference, value: str) -> bool:
    handle = reference.handle(value)
    return bool(operation.find(reference.kinds, handle)) or _is_external(handle)


def _is_external(handle: str) -> bool:
    """Tell whether a resource is not this account's to know: AWS's own, another account's, or any domain's zone."""
    if handle.startswith(("alias/aws/", EXTERNAL_ZONE)):
        return True
    return handle.startswith("arn:") and handle.split(":")[_ARN_ACCOUNT] not in {ACCOUNT_ID, ""}


def _names(operation: Operation) -> list[str]:
    """Return the names that nobody else of this type may have; an absent last part leaves one out."""
    names: list[str] = []
    for at, parts in enumerate(operation.kind.unique):
        values = [paths.first(operation.outputs, paths.parse(part)) for part in parts]
        if values[-1] is not None:
            names.append(json.dumps([at, *values]))
    return names


def _refuse_taken(operation: Operation, names: Iterable[str], own: int | None) -> None:
    for name in names:
        holder = operation.account.holder(operation.kind.token, operation.region, name)
        if holder is not None and holder != own:
            parts = json.loads(name)
            raise operation.error(*taken(operation.kind.token, str(parts[-1])))


def _entry(operation: Operation, urn: str, inputs: Values, resource_id: str, names: list[str]) -> Entry:
    kind, outputs = operation.kind, operation.outputs
    named = kind.naming.property if kind.naming else "name"
    own = [resource_id, outputs.get("arn"), outputs.get(named)]
    handles = [(kind.token, handle) for handle in own if isinstance(handle, str)]
    return Entry(
        kind.token,
        operation.region,
        resource_id,
        _identity(kind, outputs, resource_id),
        urn,
        inputs,
        outputs,
        [*handles, *hook_of(kind).handles(outputs)],
        names,
        _blocked(operation),
    )


def _identity(kind: ResourceType, values: Values, resource_id: str) -> str:
    """Return a resource's id, and what it belongs to where ids repeat: every API may have a `$default` stage."""
    own = hook_of(kind).identity(values)
    fixed = {path[0] for path in kind.replace if len(path) == 1}
    places = [values.get(name) for names in kind.unique for name in names if name in fixed]
    return own or json.dumps([resource_id, *places])


def _blocked(operation: Operation) -> Iterable[int]:
    for text in operation.kind.blocks:
        reference = operation.kind.refs[text]
        for _, value in paths.find(operation.inputs, reference.path):
            found = operation.find(reference.kinds, reference.handle(str(value)))
            if found:
                yield found.key
