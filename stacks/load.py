"""From a stack's config to its settings: read, lay the layers, check everything, raise every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Final, NamedTuple

from stacks.catalog import MANIFEST, Catalog, folder_of, read_catalog
from stacks.config import GivenConfig, decode
from stacks.declared import beyond_manifest
from stacks.errors import MASK, Problem, SettingsError, is_secret, nearest
from stacks.files import Positions, StackFile, read_stack_file
from stacks.keys import REGION_KEY, Json, Path, dotted, holds, within
from stacks.layers import Layers, leaves, origins
from stacks.profiles import PROFILES, Profile
from stacks.rules import findings
from stacks.rules.base import Subject
from stacks.schema import validate
from stacks.settings import StackSettings

__all__ = [
    "Resolved",
    "Setting",
    "StackFile",
    "describe",
    "load",
    "neighbours",
    "read_stack_file",
    "resolve",
    "stack_file",
    "stack_file_name",
    "stack_names",
]

_ENVIRONMENT: Final[Path] = ("environment",)
_AFTER_ALL: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A stack's settings, valid as a whole; `origins` says for every key which layer its value came from."""

    stack: str
    region: str
    settings: StackSettings
    origins: Mapping[str, str]


class Setting(NamedTuple):
    """One line of `modeshift config`. The value is never a secret."""

    key: str
    value: Json
    origin: str


def stack_file_name(stack: str) -> str:
    """Return the name of a stack's file."""
    return f"Pulumi.{stack}.yaml"


def stack_names(root: FilePath) -> list[str]:
    """Return the stacks that have a file, sorted."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.?*.yaml"))


def load(
    root: FilePath,
    stack: str,
    *,
    region: str | None = None,
    fallback: Mapping[str, str | object] | None = None,
    file: StackFile | None = None,
) -> Resolved:
    """Return the settings of a stack from its file; `fallback` is config used where the file says nothing.

    `file` stands in for the one on disk, for what it would say.

    Raises:
        SettingsError: there is no such stack, or its settings cannot be used.
    """
    file = file or _read(root, stack)
    added = {key: value for key, value in (fallback or {}).items() if key not in file.config}
    resolved = resolve(
        stack,
        {**added, **file.config},
        region=region,
        source=file,
        neighbours=neighbours(root, stack),
        catalog=read_catalog(root),
    )
    by_command = dict.fromkeys(
        (key for key in resolved.origins if any(_is_part(key, whole) for whole in added)), "the command"
    )
    return replace(resolved, origins={**resolved.origins, **by_command})


def resolve(
    stack: str,
    config: Mapping[str, str | object],
    *,
    region: str | None = None,
    source: StackFile | None = None,
    neighbours: Mapping[str, str] | None = None,
    catalog: Catalog | None = None,
) -> Resolved:
    """Return the settings of a stack from config in the engine's form: full keys, blocks as JSON text or parsed.

    `region` stands in when the config names none. `source` is the stack's file, as far as it is known: it adds lines,
    and tells what is encrypted there and plain here. `neighbours` are the network blocks of the other stacks. `catalog`
    holds what the app offers; without it, services are taken at their word.

    Raises:
        SettingsError: the settings cannot be used. It holds every problem.
    """
    file = source or StackFile({}, Positions())
    given = decode(config)
    given.problems |= decode(file.config).problems
    profile, about_environment = _profile(stack, given)
    layers = Layers(profile, {**given.tree, "environment": profile.name}, stack_file_name(stack), catalog)
    within_manifest, about_code = beyond_manifest(layers)
    settings, about_form, failed = validate(replace(layers, given=within_manifest))
    before = {**given.problems, **about_environment, **about_code}
    about_manifests = _without_manifest(layers)
    guessed = {(*path[:2], "route") for path, _ in about_manifests}
    subject = Subject(stack, given.region or region or "", settings, given.tree, neighbours or {}, catalog)
    about_rules = findings(subject, failed | set(before) | {path for path in guessed if not holds(layers.given, path)})
    news = [(path, problem) for path, problem in about_form.items() if not any(within(path, old) for old in before)]
    problems = _locate([*before.items(), *about_manifests, *news, *about_rules], layers, file.positions)
    if problems or file.problems:
        raise SettingsError([*file.problems, *problems], stack)
    layers = replace(layers, given=given.tree)
    region_origin = stack_file_name(stack) if given.region else "AWS_REGION"
    return Resolved(
        stack=stack,
        region=subject.region,
        settings=settings,
        origins={REGION_KEY: region_origin, **origins(layers, settings)},
    )


def describe(resolved: Resolved) -> list[Setting]:
    """Return every setting of a stack with its value and where that came from, in the order of the schema."""
    tree: Json = resolved.settings.model_dump(mode="json", by_alias=True)
    rows = [Setting(REGION_KEY, resolved.region, resolved.origins[REGION_KEY])]
    for path, value in leaves(tree):
        key = dotted(path)
        rows.append(Setting(key, MASK if is_secret(path, value) else value, resolved.origins[key]))
    return rows


def stack_file(root: FilePath, stack: str) -> StackFile | None:
    """Return a stack's file, if there is one that can be read."""
    try:
        return _read(root, stack)
    except SettingsError:
        return None


def neighbours(root: FilePath, stack: str) -> dict[str, str]:
    """Return the network blocks of the project's other stacks, as far as their files can be read."""
    blocks: dict[str, str] = {}
    for other in stack_names(root):
        file = stack_file(root, other) if other != stack else None
        if file is None:
            continue
        given = decode(file.config)
        profile, _ = _profile(other, given)
        network = Layers(profile, given.tree, "").merged().get("network")
        if isinstance(network, dict) and isinstance(block := network.get("cidr"), str):
            blocks[other] = block
    return blocks


def _read(root: FilePath, stack: str) -> StackFile:
    path = root / stack_file_name(stack)
    known = stack_names(root)
    if stack not in known:
        stacks = ", ".join(known) or "none yet"
        problem = Problem(
            key=path.name, why=f"there is no stack {stack}", allowed=stacks, nearest=nearest(stack, known)
        )
        raise SettingsError([problem], stack)
    return read_stack_file(path)


def _profile(stack: str, given: GivenConfig) -> tuple[Profile, dict[Path, Problem]]:
    """Return the environment's profile; a wrong one is reported and replaced by the nearest, so that checks go on."""
    said = given.tree.get("environment")
    named_after = PROFILES.get(stack)
    name = dotted(_ENVIRONMENT)
    words = " | ".join(PROFILES)
    if said is None and named_after is not None:
        return named_after, {}
    if said is None:
        why = f"is not set, and the stack's name ({stack}) is none of an environment"
        return PROFILES["dev"], {_ENVIRONMENT: Problem(key=name, why=why, allowed=words)}
    profile = PROFILES.get(str(said))
    if profile is None:
        near = nearest(said, PROFILES)
        problem = Problem(key=name, value=str(said), why="is no environment", allowed=words, nearest=near)
        return named_after or PROFILES[near or "dev"], {_ENVIRONMENT: problem}
    if named_after not in (None, profile):
        why = f"a stack named {stack} takes the profile {stack}"
        problem = Problem(key=name, value=str(said), why=why, allowed=stack, fix="remove it, or rename the stack")
        return profile, {_ENVIRONMENT: problem}
    return profile, {}


def _without_manifest(layers: Layers) -> list[tuple[Path, Problem]]:
    """Return what keeps the stack's services from starting from a manifest."""
    listed = layers.services()
    if layers.catalog is None or not isinstance(listed, dict):
        return []
    problems: list[tuple[Path, Problem]] = []
    for name in listed:
        folder = layers.catalog.folders.get(name)
        found = (_without_folder(layers, layers.catalog, name),) if folder is None else folder.problems
        problems += [(("services", name), problem) for problem in found]
    return problems


def _without_folder(layers: Layers, catalog: Catalog, name: str) -> Problem:
    implied = "" if "services" in layers.given else " (the stack lists no services, so it has this one)"
    return Problem(
        key=dotted(("services", name)),
        why=f"there is no service of this name: {folder_of(name)}/{MANIFEST} does not exist{implied}",
        allowed=", ".join(sorted(catalog.folders)) or "none yet",
        nearest=nearest(name, catalog.folders),
        fix=f"make it with `modeshift new {name}`, or list the services that the stack has",
    )


def _locate(pairs: list[tuple[Path, Problem]], layers: Layers, positions: Positions) -> list[Problem]:
    """Return problems in the order of the file, each with its place; those without a place come last."""
    pairs.sort(key=lambda pair: positions.line(pair[0]) or _AFTER_ALL)
    return [replace(problem, where=problem.where or _place(path, layers, positions)) for path, problem in pairs]


def _place(path: Path, layers: Layers, positions: Positions) -> str:
    """Return where a value stands: in the manifest, where that is where it comes from, else in the stack file."""
    return ("" if holds(layers.given, path) else layers.manifest_of(path)) or positions.of(path)


def _is_part(key: str, whole: str) -> bool:
    return key == whole or key.startswith((f"{whole}.", f"{whole}["))
