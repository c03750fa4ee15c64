"""The engine's resource monitor, spoken to without an SDK: no global state, any number of components at once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc

from sandbox.control.errors import Refusal
from sandbox.control.wire import SIGNATURE, UNKNOWN, Path, Value, read, write

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from pulumi.runtime.proto import provider_pb2

# Used only when the program gave no aws provider: the real package pins a version of its own, so that its children
# get a second default provider. Its registry says which; any 7.x behaves the same here.
PINNED_AWS = "7.8.0"
# The eks package pins one for the provider that it makes; any 4.x behaves the same here.
_PINNED_KUBERNETES = "4.23.0"
_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
_SUCCESS = resource_pb2.SUCCESS
_OPTIONS = [("grpc.max_receive_message_length", 400 * 1024 * 1024)]


@dataclass(frozen=True)
class Registered:
    """A resource the engine knows; its `id`, and what it learns only then, are unknown until it exists."""

    urn: str
    id: str
    outputs: Mapping[str, Value] = field(default_factory=dict)

    @property
    def reference(self) -> Value:
        """The resource itself, as the program gets it; the protocol writes an unknown id as an empty one."""
        return {SIGNATURE: _REFERENCE, "urn": self.urn, "id": "" if self.id == UNKNOWN else self.id}


@dataclass(frozen=True, kw_only=True)
class Child:
    """A resource to be registered: of the aws package, a component, or a provider.

    `links` are the properties that hold another resource's id. `uses` says what resources properties came from and
    `secrets` which paths are secret; either may name properties that this child does not have. `after` is what must
    exist before, `ignored` the properties that the engine leaves as they were made.
    """

    type: str
    name: str
    parent: Registered | str
    links: Mapping[str, Registered] = field(default_factory=dict)
    inputs: Mapping[str, Value] = field(default_factory=dict)
    uses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    secrets: Iterable[Path] = ()
    after: Sequence[Registered] = ()
    ignored: Sequence[str] = ()
    custom: bool = True


class Monitor:
    """Registers one component and its children."""

    def __init__(self, request: provider_pb2.ConstructRequest, channel: grpc.Channel) -> None:
        self._request = request
        self._stub = resource_pb2_grpc.ResourceMonitorStub(channel)
        self._aws = request.providers.get("aws", "")
        self._version = "" if self._aws else PINNED_AWS

    def component(self) -> str:
        """Register the component itself and return its URN."""
        request = self._request
        message = resource_pb2.RegisterResourceRequest(
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=False,
            object=struct_pb2.Struct(),
            dependencies=sorted(request.dependencies),
            providers=dict(request.providers),
            aliases=request.aliases,
            aliasSpecs=True,
            protect=request.protect if request.HasField("protect") else None,
            retainOnDelete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
            deletedWith=request.deletedWith,
            parentStackTraceHandle=request.stack_trace_handle,
            acceptSecrets=True,
            acceptResources=True,
            supportsPartialValues=True,
            supportsResultReporting=True,
        )
        with _answering():
            return self._stub.RegisterResource(message).urn

    def register(self, children: Sequence[Child]) -> list[Registered]:
        """Register children that do not need each other, all at once."""
        calls = [self._stub.RegisterResource.future(self._message(child)) for child in children]
        with _answering():
            answers = [call.result() for call in calls]
        failed = [child.name for child, answer in zip(children, answers, strict=True) if answer.result != _SUCCESS]
        if failed:
            # The engine said why. Going on would hand the program identifiers that do not exist.
            raise Refusal(f"{', '.join(failed)} could not be created, and the rest of the component needs it.")
        return [Registered(answer.urn, answer.id or UNKNOWN, read(answer.object).values) for answer in answers]

    def _message(self, child: Child) -> resource_pb2.RegisterResourceRequest:
        parent = [child.parent.urn] if isinstance(child.parent, Registered) else []
        uses = {name: list(child.uses.get(name, ())) for name in child.inputs}
        uses |= {name: [source.urn] for name, source in child.links.items()}
        inputs = {**child.inputs, **{name: source.id for name, source in child.links.items()}}
        after = [one.urn for one in child.after]
        is_aws = child.type.startswith("aws:")
        is_kubernetes = child.type == "pulumi:providers:kubernetes"
        return resource_pb2.RegisterResourceRequest(
            type=child.type,
            name=child.name,
            parent=child.parent.urn if isinstance(child.parent, Registered) else child.parent,
            custom=child.custom,
            object=write(inputs, child.secrets),
            dependencies=sorted({*parent, *after, *chain.from_iterable(uses.values())}),
            propertyDependencies={
                name: resource_pb2.RegisterResourceRequest.PropertyDependencies(urns=sorted(urns))
                for name, urns in uses.items()
            },
            provider=self._aws if is_aws else "",
            version=self._version if is_aws else _PINNED_KUBERNETES if is_kubernetes else "",
            providers={} if child.custom else dict(self._request.providers),
            ignoreChanges=child.ignored,
            aliasSpecs=True,
            parentStackTraceHandle=self._request.stack_trace_handle,
            acceptSecrets=True,
            acceptResources=True,
            supportsPartialValues=True,
            supportsResultReporting=True,
        )

    def invoke(self, function: str, args: Mapping[str, Value] = MappingProxyType({})) -> Mapping[str, Value]:
        """Call a function of the aws package, with the provider that the children get."""
        message = resource_pb2.ResourceInvokeRequest(
            tok=function,
            args=write(args),
            provider=self._aws,
            version=self._version,
            acceptResources=True,
        )
        with _answering():
            answer = self._stub.Invoke(message)
        if answer.failures:
            raise Refusal(f"{function} failed: " + "; ".join(failure.reason for failure in answer.failures))
        return read(getattr(answer, "return")).values

    def finish(self, urn: str, outputs: Mapping[str, Value] = MappingProxyType({})) -> None:
        """Say that a component has all its children, and what the state keeps of its outputs."""
        with _answering():
            self._stub.RegisterResourceOutputs(
                resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=write(outputs))
            )


@contextmanager
def connected(request: provider_pb2.ConstructRequest) -> Generator[Monitor, None, None]:
    """Yield the monitor that a request came from."""
    with grpc.insecure_channel(request.monitorEndpoint, options=_OPTIONS) as channel:
        yield Monitor(request, channel)


@contextmanager
def _answering() -> Generator[None, None, None]:
    try:
        yield
    except grpc.RpcError as error:
        details = error.details() if isinstance(error, grpc.Call) else str(error)
        raise Refusal(f"The engine did not answer: {details}") from error
