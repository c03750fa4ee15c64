"""What a service uses beside itself: the links that its manifest declares, and what a stack makes of each.

The manifest says what the code depends on (marked `OF_CODE`); a stack file adds sizes. The code finds a link in the
variables that `variables` names.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.linking import variable
from stacks.block import OF_CODE, Settings


class RestoreSettings(Settings):
    name: str
    """Word that the new instance's name ends with, as in `r1`."""
    at: str
    """Moment whose data it gets, with a time zone, as in `2026-11-21T10:00:00Z`."""
    keep_source: bool = True
    """Keep the instance that it was made from; false once nobody needs it (docs/data.md)."""


class PostgresSettings(Settings):
    """A PostgreSQL database on RDS: 14.38 USD a month at its smallest."""

    kind: Annotated[Literal["postgres"], OF_CODE]
    """What it is."""
    size: str = "db.t4g.micro"
    """Instance class; another one restarts the database."""
    storage_gb: Annotated[int, Field(ge=20, le=65_536)] = 20
    """Storage, GB; it grows and never shrinks."""
    max_storage_gb: Annotated[int, Field(ge=20, le=65_536)] = 100
    """Size up to which RDS lets the storage grow by itself, GB."""
    multi_az: bool = False
    """A standby in a second zone that takes over by itself; doubles the price."""
    backup_days: Annotated[int, Field(ge=7, le=35)] = 7
    """Days any second of which can be restored."""
    monitoring: bool = False
    """Figures of the machine under the database, by the minute."""
    proxy: bool | None = False
    """Share connections through RDS Proxy (21.90 USD a month and more); null, while a function runs the service."""
    version: Annotated[str, Field(pattern=r"^\d{2}(\.\d+)?$")] = "18"
    """Version of PostgreSQL, in quotes; up, never down."""
    database: str = "app"
    """Name of the database; of an imported one, the name it has."""
    username: str = "app_owner"
    """User that owns it; of an imported one, the name it has."""
    import_: Annotated[str | None, Field(alias="import")] = None
    """Identifier of an existing instance that becomes the stack's own (docs/data.md)."""
    restores: tuple[RestoreSettings, ...] = ()
    """Moments to go back to, in the order they were asked for: each makes a new instance, and the last is live."""


class TableSettings(Settings):
    """A DynamoDB table: paid by request, any second of the last 35 days can be restored."""

    kind: Annotated[Literal["table"], OF_CODE]
    """What it is."""
    key: Annotated[tuple[str, ...], OF_CODE]
    """Attribute that partitions, and one that sorts if any."""
    attributes: Annotated[dict[str, Literal["S", "N", "B"]], OF_CODE]
    """Type of each attribute in a key: S text, N number, B bytes."""
    indexes: Annotated[dict[str, tuple[str, ...]], OF_CODE] = Field(default_factory=dict)
    """Global secondary indexes by name, each with a key of its own."""
    ttl: Annotated[str | None, OF_CODE] = None
    """Attribute with the second from which an item may go."""
    stream: Annotated[bool, OF_CODE] = False
    """Tell of every change, for a trigger of kind stream."""
    actions: Annotated[tuple[str, ...], OF_CODE]
    """What the code calls, as in `GetItem`; it may do nothing else."""
    import_: Annotated[str | None, Field(alias="import")] = None
    """Name of an existing table that becomes the stack's own."""


class BucketSettings(Settings):
    """A private bucket that keeps what was replaced or deleted for 90 days."""

    kind: Annotated[Literal["bucket"], OF_CODE]
    """What it is."""
    actions: Annotated[tuple[str, ...], OF_CODE]
    """What the code calls, as in `GetObject`; it may do nothing else."""
    infrequent_days: Annotated[int, Field(ge=30)] | None = None
    """Days after which objects become cheap to keep and dear to read; null, never."""
    archive_days: Annotated[int, Field(ge=90)] | None = None
    """Days after which they go to the archive; null, never."""
    expire_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which they are deleted; null, never."""
    access_log_days: Annotated[int, Field(ge=1)] | None = None
    """Days that a record of each request is kept; null, none is."""
    import_: Annotated[str | None, Field(alias="import")] = None
    """Name of an existing bucket that becomes the stack's own."""


class SecretSettings(Settings):
    """A secret that is made empty and whose values people set: 0.40 USD a month."""

    kind: Annotated[Literal["secret"], OF_CODE]
    """What it is."""
    keys: Annotated[tuple[str, ...], OF_CODE]
    """Keys of its JSON, each a variable of the service."""
    optional: Annotated[bool, OF_CODE] = False
    """Let the service start without the values."""
    import_: Annotated[str | None, Field(alias="import")] = None
    """ARN of an existing secret that becomes the stack's own."""


class TopicSettings(Settings):
    """An SNS topic that the service publishes to."""

    kind: Annotated[Literal["topic"], OF_CODE]
    """What it is."""
    actions: Annotated[tuple[str, ...], OF_CODE] = ("Publish",)
    """What the code calls; it may do nothing else."""
    email: tuple[str, ...] = ()
    """Addresses that get each message once they have agreed to."""
    https: tuple[str, ...] = ()
    """URLs that get each message."""


class CacheSettings(Settings):
    """A serverless Valkey cache on ElastiCache: 6.13 USD a month while it is empty, up to 61.32 for each GB."""

    kind: Annotated[Literal["cache"], OF_CODE]
    """What it is."""
    max_gb: Annotated[int, Field(ge=1, le=5_000)] = 1
    """Most that it holds, GB; then the oldest goes."""
    max_ecpu_per_second: Annotated[int, Field(ge=1_000, le=15_000_000)] = 5_000
    """Most work in a second: an ECPU is a simple request of 1 KB."""
    backup_days: Annotated[int, Field(ge=0, le=35)] = 0
    """Days that daily snapshots are kept."""
    import_: Annotated[str | None, Field(alias="import")] = None
    """Name of an existing serverless cache that becomes the stack's own."""


class FilesSettings(Settings):
    """A file system on EFS that all instances share: 0.30 USD per GB and month."""

    kind: Annotated[Literal["files"], OF_CODE]
    """What it is."""
    import_: Annotated[str | None, Field(alias="import")] = None
    """Id of an existing file system that becomes the stack's own."""


LinkSettings = Annotated[
    PostgresSettings | TableSettings | BucketSettings | SecretSettings | TopicSettings | CacheSettings | FilesSettings,
    Field(discriminator="kind"),
]
"""A link of any kind."""


NETWORKED: Final = frozenset({"postgres", "cache", "files"})
"""Kinds that are reached at an address in the network: what uses them is in it too."""


def variables(name: str, link: LinkSettings) -> tuple[str, ...]:
    """Return the environment variables in which the code finds a link."""
    if isinstance(link, SecretSettings):
        return link.keys
    endings = {
        "postgres": ("URL", "SECRET"),
        "table": ("TABLE",),
        "bucket": ("BUCKET",),
        "topic": ("TOPIC",),
        "cache": ("URL", "NAME"),
        "files": ("PATH",),
    }
    return tuple(variable(name, ending) for ending in endings[link.kind])
