"""What every stack stands on, brought up once per account: state bucket, its key, image registry, CI's roles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.api_logs import ApiLogs
from components.github_roles import GithubRoles
from components.key import CustomerKey
from components.private_bucket import PrivateBucket
from components.registry import ImageRegistry
from stacks.bootstrap_settings import Bootstrap, resolve_bootstrap
from stacks.errors import SettingsError
from stacks.files import read_stack_file
from stacks.program import engine_config

_NAME = "modeshift"


def main() -> None:
    """Create the shared resources and export what the stacks' files need to name.

    Raises:
        pulumi.RunError: A setting is missing or malformed; the engine shows the text alone.

    """
    path = Path(pulumi.get_root_directory()) / f"Pulumi.{pulumi.get_stack()}.yaml"
    try:
        file = read_stack_file(path) if path.is_file() else None
        resolved = resolve_bootstrap(engine_config(), file)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in bootstrap(resolved).items():
        pulumi.export(name, value)


def bootstrap(resolved: Bootstrap) -> Mapping[str, pulumi.Input[object]]:
    """Create the shared resources and return the program's outputs."""
    settings, region = resolved.settings, resolved.region
    opts = pulumi.ResourceOptions(providers=[_provider(resolved)])
    key = CustomerKey(f"{_NAME}-state", opts=opts)
    bucket = PrivateBucket(f"{_NAME}-state", key_arn=key.arn, opts=opts)
    registry = ImageRegistry(_NAME, opts=opts)
    roles = GithubRoles(
        f"{_NAME}-ci",
        repository=settings.repository,
        environments=settings.environments,
        branches=settings.branches,
        trunk=settings.trunk,
        state_arn=bucket.arn,
        key_arn=key.arn,
        registry_arn=registry.arn,
        regions=resolved.regions,
        zones=settings.zones,
        provider_arn=settings.oidc_provider,
        opts=opts,
    )
    if settings.api_logs:
        ApiLogs(f"{_NAME}-api-logs", regions=resolved.regions, opts=opts)
    return {
        "backend": pulumi.Output.format("s3://{0}?region={1}", bucket.id, region),
        "secretsProvider": pulumi.Output.format("awskms:///{0}?region={1}", key.arn, region),
        "registry": registry.url,
        "region": region,
        "previewRole": roles.preview.arn,
        "publishRole": roles.publish.arn,
        "deployRoles": {environment: role.arn for environment, role in roles.deploy.items()},
    }


def _provider(resolved: Bootstrap) -> aws.Provider:
    settings = resolved.settings
    return aws.Provider(
        "aws",
        region=resolved.region,
        allowed_account_ids=None if settings.account is None else [settings.account],
        default_tags=aws.ProviderDefaultTagsArgs(
            tags={
                "Environment": "shared",
                "Owner": settings.owner,
                "Cost-Center": settings.cost_center,
                "modeshift:project": pulumi.get_project(),
                "modeshift:stack": pulumi.get_stack(),
            }
        ),
    )
