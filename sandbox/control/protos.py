"""The engine's protocol, imported without the rest of the Pulumi SDK.

`import pulumi` takes half a second that a provider has no use for, and every command starts one. The generated
modules live inside that package, so its two outer packages are stood in for while they load.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING


def _without_the_sdk() -> None:
    spec = importlib.util.find_spec("pulumi")
    if "pulumi" in sys.modules or spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent
    for name, folder in (("pulumi", root), ("pulumi.runtime", root / "runtime")):
        stand_in = ModuleType(name)
        stand_in.__path__ = [str(folder)]
        sys.modules[name] = stand_in
    try:
        importlib.import_module("pulumi.runtime.proto.provider_pb2_grpc")
        importlib.import_module("pulumi.runtime.proto.resource_pb2_grpc")
        importlib.import_module("pulumi.runtime.proto.status_pb2")
    finally:
        del sys.modules["pulumi"], sys.modules["pulumi.runtime"]


_without_the_sdk()

if TYPE_CHECKING:
    from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
else:
    plugin_pb2 = importlib.import_module("pulumi.runtime.proto.plugin_pb2")
    provider_pb2 = importlib.import_module("pulumi.runtime.proto.provider_pb2")
    provider_pb2_grpc = importlib.import_module("pulumi.runtime.proto.provider_pb2_grpc")
    status_pb2 = importlib.import_module("pulumi.runtime.proto.status_pb2")

__all__ = ["plugin_pb2", "provider_pb2", "provider_pb2_grpc", "status_pb2"]
