"""The part of AWS's own API that operator commands use, over HTTP, answered from the account.

Serves the tagging API's GetResources, the integrations and routes of an HTTP API, and the route tables of EC2; any
other call is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from sandbox.control.account import Account, Resource

_GET_RESOURCES = "ResourceGroupsTaggingAPI_20170126.GetResources"
_API_CHILDREN = re.compile(r"^/v2/apis/(?P<api>[^/]+)/(?P<kind>integrations|routes)$")
_ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"

_API_MEMBERS = ("integrationUri", "routeKey", "target")

Document = dict[str, object]


def endpoint(account: Account) -> ThreadingHTTPServer:
    """Return a server on a free port of the loopback interface, not yet started."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer the REST calls."""
            if found := _API_CHILDREN.match(self.path.partition("?")[0]):
                self._send(_api_children(account, found["api"], found["kind"]))
            else:
                self._refuse(self.path)

        def do_POST(self) -> None:
            """Answer the calls that name their action in the request."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            target = self.headers.get("X-Amz-Target", "")
            form = {name: values[0] for name, values in parse_qs(body).items()} if not target else {}
            if target == _GET_RESOURCES:
                self._send(_tagged(account, json.loads(body)))
            elif form.get("Action") == "DescribeRouteTables":
                self._reply(HTTPStatus.OK, "text/xml", _route_tables(account, form))
            else:
                self._refuse(target or form.get("Action", self.path))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
            """Say nothing: requests may carry signatures."""

        def _refuse(self, call: str) -> None:
            message = f"The sandbox does not answer {call}; it serves the calls that modeshift's commands make."
            self._reply(
                HTTPStatus.BAD_REQUEST,
                "application/x-amz-json-1.1",
                json.dumps({"__type": "UnknownOperationException", "message": message}),
            )

        def _send(self, document: Document) -> None:
            self._reply(HTTPStatus.OK, "application/x-amz-json-1.1", json.dumps(document))

        def _reply(self, status: HTTPStatus, kind: str, text: str) -> None:
            payload = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


def _tagged(account: Account, request: Mapping[str, list[str] | list[dict[str, object]]]) -> Document:
    types = request.get("ResourceTypeFilters") or []
    filters = {str(each["Key"]): each.get("Values") or [] for each in request.get("TagFilters") or []}  # type: ignore[index]
    found: list[Document] = []
    for resource in account.list_resources():
        arn, tags = resource.outputs.get("arn"), resource.outputs.get("tagsAll")
        if not isinstance(arn, str) or not isinstance(tags, dict) or (types and _type_of(arn) not in types):
            continue
        if all(key in tags and (not values or tags[key] in values) for key, values in filters.items()):  # type: ignore[operator]
            pairs = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
            found.append({"ResourceARN": arn, "Tags": pairs})
    return {"PaginationToken": "", "ResourceTagMappingList": found}


def _type_of(arn: str) -> str:
    """Return how the tagging API calls the type of an ARN: `ec2:vpc`."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return f"{service}:{re.split('[/:]', resource.lstrip('/'), maxsplit=1)[0]}"


def _api_children(account: Account, api: str, kind: str) -> Document:
    singular = kind.removesuffix("s")
    token = f"aws:apigatewayv2/{singular}:{singular.capitalize()}"
    return {
        "items": [
            {f"{singular}Id": resource.id, **{key: resource.inputs[key] for key in _API_MEMBERS if key in resource.inputs}}
            for resource in account.list_resources()
            if resource.type == token and resource.inputs.get("apiId") == api
        ]
    }


def _route_tables(account: Account, form: Mapping[str, str]) -> str:
    subnet = form.get("Filter.1.Value.1")
    resources = account.list_resources()
    associations = [
        resource
        for resource in resources
        if resource.type == _ASSOCIATION and (subnet is None or resource.inputs.get("subnetId") == subnet)
    ]
    tables = [
        _table(table.id, [each for each in associations if each.inputs.get("routeTableId") == table.id])
        for table in resources
        if table.type == _ROUTE_TABLE
    ]
    items = "".join(table for table in tables if table)
    return (
        f'<DescribeRouteTablesResponse xmlns="{_EC2_NAMESPACE}"><routeTableSet>{items}</routeTableSet>'
        "</DescribeRouteTablesResponse>"
    )


def _table(identity: str, associations: list[Resource]) -> str:
    if not associations:
        return ""
    items = "".join(
        f"<item><routeTableAssociationId>{escape(each.id)}</routeTableAssociationId>"
        f"<routeTableId>{escape(identity)}</routeTableId>"
        f"<subnetId>{escape(str(each.inputs.get('subnetId')))}</subnetId></item>"
        for each in associations
    )
    return f"<item><routeTableId>{escape(identity)}</routeTableId><associationSet>{items}</associationSet></item>"
