"""The resource provider that the real engine talks to: aws, awsx, eks and kubernetes, backed by the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Literal, Protocol

import grpc
from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct

from sandbox.control import faults, kubernetes, lifecycle, paths, wire
from sandbox.control.account import Account, Resource
from sandbox.control.check import Request as CheckedRequest
from sandbox.control.check import check
from sandbox.control.configuration import check_configuration, replaces_everything
from sandbox.control.diff import Difference, diff
from sandbox.control.errors import PartialFailure, Refusal, Unsettled
from sandbox.control.facts import Catalog, ResourceType
from sandbox.control.functions import invoke, not_provided
from sandbox.control.hooks import hook_of
from sandbox.control.messages import Verb, doing
from sandbox.control.names import Autonaming
from sandbox.control.outputs import planned_create, planned_update, secret_paths
from sandbox.control.protos import plugin_pb2, provider_pb2, provider_pb2_grpc
from sandbox.control.scope import Scope, Scopes, configured
from sandbox.control.wire import Bag, Value

_AWS = "pulumi:providers:aws"
_KUBERNETES = "pulumi:providers:kubernetes"
_CONFIGURE = {_AWS: configured, _KUBERNETES: kubernetes.configured}
_MODES: dict[int, Literal["propose", "enforce", "disable"]] = {0: "propose", 1: "enforce", 2: "disable"}
_CHANGES = {
    "add": (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    "delete": (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    "update": (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}


class Works(Protocol):
    """What makes resources real that are more than a row in the account; either call may refuse."""

    def changed(self, resource: Resource) -> Mapping[str, Value]:
        """Make a resource real that was created or changed; return what this adds to its outputs."""
        ...

    def deleted(self, kind: str) -> None:
        """Take away what a resource of a type was that is gone."""
        ...


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves any number of provider instances at once; what they share is the account."""

    def __init__(self, account: Account, catalog: Catalog, works: Works | None = None) -> None:
        self._account = account
        self._catalog = catalog
        self._works = works
        self._scopes = Scopes()
        self._cancelled: set[str] = set()

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        del request, context
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=True, supports_autonaming_configuration=True
        )

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        del request, context
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=version("pulumi_aws"))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        del request
        self._cancelled.add(context.peer())
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        del context
        if _type_of(request.urn) != _AWS:
            return provider_pb2.CheckResponse(inputs=request.news)
        news = wire.read(request.news)
        values, failures = check_configuration(news.values, self._catalog.provider_inputs, _name_of(request.urn))
        return _checked(Bag(values, news.secrets), failures)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        del context
        old, new = wire.read(request.old_inputs).values, wire.read(request.news).values
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        if _type_of(request.urn) == _KUBERNETES:
            replaced = kubernetes.replaced(old, new)
        else:
            replaced = ["region"] if replaces_everything(old, new) else []
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=replaced,
            diffs=changed,
        )

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        configure = _CONFIGURE.get(request.type)
        if configure:
            self._scopes.remember(context.peer(), request.urn, configure(wire.read(request.args).values))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            acceptResources=True,
            acceptOutputs=True,
            supportsPreview=True,
            supports_autonaming_configuration=True,
        )

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        kind, scope = self._known(request.urn, context)
        self._faulty(kind, "check", request.urn, context)
        naming = Autonaming(_MODES[request.autonaming.mode], request.autonaming.proposed_name)
        checked = CheckedRequest(
            kind,
            scope,
            _name_of(request.urn),
            wire.read(request.news),
            wire.read(request.olds).values,
            request.randomSeed,
            naming if request.HasField("autonaming") else None,
        )
        return _checked(*check(checked))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        kind, scope = self._known(request.urn, context)
        self._faulty(kind, "diff", request.urn, context)
        old, new = wire.read(request.old_inputs).values, wire.read(request.news).values
        ignored = tuple(paths.parse_ignored(text) for text in request.ignoreChanges)
        difference = diff(kind, scope, old, new, state=wire.read(request.olds).values, ignored=ignored)
        hook_of(kind).diff(difference, old, new)
        return _difference(difference)

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        kind, scope = self._known(request.urn, context)
        news = wire.read(request.properties)
        if request.preview:
            planned = planned_create(kind, lifecycle.region_of(kind, scope, news.values), news.values)
            return provider_pb2.CreateResponse(properties=wire.write(planned, secret_paths(kind, news)))
        strike_after = self._faulty(kind, "create", request.urn, context)
        with self._account.transaction() as account:
            made = lifecycle.create(account, kind, scope, request.urn, news.values)
        try:
            made = self._real(made, kind, "create", news)
        except Refusal as refusal:
            with self._account.transaction() as account:
                account.remove(made.key)
            message = f"{doing(kind, 'create', _name_of(request.urn))}: {refusal}"
            raise Refusal(message) from None
        strike_after(made, news)
        return provider_pb2.CreateResponse(id=made.id, properties=_state(kind, made, news))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        kind, scope = self._known(request.urn, context)
        news = wire.read(request.news)
        if request.preview:
            old = wire.read(request.old_inputs).values
            state = wire.read(request.olds).values
            changed = diff(kind, scope, old, news.values, state=state).roots
            planned = planned_update(kind, lifecycle.carried(kind, old, state, news.values), news.values, changed)
            return provider_pb2.UpdateResponse(properties=wire.write(planned, secret_paths(kind, news)))
        strike_after = self._faulty(kind, "update", request.urn, context)
        with self._account.transaction() as account:
            found = lifecycle.find(account, kind, scope, request.id, wire.read(request.olds).values)
            if found is None:
                message = f"{doing(kind, 'update', request.id)}: couldn't find resource; run `pulumi refresh`"
                raise Refusal(message)
            updated = lifecycle.update(account, kind, scope, found, news.values)
        updated = self._real(updated, kind, "update", news)
        strike_after(updated, news)
        return provider_pb2.UpdateResponse(properties=_state(kind, updated, news))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        kind, scope = self._known(request.urn, context)
        strike_after = self._faulty(kind, "delete", request.urn, context)
        state = wire.read(request.properties)
        with self._account.transaction() as account:
            found = lifecycle.find(account, kind, scope, request.id, state.values)
            # What is gone already is deleted: the provider takes AWS's "not found" for success.
            if found is not None:
                lifecycle.delete(account, kind, scope, found)
        if self._works is not None:
            self._works.deleted(kind.token)
        strike_after(found, state)
        return empty_pb2.Empty()

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        kind, scope = self._known(request.urn, context)
        self._faulty(kind, "read", request.urn, context)
        state, inputs = wire.read(request.properties), wire.read(request.inputs)
        with self._account.transaction() as account:
            found = lifecycle.find(account, kind, scope, request.id, state.values)
        if found is None:
            return provider_pb2.ReadResponse()
        secrets = inputs.secrets | {(name,) for name in kind.secret}
        known = Bag(state.values, state.secrets | inputs.secrets)
        return provider_pb2.ReadResponse(
            id=found.id, properties=_state(kind, found, known), inputs=wire.write(found.inputs, secrets)
        )

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        args = wire.read(request.args).values
        answer = invoke(request.tok, args, self._scopes.get(context.peer()))
        response = provider_pb2.InvokeResponse()
        # `return` is a keyword of this language, so the field has no attribute that could be written.
        getattr(response, "return").CopyFrom(wire.write(answer))
        return response

    def Construct(
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        from sandbox.control.expand import expand  # noqa: PLC0415 - only stacks with a remote component pay for it

        del context
        return expand(request)

    def _real(self, resource: Resource, kind: ResourceType, verb: Verb, known: Bag) -> Resource:
        """Make a resource real outside of any transaction: it may take minutes."""
        if self._works is None:
            return resource
        try:
            return self._with(resource, self._works.changed(resource))
        except Unsettled as problem:
            left = self._with(resource, problem.outputs)
            message = f"{doing(kind, verb, _name_of(resource.urn))}: {problem}"
            raise PartialFailure(left.id, message, _state(kind, left, known)) from None

    def _with(self, resource: Resource, added: Mapping[str, Value]) -> Resource:
        if not added:
            return resource
        resource = replace(resource, outputs={**resource.outputs, **added})
        with self._account.transaction() as account:
            account.write(resource)
        return resource

    def _known(self, urn: str, context: grpc.ServicerContext) -> tuple[ResourceType, Scope]:
        kind = self._catalog.get(_type_of(urn))
        if kind is None:
            raise Refusal(not_provided("resource type", _type_of(urn)))
        return kind, self._scopes.get(context.peer(), urn)

    def _faulty(
        self, kind: ResourceType, operation: faults.Operation, urn: str, context: grpc.ServicerContext
    ) -> Callable[[Resource | None, Bag], None]:
        """Let a fault strike before an operation; the answer lets it strike after."""
        rule = faults.due(self._account, kind.token, operation)
        verb = "read" if operation in ("check", "diff") else operation
        what = doing(kind, verb, _name_of(urn))
        faults.strike_before(rule, what, lambda: context.is_active() and context.peer() not in self._cancelled)

        def strike_after(made: Resource | None, known: Bag) -> None:
            problem = faults.strike_after(rule, what)
            if problem and made is not None and operation != "delete":
                raise PartialFailure(made.id, problem, _state(kind, made, known))
            if problem:
                raise Refusal(problem)

        return strike_after


def _type_of(urn: str) -> str:
    """Return the type of a URN, `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`, without its parents'."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _name_of(urn: str) -> str:
    return urn.split("::", 3)[3]


def _checked(inputs: Bag, failures: list[str]) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        inputs=wire.write(inputs.values, inputs.secrets),
        failures=[provider_pb2.CheckFailure(reason=reason) for reason in failures],
    )


def _difference(difference: Difference) -> provider_pb2.DiffResponse:
    some = bool(difference.changes)
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if some else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=sorted({path[0] for path in difference.replaces}),
        deleteBeforeReplace=difference.delete_first,
        diffs=sorted(difference.roots),
        detailedDiff={
            paths.show(path): provider_pb2.PropertyDiff(
                kind=_CHANGES[change][path in difference.replaces], inputDiff=True
            )
            for path, change in difference.changes.items()
        },
        hasDetailedDiff=True,
    )


def _state(kind: ResourceType, resource: Resource, known: Bag) -> Struct:
    return wire.write(resource.outputs, secret_paths(kind, known))
