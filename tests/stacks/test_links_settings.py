"""A manifest declares what a service uses and what feeds it; a stack file says how big, and nothing else of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stacks.catalog import read_catalog
from stacks.errors import Problem, SettingsError
from stacks.links import LinkSettings, PostgresSettings, TableSettings, variables
from stacks.load import Resolved, describe, resolve
from stacks.settings import ServiceSettings
from tests.manifests import DATABASE, EVERYTHING, FILES, PLAIN, add_service

Shop = Callable[..., Resolved]
Refused = Callable[..., dict[str, Problem]]

SOURCE = "app/services/shop/service.toml"
NAT = {"nat": "single"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Resolve a stack with one service `shop`, by what its manifest and the stack file say of it."""

    def resolved(said: str, stack: str = "dev", own: object = None, **settings: object) -> Resolved:
        add_service(tmp_path, said)
        config = {"network": NAT, **settings, "services": {"shop": own}}
        keys = {"aws:region": "us-east-1", **{f"modeshift:{key}": value for key, value in config.items()}}
        return resolve(stack, keys, catalog=read_catalog(tmp_path))

    return resolved


@pytest.fixture
def refused(shop: Shop) -> Refused:
    """Resolve such a stack, which must be refused, and return the problems by key."""

    def problems(said: str, stack: str = "dev", own: object = None, **settings: object) -> dict[str, Problem]:
        with pytest.raises(SettingsError) as caught:
            shop(said, stack, own, **settings)
        return {problem.key.removeprefix("modeshift:services.shop."): problem for problem in caught.value.problems}

    return problems


def service(resolved: Resolved) -> ServiceSettings:
    return resolved.settings.services["shop"]


def database(resolved: Resolved) -> PostgresSettings:
    link = service(resolved).links["database"]
    assert isinstance(link, PostgresSettings)
    return link


def told(problem: Problem) -> str:
    """Return all that a problem says, unwrapped."""
    return "\n".join(f"{part}: {text}" for part, text in problem.as_dict().items())


def test_a_manifest_lies_below_the_profile_and_the_stack_file(shop: Shop) -> None:
    said = DATABASE + "backupDays = 10\nstorageGb = 30\n"
    dev, prod = shop(said), shop(said, "prod", {"links": {"database": {"size": "db.m7g.large", "multiAz": False}}})

    assert (database(dev).backup_days, database(dev).storage_gb, database(dev).multi_az) == (10, 30, False)
    assert (database(prod).backup_days, database(prod).storage_gb, database(prod).size) == (35, 30, "db.m7g.large")
    assert database(prod).multi_az is False
    origins = {key.rpartition("database.")[2]: origin for key, origin in prod.origins.items() if ".database." in key}
    assert origins["kind"] == origins["storageGb"] == SOURCE
    assert origins["backupDays"] == origins["monitoring"] == "profile prod"
    assert origins["size"] == origins["multiAz"] == "Pulumi.prod.yaml"
    assert origins["version"] == "library default"


def test_the_profile_of_one_kind_says_nothing_of_another(shop: Shop) -> None:
    links = service(shop(EVERYTHING, "prod")).links

    assert {link.kind for link in links.values() if "access_log_days" in link.model_fields_set} == {"bucket"}
    assert {link.kind for link in links.values() if "multi_az" in link.model_fields_set} == {"postgres"}


def test_every_kind_is_read_and_shown(shop: Shop) -> None:
    resolved = shop(EVERYTHING + FILES)
    shown = {row.key.removeprefix("modeshift:services.shop."): row for row in describe(resolved)}

    assert len({link.kind for link in service(resolved).links.values()}) == 7
    assert {trigger.kind for trigger in service(resolved).triggers.values()} == {
        "queue",
        "bucket",
        "schedule",
        "stream",
    }
    assert shown["links.results.indexes.by-day"].value == ["day", "created"]
    assert shown["links.keys.keys"].value == ["OPENAI_API_KEY"]
    assert shown["worker.timeout"] == ("modeshift:services.shop.worker.timeout", 120, SOURCE)
    assert shown["worker.batch"].origin == "library default"
    assert shown["migrations"].value is True


def test_who_is_fed_has_a_worker_and_nobody_else(shop: Shop) -> None:
    fed = service(shop('[triggers.jobs]\nkind = "queue"\n'))

    assert fed.worker is not None
    assert fed.worker.timeout == 300
    assert service(shop(DATABASE)).worker is None


@pytest.mark.parametrize(
    ("own", "key", "said"),
    [
        ({"links": {"databse": {"size": "x"}}}, "links.databse", "nearest: database"),
        ({"links": {"databse": {}}}, "links.databse", f"declare it in {SOURCE} under [links.databse]"),
        ({"triggers": {"jbos": {}}}, "triggers.jbos", "nearest: jobs"),
        ({"links": {"database": {"kind": "table"}}}, "links.database.kind", "what the service's code depends on"),
        ({"links": {"results": {"key": ["id"]}}}, "links.results.key", f"{SOURCE} says it"),
        ({"links": {"results": {"actions": ["Scan"]}}}, "links.results.actions", "code depends on"),
        ({"links": {"keys": {"keys": ["A"]}}}, "links.keys.keys", "code depends on"),
        ({"triggers": {"uploaded": {"suffix": ".py"}}}, "triggers.uploaded.suffix", "code depends on"),
        ({"migrations": False}, "migrations", "code depends on"),
        ({"links": {"database": {"multAz": True}}}, "links.database.multAz", "nearest: multiAz"),
        ({"links": {"uploads": {"multiAz": True}}}, "links.uploads.multiAz", "services.NAME.links.NAME.multiAz"),
        ({"links": {"database": {"storageGb": 19}}}, "links.database.storageGb", "20 to 65536"),
        ({"links": {"database": {"multiAz": "yes"}}}, "links.database.multiAz", "nearest: true"),
        ({"links": {"database": "big"}}, "links.database", "a block"),
        ({"worker": {"batch": 11}}, "worker.batch", "1 to 10"),
        ({"worker": {"timeout": 900}}, "worker.timeout", "1 to 890"),
    ],
)
def test_what_a_stack_file_may_not_say_is_refused(refused: Refused, own: object, key: str, said: str) -> None:
    problems = refused(EVERYTHING, own=own)

    assert set(problems) == {key}
    assert said in told(problems[key])


def test_all_that_is_wrong_is_told_at_once(refused: Refused) -> None:
    own = {"links": {"database": {"kind": "table", "size": "db.x", "multAz": True}, "none": {}}, "worker": {"batch": 0}}

    assert set(refused(EVERYTHING, own=own)) == {
        "links.database.kind",
        "links.database.size",
        "links.database.multAz",
        "links.none",
        "worker.batch",
    }


@pytest.mark.parametrize(
    ("said", "key", "text"),
    [
        (DATABASE.replace('"postgres"', '"postgre"'), "links.database.kind", "nearest: postgres"),
        (DATABASE.replace('kind = "postgres"', ""), "links.database.kind", "is not set"),
        (DATABASE + "stroageGb = 20\n", "links.database.stroageGb", "nearest: storageGb"),
        (DATABASE + "storageGb = 1\n", "links.database.storageGb", "20 to 65536"),
        (EVERYTHING.replace('hash = "S"', 'hash = "T"'), "links.results.attributes.hash", "S, N, B"),
        (EVERYTHING.replace('kind = "queue"', 'kind = "que"'), "triggers.jobs.kind", "queue"),
        (EVERYTHING + "[links.database]\n", SOURCE, "cannot be read"),
    ],
)
def test_a_manifest_that_declares_nonsense_is_refused_with_its_place(
    refused: Refused, said: str, key: str, text: str
) -> None:
    problem = refused(said, own={"links": {"database": {"size": "db.t4g.small"}}})[key]

    assert problem.where == SOURCE
    assert text in told(problem)


def test_a_broken_manifest_is_the_only_problem_of_a_stack_that_adds_to_it(refused: Refused) -> None:
    own = {"links": {"database": {"size": "db.t4g.small"}}, "triggers": {"jobs": {}}}

    assert set(refused("links = 1\n", own=own)) == {"links"}


def test_without_an_app_to_ask_a_stack_file_is_taken_at_its_word() -> None:
    link = {"kind": "postgres", "size": "db.t4g.small"}
    config = {"modeshift:network": NAT, "modeshift:services": {"shop": {"route": "/", "links": {"database": link}}}}
    resolved = resolve("prod", {"aws:region": "us-east-1", **config})

    assert (database(resolved).size, database(resolved).multi_az) == ("db.t4g.small", True)


def test_variables_are_named_after_links(shop: Shop) -> None:
    links = service(shop(EVERYTHING + FILES)).links
    found = {name: variables(name, link) for name, link in links.items()}

    assert found == {
        "database": ("DATABASE_URL", "DATABASE_SECRET"),
        "results": ("RESULTS_TABLE",),
        "uploads": ("UPLOADS_BUCKET",),
        "keys": ("OPENAI_API_KEY",),
        "more-keys": ("GEMINI_API_KEY", "OTHER_API_KEY"),
        "notices": ("NOTICES_TOPIC",),
        "cache": ("CACHE_URL", "CACHE_NAME"),
        "files": ("FILES_PATH",),
    }


def test_a_link_called_like_a_kind_or_like_secrets_is_just_a_name(shop: Shop) -> None:
    said = '[links.postgres]\nkind = "table"\nkey = ["id"]\nattributes = {id = "S"}\nactions = ["GetItem"]\n'
    resolved = shop(said + said.replace("postgres", "secrets"), own={"links": {"postgres": {"import": "old"}}})
    link: LinkSettings = service(resolved).links["postgres"]

    assert isinstance(link, TableSettings)
    assert link.import_ == "old"
    shown = {row.key: row.value for row in describe(resolved)}
    assert shown["modeshift:services.shop.links.secrets.kind"] == "table"


def test_a_manifest_without_links_is_as_it_was(shop: Shop) -> None:
    plain = service(shop(""))

    assert (plain.links, plain.triggers, plain.worker, plain.migrations) == ({}, {}, None, False)
    assert "links" not in PLAIN
