"""What only a manifest may say: the links and triggers of a service, and all that its code depends on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Final

from stacks.block import OF_CODE
from stacks.catalog import Manifest
from stacks.errors import Problem, nearest, show
from stacks.forms import KIND, Form
from stacks.keys import Json, Path, dotted
from stacks.layers import Layers
from stacks.settings import ServiceSettings

_DECLARED: Final = {"links": "link", "triggers": "trigger"}


def beyond_manifest(layers: Layers) -> tuple[dict[str, Json], dict[Path, Problem]]:
    """Return what a stack file gives without what it may not say, and a problem for each part left out."""
    services = layers.given.get("services")
    if layers.catalog is None or not isinstance(services, dict):
        return layers.given, {}
    given = copy.deepcopy(layers.given)
    problems: dict[Path, Problem] = {}
    for name, own in services.items():
        manifest = layers.catalog.manifest(name)
        for path, problem in _beyond(name, own, manifest, layers.catalog.source(name)):
            problems |= {("services", name, *path): problem} if problem is not None else {}
            _cut(given, ("services", name, *path))
    return given, problems


def _beyond(name: str, own: Json, manifest: Manifest | None, source: str) -> Iterator[tuple[Path, Problem | None]]:
    for key, value in own.items() if isinstance(own, dict) else ():
        if key not in _DECLARED:
            if key in ServiceSettings.model_fields and OF_CODE in ServiceSettings.model_fields[key].metadata:
                yield (key,), _of_code(("services", name, key), value, source)
            continue
        if manifest is None:
            # Without a manifest, which is told already, nobody can say what there is.
            yield (key,), None
            continue
        declared: Mapping[str, object] = manifest.links if key == "links" else manifest.triggers
        for thing, block in value.items() if isinstance(value, dict) else ():
            here: Path = ("services", name, key, thing)
            if thing not in declared:
                yield (key, thing), _undeclared(here, list(declared), source)
                continue
            form = Form(type(declared[thing]))
            for part, said in block.items() if isinstance(block, dict) else ():
                field = form.below(part)
                if field is not None and OF_CODE in field.metadata:
                    yield (key, thing, part), _of_code((*here, part), said, source)


def _undeclared(path: Path, declared: list[str], source: str) -> Problem:
    what = _DECLARED[str(path[2])]
    return Problem(
        key=dotted(path),
        why=f"the service has no {what} of this name",
        allowed=", ".join(sorted(declared)) or f"no {what}: its manifest declares none",
        nearest=nearest(path[-1], declared),
        fix=f"declare it in {source} under [{path[2]}.{path[-1]}], with its {KIND}",
    )


def _of_code(path: Path, value: Json, source: str) -> Problem:
    return Problem(
        key=dotted(path),
        value=show(path, value),
        why="is what the service's code depends on, the same in every stack",
        fix=f"remove it here; {source} says it",
    )


def _cut(tree: dict[str, Json], path: Path) -> None:
    *parents, last = path
    for part in parents:
        below = tree.get(str(part))
        if not isinstance(below, dict):
            return
        tree = below
    tree.pop(str(last), None)
