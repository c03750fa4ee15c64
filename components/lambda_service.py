"""A service as a Lambda function behind an alias."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.dead_letter import dead_letter_queue
from components.iam import Grant, assume_role_policy, grant
from components.lambda_alarms import answers_alarm, function_alarms
from components.lambda_network import function_security_group
from components.lambda_permissions import function_statements
from components.links import referenced_environment
from components.service import ImageArtifact, LambdaTarget, ServiceArgs, ZipArtifact

if TYPE_CHECKING:
    from components.network import Network

ALIAS = "live"
"""What every caller invokes: the version that is live, never the code that was uploaded last."""

_SMALLEST_STORAGE = 512
_ALL = 100


@dataclass(frozen=True, kw_only=True)
class LambdaOptions:
    """What only a function has.

    `reserved_concurrency` keeps instances for this function and caps it; `provisioned_concurrency` keeps them
    initialised behind the alias. `dead_letter` holds asynchronous events that failed `retries` times or waited longer
    than `event_age` seconds. `storage` is the size of /tmp in MiB.
    """

    snap_start: bool = False
    tracing: bool = True
    reserved_concurrency: int | None = None
    provisioned_concurrency: int = 0
    dead_letter: bool = True
    retries: int = 2
    event_age: int = 6 * 3600
    storage: int = _SMALLEST_STORAGE


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A new version that gets `percent` of the requests; the published version `keep` gets the others."""

    keep: int
    percent: int


class LambdaService(Component):
    """A service of `ServiceArgs` as a function: a zip or an image, published as a version behind the alias `live`.

    Creates the log group `/aws/lambda/{name}` with its retention before the function can make one without, a role that
    may do what the service was given and nothing more, the function, its alias, a queue for events that failed, and
    alarms on errors, throttles, answers with status 5xx and that queue. It joins the network only when a link listens
    there; then it reaches other AWS services through NAT or endpoints alone.

    Secrets stay references: `MODESHIFT_SECRETS` maps each variable to `arn:KEY::`, which the app reads when it starts.

    Every change publishes a version and moves the alias to it, with a `canary` for a share of the requests; between zip
    and image the function is replaced, the new one first. Nothing here holds data.

    Cost in us-east-1: nothing when idle. 0.20 USD per million requests, and 0.0000133334 per GB second on arm64 or
    0.0000166667 on x86_64; provisioned concurrency 10.95 a month for 1 GB held on x86_64; alarms 0.10 each, ten free;
    logs 0.50 per GB (AWS price list: AWSLambda, AmazonCloudWatch).

    Example:
        >>> LambdaService("dev-netprobe", ServiceArgs(artifact=ZipArtifact(path="netprobe.zip", sha256=digest)))

    """

    def __init__(
        self,
        name: str,
        args: ServiceArgs,
        *,
        options: LambdaOptions | None = None,
        network: Network | None = None,
        canary: Canary | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the function.

        Args:
            name: Logical name (`naming.py` has its limit); children are called after it.
            args: The service, the same in every mode.
            options: What only a function has.
            network: Where links listen; used when there is one that does.
            canary: Which version keeps how much, while a new one is tried.
            opts: Options of the component.

        """
        super().__init__("LambdaService", name, opts)
        self._args = args
        self._options = options or LambdaOptions()
        _check(name, args, self._options)

        log_group = self._log_group()
        queue = dead_letter_queue(self, key_arn=args.key_arn) if self._options.dead_letter else None
        group = function_security_group(self, args, network=network)
        allowed = grant(
            self,
            "",
            trust=assume_role_policy("lambda.amazonaws.com"),
            description=f"What the function {name} may do.",
            statements=function_statements(
                args,
                log_group_arn=log_group.arn,
                queue_arn=None if queue is None else queue.arn,
                tracing=self._options.tracing,
                in_network=group is not None,
            ),
        )
        self.function = self._function(allowed, log_group, queue, network, group)
        alias = self._alias(canary)

        self.target = LambdaTarget(
            function_name=self.function.name,
            alias_name=alias.name,
            alias_arn=alias.arn,
            invoke_arn=alias.invoke_arn,
        )
        self.version: pulumi.Output[str] = alias.function_version
        self.role: aws.iam.Role = allowed.role
        self.security_group_id: pulumi.Output[str] | None = None if group is None else group.id
        self.log_group_name: pulumi.Output[str] = log_group.name
        self.alarms = (
            *function_alarms(self, function_name=self.function.name, queue=queue),
            answers_alarm(self, log_group_name=log_group.name),
        )
        self.register_outputs({"functionName": self.function.name, "aliasArn": alias.arn})

    def _log_group(self) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            self.child_name(),
            # The place people look in. The name holds the stack's, so that no two stacks share it.
            name=f"/aws/lambda/{self.name}",
            retention_in_days=self._args.log_retention_days,
            kms_key_id=self._args.key_arn,
            tags=self.tags(),
            opts=self.opts(),
        )

    def _function(
        self,
        allowed: Grant,
        log_group: aws.cloudwatch.LogGroup,
        queue: aws.sqs.Queue | None,
        network: Network | None,
        group: aws.ec2.SecurityGroup | None,
    ) -> aws.lambda_.Function:
        args, options = self._args, self._options
        package, image = (args.artifact, None) if isinstance(args.artifact, ZipArtifact) else (None, args.artifact)
        return aws.lambda_.Function(
            self.child_name(),
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
            publish=True,
            ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=options.storage),
            environment=aws.lambda_.FunctionEnvironmentArgs(
                variables=referenced_environment(args, HEALTH_PATH=args.health_path)
            ),
            kms_key_arn=args.key_arn,
            reserved_concurrent_executions=options.reserved_concurrency,
            snap_start=aws.lambda_.FunctionSnapStartArgs(apply_on="PublishedVersions") if options.snap_start else None,
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active" if options.tracing else "PassThrough"),
            dead_letter_config=None
            if queue is None
            else aws.lambda_.FunctionDeadLetterConfigArgs(target_arn=queue.arn),
            # The app writes its own JSON lines; wrapping them again would hide their fields.
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="Text", log_group=log_group.name),
            vpc_config=None
            if group is None or network is None
            else aws.lambda_.FunctionVpcConfigArgs(
                subnet_ids=network.private_subnet_ids, security_group_ids=[group.id]
            ),
            # AWS holds a function's network interfaces for up to 45 minutes; moved to the default group they keep
            # nothing else from being deleted.
            replace_security_groups_on_destroy=None if group is None else True,
            tags=self.tags(),
            opts=self.opts(depends_on=[*allowed.resources, log_group]),
        )

    def _alias(self, canary: Canary | None) -> aws.lambda_.Alias:
        alias = aws.lambda_.Alias(
            self.child_name(),
            name=ALIAS,
            description="What callers invoke.",
            function_name=self.function.name,
            function_version=self.function.version,
            routing_config=None if canary is None else self.function.version.apply(partial(_shares, canary)),
            # A function that is replaced takes its alias along: the new pair stands before the old one goes.
            opts=self.opts(delete_before_replace=False),
        )
        aws.lambda_.FunctionEventInvokeConfig(
            self.child_name(),
            function_name=self.function.name,
            qualifier=alias.name,
            maximum_retry_attempts=self._options.retries,
            maximum_event_age_in_seconds=self._options.event_age,
            opts=self.opts(),
        )
        if self._options.provisioned_concurrency:
            aws.lambda_.ProvisionedConcurrencyConfig(
                self.child_name(),
                function_name=self.function.name,
                qualifier=alias.name,
                provisioned_concurrent_executions=self._options.provisioned_concurrency,
                opts=self.opts(),
            )
        return alias


def _shares(canary: Canary, newest: str) -> aws.lambda_.AliasRoutingConfigArgs | None:
    """Return what of the requests stays with the version that is kept; nothing until there is a newer one."""
    if newest == str(canary.keep):
        return None
    return aws.lambda_.AliasRoutingConfigArgs(
        additional_version_weights={str(canary.keep): (_ALL - canary.percent) / _ALL}
    )


def _image_config(image: ImageArtifact | None) -> aws.lambda_.FunctionImageConfigArgs | None:
    if image is None or not image.command:
        return None
    return aws.lambda_.FunctionImageConfigArgs(commands=list(image.command))


def _check(name: str, args: ServiceArgs, options: LambdaOptions) -> None:
    """Refuse what AWS would refuse half-way through.

    Raises:
        ValueError: The arguments do not go together.

    """
    problems: list[str] = []
    if args.volumes:
        problems.append("a Lambda service mounts no volumes")
    if options.snap_start and options.provisioned_concurrency:
        problems.append("SnapStart and provisioned concurrency exclude each other; choose one")
    if options.snap_start and isinstance(args.artifact, ImageArtifact):
        problems.append("SnapStart needs a zip, not an image")
    if options.snap_start and options.storage > _SMALLEST_STORAGE:
        problems.append(f"SnapStart allows {_SMALLEST_STORAGE} MiB of storage at most")
    reserved = options.reserved_concurrency
    if reserved is not None and options.provisioned_concurrency > reserved:
        problems.append(f"{options.provisioned_concurrency} provisioned instances do not fit into {reserved} reserved")
    if problems:
        msg = f"{name}: {'; '.join(problems)}."
        raise ValueError(msg)
