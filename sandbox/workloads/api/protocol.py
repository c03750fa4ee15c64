"""AWS's wire protocols, from the side of the service: by botocore's models, read and written by moto."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.utils import parse_timestamp
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import MultiDict

from sandbox.workloads.http.messages import Request, Response

Parameters = Mapping[str, Any]
_FORM = "application/x-www-form-urlencoded"
_PLACE = re.compile(r"\{([^}]+)\}")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/")
_REGION = "us-east-1"


class AwsError(Exception):
    """What AWS answers instead of what was asked for: a code of its API, and its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Call:
    """One call: `service` as boto3 names it, `operation` as AWS does."""

    service: str
    operation: str
    protocol: str
    region: str
    parameters: Parameters

    def answer(self, result: Mapping[str, Any]) -> Response:
        """Return the answer on the wire; what the operation's output does not have is left out."""
        return self._written(dict(result))

    def refuse(self, error: AwsError) -> Response:
        """Return an error on the wire."""
        return self._written(error)

    def _written(self, result: object) -> Response:
        serializer = get_serializer_class(self.service, self.protocol)
        written = serializer(_operation(self.service, self.operation)).serialize(result)
        body = written["body"]
        headers = [(name, str(value)) for name, value in written["headers"].items()]
        return Response(written["status_code"], headers, body if isinstance(body, bytes) else body.encode())


class Calls:
    """The calls that are known, found again in requests."""

    def __init__(self, operations: Sequence[tuple[str, str]]) -> None:
        """Know operations by the service as boto3 names it, and their name as AWS has it."""
        self._operations = operations
        self._targets: dict[str, tuple[str, str]] = {}
        self._actions: dict[tuple[str, str], tuple[str, str]] = {}
        self._paths: list[tuple[str, re.Pattern[str], tuple[str, str]]] = []

    def read(self, request: Request) -> Call | None:
        """Return the call that a request makes; None for one that is not known."""
        self._learn()
        if target := request.header("x-amz-target"):
            return self._call(self._targets.get(target), "json", request)
        if request.header("content-type").startswith(_FORM):
            form = parse_qs(request.body.decode(), keep_blank_values=True)
            action, version = (form.get(name, [""])[0] for name in ("Action", "Version"))
            return self._call(self._actions.get((action, version)), "query", request, form=form)
        for method, path, operation in self._paths:
            found = path.fullmatch(request.path)
            if found and method == request.method:
                places = {name: unquote(value) for name, value in found.groupdict().items()}
                return self._call(operation, "rest-json", request, places=places)
        return None

    def _learn(self) -> None:
        """Read the models, which takes a while, when the first request comes."""
        if self._targets:
            return
        for service, name in self._operations:
            model = get_service_model(service)
            metadata = model.metadata
            if metadata["protocol"] == "rest-json":
                http = model.operation_model(name).http
                pattern = _PLACE.sub(lambda place: f"(?P<{place[1]}>[^/]+)", http["requestUri"].split("?")[0])
                self._paths.append((http["method"], re.compile(f"{pattern}/?"), (service, name)))
            elif "targetPrefix" in metadata:
                self._targets[f"{metadata['targetPrefix']}.{name}"] = (service, name)
            else:
                self._actions[name, metadata["apiVersion"]] = (service, name)

    def _call(
        self,
        known: tuple[str, str] | None,
        protocol: str,
        request: Request,
        *,
        form: Mapping[str, list[str]] | None = None,
        places: Mapping[str, str] | None = None,
    ) -> Call | None:
        if known is None:
            return None
        parser: Any = PROTOCOL_PARSERS[protocol](_operation(*known), timestamp_parser=parse_timestamp)
        parameters = parser.parse(
            {
                "body": request.body,
                "headers": {name.lower(): value for name, value in request.headers},
                "method": request.method,
                "url_params": dict(places or {}),
                "url_path": request.path,
                "values": MultiDict(form if form is not None else parse_qs(request.query)),
            }
        )
        scope = _SCOPE.search(request.header("authorization"))
        return Call(*known, protocol, scope[1] if scope else _REGION, parameters)


@cache
def _operation(service: str, name: str) -> Any:  # noqa: ANN401 - moto's own kind of botocore's model
    return get_service_model(service).operation_model(name)
