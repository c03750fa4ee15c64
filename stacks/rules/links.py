"""Rules for what services link to: names, variables, and what AWS or the code could not make sense of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from components.linking import LINK_ACTIONS, action_problem
from components.naming import link_name_budget
from stacks.catalog import MANIFEST, folder_of
from stacks.errors import nearest
from stacks.keys import Path
from stacks.links import (
    BucketSettings,
    FilesSettings,
    LinkSettings,
    PostgresSettings,
    SecretSettings,
    TableSettings,
    TopicSettings,
    variables,
)
from stacks.rules.base import Finding, Rule, Subject
from stacks.rules.service import ENV_NAME, is_reserved
from stacks.rules.stack import NAME_FORM, is_name
from stacks.settings import Compute, ServiceSettings
from stacks.workers import IDEMPOTENCY, trigger_variables

_LONGEST_KEY: Final = 2
_TAKEN: Final[Mapping[str, str]] = {IDEMPOTENCY: "the table of what workers have done has it"}


def each_link(subject: Subject) -> Iterator[tuple[str, Path, str, LinkSettings]]:
    """Yield each link with its service, its place and its name."""
    for service, settings in subject.settings.services.items():
        for name, link in settings.links.items():
            yield service, ("services", service, "links", name), name, link


def names(subject: Subject) -> Iterator[Finding]:
    """Refuse names of links and triggers that AWS resources cannot carry, or that two things would share."""
    owners: dict[tuple[str, str], Path] = {}
    for service, settings in subject.settings.services.items():
        things = [("links", name, link.kind, _more(link)) for name, link in settings.links.items()]
        things += [("triggers", name, "queue", ("dead-letter",)) for name in settings.triggers]
        for block, name, kind, more in things:
            path: Path = ("services", service, block, name)
            full = f"{subject.stack}-{service}-{name}"
            room = link_name_budget(kind) - len(full) + len(name)
            shared = {(kind, whole): path for whole in (full, *(f"{full}-{suffix}" for suffix in more))}
            others = [owners[thing] for thing in shared if thing in owners]
            owners = shared | owners
            if not is_name(name):
                yield Finding(
                    path=path, value=name, why="is not a name that AWS resources can carry", allowed=NAME_FORM
                )
            elif name in _TAKEN:
                yield Finding(path=path, value=name, why=f"is taken: {_TAKEN[name]}", allowed="another name")
            elif len(name) > room:
                why = f"{full} has {len(full)} characters, and AWS takes fewer for a {kind}"
                yield Finding(path=path, value=name, why=why, allowed=f"a name of at most {max(room, 0)} characters")
            elif others:
                why = f"would get the same name in AWS as {others[0][3]} of {others[0][1]}, or a part of it"
                yield Finding(path=path, value=name, why=why, allowed="another name")


def _more(link: LinkSettings) -> tuple[str, ...]:
    """Return the suffixes of the resources that a link has beside its own, of the same type."""
    if isinstance(link, PostgresSettings):
        return tuple(restore.name for restore in link.restores)
    return ("logs",) if isinstance(link, BucketSettings) else ()


def environment(subject: Subject) -> Iterator[Finding]:
    """Refuse variables that two things of a service would set."""
    core = () if subject.catalog is None else subject.catalog.variables
    for service, settings in subject.settings.services.items():
        setters: dict[str, str] = {}
        for path, who, brought in _brought(service, settings):
            for variable in brought:
                other = setters.setdefault(variable, who)
                if not ENV_NAME.fullmatch(variable):
                    allowed = "letters, digits and _, no digit first"
                    yield Finding(path=path, value=variable, why="is not a name of a variable", allowed=allowed)
                elif is_reserved(variable) or variable in core:
                    why = f"would set {variable}, which has a meaning of its own"
                    yield Finding(path=path, value=str(path[-1]), why=why, allowed="another name")
                elif other != who:
                    why = f"would set {variable}, and so does {other}"
                    yield Finding(path=path, value=str(path[-1]), why=why, allowed="another name for one of the two")
        for block, said in (("env", settings.env), ("secrets", settings.secrets)):
            for variable in said.keys() & setters.keys():
                path = ("services", service, block, variable)
                yield Finding(path=path, value=variable, why=f"is set by {setters[variable]}", fix="remove it")


def _brought(service: str, settings: ServiceSettings) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    for name, link in settings.links.items():
        yield ("services", service, "links", name), f"the link {name}", variables(name, link)
    for name, trigger in settings.triggers.items():
        yield ("services", service, "triggers", name), f"the trigger {name}", trigger_variables(name, trigger)


def actions(subject: Subject) -> Iterator[Finding]:
    """Refuse actions that IAM does not know for what is linked, and links that allow nothing."""
    for _, path, _, link in each_link(subject):
        if not isinstance(link, TableSettings | BucketSettings | TopicSettings):
            continue
        here = (*path, "actions")
        if not link.actions:
            allowed = ", ".join(sorted(LINK_ACTIONS[link.kind]))
            yield Finding(path=here, why="allows nothing", allowed=allowed)
        for action in link.actions:
            if problem := action_problem(link.kind, action):
                yield Finding(path=here, value=action, why=problem)


def keys(subject: Subject) -> Iterator[Finding]:
    """Refuse keys of a table that its attributes do not go with, and secrets without keys."""
    for _, path, _, link in each_link(subject):
        if isinstance(link, SecretSettings) and not link.keys:
            why = "names none, so that the service gets nothing"
            yield Finding(path=(*path, "keys"), why=why, allowed="one or more")
        elif isinstance(link, TableSettings):
            yield from list(_wrong_keys(path, link)) or _unused(path, link)


def _table_keys(path: Path, link: TableSettings) -> dict[Path, tuple[str, ...]]:
    return {(*path, "key"): link.key} | {(*path, "indexes", index): key for index, key in link.indexes.items()}


def _wrong_keys(path: Path, link: TableSettings) -> Iterator[Finding]:
    for place, key in _table_keys(path, link).items():
        if not 1 <= len(key) <= _LONGEST_KEY or len(set(key)) < len(key):
            allowed = "one attribute that partitions, and one that sorts if any"
            yield Finding(path=place, why="is no key of a table", allowed=allowed)
            continue
        for attribute in key:
            if attribute not in link.attributes:
                allowed = f"in attributes: {attribute} = S, N or B"
                near = nearest(attribute, link.attributes)
                yield Finding(path=place, value=attribute, why="has no type", allowed=allowed, nearest=near)


def _unused(path: Path, link: TableSettings) -> Iterator[Finding]:
    used = {attribute for key in _table_keys(path, link).values() for attribute in key}
    for attribute in link.attributes:
        if attribute not in used:
            yield Finding(
                path=(*path, "attributes", attribute),
                why="is in no key; DynamoDB takes the types of those alone, and items may hold anything else",
                fix="remove it",
            )


def files(subject: Subject) -> Iterator[Finding]:
    """Refuse file systems where nothing could mount them."""
    for service, path, _, link in each_link(subject):
        if not isinstance(link, FilesSettings):
            continue
        if Compute.EKS in subject.computes(service):
            yield Finding(
                path=path,
                why="cannot be used on eks: the pods of a cluster in Auto Mode mount no EFS here",
                allowed="lambda | fargate",
                fix=f"keep the service off eks, or keep its files in a bucket ({folder_of(service)}/{MANIFEST})",
                reads=(("mode",), ("container", "compute"), ("services", service, "mode"), ("services", service)),
            )
        if subject.settings.serverless.snap_start and Compute.LAMBDA in subject.computes(service):
            why = "cannot be used together with serverless.snapStart: a snapshot holds no file system"
            yield Finding(path=path, why=why, fix="turn snapStart off", reads=(("serverless", "snapStart"),))


RULES: Final[tuple[Rule, ...]] = (names, environment, actions, keys, files)
