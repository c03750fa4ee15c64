"""What holds data is never replaced: no choice of a stack changes a property that AWS cannot change in place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from components.cache import Cache
from components.file_system import FileSystem
from components.network import Network
from components.postgres import Backups, Postgres, PostgresSize, Restore
from components.stateful import STATEFUL_TYPES
from sandbox.control import paths
from sandbox.control.diff import diff
from sandbox.control.facts import Catalog
from sandbox.control.scope import Scope

Deploy = Callable[[Callable[[], Any]], Any]

NAME = "dev-users-link"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
CATALOG = Catalog()
SCOPE = Scope(region="us-east-1")
RESTORES = [Restore(name="r1", at="2026-11-21T10:00:00Z"), Restore(name="r2", at="2026-11-22T10:00:00Z")]

# What a stack may say of a link that has a network, and other values than the usual ones.
CHOICES: Mapping[type[Any], Mapping[str, Sequence[Any]]] = {
    Postgres: {
        "size": [
            PostgresSize(instance_class="db.r7g.2xlarge", storage_gb=500, max_storage_gb=5000, multi_az=True),
            PostgresSize(multi_az=True),
        ],
        "backups": [Backups(days=35, window="01:00-02:00", maintenance="mon:03:00-mon:04:00")],
        "version": ["17", "19"],
        "database": ["orders"],
        "username": ["ann"],
        "port": [5432],
        "proxy": [True],
        "restores": [RESTORES[:1], RESTORES],
        "monitoring_seconds": [60],
        "log_retention_days": [90],
        "guarded": [False],
        "key_arn": [KEY],
    },
    Cache: {
        "max_gb": [100],
        "max_ecpu_per_second": [100_000],
        "backup_days": [7],
        "guarded": [False],
        "key_arn": [KEY],
    },
    FileSystem: {"guarded": [False], "key_arn": [KEY]},
}
# Which resource it is, not what it is like.
IDENTITY = {"name", "network", "import_id", "opts"}

CASES = [
    pytest.param(component, option, value, id=f"{component.__name__}-{option}-{at}")
    for component, options in CHOICES.items()
    for option, values in options.items()
    for at, value in enumerate(values)
]
PROPERTIES = [
    pytest.param(component, token, path, id=f"{token}-{path}")
    for component, tokens in {
        Postgres: ["aws:rds/instance:Instance"],
        Cache: ["aws:elasticache/serverlessCache:ServerlessCache"],
        FileSystem: ["aws:efs/fileSystem:FileSystem"],
    }.items()
    for token in tokens
    for path in CATALOG.get(token).facts["replace"]  # pyright: ignore[reportOptionalMemberAccess] - it is served
]


@pytest.fixture(scope="module")
def kept(deploy: Deploy) -> Callable[..., dict[tuple[str, str], Any]]:
    """Return what of a component holds data, by type and logical name."""

    @cache
    def made(component: type[Any], option: str, at: int) -> dict[tuple[str, str], Any]:
        choices = {option: CHOICES[component][option][at]} if option else {}
        recorded = deploy(lambda: component(NAME, network=Network("dev-net", azs=zones(option)), **choices))
        return {(one.type, one.name): one for one in recorded if one.type in STATEFUL_TYPES}

    return lambda component, option="", at=0: made(component, option, at)


def zones(option: str) -> int:
    """Return another number of zones for one of the variants: the network may change below what stands in it."""
    return 3 if option == "key_arn" else 2


def replaced(old: Any, new: Any) -> set[str]:
    """Return the properties for which the provider would replace a resource."""
    kind = CATALOG.get(new.type)
    assert kind is not None
    ignored = tuple(paths.parse_ignored(text) for text in new.ignore_changes)
    found = diff(kind, SCOPE, old.inputs, new.inputs, state=old.inputs, ignored=ignored)
    return {paths.show(path) for path in found.replaces}


@pytest.mark.parametrize("component", CHOICES)
def test_every_choice_is_looked_at(component: type[Any]) -> None:
    assert set(CHOICES[component]) == set(inspect.signature(component).parameters) - IDENTITY


@pytest.mark.parametrize(("component", "option", "value"), CASES)
def test_no_choice_replaces_or_deletes_what_holds_data(
    kept: Callable[..., dict[tuple[str, str], Any]], component: type[Any], option: str, value: Any
) -> None:
    at = list(CHOICES[component][option]).index(value)
    before, after = kept(component), kept(component, option, at)
    assert before
    assert before.keys() <= after.keys()
    assert {one: replaced(before[one], after[one]) for one in before} == {one: set() for one in before}
    # And back again: what was chosen once can be taken back.
    assert {one: replaced(after[one], before[one]) for one in before} == {one: set() for one in before}


@pytest.mark.parametrize(("component", "token", "path"), PROPERTIES)
def test_what_replaces_is_the_same_whatever_is_chosen_or_was_settled_for_good(
    kept: Callable[..., dict[tuple[str, str], Any]], component: type[Any], token: str, path: str
) -> None:
    variants = [kept(component)] + [
        kept(component, option, at) for option, values in CHOICES[component].items() for at, _ in enumerate(values)
    ]
    originals = [one[token, NAME] for one in variants]
    if paths.parse(path)[0] in originals[0].ignore_changes:
        return
    values = [[found for _, found in paths.find(one.inputs, paths.parse(path))] for one in originals]
    assert all(value == values[0] for value in values)


def test_what_would_replace_is_noticed(kept: Callable[..., dict[tuple[str, str], Any]]) -> None:
    (one,) = [found for found in kept(Postgres).values() if found.type == "aws:rds/instance:Instance"]
    other = type(one)(**{**vars(one), "inputs": {**one.inputs, "engine": "mysql", "dbName": "other"}})
    assert replaced(one, other) == {"engine"}
    bare = type(one)(**{**vars(other), "ignore_changes": ()})
    assert replaced(one, bare) == {"engine", "dbName"}
