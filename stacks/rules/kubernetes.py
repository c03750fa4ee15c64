"""Rules for services on EKS: their cluster, and settings that only Fargate can follow."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from components.eks_versions import NEWEST, STANDARD_SUPPORT_ENDS, SUPPORTED
from stacks.keys import REGION_KEY, Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.rules.network import PRIVATE
from stacks.words import Compute, Placement

_BLOCK: Final[Path] = ("container", "kubernetes")
_ROLE: Final = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/([\w+=,.@-]+/)*(?P<name>[\w+=,.@-]{1,64})")
_SESSION: Final = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.+")
_MOST_CIDRS: Final = 40
_LONGEST_START: Final = 600
_ALL: Final = 100
_UNITS: Final = 1024
_WITHOUT_AUTO_MODE: Final = frozenset({"ap-southeast-7", "mx-central-1"})
"""Regions that the EKS user guide (migrate-auto) names as those without Auto Mode."""


def version(subject: Subject) -> Iterator[Finding]:
    """Refuse Kubernetes versions that EKS does not offer, or no longer at its ordinary price."""
    wanted = subject.settings.container.kubernetes.version
    if wanted in SUPPORTED:
        return
    ended = STANDARD_SUPPORT_ENDS.get(wanted)
    yield Finding(
        path=(*_BLOCK, "version"),
        why="is no version in EKS's table here" if ended is None else f"left standard support on {ended}",
        allowed="\n".join(f'"{each}", until {STANDARD_SUPPORT_ENDS[each]}' for each in reversed(SUPPORTED)),
        nearest=_closest(wanted),
    )


def auto_mode(subject: Subject) -> Iterator[Finding]:
    """Refuse a cluster without Auto Mode, and one where AWS has none."""
    if not subject.settings.container.kubernetes.auto_mode:
        yield Finding(
            path=(*_BLOCK, "autoMode"),
            why="a cluster without Auto Mode has no nodes, no load balancer controller and no Pod Identity here, "
            "and one that has it cannot lose it in place",
            allowed="true",
            fix="remove it; to do without Auto Mode take container.compute: fargate",
        )
    if _on_eks(subject) and subject.region in _WITHOUT_AUTO_MODE:
        why = f"{subject.region} has no EKS Auto Mode"
        reads: tuple[Path, ...] = ((REGION_KEY,),)
        yield Finding(path=("container", "compute"), why=why, allowed="fargate", nearest="fargate", reads=reads)


def endpoint(subject: Subject) -> Iterator[Finding]:
    """Refuse a list of who reaches a cluster's API that EKS does not take, or that holds everybody."""
    blocks = subject.settings.container.kubernetes.public_cidrs
    allowed = "public IPv4 blocks, as in 203.0.113.7/32"
    if len(blocks) > _MOST_CIDRS:
        path: Path = (*_BLOCK, "publicCidrs")
        yield Finding(path=path, value=f"{len(blocks)} blocks", why="EKS takes fewer", allowed=f"up to {_MOST_CIDRS}")
    for index, text in enumerate(blocks):
        path = (*_BLOCK, "publicCidrs", index)
        try:
            block = IPv4Network(text, strict=False)
        except ValueError:
            yield Finding(path=path, why="is not an IPv4 block", allowed=allowed)
            continue
        if not block.prefixlen:
            why = "is the whole world; the cluster's API would answer anybody"
            yield Finding(path=path, why=why, allowed=allowed, fix="list who needs it, or none and work from inside")
        elif any(block.overlaps(private) for private in PRIVATE):
            why = "is private; from inside the network the API is reached without being listed"
            yield Finding(path=path, why=why, allowed=allowed, fix="remove it")
        elif str(block) != text:
            yield Finding(path=path, why="is not the first address of its block", allowed=allowed, nearest=str(block))
        elif text in blocks[:index]:
            yield Finding(path=path, why="is in the list twice", fix="remove it")


def admins(subject: Subject) -> Iterator[Finding]:
    """Refuse a cluster that nobody may enter, and what is no role of this account."""
    named = subject.settings.container.kubernetes.admins
    allowed = "arn:aws:iam::<account>:role/<name>"
    path: Path = (*_BLOCK, "admins")
    if not named and (on := _on_eks(subject)):
        reads: list[Path] = [("mode",), ("container", "compute")]
        reads += [("services", name, key) for name in on for key in ("mode", "compute", "shift")]
        yield Finding(
            path=path,
            value="none",
            why="who creates a cluster may not enter it by that, so nothing could be deployed to it",
            allowed=f"a list with the role that runs `up`, as in {allowed}",
            fix="`modeshift bootstrap` prints the roles of CI; your own is in `aws sts get-caller-identity`",
            reads=tuple(reads),
        )
    roles = [_ROLE.fullmatch(arn) for arn in named]
    twice = {name for name, count in Counter(role["name"] for role in roles if role).items() if count > 1}
    for index, (arn, role) in enumerate(zip(named, roles, strict=True)):
        if role is None:
            session = _SESSION.fullmatch(arn)
            near = f"arn:aws:iam::{session[1]}:role/{session[2]}" if session else ""
            why = "is a session of a role" if session else "is not the ARN of a role"
            yield Finding(path=(*path, index), why=why, allowed=allowed, nearest=near)
        elif subject.settings.account not in {None, role["account"]}:
            why = f"is of another account than modeshift:account ({subject.settings.account})"
            yield Finding(path=(*path, index), why=why, allowed=allowed, reads=(("account",),))
        elif role["name"] in twice:
            yield Finding(path=(*path, index), why="a role of this name is in the list twice", fix="keep one of them")


def ineffective(subject: Subject) -> Iterator[Finding]:
    """Refuse settings of tasks that pods cannot follow, where a stack has pods and no tasks."""
    container = subject.settings.container
    if not _on_eks(subject) or _on(subject, Compute.FARGATE):
        return
    reads: tuple[Path, ...] = (("mode",), ("container", "compute"))
    if container.placement is Placement.PUBLIC:
        why = "pods run on nodes without public addresses"
        fix = "remove it and give the network a way out, as in network.nat: single"
        yield Finding(path=("container", "placement"), why=why, allowed="private", fix=fix, reads=reads)
    if container.exec:
        why = "is ECS Exec, and there is no ECS"
        fix = "remove it; the cluster's admins have `kubectl exec` (docs/eks.md)"
        yield Finding(path=("container", "exec"), why=why, allowed="false", fix=fix, reads=reads)
    if container.rollout.min_percent != _ALL:
        why = "no pod goes before its successor is ready"
        yield Finding(path=("container", "rollout", "minPercent"), why=why, allowed="100", nearest="100", reads=reads)
    if container.rollout.grace_seconds > _LONGEST_START:
        why = "is longer than a pod may take to start"
        allowed, near = f"0 to {_LONGEST_START}", str(_LONGEST_START)
        yield Finding(
            path=("container", "rollout", "graceSeconds"), why=why, allowed=allowed, nearest=near, reads=reads
        )


def scaling(subject: Subject) -> Iterator[Finding]:
    """Refuse scaling that Kubernetes cannot do, for a service that runs nowhere else."""
    for name, service in subject.settings.services.items():
        if set(subject.settings.computes_of(name)) != {Compute.EKS}:
            continue
        path: Path = ("services", name, "scaling")
        given = service.scaling
        reads: tuple[Path, ...] = (("mode",), ("container", "compute"), (*path[:2], "mode"), (*path[:2], "compute"))
        if given.min < 1:
            yield Finding(path=(*path, "min"), why="pods scale to one, not to none", allowed="1 or more", reads=reads)
        for key, wanted, why in (
            (
                "requestsPerTarget",
                given.requests_per_target is not None and subject.says(*path, "requestsPerTarget"),
                "pods are scaled by the CPU and memory they use, not by requests",
            ),
            ("schedules", bool(given.schedules), "pods are scaled by the CPU and memory they use, not by the clock"),
            ("steps", bool(given.steps), "pods are scaled to a share of CPU and memory, not in steps"),
            ("spotPercent", bool(given.spot_percent), "is a share of Fargate Spot, and nodes are on demand"),
        ):
            if wanted:
                fix = "remove it, or run the service on fargate"
                yield Finding(path=(*path, key), why=why, fix=fix, reads=reads)


def room(subject: Subject) -> Iterator[Finding]:
    """Refuse nodes too few for the most pods that services may have, with those of a rollout."""
    container = subject.settings.container
    surge = container.rollout.max_percent / _ALL
    on = _on_eks(subject)
    wanted = math.ceil(
        sum(
            service.size.cpu * math.ceil(service.scaling.max * surge)
            for name, service in subject.settings.services.items()
            if name in on
        )
        / _UNITS
    )
    if wanted > container.kubernetes.most_vcpus:
        reads: list[Path] = [("container", "rollout", "maxPercent")]
        reads += [("services", name, key) for name in on for key in ("size", "scaling")]
        yield Finding(
            path=(*_BLOCK, "mostVcpus"),
            why=f"{' and '.join(on)} may want {wanted} vCPU during a rollout, and pods beyond would wait for ever",
            allowed=f"{wanted} or more",
            nearest=str(wanted),
            fix="or lower scaling.max, size.cpu or container.rollout.maxPercent",
            reads=tuple(reads),
        )


def _on_eks(subject: Subject) -> list[str]:
    return _on(subject, Compute.EKS)


def _on(subject: Subject, compute: Compute) -> list[str]:
    return [name for name in sorted(subject.settings.services) if compute in subject.computes(name)]


def _closest(wanted: str) -> str:
    """Return the offered version nearest to one, the newest to what is none."""
    minors = {int(each.partition(".")[2]): each for each in SUPPORTED}
    match = re.fullmatch(r"v?1\.(\d{1,3})(\..*)?", wanted)
    return minors[min(minors, key=lambda minor: abs(minor - int(match[1])))] if match else NEWEST


RULES: Final[tuple[Rule, ...]] = (version, auto_mode, endpoint, admins, ineffective, scaling, room)
