"""What managers of workloads know of each other, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from sandbox.workloads.http.messages import Request, Response
    from sandbox.workloads.snapshot import Snapshot


class Manager(Protocol):
    """Makes one kind of thing be as the account has it."""

    async def apply(self, snapshot: Snapshot) -> None:
        """Begin to make it so; what takes time goes on by itself, and what does not work becomes an event."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what is, as JSON: only what a process did or a measurement says."""
        ...

    async def close(self) -> None:
        """End everything that was started."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of something that a release waits for."""

    ok: bool
    reason: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is otherwise in the account now: a service that went back runs the task definition before."""


@dataclass(frozen=True)
class Invocation:
    """The answer of a function; `error` is Unhandled when its payload tells of one."""

    status: int
    payload: bytes = b""
    error: str = ""
    version: str = "$LATEST"
    log_tail: str = ""
    cold: bool = False
    seconds: float = 0.0


class Invoker(Protocol):
    """Calls functions."""

    def has(self, arn: str) -> bool:
        """Whether there is such a function, by an ARN with or without a qualifier."""
        ...

    async def invoke(
        self, arn: str, payload: bytes, *, kind: Literal["RequestResponse", "Event"] = "RequestResponse"
    ) -> Invocation:
        """Call a function; 404, 413 and 429 are statuses of the answer, as AWS gives them, and no errors here."""
        ...


@dataclass(frozen=True)
class Target:
    """Something that a load balancer sends requests to."""

    id: str
    """What AWS calls it: an address in the network."""
    host: str
    port: int
    zone: str = ""
    subject: str = ""
    """The logical name of what runs there."""


@dataclass(frozen=True)
class Health:
    """How a target is, in the words of AWS."""

    target: Target
    state: str
    reason: str = ""
    description: str = ""


class Targets(Protocol):
    """Who takes requests for target groups."""

    def register(self, group_arn: str, target: Target) -> None:
        """Let a target be checked, and get requests when it passes."""
        ...

    async def deregister(self, group_arn: str, target_id: str) -> None:
        """Send a target no new requests; return when those under way have ended or the delay is over."""
        ...

    def health(self, group_arn: str) -> list[Health]:
        """Return how the targets of a group are."""
        ...


class Balancers(Protocol):
    """Load balancers as those see them that hand requests over."""

    async def forward(self, listener_arn: str, request: Request) -> Response:
        """Send a request to a listener as if it had come over the network."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What a web ACL decided about a request."""

    rule: str
    action: Literal["allow", "block"]
    status: int = 403
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """A custom response's; otherwise whoever asked answers as AWS does for that kind of resource."""


class Firewall(Protocol):
    """Judges requests to what a web ACL protects."""

    def judge(self, resource_arn: str, request: Request) -> Verdict | None:
        """Return what a web ACL decided; None where none is associated."""
        ...


class Scalable(Protocol):
    """What autoscaling can change."""

    def capacity(self, resource_id: str) -> int | None:
        """Return the wanted capacity of `service/CLUSTER/NAME` or of `function:NAME:ALIAS`; None if there is none."""
        ...

    def set_capacity(self, resource_id: str, capacity: int, reason: str) -> None:
        """Want another capacity."""
        ...
