"""REST APIs: made of a document, met as a deployment of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.wire import Value, Values

_STAGE = "aws:apigateway/stage:Stage"
_ANY = "x-amazon-apigateway-any-method"
_METHODS = frozenset({"delete", "get", "head", "options", "patch", "post", "put", _ANY})
_INTEGRATION = "x-amazon-apigateway-integration"


class RestApi(Hook):
    def create(self, operation: Operation) -> None:
        _judge(operation)

    def update(self, operation: Operation) -> None:
        _judge(operation)


class RestDeployment(Hook):
    def create(self, operation: Operation) -> None:
        api = operation.find("aws:apigateway/restApi:RestApi", operation.inputs["restApi"])
        methods = _methods(api.inputs.get("body")) if api else []
        if not methods:
            raise operation.error("BadRequestException", "The REST API doesn't contain any methods")
        if any(_INTEGRATION not in method for method in methods):
            raise operation.error("BadRequestException", "No integration defined for method")


class RestStage(Hook):
    def handles(self, outputs: Values) -> Iterable[tuple[str, str]]:
        # What maps a name to a stage goes by its name.
        yield _STAGE, str(outputs["stageName"])


def _judge(operation: Operation) -> None:
    policy, mode = operation.inputs.get("securityPolicy"), operation.inputs.get("endpointAccessMode")
    if str(policy).startswith("SecurityPolicy_") and not mode:
        message = "An endpoint access mode must be specified with this security policy"
        raise operation.error("BadRequestException", message)
    if "body" not in operation.inputs:
        return
    try:
        _methods(operation.inputs["body"])
    except ValueError:
        raise operation.error("BadRequestException", "Unable to parse API definition") from None


def _methods(body: Value) -> list[Values]:
    """Return the methods of an OpenAPI document.

    Raises:
        ValueError: It is none.

    """
    document = json.loads(body) if isinstance(body, str) and body else {}
    paths = document.get("paths", {}) if isinstance(document, dict) else None
    if not isinstance(paths, dict) or not all(isinstance(path, dict) for path in paths.values()):
        raise ValueError("it has no paths")
    return [method for path in paths.values() for name, method in path.items() if name in _METHODS]
