"""Files that several instances of a service share and keep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.linking import variable
from components.service import Link, Volume

if TYPE_CHECKING:
    from components.network import Network

PORT = 2049
"""Where NFS listens."""

_USER = 10001
"""User that images are built for; whoever writes through the access point is this one."""

_PATH = re.compile(r"/mnt/[A-Za-z0-9_.-]+")
"""Where a function can mount something; containers could elsewhere too."""


class FileSystem(Component):
    """An encrypted file system of EFS with an address in each zone, mounted by way of one access point, by TLS and IAM.

    Services see the folder `/data` of it as their root, as user 10001, whoever they are. What nobody read for 30 days
    moves to where keeping is cheaper, for 90 days to where it is cheapest, and comes back when it is read. AWS Backup
    makes a backup each day and keeps it for 35.

    Functions and tasks on Fargate can mount it; pods cannot, as the add-on that they need is not in EKS Auto Mode.
    Nothing but its tags changes an access point, so nothing here changes one. Protected from deletion, and kept in AWS
    when it leaves the stack, without addresses, unless `guarded` is off.

    Cost in us-east-1 for each GB and month: 0.30 USD, after 30 days 0.016, after 90 days 0.008, and 0.05 in backups;
    each GB read 0.03, written 0.06; addresses are free (AWS price list: AmazonEFS, AWSBackup).

    Example:
        >>> FileSystem("dev-docs-files", network=network).link("files", path="/mnt/files")

    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        guarded: bool = True,
        import_id: str | None = None,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the file system, or take over an existing one.

        Args:
            name: Logical name; children are called after it.
            network: Where it has an address in each zone.
            guarded: Refuse to delete it, and keep it in AWS when it leaves the stack.
            import_id: Id of an existing file system to take over, as in `fs-0123456789abcdef0`.
            key_arn: KMS key of the files; unset, EFS uses its own.
            opts: Options of the component.

        """
        super().__init__("FileSystem", name, opts)
        files = aws.efs.FileSystem(
            self.child_name(),
            encrypted=True,
            kms_key_id=key_arn,
            throughput_mode="elastic",
            # One for each, as EFS takes them.
            lifecycle_policies=[
                aws.efs.FileSystemLifecyclePolicyArgs(transition_to_ia="AFTER_30_DAYS"),
                aws.efs.FileSystemLifecyclePolicyArgs(transition_to_archive="AFTER_90_DAYS"),
                aws.efs.FileSystemLifecyclePolicyArgs(transition_to_primary_storage_class="AFTER_1_ACCESS"),
            ],
            tags=self.tags(),
            # What it is made with stays; EFS would make another one.
            opts=self.opts(
                protect=guarded,
                retain=guarded,
                ignore_changes=["creationToken", "encrypted", "kmsKeyId", "performanceMode"],
                import_id=import_id,
            ),
        )
        self.id: pulumi.Output[str] = files.id
        aws.efs.BackupPolicy(
            self.child_name(),
            file_system_id=files.id,
            backup_policy=aws.efs.BackupPolicyBackupPolicyArgs(status="ENABLED"),
            opts=self.opts(retain=guarded),
        )
        aws.efs.FileSystemPolicy(
            self.child_name(),
            file_system_id=files.id,
            policy=pulumi.Output.json_dumps(_policy(files.arn), sort_keys=True),
            opts=self.opts(retain=guarded),
        )
        group = aws.ec2.SecurityGroup(
            self.child_name(),
            vpc_id=network.vpc_id,
            description=f"Files of {name}: those that services let in.",
            tags=self.tags(),
            opts=self.opts(),
        )
        mounted = self._addresses(network, group)
        point = aws.efs.AccessPoint(
            self.child_name(),
            file_system_id=files.id,
            posix_user=aws.efs.AccessPointPosixUserArgs(uid=_USER, gid=_USER),
            root_directory=aws.efs.AccessPointRootDirectoryArgs(
                path="/data",
                creation_info=aws.efs.AccessPointRootDirectoryCreationInfoArgs(
                    owner_uid=_USER, owner_gid=_USER, permissions="0750"
                ),
            ),
            tags=self.tags(),
            opts=self.opts(),
        )
        # Known once there are addresses, so that whoever mounts it waits for them.
        ids = [target.id for target in mounted]
        self.access_point_arn: pulumi.Output[str] = pulumi.Output.all(point.arn, *ids).apply(lambda made: made[0])
        self._group_id = group.id
        self.register_outputs({"id": files.id, "accessPointArn": self.access_point_arn})

    def link(self, name: str, *, path: str | None = None) -> Link:
        """Return what a service gets that uses the files: a volume at a path, which `{NAME}_PATH` tells it.

        Args:
            name: What the service calls it.
            path: Where it is mounted; `/mnt/{name}` when unset.

        Raises:
            ValueError: Not everything that runs services could mount it there.

        """
        path = path or f"/mnt/{name}"
        if not _PATH.fullmatch(path):
            msg = f"{self.name}: {path} is no place for files; functions mount them below /mnt, as in /mnt/{name}."
            raise ValueError(msg)
        volume = Volume(name=name, path=path, access_point_arn=self.access_point_arn, file_system_id=self.id)
        return Link(
            name=name,
            environment={variable(name, "PATH"): path},
            volumes=[volume],
            security_group_id=self._group_id,
            port=PORT,
        )

    def _addresses(self, network: Network, group: aws.ec2.SecurityGroup) -> list[aws.efs.MountTarget]:
        return [
            aws.efs.MountTarget(
                self.child_name(str(zone)),
                file_system_id=self.id,
                subnet_id=subnet,
                security_groups=[group.id],
                opts=self.opts(),
            )
            for zone, subnet in enumerate(network.private_subnet_ids, start=1)
        ]


def _policy(arn: pulumi.Output[str]) -> dict[str, object]:
    """Return the policy of a file system: by TLS, and by an access point. A policy also ends access without IAM."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "*",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "ByAccessPointOnly",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "elasticfilesystem:Client*",
                "Resource": arn,
                "Condition": {"Null": {"elasticfilesystem:AccessPointArn": "true"}},
            },
        ],
    }
