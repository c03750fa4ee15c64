"""Roles for GitHub Actions, entered by OIDC: no long-lived key anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_aws import iam

from components.base import Component
from components.iam import policy_document
from components.service import Statement

_ISSUER = "token.actions.githubusercontent.com"
_READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"

# The services whose resources the program creates. AWS offers no way to name a resource before it exists for most of
# their create calls, so the actions are bounded instead.
_DEPLOYED_SERVICES = (
    "acm",
    "apigateway",
    "application-autoscaling",
    "cloudwatch",
    "ec2",
    "ecs",
    "elasticloadbalancing",
    "kms",
    "lambda",
    "logs",
    "route53",
    "s3",
    "sqs",
)


class GithubRoles(Component):
    """Create one role that previews pull requests, reading only, and one role per environment that deploys.

    A deploying role can only be entered by a job that runs in the GitHub environment of its name, so that the
    environment's approvals guard it. Free of charge.

    Args:
        name: logical name.
        repository: `owner/name` of the GitHub repository.
        environments: environments that get a deploying role.
        state_arn: ARN of the bucket that holds the stacks' state.
        key_arn: ARN of the key that encrypts it.
        opts: resource options.
    """

    def __init__(
        self,
        name: str,
        *,
        repository: str,
        environments: Sequence[str],
        state_arn: pulumi.Input[str],
        key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("GithubRoles", name, opts)
        self._repository = repository
        self._provider = iam.OpenIdConnectProvider(
            name,
            url=f"https://{_ISSUER}",
            client_id_lists=["sts.amazonaws.com"],
            tags=self.tags(),
            opts=self.opts(),
        )
        state = _state_statements(state_arn, key_arn)
        self.preview = self._role("preview", f"repo:{repository}:pull_request", state)
        iam.RolePolicyAttachment(
            self.child_name("preview-read"),
            role=self.preview.name,
            policy_arn=_READ_ONLY,
            opts=self.opts(),
        )
        self.deploy: Mapping[str, iam.Role] = {
            environment: self._role(
                f"deploy-{environment}",
                f"repo:{repository}:environment:{environment}",
                [*state, *_deploy_statements(environment)],
            )
            for environment in environments
        }
        self.register_outputs({})

    def _role(self, suffix: str, subject: str, statements: Sequence[Statement]) -> iam.Role:
        role = iam.Role(
            self.child_name(suffix),
            assume_role_policy=self._provider.arn.apply(lambda arn: _trust(arn, subject)),
            description=f"GitHub Actions of {self._repository}: {suffix}",
            tags=self.tags(suffix),
            opts=self.opts(),
        )
        iam.RolePolicy(
            self.child_name(suffix),
            role=role.name,
            policy=policy_document(statements),
            opts=self.opts(),
        )
        return role


def _trust(provider_arn: str, subject: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": provider_arn},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": {f"{_ISSUER}:aud": "sts.amazonaws.com", f"{_ISSUER}:sub": subject}},
                }
            ],
        },
        sort_keys=True,
    )


def _state_statements(state_arn: pulumi.Input[str], key_arn: pulumi.Input[str]) -> list[Statement]:
    objects = pulumi.Output.concat(state_arn, "/*")
    return [
        Statement(actions=["s3:ListBucket"], resources=[state_arn]),
        Statement(actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], resources=[objects]),
        Statement(actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], resources=[key_arn]),
    ]


def _deploy_statements(environment: str) -> list[Statement]:
    own_roles = f"arn:aws:iam::*:role/{environment}-*"
    return [
        Statement(actions=[f"{service}:*" for service in _DEPLOYED_SERVICES], resources=["*"]),
        Statement(
            actions=[
                "iam:AttachRolePolicy",
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:Get*",
                "iam:List*",
                "iam:PassRole",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            resources=[own_roles],
        ),
        Statement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=["arn:aws:iam::*:role/aws-service-role/*"],
        ),
    ]
