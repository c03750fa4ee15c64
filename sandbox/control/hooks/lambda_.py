"""Functions: what is published gets a number that is never given again."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from pathlib import Path as FilePath

from sandbox.control import paths
from sandbox.control.account import Resource
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.wire import UNKNOWN, Value, Values

_FUNCTION = "aws:lambda/function:Function"
_ALIAS = "aws:lambda/alias:Alias"
_PROVISIONED = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
_QUEUE = "aws:sqs/queue:Queue"
_NOT_PUBLISHED = frozenset(
    {"tags", "tagsAll", "reservedConcurrentExecutions", "skipDestroy", "replaceSecurityGroupsOnDestroy", "region"}
)
_VERSIONED = frozenset({"version", "qualifiedArn", "qualifiedInvokeArn"})
_ENVIRONMENT_BYTES = 4096
_UNHELD_BATCH = 10
_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


class Function(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        if inputs.get("packageType") != "Zip":
            return
        for name in ("handler", "runtime"):
            if name not in inputs:
                yield (name,), "handler and runtime must be set when PackageType is Zip"

    def recomputed(self, names: set[str], inputs: Values, changed: set[str]) -> set[str]:
        # Only code and configuration are published; a new tag leaves the version alone.
        return names if inputs.get("publish") is True and changed - _NOT_PUBLISHED else names - _VERSIONED

    def create(self, operation: Operation) -> None:
        _judge_environment(operation)
        _describe_code(operation)
        operation.outputs["version"] = _publish(operation)

    def update(self, operation: Operation) -> None:
        _judge_environment(operation)
        if operation.changed & {"code", "imageUri", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash"}:
            _describe_code(operation)
        if "version" not in operation.outputs:
            operation.outputs["version"] = _publish(operation)

    def delete(self, operation: Operation) -> None:
        """Take along what was provisioned by hand, of which no stack knows."""
        name = operation.outputs["name"]
        for config in operation.account.of_type(_PROVISIONED, operation.region):
            if str(config.outputs.get("functionName")).rpartition(":")[2] == name:
                operation.account.remove(config.key)


def version_counter(region: str, name: str) -> str:
    """Return the counter of a function's published versions."""
    return f"{region}/function/{name}"


def _publish(operation: Operation) -> Value:
    if operation.inputs.get("publish") is not True:
        return "$LATEST"
    return str(operation.account.count_up(version_counter(operation.region, str(operation.inputs["name"]))))


def _describe_code(operation: Operation) -> None:
    code, given = operation.inputs.get("code"), operation.inputs.get("sourceCodeHash")
    path = code.get("path") if isinstance(code, dict) else None
    content = FilePath(path).read_bytes() if isinstance(path, str) and FilePath(path).is_file() else None
    if content is not None:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    elif isinstance(given, str):
        digest = given
    else:
        digest = _engine_hash(code)
    operation.outputs["codeSha256"] = digest
    operation.outputs["sourceCodeSize"] = len(content) if content is not None else 0


def _engine_hash(code: Value) -> str:
    """Return the engine's hash of the code in the form that Lambda has it."""
    text = str(code.get("hash", "")) if isinstance(code, dict) else ""
    try:
        return base64.b64encode(binascii.unhexlify(text)).decode()
    except binascii.Error:
        return ""


def _judge_environment(operation: Operation) -> None:
    variables = paths.first(operation.inputs, ("environment", "variables"))
    if not isinstance(variables, dict):
        return
    prefix = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    reserved = sorted(_RESERVED.intersection(variables))
    if reserved:
        message = (
            f"{prefix} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
        raise operation.error("InvalidParameterValueException", message)
    size = sum(len(f"{key}{value}".encode()) for key, value in variables.items())
    if size > _ENVIRONMENT_BYTES:
        raise operation.error("InvalidParameterValueException", f"{prefix} exceeded the 4KB limit ({size} bytes).")


class Alias(Hook):
    def create(self, operation: Operation) -> None:
        self._judge(operation)

    def update(self, operation: Operation) -> None:
        self._judge(operation)

    def _judge(self, operation: Operation) -> None:
        version = str(operation.inputs["functionVersion"])
        function = operation.find(_FUNCTION, operation.inputs["functionName"])
        weights = paths.first(operation.inputs, ("routingConfig", "additionalVersionWeights"))
        others = list(weights) if isinstance(weights, dict) else []
        if others and version == "$LATEST":
            raise operation.error(
                "InvalidParameterValueException",
                "$LATEST is not supported for an alias pointing to more than 1 version",
            )
        if version in others:
            message = (
                f"Invalid function version {version}. "
                f"Function version {version} is already included in routing configuration."
            )
            raise operation.error("InvalidParameterValueException", message)
        last = 0 if function is None else operation.account.counted(version_counter(operation.region, function.id))
        for one in (version, *others):
            if function is None or one in {"$LATEST", UNKNOWN}:
                continue
            if not one.isdigit() or not 1 <= int(one) <= last:
                message = f"Function not found: {function.outputs['arn']}:{one} (published versions: 1 to {last})"
                raise operation.error("ResourceNotFoundException", message)


class EventSourceMapping(Hook):
    def create(self, operation: Operation) -> None:
        self._judge(operation)

    def update(self, operation: Operation) -> None:
        self._judge(operation)

    def _judge(self, operation: Operation) -> None:
        queue = operation.find(_QUEUE, operation.inputs.get("eventSourceArn"))
        function = self._function(operation)
        if queue is None or function is None:
            return
        hidden, longest = (
            _seconds(one.outputs, name) for one, name in ((queue, "visibilityTimeoutSeconds"), (function, "timeout"))
        )
        if hidden < longest:
            message = f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {longest} seconds"
            raise operation.error("InvalidParameterValueException", message)
        batch, window = (operation.inputs.get(name, 0) for name in ("batchSize", "maximumBatchingWindowInSeconds"))
        if isinstance(batch, int | float) and batch > _UNHELD_BATCH and not window:
            message = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
            raise operation.error("InvalidParameterValueException", message)

    def _function(self, operation: Operation) -> Resource | None:
        called = operation.inputs["functionName"]
        alias = operation.find(_ALIAS, called)
        return operation.find(_FUNCTION, called if alias is None else alias.inputs["functionName"])


def _seconds(values: Values, name: str) -> int:
    value = values.get(name)
    return int(value) if isinstance(value, int | float) else 0
