"""A new service: its folder under app/services and its tests, rendered from templates."""

from __future__ import annotations

import keyword
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from automation.errors import UserError
from automation.project import Project
from components.naming import service_name_budget
from stacks.catalog import folder_of, read_catalog
from stacks.layers import library_services
from stacks.load import stack_file, stack_file_name
from stacks.rules.routes import is_route
from stacks.rules.service import TAKEN_PATHS
from stacks.rules.stack import NAME_FORM, is_name

_TEMPLATES: Final = Path(__file__).parent / "templates" / "service"
_SUFFIX: Final = ".tmpl"


@dataclass(frozen=True)
class NewService:
    """A service that was made: its files, seen from the project's folder, and what a person does next."""

    name: str
    route: str
    files: Sequence[str]
    steps: Sequence[tuple[str, Sequence[str]]]

    def document(self) -> dict[str, object]:
        """Return it for JSON output."""
        return {"service": self.name, "route": self.route, "files": self.files, "next": self.steps}


def create(project: Project, name: str, route: str | None = None) -> NewService:
    """Make the folder and the tests of a service; both are there afterwards, or neither.

    Raises:
        UserError: the name or the route cannot be had.
    """
    _check_name(project, name)
    folder, tests = folder_of(name), _tests_of(name)
    for place in (folder, tests):
        if (project.root / place).exists():
            raise UserError(f"{place} exists already.", hint="Choose another name, or move that folder away.")
    route = route or f"/{name}"
    _check_route(project, route)

    rendered = _rendered(name, route)
    store = project.root / ".modeshift"
    store.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix="new-") as temporary:
        for file, text in rendered.items():
            path = Path(temporary) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        _move(Path(temporary), project.root, tests, folder)
    return NewService(name, route, sorted(rendered), _steps(project, name))


def _move(source: Path, root: Path, tests: str, folder: str) -> None:
    """Put the tests in place and then, in one step, the folder that makes it a service."""
    (root / tests).parent.mkdir(parents=True, exist_ok=True)
    (source / tests).rename(root / tests)
    try:
        (source / folder).rename(root / folder)
    except OSError:
        shutil.rmtree(root / tests)
        raise


def _rendered(name: str, route: str) -> dict[str, str]:
    """Return the files by their place in the project."""
    words = {
        "name": name,
        "route": route,
        "base": route.rstrip("/"),
        "package": name.replace("-", "_"),
        "title": name.replace("-", " ").title(),
        "classes": name.replace("-", " ").title().replace(" ", ""),
        "variables": name.replace("-", "_").upper(),
    }
    places = {"app": folder_of(name), "tests": _tests_of(name)}
    files: dict[str, str] = {}
    for template in sorted(_TEMPLATES.glob(f"*/*{_SUFFIX}")):
        file = template.name.removesuffix(_SUFFIX).replace("NAME", words["package"])
        files[f"{places[template.parent.name]}/{file}"] = Template(template.read_text(encoding="utf-8")).substitute(
            words
        )
    return files


def _check_name(project: Project, name: str) -> None:
    room = {stack: service_name_budget(stack) for stack in project.stacks()}
    tightest = min(room, key=lambda stack: room[stack], default="")
    if not is_name(name):
        raise UserError(f"{name!r} is not a name that AWS resources can carry.", hint=f"Allowed: {NAME_FORM}.")
    if keyword.iskeyword(name):
        raise UserError(
            f"{name!r} is a word of Python's, so no package can be called that.", hint="Choose another name."
        )
    if tightest and len(name) > room[tightest]:
        hint = f"At most {room[tightest]} characters: AWS names begin with the stack's name, as in {tightest}-{name}."
        raise UserError(f"{name!r} is too long for the stack {tightest}.", hint=hint)


def _check_route(project: Project, route: str) -> None:
    if not is_route(route) or route in (*TAKEN_PATHS, "/health"):
        hint = "A path prefix is / or /one/more, without a slash at the end, and none of the app's own paths."
        raise UserError(f"{route!r} cannot be a service's route.", hint=hint)
    catalog = read_catalog(project.root)
    for other, folder in ({} if catalog is None else catalog.folders).items():
        if folder.manifest is not None and folder.manifest.route == route:
            raise UserError(
                f"{route} is the route of {other}.", hint=f"Add --route with another; {folder.source} has it."
            )


def _tests_of(name: str) -> str:
    return f"tests/app/{name.replace('-', '_')}"


def _steps(project: Project, name: str) -> list[tuple[str, list[str]]]:
    """Return what to do, each with the lines to paste."""
    stacks: dict[tuple[str, str], list[str]] = {}
    for stack in project.stacks():
        stacks.setdefault(_lines(project, stack, name), []).append(stack_file_name(stack))
    return [
        ("Its tests:", [f".venv/bin/python -m pytest {_tests_of(name)}"]),
        *(
            (f"Into the file of each stack that is to have it ({', '.join(files)}), {under}", [line])
            for (under, line), files in stacks.items()
        ),
        ("What a stack makes of it:", ["modeshift preview --stack NAME"]),
    ]


def _lines(project: Project, stack: str, name: str) -> tuple[str, str]:
    """Return what to write into a stack's file to have the service there too, and under which key."""
    file = stack_file(project.root, stack)
    listed = None if file is None else file.config.get("modeshift:services")
    if isinstance(listed, dict):
        return "under modeshift:services:", f"{name}: {{}}"
    implied: Mapping[str, object] = library_services()
    return "under config:", f"modeshift:services: {{{', '.join(f'{each}: {{}}' for each in (*implied, name))}}}"
