"""Rules for how big one instance is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject, closest
from stacks.settings import Compute
from stacks.sizes import SizeSettings

_GIB: Final = 1024

FARGATE: Final[Mapping[int, tuple[int, ...]]] = MappingProxyType(
    {
        256: (512, 1 * _GIB, 2 * _GIB),
        512: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
        1024: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
        2048: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
        4096: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
        8192: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
        16384: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
    }
)
"""Memory in MiB that Fargate offers for each cpu."""

LAMBDA_MEMORY: Final = (128, 10240)
POD_CPU: Final = (64, 16 * _GIB)
POD_MEMORY: Final = (128, 120 * _GIB)


def sizes(subject: Subject) -> Iterator[Finding]:
    """Refuse sizes that the compute does not offer, now or after the switch."""
    for name, service in subject.settings.services.items():
        at: Path = ("services", name)
        yield from _sizes(subject, name, (*at, "size"), service.size)
        if service.worker is not None:
            yield from _sizes(subject, name, (*at, "worker", "size"), service.worker.size)


def _sizes(subject: Subject, name: str, path: Path, size: SizeSettings) -> Iterator[Finding]:
    computes = subject.computes(name)
    if Compute.LAMBDA in computes:
        yield from _lambda(path, size, subject.is_active(name, Compute.LAMBDA))
    # A cpu is only written for containers, so it is meant for them even before the switch.
    if subject.settings.services[name].mode is None and subject.says(*path, "cpu"):
        computes = (*computes, subject.settings.container.compute)
    if Compute.FARGATE in computes:
        yield from _fargate(path, size, subject.is_active(name, Compute.FARGATE))
    if Compute.EKS in computes:
        yield from _pods(path, size)


def _lambda(path: Path, size: SizeSettings, active: bool) -> Iterator[Finding]:  # noqa: FBT001
    low, high = LAMBDA_MEMORY
    if not low <= size.memory <= high:
        yield Finding(
            path=(*path, "memory"),
            why="is more than Lambda can have" if size.memory > high else "is less than Lambda starts with",
            allowed=f"{low} to {high} MiB",
            nearest=closest(size.memory, LAMBDA_MEMORY),
            fix="" if active else "or set mode: container on the service, which keeps it out of the switch",
        )


def _fargate(path: Path, size: SizeSettings, active: bool) -> Iterator[Finding]:  # noqa: FBT001
    keep_out = "" if active else "or set mode: serverless on the service, which keeps it out of the switch"
    cpu, memory = (*path, "cpu"), (*path, "memory")
    if size.cpu not in FARGATE:
        near = closest(size.cpu, tuple(FARGATE))
        allowed = ", ".join(map(str, FARGATE))
        yield Finding(path=cpu, why="is not a cpu that Fargate offers", allowed=allowed, nearest=near, fix=keep_out)
    elif size.memory not in FARGATE[size.cpu]:
        offered = FARGATE[size.cpu]
        yield Finding(
            path=memory,
            why=f"Fargate does not pair cpu {size.cpu} with this memory",
            allowed=f"for cpu {size.cpu}: {_steps(offered)} MiB",
            nearest=closest(size.memory, offered),
            fix=keep_out,
            reads=(cpu,),
        )


def _pods(path: Path, size: SizeSettings) -> Iterator[Finding]:
    for key, value, (low, high) in (("cpu", size.cpu, POD_CPU), ("memory", size.memory, POD_MEMORY)):
        if not low <= value <= high:
            yield Finding(
                path=(*path, key),
                why="is more than a pod can have here" if value > high else "is less than a pod starts with",
                allowed=f"{low} to {high}",
                nearest=closest(value, (low, high)),
            )


def _steps(offered: tuple[int, ...]) -> str:
    if len({b - a for a, b in pairwise(offered)}) == 1:
        return f"{offered[0]} to {offered[-1]} in steps of {offered[1] - offered[0]}"
    return ", ".join(map(str, offered))


RULES: Final[tuple[Rule, ...]] = (sizes,)
