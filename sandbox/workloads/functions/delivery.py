"""Sends messages to queues and topics of the account, and events to other functions, for what calls functions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.data import client
from sandbox.data.errors import DataError

if TYPE_CHECKING:
    from sandbox.workloads.context import Context
    from sandbox.workloads.surfaces import Invoker


class UndeliverableError(Exception):
    """Something could not be sent; the message says why."""


class Delivery:
    """The account's messaging, as Lambda's own machinery uses it."""

    def __init__(self, context: Context, invoker: Invoker) -> None:
        self._account: Path = context.account
        self._invoker = invoker
        self._endpoint = ""
        self._clients: dict[tuple[str, str], Any] = {}

    async def send(self, arn: str, text: str, attributes: Mapping[str, str]) -> None:
        """Send a text to a queue, a topic or a function.

        Raises:
            UndeliverableError: It could not be sent.

        """
        service = arn.split(":")[2]
        if service == "lambda":
            answer = await self._invoker.invoke(arn, text.encode(), kind="Event")
            if answer.status != 202:  # noqa: PLR2004 - taken
                message = f"{arn} does not take events: {answer.payload.decode()}"
                raise UndeliverableError(message)
            return
        if service not in {"sqs", "sns"}:
            message = f"The sandbox does not simulate {service} as a destination."
            raise UndeliverableError(message)
        told = {
            name: {"DataType": "Number" if value.isdecimal() else "String", "StringValue": value}
            for name, value in attributes.items()
        }
        if service == "sqs":
            await self.call("sqs", arn, "send_message", MessageBody=text, MessageAttributes=told)
        else:
            await self.call("sns", arn, "publish", TopicArn=arn, Message=text, MessageAttributes=told)

    async def call(self, service: str, arn: str, operation: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 has it
        """Call an operation on a queue or a topic.

        Raises:
            UndeliverableError: It did not work.

        """
        return await asyncio.to_thread(self._call, service, arn, operation, arguments)

    def _call(self, service: str, arn: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to load

        _, _, _, region, account, name = arn.split(":", 5)
        try:
            reached = self._client(service, region)
            if service == "sqs":
                arguments = {**arguments, "QueueUrl": f"{self._endpoint}/{account}/{name}"}
            return getattr(reached, operation)(**arguments)
        except (BotoCoreError, OSError) as error:
            # Those data services may have ended; others may be elsewhere.
            self._clients.clear()
            raise UndeliverableError(str(error)) from error
        except (ClientError, DataError) as error:
            raise UndeliverableError(str(error)) from error

    def _client(self, service: str, region: str) -> Any:  # noqa: ANN401 - boto3's clients have no type
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        if not self._clients:
            self._endpoint = str(client.start(self._account)["endpoint"])
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self._endpoint,
                aws_access_key_id="sandbox",
                aws_secret_access_key="sandbox",  # noqa: S106 - signs for a server that checks nothing
                config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=30),
            )
        return self._clients[service, region]
