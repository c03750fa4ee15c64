"""Changes of a table's items, as messages in a queue."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.iam import grant, source_trust_policy
from components.queue import Queue
from components.table import Table

_BATCH = 10

_FAILING = Watch(
    suffix="failing",
    says="changes of the table have not reached the queue for 15 minutes; after a day they are lost.",
    namespace="AWS/EventBridge/Pipes",
    metric="ExecutionFailed",
    above=0,
    periods=3,
    severity=Severity.CRITICAL,
)


class TableStream(Component):
    """A pipe that puts each record of a table's stream into a queue, as DynamoDB wrote it.

    It begins with what the stream still holds, the last day. Delivery is tried until a record leaves the stream, and an
    alarm tells long before. The queue keeps no order.

    Cost: 0.40 USD per million changes of 64 KB (AWS price list: AWSEvents); reading a stream by a pipe is free.

    Example:
        >>> TableStream("dev-contracts-written", table=results, queue=queue)

    """

    def __init__(self, name: str, *, table: Table, queue: Queue, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the pipe.

        Args:
            name: Logical name (`naming.py` has its limit).
            table: Whose changes; it has a stream.
            queue: Where the messages go.
            opts: Options of the component.

        """
        super().__init__("TableStream", name, opts)
        if table.stream_arn is None:
            msg = f"{name}: the table {table.name} has no stream; make it with stream=True."
            raise ValueError(msg)
        allowed = grant(
            self,
            "stream",
            trust=source_trust_policy("pipes.amazonaws.com", queue.arn.apply(self._pipes)),
            description=f"Puts changes of {table.name} into a queue.",
            statements=[*table.allow_reading_stream(), *queue.allow_feeding()],
        )
        pipe = aws.pipes.Pipe(
            self.child_name(),
            description=f"Changes of {table.name}, to the queue {name}.",
            role_arn=allowed.role.arn,
            source=table.stream_arn,
            source_parameters=aws.pipes.PipeSourceParametersArgs(
                dynamodb_stream_parameters=aws.pipes.PipeSourceParametersDynamodbStreamParametersArgs(
                    starting_position="TRIM_HORIZON",
                    batch_size=_BATCH,
                    maximum_retry_attempts=-1,
                    maximum_record_age_in_seconds=-1,
                    on_partial_batch_item_failure="AUTOMATIC_BISECT",
                    dead_letter_config=aws.pipes.PipeSourceParametersDynamodbStreamParametersDeadLetterConfigArgs(
                        arn=queue.dead_letter_arn
                    ),
                )
            ),
            target=queue.arn,
            tags=self.tags(),
            opts=self.opts(depends_on=allowed.resources),
        )
        self.alarms = (alarm(self, _FAILING, {"PipeName": pipe.name}),)
        self.register_outputs({})

    def _pipes(self, queue_arn: str) -> str:
        """Return the ARNs that the pipe may have: its role has to stand before it has a name."""
        _, partition, _, region, account, _ = queue_arn.split(":")
        return f"arn:{partition}:pipes:{region}:{account}:pipe/{self.name}-*"
