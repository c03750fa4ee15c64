"""Tables: keys and attributes that go together, a stream that is a new one each time, and what protects them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from sandbox.control import paths
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.scope import ACCOUNT_ID
from sandbox.control.wire import UNKNOWN, Value, Values, has_unknown

_TABLE = "aws:dynamodb/table:Table"
_KEYS = tuple(
    paths.parse(text)
    for text in (
        "hashKey",
        "rangeKey",
        "globalSecondaryIndexes[].hashKey",
        "globalSecondaryIndexes[].keySchemas[].attributeName",
        "globalSecondaryIndexes[].rangeKey",
        "localSecondaryIndexes[].rangeKey",
    )
)
_RESTORED = ("importTable", "restoreSourceName", "restoreSourceTableArn")


class Table(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        yield from _judge_attributes(inputs)
        enabled, view = inputs.get("streamEnabled"), inputs.get("streamViewType")
        if enabled is True and not view:
            yield ("streamViewType",), "stream_view_type is required when stream_enabled = true"
        if view and enabled is None:
            yield ("streamEnabled",), "stream_enabled is required when stream_view_type is set"
        if paths.first(inputs, ("ttl", "enabled")) is True and not paths.first(inputs, ("ttl", "attributeName")):
            text = 'Attribute "ttl[0].attribute_name" must be specified when "ttl[0].enabled" is true'
            yield ("ttl", "attributeName"), text
        if inputs.get("billingMode") == "PAY_PER_REQUEST":
            for name in ("readCapacity", "writeCapacity"):
                if inputs.get(name):
                    text = f'{paths.snake((name,))} can not be set when billing_mode is "PAY_PER_REQUEST"'
                    yield (name,), text

    def create(self, operation: Operation) -> None:
        if not operation.inputs.get("hashKey") and not any(name in operation.inputs for name in _RESTORED):
            raise operation.error("ValidationException", "No key schema: the table needs a hash key")
        _open_stream(operation)

    def update(self, operation: Operation) -> None:
        _judge_ttl(operation)
        if "streamArn" not in operation.outputs:
            _open_stream(operation)

    def delete(self, operation: Operation) -> None:
        if operation.outputs.get("deletionProtectionEnabled") is True:
            message = (
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
            raise operation.error("ValidationException", message)

    def handles(self, outputs: Values) -> Iterable[tuple[str, str]]:
        if stream := outputs.get("streamArn"):
            yield _TABLE, str(stream)


def _texts(values: Values, path: paths.Path) -> Iterator[str]:
    return (str(value) for _, value in paths.find(values, path) if value)


def _judge_attributes(inputs: Values) -> Iterator[tuple[paths.Path, str]]:
    """Compare the attributes with those in keys, as the provider does; a table that is restored brings its own."""
    looked_at: list[Value] = [inputs.get(name) for name in ("attributes", *(path[0] for path in _KEYS))]
    if any(map(has_unknown, looked_at)) or any(name in inputs for name in _RESTORED):
        return
    attributes = set(_texts(inputs, ("attributes", paths.EACH, "name")))
    keys = {name for path in _KEYS for name in _texts(inputs, path)}
    if unused := sorted(attributes - keys):
        yield ("attributes",), f"all attributes must be indexed. Unused attributes: {unused}"
    if unmatched := sorted(keys - attributes):
        yield ("attributes",), f"all indexes must match a defined attribute. Unmatched indexes: {unmatched}"


def _judge_ttl(operation: Operation) -> None:
    """Refuse another attribute while one counts: DynamoDB wants the first switched off, and an hour's time."""
    before, after = (
        paths.first(values, ("ttl", "attributeName"))
        for values in (operation.old.inputs if operation.old else {}, operation.inputs)
    )
    if before and after and after not in (before, UNKNOWN):
        message = f"TimeToLive is active on a different AttributeName: current AttributeName is {before}"
        raise operation.error("ValidationException", message)


def _open_stream(operation: Operation) -> None:
    """Put the stream's label and ARN; one that was switched off and on again is another one."""
    if operation.inputs.get("streamEnabled") is not True:
        return
    label = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    table = f"arn:{operation.scope.partition}:dynamodb:{operation.region}:{ACCOUNT_ID}:table/{operation.inputs['name']}"
    operation.outputs["streamLabel"] = label
    operation.outputs["streamArn"] = f"{table}/stream/{label}"
