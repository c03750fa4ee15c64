"""What a REST API answers itself, in its own words or in those of its definition.

Sources: "Gateway response types for API Gateway", and answers that others recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.workloads.fronts.template import Template
from sandbox.workloads.http.messages import Headers, Response

if TYPE_CHECKING:
    from sandbox.workloads.fronts.exchange import Exchange

INTERNAL = "Internal server error"
_JSON = "application/json"
_INTERNAL_ERROR = "InternalServerErrorException"
_HEADER = "gatewayresponse.header."
_KINDS: Mapping[str, tuple[int, str, str]] = {
    "API_CONFIGURATION_ERROR": (500, INTERNAL, _INTERNAL_ERROR),
    "BAD_REQUEST_BODY": (400, "Invalid request body", "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": (400, "Missing required request parameters", "BadRequestException"),
    "DEFAULT_5XX": (502, INTERNAL, _INTERNAL_ERROR),
    "INTEGRATION_FAILURE": (504, "Network error communicating with endpoint", _INTERNAL_ERROR),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out", _INTERNAL_ERROR),
    "INVALID_API_KEY": (403, "Forbidden", "ForbiddenException"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    "QUOTA_EXCEEDED": (429, "Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long", ""),
    "THROTTLED": (429, "Too Many Requests", "TooManyRequestsException"),
    "WAF_FILTERED": (403, "Forbidden", "ForbiddenException"),
}
"""Status, message and type of error by the kind of a gateway response; a malformed answer has none of its own."""
_SERVER_ERRORS = 500


class RestRefusedError(Exception):
    """A REST API answers itself."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message or _KINDS[kind][1])
        self.kind = kind


@dataclass(frozen=True)
class _Own:
    """What a definition says instead."""

    status: int | None
    headers: tuple[tuple[str, str], ...]
    template: Template | None
    content_type: str


class Refusals:
    """Answers of an API itself, as its definition would have them."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._own = {kind: _own(values) for kind, values in definition.items()}

    def response(self, refused: RestRefusedError, exchange: Exchange) -> Response:
        """Return the answer, and note in the exchange what it says."""
        status, _, error_type = _KINDS[refused.kind]
        default = "DEFAULT_5XX" if status >= _SERVER_ERRORS else "DEFAULT_4XX"
        own = self._own.get(refused.kind) or self._own.get(default)
        message = str(refused)
        exchange.error = exchange.error or message
        headers: Headers = [("x-amzn-ErrorType", error_type)] if error_type else []
        if own is None or own.template is None:
            body = json.dumps({"message": message}, separators=(",", ":"))
            content_type = _JSON
        else:
            body = own.template.fill(_values(refused, exchange), escape=False)
            content_type = own.content_type
        if own is not None:
            headers += own.headers
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        return Response((own and own.status) or status, headers, body.encode())


def _values(refused: RestRefusedError, exchange: Exchange) -> Mapping[str, object]:
    return {
        "requestId": exchange.request_id,
        "extendedRequestId": exchange.extended_id,
        "error.message": str(refused),
        "error.messageString": json.dumps(str(refused)),
        "error.responseType": refused.kind,
        "httpMethod": exchange.request.method,
        "resourcePath": exchange.route,
    }


def _own(values: Mapping[str, Any]) -> _Own:
    templates: Mapping[str, str] = values.get("responseTemplates") or {}
    content_type = _JSON if _JSON in templates else next(iter(templates), _JSON)
    parameters: Mapping[str, str] = values.get("responseParameters") or {}
    return _Own(
        status=int(values["statusCode"]) if values.get("statusCode") else None,
        headers=tuple(
            (name.removeprefix(_HEADER), value[1:-1])
            for name, value in parameters.items()
            if name.startswith(_HEADER) and value.startswith("'")
        ),
        template=Template(templates[content_type]) if content_type in templates else None,
        content_type=content_type,
    )
