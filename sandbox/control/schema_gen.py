"""Write `schema.json`: property names and types of the served resource types, read from the installed SDKs.

Run `python -m sandbox.control.schema_gen` after the SDK was upgraded or a type was added to the facts. The SDK is
parsed, not imported: importing its modules takes seconds and the classes only tell Python names at run time.

A type is one string: `string`, `integer`, `number`, `boolean`, `any`, `json` (text or an object that becomes text),
`asset`, `archive`, `[]T` (list), `{}T` (map) or `#name` (a key of `types`). A module is named with its package, as in
`aws:lb` or `kubernetes:core/v1`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import yaml

HERE = Path(__file__).parent
FACTS = HERE / "facts"
SCHEMA = HERE / "schema.json"
PROVIDER = "pulumi:providers:aws"

Shape: TypeAlias = Mapping[str, Mapping[str, str] | list[str]]
Schema: TypeAlias = Mapping[str, Mapping[str, Shape]]

_PLAIN = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "Any": "any",
    "Literal": "string",
}
_WRAPPERS = {"Input", "Output", "Optional"}
_CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
_FOLDERS = {"index": ".", "lambda": "lambda_"}


class SchemaError(Exception):
    """The installed SDK does not look the way that this generator reads it."""


@dataclass
class Object:
    """The properties of one class by wire name, in the notation of the schema."""

    properties: dict[str, str] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)


@cache
def sdk(package: str) -> Path:
    """Return the folder of an installed SDK."""
    spec = find_spec(f"pulumi_{package}")
    if spec is None or not spec.submodule_search_locations:
        raise SchemaError(f"pulumi_{package} is not installed; run `pip install pulumi-{package}` and try again")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def sources(module: str, file: str) -> Mapping[str, str]:
    """Return the text of each class of one file of an SDK."""
    package, _, folder = module.partition(":")
    path = sdk(package) / _FOLDERS.get(folder, folder) / f"{file}.py"
    text = path.read_text("utf-8") if path.exists() else ""
    _, *parts = _CLASS.split(text)
    return {name: f"class {name}{body}" for name, body in zip(parts[::2], parts[1::2], strict=True)}


def find(module: str, file: str, name: str) -> ast.ClassDef | None:
    """Return a class of the SDK; only this class is parsed, as some files hold thousands."""
    source = sources(module, file).get(name)
    if source is None:
        return None
    # What stands between two classes belongs to the next one: a decorator.
    parsed = ast.parse(re.split(r"^(?=[@_\w])", source, flags=re.MULTILINE)[1]).body[0]
    return parsed if isinstance(parsed, ast.ClassDef) else None


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    raise SchemaError(f"unexpected annotation {ast.unparse(node)!r}")


def nested_name(module: str, text: str) -> str:
    """Return the name of a nested type from the reference to its class, as in `_iam.PolicyStatementArgs`."""
    *scope, name = text.split(".")
    elsewhere = "/".join(part.removeprefix("_") for part in scope if part != "outputs")
    owner = f"{module.partition(':')[0]}:{elsewhere}" if elsewhere else module
    return f"{owner}/{re.sub(r'Args(Dict)?$', '', name)}"


def union(members: list[ast.expr]) -> str:
    """Return the type of a union: the SDK has them for assets, for enums and for policies, which may be objects."""
    plain = {last_name(member) for member in members if isinstance(member, ast.Attribute | ast.Name)}
    if plain == {"Asset", "Archive"}:
        return "asset"
    if plain != {"str"}:
        raise SchemaError(f"unexpected union {[ast.unparse(member) for member in members]}")
    classes_named = [str(member.value) for member in members if isinstance(member, ast.Constant)]
    return "json" if any(name.endswith("Args") for name in classes_named) else "string"


def notation(module: str, node: ast.expr) -> str:
    """Return an annotation of the SDK in the notation of the schema."""
    if isinstance(node, ast.Constant):
        # An enumeration of the SDK is text on the wire.
        return "string" if find(module, "_enums", str(node.value)) else f"#{nested_name(module, str(node.value))}"
    outer = last_name(node.value if isinstance(node, ast.Subscript) else node)
    if outer in _PLAIN or not isinstance(node, ast.Subscript):
        return _PLAIN.get(outer, outer.lower())
    if outer in _WRAPPERS:
        return notation(module, node.slice)
    if outer == "Sequence":
        return "[]" + notation(module, node.slice)
    if isinstance(node.slice, ast.Tuple):
        if outer == "Mapping":
            return "{}" + notation(module, node.slice.elts[1])
        if outer == "Union":
            return union(node.slice.elts)
    raise SchemaError(f"unexpected annotation {ast.unparse(node)!r}")


def getters(node: ast.ClassDef) -> Iterator[tuple[str, str, ast.expr]]:
    """Yield Python name, wire name and annotation of the properties of a class."""
    for item in node.body:
        if not isinstance(item, ast.FunctionDef) or item.returns is None:
            continue
        for decorator in item.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not isinstance(call, ast.Attribute) or call.attr != "getter":
                continue
            keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
            named = [key.value.value for key in keywords if key.arg == "name" and isinstance(key.value, ast.Constant)]
            yield item.name, str(named[0]) if named else item.name, item.returns


def read(module: str, node: ast.ClassDef) -> Object:
    """Return the properties of a class; those its constructor demands are required."""
    demanded = {
        argument.arg
        for item in node.body
        if isinstance(item, ast.FunctionDef) and item.name == "__init__"
        for argument, default in zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True)
        if default is None
    }
    found = Object()
    for python, wire, annotation in getters(node):
        found.properties[wire] = notation(module, annotation)
        if python in demanded:
            found.required.append(wire)
    return found


def nested(name: str) -> Object:
    """Return a nested type: what its input and its output class hold, and what its input class demands."""
    module, _, base = name.rpartition("/")
    given = find(module, "_inputs", f"{base}Args")
    read_back = find(module, "outputs", base)
    if given is None and read_back is None:
        raise SchemaError(f"{name} is referred to, but its SDK has no such class")
    found = Object()
    if read_back is not None:
        found.properties |= read(module, read_back).properties
    if given is not None:
        inputs = read(module, given)
        found.properties |= inputs.properties
        found.required = inputs.required
    return found


def resource(module: str, file: str, base: str) -> tuple[Object, Object]:
    """Return the inputs and the outputs of a resource class."""
    shown = find(module, file, base)
    # The SDK says `InitArgs` where a nested type already has the name.
    given = find(module, file, f"{base}InitArgs") or find(module, file, f"{base}Args")
    if shown is None or given is None:
        raise SchemaError(f"the SDK has no resource class {base} in {module}/{file}.py")
    return read(module, given), read(module, shown)


def tokens() -> list[str]:
    """Return the type tokens that the facts describe."""
    loaded: list[dict[str, object]] = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(FACTS.glob("*.yaml"))]
    return sorted(token for facts in loaded for token in facts if not token.startswith("_"))


def references(found: Object) -> Iterator[str]:
    """Yield the names of the nested types that properties refer to."""
    for kind in found.properties.values():
        if "#" in kind:
            yield kind.partition("#")[2]


def place(token: str) -> tuple[str, str, str]:
    """Return the module, file and class of a resource type."""
    if token == PROVIDER:
        return "aws:index", "provider", "Provider"
    package, path, base = token.split(":")
    if package == "aws":
        module, _, file = path.partition("/")
        return f"aws:{module}", re.sub(r"(?<!^)([A-Z])", r"_\1", file).lower(), base
    module = f"{package}:{re.sub(r'[.][a-z0-9.]+/', '/', path)}"
    # What the SDK has no class for is a kind that somebody defined.
    return (
        (module, base, base)
        if sources(module, base)
        else (f"{package}:apiextensions", "CustomResource", "CustomResource")
    )


def served(token: str) -> tuple[Object, Object]:
    """Return the inputs and the outputs of a resource type."""
    inputs, outputs = resource(*place(token))
    # Of a kind that somebody defined the SDK knows no outputs; they hold what was given.
    return inputs, outputs if outputs.properties else inputs


def build(served_tokens: Iterable[str]) -> Schema:
    """Return the schema of some resource types, of the nested types they need and of the provider itself."""
    found = {token: served(token) for token in (PROVIDER, *served_tokens)}
    types: dict[str, Object] = {}
    pending = [name for sides in found.values() for side in sides for name in references(side)]
    while pending:
        name = pending.pop()
        if name not in types:
            types[name] = nested(name)
            pending += references(types[name])
    shapes: dict[str, Shape] = {
        token: {"inputs": inputs.properties, "required": sorted(inputs.required), "outputs": outputs.properties}
        for token, (inputs, outputs) in found.items()
    }
    return {
        "provider": {PROVIDER: shapes.pop(PROVIDER)},
        "resources": shapes,
        "types": {
            name: {"properties": held.properties, "required": sorted(held.required)} for name, held in types.items()
        },
    }


def render(schema: Schema) -> str:
    """Return the schema as JSON with one line per resource and type, so that a change is readable."""
    sections: list[str] = []
    for section in sorted(schema):
        entries = schema[section]
        lines = [f"{json.dumps(key)}:{_compact(entries[key])}" for key in sorted(entries)]
        sections.append(f"{json.dumps(section)}:{{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _compact(value: Shape) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def main() -> None:
    """Write the schema next to this file."""
    SCHEMA.write_text(render(build(tokens())), "utf-8")


if __name__ == "__main__":
    main()
