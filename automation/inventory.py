"""Find a resource in the cloud whose creation nobody saw finish, through the AWS API.

By its tags where the type has them (project, stack and Name say which one it is), by a list of its siblings where only
that tells, and else by the id that its inputs imply: reading that back shows whether it exists.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

Values = Mapping[str, Any]
Client = Callable[[str], Any]

_QUEUE = "aws:sqs/queue:Queue"
_IDENTIFYING_TAGS = ("modeshift:project", "modeshift:stack", "Name")


@dataclass(frozen=True)
class Found:
    """Something that exists, or may: Pulumi's id for it, and what reading it back needs beyond its inputs."""

    id: str
    outputs: Values = field(default_factory=dict)


@dataclass(frozen=True)
class _Arn:
    """How a type's ARNs look after the account; the group is Pulumi's id, without one the ARN itself is."""

    service: str
    resource: str

    def id_in(self, arn: str) -> str | None:
        """Return the id of the resource that an ARN names, if it is of this type."""
        _, _, service, _, _, resource = arn.split(":", 5)
        match = re.fullmatch(self.resource, resource) if service == self.service else None
        if match is None:
            return None
        return match[1] if match.re.groups else arn


_LISTENER = "(?:app|net)/[^/]+/[^/]+/[^/]+"

BY_TAGS: Mapping[str, _Arn] = {
    "aws:acm/certificate:Certificate": _Arn("acm", "certificate/.+"),
    "aws:apigateway/apiKey:ApiKey": _Arn("apigateway", "/apikeys/([^/]+)"),
    "aws:apigateway/restApi:RestApi": _Arn("apigateway", "/restapis/([^/]+)"),
    "aws:apigateway/usagePlan:UsagePlan": _Arn("apigateway", "/usageplans/([^/]+)"),
    "aws:apigatewayv2/api:Api": _Arn("apigateway", "/apis/([^/]+)"),
    "aws:apigatewayv2/domainName:DomainName": _Arn("apigateway", "/domainnames/([^/]+)"),
    "aws:apigatewayv2/vpcLink:VpcLink": _Arn("apigateway", "/vpclinks/([^/]+)"),
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": _Arn(
        "chatbot", "chat-configuration/slack-channel/.+"
    ),
    "aws:cloudwatch/eventRule:EventRule": _Arn("events", "rule/([^/]+)"),
    "aws:cloudwatch/logGroup:LogGroup": _Arn("logs", "log-group:([^:*]+)(?::[*])?"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _Arn("cloudwatch", "alarm:(.+)"),
    "aws:dynamodb/table:Table": _Arn("dynamodb", "table/([^/]+)"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _Arn("ec2", "security-group/(.+)"),
    "aws:ec2/eip:Eip": _Arn("ec2", "elastic-ip/(.+)"),
    "aws:ec2/flowLog:FlowLog": _Arn("ec2", "vpc-flow-log/(.+)"),
    "aws:ec2/internetGateway:InternetGateway": _Arn("ec2", "internet-gateway/(.+)"),
    "aws:ec2/natGateway:NatGateway": _Arn("ec2", "natgateway/(.+)"),
    "aws:ec2/routeTable:RouteTable": _Arn("ec2", "route-table/(.+)"),
    "aws:ec2/securityGroup:SecurityGroup": _Arn("ec2", "security-group/(.+)"),
    "aws:ec2/subnet:Subnet": _Arn("ec2", "subnet/(.+)"),
    "aws:ec2/vpc:Vpc": _Arn("ec2", "vpc/(.+)"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _Arn("ec2", "vpc-endpoint/(.+)"),
    "aws:ecr/repository:Repository": _Arn("ecr", "repository/(.+)"),
    "aws:ecs/cluster:Cluster": _Arn("ecs", "cluster/.+"),
    "aws:ecs/service:Service": _Arn("ecs", "service/.+"),
    "aws:ecs/taskDefinition:TaskDefinition": _Arn("ecs", "task-definition/([^:]+):[0-9]+"),
    "aws:efs/accessPoint:AccessPoint": _Arn("elasticfilesystem", "access-point/(.+)"),
    "aws:efs/fileSystem:FileSystem": _Arn("elasticfilesystem", "file-system/(.+)"),
    "aws:eks/cluster:Cluster": _Arn("eks", "cluster/(.+)"),
    "aws:elasticache/serverlessCache:ServerlessCache": _Arn("elasticache", "serverlesscache:(.+)"),
    "aws:elasticache/user:User": _Arn("elasticache", "user:(.+)"),
    "aws:elasticache/userGroup:UserGroup": _Arn("elasticache", "usergroup:(.+)"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _Arn("iam", "oidc-provider/.+"),
    "aws:iam/policy:Policy": _Arn("iam", "policy/.+"),
    "aws:kms/key:Key": _Arn("kms", "key/(.+)"),
    "aws:lambda/eventSourceMapping:EventSourceMapping": _Arn("lambda", "event-source-mapping:(.+)"),
    "aws:lambda/function:Function": _Arn("lambda", "function:([^:]+)"),
    "aws:lb/listener:Listener": _Arn("elasticloadbalancing", f"listener/{_LISTENER}"),
    "aws:lb/listenerRule:ListenerRule": _Arn("elasticloadbalancing", f"listener-rule/{_LISTENER}/[^/]+"),
    "aws:lb/loadBalancer:LoadBalancer": _Arn("elasticloadbalancing", "loadbalancer/.+"),
    "aws:lb/targetGroup:TargetGroup": _Arn("elasticloadbalancing", "targetgroup/.+"),
    "aws:pipes/pipe:Pipe": _Arn("pipes", "pipe/(.+)"),
    # Its name, by which it is read just as well: the id is in no ARN.
    "aws:rds/instance:Instance": _Arn("rds", "db:(.+)"),
    "aws:rds/parameterGroup:ParameterGroup": _Arn("rds", "pg:(.+)"),
    "aws:rds/subnetGroup:SubnetGroup": _Arn("rds", "subgrp:(.+)"),
    "aws:s3/bucket:Bucket": _Arn("s3", "([^/]+)"),
    "aws:secretsmanager/secret:Secret": _Arn("secretsmanager", "secret:.+"),
    "aws:sns/topic:Topic": _Arn("sns", "[^:]+"),
    _QUEUE: _Arn("sqs", "[^/]+"),
    "aws:wafv2/webAcl:WebAcl": _Arn("wafv2", "regional/webacl/[^/]+/(.+)"),
}

# Parts of something that is ours, or named with random letters: nobody else has anything under these ids.
BY_INPUTS: Mapping[str, Callable[[Values], str]] = {
    "aws:acm/certificateValidation:CertificateValidation": lambda _: "0001-01-01 00:00:00 +0000 UTC",
    "aws:apigateway/methodSettings:MethodSettings": lambda inputs: (
        f"{inputs['restApi']}-{inputs['stageName']}-{inputs['methodPath']}"
    ),
    "aws:apigateway/stage:Stage": lambda inputs: f"ags-{inputs['restApi']}-{inputs['stageName']}",
    "aws:apigateway/usagePlanKey:UsagePlanKey": lambda inputs: inputs["keyId"],
    "aws:apigatewayv2/stage:Stage": lambda inputs: inputs["name"],
    "aws:appautoscaling/policy:Policy": lambda inputs: inputs["name"],
    "aws:appautoscaling/scheduledAction:ScheduledAction": lambda inputs: (
        f"{inputs['name']}-{inputs['serviceNamespace']}-{inputs['resourceId']}"
    ),
    "aws:appautoscaling/target:Target": lambda inputs: inputs["resourceId"],
    "aws:cloudwatch/dashboard:Dashboard": lambda inputs: inputs["dashboardName"],
    "aws:cloudwatch/eventTarget:EventTarget": lambda inputs: f"{inputs['rule']}-{inputs['targetId']}",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": lambda inputs: inputs["name"],
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": lambda inputs: inputs["policyName"],
    "aws:ec2/route:Route": lambda inputs: f"r-{inputs['routeTableId']}{_destination_hash(inputs)}",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": lambda inputs: inputs["repository"],
    "aws:ecr/repositoryPolicy:RepositoryPolicy": lambda inputs: inputs["repository"],
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": lambda inputs: inputs["clusterName"],
    "aws:efs/backupPolicy:BackupPolicy": lambda inputs: inputs["fileSystemId"],
    "aws:efs/fileSystemPolicy:FileSystemPolicy": lambda inputs: inputs["fileSystemId"],
    "aws:eks/accessEntry:AccessEntry": lambda inputs: f"{inputs['clusterName']}:{inputs['principalArn']}",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": lambda inputs: "#".join(
        inputs[key] for key in ("clusterName", "principalArn", "policyArn")
    ),
    "aws:eks/addon:Addon": lambda inputs: f"{inputs['clusterName']}:{inputs['addonName']}",
    "aws:iam/role:Role": lambda inputs: inputs["name"],
    "aws:iam/rolePolicy:RolePolicy": lambda inputs: f"{inputs['role']}:{inputs['name']}",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": lambda inputs: f"{inputs['role']}/{inputs['policyArn']}",
    "aws:kms/alias:Alias": lambda inputs: inputs["name"],
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": lambda inputs: ":".join(
        inputs[key] for key in ("functionName", "qualifier") if key in inputs
    ),
    "aws:lambda/permission:Permission": lambda inputs: inputs["statementId"],
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": lambda inputs: (
        f"{inputs['functionName']},{inputs['qualifier']}"
    ),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": lambda inputs: (
        f"{inputs['targetGroupArn']},{inputs['targetId']}"
    ),
    "aws:rds/proxy:Proxy": lambda inputs: inputs["name"],
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": lambda inputs: inputs["dbProxyName"],
    "aws:rds/proxyTarget:ProxyTarget": lambda inputs: (
        f"{inputs['dbProxyName']}/{inputs['targetGroupName']}/RDS_INSTANCE/{inputs['dbInstanceIdentifier']}"
    ),
    "aws:route53/record:Record": lambda inputs: "_".join(
        inputs[key] for key in ("zoneId", "name", "type", "setIdentifier") if key in inputs
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": lambda inputs: inputs["bucket"],
    "aws:s3/bucketLogging:BucketLogging": lambda inputs: inputs["bucket"],
    "aws:s3/bucketNotification:BucketNotification": lambda inputs: inputs["bucket"],
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": lambda inputs: inputs["bucket"],
    "aws:s3/bucketPolicy:BucketPolicy": lambda inputs: inputs["bucket"],
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda inputs: inputs["bucket"],
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        lambda inputs: inputs["bucket"]
    ),
    "aws:s3/bucketVersioning:BucketVersioning": lambda inputs: inputs["bucket"],
    "aws:scheduler/schedule:Schedule": lambda inputs: f"{inputs.get('groupName') or 'default'}/{inputs['name']}",
    "aws:secretsmanager/secretRotation:SecretRotation": lambda inputs: inputs["secretId"],
    "aws:sns/topicPolicy:TopicPolicy": lambda inputs: inputs["arn"],
    "aws:sqs/queuePolicy:QueuePolicy": lambda inputs: inputs["queueUrl"],
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": lambda inputs: inputs["queueUrl"],
    "kubernetes:core/v1:ConfigMap": lambda inputs: f"{inputs['metadata']['namespace']}/{inputs['metadata']['name']}",
    "kubernetes:core/v1:Namespace": lambda inputs: inputs["metadata"]["name"],
    "kubernetes:helm.sh/v3:Release": lambda inputs: f"{inputs['namespace']}/{inputs['name']}",
    "kubernetes:karpenter.sh/v1:NodePool": lambda inputs: inputs["metadata"]["name"],
    "aws:wafv2/webAclAssociation:WebAclAssociation": lambda inputs: f"{inputs['webAclArn']},{inputs['resourceArn']}",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": lambda inputs: inputs["resourceArn"],
}

REPEATABLE: Mapping[str, str] = {
    "aws:apigateway/account:Account": "an account has one in a region, which every call overwrites",
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": "a registry has one, which every call overwrites",
    "aws:lambda/invocation:Invocation": "a call and no thing: migrations that were made are not made again",
    "aws:sns/topicSubscription:TopicSubscription": "who subscribes twice gets the subscription that is there",
}
"""Types that need no search, with the reason why making them once more does no harm."""


class Inventory:
    """What the cloud holds beyond what a stack's state knows."""

    def __init__(self, client: Client, known: Sequence[Values]) -> None:
        self._client = client
        # A repeated id may be a newer thing (a revision of a task definition), a repeated ARN is the same one.
        self._known: set[tuple[str, str | None]] = {
            (resource["type"], (resource.get("outputs") or {}).get("arn") or resource["id"])
            for resource in known
            if resource.get("id")
        }
        self._urns = {resource["urn"] for resource in known if not resource.get("delete")}

    def find(self, resource: Values) -> list[Found]:
        """Return everything that may be this resource and that the state does not hold yet."""
        token, inputs = resource["type"], resource.get("inputs") or {}
        if token in BY_TAGS:
            return self._by_tags(token, inputs)
        if token in BY_LISTING:
            # Siblings that are alike in all that tells them apart are interchangeable, and shared out one by one.
            siblings = BY_LISTING[token](self._client, inputs)
            free = next((each for each in siblings if (token, each) not in self._known), None)
            self._known.add((token, free))
            return [] if free is None else [Found(free)]
        if token in BY_INPUTS and resource["urn"] not in self._urns:
            return [Found(BY_INPUTS[token](inputs))]
        return []

    def _by_tags(self, token: str, inputs: Values) -> list[Found]:
        tags = _identifying(inputs)
        if not tags:
            return []
        filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
        pages = self._client("resourcegroupstaggingapi").get_paginator("get_resources")
        arns = [
            each["ResourceARN"]
            for page in pages.paginate(TagFilters=filters)
            for each in page["ResourceTagMappingList"]
        ]
        found: list[Found] = []
        for arn in arns:
            identity = BY_TAGS[token].id_in(arn)
            if identity is not None and token == _QUEUE:
                identity = _queue_url(arn)
            if identity is not None and not {(token, arn), (token, identity)} & self._known:
                found.append(Found(identity, {"arn": arn}))
        return found


def _identifying(inputs: Values) -> Mapping[str, str]:
    """Return the tags that tell a resource from all others of its type; nothing where one is missing."""
    tags = inputs.get("tagsAll") or inputs.get("tags") or {}
    return {key: tags[key] for key in _IDENTIFYING_TAGS} if tags.keys() >= set(_IDENTIFYING_TAGS) else {}


def _deployments(client: Client, inputs: Values) -> Iterable[str]:
    # Copies of one API, of which the newest may be the one that is missed.
    pages = client("apigateway").get_paginator("get_deployments").paginate(restApiId=inputs["restApi"])
    items = [item for page in pages for item in page["items"]]
    return [item["id"] for item in sorted(items, key=lambda item: item["createdDate"], reverse=True)]


def _integrations(client: Client, inputs: Values) -> Iterable[str]:
    pages = client("apigatewayv2").get_paginator("get_integrations").paginate(ApiId=inputs["apiId"])
    for item in (item for page in pages for item in page["Items"]):
        if item.get("IntegrationUri") == inputs.get("integrationUri"):
            yield item["IntegrationId"]


def _routes(client: Client, inputs: Values) -> Iterable[str]:
    pages = client("apigatewayv2").get_paginator("get_routes").paginate(ApiId=inputs["apiId"])
    for item in (item for page in pages for item in page["Items"]):
        if item["RouteKey"] == inputs["routeKey"]:
            yield item["RouteId"]


def _mappings(client: Client, inputs: Values) -> Iterable[str]:
    for item in client("apigatewayv2").get_api_mappings(DomainName=inputs["domainName"])["Items"]:
        if item.get("ApiMappingKey", "") == inputs.get("apiMappingKey", ""):
            yield item["ApiMappingId"]


def _aliases(client: Client, inputs: Values) -> Iterable[str]:
    pages = client("lambda").get_paginator("list_aliases").paginate(FunctionName=inputs["functionName"])
    for item in (item for page in pages for item in page["Aliases"]):
        if item["Name"] == inputs["name"]:
            yield item["AliasArn"]


def _mount_targets(client: Client, inputs: Values) -> Iterable[str]:
    pages = client("efs").get_paginator("describe_mount_targets").paginate(FileSystemId=inputs["fileSystemId"])
    for item in (item for page in pages for item in page["MountTargets"]):
        if item["SubnetId"] == inputs["subnetId"]:
            yield item["MountTargetId"]


def _pod_identities(client: Client, inputs: Values) -> Iterable[str]:
    wanted = {"namespace": inputs["namespace"], "serviceAccount": inputs["serviceAccount"]}
    pages = (
        client("eks")
        .get_paginator("list_pod_identity_associations")
        .paginate(clusterName=inputs["clusterName"], **wanted)
    )
    for item in (item for page in pages for item in page["associations"]):
        if wanted.items() <= item.items():
            yield item["associationId"]


def _rules(client: Client, inputs: Values, *, egress: bool) -> Iterable[str]:
    # Their tags and ARNs do not say which way they let traffic through.
    wanted = _identifying(inputs)
    filters = [{"Name": "group-id", "Values": [inputs["securityGroupId"]]}]
    pages = client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=filters)
    for rule in (rule for page in pages for rule in page["SecurityGroupRules"]):
        tags = {tag["Key"]: tag["Value"] for tag in rule.get("Tags", ())}
        if rule["IsEgress"] == egress and wanted and wanted.items() <= tags.items():
            yield rule["SecurityGroupRuleId"]


def _route_table_associations(client: Client, inputs: Values) -> Iterable[str]:
    filters = [{"Name": "association.subnet-id", "Values": [inputs["subnetId"]]}]
    for table in client("ec2").describe_route_tables(Filters=filters)["RouteTables"]:
        for association in table["Associations"]:
            if association.get("SubnetId") == inputs["subnetId"]:
                yield association["RouteTableAssociationId"]


BY_LISTING: Mapping[str, Callable[[Client, Values], Iterable[str]]] = {
    "aws:apigateway/deployment:Deployment": _deployments,
    "aws:apigatewayv2/apiMapping:ApiMapping": _mappings,
    "aws:apigatewayv2/integration:Integration": _integrations,
    "aws:apigatewayv2/route:Route": _routes,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _route_table_associations,
    "aws:efs/mountTarget:MountTarget": _mount_targets,
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": _pod_identities,
    "aws:lambda/alias:Alias": _aliases,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": partial(_rules, egress=True),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": partial(_rules, egress=False),
}


def _queue_url(arn: str) -> str:
    _, partition, _, region, account, name = arn.split(":", 5)
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account}/{name}"


def _destination_hash(inputs: Values) -> int:
    names = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
    return zlib.crc32(next((str(inputs[name]) for name in names if inputs.get(name)), "").encode())
