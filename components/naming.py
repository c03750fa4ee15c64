"""How long a name may be, per resource type: the one table that settings are checked against.

The provider makes a physical name from the logical one and a suffix such as `-1a2b3c4`. Some types take more in the
provider than in AWS, so that a long name passes the preview and fails half-way through `up`; the table holds what AWS
takes. A type that is not in the table is an error: whoever adds a child adds its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

GENERATED_SUFFIX = 8
"""Length of what the provider appends to a logical name: a hyphen and seven hexadecimal digits."""

SECOND = "b"
"""Suffix of what ECS needs a second time: the versions of a service take turns on two target groups."""


class UnlistedTypeError(LookupError):
    """A resource type whose name limit nobody has written down."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind} has no entry in components/naming.py: add its longest physical name, or UNNAMED.")


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """Longest physical name in characters (None: the type has no name) and how many of them are generated."""

    longest: int | None
    generated: int = 0


UNNAMED = NameRule(longest=None)


def _generated(longest: int) -> NameRule:
    return NameRule(longest=longest, generated=GENERATED_SUFFIX)


_NAMED = {
    "aws:apigateway/restApi:RestApi": _generated(255),
    "aws:apigateway/stage:Stage": NameRule(longest=128),
    "aws:apigatewayv2/api:Api": _generated(128),
    "aws:apigatewayv2/stage:Stage": _generated(128),
    "aws:apigatewayv2/vpcLink:VpcLink": _generated(128),
    "aws:appautoscaling/policy:Policy": _generated(255),
    "aws:appautoscaling/scheduledAction:ScheduledAction": _generated(255),
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": NameRule(longest=128),
    "aws:cloudwatch/dashboard:Dashboard": NameRule(longest=255),
    "aws:cloudwatch/logGroup:LogGroup": _generated(255),
    "aws:apigateway/apiKey:ApiKey": _generated(255),
    "aws:apigateway/usagePlan:UsagePlan": _generated(255),
    "aws:wafv2/webAcl:WebAcl": _generated(128),
    "aws:cloudwatch/eventRule:EventRule": _generated(64),
    "aws:cloudwatch/eventTarget:EventTarget": _generated(64),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _generated(512),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _generated(255),
    "aws:dynamodb/table:Table": _generated(255),
    "aws:ec2/securityGroup:SecurityGroup": _generated(255),
    "aws:ecr/repository:Repository": _generated(255),
    "aws:ecs/cluster:Cluster": _generated(255),
    "aws:ecs/service:Service": _generated(255),
    "aws:ecs/taskDefinition:TaskDefinition": NameRule(longest=255),
    "aws:efs/fileSystem:FileSystem": _generated(64),
    "aws:eks/cluster:Cluster": NameRule(longest=100),
    "aws:elasticache/serverlessCache:ServerlessCache": _generated(40),
    "aws:elasticache/user:User": _generated(40),
    "aws:elasticache/userGroup:UserGroup": _generated(40),
    "aws:iam/policy:Policy": _generated(128),
    "aws:iam/role:Role": _generated(64),
    "aws:iam/rolePolicy:RolePolicy": _generated(128),
    "aws:kms/alias:Alias": _generated(238),
    "aws:lambda/alias:Alias": _generated(128),
    "aws:lambda/function:Function": _generated(64),
    "aws:lambda/permission:Permission": _generated(100),
    "aws:lb/loadBalancer:LoadBalancer": _generated(32),
    "aws:lb/targetGroup:TargetGroup": _generated(32),
    "aws:pipes/pipe:Pipe": _generated(64),
    # Called after its subnet group, which generates a name.
    "aws:rds/instance:Instance": _generated(63),
    "aws:rds/parameterGroup:ParameterGroup": _generated(255),
    "aws:rds/proxy:Proxy": _generated(63),
    "aws:rds/subnetGroup:SubnetGroup": _generated(255),
    "aws:s3/bucket:Bucket": _generated(63),
    "aws:scheduler/schedule:Schedule": _generated(64),
    "aws:secretsmanager/secret:Secret": _generated(255),
    "aws:sns/topic:Topic": _generated(80),
    "aws:sqs/queue:Queue": _generated(80),
    "eks:index:Cluster": NameRule(longest=100),
    "kubernetes:core/v1:Namespace": NameRule(longest=63),
    "kubernetes:helm.sh/v3:Release": NameRule(longest=53),
}

_UNNAMED = (
    "aws:acm/certificate:Certificate",
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:apigateway/account:Account",
    "aws:apigateway/deployment:Deployment",
    "aws:apigateway/methodSettings:MethodSettings",
    "aws:apigateway/usagePlanKey:UsagePlanKey",
    "aws:apigatewayv2/apiMapping:ApiMapping",
    "aws:apigatewayv2/domainName:DomainName",
    "aws:apigatewayv2/integration:Integration",
    "aws:apigatewayv2/route:Route",
    "aws:appautoscaling/target:Target",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/flowLog:FlowLog",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:ecr/replicationConfiguration:ReplicationConfiguration",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
    "aws:efs/accessPoint:AccessPoint",
    "aws:efs/backupPolicy:BackupPolicy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy",
    "aws:efs/mountTarget:MountTarget",
    "aws:eks/accessEntry:AccessEntry",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    "aws:eks/addon:Addon",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/key:Key",
    "aws:lambda/eventSourceMapping:EventSourceMapping",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "aws:lambda/invocation:Invocation",
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
    "aws:lb/listener:Listener",
    "aws:lb/listenerCertificate:ListenerCertificate",
    "aws:lb/listenerRule:ListenerRule",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
    "aws:rds/proxyTarget:ProxyTarget",
    "aws:route53/record:Record",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLogging:BucketLogging",
    "aws:s3/bucketNotification:BucketNotification",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:secretsmanager/secretRotation:SecretRotation",
    "aws:sqs/queuePolicy:QueuePolicy",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
    "awsx:ec2:Vpc",
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:karpenter.sh/v1:NodePool",
    "pulumi:providers:aws",
    "pulumi:providers:kubernetes",
)

RULES: Mapping[str, NameRule] = MappingProxyType({**_NAMED, **dict.fromkeys(_UNNAMED, UNNAMED)})

# The children of one service that are named after it, in any mode: type and suffix of the logical name. A service
# must fit them all, whatever its mode today, or changing one word in the stack file would not be enough to move it.
SERVICE_CHILDREN = (
    ("aws:ecs/service:Service", ""),
    ("aws:iam/role:Role", "execution"),
    ("aws:iam/rolePolicy:RolePolicy", "execution"),
    ("aws:lambda/function:Function", ""),
    ("aws:lb/targetGroup:TargetGroup", ""),
    ("aws:sqs/queue:Queue", "dead-letter"),
)

# The same for what a service links to, and for the queue of a trigger with what may send to it.
LINK_CHILDREN: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "bucket": (("aws:s3/bucket:Bucket", "logs"),),
        "cache": (("aws:elasticache/serverlessCache:ServerlessCache", ""), ("aws:elasticache/user:User", "")),
        "files": (("aws:efs/fileSystem:FileSystem", ""),),
        "postgres": (
            # A restored one has a name of up to 16 characters more.
            ("aws:rds/instance:Instance", 16 * "r"),
            ("aws:rds/proxy:Proxy", "proxy"),
            ("aws:iam/role:Role", "monitoring"),
        ),
        "queue": (
            ("aws:sqs/queue:Queue", "dead-letter"),
            ("aws:iam/role:Role", "schedule"),
            ("aws:pipes/pipe:Pipe", ""),
            ("aws:scheduler/schedule:Schedule", ""),
        ),
        "secret": (("aws:secretsmanager/secret:Secret", ""),),
        "table": (("aws:dynamodb/table:Table", ""),),
        "topic": (("aws:sns/topic:Topic", ""),),
    }
)

# What a stack has once that is named after it.
STACK_CHILDREN = (
    ("aws:iam/role:Role", "network-flow"),
    ("aws:lb/loadBalancer:LoadBalancer", "front-door"),
    ("aws:s3/bucket:Bucket", "front-door-logs"),
)


def limit(kind: str) -> int | None:
    """Return the longest logical name of a type, None when its name goes nowhere.

    Raises:
        UnlistedTypeError: The type has no entry.

    """
    try:
        rule = RULES[kind]
    except KeyError:
        raise UnlistedTypeError(kind) from None
    return None if rule.longest is None else rule.longest - rule.generated


def fits(kind: str, name: str) -> bool:
    """Tell whether a logical name leaves room for what the provider appends."""
    longest = limit(kind)
    return longest is None or len(name) <= longest


def service_name_budget(stack: str) -> int:
    """Return how long a service of this stack may be called, so that `{stack}-{service}` fits every child."""
    return _room(SERVICE_CHILDREN) - len(f"{stack}-")


def link_name_budget(kind: str) -> int:
    """Return how long `{stack}-{service}-{link}` may be for a link of a kind; the kind `queue` is that of triggers."""
    return _room(LINK_CHILDREN[kind])


def stack_name_budget() -> int:
    """Return how long a stack may be called, so that what it has once fits."""
    return _room(STACK_CHILDREN)


def _room(children: Iterable[tuple[str, str]]) -> int:
    """Return the longest name to which every suffix can be added."""
    return min(longest - len(f"-{suffix}" if suffix else "") for kind, suffix in children if (longest := limit(kind)))
