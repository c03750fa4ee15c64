"""Secret values, resolved at start from references in the environment.

ECS injects the value of a secret under its name. Lambda and pods get MODESHIFT_SECRETS instead, a JSON object of
name to reference (`arn:…:secret:NAME-a1b2c3:KEY:STAGE:VERSION`, the last three optional, as ECS writes them), so
that no value ever stands in a function's settings. After `load` both look the same to the app.
MODESHIFT_OPTIONAL_SECRETS is the same for what people may not have given a value yet: what is missing stays unset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Protocol, TypedDict, cast

VARIABLE = "MODESHIFT_SECRETS"
OPTIONAL = "MODESHIFT_OPTIONAL_SECRETS"

_ARN_PARTS = 7
_NOT_THERE = "ResourceNotFoundException"


class SecretsError(Exception):
    """A secret cannot be resolved. The text holds names and references, never a value."""


class _MissingError(SecretsError):
    """There is no such secret, no value in it, or no such key in the value."""


class _Value(TypedDict, total=False):
    SecretString: str


class SecretsManager(Protocol):
    """The one operation of Secrets Manager that is needed."""

    def get_secret_value(self, **request: str) -> _Value:
        """Return the value of one version of a secret."""
        ...


@dataclass(frozen=True)
class Reference:
    """Where a value is: a secret, the key in its JSON (all of it when empty), and which version."""

    arn: str
    key: str = ""
    stage: str = ""
    version: str = ""

    @classmethod
    def parse(cls, name: str, text: str) -> Reference:
        """Read the reference of a variable, as ECS writes them."""
        parts = text.split(":")
        if not _ARN_PARTS <= len(parts) <= _ARN_PARTS + 3 or parts[2] != "secretsmanager" or not parts[3]:
            # The text is not repeated: it may be the secret itself, put here by mistake.
            raise SecretsError(
                f"What {VARIABLE} holds for {name} is no reference to a secret: "
                "expected arn:aws:secretsmanager:…:secret:NAME:KEY::"
            )
        return cls(":".join(parts[:_ARN_PARTS]), *parts[_ARN_PARTS:])

    @property
    def region(self) -> str:
        """The region that holds the secret."""
        return self.arn.split(":")[3]

    def request(self) -> dict[str, str]:
        """Return the arguments that fetch this version of the secret."""
        wanted = {"SecretId": self.arn, "VersionStage": self.stage, "VersionId": self.version}
        return {name: value for name, value in wanted.items() if value}


def load(environ: MutableMapping[str, str], connect: Callable[[str], SecretsManager] | None = None) -> None:
    """Replace the references in an environment by what they refer to, once."""
    values: dict[str, str] = {}
    for variable in (OPTIONAL, VARIABLE):
        references = _references(variable, environ.get(variable) or "{}")
        values |= _resolve(references, connect or _connect, optional=variable == OPTIONAL)
    environ.update(values)
    for variable in (OPTIONAL, VARIABLE):
        environ.pop(variable, None)


def read(variable: str, arn: str) -> str:
    """Return the text of a secret that a variable names, as it is now; raises `SecretsError`."""
    reference = Reference.parse(variable, arn)
    return _fetch(_connect(reference.region), variable, reference.request())


def names(environ: Mapping[str, str]) -> Collection[str]:
    """Return the variables that `load` would set."""
    return {name for variable in (OPTIONAL, VARIABLE) for name in _references(variable, environ.get(variable) or "{}")}


def _references(variable: str, text: str) -> dict[str, Reference]:
    try:
        found: object = json.loads(text)
    except ValueError:
        raise SecretsError(f"{variable} is not JSON.") from None
    if not isinstance(found, dict):
        raise SecretsError(f"{variable} must be a JSON object of names and references.")
    return {
        str(name): Reference.parse(str(name), str(value)) for name, value in cast("dict[object, object]", found).items()
    }


def _resolve(
    references: Mapping[str, Reference], connect: Callable[[str], SecretsManager], *, optional: bool
) -> dict[str, str]:
    clients: dict[str, SecretsManager] = {}
    fetched: dict[tuple[str, ...], str] = {}
    values: dict[str, str] = {}
    for name, reference in references.items():
        if reference.region not in clients:
            clients[reference.region] = connect(reference.region)
        client = clients[reference.region]
        request = reference.request()
        identity = tuple(request.values())
        try:
            if identity not in fetched:
                fetched[identity] = _fetch(client, name, request)
            values[name] = _pick(fetched[identity], name, reference)
        except _MissingError:
            if not optional:
                raise
    return values


def _fetch(client: SecretsManager, name: str, request: dict[str, str]) -> str:
    try:
        answer = client.get_secret_value(**request)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        answered: dict[str, dict[str, str]] = getattr(error, "response", {})
        kind = _MissingError if answered.get("Error", {}).get("Code") == _NOT_THERE else SecretsError
        raise kind(f"The secret for {name} ({request['SecretId']}) cannot be read: {reason}") from error
    if "SecretString" not in answer:
        raise SecretsError(
            f"The secret for {name} ({request['SecretId']}) is binary; only text can be an environment value."
        )
    return answer["SecretString"]


def _pick(value: str, name: str, reference: Reference) -> str:
    if not reference.key:
        return value
    try:
        document: object = json.loads(value)
    except ValueError:
        document = None
    if not isinstance(document, dict) or reference.key not in document:
        raise _MissingError(f"The secret for {name} ({reference.arn}) has no JSON key {reference.key!r}.")
    chosen = cast("dict[str, object]", document)[reference.key]
    return chosen if isinstance(chosen, str) else json.dumps(chosen)


def _connect(region: str) -> SecretsManager:
    # Where it is needed, boto3 comes with Lambda's runtime and base image; elsewhere it is never imported.
    try:
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        raise SecretsError("Secrets are to be read, but boto3, which reads them, is not installed here.") from None

    # Without a way to the service, as in a network that lacks an endpoint, its own limits would take minutes.
    limits = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    return cast("SecretsManager", boto3.client("secretsmanager", region_name=region, config=limits))
