"""Bring the data services to what the account has: the same names, ARNs and settings, and nothing else.

What this does not carry over, policies and encryption among it, moto does not act on either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.data.aws import Services, backend

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_QUEUE_ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redrivePolicy": "RedrivePolicy",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
_ONLY_FIFO = {"FifoQueue", "ContentBasedDeduplication"}
_GONE = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}

Values = dict[str, Any]


@dataclass(frozen=True)
class _Known:
    """What the services have of a resource: enough to change it, and to take it away when the account has not."""

    type: str
    region: str
    outputs: Values
    digest: str


@dataclass(frozen=True)
class _Kind:
    put: Callable[[Services, _Known, _Known | None], None]
    drop: Callable[[Services, _Known], None] = lambda services, old: None  # noqa: ARG005 - goes with what it belongs to


def bring_about(services: Services, resources: Iterable[Resource]) -> dict[str, str]:
    """Make what is new, change what changed, take away what is gone; return what did not work, by the resource's id."""
    applied: dict[int, _Known] = services.notes.setdefault("applied", {})
    wanted = {resource.key: resource for resource in resources if resource.type in _KINDS}
    problems: dict[str, str] = {}
    for key in sorted(applied.keys() - wanted.keys(), reverse=True):
        old = applied.pop(key)
        services.touch()
        try:
            _KINDS[old.type].drop(services, old)
        except ClientError as problem:
            if problem.response["Error"]["Code"] not in _GONE:
                problems[str(old.outputs.get("arn", key))] = str(problem)
    for key, resource in sorted(wanted.items()):
        outputs: Values = {**resource.outputs, "id": resource.id}
        digest = hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()
        old = applied.get(key)
        if old is not None and old.digest == digest:
            continue
        new = _Known(resource.type, resource.region, outputs, digest)
        try:
            _KINDS[new.type].put(services, new, old)
        except ClientError as problem:
            problems[resource.id] = str(problem)
            continue
        applied[key] = new
        services.touch()
    return problems


def put_secret(services: Services, region: str, arn: str, name: str, value: str | None = None) -> None:
    """Make a secret that goes by an ARN of our choice, which no call of the API would take."""
    manager = services.client("secretsmanager", region)
    manager.create_secret(Name=name, **({} if value is None else {"SecretString": value}))
    backend("secretsmanager", region).secrets[name].arn = arn


def secret_value(services: Services, region: str, arn: str) -> str | None:
    """Return the current value of a secret; None when there is no such secret, or no value."""
    try:
        return services.client("secretsmanager", region).get_secret_value(SecretId=arn)["SecretString"]
    except ClientError:
        return None


def drop_secret(services: Services, region: str, arn: str) -> None:
    """Delete a secret for good."""
    services.client("secretsmanager", region).delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def _put_queue(services: Services, new: _Known, old: _Known | None) -> None:
    sqs = services.client("sqs", new.region)
    attributes = {
        name: _text(new.outputs[prop])
        for prop, name in _QUEUE_ATTRIBUTES.items()
        if new.outputs.get(prop) not in (None, "") and (name not in _ONLY_FIFO or new.outputs.get("fifoQueue"))
    }
    if old is None:
        sqs.create_queue(QueueName=new.outputs["name"], Attributes=attributes)
    else:
        sqs.set_queue_attributes(QueueUrl=new.outputs["url"], Attributes=attributes)


def _drop_queue(services: Services, old: _Known) -> None:
    services.client("sqs", old.region).delete_queue(QueueUrl=old.outputs["url"])


def _put_redrive(services: Services, new: _Known, _: _Known | None) -> None:
    policy = _text(new.outputs["redrivePolicy"])
    attributes = {"RedrivePolicy": policy}
    services.client("sqs", new.region).set_queue_attributes(QueueUrl=new.outputs["queueUrl"], Attributes=attributes)


def _put_topic(services: Services, new: _Known, old: _Known | None) -> None:
    if old is None:
        attributes = {"FifoTopic": "true"} if new.outputs.get("fifoTopic") else {}
        services.client("sns", new.region).create_topic(Name=new.outputs["name"], Attributes=attributes)


def _drop_topic(services: Services, old: _Known) -> None:
    services.client("sns", old.region).delete_topic(TopicArn=old.outputs["arn"])


def _put_subscription(services: Services, new: _Known, _: _Known | None) -> None:
    outputs = new.outputs
    # Letters and calls to the outside are not sent from here.
    if outputs["protocol"] == "sqs":
        attributes = {"RawMessageDelivery": "true"} if outputs.get("rawMessageDelivery") else {}
        services.client("sns", new.region).subscribe(
            TopicArn=outputs["topic"], Protocol="sqs", Endpoint=outputs["endpoint"], Attributes=attributes
        )


def _put_secret(services: Services, new: _Known, old: _Known | None) -> None:
    if old is None:
        put_secret(services, new.region, new.outputs["arn"], new.outputs["name"])


def _drop_secret(services: Services, old: _Known) -> None:
    drop_secret(services, old.region, old.outputs["arn"])


def _put_secret_version(services: Services, new: _Known, _: _Known | None) -> None:
    services.client("secretsmanager", new.region).put_secret_value(
        SecretId=new.outputs["secretId"], SecretString=new.outputs["secretString"]
    )


def _put_bucket(services: Services, new: _Known, old: _Known | None) -> None:
    if old is None:
        place = {"CreateBucketConfiguration": {"LocationConstraint": new.region}} if new.region != "us-east-1" else {}
        services.client("s3", new.region).create_bucket(Bucket=new.outputs["bucket"], **place)


def _drop_bucket(services: Services, old: _Known) -> None:
    s3, bucket = services.client("s3", old.region), old.outputs["bucket"]
    versions = s3.get_paginator("list_object_versions")
    for page in versions.paginate(Bucket=bucket):
        for kept in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=kept["Key"], VersionId=kept["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def _put_versioning(services: Services, new: _Known, _: _Known | None) -> None:
    status = new.outputs["versioningConfiguration"]["status"]
    if status != "Disabled":
        services.client("s3", new.region).put_bucket_versioning(
            Bucket=new.outputs["bucket"], VersioningConfiguration={"Status": status}
        )


def _put_notification(services: Services, new: _Known, _: _Known | None) -> None:
    queues = [
        {
            **({"Id": queue["id"]} if queue.get("id") else {}),
            "QueueArn": queue["queueArn"],
            "Events": queue["events"],
            "Filter": {"Key": {"FilterRules": _filters(queue)}},
        }
        for queue in new.outputs.get("queues") or []
    ]
    services.client("s3", new.region).put_bucket_notification_configuration(
        Bucket=new.outputs["bucket"], NotificationConfiguration={"QueueConfigurations": queues}
    )


def _drop_notification(services: Services, old: _Known) -> None:
    services.client("s3", old.region).put_bucket_notification_configuration(
        Bucket=old.outputs["bucket"], NotificationConfiguration={}
    )


def _filters(queue: Mapping[str, Any]) -> list[dict[str, str]]:
    rules = (("prefix", queue.get("filterPrefix")), ("suffix", queue.get("filterSuffix")))
    return [{"Name": name, "Value": value} for name, value in rules if value]


def _put_table(services: Services, new: _Known, old: _Known | None) -> None:
    database, name, outputs = services.client("dynamodb", new.region), new.outputs["name"], new.outputs
    attributes = [{"AttributeName": one["name"], "AttributeType": one["type"]} for one in outputs["attributes"]]
    stream = {"StreamEnabled": True, "StreamViewType": outputs.get("streamViewType")}
    if old is None:
        database.create_table(
            TableName=name,
            AttributeDefinitions=attributes,
            KeySchema=_keys(outputs),
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": indexes} if (indexes := _indexes(outputs)) else {}),
            **({"StreamSpecification": stream} if outputs.get("streamEnabled") else {}),
        )
    else:
        _change_table(database, name, attributes, (old.outputs, outputs))
    ttl = outputs.get("ttl") or {}
    if ttl.get("attributeName") and ttl != ((old.outputs.get("ttl") or {}) if old else {}):
        specification = {"Enabled": bool(ttl.get("enabled")), "AttributeName": ttl["attributeName"]}
        database.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    if outputs.get("streamLabel"):
        backend("dynamodb", new.region).tables[name].latest_stream_label = outputs["streamLabel"]


def _change_table(database: Any, name: str, attributes: list[dict[str, str]], change: tuple[Values, Values]) -> None:  # noqa: ANN401
    before, after = ({index["IndexName"]: index for index in _indexes(outputs)} for outputs in change)
    updates: list[dict[str, Any]] = [{"Delete": {"IndexName": gone}} for gone in sorted(before.keys() - after.keys())]
    updates += [{"Create": after[added]} for added in sorted(after.keys() - before.keys())]
    for update in updates:
        database.update_table(TableName=name, AttributeDefinitions=attributes, GlobalSecondaryIndexUpdates=[update])
    had, has = (bool(outputs.get("streamEnabled")) for outputs in change)
    if has and not had:
        stream = {"StreamEnabled": True, "StreamViewType": change[1].get("streamViewType")}
        database.update_table(TableName=name, StreamSpecification=stream)
    elif had and not has:
        database.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})


def _keys(outputs: Values) -> list[dict[str, str]]:
    schemas = outputs.get("keySchemas")
    if schemas:
        return [{"AttributeName": one["attributeName"], "KeyType": one["keyType"]} for one in schemas]
    pairs = (("HASH", outputs.get("hashKey")), ("RANGE", outputs.get("rangeKey")))
    return [{"AttributeName": attribute, "KeyType": kind} for kind, attribute in pairs if attribute]


def _indexes(outputs: Values) -> list[dict[str, Any]]:
    return [
        {
            "IndexName": index["name"],
            "KeySchema": _keys(index),
            "Projection": {
                "ProjectionType": index["projectionType"],
                **({"NonKeyAttributes": more} if (more := index.get("nonKeyAttributes")) else {}),
            },
        }
        for index in outputs.get("globalSecondaryIndexes") or []
    ]


def _drop_table(services: Services, old: _Known) -> None:
    services.client("dynamodb", old.region).delete_table(TableName=old.outputs["name"])


def _text(value: object) -> str:
    """Return a setting as SQS takes it."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict | list) else str(value).lower()


_KINDS = {
    "aws:dynamodb/table:Table": _Kind(_put_table, _drop_table),
    "aws:s3/bucket:Bucket": _Kind(_put_bucket, _drop_bucket),
    "aws:s3/bucketNotification:BucketNotification": _Kind(_put_notification, _drop_notification),
    "aws:s3/bucketVersioning:BucketVersioning": _Kind(_put_versioning),
    "aws:secretsmanager/secret:Secret": _Kind(_put_secret, _drop_secret),
    "aws:secretsmanager/secretVersion:SecretVersion": _Kind(_put_secret_version),
    "aws:sns/topic:Topic": _Kind(_put_topic, _drop_topic),
    "aws:sns/topicSubscription:TopicSubscription": _Kind(_put_subscription),
    "aws:sqs/queue:Queue": _Kind(_put_queue, _drop_queue),
    "aws:sqs/redrivePolicy:RedrivePolicy": _Kind(_put_redrive),
}
MIRRORED = frozenset(_KINDS)
"""The types that are brought about."""
