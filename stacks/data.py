"""What a service's links are made of. They belong to the stack: no compute owns any, and no change of mode moves one.

Each kind loads its component where a service has one of it: a preview waits only for what its stack has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from components.base import Component
from components.service import Link, SecretRef, Statement
from stacks.base import Base
from stacks.links import (
    BucketSettings,
    CacheSettings,
    FilesSettings,
    LinkSettings,
    PostgresSettings,
    SecretSettings,
    TableSettings,
    TopicSettings,
)
from stacks.settings import Compute

OPTIONAL_SECRETS: Final = "MODESHIFT_OPTIONAL_SECRETS"
"""Where the app finds the references of secrets that may have no value: no compute reads these for it."""

_MONITORED: Final = 60


@dataclass(frozen=True, kw_only=True)
class Linked:
    """One link as it is in AWS: its component, what it brings, and the name or ARN by which people find it."""

    component: Component
    link: Link
    id: pulumi.Input[str]


def make_links(base: Base, service: str) -> dict[str, Linked]:
    """Create what a service uses, by the names of its links."""
    return {name: _make(base, service, name, link) for name, link in _sorted(base, service)}


def links_of(base: Base, service: str, made: Mapping[str, Linked]) -> list[Link]:
    """Return what both halves of a service get: its links, those that may lack values as one."""
    optional = {name for name, link in _sorted(base, service) if isinstance(link, SecretSettings) and link.optional}
    refs = [ref for name in sorted(optional) for ref in made[name].link.secrets]
    return [
        *(linked.link for name, linked in made.items() if name not in optional),
        *([_optional(base, refs)] if refs else []),
    ]


def _sorted(base: Base, service: str) -> list[tuple[str, LinkSettings]]:
    return sorted(base.settings.services[service].links.items())


def _optional(base: Base, refs: list[SecretRef]) -> Link:
    from components.iam import use_key  # noqa: PLC0415

    return Link(
        name="optional-secrets",
        environment={
            OPTIONAL_SECRETS: pulumi.Output.json_dumps({ref.name: ref.reference for ref in refs}, sort_keys=True)
        },
        statements=[
            Statement(actions=["secretsmanager:GetSecretValue"], resources=[ref.arn for ref in refs]),
            *use_key(base.key_arn, "Decrypt", service="secretsmanager"),
        ],
    )


def _make(base: Base, service: str, name: str, link: LinkSettings) -> Linked:
    match link:
        case PostgresSettings():
            made = _postgres(base, service, name, link)
        case TableSettings():
            made = _table(base, service, name, link)
        case BucketSettings():
            made = _bucket(base, service, name, link)
        case SecretSettings():
            made = _secret(base, service, name, link)
        case TopicSettings():
            made = _topic(base, service, name, link)
        case CacheSettings():
            made = _cache(base, service, name, link)
        case FilesSettings():
            made = _files(base, service, name, link)
    return made


def _postgres(base: Base, service: str, name: str, wanted: PostgresSettings) -> Linked:
    from components.postgres import Backups, Postgres, PostgresSize, Restore  # noqa: PLC0415

    settings = base.settings
    made = Postgres(
        base.name(service, name),
        network=base.network,
        size=PostgresSize(
            instance_class=wanted.size,
            storage_gb=wanted.storage_gb,
            max_storage_gb=wanted.max_storage_gb,
            multi_az=wanted.multi_az,
        ),
        backups=Backups(days=wanted.backup_days),
        version=wanted.version,
        database=wanted.database,
        username=wanted.username,
        proxy=Compute.LAMBDA in settings.computes_of(service) if wanted.proxy is None else wanted.proxy,
        restores=[
            Restore(name=restore.name, at=restore.at, keep_source=restore.keep_source) for restore in wanted.restores
        ],
        monitoring_seconds=_MONITORED if wanted.monitoring else 0,
        log_retention_days=settings.log_retention_days,
        guarded=base.guarded,
        import_id=wanted.import_,
        key_arn=base.key_arn,
        opts=base.opts,
    )
    return Linked(component=made, link=made.link(name), id=made.instance.identifier)


def _table(base: Base, service: str, name: str, wanted: TableSettings) -> Linked:
    from components.table import Table  # noqa: PLC0415

    made = Table(
        base.name(service, name),
        key=wanted.key,
        attributes=wanted.attributes,
        indexes=wanted.indexes,
        ttl=wanted.ttl,
        stream=wanted.stream,
        key_arn=base.key_arn,
        guarded=base.guarded,
        import_id=wanted.import_,
        opts=base.opts,
    )
    return Linked(component=made, link=made.link(name, actions=wanted.actions), id=made.table_name)


def _bucket(base: Base, service: str, name: str, wanted: BucketSettings) -> Linked:
    from components.bucket import Bucket  # noqa: PLC0415

    made = Bucket(
        base.name(service, name),
        infrequent_days=wanted.infrequent_days,
        archive_days=wanted.archive_days,
        expire_days=wanted.expire_days,
        access_log_days=wanted.access_log_days,
        key_arn=base.key_arn,
        guarded=base.guarded,
        import_id=wanted.import_,
        opts=base.opts,
    )
    return Linked(component=made, link=made.link(name, actions=wanted.actions), id=made.bucket_name)


def _secret(base: Base, service: str, name: str, wanted: SecretSettings) -> Linked:
    from components.secret import Secret  # noqa: PLC0415

    made = Secret(
        base.name(service, name),
        key_arn=base.key_arn,
        guarded=base.guarded,
        import_id=wanted.import_,
        opts=base.opts,
    )
    return Linked(component=made, link=made.link(name, keys=wanted.keys), id=made.arn)


def _topic(base: Base, service: str, name: str, wanted: TopicSettings) -> Linked:
    from components.topic import Topic  # noqa: PLC0415

    made = Topic(base.name(service, name), email=wanted.email, https=wanted.https, key_arn=base.key_arn, opts=base.opts)
    return Linked(component=made, link=made.link(name, actions=wanted.actions), id=made.arn)


def _cache(base: Base, service: str, name: str, wanted: CacheSettings) -> Linked:
    from components.cache import Cache  # noqa: PLC0415

    made = Cache(
        base.name(service, name),
        network=base.network,
        max_gb=wanted.max_gb,
        max_ecpu_per_second=wanted.max_ecpu_per_second,
        backup_days=wanted.backup_days,
        guarded=base.guarded,
        import_id=wanted.import_,
        key_arn=base.key_arn,
        opts=base.opts,
    )
    return Linked(component=made, link=made.link(name), id=made.cache_name)


def _files(base: Base, service: str, name: str, wanted: FilesSettings) -> Linked:
    from components.file_system import FileSystem  # noqa: PLC0415

    made = FileSystem(
        base.name(service, name),
        network=base.network,
        guarded=base.guarded,
        import_id=wanted.import_,
        key_arn=base.key_arn,
        opts=base.opts,
    )
    return Linked(component=made, link=made.link(name, path=f"/mnt/{name}"), id=made.id)
