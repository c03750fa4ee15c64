"""A function and what it runs with, whatever calls it: its log group, role and way into the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import assume_role_policy, grant
from components.lambda_network import Membership, function_membership
from components.lambda_permissions import function_statements
from components.links import referenced_environment
from components.logs import log_group
from components.service import ImageArtifact, WorkloadArgs, ZipArtifact

if TYPE_CHECKING:
    from components.network import Network

ALIAS = "live"
"""What every caller invokes: the version that is live, never the code that was uploaded last."""

SMALLEST_STORAGE = 512
"""MiB of /tmp that every function has."""


@dataclass(frozen=True, kw_only=True)
class FunctionOptions:
    """How a function runs, beside what its code needs.

    `reserved_concurrency` keeps instances for this function and caps it. `storage` is the size of /tmp in MiB.
    """

    snap_start: bool = False
    tracing: bool = True
    reserved_concurrency: int | None = None
    storage: int = SMALLEST_STORAGE


@dataclass(frozen=True, kw_only=True)
class LambdaFunction:
    """A function, its role and log group, and what it is in the network, if it is."""

    function: aws.lambda_.Function
    role: aws.iam.Role
    log_group: aws.cloudwatch.LogGroup
    membership: Membership | None

    @property
    def security_group_id(self) -> pulumi.Output[str] | None:
        """Return the id of the function's own security group."""
        return None if self.membership is None else self.membership.group.id


def lambda_function(
    parent: Component,
    args: WorkloadArgs,
    options: FunctionOptions,
    *,
    network: Network | None,
    environment: Mapping[str, str] | None = None,
    dead_letter_arns: Sequence[pulumi.Input[str]] = (),
    publish: bool = True,
) -> LambdaFunction:
    """Create a function that may do what it was given and nothing more.

    The log group stands before the function can make one that forgets nothing.

    Args:
        parent: Component that the function belongs to and is called after.
        args: What its code needs.
        options: How it runs.
        network: Where links listen; used when there is one that does.
        environment: What it is told beside what its args say.
        dead_letter_arns: Queues it may put what it could not handle into; asynchronous events go to the first.
        publish: Make a version of every change, for an alias to move to.

    """
    log = log_group(parent, "/aws/lambda", args)
    membership = function_membership(parent, args, network=network)
    allowed = grant(
        parent,
        "",
        trust=assume_role_policy("lambda.amazonaws.com"),
        description=f"What the function {parent.name} may do.",
        statements=function_statements(
            args,
            log_group_arn=log.arn,
            queue_arns=dead_letter_arns,
            tracing=options.tracing,
            in_network=membership is not None,
        ),
    )
    package, image = (args.artifact, None) if isinstance(args.artifact, ZipArtifact) else (None, args.artifact)
    variables = referenced_environment(args, **(environment or {}))
    function = aws.lambda_.Function(
        parent.child_name(),
        role=allowed.role.arn,
        package_type="Zip" if image is None else "Image",
        code=None if package is None else pulumi.FileArchive(package.path),
        source_code_hash=None if package is None else package.sha256,
        handler=None if package is None else package.handler,
        runtime=None if package is None else package.runtime,
        image_uri=None if image is None else image.reference,
        image_config=_image_config(image),
        architectures=[args.architecture],
        memory_size=args.size.memory,
        timeout=args.timeout,
        publish=publish,
        ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=options.storage),
        environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables),
        kms_key_arn=args.key_arn,
        reserved_concurrent_executions=options.reserved_concurrency,
        snap_start=aws.lambda_.FunctionSnapStartArgs(apply_on="PublishedVersions") if options.snap_start else None,
        tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active" if options.tracing else "PassThrough"),
        dead_letter_config=aws.lambda_.FunctionDeadLetterConfigArgs(target_arn=dead_letter_arns[0])
        if dead_letter_arns
        else None,
        # The app writes its own JSON lines; wrapping them again would hide their fields.
        logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="Text", log_group=log.name),
        vpc_config=None if membership is None else membership.configuration,
        file_system_config=_mounted(parent, args),
        # AWS holds a function's network interfaces for up to 45 minutes; moved to the default group they keep
        # nothing else from being deleted.
        replace_security_groups_on_destroy=None if membership is None else True,
        tags=parent.tags(),
        opts=parent.opts(depends_on=[*allowed.resources, log]),
    )
    return LambdaFunction(function=function, role=allowed.role, log_group=log, membership=membership)


def live_alias(
    parent: Component,
    function: aws.lambda_.Function,
    routing: pulumi.Input[aws.lambda_.AliasRoutingConfigArgs | None] = None,
) -> aws.lambda_.Alias:
    """Create the alias that moves to each new version when all of it is there, code and settings."""
    return aws.lambda_.Alias(
        parent.child_name(),
        name=ALIAS,
        description="What callers invoke.",
        function_name=function.name,
        function_version=function.version,
        routing_config=routing,
        # A function that is replaced takes its alias along: the new pair stands before the old one goes.
        opts=parent.opts(delete_before_replace=False),
    )


def with_handler(artifact: ZipArtifact | ImageArtifact, handler: str) -> ZipArtifact | ImageArtifact:
    """Return the same code with another way in, which the entry point of the image takes as its command."""
    if isinstance(artifact, ZipArtifact):
        return replace(artifact, handler=handler)
    return replace(artifact, command=(handler,))


def _mounted(parent: Component, args: WorkloadArgs) -> aws.lambda_.FunctionFileSystemConfigArgs | None:
    """Return the file system of a function.

    Raises:
        ValueError: There are several.

    """
    if not args.volumes:
        return None
    if len(args.volumes) > 1:
        names = ", ".join(sorted(volume.name for volume in args.volumes))
        msg = f"{parent.name}: a function mounts one file system, and links bring {names}. Leave one."
        raise ValueError(msg)
    volume = args.volumes[0]
    return aws.lambda_.FunctionFileSystemConfigArgs(arn=volume.access_point_arn, local_mount_path=volume.path)


def _image_config(image: ImageArtifact | None) -> aws.lambda_.FunctionImageConfigArgs | None:
    if image is None or not (image.entry_point or image.command):
        return None
    return aws.lambda_.FunctionImageConfigArgs(
        entry_points=list(image.entry_point) or None, commands=list(image.command) or None
    )
