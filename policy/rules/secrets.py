"""Secrets: where they are kept, and that they are kept nowhere else."""

from __future__ import annotations

import re

from policy.checks import as_number, is_set, must
from policy.documents import denied, is_public
from policy.model import Check, Level, NotKnown, Outcomes, Resource, Rule, Severity, Violation
from policy.relations import companion
from policy.values import UNKNOWN, Value, find, parsed

SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type

_LONGEST_DAYS = 90
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|credential|(api|access|private|signing)_?key)")
_SECRET_VALUE = re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s:@]+@")
# A name that ends so tells about a secret (where it is, how long it lives) and is not one.
_ABOUT = re.compile(r"(?i)(arns?|name|id|path|file|url|uri|ttl|seconds|expiry|age|algorithm|header)$")
_REFERENCE = "arn:"


def is_secret(name: str, value: Value) -> bool:
    """Whether a variable looks like a secret by its name or its value; a reference to one does not."""
    if not isinstance(value, str) or not value:
        return False
    if _SECRET_VALUE.search(value):
        return True
    if value.startswith("{") and isinstance(inner := parsed(value), dict):
        return any(is_secret(f"{name}.{key}", item) for key, item in inner.items())
    named = _SECRET_NAME.search(name) and not _ABOUT.search(name)
    return bool(named) and not value.startswith(_REFERENCE)


def no_secret_values(path: str) -> Check:
    """Refuse secrets in variables: a list of `name` and `value`, or an object of values by name. Values stay unsaid."""

    def check(resource: Resource) -> Outcomes:
        for found in find(resource.properties, path):
            if found.value is UNKNOWN:
                yield NotKnown(found.path)
            elif isinstance(found.value, dict):
                yield from _variables(found.path, found.value)

    return check


def _variables(path: str, held: dict[str, Value]) -> Outcomes:
    pairs = [(str(held["name"]), held.get("value"))] if "name" in held else list(held.items())
    for name, value in pairs:
        if value is UNKNOWN:
            yield NotKnown(f"{path}.{name}")
        elif is_secret(name, value):
            yield Violation(path, f"holds what looks like a secret in its variable {name}")


def _often_enough(days: Value) -> bool:
    number = as_number(days)
    return number is not None and number <= _LONGEST_DAYS


RULES = (
    Rule(
        id="MS-SEC-001",
        title=f"Secrets are rotated every {_LONGEST_DAYS} days",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        frameworks=("SecretsManager.1", "SecretsManager.4", "CKV2_AWS_57", "CKV_AWS_304", "AwsSolutions-SMG4"),
        types=(SECRET,),
        remedy=f"Add an `aws.secretsmanager.SecretRotation` of at most {_LONGEST_DAYS} days.",
        relation=companion(
            "aws:secretsmanager/secretRotation:SecretRotation",
            "secretId",
            f"is not rotated every {_LONGEST_DAYS} days",
            meets=must("rotationRules.automaticallyAfterDays", _often_enough, "is rotated too seldom"),
        ),
    ),
    Rule(
        id="MS-SEC-002",
        title="Secrets are encrypted with a key of one's own",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_149", "AWS-0098"),
        types=(SECRET,),
        remedy="Set `kmsKeyId`.",
        check=must("kmsKeyId", is_set, "is encrypted with AWS's key"),
    ),
    Rule(
        id="MS-SEC-003",
        title="Secrets are not open to everybody",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("CIS 2.21",),
        types=("aws:secretsmanager/secretPolicy:SecretPolicy",),
        remedy="Name who may read, or narrow `*` with a condition such as aws:PrincipalOrgID.",
        check=denied(["policy"], is_public, "opens the secret to everybody"),
    ),
)
