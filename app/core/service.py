"""What a service is: a folder under app/services with a manifest and one function, `create(environ) -> Service`.

The stack reads the same manifest. The app opens it only where the environment leaves something open, which no
deployment does: a cold start should not pay for a TOML parser.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from fastapi import APIRouter

from app.core.messages import Consumer
from app.core.settings import SettingsError
from app.core.state import Check

MANIFEST = "service.toml"

_FOLDERS = Path(__file__).resolve().parents[1] / "services"


@dataclass(frozen=True, kw_only=True)
class Service:
    """What a service's `create` returns.

    `router` holds its paths below the service's route, where `/` is the route itself. `lifespan` opens what the
    service uses and closes it again; secrets are in the environment from there on, not before. `checks` are asked,
    by name, whether the service is ready for requests. `consumers` take the messages of its triggers, by the names
    that those have in the manifest. `keyless` are the paths that a browser gets without a key where API keys are set,
    such as `/` and `/static/*`: pages and what they load.
    """

    router: APIRouter
    lifespan: Callable[[], AbstractAsyncContextManager[None]] | None = None
    checks: Mapping[str, Check] = field(default_factory=dict[str, Check])
    consumers: Mapping[str, Consumer] = field(default_factory=dict[str, Consumer])
    keyless: Collection[str] = ()


@dataclass(frozen=True)
class Mount:
    """One service at its place; `prefix` is its route as paths start with it, empty for `/`."""

    name: str
    route: str
    service: Service

    @property
    def prefix(self) -> str:
        return self.route.rstrip("/")


class _Package(Protocol):
    def create(self, environ: Mapping[str, str]) -> Service: ...

    def migrate(self, environ: Mapping[str, str]) -> None: ...


def names() -> list[str]:
    """Return the services that have a folder."""
    return sorted(path.parent.name.replace("_", "-") for path in _FOLDERS.glob(f"*/{MANIFEST}"))


@dataclass(frozen=True)
class Manifest:
    """What the app uses of a service's manifest.

    `links` are what it keeps its data in, `triggers` the kinds of what feeds its worker, by name.
    """

    title: str
    summary: str
    route: str
    links: Collection[str]
    triggers: Mapping[str, str]


def manifest(name: str) -> Manifest:
    """Return what the app uses of a service's manifest.

    Raises:
        SettingsError: the manifest does not say it. The stack, which reads all of it, says more.
    """
    import tomllib  # noqa: PLC0415 see above

    path = _FOLDERS / _folder(name) / MANIFEST
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        triggers = {trigger: str(table["kind"]) for trigger, table in said.get("triggers", {}).items()}
        words = (str(said[key]) for key in ("title", "summary", "route"))
        return Manifest(*words, links=tuple(said.get("links", ())), triggers=triggers)
    except (ValueError, KeyError) as error:
        raise SettingsError(f"{path}: the manifest of {name} cannot be used: {error}") from None


def load(name: str, environ: Mapping[str, str]) -> Service:
    """Import a service and return it for an environment; raises `SettingsError` when a setting of it is wrong."""
    return _package(name).create(environ)


def migration(name: str) -> Callable[[Mapping[str, str]], None]:
    """Import a service and return what migrates its data; raises `SettingsError` when it has nothing that does."""
    package = _package(name)
    if not hasattr(package, "migrate"):
        raise SettingsError(f"{name} has no migrate(environ): there is nothing to run before a release.")
    return package.migrate


def lone(wanted: str) -> str:
    """Return the one service that SERVICES names, for work that belongs to one; raises `SettingsError` otherwise."""
    name = wanted.partition("=")[0].strip()
    if not name or "," in wanted or name not in names():
        raise SettingsError(f"SERVICES={wanted!r}: name one service here; there are: {', '.join(names())}")
    return name


def mounts(wanted: str, environ: Mapping[str, str]) -> list[Mount]:
    """Return the services to serve, deeper routes first, so that `/` gets what no other service does.

    `wanted` is the setting SERVICES: names with or without a route, as in `users=/people,netprobe`. Empty means all
    that have no links, since links need an environment that says where data is kept.

    Raises:
        SettingsError: a service or its route cannot be used.
    """
    routes = _routes(wanted)
    found = [Mount(name, route, load(name, environ)) for name, route in routes.items()]
    return sorted(found, key=lambda mount: (-mount.prefix.count("/"), mount.route))


def checks(mounted: Sequence[Mount]) -> dict[str, Check]:
    """Return what readiness depends on, by the name of the service and its check."""
    return {f"{mount.name} {name}": check for mount in mounted for name, check in mount.service.checks.items()}


def _routes(wanted: str) -> dict[str, str]:
    known = names()
    owners: dict[str, str] = {}
    for part in wanted.split(",") if wanted else (name for name in known if not manifest(name).links):
        name, _, route = part.strip().partition("=")
        if name not in known:
            raise SettingsError(f"SERVICES={wanted!r}: there is no service {name!r}; there are: {', '.join(known)}")
        route = route or manifest(name).route
        if not route.startswith("/"):
            raise SettingsError(f"SERVICES={wanted!r}: the route of {name} must start with a slash")
        owner = owners.setdefault(route, name)
        if owner != name:
            raise SettingsError(f"SERVICES={wanted!r}: {owner} and {name} both want the route {route}")
    return {name: route for route, name in owners.items()}


def _package(name: str) -> _Package:
    return cast("_Package", importlib.import_module(f"app.services.{_folder(name)}"))


def _folder(name: str) -> str:
    return name.replace("-", "_")
