"""The database servers of one component: an original and what was restored from it, alike in all but their data."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import Grant, assume_role_policy, grant
from components.postgres_options import Backups, PostgresSize, Restore
from components.service import Statement

if TYPE_CHECKING:
    from pulumi_aws.rds.outputs import InstanceMasterUserSecret

    from components.network import Network

_LOGS = ("postgresql", "upgrade")
_SLOW_MILLISECONDS = "1000"
_INSIGHTS_DAYS = 7
"""As long as Performance Insights are free."""

_ROTATION_DAYS = 30

# What a database is made with. RDS changes none of it in place, so a later setting would mean another database.
_FOR_GOOD = (
    "dbName",
    "dbSubnetGroupName",
    "identifier",
    "kmsKeyId",
    "performanceInsightsKmsKeyId",
    "restoreToPointInTime",
    "storageEncrypted",
    "username",
)


class Server:
    """What the databases of a component have in common, and what makes each of them."""

    def __init__(
        self,
        parent: Component,
        network: Network,
        *,
        size: PostgresSize,
        backups: Backups,
        version: str,
        port: int,
        monitoring_seconds: int,
        log_retention_days: int,
        guarded: bool,
        key_arn: pulumi.Input[str] | None,
    ) -> None:
        self._parent = parent
        self._size = size
        self._backups = backups
        self._version = version
        self._port = port
        self._monitoring_seconds = monitoring_seconds
        self._log_retention_days = log_retention_days
        self._guarded = guarded
        self._key_arn = key_arn
        # A database that stays in AWS cannot do without these, so they stay too.
        kept = functools.partial(parent.opts, retain=guarded)
        group = aws.ec2.SecurityGroup(
            parent.child_name(),
            vpc_id=network.vpc_id,
            description=f"Database {parent.name}: those that services let in.",
            tags=parent.tags(),
            opts=kept(),
        )
        self.security_group_id: pulumi.Output[str] = group.id
        self._subnets = aws.rds.SubnetGroup(
            parent.child_name(),
            description="Private subnets.",
            subnet_ids=network.private_subnet_ids,
            tags=parent.tags(),
            opts=kept(),
        )
        self._parameters = aws.rds.ParameterGroup(
            parent.child_name(),
            family=f"postgres{version.partition('.')[0]}",
            description="TLS only; statements that take a second are logged.",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name="rds.force_ssl", value="1"),
                aws.rds.ParameterGroupParameterArgs(name="log_min_duration_statement", value=_SLOW_MILLISECONDS),
            ],
            tags=parent.tags(),
            opts=kept(),
        )
        self._monitor = self._monitoring_role() if monitoring_seconds else None

    def instances(
        self, *, database: str, username: str, import_id: str | None, restores: Sequence[Restore]
    ) -> list[aws.rds.Instance]:
        """Create the original and what was restored from it, the one in use last; sources not kept are left out."""
        # The name of its subnets, which is made once and of nothing else. Known before the database is, it lets logs
        # have a retention before the first line is written.
        own = self._subnets.name
        identifiers = [
            own if import_id is None else pulumi.Output.from_input(import_id),
            *(pulumi.Output.concat(own, "-", restore.name) for restore in restores),
        ]
        first = max((at for at, restore in enumerate(restores, start=1) if not restore.keep_source), default=0)
        made: list[aws.rds.Instance] = []
        if first == 0:
            args = self._args("", own if import_id is None else import_id)
            args.db_name, args.username = database, username
            args.kms_key_id = self._key_arn
            # One that exists has its logs where it has them.
            logs = [] if import_id is not None else self._log_groups("", own)
            made.append(self._instance("", args, depends_on=logs, import_id=import_id))
        for at, restore in list(enumerate(restores, start=1))[max(first - 1, 0) :]:
            args = self._args(restore.name, identifiers[at])
            args.restore_to_point_in_time = aws.rds.InstanceRestoreToPointInTimeArgs(
                restore_time=restore.at, source_db_instance_identifier=identifiers[at - 1]
            )
            logs = self._log_groups(restore.name, identifiers[at])
            made.append(self._instance(restore.name, args, depends_on=[*logs, *made[-1:]]))
        return made

    def _args(self, suffix: str, identifier: pulumi.Input[str]) -> aws.rds.InstanceArgs:
        """Return what the databases have in common."""
        size, backups = self._size, self._backups
        return aws.rds.InstanceArgs(
            identifier=identifier,
            engine="postgres",
            engine_version=self._version,
            allow_major_version_upgrade=True,
            auto_minor_version_upgrade=True,
            instance_class=size.instance_class,
            allocated_storage=size.storage_gb,
            max_allocated_storage=size.max_storage_gb,
            storage_type="gp3",
            storage_encrypted=True,
            multi_az=size.multi_az,
            port=self._port,
            db_subnet_group_name=self._subnets.name,
            vpc_security_group_ids=[self.security_group_id],
            publicly_accessible=False,
            parameter_group_name=self._parameters.name,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self._key_arn,
            iam_database_authentication_enabled=True,
            backup_retention_period=backups.days,
            backup_window=backups.window,
            maintenance_window=backups.maintenance,
            # A change that is deployed is a change that is made, not one that waits for Sunday.
            apply_immediately=True,
            copy_tags_to_snapshot=True,
            deletion_protection=self._guarded,
            delete_automated_backups=not self._guarded,
            skip_final_snapshot=not self._guarded,
            final_snapshot_identifier=pulumi.Output.concat(identifier, "-final"),
            enabled_cloudwatch_logs_exports=_LOGS,
            performance_insights_enabled=True,
            performance_insights_retention_period=_INSIGHTS_DAYS,
            performance_insights_kms_key_id=self._key_arn,
            monitoring_interval=self._monitoring_seconds,
            monitoring_role_arn=None if self._monitor is None else self._monitor.role.arn,
            tags=self._parent.tags(suffix),
        )

    def _instance(
        self,
        suffix: str,
        args: aws.rds.InstanceArgs,
        *,
        depends_on: Sequence[pulumi.Resource],
        import_id: str | None = None,
    ) -> aws.rds.Instance:
        """Create one of the databases, with a password that is rotated."""
        parent, name = self._parent, self._parent.child_name(suffix)
        instance = aws.rds.Instance(
            name,
            args,
            parent.opts(
                depends_on=[*depends_on, *([] if self._monitor is None else self._monitor.resources)],
                ignore_changes=_FOR_GOOD,
                protect=self._guarded,
                retain=self._guarded,
                # Its name is given, which would have the old one deleted first.
                delete_before_replace=False,
                import_id=import_id,
            ),
        )
        aws.secretsmanager.SecretRotation(
            name,
            secret_id=secret_arn(instance),
            rotate_immediately=False,
            rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(automatically_after_days=_ROTATION_DAYS),
            # The secret is RDS's own, and so is the end of it.
            opts=parent.opts(retain=True),
        )
        return instance

    def _log_groups(self, suffix: str, identifier: pulumi.Output[str]) -> list[pulumi.Resource]:
        """Create the log groups that RDS would otherwise make itself, to be kept for ever."""
        names = {log: f"{suffix}-{log}" if suffix else log for log in _LOGS}
        return [
            aws.cloudwatch.LogGroup(
                self._parent.child_name(name),
                name=pulumi.Output.concat("/aws/rds/instance/", identifier, "/", log),
                retention_in_days=self._log_retention_days,
                kms_key_id=self._key_arn,
                tags=self._parent.tags(name),
                opts=self._parent.opts(),
            )
            for log, name in names.items()
        ]

    def _monitoring_role(self) -> Grant:
        invoke = pulumi.InvokeOptions(parent=self._parent)
        place = pulumi.Output.all(
            aws.get_partition_output(opts=invoke).partition,
            aws.get_region_output(opts=invoke).region,
            aws.get_caller_identity_output(opts=invoke).account_id,
        )
        # One group for all databases of an account and region, which RDS makes; what AWS's own policy allows on any.
        group = place.apply(lambda place: "arn:{}:logs:{}:{}:log-group:RDSOSMetrics".format(*place))
        return grant(
            self._parent,
            "monitoring",
            trust=assume_role_policy("monitoring.rds.amazonaws.com"),
            description=f"Writes what the operating system of {self._parent.name} measures.",
            statements=[
                Statement(actions=["logs:CreateLogGroup", "logs:PutRetentionPolicy"], resources=[group]),
                Statement(
                    actions=[
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:GetLogEvents",
                        "logs:PutLogEvents",
                    ],
                    resources=[pulumi.Output.concat(group, ":log-stream:*")],
                ),
            ],
        )


def secret_arn(instance: aws.rds.Instance) -> pulumi.Output[str]:
    """Return the ARN of the secret in which RDS keeps user name and password of a database."""

    def arn(secrets: Sequence[InstanceMasterUserSecret]) -> pulumi.Input[str]:
        # In the preview that takes a database over, there is none yet.
        if not secrets:
            return cast("pulumi.Output[str]", pulumi.Output.from_input(pulumi.UNKNOWN))
        return secrets[0].secret_arn or ""

    return instance.master_user_secrets.apply(arn)
