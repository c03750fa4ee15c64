"""A provider without an engine: what the engine would send, as plain values, answered in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf import empty_pb2

from sandbox.control import wire
from sandbox.control.account import Account
from sandbox.control.facts import Catalog
from sandbox.control.protos import provider_pb2
from sandbox.control.provider import Provider
from sandbox.control.wire import Values

STACK = "urn:pulumi:dev::shop"


class Context:
    """The caller of a gRPC method."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer

    def is_active(self) -> bool:
        return True


@dataclass(frozen=True)
class Made:
    """A resource as an engine remembers it."""

    urn: str
    id: str
    inputs: Values
    outputs: Values


@dataclass(frozen=True)
class Planned:
    """What a diff says, in words: paths to kinds such as `update` or `update-replace`."""

    changes: dict[str, str]
    delete_first: bool

    @property
    def replaces(self) -> bool:
        return any(kind.endswith("replace") for kind in self.changes.values())


class Cloud:
    """One attached provider instance of a server that may have several."""

    def __init__(self, provider: Provider, peer: str = "one", stack: str = STACK) -> None:
        self.provider = provider
        self.stack = stack
        self._context = Context(peer)

    def configure(self, **config: wire.Value) -> Cloud:
        urn = f"{self.stack}::pulumi:providers:aws::default"
        args = wire.write({"region": "us-east-1", **config})
        request = provider_pb2.ConfigureRequest(urn=urn, type="pulumi:providers:aws", args=args)
        self.provider.Configure(request, self._context)
        return self

    def reach(self, kubeconfig: str) -> Cloud:
        """Configure this instance as one of the kubernetes package instead."""
        kind = "pulumi:providers:kubernetes"
        args = wire.write({"kubeconfig": kubeconfig})
        request = provider_pb2.ConfigureRequest(urn=f"{self.stack}::{kind}::k8s", type=kind, args=args)
        self.provider.Configure(request, self._context)
        return self

    def cancel(self) -> None:
        self.provider.Cancel(empty_pb2.Empty(), self._context)

    def urn(self, kind: str, name: str) -> str:
        return f"{self.stack}::{kind}::{name}"

    def check(self, kind: str, name: str, inputs: Values, olds: Values | None = None) -> tuple[Values, list[str]]:
        request = provider_pb2.CheckRequest(
            urn=self.urn(kind, name), news=wire.write(inputs), olds=wire.write(olds or {}), randomSeed=name.encode()
        )
        response = self.provider.Check(request, self._context)
        return wire.read(response.inputs).values, [failure.reason for failure in response.failures]

    def plan(self, kind: str, name: str, inputs: Values) -> Values:
        """Return the outputs that the preview of a create tells."""
        checked, _ = self.check(kind, name, inputs)
        request = provider_pb2.CreateRequest(urn=self.urn(kind, name), properties=wire.write(checked), preview=True)
        return wire.read(self.provider.Create(request, self._context).properties).values

    def create(self, kind: str, name: str, /, **inputs: wire.Value) -> Made:
        checked, failures = self.check(kind, name, inputs)
        assert not failures, failures
        urn = self.urn(kind, name)
        request = provider_pb2.CreateRequest(urn=urn, properties=wire.write(checked))
        response = self.provider.Create(request, self._context)
        return Made(urn, response.id, checked, wire.read(response.properties).values)

    def news(self, made: Made, changes: Values) -> Values:
        """Return a resource's checked inputs after a change of the program; None takes an input away."""
        _, _, kind, name = made.urn.split("::")
        generated = made.inputs[wire.DEFAULTS]
        assert isinstance(generated, list)
        given = {key: value for key, value in made.inputs.items() if key not in {*generated, wire.DEFAULTS}}
        program = {key: value for key, value in {**given, **changes}.items() if value is not None}
        checked, failures = self.check(kind, name, program, made.inputs)
        assert not failures, failures
        return checked

    def diff(self, made: Made, /, ignore: tuple[str, ...] = (), **changes: wire.Value) -> Planned:
        request = provider_pb2.DiffRequest(
            urn=made.urn,
            id=made.id,
            old_inputs=wire.write(made.inputs),
            olds=wire.write(made.outputs),
            news=wire.write(self.news(made, changes)),
            ignoreChanges=ignore,
        )
        response = self.provider.Diff(request, self._context)
        kinds = {
            path: provider_pb2.PropertyDiff.Kind.Name(entry.kind).lower().replace("_", "-")
            for path, entry in response.detailedDiff.items()
        }
        assert (response.changes == provider_pb2.DiffResponse.DIFF_SOME) == bool(kinds)
        assert bool(response.replaces) == any(kind.endswith("replace") for kind in kinds.values())
        return Planned(kinds, response.deleteBeforeReplace)

    def update(self, made: Made, /, *, preview: bool = False, **changes: wire.Value) -> Made:
        news = self.news(made, changes)
        request = provider_pb2.UpdateRequest(
            urn=made.urn,
            id=made.id,
            old_inputs=wire.write(made.inputs),
            olds=wire.write(made.outputs),
            news=wire.write(news),
            preview=preview,
        )
        response = self.provider.Update(request, self._context)
        return Made(made.urn, made.id, news, wire.read(response.properties).values)

    def delete(self, made: Made) -> None:
        request = provider_pb2.DeleteRequest(
            urn=made.urn, id=made.id, old_inputs=wire.write(made.inputs), properties=wire.write(made.outputs)
        )
        self.provider.Delete(request, self._context)

    def read(self, urn: str, resource_id: str, state: Values | None = None) -> Made | None:
        request = provider_pb2.ReadRequest(urn=urn, id=resource_id, properties=wire.write(state or {}))
        response = self.provider.Read(request, self._context)
        if not response.id:
            return None
        return Made(urn, response.id, wire.read(response.inputs).values, wire.read(response.properties).values)

    def invoke(self, token: str, **args: wire.Value) -> Values:
        request = provider_pb2.InvokeRequest(tok=token, args=wire.write(args))
        return wire.read(getattr(self.provider.Invoke(request, self._context), "return")).values


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    account = Account(tmp_path / "account")
    yield account
    account.close()


@pytest.fixture
def cloud(account: Account, catalog: Catalog) -> Cloud:
    return Cloud(Provider(account, catalog)).configure()


@pytest.fixture
def unconfigured(cloud: Cloud) -> Callable[..., Cloud]:
    """Return a function that makes one more connection to the same server, without configuring it."""

    def attach(peer: str, stack: str = STACK) -> Cloud:
        return Cloud(cloud.provider, peer, stack)

    return attach


@pytest.fixture
def another(cloud: Cloud) -> Callable[..., Cloud]:
    """Return a function that attaches one more provider instance to the same server."""

    def attach(peer: str, stack: str = STACK, **config: wire.Value) -> Cloud:
        return Cloud(cloud.provider, peer, stack).configure(**config)

    return attach
