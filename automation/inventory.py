"""Find a resource in the cloud whose creation nobody saw finish, through the AWS API.

By its tags where the type has them (project, stack and Name say which one it is), by a list of its siblings where only
that tells, and else by the id that its inputs imply: reading that back shows whether it exists.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from automation.cloud import Session

Resource = Mapping[str, Any]

_IDENTIFYING_TAGS = ("modeshift:project", "modeshift:stack", "Name")

# The tagging API's name of a type, and whether Pulumi's id is the ARN itself or what follows its last separator.
_BY_TAG: Mapping[str, tuple[str, bool]] = {
    "aws:acm/certificate:Certificate": ("acm:certificate", True),
    "aws:apigatewayv2/api:Api": ("apigateway:apis", False),
    "aws:apigatewayv2/vpcLink:VpcLink": ("apigateway:vpclinks", False),
    "aws:cloudwatch/logGroup:LogGroup": ("logs:log-group", False),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch:alarm", False),
    "aws:ec2/eip:Eip": ("ec2:elastic-ip", False),
    "aws:ec2/flowLog:FlowLog": ("ec2:vpc-flow-log", False),
    "aws:ec2/internetGateway:InternetGateway": ("ec2:internet-gateway", False),
    "aws:ec2/natGateway:NatGateway": ("ec2:natgateway", False),
    "aws:ec2/routeTable:RouteTable": ("ec2:route-table", False),
    "aws:ec2/securityGroup:SecurityGroup": ("ec2:security-group", False),
    "aws:ec2/subnet:Subnet": ("ec2:subnet", False),
    "aws:ec2/vpc:Vpc": ("ec2:vpc", False),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("ec2:vpc-endpoint", False),
    "aws:ecr/repository:Repository": ("ecr:repository", False),
    "aws:ecs/cluster:Cluster": ("ecs:cluster", True),
    "aws:ecs/service:Service": ("ecs:service", True),
    "aws:iam/role:Role": ("iam:role", False),
    "aws:kms/key:Key": ("kms:key", False),
    "aws:lambda/function:Function": ("lambda:function", False),
    "aws:lb/listener:Listener": ("elasticloadbalancing:listener", True),
    "aws:lb/listenerRule:ListenerRule": ("elasticloadbalancing:listener-rule", True),
    "aws:lb/loadBalancer:LoadBalancer": ("elasticloadbalancing:loadbalancer", True),
    "aws:lb/targetGroup:TargetGroup": ("elasticloadbalancing:targetgroup", True),
    "aws:s3/bucket:Bucket": ("s3:bucket", False),
    "aws:sqs/queue:Queue": ("sqs:queue", False),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ("ec2:security-group-rule", False),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("ec2:security-group-rule", False),
}

_BY_INPUTS: Mapping[str, Callable[[Resource], str]] = {
    "aws:apigatewayv2/stage:Stage": lambda inputs: inputs["name"],
    "aws:ec2/route:Route": lambda inputs: f"r-{inputs['routeTableId']}{_destination_hash(inputs)}",
    "aws:iam/rolePolicy:RolePolicy": lambda inputs: f"{inputs['role']}:{inputs['name']}",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": lambda inputs: f"{inputs['role']}/{inputs['policyArn']}",
    "aws:lambda/permission:Permission": lambda inputs: inputs["statementId"],
}


class Inventory:
    """What the cloud holds beyond what a stack's state knows."""

    def __init__(self, session: Session, known: Sequence[Resource]) -> None:
        self._client = session.aws_client
        self._known = {resource["id"] for resource in known if resource.get("id")}

    def find(self, resource: Resource) -> list[str]:
        """Return the Pulumi ids of everything that may be this resource and that the state does not hold yet."""
        token, inputs = resource["type"], resource["inputs"]
        if token in _BY_TAG:
            found = self._by_tags(token, inputs)
        elif token in _BY_LISTING:
            found = list(_BY_LISTING[token](self._client, inputs))
        elif token in _BY_INPUTS:
            found = [_BY_INPUTS[token](inputs)]
        else:
            # Creating these again is harmless: AWS overwrites them (scaling targets, attachments, policies by name).
            found = []
        return [identity for identity in found if identity not in self._known]

    def _by_tags(self, token: str, inputs: Resource) -> list[str]:
        resource_type, id_is_arn = _BY_TAG[token]
        tags = inputs.get("tagsAll") or inputs.get("tags") or {}
        filters = [{"Key": key, "Values": [tags[key]]} for key in _IDENTIFYING_TAGS if key in tags]
        pages = self._client("resourcegroupstaggingapi").get_paginator("get_resources")
        arns = [
            mapping["ResourceARN"]
            for page in pages.paginate(ResourceTypeFilters=[resource_type], TagFilters=filters)
            for mapping in page["ResourceTagMappingList"]
        ]
        return arns if id_is_arn else [_tail(arn) for arn in arns]


def _integrations(client: Callable[[str], Any], inputs: Resource) -> Iterable[str]:
    for item in client("apigatewayv2").get_integrations(ApiId=inputs["apiId"])["Items"]:
        if item.get("IntegrationUri") == inputs.get("integrationUri"):
            yield item["IntegrationId"]


def _routes(client: Callable[[str], Any], inputs: Resource) -> Iterable[str]:
    for item in client("apigatewayv2").get_routes(ApiId=inputs["apiId"])["Items"]:
        if item["RouteKey"] == inputs["routeKey"]:
            yield item["RouteId"]


def _route_table_associations(client: Callable[[str], Any], inputs: Resource) -> Iterable[str]:
    filters = [{"Name": "association.subnet-id", "Values": [inputs["subnetId"]]}]
    for table in client("ec2").describe_route_tables(Filters=filters)["RouteTables"]:
        for association in table["Associations"]:
            if association.get("SubnetId") == inputs["subnetId"]:
                yield association["RouteTableAssociationId"]


_BY_LISTING: Mapping[str, Callable[[Callable[[str], Any], Resource], Iterable[str]]] = {
    "aws:apigatewayv2/integration:Integration": _integrations,
    "aws:apigatewayv2/route:Route": _routes,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _route_table_associations,
}


def _tail(arn: str) -> str:
    return arn.replace("/", ":").rsplit(":", 1)[-1]


def _destination_hash(inputs: Resource) -> int:
    destination = inputs.get("destinationCidrBlock") or inputs.get("destinationIpv6CidrBlock") or ""
    return zlib.crc32(destination.encode())
