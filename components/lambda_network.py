"""How a function gets into the network, when it has to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.links import closed_group, listening
from components.service import WorkloadArgs

if TYPE_CHECKING:
    from components.network import Network


@dataclass(frozen=True, kw_only=True)
class Membership:
    """What a function is in the network: where its addresses are, its group, and the rules that let it reach links."""

    configuration: aws.lambda_.FunctionVpcConfigArgs
    group: aws.ec2.SecurityGroup
    rules: Sequence[pulumi.Resource]


def function_membership(parent: Component, args: WorkloadArgs, *, network: Network | None) -> Membership | None:
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
    group, rules = closed_group(parent, args.links, vpc_id=network.vpc_id, who=f"Function {parent.name}")
    configuration = aws.lambda_.FunctionVpcConfigArgs(
        subnet_ids=network.private_subnet_ids, security_group_ids=[group.id]
    )
    return Membership(configuration=configuration, group=group, rules=rules)
