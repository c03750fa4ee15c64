"""A component's inputs, in which the engine also tells what each value came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import struct_pb2

from sandbox.control.wire import SIGNATURE, UNKNOWN, Bag, Value, read

if TYPE_CHECKING:
    from pulumi.runtime.proto import provider_pb2

_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark of a secret, not one
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def read_inputs(request: provider_pb2.ConstructRequest) -> Bag:
    """Return the inputs as plain, unknown and secret values; what they came from stands in the request."""
    inputs = struct_pb2.Struct()
    inputs.CopyFrom(request.inputs)
    for value in inputs.fields.values():
        _lower(value)
    return read(inputs)


def merged(*maps: Value) -> Value:
    """Lay maps over each other, later wins; one that is not known makes the whole so."""
    result: dict[str, Value] = {}
    for layer in maps:
        if layer == UNKNOWN:
            return UNKNOWN
        if isinstance(layer, dict):
            result |= layer
    return result


def _lower(value: struct_pb2.Value) -> None:
    """Replace the outputs in a value by what they hold."""
    for item in value.list_value.values if value.HasField("list_value") else ():
        _lower(item)
    if not value.HasField("struct_value"):
        return
    fields = value.struct_value.fields
    for item in fields.values():
        _lower(item)
    if SIGNATURE in fields and fields[SIGNATURE].string_value == _OUTPUT:
        held = struct_pb2.Value(string_value=UNKNOWN)
        if "value" in fields:
            held.CopyFrom(fields["value"])
        if "secret" in fields and fields["secret"].bool_value:
            marked = {SIGNATURE: struct_pb2.Value(string_value=_SECRET), "value": held}
            held = struct_pb2.Value(struct_value=struct_pb2.Struct(fields=marked))
        value.CopyFrom(held)
