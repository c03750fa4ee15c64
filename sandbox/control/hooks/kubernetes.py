"""What lives in a cluster: releases of charts, and single objects."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.control import charts, paths
from sandbox.control.account import Resource
from sandbox.control.diff import Difference
from sandbox.control.errors import Refusal
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.kubernetes import cluster_of, lets_somebody_in
from sandbox.control.wire import UNKNOWN, Value, Values, has_unknown

_NAMESPACE = "kubernetes:core/v1:Namespace"
_OF_EVERY_CLUSTER = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
_TIMEOUT = 300
_NAME = paths.parse("metadata.name")
_WHERE = paths.parse("metadata.namespace")
_NAMESPACED = frozenset({"ConfigMap"})


class Release(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        # Tells the provider which of its own SDKs is speaking.
        inputs.pop("compat", None)
        inputs.setdefault("namespace", "default")
        if inputs.get("skipAwait") is not True:
            inputs.setdefault("timeout", _TIMEOUT)
        if has_unknown(inputs):
            inputs["checksum"] = UNKNOWN
        if has_unknown(inputs) or not {"chart", "name"} <= set(inputs):
            return
        values = _values(inputs)
        try:
            chart = charts.load(str(inputs["chart"]))
            problem = chart.problems(values)
        except Refusal as refusal:
            problem = str(refusal)
        else:
            inputs["checksum"] = chart.checksum(str(inputs["name"]), str(inputs["namespace"]), values)
        if problem:
            yield ("chart",), f"{problem}; check the chart name and repository configuration."

    def recomputed(self, names: set[str], inputs: Values, changed: set[str]) -> set[str]:
        del inputs
        return names | {"status"} if changed else names

    def create(self, operation: Operation) -> None:
        self._deploy(operation, 1)

    def update(self, operation: Operation) -> None:
        before = paths.first(operation.old.outputs if operation.old else {}, ("status", "revision"))
        self._deploy(operation, before + 1 if isinstance(before, int) else 1)

    def delete(self, operation: Operation) -> None:
        _cluster(operation)

    def _deploy(self, operation: Operation, revision: int) -> None:
        cluster = _cluster(operation)
        inputs, outputs = operation.inputs, operation.outputs
        name, namespace = str(inputs["name"]), str(inputs["namespace"])
        if inputs.get("createNamespace") is not True:
            _want_namespace(operation, namespace)
        chart = charts.load(str(inputs["chart"]))
        names = charts.resource_names(chart, name, namespace, _values(inputs), str(cluster.outputs["version"]))
        if names is not None:
            outputs["resourceNames"] = names
        outputs["version"] = chart.version
        outputs["status"] = {
            "appVersion": chart.app_version,
            "chart": chart.name,
            "name": name,
            "namespace": namespace,
            "revision": revision,
            "status": "deployed",
            "version": chart.version,
        }


class KubernetesObject(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        metadata = inputs.get("metadata")
        if metadata == UNKNOWN:
            return
        if paths.first(inputs, _NAME) is None:
            yield _NAME, "the sandbox makes up no names of objects: give one"
        if isinstance(metadata, dict) and inputs.get("kind") in _NAMESPACED:
            metadata.setdefault("namespace", "default")

    def diff(self, difference: Difference, old: Values, new: Values) -> None:
        # The name is taken until the old object is gone.
        if difference.replaces and paths.first(old, _NAME) == paths.first(new, _NAME):
            difference.delete_first = paths.first(old, _WHERE) == paths.first(new, _WHERE)

    def create(self, operation: Operation) -> None:
        _cluster(operation)
        namespace = paths.first(operation.inputs, _WHERE)
        if namespace is not None:
            _want_namespace(operation, str(namespace))

    def update(self, operation: Operation) -> None:
        _cluster(operation)

    def delete(self, operation: Operation) -> None:
        _cluster(operation)


class Namespace(KubernetesObject):
    def delete(self, operation: Operation) -> None:
        super().delete(operation)
        for resource in operation.account.of_region(operation.region):
            if _namespace_of(resource) == paths.first(operation.outputs, _NAME):
                operation.account.remove(resource.key)


def _values(inputs: Values) -> Values:
    given = inputs.get("values")
    return given if isinstance(given, dict) else {}


def _cluster(operation: Operation) -> Resource:
    """Return the cluster, which must be there and let somebody in."""
    cluster = cluster_of(operation.account, operation.region)
    if cluster is None:
        message = f"can't {operation.verb} {operation.kind.kind} with unreachable cluster: {operation.region}"
        raise operation.error("Unreachable", message)
    if not lets_somebody_in(operation.account, cluster):
        message = (
            "the server has asked for the client to provide credentials: the cluster has no access entry with a policy "
            "or a group, and who created it is not its administrator"
        )
        raise operation.error("Unauthorized", message)
    return cluster


def _want_namespace(operation: Operation, namespace: str) -> None:
    if namespace in _OF_EVERY_CLUSTER:
        return
    for resource in operation.account.of_region(operation.region):
        made = resource.type == _NAMESPACE and paths.first(resource.inputs, _NAME) == namespace
        if made or (resource.inputs.get("createNamespace") is True and _namespace_of(resource) == namespace):
            return
    raise operation.error("NotFound", f'namespaces "{namespace}" not found')


def _namespace_of(resource: Resource) -> Value:
    return resource.inputs.get("namespace") or paths.first(resource.inputs, _WHERE)
