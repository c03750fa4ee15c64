"""A PostgreSQL database that a service keeps its data in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import use_key
from components.linking import variable
from components.postgres_alarms import database_alarms
from components.postgres_instance import Server, secret_arn
from components.postgres_options import Backups, PostgresSize, Restore, check
from components.postgres_proxy import PORT as PROXY_PORT
from components.postgres_proxy import PostgresProxy
from components.service import Link, Statement

if TYPE_CHECKING:
    from components.network import Network

__all__ = ["Backups", "Postgres", "PostgresSize", "Restore"]

PORT = 5433
"""Where databases listen: not where everybody tries."""


class Postgres(Component):
    """A PostgreSQL database of RDS in private subnets, for TLS only, to be taken back to any moment it had.

    RDS makes the password, keeps it in Secrets Manager and rotates it every 30 days; it passes through no settings and
    no state. Storage grows by itself. Minor versions come by themselves in the maintenance window; `version` is the
    major one, whose change upgrades in place.

    A new size is applied at once and restarts the database: minutes, with `multi_az` about one. What a database is made
    with stays, whatever settings say later: the name of its first database, its user, its encryption and key. So no
    setting replaces it.

    Unless `guarded` is off, neither Pulumi nor RDS deletes the database, one that is deleted leaves a snapshot and its
    backups, and one that leaves the stack stays in AWS, with its network settings.

    Each of `restores` makes a new database from a moment of the one before it, by the same settings; the last one is in
    use, and the one before it stays until `keep_source` is off. What was written after that moment is in the source
    alone.

    Cost in us-east-1 a month, 730 hours (AWS price list: AmazonRDS, AWSSecretsManager, AmazonCloudWatch):

    | what                                | one zone         | `multi_az`       |
    |-------------------------------------|------------------|------------------|
    | db.t4g.micro (2 vCPU, 1 GB)         | 11.68 USD        | 23.36 USD        |
    | db.t4g.small (2 vCPU, 2 GB)         | 23.36 USD        | 47.45 USD        |
    | db.t4g.medium (2 vCPU, 4 GB)        | 47.45 USD        | 94.17 USD        |
    | storage, gp3                        | 0.115 per GB     | 0.23 per GB      |
    | backups beyond the size of the data | 0.095 per GB     | 0.095 per GB     |
    | `proxy`, two vCPUs at least         | 21.90 USD        | 21.90 USD        |
    | its secret, three alarms            | 0.40 and 0.30    | 0.40 and 0.30    |
    | logs                                | 0.50 per GB      | 0.50 per GB      |

    Each database of `restores` costs as much again as long as it is there.

    Example:
        >>> Postgres("dev-users-database", network=network).link("database")

    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        size: PostgresSize | None = None,
        backups: Backups | None = None,
        version: str = "18",
        database: str = "app",
        username: str = "app_owner",
        port: int = PORT,
        proxy: bool = False,
        restores: Sequence[Restore] = (),
        monitoring_seconds: int = 0,
        log_retention_days: int = 7,
        guarded: bool = True,
        import_id: str | None = None,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the database, or take over an existing one.

        Args:
            name: Logical name; children are called after it.
            network: Where it has its addresses: two zones or more.
            size: How big it is.
            backups: How long backups are kept, and when AWS does its work.
            version: Major version of PostgreSQL.
            database: Name of the database in it that services use.
            username: Who owns it.
            port: Where it listens; a change restarts it.
            proxy: Share connections through an RDS proxy, for many functions at once.
            restores: What was taken back to which moment, the oldest first.
            monitoring_seconds: How often the operating system is measured; 0 for not at all.
            log_retention_days: How long logs are kept.
            guarded: Refuse to delete it, and keep it in AWS when it leaves the stack.
            import_id: Identifier of an existing database to take over.
            key_arn: KMS key of data, backups and password; unset, AWS uses its own.
            opts: Options of the component.

        """
        super().__init__("Postgres", name, opts)
        size, backups = size or PostgresSize(), backups or Backups()
        check(name, size=size, backups=backups, restores=restores, azs=network.azs)
        self._database = database
        self._key_arn = key_arn
        server = Server(
            self,
            network,
            size=size,
            backups=backups,
            version=version,
            port=port,
            monitoring_seconds=monitoring_seconds,
            log_retention_days=log_retention_days,
            guarded=guarded,
            key_arn=key_arn,
        )
        self.instances: list[aws.rds.Instance] = server.instances(
            database=database, username=username, import_id=import_id, restores=restores
        )
        self.instance: aws.rds.Instance = self.instances[-1]
        self.secret_arn: pulumi.Output[str] = secret_arn(self.instance)
        self._listens = Link(name="database", security_group_id=server.security_group_id, port=port)
        self._address: pulumi.Output[str] = self.instance.address
        if proxy:
            between = PostgresProxy(
                self.child_name("proxy"),
                network=network,
                database=self.instance,
                listens=self._listens,
                secret_arn=self.secret_arn,
                key_arn=key_arn,
                opts=self.opts(),
            )
            self._listens = Link(name="database", security_group_id=between.security_group_id, port=PROXY_PORT)
            self._address = between.address
        self.alarms = database_alarms(
            self,
            identifier=self.instance.identifier,
            instance_class=size.instance_class,
            storage_gb=size.storage_gb,
        )
        self.register_outputs({"address": self._address, "secretArn": self.secret_arn})

    def link(self, name: str) -> Link:
        """Return what a service gets that uses the database.

        `{NAME}_URL` says where it is without saying who comes; `{NAME}_SECRET` is the ARN of user name and password,
        which are read when connecting, and again when they are refused: they change every 30 days.
        """
        url = pulumi.Output.concat(
            "postgresql://", self._address, f":{self._listens.port}/{self._database}?sslmode=require"
        )
        return Link(
            name=name,
            environment={variable(name, "URL"): url, variable(name, "SECRET"): self.secret_arn},
            statements=[
                Statement(actions=["secretsmanager:GetSecretValue"], resources=[self.secret_arn]),
                *use_key(self._key_arn, "Decrypt", service="secretsmanager"),
            ],
            security_group_id=self._listens.security_group_id,
            port=self._listens.port,
        )
