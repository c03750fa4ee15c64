"""A worker as a Lambda function that SQS feeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.lambda_alarms import function_alarms
from components.lambda_function import FunctionOptions, lambda_function, live_alias, with_handler
from components.worker import ENDING, HANDLER, WorkerArgs, taking

if TYPE_CHECKING:
    from components.network import Network


class LambdaWorker(Component):
    """A worker of `WorkerArgs` as a function of its own: Lambda polls each queue and calls it with batches of messages.

    Creates the log group `/aws/lambda/{name}`, a role that may take messages from these queues and put dead letters
    into theirs, the function from the service's own artifact, its alias, an event source mapping for each queue, and
    alarms on errors and throttles. It joins the network only when a link listens there.

    The function names the messages of a batch that failed; only these come again. No more than `concurrency` of it run
    for one queue, so a full queue takes neither the account's concurrency nor a database's connections. It holds no
    data, and what is under way when it goes comes again.

    Cost in us-east-1: nothing when idle but the polling of each queue, about 0.26 USD a month past the first million
    requests; 0.20 USD per million calls and 0.0000133334 per GB second on arm64 (AWS price list: AWSLambda,
    AWSQueueService).

    Sources: Lambda developer guide (services-sqs-configure, services-sqs-errorhandling, services-sqs-scaling).
    """

    def __init__(
        self,
        name: str,
        args: WorkerArgs,
        *,
        options: FunctionOptions | None = None,
        network: Network | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the function and what feeds it.

        Args:
            name: Logical name, `{service}-worker`; children are called after it, mappings after their triggers.
            args: The worker, the same in every mode.
            options: How the function runs.
            network: Where links listen; used when there is one that does.
            opts: Options of the component.

        """
        super().__init__("LambdaWorker", name, opts)
        queues = sorted(args.queues.items())
        made = lambda_function(
            self,
            replace(
                taking(name, args, parks=False),
                artifact=with_handler(args.artifact, HANDLER),
                timeout=args.timeout + ENDING,
            ),
            options or FunctionOptions(),
            network=network,
            dead_letter_arns=[queue.dead_letter_arn for _, queue in queues],
        )
        alias = live_alias(self, made.function)
        for trigger, queue in queues:
            aws.lambda_.EventSourceMapping(
                self.child_name(trigger),
                event_source_arn=queue.arn,
                function_name=alias.arn,
                batch_size=args.batch,
                function_response_types=["ReportBatchItemFailures"],
                scaling_config=aws.lambda_.EventSourceMappingScalingConfigArgs(maximum_concurrency=args.concurrency),
                tags=self.tags(trigger),
                opts=self.opts(),
            )

        self.role: aws.iam.Role = made.role
        self.security_group_id: pulumi.Output[str] | None = made.security_group_id
        self.log_group_name: pulumi.Output[str] = made.log_group.name
        self.alarms = function_alarms(self, function_name=made.function.name, queue=None)
        self.register_outputs({"functionName": made.function.name})
