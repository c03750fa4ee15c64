"""A proxy that shares a database's connections among those who come and go, as functions do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import assume_role_policy, grant, use_key
from components.links import let_in
from components.service import Link, Statement

if TYPE_CHECKING:
    from components.network import Network

PORT = 5432
"""Where a proxy for PostgreSQL listens; it takes no other."""

_TARGETS = "default"


class PostgresProxy(Component):
    """An RDS proxy in front of one PostgreSQL database, for TLS only, with the password that the database has.

    It reads exactly one secret, and reaches exactly one database. When the database is replaced by a restored one, the
    proxy keeps its address.

    Cost in us-east-1: 0.015 USD an hour for each vCPU of the database, two at least: 21.90 a month (AWS price list:
    AmazonRDS).
    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        database: aws.rds.Instance,
        listens: Link,
        secret_arn: pulumi.Input[str],
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the proxy.

        Args:
            name: Logical name; children are called after it.
            network: Where it has its addresses.
            database: What it connects to.
            listens: Where the database is reached in the network.
            secret_arn: Secret with the user name and password.
            key_arn: KMS key of the secret; unset, it is AWS's own.
            opts: Options of the component.

        """
        super().__init__("PostgresProxy", name, opts)
        group = aws.ec2.SecurityGroup(
            self.child_name(),
            vpc_id=network.vpc_id,
            description=f"Proxy {name}: those that services let in.",
            tags=self.tags(),
            opts=self.opts(),
        )
        aws.vpc.SecurityGroupEgressRule(
            self.child_name("out"),
            security_group_id=group.id,
            description="Its database",
            ip_protocol="tcp",
            from_port=listens.port,
            to_port=listens.port,
            referenced_security_group_id=listens.security_group_id,
            tags=self.tags("out"),
            opts=self.opts(),
        )
        let_in(self, listens, group.id, who=f"Proxy {name}")
        allowed = grant(
            self,
            "",
            trust=assume_role_policy("rds.amazonaws.com"),
            description=f"Lets the proxy {name} read the password of its database.",
            statements=[
                Statement(actions=["secretsmanager:GetSecretValue"], resources=[secret_arn]),
                *use_key(key_arn, "Decrypt", service="secretsmanager"),
            ],
        )
        proxy = aws.rds.Proxy(
            self.child_name(),
            engine_family="POSTGRESQL",
            require_tls=True,
            role_arn=allowed.role.arn,
            auths=[
                aws.rds.ProxyAuthArgs(
                    auth_scheme="SECRETS",
                    secret_arn=secret_arn,
                    iam_auth="DISABLED",
                    client_password_auth_type="POSTGRES_SCRAM_SHA_256",  # noqa: S106 - a way, not a password
                )
            ],
            vpc_subnet_ids=network.private_subnet_ids,
            vpc_security_group_ids=[group.id],
            tags=self.tags(),
            opts=self.opts(depends_on=allowed.resources),
        )
        targets = aws.rds.ProxyDefaultTargetGroup(
            self.child_name(),
            db_proxy_name=proxy.name,
            # Those who look after the database get in too when services hold all that the proxy may.
            connection_pool_config=aws.rds.ProxyDefaultTargetGroupConnectionPoolConfigArgs(max_connections_percent=90),
            opts=self.opts(),
        )
        target = aws.rds.ProxyTarget(
            self.child_name(),
            db_proxy_name=proxy.name,
            target_group_name=_TARGETS,
            db_instance_identifier=database.identifier,
            # A proxy has one database at a time.
            opts=self.opts(depends_on=[targets], delete_before_replace=True),
        )
        self.security_group_id: pulumi.Output[str] = group.id
        # Known once there is a database behind it, so that whoever uses the address waits for that.
        self.address: pulumi.Output[str] = pulumi.Output.all(proxy.endpoint, target.id).apply(lambda made: made[0])
        self.register_outputs({"address": self.address})
