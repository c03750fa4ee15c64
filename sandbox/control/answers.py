"""Turn what goes wrong in a call into the error that the engine shows."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar, cast

import grpc
from google.protobuf import any_pb2

from sandbox.control.errors import AccountError, PartialFailure, Refusal
from sandbox.control.protos import provider_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"

T = TypeVar("T")
# What gRPC calls with any request and answers with any response.
Behavior = Callable[[Any, grpc.ServicerContext], Any]


def answering(servicer: T) -> T:
    """Return a servicer whose calls always end in an answer that the engine can show."""
    return cast("T", _Answers(servicer))


class _Answers:
    """Stands before a servicer; whatever happens inside, the engine gets an answer and does not wait for ever."""

    def __init__(self, servicer: object) -> None:
        self._servicer = servicer

    def __getattr__(self, method: str) -> Behavior:
        """Return a method of the servicer with its errors explained."""
        return _explained(getattr(self._servicer, method), method)


def _explained(behavior: Behavior, method: str) -> Behavior:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401 - gRPC's own
        try:
            return behavior(request, context)
        except (Refusal, AccountError) as refusal:
            code, message = grpc.StatusCode.UNKNOWN, str(refusal)
        except PartialFailure as failure:
            code, message = grpc.StatusCode.UNKNOWN, str(failure)
            context.set_trailing_metadata(((_DETAILS, _details(failure)),))
        except NotImplementedError:
            code, message = grpc.StatusCode.UNIMPLEMENTED, f"The sandbox does not implement {method}."
        except Exception as problem:  # noqa: BLE001 - see the class
            traceback.print_exc(file=sys.stderr)
            code, message = grpc.StatusCode.INTERNAL, f"The sandbox itself failed in {method}: {problem!r}"
        context.abort(code, message)
        return None

    return answer


def _details(failure: PartialFailure) -> bytes:
    """Return what makes the engine record a resource in spite of the error."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=failure.resource_id, properties=failure.properties, reasons=[str(failure)]
        )
    )
    code = grpc.StatusCode.UNKNOWN.value[0]
    return status_pb2.Status(code=code, message=str(failure), details=[detail]).SerializeToString()
