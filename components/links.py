"""What links mean for a service, the same on every compute: its environment, and its ways through the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.service import Link, Statement, Volume, WorkloadArgs

SECRETS_VARIABLE = "MODESHIFT_SECRETS"
"""Where the app finds its secrets' references: a JSON object of variable name to `arn:KEY::`."""


def environment(args: WorkloadArgs, **own: str) -> dict[str, pulumi.Input[str]]:
    """Return the plain environment: what links bring, then the service's own, then what its compute says.

    Raises:
        ValueError: A name is both a plain variable and a secret, or two secrets.

    """
    variables: dict[str, pulumi.Input[str]] = {}
    for link in args.links:
        variables.update(link.environment)
    variables.update(args.environment)
    variables.update(own)
    secrets = Counter(secret.name for secret in args.all_secrets)
    if both := sorted(variables.keys() & secrets.keys()):
        msg = f"{', '.join(both)}: set as a plain variable and as a secret; a service takes one. Remove the variable."
        raise ValueError(msg)
    if twice := sorted(name for name, count in secrets.items() if count > 1):
        msg = f"{', '.join(twice)}: brought by two secrets; a service takes one. Remove one of them."
        raise ValueError(msg)
    return variables


def referenced_environment(args: WorkloadArgs, **own: str) -> dict[str, pulumi.Input[str]]:
    """Return the environment with secrets as references, where the app itself reads them when it starts."""
    variables = environment(args, **own)
    if args.all_secrets:
        references = {secret.name: secret.reference for secret in args.all_secrets}
        variables[SECRETS_VARIABLE] = pulumi.Output.json_dumps(references, sort_keys=True)
    return variables


def mount_statements(volumes: Sequence[Volume]) -> list[Statement]:
    """Return what mounting volumes takes: each by its own access point."""
    return [_mount(volume) for volume in volumes]


def _mount(volume: Volume) -> Statement:
    file_system = pulumi.Output.all(volume.access_point_arn, volume.file_system_id).apply(
        lambda ids: f"{ids[0].rpartition(':')[0]}:file-system/{ids[1]}"
    )
    return Statement(
        actions=["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        resources=[file_system],
        conditions={"StringEquals": {"elasticfilesystem:AccessPointArn": volume.access_point_arn}},
    )


def listening(links: Sequence[Link]) -> list[Link]:
    """Return the links that are reached through the network, at an address and a port."""
    return [link for link in links if link.security_group_id is not None and link.port is not None]


def closed_group(
    parent: Component, links: Sequence[Link], *, vpc_id: pulumi.Input[str], who: str
) -> tuple[aws.ec2.SecurityGroup, list[pulumi.Resource]]:
    """Create the group of what nobody calls, and its ways out; return it and the rules it needs to reach links.

    Args:
        parent: Component that the group belongs to and is called after.
        links: What the service uses.
        vpc_id: Network that it is in.
        who: Who its members are, as in `Tasks of dev-users-worker`.

    """
    group = aws.ec2.SecurityGroup(
        parent.child_name(),
        vpc_id=vpc_id,
        description=f"{who}: nobody in.",
        tags=parent.tags(),
        opts=parent.opts(),
    )
    return group, connect(parent, links, group, who=who)


def connect(
    parent: Component, links: Sequence[Link], group: aws.ec2.SecurityGroup, *, who: str
) -> list[pulumi.Resource]:
    """Let the members of a group out to anywhere, and in where links listen; return the rules.

    Args:
        parent: Component that the rules belong to.
        links: What the service uses.
        group: Security group of the service.
        who: Whom the rules let in, for people who read them, as in `Tasks of dev-users`.

    """
    out = aws.vpc.SecurityGroupEgressRule(
        parent.child_name("out"),
        security_group_id=group.id,
        description="Anywhere: what is reached decides whom it lets in",
        ip_protocol="-1",
        cidr_ipv4="0.0.0.0/0",
        tags=parent.tags("out"),
        opts=parent.opts(),
    )
    return [out, *(let_in(parent, link, group.id, who=who) for link in listening(links))]


def let_in(parent: Component, link: Link, group_id: pulumi.Input[str], *, who: str) -> aws.vpc.SecurityGroupIngressRule:
    """Let the members of a group in where a link listens."""
    suffix = f"to-{link.name}"
    return aws.vpc.SecurityGroupIngressRule(
        parent.child_name(suffix),
        security_group_id=link.security_group_id or "",
        description=who,
        ip_protocol="tcp",
        from_port=link.port,
        to_port=link.port,
        referenced_security_group_id=group_id,
        tags=parent.tags(suffix),
        opts=parent.opts(),
    )
