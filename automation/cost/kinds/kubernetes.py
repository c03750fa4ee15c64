"""EKS: control plane, extended support, Auto Mode's nodes and fee, node groups."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from automation.cost.bill import Bill
from automation.cost.money import Range, plain
from automation.cost.resources import Resource
from components.eks_versions import STANDARD_SUPPORT_ENDS

NODE_CPU: Final = Decimal("1.93")
NODE_MEMORY: Final = Decimal("7.0")
"""What of a large node's 2 vCPU and 8 GB is left for pods once Kubernetes has its own part."""

_POOL: Final = "kubernetes:karpenter.sh/v1:NodePool"
RELEASE: Final = "kubernetes:helm.sh/v3:Release"
_LARGE: Final = {"arm64": "m7g.large", "amd64": "m7i.large"}
_GRAVITON: Final = re.compile(r"[a-z]+\d+g[a-z]*\..+")
_AMOUNT: Final = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>m|Mi|Gi)?")
_UNITS: Final[Mapping[str | None, Decimal]] = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    "Mi": 1 / Decimal(1024),
    "Gi": Decimal(1),
}
_GROUP_DISK: Final = 20


def cluster(bill: Bill) -> None:
    """Price a control plane, the surcharge of an old version, Auto Mode's nodes, and what services on it buy."""
    bill.hourly("control plane", "eks.cluster")
    _extended_support(bill)
    pools = bill.resources.of(_POOL)
    # Before the run the cluster's own word may wait for the role of its nodes; a pool is one of Auto Mode's.
    automatic = True if pools else bill.resource.get("computeConfig.enabled", default=False)
    if automatic is None:
        bill.unknown("nodes", "whether Auto Mode starts some is not known before the run")
    elif automatic:
        _automatic_nodes(bill, pools)
    for usage in bill.traffic("EksService"):
        bill.paid_calls(usage)


def add_on(bill: Bill) -> None:
    """Price what Container Insights observes of nodes and pods; AWS's add-ons themselves are free."""
    if bill.resource.get("addonName") != "amazon-cloudwatch-observability":
        return
    told = bill.resource.get("configurationValues", "{}")
    if isinstance(told, str) and not json.loads(told).get("containerInsights", {}).get("enabled", True):
        return
    if bill.usage.insights.enhanced_metrics is not None:
        bill.add("Container Insights", "metric.insights", bill.usage.insights.enhanced_metrics)
    else:
        why = "every node, pod and container adds metrics; say how many in insights.enhancedMetrics"
        bill.unknown("Container Insights", why)


def _automatic_nodes(bill: Bill, pools: list[Resource]) -> None:
    wanted = bill.usage.kubernetes
    nodes = _nodes(bill)
    if nodes is None:
        bill.unknown("nodes", "how many pods a service has, or what each asks for, is not known before the run")
        return
    nodes = nodes.each(lambda count: max(count, wanted.auto_nodes))
    kind = _machine(pools, wanted.instance_type)
    bill.assume(f"Auto Mode keeps {plain(nodes.expected)} nodes of {kind}, {plain(wanted.auto_nodes)} or more")
    bill.hourly("nodes", f"ec2.{kind}", nodes)
    bill.hourly("Auto Mode's fee", f"eks.auto.{kind}", nodes)
    bill.add("disks", "ebs.gp3", nodes * wanted.disk_gb)


def _machine(pools: list[Resource], usual: str) -> str:
    """Return the machine that nodes are counted in: the usual one, unless it has another processor than the pool."""
    wanted = {value for pool in pools for value in _architectures(pool)}
    own = "arm64" if _GRAVITON.fullmatch(usual) else "amd64"
    return usual if not wanted or own in wanted else _LARGE[min(wanted)]


def _architectures(pool: Resource) -> list[str]:
    requirements = pool.blocks("spec.template.spec.requirements") or []
    return [
        str(value)
        for each in requirements
        if each.get("key") == "kubernetes.io/arch"
        for value in each.get("values") or []
        if value in _LARGE
    ]


def _nodes(bill: Bill) -> Range | None:
    """Return how many large nodes the pods of all releases fill, by what they ask for; None where that is unknown."""
    cpu = memory = Range.exactly(0)
    for release in bill.resources.of(RELEASE):
        amounts = [_amount(release.get(f"values.resources.requests.{key}")) for key in ("cpu", "memory")]
        count = pods(bill, release)
        if count is None or None in amounts:
            return None
        cpu, memory = (sum_ + count * (amount or 0) for sum_, amount in zip((cpu, memory), amounts, strict=True))
    filled = (cpu.each(lambda cores: cores / NODE_CPU), memory.each(lambda gb: gb / NODE_MEMORY))
    most = Range(*(max(pair) for pair in zip(*((each.low, each.expected, each.high) for each in filled), strict=True)))
    return most.each(lambda count: count.to_integral_value(ROUND_CEILING))


def pods(bill: Bill, release: Resource) -> Range | None:
    """Return how many pods of a release run: those of its server, unless it has none, and those of its worker."""
    server = release.get("values.server.enabled", default=True)
    worker = release.get("values.worker", default={})
    if server is None or worker is None:
        return None
    places = [*(["values"] if server else []), *(["values.worker"] if worker else [])]
    counts = [_bounded(bill, release, place) for place in places]
    known = [count for count in counts if count is not None]
    return Range.total(known) if len(known) == len(counts) else None


def _bounded(bill: Bill, release: Resource, place: str) -> Range | None:
    """Return how many pods of one kind run: `fewest + busy share × (most - fewest)`, as tasks on Fargate do."""
    if not release.get(f"{place}.autoscaling.enabled", default=False):
        count = release.number(f"{place}.replicaCount")
        return None if count is None else Range.exactly(count)
    low, high = (release.number(f"{place}.autoscaling.{key}") for key in ("minReplicas", "maxReplicas"))
    if low is None or high is None:
        return None
    busy = bill.usage.of(bill.resources.service_of(release)).busy_share
    return Range(low, low + busy * (high - low), high)


def _amount(value: Any) -> Decimal | None:  # noqa: ANN401 what a chart is told has any shape
    """Return cores or GB as a chart is told them; None for what is neither, or not known."""
    found = _AMOUNT.fullmatch(str(value)) if value is not None else None
    return None if found is None else Decimal(found["number"]) * _UNITS[found["unit"]]


def _extended_support(bill: Bill) -> None:
    version = bill.resource.get("version", "")
    if version == "" or bill.resource.get("upgradePolicy.supportType", "EXTENDED") == "STANDARD":
        # Without a version AWS takes its newest default; on STANDARD it upgrades instead of charging.
        return
    ends = STANDARD_SUPPORT_ENDS.get(str(version))
    if ends is None:
        bill.unknown("extended support", f"the end of standard support of version {version or '?'} is not known here")
    elif ends <= bill.sheet.newest:
        bill.assume(f"Kubernetes {version} left standard support on {ends}")
        bill.hourly("extended support", "eks.extended")


def node_group(bill: Bill) -> None:
    """Price a node group's instances and disks; the group itself is free."""
    resource = bill.resource
    kinds = resource.get("instanceTypes", ["t3.medium"])
    low, wanted, high = (resource.number(f"scalingConfig.{key}") for key in ("minSize", "desiredSize", "maxSize"))
    disk = resource.number("diskSize", _GROUP_DISK)
    if not kinds or low is None or wanted is None or high is None or disk is None:
        bill.unknown("nodes", "their type or number is not known before the run")
        return
    if resource.get("capacityType", "ON_DEMAND") != "ON_DEMAND":
        bill.unknown("nodes", "the price of Spot instances moves")
        return
    nodes = Range(low, min(max(wanted, low), high), high)
    bill.hourly("nodes", f"ec2.{kinds[0]}", nodes)
    bill.add("disks", "ebs.gp3", nodes * disk)
