"""Tags: who owns what, where it belongs and who pays for it."""

from __future__ import annotations

from policy.model import Level, NotKnown, Outcomes, Resource, Rule, Severity, Violation
from policy.values import UNKNOWN

REQUIRED = ("Cost-Center", "Environment", "Owner")

# By service, the kinds that take tags.
_KINDS = {
    "acm": "certificate:Certificate",
    "apigateway": "apiKey:ApiKey domainName:DomainName restApi:RestApi stage:Stage usagePlan:UsagePlan",
    "apigatewayv2": "api:Api domainName:DomainName stage:Stage vpcLink:VpcLink",
    "appautoscaling": "target:Target",
    "chatbot": "slackChannelConfiguration:SlackChannelConfiguration",
    "cloudwatch": "eventRule:EventRule logGroup:LogGroup metricAlarm:MetricAlarm",
    "dynamodb": "table:Table",
    "ec2": (
        "defaultSecurityGroup:DefaultSecurityGroup eip:Eip flowLog:FlowLog instance:Instance "
        "internetGateway:InternetGateway launchTemplate:LaunchTemplate natGateway:NatGateway routeTable:RouteTable "
        "securityGroup:SecurityGroup subnet:Subnet vpc:Vpc vpcEndpoint:VpcEndpoint"
    ),
    "ecr": "repository:Repository",
    "ecs": "cluster:Cluster service:Service taskDefinition:TaskDefinition",
    "efs": "accessPoint:AccessPoint fileSystem:FileSystem",
    "eks": "cluster:Cluster nodeGroup:NodeGroup podIdentityAssociation:PodIdentityAssociation",
    "elasticache": ("replicationGroup:ReplicationGroup serverlessCache:ServerlessCache user:User userGroup:UserGroup"),
    "iam": "openIdConnectProvider:OpenIdConnectProvider policy:Policy role:Role",
    "kms": "key:Key",
    "lambda": "eventSourceMapping:EventSourceMapping function:Function",
    "lb": "listener:Listener listenerRule:ListenerRule loadBalancer:LoadBalancer targetGroup:TargetGroup",
    "pipes": "pipe:Pipe",
    "rds": (
        "cluster:Cluster clusterInstance:ClusterInstance clusterParameterGroup:ClusterParameterGroup "
        "instance:Instance parameterGroup:ParameterGroup proxy:Proxy subnetGroup:SubnetGroup"
    ),
    "s3": "bucket:Bucket",
    "secretsmanager": "secret:Secret",
    "sns": "topic:Topic",
    "sqs": "queue:Queue",
    "vpc": "securityGroupEgressRule:SecurityGroupEgressRule securityGroupIngressRule:SecurityGroupIngressRule",
    "wafv2": "webAcl:WebAcl",
}

TAGGED = tuple(f"aws:{service}/{kind}" for service, kinds in _KINDS.items() for kind in kinds.split())


def _tagged(resource: Resource) -> Outcomes:
    # `tagsAll` is what the provider makes of a resource's own tags and the stack's.
    places = [resource.properties.get(name) for name in ("tagsAll", "tags")]
    tags = {key: value for place in places if isinstance(place, dict) for key, value in place.items()}
    missing = [key for key in REQUIRED if not tags.get(key)]
    if missing and UNKNOWN in places:
        yield NotKnown("tags")
    elif missing:
        yield Violation("tags", f"has no tag {', '.join(missing)}")


RULES = (
    Rule(
        id="MS-TAG-001",
        title="Everything says whose it is, where it belongs and who pays",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        types=TAGGED,
        remedy=f"Set {', '.join(REQUIRED)} in the default tags of the provider.",
        check=_tagged,
    ),
)
