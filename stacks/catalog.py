"""What the app offers: its services by their manifests, and the variables that each of them takes.

A service is a folder `app/services/<name>/` with a `service.toml`. The app imports nothing from here and this imports
nothing from the app: what both need to know is data.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path as FilePath
from typing import Annotated, Final

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from stacks.block import Settings
from stacks.errors import Problem, nearest, show
from stacks.forms import fields, form_at, place, plain
from stacks.gateway import RequestSettings
from stacks.keys import Json
from stacks.limits import Ability
from stacks.links import LinkSettings
from stacks.settings import ServiceSettings, Timeout
from stacks.sizes import ScalingSettings, SizeSettings
from stacks.workers import TriggerSettings, WorkerSettings

MANIFEST: Final = "service.toml"
CORE: Final = FilePath("app", "core", "environment.toml")
_FOLDER: Final = FilePath("app", "services")


class Need(StrEnum):
    INTERNET = "internet"
    WEBSOCKETS = Ability.WEBSOCKETS
    BACKGROUND = Ability.BACKGROUND
    ICMP = Ability.ICMP


class Manifest(Settings):
    """What a service says about itself. What a stack file may say too, it may override."""

    title: str
    """Name for people, and of the OpenAPI document."""
    summary: str
    """What it is for, in one sentence."""
    route: str
    """Path prefix the service owns unless a stack gives it another."""
    health: str = "/health"
    """Path that answers as long as the process lives."""
    timeout: Timeout | None = None
    """Longest request, seconds."""
    needs: tuple[Need, ...] = ()
    """What the service cannot work without: the internet, WebSockets, work after the answer, ICMP echo."""
    payload_mb: Annotated[int, Field(ge=1)] | None = None
    """Largest request or answer, MB; unset, 1."""
    disk_mb: Annotated[int, Field(ge=1)] | None = None
    """Room it takes in /tmp, MB; it may be gone with the next request. Unset, 64."""
    settings: tuple[str, ...] | None = None
    """Environment variables it takes, `NAME` or `PREFIX_*`; unset leaves them unchecked."""
    size: SizeSettings | None = None
    """What one instance gets."""
    scaling: ScalingSettings | None = None
    """How many tasks run."""
    links: dict[str, LinkSettings] = Field(default_factory=dict)
    """What it uses, by name: `kind`, and what the code depends on (docs/data.md)."""
    triggers: dict[str, TriggerSettings] = Field(default_factory=dict)
    """What feeds its worker, by name (docs/data.md)."""
    worker: WorkerSettings | None = None
    """The part that takes messages."""
    requests: tuple[RequestSettings, ...] = ()
    """What a REST API looks at before the service does: bodies by schema, answers that hold for a while."""
    migrations: bool = False
    """The package has `migrate(environ)`, which brings the database up to date."""

    def wants(self) -> dict[Ability, int]:
        """Return what a compute has to offer, besides the internet."""
        figures = {Ability.PAYLOAD: self.payload_mb, Ability.DISK: self.disk_mb}
        words = {Ability(need): 1 for need in self.needs if need is not Need.INTERNET}
        return words | {ability: figure for ability, figure in figures.items() if figure is not None}

    def layer(self) -> dict[str, Json]:
        """Return what the manifest sets on a stack's service, as a stack file would write it."""
        return self.model_dump(
            mode="json", by_alias=True, exclude_unset=True, include=set(ServiceSettings.model_fields)
        )


@dataclass(frozen=True)
class Folder:
    """One service's folder: its manifest, or what is wrong with it."""

    source: str
    manifest: Manifest | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """The services that have a folder, by name, and what every service takes from its environment."""

    folders: Mapping[str, Folder] = field(default_factory=dict[str, Folder])
    variables: tuple[str, ...] = ()

    def manifest(self, service: str) -> Manifest | None:
        """Return a service's manifest, if it has one that can be used."""
        folder = self.folders.get(service)
        return None if folder is None else folder.manifest

    def source(self, service: str) -> str:
        """Return where a service's manifest is, or has to be."""
        return f"{folder_of(service)}/{MANIFEST}"

    def layer(self, service: str) -> dict[str, Json]:
        """Return what a service's manifest sets on it; without one, a route that stands in for it."""
        manifest = self.manifest(service)
        return {"route": f"/{service}"} if manifest is None else manifest.layer()

    def variables_of(self, service: str) -> tuple[str, ...] | None:
        """Return the variables a service takes, or nothing where its manifest does not list them."""
        manifest = self.manifest(service)
        if manifest is None or manifest.settings is None:
            return None
        return tuple(sorted({*manifest.settings, *self.variables}))


def takes(variables: tuple[str, ...], name: str) -> bool:
    """Tell whether a variable is one of these, a `*` standing for anything."""
    return any(fnmatchcase(name, pattern) for pattern in variables)


def folder_of(service: str) -> str:
    """Return the folder of a service; a package's name has underscores where a service's has hyphens."""
    return (_FOLDER / service.replace("-", "_")).as_posix()


def read_catalog(root: FilePath) -> Catalog | None:
    """Return what the app at `root` offers, or nothing where there is no app to ask."""
    if not (root / _FOLDER).is_dir():
        return None
    found = sorted((root / _FOLDER).glob(f"*/{MANIFEST}"))
    folders = {path.parent.name.replace("_", "-"): _read(path, path.relative_to(root).as_posix()) for path in found}
    core = root / CORE
    known = tomllib.loads(core.read_text(encoding="utf-8")) if core.is_file() else {}
    return Catalog(folders, tuple(known.get("settings", ())))


def _read(path: FilePath, source: str) -> Folder:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        text = json.dumps(tree, default=str)
        return Folder(source, Manifest.model_validate_json(text, strict=True, by_alias=True, by_name=False))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Folder(source, problems=(Problem(key=source, why=f"cannot be read: {error}", where=source),))
    except ValidationError as error:
        details = error.errors(include_url=False)
        return Folder(source, problems=tuple(_problem(source, plain(detail)) for detail in details))


def _problem(source: str, detail: ErrorDetails) -> Problem:
    path, kind = detail["loc"], detail["type"]
    key, form = ".".join(str(part) for part in place(path, Manifest)), form_at(path, Manifest)
    if kind == "missing":
        allowed = form.describe() if form is not None else ""
        return Problem(key=key, why="has no default and is not set", allowed=allowed, where=source)
    why, known = "is not what a manifest can hold here", form.words if form is not None else ()
    if kind == "extra_forbidden":
        block = form_at(path[:-1], Manifest)
        known = tuple(fields(block.model)) if block is not None and block.model is not None else ()
        why = "is not a key of a manifest"
    word = path[-1] if kind == "extra_forbidden" else detail["input"]
    return Problem(
        key=key,
        value=show(path, detail["input"]),
        why=why,
        allowed=", ".join(known) if known else form.describe() if form is not None else "",
        nearest=nearest(word, known),
        where=source,
    )
