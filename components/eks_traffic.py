"""How requests get from load balancers to pods, and from pods to what they use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.fargate_traffic import requests_rules
from components.links import let_in, listening
from components.service import Link


def probe_value(name: str) -> str:
    """Return what the probe header says for a service's pods; its tasks on Fargate have the name alone."""
    return f"{name}/eks"


class ClusterTraffic:
    """The rules of a cluster's security group, children of the cluster's component, each made once.

    In Auto Mode pods have the security group of their cluster, and no other (EKS user guide: auto-networking). What one
    service needs, the pods of all others have too at this level; network policies keep them apart inside the cluster.
    """

    def __init__(self, parent: Component, group_id: pulumi.Input[str]) -> None:
        self._parent = parent
        self._group_id = group_id
        self._ports: set[int] = set()
        self._reached: set[tuple[pulumi.Input[str] | None, int | None]] = set()

    def let_in(self, front: aws.ec2.SecurityGroup, port: int) -> None:
        """Let a stack's load balancer reach pods at a port."""
        if port not in self._ports:
            self._ports.add(port)
            whose = f"pods of {self._parent.name}"
            requests_rules(self._parent, port, front=front, group_id=self._group_id, whose=whose)

    def let_out(self, links: Sequence[Link], *, user: str) -> None:
        """Let pods in where links listen; what a service and its worker both use is reached by one rule."""
        for link in listening(links):
            place = (link.security_group_id, link.port)
            if place not in self._reached:
                self._reached.add(place)
                named = replace(link, name=f"{user}-{link.name}")
                let_in(self._parent, named, self._group_id, who=f"Pods of {self._parent.name}")
