"""EKS: control plane, extended support, Auto Mode's nodes and fee, node groups."""

from __future__ import annotations

from datetime import date
from typing import Final

from automation.cost.bill import Bill
from automation.cost.money import Range, plain

# End of standard support, from AWS's page about Kubernetes versions on EKS.
STANDARD_SUPPORT: Final = {
    "1.29": date(2025, 3, 23),
    "1.30": date(2025, 7, 23),
    "1.31": date(2025, 11, 26),
    "1.32": date(2026, 3, 23),
    "1.33": date(2026, 7, 29),
    "1.34": date(2026, 12, 2),
    "1.35": date(2027, 3, 27),
}

_GROUP_DISK: Final = 20


def cluster(bill: Bill) -> None:
    """Price a control plane, the surcharge of an old version, and what Auto Mode starts."""
    bill.hourly("control plane", "eks.cluster")
    _extended_support(bill)
    automatic = bill.resource.get("computeConfig.enabled", default=False)
    if automatic is None:
        bill.unknown("nodes", "whether Auto Mode starts some is not known before the run")
    elif automatic:
        wanted = bill.usage.kubernetes
        bill.assume(f"Auto Mode keeps {plain(wanted.auto_nodes)} nodes of {wanted.instance_type}")
        bill.hourly("nodes", f"ec2.{wanted.instance_type}", wanted.auto_nodes)
        bill.hourly("Auto Mode's fee", f"eks.auto.{wanted.instance_type}", wanted.auto_nodes)
        bill.add("disks", "ebs.gp3", wanted.auto_nodes * wanted.disk_gb)


def _extended_support(bill: Bill) -> None:
    version = bill.resource.get("version", "")
    if version == "" or bill.resource.get("upgradePolicy.supportType", "EXTENDED") == "STANDARD":
        # Without a version AWS takes its newest default; on STANDARD it upgrades instead of charging.
        return
    ends = STANDARD_SUPPORT.get(str(version))
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
