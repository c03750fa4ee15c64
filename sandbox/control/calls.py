"""AWS calls that the account itself answers.

The tagging API's GetResources, the integrations and routes of an HTTP API, the mappings of its domain, the aliases of a
function, the Pod Identity associations of a cluster, the addresses of a file system, the route tables and rules of EC2,
images of a registry, the backups of databases, and what `signals.py` says of target groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from sandbox.control import faults, signals
from sandbox.control.account import Account, Resource
from sandbox.control.regions import partition
from sandbox.control.scope import ACCOUNT_ID
from sandbox.data import backups

_IMAGE = "aws:ecr/image:Image"
_NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
_RULES = frozenset(
    [
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ]
)
_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_EC2 = "http://ec2.amazonaws.com/doc/2016-11-15/"
HEALTH = "DescribeTargetHealth"
METRICS = "GraniteServiceVersion20100801.GetMetricData"
_NO_GROUP = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code>"
    "<Message>One or more target groups not found</Message></Error></ErrorResponse>"
)


@dataclass(frozen=True)
class _List:
    """A REST call that lists what belongs to something: its path, the type, and the members of each item.

    What it belongs to is in the path, or where `query` names it.
    """

    path: str
    token: str
    owner: str
    wrapper: str
    members: Mapping[str, str]
    query: str = ""


_LISTS = (
    _List(
        "/restapis/([^/]+)/deployments",
        "aws:apigateway/deployment:Deployment",
        "restApi",
        "item",
        {"id": "id", "createdDate": "createdDate"},
    ),
    _List(
        "/v2/apis/([^/]+)/integrations",
        "aws:apigatewayv2/integration:Integration",
        "apiId",
        "items",
        {"integrationId": "id", "integrationUri": "integrationUri", "integrationType": "integrationType"},
    ),
    _List(
        "/v2/apis/([^/]+)/routes",
        "aws:apigatewayv2/route:Route",
        "apiId",
        "items",
        {"routeId": "id", "routeKey": "routeKey", "target": "target"},
    ),
    _List(
        "/v2/domainnames/([^/]+)/apimappings",
        "aws:apigatewayv2/apiMapping:ApiMapping",
        "domainName",
        "items",
        {"apiMappingId": "id", "apiId": "apiId", "apiMappingKey": "apiMappingKey", "stage": "stage"},
    ),
    _List(
        "/clusters/([^/]+)/pod-identity-associations",
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        "clusterName",
        "associations",
        {"associationId": "associationId", "namespace": "namespace", "serviceAccount": "serviceAccount"},
    ),
    _List(
        "/2015-03-31/functions/([^/]+)/aliases",
        "aws:lambda/alias:Alias",
        "functionName",
        "Aliases",
        {"AliasArn": "arn", "Name": "name", "FunctionVersion": "functionVersion"},
    ),
    _List(
        "/2015-02-01/mount-targets",
        "aws:efs/mountTarget:MountTarget",
        "fileSystemId",
        "MountTargets",
        {"MountTargetId": "id", "FileSystemId": "fileSystemId", "SubnetId": "subnetId"},
        query="FileSystemId",
    ),
)

Document = dict[str, object]


def listed(account: Account, path: str, query: str) -> Document | None:
    """Answer a REST call that lists something; None when it is not served."""
    return next((answer for each in _LISTS if (answer := _listed(account, each, path, query)) is not None), None)


def in_xml(account: Account, form: Mapping[str, str]) -> tuple[HTTPStatus, str] | None:
    """Answer a call that comes as a form; None when it is not served."""
    action = form.get("Action", "")
    if action == HEALTH:
        text = signals.describe_target_health(account, form)
        return (HTTPStatus.OK, text) if text else (HTTPStatus.BAD_REQUEST, _NO_GROUP)
    if action == backups.CALL:
        return backups.describe_automated_backups(account.store.path.parent, form)
    if action not in _QUERIES:
        return None
    answer = _QUERIES[action](account, _filters(form))
    return HTTPStatus.OK, f'<{action}Response xmlns="{_EC2}">{answer}</{action}Response>'


def _tagged(account: Account, request: Mapping[str, list[str] | list[dict[str, object]]]) -> Document:
    types = request.get("ResourceTypeFilters") or []
    filters = {str(each["Key"]): each.get("Values") or [] for each in request.get("TagFilters") or []}  # type: ignore[index]
    found: list[Document] = []
    for resource in account.list_resources():
        arn, tags = resource.outputs.get("arn") or _unsaid_arn(resource), resource.outputs.get("tagsAll")
        if not isinstance(arn, str) or not isinstance(tags, dict) or (types and _type_of(arn) not in types):
            continue
        if all(key in tags and (not values or tags[key] in values) for key, values in filters.items()):  # type: ignore[operator]
            pairs = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
            found.append({"ResourceARN": arn, "Tags": pairs})
    return {"PaginationToken": "", "ResourceTagMappingList": found}


def _images(account: Account, request: Mapping[str, list[Document]]) -> Document:
    """Answer for images that nobody pushes here: each is there, unless a fault on reading images says otherwise."""
    wanted = request.get("imageIds") or []
    if faults.due(account, _IMAGE, "read") is not None:
        missing = f"The image with imageId {wanted} does not exist within the repository"
        return {"__type": "ImageNotFoundException", "message": missing}
    return {"imageDetails": [{"repositoryName": request["repositoryName"], **image} for image in wanted]}


def _unsaid_arn(resource: Resource) -> str | None:
    """Return the ARN of what has one that the provider does not tell."""
    if resource.type != _NAT_GATEWAY:
        return None
    return f"arn:{partition(resource.region)}:ec2:{resource.region}:{ACCOUNT_ID}:natgateway/{resource.id}"


def _type_of(arn: str) -> str:
    """Return how the tagging API calls the type of an ARN: `ec2:vpc`."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return f"{service}:{re.split('[/:]', resource.lstrip('/'), maxsplit=1)[0]}"


def _listed(account: Account, kind: _List, path: str, query: str) -> Document | None:
    found = re.fullmatch(kind.path, path)
    if found is None:
        return None
    named = parse_qs(query).get(kind.query, [""])[0] if kind.query else unquote(found[1])
    # A function may be given by name or by ARN.
    owner = named.rsplit(":", 1)[-1]
    items: list[Document] = []
    for resource in account.list_resources():
        if resource.type == kind.token and str(resource.inputs.get(kind.owner)).rsplit(":", 1)[-1] == owner:
            values = {"id": resource.id, **resource.outputs}
            items.append({member: values[name] for member, name in kind.members.items() if values.get(name)})
    return {kind.wrapper: items}


def _filters(form: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the filters of an EC2 call, which come as `Filter.1.Name` and `Filter.1.Value.1`."""
    names = {key.split(".")[1]: value for key, value in form.items() if re.fullmatch(r"Filter\.\d+\.Name", key)}
    return {
        name: {value for key, value in form.items() if key.startswith(f"Filter.{number}.Value.")}
        for number, name in names.items()
    }


def _route_tables(account: Account, filters: Mapping[str, set[str]]) -> str:
    subnets = filters.get("association.subnet-id")
    tables: dict[str, list[str]] = {}
    for resource in account.list_resources():
        if resource.type == _ASSOCIATION and (subnets is None or resource.inputs.get("subnetId") in subnets):
            table = str(resource.inputs.get("routeTableId"))
            fields = {"routeTableAssociationId": resource.id, "routeTableId": table}
            tables.setdefault(table, []).append(_item(fields | {"subnetId": resource.inputs.get("subnetId")}))
    items = [
        _item({"routeTableId": table}, f"<associationSet>{''.join(associations)}</associationSet>")
        for table, associations in tables.items()
    ]
    return f"<routeTableSet>{''.join(items)}</routeTableSet>"


def _rules(account: Account, filters: Mapping[str, set[str]]) -> str:
    groups = filters.get("group-id")
    items: list[str] = []
    for resource in account.list_resources():
        if resource.type in _RULES and (groups is None or resource.inputs.get("securityGroupId") in groups):
            tags = resource.outputs.get("tagsAll")
            pairs = (
                [_item({"key": key, "value": value}) for key, value in tags.items()] if isinstance(tags, dict) else []
            )
            fields = {"securityGroupRuleId": resource.id, "groupId": resource.inputs.get("securityGroupId")}
            egress = "true" if "Egress" in resource.type else "false"
            items.append(_item(fields | {"isEgress": egress}, f"<tagSet>{''.join(pairs)}</tagSet>"))
    return f"<securityGroupRuleSet>{''.join(items)}</securityGroupRuleSet>"


def _item(fields: Mapping[str, object], more: str = "") -> str:
    return (
        "<item>" + "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in fields.items()) + f"{more}</item>"
    )


_QUERIES = {"DescribeRouteTables": _route_tables, "DescribeSecurityGroupRules": _rules}
JSON_CALLS = {
    "AmazonEC2ContainerRegistry_V20150921.DescribeImages": _images,
    METRICS: signals.metric_data,
    "ResourceGroupsTaggingAPI_20170126.GetResources": _tagged,
}
