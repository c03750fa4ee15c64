"""The settings of the bootstrap program, checked whole before anything is made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Final

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from stacks.block import Settings
from stacks.errors import Problem, SettingsError, nearest, show
from stacks.files import Positions, StackFile, read_stack_file
from stacks.forms import fields, of_field
from stacks.keys import PROJECT, REGION_KEY, Json, Path, dotted
from stacks.profiles import PROFILES
from stacks.regions import REGIONS

GUIDE: Final = "docs/bootstrap.md"
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/[A-Za-z0-9_.-]+")
_ENVIRONMENT: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,14}[a-z0-9])?")
_BRANCH: Final = re.compile(r"[A-Za-z0-9_./*-]+")
_TRUNK: Final = re.compile(r"[A-Za-z0-9_./-]+")
_ZONE: Final = re.compile(r"Z[A-Z0-9]{1,31}")
_PROVIDER: Final = re.compile(r"arn:[a-z-]+:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com")


class BootstrapSettings(Settings):
    """What an account has once, for all its stacks."""

    repository: str
    """GitHub repository whose Actions may preview and deploy, as `owner/name`."""
    environments: tuple[str, ...] = tuple(PROFILES)
    """Environments that get a deploying role; a stack's name begins with its environment's."""
    branches: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Branches that may deploy to an environment, as in `{prod: [main]}`; else all that GitHub's own rules allow."""
    trunk: str = "main"
    """Branch that pull requests are merged into: it publishes images, and previews as pull requests do."""
    regions: tuple[str, ...] = ()
    """Regions that stacks are deployed to; unset, the one of the shared resources."""
    zones: tuple[str, ...] = ()
    """Ids of the Route 53 zones that deployments may write to."""
    oidc_provider: str | None = None
    """ARN of GitHub's OIDC provider where the account has it already; there can be only one."""
    api_logs: bool = True
    """Set the role by which API Gateway writes logs of REST APIs; off where others have set it for the account."""
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = None
    """The only AWS account the shared resources may be in."""
    owner: str = "platform"
    """Tag `Owner`."""
    cost_center: str = "shared"
    """Tag `Cost-Center`."""


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """Settings that are valid as a whole, and the region of the shared resources."""

    region: str
    settings: BootstrapSettings

    @property
    def regions(self) -> tuple[str, ...]:
        """Return where stacks are deployed."""
        return self.settings.regions or (self.region,)


def load_bootstrap(folder: FilePath, stack: str) -> Bootstrap:
    """Return the settings in a stack's file.

    Raises:
        SettingsError: the file cannot be read, or its settings cannot be used.
    """
    file = read_stack_file(folder / f"Pulumi.{stack}.yaml")
    return resolve_bootstrap(file.config, file)


def resolve_bootstrap(config: Mapping[str, object], file: StackFile | None = None) -> Bootstrap:
    """Return settings from config in the engine's form: full keys, blocks as JSON text or parsed.

    Raises:
        SettingsError: they cannot be used. It holds every problem.
    """
    given: dict[str, Json] = {}
    problems: dict[Path, Problem] = {}
    for key, value in config.items():
        namespace, _, name = key.rpartition(":")
        if namespace in {"", PROJECT}:
            given[name] = _typed(name, value)
        elif key != REGION_KEY and namespace != "pulumi":
            problems[key,] = Problem(key=key, why="nothing here reads this", allowed=f"{PROJECT}:…, {REGION_KEY}")
    region = str(config.get(REGION_KEY) or "")
    if problem := _region_problem((REGION_KEY,), region):
        problems[REGION_KEY,] = problem
    settings = None
    try:
        settings = BootstrapSettings.model_validate_json(json.dumps(given), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        problems |= {detail["loc"]: _of_form(detail) for detail in error.errors(include_url=False)}
    else:
        problems |= dict(_findings(settings))
    if problems or settings is None or (file is not None and file.problems):
        positions = file.positions if file is not None else Positions()
        located = [_located(path, problem, positions) for path, problem in problems.items()]
        raise SettingsError([*(file.problems if file is not None else ()), *located], guide=GUIDE)
    return Bootstrap(region=region, settings=settings)


def _typed(name: str, value: object) -> Json:
    """Undo what the engine does to a value: it passes every block as text."""
    known = fields(BootstrapSettings).get(name)
    if isinstance(value, str) and known is not None and not of_field(known).is_text:
        try:
            return json.loads(value)
        except ValueError:
            return value
    if known is not None and of_field(known).is_text and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return json.loads(json.dumps(value))


def _of_form(detail: ErrorDetails) -> Problem:
    path: Path = detail["loc"]
    known = fields(BootstrapSettings)
    if detail["type"] == "extra_forbidden":
        name = str(path[-1])
        return Problem(
            key=dotted(path),
            value=show(path, detail["input"]),
            why="there is no such setting",
            allowed=", ".join(known),
            nearest=nearest(name, known),
        )
    form = of_field(known[str(path[0])])
    if detail["type"] == "missing":
        return Problem(key=dotted(path), why="has no default and is not set", allowed="owner/name of a repository")
    return Problem(key=dotted(path), value=show(path, detail["input"]), why="has another form", allowed=form.describe())


def _findings(settings: BootstrapSettings) -> Iterator[tuple[Path, Problem]]:
    yield from _unlike(("repository",), settings.repository, _REPOSITORY, "owner/name of a GitHub repository")
    yield from _unlike(("trunk",), settings.trunk, _TRUNK, "one branch, as in main")
    if settings.oidc_provider is not None:
        wanted = "arn:aws:iam::ACCOUNT:oidc-provider/token.actions.githubusercontent.com"
        yield from _unlike(("oidcProvider",), settings.oidc_provider, _PROVIDER, wanted)
    for index, region in enumerate(settings.regions):
        path: Path = ("regions", index)
        if problem := _region_problem(path, region):
            yield path, problem
    for index, zone in enumerate(settings.zones):
        yield from _unlike(("zones", index), zone, _ZONE, "the id of a zone, as in Z0123456789ABC")
    yield from _environment_findings(settings)
    for environment, branches in settings.branches.items():
        if environment not in settings.environments:
            allowed, near = " | ".join(settings.environments), nearest(environment, settings.environments)
            path = ("branches", environment)
            yield path, Problem(key=dotted(path), why="is no environment", allowed=allowed, nearest=near)
        for index, branch in enumerate(branches):
            yield from _unlike(("branches", environment, index), branch, _BRANCH, "a branch, as in main or release/*")


def _environment_findings(settings: BootstrapSettings) -> Iterator[tuple[Path, Problem]]:
    names = settings.environments
    if not names:
        yield ("environments",), Problem(key=dotted(("environments",)), why="names none", allowed="one name or more")
    for index, name in enumerate(names):
        path: Path = ("environments", index)
        yield from _unlike(path, name, _ENVIRONMENT, "a lower case name of at most 16 characters, as in dev")
        # A role reaches what begins with its environment's name.
        covering = [other for other in names if name.startswith(f"{other}-")]
        if name in names[:index] or name.startswith(PROJECT) or covering:
            why = "would reach the shared resources" if name.startswith(PROJECT) else "stands twice"
            if covering:
                why = f"begins like {covering[0]}, whose role would reach its resources"
            yield path, Problem(key=dotted(path), value=name, why=why, fix="choose another name")


def _unlike(path: Path, value: str, pattern: re.Pattern[str], allowed: str) -> Iterator[tuple[Path, Problem]]:
    if pattern.fullmatch(value) is None:
        why = "is empty" if not value else "has another form"
        yield path, Problem(key=dotted(path), value=show(path, value), why=why, allowed=allowed)


def _region_problem(path: Path, region: str) -> Problem | None:
    if region in REGIONS:
        return None
    why = "is no region of AWS" if region else "has no default and is not set"
    return Problem(
        key=dotted(path), value=region, why=why, allowed="a region, as in us-east-1", nearest=nearest(region, REGIONS)
    )


def _located(path: Path, problem: Problem, positions: Positions) -> Problem:
    return Problem(**{**problem.as_dict(), "where": positions.of(path)})
