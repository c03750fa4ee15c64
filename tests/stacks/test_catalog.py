"""What the app's folders say is a layer of a stack's settings, and what they do not know is refused."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from app.core import secrets, service
from app.core import settings as core
from app.core.settings import EnvironmentSettings
from stacks.catalog import Catalog, Need, folder_of, read_catalog, takes
from stacks.errors import Problem, SettingsError
from stacks.load import Resolved, load, resolve
from stacks.rules.service import TAKEN_PATHS, is_reserved

PEOPLE = """
title = "People"
summary = "Who is who."
route = "/people"
timeout = 9
needs = ["internet"]
settings = ["PEOPLE_LIMIT", "LANGUAGE_*"]

[size]
memory = 2048

[scaling]
max = 7
requestsPerTarget = 50
"""
ROOT_SERVICE = 'title = "Web"\nsummary = "The front page."\nroute = "/"\n'
SOURCE = "app/services/old_people/service.toml"
BOTH = {"modeshift:services": {"web": None, "old-people": {}}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two services, `old-people` and `web`."""
    add(tmp_path, "old-people", PEOPLE)
    add(tmp_path, "web", ROOT_SERVICE)
    (tmp_path / "app/core").mkdir()
    (tmp_path / "app/core/environment.toml").write_text('settings = ["LOG_LEVEL", "OTEL_*"]\n')
    return tmp_path


def add(root: Path, name: str, manifest: str) -> None:
    folder = root / folder_of(name)
    folder.mkdir(parents=True)
    (folder / "service.toml").write_text(manifest)


def resolved(root: Path, config: dict[str, object], stack: str = "dev") -> Resolved:
    return resolve(stack, {"aws:region": "us-east-1", **config}, catalog=read_catalog(root))


def refused(root: Path, config: dict[str, object]) -> dict[str, Problem]:
    with pytest.raises(SettingsError) as caught:
        resolved(root, config)
    return {problem.key: problem for problem in caught.value.problems}


def with_people(**settings: object) -> dict[str, object]:
    return {"modeshift:services": {"web": {}, "old-people": settings}}


def test_a_manifest_lies_between_the_library_and_the_profile(project: Path) -> None:
    config = {"modeshift:services": {"web": {}, "old-people": {"timeout": 12}}}
    stack = resolved(project, config, "staging")
    people = stack.settings.services["old-people"]

    assert (people.route, people.timeout, people.size.memory, people.size.cpu) == ("/people", 12, 2048, 512)
    assert (people.scaling.max, people.scaling.requests_per_target) == (5, 50)
    origins = {key.rpartition("people.")[2]: origin for key, origin in stack.origins.items() if "old-people" in key}
    assert origins["route"] == origins["size.memory"] == origins["scaling.requestsPerTarget"] == SOURCE
    assert origins["timeout"] == "Pulumi.staging.yaml"
    assert origins["scaling.max"] == "profile staging"
    assert origins["size.cpu"] == origins["health"] == "library default"


def test_a_service_without_folder_is_refused_with_the_nearest_and_the_command(project: Path) -> None:
    problems = refused(project, {"modeshift:services": {"web": {}, "old-poeple": {"env": {"X": "1"}}}})

    assert list(problems) == ["modeshift:services.old-poeple"]
    (problem,) = problems.values()
    assert "app/services/old_poeple/service.toml does not exist" in problem.why
    assert (problem.allowed, problem.nearest) == ("old-people, web", "old-people")
    assert "`modeshift new old-poeple`" in problem.fix


def test_a_stack_that_lists_none_says_whose_folder_is_missing(project: Path) -> None:
    (problem,) = refused(project, {}).values()

    assert problem.key == "modeshift:services.netprobe"
    assert "lists no services" in problem.why


@pytest.mark.parametrize(
    ("manifest", "key", "said"),
    [
        ("title = 1\n", "title", "text"),
        ('route = "/x"\n', "summary", "no default"),
        (PEOPLE.replace("internet", "intrenet"), "needs.0", "nearest   internet"),
        (PEOPLE.replace("timeout", "timeuot"), "timeuot", "nearest   timeout"),
        (PEOPLE.replace("memory", "mem"), "size.mem", "nearest   memory"),
        (PEOPLE.replace("= 9", "= 9999"), "timeout", "1 to 900"),
        (PEOPLE.replace("= 9", "= 2030-01-31"), "timeout", "2030-01-31"),
        ("title = \n", SOURCE, "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_its_place(
    project: Path, manifest: str, key: str, said: str
) -> None:
    (project / SOURCE).write_text(manifest)
    problem = refused(project, BOTH)[key]

    assert problem.where == SOURCE
    assert said in str(SettingsError([problem]))


def test_a_broken_manifest_harms_no_stack_without_that_service(project: Path) -> None:
    (project / SOURCE).write_text("title =\n")

    assert set(resolved(project, {"modeshift:services": {"web": {}}}).settings.services) == {"web"}


def test_a_rule_against_what_a_manifest_says_points_to_the_manifest(project: Path) -> None:
    (project / SOURCE).write_text(PEOPLE.replace("memory = 2048", "memory = 64"))

    assert refused(project, BOTH)["modeshift:services.old-people.size.memory"].where == SOURCE


@pytest.mark.parametrize("block", ["env", "secrets"])
def test_a_variable_that_the_service_does_not_take_is_refused(project: Path, block: str) -> None:
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app"
    taken = {"PEOPLE_LIMIT": secret, "LANGUAGE_OF_LOGS": secret, "LOG_LEVEL": secret, "OTEL_SERVICE_NAME": secret}
    resolved(project, with_people(**{block: taken}))
    problem = refused(project, with_people(**{block: {"PEOPLE_LIMTI": secret}}))[
        f"modeshift:services.old-people.{block}.PEOPLE_LIMTI"
    ]

    assert problem.nearest == "PEOPLE_LIMIT"
    assert SOURCE in problem.fix


def test_a_manifest_without_settings_leaves_variables_unchecked(project: Path) -> None:
    config = {"modeshift:services": {"web": {"env": {"ANYTHING": "1"}}}}

    assert resolved(project, config).settings.services["web"].env == {"ANYTHING": "1"}


@pytest.mark.parametrize("name", ["SERVICES", "MODESHIFT_SECRETS", "PORT", "HEALTH_PATH"])
def test_what_the_platform_sets_is_refused_once(project: Path, name: str) -> None:
    (problem,) = refused(project, with_people(env={name: "x"})).values()

    assert problem.why == "is set by the platform"


@pytest.mark.parametrize("health", ["health", "/", "/a b", "/health/", "/ready", "/openapi.json"])
def test_a_health_path_that_cannot_be_one_is_refused(project: Path, health: str) -> None:
    assert set(refused(project, with_people(health=health))) == {"modeshift:services.old-people.health"}


@pytest.mark.parametrize("route", ["/docs", "/ready", "/health"])
def test_a_route_that_every_app_answers_itself_is_refused(project: Path, route: str) -> None:
    assert set(refused(project, with_people(route=route))) == {"modeshift:services.old-people.route"}


def test_who_needs_the_internet_gets_a_way_to_it(project: Path) -> None:
    image = "registry/app@sha256:" + "0" * 64
    endpoints = {"nat": "none", "endpoints": ["ecr.api", "ecr.dkr", "logs"]}
    config: dict[str, object] = {"modeshift:mode": "container", "modeshift:image": image, **BOTH}
    problem = refused(project, {**config, "modeshift:network": endpoints})["modeshift:network.nat"]

    assert "the internet, which old-people needs" in problem.why
    assert "network.nat: single" in problem.allowed
    assert "container.placement: public" in problem.allowed
    assert "endpoints" not in problem.allowed
    assert "their image" not in problem.why
    resolved(project, {**config, "modeshift:network": {"nat": "single"}})
    resolved(project, {**config, "modeshift:container": {"placement": "public"}})
    resolved(project, {**config, "modeshift:network": endpoints, "modeshift:services": {"web": {}}})
    resolved(project, {"modeshift:network": endpoints, **BOTH})


def test_where_there_is_no_app_services_are_taken_at_their_word(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config: {aws:region: us-east-1, modeshift:services: {any: {route: /}}}\n"
    )

    assert read_catalog(tmp_path) is None
    assert set(load(tmp_path, "dev").settings.services) == {"any"}


# From here on: the manifests of this repository, held against the code beside them.


@pytest.fixture(scope="module")
def ours() -> Catalog:
    catalog = read_catalog(Path(__file__).parents[2])
    assert catalog is not None
    return catalog


def test_both_sides_find_the_same_services_and_routes(ours: Catalog) -> None:
    assert sorted(ours.folders) == service.names()
    for name, folder in ours.folders.items():
        assert folder.problems == ()
        assert folder.manifest is not None
        assert folder.manifest.route == service.manifest(name).route


@pytest.mark.parametrize("name", service.names())
def test_a_manifest_lists_what_the_service_s_settings_take(ours: Catalog, name: str) -> None:
    taken = variables_in(f"app.services.{name.replace('-', '_')}.settings")
    manifest = ours.manifest(name)

    assert manifest is not None
    listed = manifest.settings or ()
    assert {variable for variable in taken if not is_reserved(variable) and not takes(listed, variable)} == set()
    assert {variable for variable in listed if "*" not in variable} <= taken


def variables_in(module: str) -> set[str]:
    """Return the variables of the settings classes in a module; a service may have none."""
    if importlib.util.find_spec(module) is None:
        return set()
    classes = [
        kind
        for kind in vars(importlib.import_module(module)).values()
        if isinstance(kind, type) and issubclass(kind, EnvironmentSettings) and kind.__module__ == module
    ]
    return {str(field.alias) for kind in classes for field in kind.model_fields.values()}


def test_the_list_of_common_variables_is_what_the_app_takes(ours: Catalog) -> None:
    taken = {str(field.alias) for field in core.Settings.model_fields.values()} | {secrets.VARIABLE}
    missing = {name for name in taken if not is_reserved(name) and not takes(ours.variables, name)}
    unknown = {name for name in ours.variables if name not in taken and "*" not in name} - {"SSL_CERT_FILE", "TZ"}

    assert (missing, unknown) == (set(), set()), "app/core/environment.toml and app/core/settings.py differ"
    assert not any(is_reserved(name) for name in ours.variables)


def test_the_app_s_own_paths_are_known_to_the_stack() -> None:
    assert set(TAKEN_PATHS) == set(core._OWN_PATHS)


def test_needs_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/add-a-service.md").read_text(encoding="utf-8")

    assert all(f"`{need}`" in page for need in Need)
