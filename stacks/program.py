"""The Pulumi program: the engine's config in, one stack's resources and outputs out."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from stacks.aws_command import AwsCommandError, check_aws_command
from stacks.bundle import BundleError
from stacks.catalog import read_catalog
from stacks.deploy import deploy
from stacks.errors import SettingsError
from stacks.last_state import read_last_state
from stacks.live_traffic import live_in, settled, taken_from_ecs
from stacks.load import neighbours, resolve, stack_file


def main() -> None:
    """Deploy the stack the engine asks for and export its outputs.

    Raises:
        pulumi.RunError: Its settings cannot be used, or would move traffic back, its package cannot be built, or a
            command is missing that it needs; the engine shows the text alone.

    """
    root, stack = Path(pulumi.get_root_directory()), pulumi.get_stack()
    try:
        resolved = resolve(
            stack,
            engine_config(),
            region=os.environ.get("AWS_REGION"),
            source=stack_file(root, stack),
            neighbours=neighbours(root, stack),
            catalog=read_catalog(root),
        )
        live = live_in(stack, read_last_state(stack))
        wanted = settled(resolved, live)
        for warning in taken_from_ecs(wanted, live):
            pulumi.log.warn(warning)
        check_aws_command(wanted.settings)
        outputs = deploy(wanted, root)
    except (SettingsError, BundleError, AwsCommandError) as error:
        raise pulumi.RunError(f"Stack {stack} cannot be deployed.\n\n{error}") from None
    for name, value in outputs.items():
        pulumi.export(name, value)


def engine_config() -> dict[str, str]:
    """Return the whole config of the stack by full key, every value as text.

    The SDK looks up one key at a time, but a key nobody asks for is one somebody misspelled. Hosts hand the config over
    by a call or in the environment.
    """
    return {**get_config_env(), **CONFIG.get()}
