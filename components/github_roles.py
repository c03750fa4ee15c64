"""Roles for GitHub Actions, entered by OIDC: no long-lived key anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.github_policies import (
    Shared,
    deploy_statements,
    preview_statements,
    publish_statements,
    read_statements,
)
from components.iam import policy_document
from components.service import Statement

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


class GithubRoles(Component):
    """One role that previews, reading only, one that publishes images, and one per environment that deploys.

    Pull requests and the trunk may preview, the trunk alone may publish. A deploying role can only be entered by a job
    that runs in the GitHub environment of its name, so that the environment's approvals guard it, and from the
    branches listed for it, if any are. Free of charge.
    """

    def __init__(
        self,
        name: str,
        *,
        repository: str,
        environments: Sequence[str],
        state_arn: pulumi.Input[str],
        key_arn: pulumi.Input[str],
        registry_arn: pulumi.Input[str],
        regions: Sequence[str],
        branches: Mapping[str, Sequence[str]] | None = None,
        trunk: str = "main",
        zones: Sequence[str] = (),
        provider_arn: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the roles.

        Args:
            name: Logical name; children are called after it.
            repository: `owner/name` of the GitHub repository.
            environments: Environments that get a deploying role; their stacks' names begin with theirs.
            state_arn: Bucket that holds the stacks' state.
            key_arn: Key that encrypts it.
            registry_arn: Registry that images are pushed to.
            regions: Where stacks are deployed.
            branches: Branches, as in `main` or `release/*`, by environment; all that GitHub lets pass otherwise.
            trunk: Branch that pull requests are merged into, and whose images are deployed.
            zones: Ids of the Route 53 zones that deployments may write to.
            provider_arn: GitHub's OIDC provider, where the account has it: there can be only one.
            opts: Options of the component.

        """
        super().__init__("GithubRoles", name, opts)
        self._repository = repository
        self._issuer_arn = self._issuer() if provider_arn is None else pulumi.Output.from_input(provider_arn)
        invoke = pulumi.InvokeOptions(parent=self)
        shared = Shared(
            state_arn=state_arn,
            key_arn=key_arn,
            registry_arn=registry_arn,
            partition=aws.get_partition_output(opts=invoke).partition,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
            regions=regions,
            zones=zones,
        )
        reads = aws.iam.Policy(
            self.child_name("reads"),
            description=f"GitHub Actions of {repository}: settings of what exists",
            policy=policy_document(read_statements()),
            tags=self.tags("reads"),
            opts=self.opts(),
        )
        merged = f"ref:refs/heads/{trunk}"
        self.preview = self._role("preview", ["pull_request", merged], (), preview_statements(shared))
        self.publish = self._role("publish", [merged], (), publish_statements(shared))
        self.deploy: Mapping[str, aws.iam.Role] = {
            environment: self._role(
                f"deploy-{environment}",
                [f"environment:{environment}"],
                (branches or {}).get(environment, ()),
                deploy_statements(environment, shared),
            )
            for environment in sorted(environments)
        }
        readers = {"preview": self.preview, **{f"deploy-{name}": role for name, role in self.deploy.items()}}
        for suffix, role in readers.items():
            aws.iam.RolePolicyAttachment(
                self.child_name(f"{suffix}-reads"), role=role.name, policy_arn=reads.arn, opts=self.opts()
            )
        self.register_outputs({"preview": self.preview.arn, "publish": self.publish.arn})

    def _issuer(self) -> pulumi.Output[str]:
        # AWS knows GitHub's certificates itself; a thumbprint would only go out of date.
        return aws.iam.OpenIdConnectProvider(
            self.child_name(),
            url=f"https://{_ISSUER}",
            client_id_lists=[_AUDIENCE],
            tags=self.tags(),
            opts=self.opts(),
        ).arn

    def _role(
        self, suffix: str, contexts: Sequence[str], branches: Sequence[str], statements: Sequence[Statement]
    ) -> aws.iam.Role:
        subjects = [f"repo:{self._repository}:{context}" for context in contexts]
        role = aws.iam.Role(
            self.child_name(suffix),
            assume_role_policy=self._issuer_arn.apply(lambda arn: trust_policy(arn, subjects, branches)),
            description=f"GitHub Actions of {self._repository}: {suffix}",
            tags=self.tags(suffix),
            opts=self.opts(),
        )
        aws.iam.RolePolicy(
            self.child_name(suffix), role=role.name, policy=policy_document(statements), opts=self.opts()
        )
        return role


def trust_policy(provider_arn: str, subjects: Sequence[str], branches: Sequence[str]) -> str:
    """Return who may take a role: jobs of exactly these subjects, and only from some branches if any are listed."""
    conditions: dict[str, dict[str, object]] = {
        "StringEquals": {f"{_ISSUER}:aud": _AUDIENCE, f"{_ISSUER}:sub": list(subjects)}
    }
    if branches:
        conditions["StringLike"] = {f"{_ISSUER}:ref": [f"refs/heads/{branch}" for branch in sorted(branches)]}
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": provider_arn},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": conditions,
                }
            ],
        },
        sort_keys=True,
    )
