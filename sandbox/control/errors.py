"""What the sandbox answers instead of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.struct_pb2 import Struct

    from sandbox.control.wire import Value


class Refusal(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """A request that AWS or its provider would refuse; the text is for a person."""


class Unsettled(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """Something exists, but what it runs did not become steady; the text says why, the outputs what it is now."""

    def __init__(self, message: str, outputs: Mapping[str, Value]) -> None:
        super().__init__(message)
        self.outputs = outputs


class AccountError(Exception):
    """The account's file cannot be used; the text says what to do."""


class DamagedAccountError(AccountError):
    """The account's file is no account, or no longer one."""


class PartialFailure(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """A resource that exists although its operation failed."""

    def __init__(self, resource_id: str, message: str, properties: Struct) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.properties = properties
