"""What every stack stands on, brought up once per account: state bucket, its key, image registry, CI's roles."""

from __future__ import annotations

import re

import pulumi
import pulumi_aws as aws

from components.github_roles import GithubRoles
from components.key import Key
from components.private_bucket import PrivateBucket
from components.registry import ImageRegistry
from stacks.profiles import ENVIRONMENTS

_NAME = "modeshift"
_REPOSITORY = re.compile(r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")


def main() -> None:
    """Create the shared resources and export what the stacks' files need to name.

    Raises:
        pulumi.RunError: a setting is missing or malformed.
    """
    repository = pulumi.Config("modeshift").get("repository") or ""
    if not _REPOSITORY.match(repository):
        raise pulumi.RunError(
            f"modeshift:repository is {repository!r}, which is not a GitHub repository as owner/name. "
            "Set it in bootstrap/Pulumi.shared.yaml."
        )
    region = pulumi.Config("aws").require("region")
    provider = aws.Provider(
        "aws",
        region=region,
        default_tags=aws.ProviderDefaultTagsArgs(
            tags={
                "Environment": "shared",
                "Owner": "platform",
                "Cost-Center": "shared",
                "modeshift:project": pulumi.get_project(),
                "modeshift:stack": pulumi.get_stack(),
            }
        ),
    )
    opts = pulumi.ResourceOptions(providers=[provider])
    key = Key(f"{_NAME}-state", description="State and secrets of all stacks", opts=opts)
    bucket = PrivateBucket(f"{_NAME}-state", key_arn=key.arn, opts=opts)
    registry = ImageRegistry(_NAME, opts=opts)
    roles = GithubRoles(
        f"{_NAME}-ci",
        repository=repository,
        environments=ENVIRONMENTS,
        state_arn=bucket.arn,
        key_arn=key.arn,
        opts=opts,
    )
    pulumi.export("backend", bucket.id.apply(lambda name: f"s3://{name}?region={region}"))
    pulumi.export("secretsProvider", key.arn.apply(lambda arn: f"awskms:///{arn}?region={region}"))
    pulumi.export("registry", registry.url)
    pulumi.export("previewRole", roles.preview.arn)
    pulumi.export("deployRoles", {environment: role.arn for environment, role in roles.deploy.items()})
