"""How a function gets into the network, when it has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from components.base import Component
from components.links import connect, listening
from components.service import WorkloadArgs

if TYPE_CHECKING:
    from components.network import Network


def function_security_group(
    parent: Component, args: WorkloadArgs, *, network: Network | None
) -> aws.ec2.SecurityGroup | None:
    """Create the function's group and its way in where links listen; None when no link does.

    Raises:
        ValueError: A link listens in the network and the function was given none.

    """
    reached = listening(args.links)
    if not reached:
        return None
    if network is None:
        names = ", ".join(sorted(link.name for link in reached))
        msg = f"{parent.name}: {names} can be reached inside the network only; give the function a `network`."
        raise ValueError(msg)
    group = aws.ec2.SecurityGroup(
        parent.child_name(),
        vpc_id=network.vpc_id,
        description=f"Function {parent.name}: nobody in.",
        tags=parent.tags(),
        opts=parent.opts(),
    )
    connect(parent, args.links, group, who=f"Function {parent.name}")
    return group
