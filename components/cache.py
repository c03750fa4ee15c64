"""A cache that services share, which costs by what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.linking import variable
from components.service import Link, Statement

if TYPE_CHECKING:
    from components.network import Network

PORT = 6379
"""Where a serverless cache listens; reads that may be a little old could go to 6380."""

_ENGINE = "valkey"
_VERSION = "8"
# What a service has no use for and can do harm with: configuration, other clients, keys without a limit.
_ACCESS = "on ~* &* +@all -@dangerous -@admin"
_FEWEST_ZONES = 2


class Cache(Component):
    """A serverless cache of ElastiCache for Valkey, for TLS only, in the private subnets.

    There is no password: services sign in as its one user with a token that IAM makes of their role, for 15 minutes.
    It takes what it is given up to `max_gb`, and then forgets what was not used for longest.

    A cache may lose what it holds, so nothing may stand there alone. It is protected from deletion all the same, and
    kept in AWS when it leaves the stack, unless `guarded` is off: without it, all that it answers reaches what it
    stands before.

    Cost in us-east-1: 0.084 USD an hour for each GB held, 100 MB at least: 6.13 a month for an empty one, at most 61.32
    for 1 GB; 0.0023 per million processing units, one for each KB read or written (AWS price list: AmazonElastiCache).

    Example:
        >>> Cache("dev-search-cache", network=network).link("cache")

    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        max_gb: int = 1,
        max_ecpu_per_second: int = 5000,
        backup_days: int = 0,
        guarded: bool = True,
        import_id: str | None = None,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the cache, or take over an existing one.

        Args:
            name: Logical name, at most 32 characters; children are called after it.
            network: Where it has its addresses.
            max_gb: The most that it holds, 1 to 5000 GB.
            max_ecpu_per_second: The most that it does in a second, from 1000; more is refused.
            backup_days: Days that its daily snapshots are kept; 0 for none.
            guarded: Refuse to delete it, and keep it in AWS when it leaves the stack.
            import_id: Name of an existing serverless cache to take over.
            key_arn: KMS key of what it holds; unset, ElastiCache uses its own.
            opts: Options of the component.

        """
        super().__init__("Cache", name, opts)
        if network.azs < _FEWEST_ZONES:
            msg = f"{name}: a cache needs a network of {_FEWEST_ZONES} zones, not {network.azs}."
            raise ValueError(msg)
        group = aws.ec2.SecurityGroup(
            self.child_name(),
            vpc_id=network.vpc_id,
            description=f"Cache {name}: those that services let in.",
            tags=self.tags(),
            opts=self.opts(retain=guarded),
        )
        user = aws.elasticache.User(
            self.child_name(),
            # Nobody generates these names, so they are the one that the group got. For a user of IAM, both are one.
            user_id=group.name,
            user_name=group.name,
            engine=_ENGINE,
            access_string=_ACCESS,
            authentication_mode=aws.elasticache.UserAuthenticationModeArgs(type="iam"),
            tags=self.tags(),
            opts=self.opts(retain=guarded),
        )
        users = aws.elasticache.UserGroup(
            self.child_name(),
            user_group_id=group.name,
            engine=_ENGINE,
            user_ids=[user.user_id],
            tags=self.tags(),
            opts=self.opts(retain=guarded),
        )
        cache = aws.elasticache.ServerlessCache(
            self.child_name(),
            name=import_id,
            engine=_ENGINE,
            major_engine_version=_VERSION,
            description=f"Cache {name}.",
            cache_usage_limits=aws.elasticache.ServerlessCacheCacheUsageLimitsArgs(
                data_storage=aws.elasticache.ServerlessCacheCacheUsageLimitsDataStorageArgs(maximum=max_gb, unit="GB"),
                ecpu_per_seconds=[
                    aws.elasticache.ServerlessCacheCacheUsageLimitsEcpuPerSecondArgs(maximum=max_ecpu_per_second)
                ],
            ),
            snapshot_retention_limit=backup_days,
            subnet_ids=network.private_subnet_ids,
            security_group_ids=[group.id],
            user_group_id=users.user_group_id,
            kms_key_id=key_arn,
            tags=self.tags(),
            # What it is made with stays; ElastiCache would make another one.
            opts=self.opts(
                protect=guarded, retain=guarded, ignore_changes=["kmsKeyId", "subnetIds"], import_id=import_id
            ),
        )
        self.cache_name: pulumi.Output[str] = cache.name
        self._arns = [cache.arn, user.arn]
        self._user = user.user_name
        self._address = cache.endpoints.apply(lambda ends: f"{ends[0].address}:{ends[0].port}")
        self._group_id = group.id
        self.register_outputs({"name": cache.name, "address": self._address})

    def link(self, name: str) -> Link:
        """Return what a service gets that uses the cache.

        `{NAME}_URL` says where it is and as whom to sign in; the token is made for `{NAME}_NAME` (ElastiCache user
        guide: auth-iam).
        """
        return Link(
            name=name,
            environment={
                variable(name, "URL"): pulumi.Output.concat("rediss://", self._user, "@", self._address),
                variable(name, "NAME"): self.cache_name,
            },
            statements=[Statement(actions=["elasticache:Connect"], resources=self._arns)],
            security_group_id=self._group_id,
            port=PORT,
        )
