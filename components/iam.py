"""Roles and policies: what a role may do and on which resources, in a document that never changes by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from components.base import Component
from components.service import Statement

_VERSION = "2012-10-17"


def assume_role_policy(service: str) -> str:
    """Return the trust policy that lets one AWS service, as in `ecs-tasks.amazonaws.com`, take a role."""
    return json.dumps(
        {
            "Version": _VERSION,
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}],
        },
        sort_keys=True,
    )


def source_trust_policy(service: str, source_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the trust policy that lets one AWS service take a role, for resources of one ARN; `*` stands for any text.

    Without the condition, whoever has the service work for them could have it take the role (IAM user guide:
    confused-deputy).
    """
    return pulumi.Output.from_input(source_arn).apply(
        lambda arn: json.dumps(
            {
                "Version": _VERSION,
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": service},
                        "Condition": {
                            "ArnLike": {"aws:SourceArn": arn},
                            "StringEquals": {"aws:SourceAccount": account_of(arn)},
                        },
                    }
                ],
            },
            sort_keys=True,
        )
    )


def account_of(arn: str) -> str:
    """Return the account that an ARN names."""
    return arn.split(":")[4]


def use_key(key_arn: pulumi.Input[str] | None, *actions: str, service: str) -> list[Statement]:
    """Return what a customer key must be used for to work with data of one AWS service, as in `sqs`, and only there.

    Data under AWS's own keys takes no permission.
    """
    if key_arn is None:
        return []
    via = pulumi.Output.from_input(key_arn).apply(lambda arn: f"{service}.{arn.split(':')[3]}.amazonaws.com")
    return [
        Statement(
            actions=[f"kms:{action}" for action in actions],
            resources=[key_arn],
            conditions={"StringEquals": {"kms:ViaService": via}},
        )
    ]


def pod_trust_policy(*, cluster_arn: pulumi.Input[str], namespace: str, service_account: str) -> pulumi.Output[str]:
    """Return the trust policy that lets the pods of one service account take a role, by EKS Pod Identity.

    EKS tags the session with what the pod is; whoever associates another pod with the role gets nothing by it
    (EKS user guide: pod-id-role, pod-id-abac).
    """
    tags = {
        "aws:RequestTag/eks-cluster-arn": cluster_arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }
    return pulumi.Output.json_dumps(
        {
            "Version": _VERSION,
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["sts:AssumeRole", "sts:TagSession"],
                    "Principal": {"Service": "pods.eks.amazonaws.com"},
                    "Condition": {"StringEquals": tags},
                }
            ],
        },
        sort_keys=True,
    )


def policy_document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """Return the policy that allows exactly these statements.

    Actions and resources are sorted and listed once, so that the order a program happens to name them in is no diff.
    """
    return pulumi.Output.json_dumps(
        {"Version": _VERSION, "Statement": [_allow(statement) for statement in statements]}, sort_keys=True
    )


def _allow(statement: Statement) -> dict[str, object]:
    allowed: dict[str, object] = {
        "Effect": "Allow",
        "Action": sorted(set(statement.actions)),
        "Resource": pulumi.Output.all(*statement.resources).apply(_sorted),
    }
    if statement.conditions:
        allowed["Condition"] = {test: dict(values) for test, values in statement.conditions.items()}
    return allowed


def _sorted(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role and its inline policy; what uses the role waits for both, or it starts before it is allowed to."""

    role: iam.Role
    policy: iam.RolePolicy | None

    @property
    def resources(self) -> list[pulumi.Resource]:
        """Return what to depend on."""
        return [self.role] if self.policy is None else [self.role, self.policy]


def grant(
    parent: Component, suffix: str, *, trust: pulumi.Input[str], description: str, statements: Sequence[Statement]
) -> Grant:
    """Create a role that those in its trust policy take and that may do what the statements say, else nothing."""
    name = parent.child_name(suffix)
    role = iam.Role(
        name,
        assume_role_policy=trust,
        description=description,
        tags=parent.tags(suffix),
        opts=parent.opts(),
    )
    policy = None
    if statements:
        policy = iam.RolePolicy(name, role=role.name, policy=policy_document(statements), opts=parent.opts())
    return Grant(role=role, policy=policy)
