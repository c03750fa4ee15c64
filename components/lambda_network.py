"""How a function gets into the network, when it has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from components.base import Component
from components.service import ServiceArgs

if TYPE_CHECKING:
    from components.network import Network


def function_security_group(
    parent: Component, args: ServiceArgs, *, network: Network | None
) -> aws.ec2.SecurityGroup | None:
    """Create the function's group and its way in where links listen; None when no link does.

    Raises:
        ValueError: A link listens in the network and the function was given none.

    """
    listening = [link for link in args.links if link.security_group_id is not None and link.port is not None]
    if not listening:
        return None
    if network is None:
        names = ", ".join(sorted(link.name for link in listening))
        msg = f"{parent.name}: {names} can be reached inside the network only; give the function a `network`."
        raise ValueError(msg)
    group = aws.ec2.SecurityGroup(
        parent.child_name(),
        vpc_id=network.vpc_id,
        description=f"Function {parent.name}: nobody in.",
        tags=parent.tags(),
        opts=parent.opts(),
    )
    aws.vpc.SecurityGroupEgressRule(
        parent.child_name("out"),
        security_group_id=group.id,
        description="Anywhere: what is reached decides whom it lets in",
        ip_protocol="-1",
        cidr_ipv4="0.0.0.0/0",
        tags=parent.tags("out"),
        opts=parent.opts(),
    )
    for link in listening:
        suffix = f"to-{link.name}"
        aws.vpc.SecurityGroupIngressRule(
            parent.child_name(suffix),
            security_group_id=link.security_group_id or "",
            description=f"Function {parent.name}",
            ip_protocol="tcp",
            from_port=link.port,
            to_port=link.port,
            referenced_security_group_id=group.id,
            tags=parent.tags(suffix),
            opts=parent.opts(),
        )
    return group
