"""What the account says of a function, of one of its versions, and of who calls it under which name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandbox.workloads.snapshot import name_of, stack_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
PROVISIONED = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
LATEST = "$LATEST"

# A change of any of these is another version, or another environment for the workers of $LATEST.
_DEFINING = (
    "architectures",
    "code",
    "codeSha256",
    "environment",
    "ephemeralStorage",
    "fileSystemConfig",
    "handler",
    "imageConfig",
    "imageUri",
    "layers",
    "loggingConfig",
    "memorySize",
    "packageType",
    "runtime",
    "snapStart",
    "timeout",
)


@dataclass(frozen=True)
class Version:
    """One version of a function; `$LATEST` is what was uploaded last."""

    resource: Resource = field(repr=False)
    number: str

    @property
    def _outputs(self) -> Mapping[str, Any]:
        return self.resource.outputs

    @cached_property
    def subject(self) -> str:
        """The function's logical name."""
        return name_of(self.resource)

    @cached_property
    def stack(self) -> str:
        """The stack that the function belongs to."""
        return stack_of(self.resource)

    @cached_property
    def name(self) -> str:
        """What AWS calls the function."""
        return str(self._outputs["name"])

    @cached_property
    def arn(self) -> str:
        """The ARN of the function, without a version."""
        return str(self._outputs["arn"])

    @cached_property
    def memory(self) -> int:
        """MB that it may use."""
        return int(self._outputs.get("memorySize") or 128)

    @cached_property
    def timeout(self) -> float:
        """Seconds that a call may take."""
        return float(self._outputs.get("timeout") or 3)

    @cached_property
    def runtime(self) -> str:
        """Such as python3.13; empty for an image."""
        return str(self._outputs.get("runtime") or "")

    @cached_property
    def log_group(self) -> str:
        """Where its lines go."""
        return str((self._outputs.get("loggingConfig") or {}).get("logGroup") or f"/aws/lambda/{self.name}")

    @cached_property
    def snap_start(self) -> bool:
        """Whether a snapshot is taken when it is published."""
        applied = (self._outputs.get("snapStart") or {}).get("applyOn")
        return applied == "PublishedVersions" and self.number != LATEST

    @cached_property
    def fingerprint(self) -> str:
        """What differs when its workers have to be others."""
        return json.dumps({name: self._outputs.get(name) for name in _DEFINING}, sort_keys=True)

    @property
    def code_id(self) -> str:
        """What differs when its code does."""
        return str(self._outputs.get("codeSha256") or (self._outputs.get("code") or {}).get("hash") or "")


@dataclass(frozen=True)
class Alias:
    """A name under which a version is called, and what share of the calls others get."""

    name: str
    version: str
    weights: Mapping[str, float] = field(default_factory=dict[str, float])

    @classmethod
    def of(cls, resource: Resource) -> Alias:
        """Read an alias of the account."""
        outputs: dict[str, Any] = resource.outputs
        weights = (outputs.get("routingConfig") or {}).get("additionalVersionWeights") or {}
        shares = {str(version): float(share) for version, share in weights.items()}
        return cls(str(outputs["name"]), str(outputs["functionVersion"]), shares)

    def chosen(self, number: float) -> str:
        """Return the version that a call gets, given a random number in [0, 1)."""
        for version, share in self.weights.items():
            if number < share:
                return version
            number -= share
        return self.version


@dataclass(frozen=True)
class Asynchronous:
    """What becomes of events that nobody waits for; the defaults are those of AWS."""

    retries: int = 2
    age: float = 6 * 3600
    on_failure: str = ""
    on_success: str = ""
    dead_letters: str = ""

    @classmethod
    def of(cls, function: Resource, config: Resource | None) -> Asynchronous:
        """Read what a function and its configuration for events say."""
        outputs: dict[str, Any] = config.outputs if config is not None else {}
        destinations = outputs.get("destinationConfig") or {}
        retries, age = outputs.get("maximumRetryAttempts"), outputs.get("maximumEventAgeInSeconds")
        dead: dict[str, Any] = function.outputs.get("deadLetterConfig") or {}  # pyright: ignore[reportAssignmentType]
        return cls(
            retries=cls.retries if retries is None else int(retries),
            age=float(age or cls.age),
            on_failure=str((destinations.get("onFailure") or {}).get("destination") or ""),
            on_success=str((destinations.get("onSuccess") or {}).get("destination") or ""),
            dead_letters=str(dead.get("targetArn") or ""),
        )


def split(arn: str) -> tuple[str, str]:
    """Return the ARN of a function and the qualifier, which is empty where there is none."""
    parts = arn.split(":")
    return ":".join(parts[:7]), ":".join(parts[7:])
