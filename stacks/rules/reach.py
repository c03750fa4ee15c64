"""What could not fetch its image, write its logs or read its secrets never starts: refused, with the choices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stacks.catalog import Need
from stacks.keys import Path
from stacks.links import NETWORKED
from stacks.rules.base import Finding, Rule, Subject
from stacks.settings import ServiceSettings
from stacks.words import Compute, Nat, Placement


def reachability(subject: Subject) -> Iterator[Finding]:
    """Refuse tasks and pods in private subnets without a NAT gateway, or an endpoint for each service they need."""
    for compute, who in ((Compute.FARGATE, "Fargate tasks"), (Compute.EKS, "pods")):
        yield from _out_of_reach(subject, compute, who)


def _out_of_reach(subject: Subject, compute: Compute, who: str) -> Iterator[Finding]:
    settings = subject.settings
    network = settings.network
    public = compute is Compute.FARGATE and settings.container.placement is Placement.PUBLIC
    if network.nat is not Nat.NONE or public:
        return
    tasks = [name for name in settings.services if compute in subject.computes(name)]
    missing = {need: why for need, why in _needs(subject, compute, tasks).items() if need not in network.endpoints}
    abroad = [name for name in tasks if subject.needs(name, Need.INTERNET)]
    out_of_reach = sorted({*missing.values(), *(f"the internet, which {name} needs" for name in abroad)})
    if not tasks or not out_of_reach:
        return
    switched = all(not subject.is_active(name, compute) for name in tasks)
    reads: list[Path] = [("network",), ("network", "endpoints"), ("container", "placement"), ("container", "exec")]
    reads += [("mode",), *(("services", name, key) for name in tasks for key in ("mode", "compute", "secrets"))]
    yield Finding(
        path=("network", "nat"),
        why=f"{who} in private subnets could not reach {'; '.join(out_of_reach)}"
        + (" (once the mode is container; the block is in the stack file)" if switched else ""),
        allowed=_choices(subject, compute, tasks, [] if abroad else list(missing)),
        reads=tuple(reads),
    )


def _needs(subject: Subject, compute: Compute, tasks: list[str]) -> dict[str, str]:
    needs = {"ecr.api": "their image", "ecr.dkr": "their image", "logs": "their logs"}
    if compute is Compute.EKS:
        # EKS user guide: private-clusters.
        needs |= {"ec2": "their nodes", "eks": "their cluster", "eks-auth": "their role", "sts": "their role"}
    for name in tasks:
        needs |= _of_links(subject.settings.services[name])
    if compute is Compute.FARGATE and subject.settings.container.exec:
        needs["ssmmessages"] = "ECS Exec"
    return needs


def _of_links(service: ServiceSettings) -> dict[str, str]:
    """Return the endpoints of what a service uses, and what is behind each; those of tables and buckets are there."""
    kinds = {link.kind for link in service.links.values()}
    needs = {"secretsmanager": "their secrets"} if service.secrets or "secret" in kinds else {}
    needs |= {"secretsmanager": "the password of their database"} if "postgres" in kinds else {}
    needs |= {"sqs": "their queues"} if service.triggers else {}
    return needs | ({"sns": "their topics"} if "topic" in kinds else {})


def functions(subject: Subject) -> Iterator[Finding]:
    """Refuse functions whose links have them in private subnets, without a way to what else they use."""
    settings = subject.settings
    if settings.network.nat is not Nat.NONE:
        return
    inside = [name for name in settings.services if _inside(subject, name)]
    needs = {need: why for name in inside for need, why in _of_links(settings.services[name]).items()}
    missing = {need: why for need, why in needs.items() if need not in settings.network.endpoints}
    abroad = [name for name in inside if subject.needs(name, Need.INTERNET)]
    out_of_reach = sorted({*missing.values(), *(f"the internet, which {name} needs" for name in abroad)})
    if not out_of_reach:
        return
    reads: list[Path] = [("network",), ("network", "endpoints"), ("mode",)]
    reads += [("services", name, key) for name in inside for key in ("mode", "compute", "secrets", "links", "triggers")]
    yield Finding(
        path=("network", "nat"),
        why=f"functions of {', '.join(inside)} are in private subnets, where their links are, "
        f"and could not reach {'; '.join(out_of_reach)}",
        allowed=_choices(subject, Compute.LAMBDA, inside, [] if abroad else list(missing)),
        reads=tuple(reads),
    )


def _inside(subject: Subject, name: str) -> bool:
    """Tell whether a service has functions in the network: it runs on Lambda, or a function migrates its database."""
    service = subject.settings.services[name]
    linked = any(link.kind in NETWORKED for link in service.links.values())
    return linked and (service.migrations or Compute.LAMBDA in subject.computes(name))


def _choices(subject: Subject, compute: Compute, tasks: list[str], missing: list[str]) -> str:
    from stacks import prices  # noqa: PLC0415 needed when something is refused, and by then time does not matter

    network = subject.settings.network
    at_most = sum(subject.settings.services[name].scaling.max for name in tasks)
    lines = [
        f"network.nat: single, one gateway with its address: {prices.monthly(prices.nat(1))}",
        f"network.nat: per-az, {network.azs} of them: {prices.monthly(prices.nat(network.azs))}",
    ]
    if missing:
        by_endpoints = prices.monthly(prices.endpoints(len(missing), network.azs))
        lines.append(f"network.endpoints with {', '.join(missing)}, without the internet: {by_endpoints}")
    if compute is Compute.FARGATE and not subject.is_prod:
        each, most = prices.monthly(prices.public_tasks(1)), prices.monthly(prices.public_tasks(at_most))
        lines.append(f"container.placement: public, an address for each task: {each}, {most} for all {at_most}")
    return "\n".join([*lines, f"({prices.source()})"])


RULES: Final[tuple[Rule, ...]] = (reachability, functions)
