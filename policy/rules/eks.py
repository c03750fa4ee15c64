"""EKS: clusters, their nodes and who in them may do what; and the machines that nodes are."""

from __future__ import annotations

from policy.checks import WORLD, as_number, every, is_in, is_set, is_true, must, some, when
from policy.model import Level, NotKnown, Outcomes, Resource, Rule, Severity, Stack, Violation
from policy.relations import Answer, any_of, wanted
from policy.values import UNKNOWN, find, texts

ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
CLUSTER = "aws:eks/cluster:Cluster"
INSTANCE = "aws:ec2/instance:Instance"
NODES = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_MOST_HOPS = 2


def _endpoint(cluster: Resource) -> Outcomes:
    public, cidrs = (
        next(find(cluster.properties, f"vpcConfig.{name}")).value
        for name in ("endpointPublicAccess", "publicAccessCidrs")
    )
    if public is False:
        return
    if UNKNOWN in (public, cidrs):
        yield NotKnown("vpcConfig")
    elif not texts(cidrs) or any(cidr in WORLD for cidr in texts(cidrs)):
        yield Violation("vpcConfig.publicAccessCidrs", "shows its API to the world")


def _own_role(association: Resource, stack: Stack) -> Outcomes:
    others = [other for other in stack.of(ASSOCIATION) if other.urn != association.urn]
    shared = any_of(_same_role(association, other) for other in others)
    yield from wanted(None if shared is None else not shared, Violation("roleArn", "shares its role with another app"))


def _same_role(one: Resource, other: Resource) -> Answer:
    roles = [each.properties.get("roleArn") for each in (one, other)]
    if UNKNOWN not in roles:
        return roles[0] == roles[1]
    origins = [(each.dependencies or {}).get("roleArn") for each in (one, other)]
    return origins[0] == origins[1] if all(origins) else None


def _protected(cluster: Resource) -> Outcomes:
    if not cluster.protect:
        yield from must("deletionProtection", is_true, "is not protected from deletion")(cluster)


_SESSIONS_ONLY = every(
    must("metadataOptions.httpTokens", is_in("required"), "answers metadata requests without a session"),
    must(
        "metadataOptions.httpPutResponseHopLimit",
        lambda hops: hops is None or (as_number(hops) or 0) <= _MOST_HOPS,
        "answers metadata requests from too far away",
    ),
)

RULES = (
    Rule(
        id="MS-EKS-001",
        title="The world does not see a cluster's API",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("EKS.1", "CKV_AWS_38", "CKV_AWS_39", "AwsSolutions-EKS1", "AWS-0040", "AWS-0041"),
        types=(CLUSTER,),
        remedy="Turn `vpcConfig.endpointPublicAccess` off, or list who may see it in `publicAccessCidrs`.",
        check=_endpoint,
    ),
    Rule(
        id="MS-EKS-002",
        title="A cluster moves on before its version costs six times as much",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("EKS.2", "CKV_AWS_339"),
        types=(CLUSTER,),
        remedy="Set `upgradePolicy.supportType` to STANDARD: the cluster is upgraded when its version's support ends.",
        check=must("upgradePolicy.supportType", is_in("STANDARD"), "stays on a version in extended support"),
    ),
    Rule(
        id="MS-EKS-003",
        title="A cluster encrypts its secrets with a key of one's own",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("EKS.3", "CKV_AWS_58", "AWS-0039"),
        types=(CLUSTER,),
        remedy="Set `encryptionConfig` with `provider.keyArn` and `resources` [secrets].",
        check=every(
            must("encryptionConfig.provider.keyArn", is_set, "does not encrypt its secrets"),
            some("encryptionConfig.resources[*]", is_in("secrets"), "does not encrypt its secrets"),
        ),
    ),
    Rule(
        id="MS-EKS-004",
        title="A cluster writes all logs of its control plane",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("EKS.8", "CKV_AWS_37", "AwsSolutions-EKS2", "AWS-0038"),
        types=(CLUSTER,),
        remedy=f"List {', '.join(_LOGS)} in `enabledClusterLogTypes`.",
        check=every(*(some("enabledClusterLogTypes[*]", is_in(log), f"does not write its {log} log") for log in _LOGS)),
    ),
    Rule(
        id="MS-EKS-005",
        title="Nobody signs in to nodes from anywhere",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_100",),
        types=(NODES,),
        remedy="Leave `remoteAccess` out, or name `sourceSecurityGroupIds`.",
        check=when(
            "remoteAccess.ec2SshKey",
            is_set,
            must("remoteAccess.sourceSecurityGroupIds", is_set, "takes SSH from anywhere"),
        ),
    ),
    Rule(
        id="MS-EKS-006",
        title="Access to a cluster is written down in AWS",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(CLUSTER,),
        remedy='Set `accessConfig.authenticationMode` to "API" and add access entries.',
        check=must("accessConfig.authenticationMode", is_in("API"), "also takes its access list from inside"),
    ),
    Rule(
        id="MS-EKS-007",
        title="Who creates a cluster is not its administrator for ever",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(CLUSTER,),
        remedy="Set `accessConfig.bootstrapClusterCreatorAdminPermissions` to false.",
        check=must(
            "accessConfig.bootstrapClusterCreatorAdminPermissions",
            is_in(False),  # noqa: FBT003
            "makes its creator administrator",
        ),
    ),
    Rule(
        id="MS-EKS-008",
        title="Each app has a role of its own",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(ASSOCIATION,),
        remedy="Give each Pod Identity association another `roleArn`.",
        relation=_own_role,
    ),
    Rule(
        id="MS-EKS-009",
        title="A cluster cannot be deleted by accident",
        severity=Severity.HIGH,
        level=Level.PROD,
        types=(CLUSTER,),
        remedy="Set `deletionProtection`, or protect the resource in Pulumi.",
        check=_protected,
    ),
    Rule(
        id="MS-EC2-001",
        title="Machines tell their secrets to sessions only",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("EC2.8", "EC2.170", "CKV_AWS_79", "CKV_AWS_341"),
        types=(INSTANCE, TEMPLATE),
        remedy="Set `metadataOptions.httpTokens` to required and its hop limit to 2 or less.",
        check=_SESSIONS_ONLY,
    ),
)
