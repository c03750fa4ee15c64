"""What feeds queues on its own: schedules, by the clock, and pipes, from a table's stream."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.data import schedules
from sandbox.data.aws import Services, backend

if TYPE_CHECKING:
    from sandbox.control.account import Resource

SCHEDULE = "aws:scheduler/schedule:Schedule"
PIPE = "aws:pipes/pipe:Pipe"
_BATCH = 10

Clock = Callable[[], datetime]


class Feeds:
    """All schedules and pipes of an account; each turn sends what is due."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self._services = services
        self._clock = clock
        self._schedules: dict[str, Resource] = {}
        self._pipes: dict[str, Resource] = {}
        self._due: dict[str, tuple[str, datetime | None]] = {}

    def take(self, resources: Iterable[Resource]) -> None:
        """Learn what the account has now."""
        resources = list(resources)
        self._schedules = {str(one.outputs["arn"]): one for one in resources if one.type == SCHEDULE}
        self._pipes = {str(one.outputs["arn"]): one for one in resources if one.type == PIPE}
        for notes in (self._began, self._read):
            for gone in notes.keys() - self._schedules.keys() - self._pipes.keys():
                del notes[gone]

    def turn(self) -> None:
        """Send what is due; what comes due while nothing runs here is not made up for."""
        now = self._clock()
        for arn, schedule in self._schedules.items():
            self._fire(arn, schedule, now)
        for arn, pipe in self._pipes.items():
            self._pump(arn, pipe)

    @property
    def _began(self) -> dict[str, datetime]:
        return self._services.notes.setdefault("schedules", {})

    @property
    def _read(self) -> dict[str, int]:
        return self._services.notes.setdefault("pipes", {})

    def _fire(self, arn: str, schedule: Resource, now: datetime) -> None:
        outputs: dict[str, Any] = schedule.outputs
        expression, zone = str(outputs["scheduleExpression"]), str(outputs.get("scheduleExpressionTimezone") or "UTC")
        began = self._began.setdefault(arn, now)
        known, due = self._due.get(arn, ("", None))
        if known != expression + zone:
            due = schedules.next_time(expression, zone, now, began)
        if due is not None and due <= now:
            target = outputs["target"]
            if outputs.get("state") != "DISABLED" and ":sqs:" in target["arn"]:
                text = schedules.message(arn, target.get("input"), due, str(uuid.uuid4()))
                self._send(target["arn"], text, target.get("sqsParameters") or {})
            due = schedules.next_time(expression, zone, now, began)
        self._due[arn] = (expression + zone, due)

    def _pump(self, arn: str, pipe: Resource) -> None:
        outputs: dict[str, Any] = pipe.outputs
        source, target = str(outputs["source"]), str(outputs["target"])
        if outputs.get("desiredState") == "STOPPED" or ":dynamodb:" not in source or ":sqs:" not in target:
            return
        region, table = source.split(":")[3], source.split("/")[1]
        known = backend("dynamodb", region).tables.get(table)
        shard = known.stream_shard if known is not None else None
        if shard is None:
            return
        starting = ((outputs.get("sourceParameters") or {}).get("dynamodbStreamParameters") or {}).get(
            "startingPosition"
        )
        at = self._read.setdefault(arn, 0 if starting == "TRIM_HORIZON" else len(shard.items))
        if at > len(shard.items):
            # The stream is another one than it was.
            at = self._read[arn] = 0
        for record in shard.items[at : at + _BATCH]:
            parameters = (outputs.get("targetParameters") or {}).get("sqsQueueParameters") or {}
            if not self._send(target, _record(record.to_json(), region, source), parameters):
                return
            self._read[arn] += 1
            self._services.touch()

    def _send(self, queue_arn: str, body: str, parameters: dict[str, str]) -> bool:
        _, _, _, region, account, name = queue_arn.split(":")
        group = {"MessageGroupId": parameters["messageGroupId"]} if parameters.get("messageGroupId") else {}
        try:
            self._services.client("sqs", region).send_message(
                QueueUrl=f"{self._services.endpoint}/{account}/{name}", MessageBody=body, **group
            )
        except ClientError:
            # The queue is on its way, or gone: a pipe tries again, a schedule does not.
            return False
        return True


def _record(record: dict[str, Any], region: str, stream: str) -> str:
    """Return a record of a stream as a pipe passes it on."""
    change = dict(record["dynamodb"])
    made = change["ApproximateCreationDateTime"]
    if isinstance(made, datetime):
        change["ApproximateCreationDateTime"] = int(made.replace(tzinfo=UTC).timestamp())
    told = {**record, "eventVersion": "1.1", "awsRegion": region, "dynamodb": change, "eventSourceARN": stream}
    return json.dumps(told, default=_in_base64)


def _in_base64(value: object) -> str:
    """Return binary values as DynamoDB writes them."""
    if not isinstance(value, bytes):
        raise TypeError(type(value))
    return base64.b64encode(value).decode()
