"""What SQS tells CloudWatch of queues, asked of the account's data services once a minute of the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.data import client

WAITING = "ApproximateNumberOfMessagesVisible"
UNDER_WAY = "ApproximateNumberOfMessagesNotVisible"
# SQS itself calls them otherwise.
_ATTRIBUTES: Mapping[str, str] = {
    WAITING: "ApproximateNumberOfMessages",
    UNDER_WAY: "ApproximateNumberOfMessagesNotVisible",
}
Counted = Mapping[str, Mapping[str, float]]


def count(account: Path, queues: Iterable[tuple[str, str]]) -> Counted:
    """Return how many messages wait and are under way in queues, given by region and name.

    A queue of which nothing is known is left out, and all of them where the services do not run. It may take a while.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to load

    services = client.describe(account)
    if services is None:
        return {}
    counted: dict[str, dict[str, float]] = {}
    for region, name in queues:
        sqs = _sqs(str(services["endpoint"]), region)
        try:
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_ATTRIBUTES.values()))["Attributes"]
        except (BotoCoreError, ClientError):
            continue
        counted[name] = {metric: float(told[attribute]) for metric, attribute in _ATTRIBUTES.items()}
    return counted


@cache
def _sqs(endpoint: str, region: str) -> Any:  # noqa: ANN401
    import boto3  # noqa: PLC0415 - slow to load

    return boto3.client(
        "sqs",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # noqa: S106 - signs for a server that checks nothing
    )
