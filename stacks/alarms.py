"""Settings of whom a stack tells when something is wrong."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stacks.block import Settings


class SlackSettings(Settings):
    """A channel, shown by Amazon Q Developer in chat applications."""

    workspace: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,255}$")]
    """Id of the workspace, as in T0123456789; AWS is let into it once, in the console."""
    channel: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,255}$")]
    """Id of the channel, as in C0123456789."""


class AlarmSettings(Settings):
    email: tuple[str, ...] = ()
    """Addresses that hear of what is critical; each confirms a letter first."""
    pagerduty: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:secretsmanager:[^:]+:\d{12}:secret:[^:]+$")] | None = None
    """ARN of the secret whose text is the integration URL of a PagerDuty service; hears of what is critical."""
    slack: SlackSettings | None = None
    """Channel that hears of everything."""
