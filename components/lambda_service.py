"""A service as a Lambda function behind an alias."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.lambda_alarms import answers_alarm, function_alarms
from components.lambda_function import SMALLEST_STORAGE, FunctionOptions, lambda_function, live_alias
from components.private_queue import dead_letter_queue
from components.service import ImageArtifact, LambdaTarget, ServiceArgs

if TYPE_CHECKING:
    from components.network import Network

_ALL = 100


@dataclass(frozen=True, kw_only=True)
class LambdaOptions(FunctionOptions):
    """What only a function has.

    `provisioned_concurrency` keeps instances initialised behind the alias. `dead_letter` holds asynchronous events that
    failed `retries` times or waited longer than `event_age` seconds.
    """

    provisioned_concurrency: int = 0
    dead_letter: bool = True
    retries: int = 2
    event_age: int = 6 * 3600


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

        queue = dead_letter_queue(self, key_arn=args.key_arn) if self._options.dead_letter else None
        made = lambda_function(
            self,
            args,
            self._options,
            network=network,
            environment={"HEALTH_PATH": args.health_path},
            dead_letter_arns=[] if queue is None else [queue.arn],
        )
        self.function = made.function
        alias = self._alias(canary)

        self.target = LambdaTarget(
            function_name=self.function.name,
            alias_name=alias.name,
            alias_arn=alias.arn,
            invoke_arn=alias.invoke_arn,
        )
        self.version: pulumi.Output[str] = alias.function_version
        self.role: aws.iam.Role = made.role
        self.security_group_id: pulumi.Output[str] | None = made.security_group_id
        self.log_group_name: pulumi.Output[str] = made.log_group.name
        self.alarms = (
            *function_alarms(self, function_name=self.function.name, queue=queue),
            answers_alarm(self, log_group_name=made.log_group.name),
        )
        self.register_outputs({"functionName": self.function.name, "aliasArn": alias.arn})

    def _alias(self, canary: Canary | None) -> aws.lambda_.Alias:
        routing = None if canary is None else self.function.version.apply(partial(_shares, canary))
        alias = live_alias(self, self.function, routing)
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


def _check(name: str, args: ServiceArgs, options: LambdaOptions) -> None:
    """Refuse what AWS would refuse half-way through.

    Raises:
        ValueError: The arguments do not go together.

    """
    problems: list[str] = []
    if options.snap_start and options.provisioned_concurrency:
        problems.append("SnapStart and provisioned concurrency exclude each other; choose one")
    if options.snap_start and isinstance(args.artifact, ImageArtifact):
        problems.append("SnapStart needs a zip, not an image")
    if options.snap_start and args.volumes:
        problems.append("SnapStart and a file system exclude each other; choose one")
    if options.snap_start and options.storage > SMALLEST_STORAGE:
        problems.append(f"SnapStart allows {SMALLEST_STORAGE} MiB of storage at most")
    reserved = options.reserved_concurrency
    if reserved is not None and options.provisioned_concurrency > reserved:
        problems.append(f"{options.provisioned_concurrency} provisioned instances do not fit into {reserved} reserved")
    if problems:
        msg = f"{name}: {'; '.join(problems)}."
        raise ValueError(msg)
