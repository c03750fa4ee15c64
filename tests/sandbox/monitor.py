"""An engine's resource monitor that records what components ask it to register."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from sandbox.control.expand import expand

AWS = "urn:pulumi:dev::p::pulumi:providers:aws::aws::0c8ab1a4"


@dataclass
class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Gives every custom resource an id, or none yet in a preview; `learn` says what else is known of it then."""

    preview: bool = False
    fails: str = ""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    learn: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda _, inputs: inputs
    registered: dict[str, resource_pb2.RegisterResourceRequest] = field(default_factory=dict)
    invoked: list[resource_pb2.ResourceInvokeRequest] = field(default_factory=list)
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        urn = f"{request.type}::{request.name}"
        with self.lock:
            assert urn not in self.registered, f"{urn} is registered twice"
            assert request.parent in self.registered or not request.custom, f"the parent of {urn} is not there yet"
            assert all(name in self.registered for name in request.dependencies if not name.startswith("outside"))
            self.registered[urn] = request
        identity = "" if self.preview or not request.custom else f"id-{urn}"
        result = resource_pb2.FAIL if request.name == self.fails else resource_pb2.SUCCESS
        known = self.learn(urn, json_format.MessageToDict(request.object))
        answer = resource_pb2.RegisterResourceResponse(urn=urn, id=identity, result=result)
        json_format.ParseDict(known, answer.object)
        return answer

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.finished[request.urn] = json_format.MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.invoked.append(request)
        answer = resource_pb2.ResourceInvokeResponse()
        json_format.ParseDict(self.answers[request.tok], getattr(answer, "return"))
        return answer

    def inputs(self, urn: str) -> dict[str, Any]:
        return json_format.MessageToDict(self.registered[urn].object)

    def of(self, kind: str) -> list[str]:
        return sorted(urn.split("::")[1] for urn in self.registered if urn.split("::")[0].endswith(f":{kind}"))


@dataclass(frozen=True)
class Engine:
    """An engine to construct components of one type with."""

    monitor: Monitor
    endpoint: str
    type: str
    name: str

    def construct(self, **inputs: Any) -> dict[str, Any]:
        return json_format.MessageToDict(expand(self.request(**inputs)).state)

    def request(self, **inputs: Any) -> provider_pb2.ConstructRequest:
        return provider_pb2.ConstructRequest(
            type=self.type,
            name=self.name,
            monitorEndpoint=self.endpoint,
            inputs=json_format.ParseDict(inputs, struct_pb2.Struct()),
            providers={"aws": AWS},
            dryRun=self.monitor.preview,
        )


@contextmanager
def engine(monitor: Monitor, kind: str, name: str) -> Iterator[Engine]:
    """Yield an engine that a monitor stands for."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Engine(monitor, f"127.0.0.1:{port}", kind, name)
    finally:
        server.stop(grace=None)
