"""What the services of a stack share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from components.cluster import Cluster
from components.front_door import FrontDoor
from components.network import Network
from components.service import ImageArtifact, ZipArtifact
from stacks.load import Resolved
from stacks.mapping import image_of
from stacks.settings import Compute, StackSettings

# The SDKs of eks and kubernetes take a tenth of a second to load; only stacks with a cluster wait for them.
if TYPE_CHECKING:
    from components.eks_cluster import EksCluster

Outputs = dict[str, pulumi.Input[object]]


@dataclass(frozen=True, kw_only=True)
class Base:
    """What outlives any mode, but for the data; the package and the clusters are there when a service needs them."""

    resolved: Resolved
    opts: pulumi.ResourceOptions
    package: ZipArtifact | None
    key_arn: pulumi.Output[str] | None
    network: Network
    cluster: Cluster | None
    eks_cluster: EksCluster | None
    front_door: FrontDoor

    @property
    def settings(self) -> StackSettings:
        """Return the stack's settings."""
        return self.resolved.settings

    @property
    def guarded(self) -> bool:
        """Return whether data is protected, and stays in AWS when it leaves the stack: in prod whatever is set."""
        return self.settings.deletion_protection or self.settings.environment == "prod"

    def name(self, *things: str) -> str:
        """Return the logical name of something in this stack."""
        return "-".join((self.resolved.stack, *things))

    def artifact(self, service: str, compute: Compute) -> ZipArtifact | ImageArtifact:
        """Return what a service runs as on a compute."""
        package = self.package if compute is Compute.LAMBDA else None
        return package or image_of(self.settings, service)
