"""Databases: what protects them, who keeps their password, and what a restored one has of its source."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Iterable

from sandbox.control import paths
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.scope import ACCOUNT_ID
from sandbox.control.wire import Value, Values

_INSTANCE = "aws:rds/instance:Instance"
_SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type
_ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
_SUFFIX = 6
_ELSEWHERE = ("replicateSourceDb", "restoreToPointInTime", "s3Import", "snapshotIdentifier")
_PASSWORDS = ("manageMasterUserPassword", "password", "passwordWo")
_OF_SOURCE = ("allocatedStorage", "dbName", "engine", "engineVersion", "storageEncrypted", "username")


class Database(Hook):
    def create(self, operation: Operation) -> None:
        if not any(name in operation.inputs for name in _ELSEWHERE):
            _judge_new(operation)
        _take_over(operation)
        _keep_password(operation)

    def update(self, operation: Operation) -> None:
        before, after = (
            values.get("allocatedStorage")
            for values in (operation.old.outputs if operation.old else {}, operation.inputs)
        )
        if isinstance(before, int | float) and isinstance(after, int | float) and after < before:
            message = "Invalid storage size: a DB instance's storage can only grow"
            raise operation.error("InvalidParameterCombination", message)
        if not operation.outputs.get("masterUserSecrets"):
            _keep_password(operation)

    def delete(self, operation: Operation) -> None:
        if operation.outputs.get("deletionProtection") is True:
            message = "Cannot delete protected DB Instance, please disable deletion protection and try again."
            raise operation.error("InvalidParameterCombination", message)
        if operation.outputs.get("skipFinalSnapshot") is not True and not operation.outputs.get(
            "finalSnapshotIdentifier"
        ):
            message = "final_snapshot_identifier is required when skip_final_snapshot is false"
            raise operation.error("InvalidParameterCombination", message)
        for _, secret in self.handles(operation.outputs):
            operation.end_parts(secret, _ROTATION)

    def identity(self, outputs: Values) -> str | None:
        # The provider reads it by its name too, which changes in place; the id is known to RDS alone.
        name = outputs.get("identifier")
        return name if isinstance(name, str) else None

    def handles(self, outputs: Values) -> Iterable[tuple[str, str]]:
        arn = paths.first(outputs, ("masterUserSecrets", paths.EACH, "secretArn"))
        if isinstance(arn, str):
            yield _SECRET, arn


def _judge_new(operation: Operation) -> None:
    for name in ("allocatedStorage", "engine", "username"):
        if name not in operation.inputs:
            raise operation.error("InvalidParameterValue", f'"{paths.snake((name,))}": required field is not set')
    if not any(operation.inputs.get(name) for name in _PASSWORDS):
        raise operation.error("InvalidParameterValue", "MasterUserPassword or ManageMasterUserPassword must be given.")


def _take_over(operation: Operation) -> None:
    """Give a database restored from another what it has of that one."""
    source = paths.first(operation.inputs, ("restoreToPointInTime", "sourceDbInstanceIdentifier"))
    found = operation.find(_INSTANCE, source) if source is not None else None
    for name in _OF_SOURCE if found else ():
        operation.outputs.setdefault(name, found.outputs.get(name) if found else None)


def _keep_password(operation: Operation) -> None:
    """Make the secret that RDS itself keeps the password in."""
    if operation.inputs.get("manageMasterUserPassword") is not True:
        return
    drawn = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_SUFFIX))
    name = f"rds!db-{uuid.uuid4()}-{drawn}"
    partition = operation.scope.partition
    kept: Values = {
        "secretArn": f"arn:{partition}:secretsmanager:{operation.region}:{ACCOUNT_ID}:secret:{name}",
        "secretStatus": "active",
        "kmsKeyId": _key(operation),
    }
    operation.outputs["masterUserSecrets"] = [kept]


def _key(operation: Operation) -> Value:
    return operation.inputs.get("masterUserSecretKmsKeyId") or "alias/aws/secretsmanager"
