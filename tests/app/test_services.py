"""What a folder under app/services is to the app: found, loaded, mounted at its route, gone with its folder."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI

import app.services
from app.core import service
from app.core.settings import SettingsError
from app.core.state import with_state
from app.factory import create_app

PROBLEM = "application/problem+json"
PEOPLE = '''
"""A service with a path of its own, a lifespan and a check."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter

from app.core.service import Service

STATE = {"open": False, "database": True}


def create(environ: Mapping[str, str]) -> Service:
    routes = APIRouter()

    @routes.get("/")
    async def people() -> dict[str, bool]:
        return STATE

    @routes.get("/{name}")
    async def person(name: str) -> dict[str, str]:
        return {"name": name}

    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        STATE["open"] = True
        yield
        STATE["open"] = False

    async def database() -> bool:
        return STATE["database"]

    return Service(router=routes, lifespan=lifespan, checks={"database": database})
'''

Ask = Callable[..., httpx.Response]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bool]]:
    """Make `old-people` the only service besides netprobe; yields its state."""
    folder = tmp_path / "old_people"
    folder.mkdir()
    (folder / "__init__.py").write_text(PEOPLE)
    (folder / "service.toml").write_text('title = "People"\nsummary = "Who is who."\nroute = "/people"\n')
    (tmp_path / "netprobe").symlink_to(Path(service.__file__).parents[1] / "services" / "netprobe")
    monkeypatch.setattr(service, "_FOLDERS", tmp_path)
    monkeypatch.setattr(app.services, "__path__", [*app.services.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield importlib.import_module("app.services.old_people").STATE
    del sys.modules["app.services.old_people"]


async def _ask(application: FastAPI, path: str) -> httpx.Response:
    async with application.router.lifespan_context(application) as state:
        transport = httpx.ASGITransport(with_state(application, state), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.get(path)


def ask(path: str, **environ: str) -> httpx.Response:
    return asyncio.run(_ask(create_app(environ), path))


def test_every_folder_with_a_manifest_is_a_service() -> None:
    assert "netprobe" in service.names()
    for name in service.names():
        assert service.manifest(name).title
        assert service.load(name, {}).router.routes


@pytest.mark.usefixtures("people")
def test_all_services_are_served_at_their_routes_unless_some_are_named() -> None:
    assert ask("/people/ada").json() == {"name": "ada"}
    paths = create_app({}).openapi()["paths"]
    assert {"/v1/probes/tcp", "/people", "/people/{name}", "/health"} <= set(paths)
    assert ask("/people", SERVICES="netprobe").status_code == 404
    assert ask("/docs").status_code == 200


@pytest.mark.usefixtures("people")
def test_a_service_with_links_is_served_when_it_is_named(tmp_path: Path) -> None:
    manifest = tmp_path / "old_people" / service.MANIFEST
    manifest.write_text(manifest.read_text() + '[links.database]\nkind = "postgres"\n')
    assert ask("/people").status_code == 404
    assert ask("/people/ada", SERVICES="netprobe,old-people").json() == {"name": "ada"}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("route", ["/people", "/v2/staff"])
def test_a_lone_service_is_whole_below_its_route(route: str) -> None:
    wanted = f"old-people={route}"
    for path in (f"{route}/health", f"{route}/ready", f"{route}/version", f"{route}/docs", f"{route}/openapi.json"):
        assert ask(path, SERVICES=wanted).status_code == 200, path
    for path in ("/health", "/ready", "/version"):
        assert ask(path, SERVICES=wanted).status_code == 200, "target groups ask at the root"
    for path in ("/", "/docs", "/openapi.json", "/v1/probes/tcp", f"{route}/"):
        assert ask(path, SERVICES=wanted).headers["content-type"] == PROBLEM, path

    document = ask(f"{route}/openapi.json", SERVICES=wanted).json()
    assert (document["info"]["title"], document["info"]["description"]) == ("People", "Who is who.")
    assert document["paths"]
    assert [path for path in document["paths"] if not path.startswith(route)] == []


@pytest.mark.usefixtures("people")
def test_a_service_can_own_the_root() -> None:
    assert ask("/", SERVICES="old-people=/").json()["open"]
    assert ask("/ada", SERVICES="old-people=/").json() == {"name": "ada"}
    assert ask("/health", SERVICES="old-people=/").json() == {"status": "ok"}


@pytest.mark.usefixtures("people")
def test_a_router_may_serve_more_than_one_app(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("app.services.old_people")
    made = module.create({})
    monkeypatch.setattr(module, "create", lambda environ: made)
    for _ in range(2):
        assert ask("/people/ada").json() == {"name": "ada"}


@pytest.mark.usefixtures("people")
def test_a_service_may_include_routers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("app.services.old_people")
    inner = module.create({})
    outer = APIRouter()
    outer.include_router(inner.router, prefix="/by-name")
    monkeypatch.setattr(module, "create", lambda environ: replace(inner, router=outer))
    assert ask("/people/by-name/ada").json() == {"name": "ada"}
    assert "/people/by-name/{name}" in create_app({}).openapi()["paths"]


@pytest.mark.usefixtures("people")
def test_the_root_gets_what_no_deeper_route_does() -> None:
    both = "old-people=/,netprobe=/tools/net"
    assert "/tools/net/v1/probes/tcp" in create_app({"SERVICES": both}).openapi()["paths"]
    assert ask("/tools/net/health", SERVICES=both).json() == {"status": "ok"}


def test_a_service_is_open_while_the_app_runs(people: dict[str, bool]) -> None:
    assert ask("/people", SERVICES="old-people").json()["open"] is True
    assert people["open"] is False


def test_a_check_decides_about_readiness_and_not_about_life(people: dict[str, bool]) -> None:
    people["database"] = False
    waiting = ask("/ready", SERVICES="old-people")
    assert (waiting.status_code, waiting.headers["content-type"]) == (503, PROBLEM)
    assert "old-people database" in waiting.json()["detail"]
    assert ask("/health", SERVICES="old-people").status_code == 200


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("people", "no service 'people'; there are: netprobe, old-people"),
        ("netprobe,", "no service ''"),
        ("netprobe=net", "must start with a slash"),
        ("netprobe,old-people=/", "netprobe and old-people both want the route /"),
    ],
)
def test_what_cannot_be_served_is_said_at_start(wanted: str, said: str) -> None:
    with pytest.raises(SettingsError, match=r"^SERVICES=") as raised:
        create_app({"SERVICES": wanted})
    assert said in str(raised.value)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("text", ["title =", 'title = "People"\n'])
def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "old_people/service.toml").write_text(text)
    with pytest.raises(SettingsError, match="the manifest of old-people cannot be used"):
        create_app({})
    create_app({"SERVICES": "netprobe"})


def test_a_deployed_service_costs_no_toml_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    assert ask("/health", SERVICES="netprobe=/").status_code == 200
    with pytest.raises(ImportError):
        create_app({})


def test_a_dropped_folder_is_a_dropped_service(people: dict[str, bool], tmp_path: Path) -> None:
    assert ask("/people").status_code == 200
    (tmp_path / "old_people" / "service.toml").unlink()
    assert ask("/people").status_code == 404
