"""IAM: what policies allow, who may take roles, and who there is."""

from __future__ import annotations

import re

from policy.checks import every, must, must_not_exist
from policy.documents import Statement, actions, allows, condition_keys, denied, is_anybody, on_everything
from policy.model import Check, Level, Rule, Severity
from policy.values import Value, texts

ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
KEY = "aws:iam/accessKey:AccessKey"
ROLE = "aws:iam/role:Role"
USER = "aws:iam/user:User"

_POLICIES = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/userPolicy:UserPolicy",
    ROLE,
)
_DOCUMENTS = ("policy", "inlinePolicies[*].policy")

# With one of these on every resource, a role can give itself any other right.
_ESCALATIONS = (
    *("iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy"),
    *("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreatePolicyVersion", "iam:PassRole"),
    *("iam:PutGroupPolicy", "iam:PutRolePolicy", "iam:PutUserPolicy", "iam:SetDefaultPolicyVersion"),
    *("iam:UpdateAssumeRolePolicy", "iam:UpdateLoginProfile", "sts:AssumeRole"),
)
_READS = ("s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters")
_DECRYPTS = ("kms:Decrypt", "kms:ReEncryptFrom")

_MANAGED = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/(?P<name>.+)")
# Those that AWS itself names as the way to run something, and that allow no more than that.
_FINE_MANAGED = frozenset(
    {
        *("AmazonEKSClusterPolicy", "AmazonEKSComputePolicy", "AmazonEKSBlockStoragePolicy"),
        *("AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy"),
        *("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"),
        *("service-role/AmazonRDSEnhancedMonitoringRole",),
    }
)

_GITHUB = "token.actions.githubusercontent.com"
_SUBJECT = f"{_GITHUB}:sub"
# The repository, and what in it: an environment, pull requests or one branch.
_PINNED = re.compile(r"repo:[^/:*?]+/[^/:*?]+:(environment:[^*?]+|pull_request|ref:refs/heads/[^*?]+)")


def _is_admin(statement: Statement) -> bool:
    return "*" in actions(statement) and on_everything(statement)


def _is_whole_service(statement: Statement) -> bool:
    return any(re.fullmatch(r"[a-z0-9-]+:\*", action) for action in actions(statement))


def _everywhere(*wanted: str) -> Check:
    """Refuse a grant of some actions on every resource; what allows all there is has a rule of its own."""

    def wrong(statement: Statement) -> bool:
        return on_everything(statement) and not _is_admin(statement) and not _is_whole_service(statement)

    return denied(
        _DOCUMENTS,
        lambda statement: wrong(statement) and allows(statement, *wanted) and not condition_keys(statement),
        f"allows {_listed(wanted)} on every resource",
    )


def _listed(wanted: tuple[str, ...]) -> str:
    return wanted[0] if len(wanted) == 1 else f"{wanted[0]} or the like"


def _is_own_or_fine(arn: Value) -> bool:
    managed = _MANAGED.fullmatch(arn) if isinstance(arn, str) else None
    return managed is None or managed["name"] in _FINE_MANAGED


def _is_loose(statement: Statement) -> bool:
    """Whether GitHub may take a role for more than one repository, or for anything in it."""
    principal = statement.get("Principal")
    federated = texts(principal.get("Federated")) if isinstance(principal, dict) else []
    if not any(name.endswith(_GITHUB) for name in federated):
        return False
    conditions = statement.get("Condition")
    tests = conditions.values() if isinstance(conditions, dict) else ()
    subjects = [subject for test in tests if isinstance(test, dict) for subject in texts(test.get(_SUBJECT))]
    return not subjects or not all(_PINNED.fullmatch(subject) for subject in subjects)


RULES = (
    Rule(
        id="MS-IAM-001",
        title="No policy allows everything",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("IAM.1", "CKV_AWS_62", "CKV_AWS_63", "CKV2_AWS_40"),
        types=_POLICIES,
        remedy="Name the actions and the resources that are needed.",
        check=denied(_DOCUMENTS, _is_admin, "allows everything"),
    ),
    Rule(
        id="MS-IAM-002",
        title="No policy allows all of a service",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("IAM.21", "AwsSolutions-IAM5", "AWS-0057"),
        types=_POLICIES,
        remedy="Name the service's actions that are needed.",
        check=denied(_DOCUMENTS, _is_whole_service, "allows all actions of a service"),
    ),
    Rule(
        id="MS-IAM-003",
        title="No policy lets its holder give itself more",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_286", "CKV_AWS_289", "AWS-0342"),
        types=_POLICIES,
        remedy="Name the roles that may be passed, taken or changed.",
        check=_everywhere(*_ESCALATIONS),
    ),
    Rule(
        id="MS-IAM-004",
        title="No policy lets its holder read all data",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_288",),
        types=_POLICIES,
        remedy="Name the buckets, secrets and parameters that may be read.",
        check=_everywhere(*_READS),
    ),
    Rule(
        id="MS-IAM-005",
        title="No policy lets its holder decrypt with every key",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("KMS.1", "KMS.2"),
        types=_POLICIES,
        remedy="Name the keys.",
        check=_everywhere(*_DECRYPTS),
    ),
    Rule(
        id="MS-IAM-006",
        title="There are no users and no access keys",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("IAM.2",),
        types=(USER, KEY),
        remedy="Let people sign in through the identity centre and machines take roles.",
        check=must_not_exist("is a way in that does not expire"),
    ),
    Rule(
        id="MS-IAM-007",
        title="Roles hold policies of their own, and few of AWS's",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("AwsSolutions-IAM4",),
        types=(ATTACHMENT, ROLE),
        remedy="Write a policy with what is needed; AWS's allow every resource, and grow.",
        check=every(
            must("policyArn", _is_own_or_fine, "holds a policy of AWS's that is not on the list"),
            must("managedPolicyArns[*]", _is_own_or_fine, "holds a policy of AWS's that is not on the list"),
        ),
    ),
    Rule(
        id="MS-IAM-008",
        title="Roles say who may take them",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_60", "CKV_AWS_61"),
        types=(ROLE,),
        remedy="Name the service, role or account in the trust policy.",
        check=denied(["assumeRolePolicy"], is_anybody, "may be taken by everybody"),
    ),
    Rule(
        id="MS-IAM-009",
        title="GitHub may take a role for one repository, and for one thing in it",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_393",),
        types=(ROLE,),
        remedy=f"Compare `{_SUBJECT}` with repo:OWNER/NAME:environment:ENVIRONMENT, without wildcards.",
        check=denied(["assumeRolePolicy"], _is_loose, "may be taken by other repositories or by anything in one"),
    ),
)
