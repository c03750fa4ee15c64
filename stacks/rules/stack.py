"""Rules for a stack as a whole: its name, region, tags, retention, images and the blocks of both modes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from components.naming import service_name_budget, stack_name_budget
from stacks.errors import nearest
from stacks.keys import REGION_KEY, Path
from stacks.regions import REGIONS
from stacks.rules.base import Finding, Rule, Subject, closest
from stacks.words import Compute, Placement

RETENTION: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Days that CloudWatch Logs can keep a group for."""

_NAME: Final = re.compile(r"[a-z](-?[a-z0-9])*")
_WORD: Final = r"[a-z0-9]+([._-]+[a-z0-9]+)*"
_IMAGE: Final = re.compile(rf"({_WORD}(:\d+)?/)?{_WORD}(/{_WORD})*@sha256:[0-9a-f]{{64}}")
_TAG_KEY: Final = re.compile(r"[\w\s.:/=+\-@]{1,128}")
_TAG_VALUE: Final = re.compile(r"[\w\s.:/=+\-@]{0,256}")
_TAGS_OF_OURS: Final = {"environment": "environment", "owner": "owner", "cost-center": "costCenter"}
_MOST_TAGS: Final = 50 - 6
NAME_FORM: Final = "lower-case letters, digits and single hyphens, a letter first"


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a stack or a service."""
    return _NAME.fullmatch(text) is not None


def names(subject: Subject) -> Iterator[Finding]:
    """Refuse names that AWS resources cannot carry, or have no room for."""
    if not is_name(subject.stack):
        yield Finding(
            path=("pulumi:stack",),
            value=subject.stack,
            why="the stack's name cannot be part of AWS names",
            allowed=NAME_FORM,
        )
    elif len(subject.stack) > stack_name_budget():
        why = f"has {len(subject.stack)} characters, and the names of what every stack has leave it fewer"
        allowed = f"a stack name of at most {stack_name_budget()} characters"
        yield Finding(path=("pulumi:stack",), value=subject.stack, why=why, allowed=allowed)
    room = service_name_budget(subject.stack)
    for service in subject.settings.services:
        path: Path = ("services", service)
        if not is_name(service):
            yield Finding(path=path, value=service, why="is not a name that AWS resources can carry", allowed=NAME_FORM)
        elif len(service) > room > 0:
            full, most = f"{subject.stack}-{service}", len(f"{subject.stack}-") + room
            why = f"{full} has {len(full)} characters; stack and service together have {most}"
            yield Finding(path=path, value=service, why=why, allowed=f"a service name of at most {room} characters")


def region(subject: Subject) -> Iterator[Finding]:
    """Refuse a region that does not exist."""
    known = ", ".join(sorted(REGIONS))
    if not subject.region:
        why = "is not set, neither in the stack file nor as AWS_REGION"
        yield Finding(path=(REGION_KEY,), value="", why=why, allowed=known)
    elif subject.region not in REGIONS:
        near = nearest(subject.region, REGIONS)
        yield Finding(path=(REGION_KEY,), value=subject.region, why="is no AWS region", allowed=known, nearest=near)


def retention(subject: Subject) -> Iterator[Finding]:
    """Refuse a period that CloudWatch does not keep logs for."""
    days = subject.settings.log_retention_days
    if days not in RETENTION:
        yield Finding(
            path=("logRetentionDays",),
            why="is not a period that CloudWatch Logs offers",
            allowed=", ".join(map(str, RETENTION)),
            nearest=closest(days, RETENTION),
        )


def tags(subject: Subject) -> Iterator[Finding]:
    """Refuse what is no tag, and tags that AWS or this project sets."""
    settings = subject.settings
    for name, value in (("owner", settings.owner), ("costCenter", settings.cost_center)):
        if not value or not _TAG_VALUE.fullmatch(value):
            why = "cannot be the value of a tag"
            yield Finding(path=(name,), why=why, allowed="1 to 256 letters, digits, spaces and . : / = + - @ _")
    if len(settings.tags) > _MOST_TAGS:
        yield Finding(
            path=("tags",), why=f"AWS takes 50 tags, {50 - _MOST_TAGS} are set already", allowed=f"{_MOST_TAGS} tags"
        )
    for key, value in settings.tags.items():
        path: Path = ("tags", key)
        if key.lower().startswith(("aws:", "modeshift:")) or key == "Name":
            yield Finding(path=path, why="is reserved: AWS or this project sets it", allowed="another tag key")
        elif own := _TAGS_OF_OURS.get(key.lower()):
            yield Finding(path=path, why="is a tag with a setting of its own", nearest=f"modeshift:{own}")
        elif not _TAG_KEY.fullmatch(key):
            why = "is not a tag key"
            yield Finding(path=path, why=why, allowed="1 to 128 letters, digits, spaces and . : / = + - @ _")
        elif not _TAG_VALUE.fullmatch(value):
            why = "is not a tag value"
            yield Finding(path=path, why=why, allowed="up to 256 letters, digits, spaces and . : / = + - @ _")


def masks(subject: Subject) -> Iterator[Finding]:
    """Refuse patterns that hide nothing, or everything."""
    for index, pattern in enumerate(subject.settings.mask_patterns):
        path: Path = ("maskPatterns", index)
        try:
            matches_nothing = re.compile(pattern).search("") is not None
        except re.error as error:
            why = f"is not a regular expression: {error}"
            yield Finding(path=path, why=why, allowed="Python's regular expressions")
            continue
        if matches_nothing:
            why = "matches where there is nothing, so between any two letters"
            yield Finding(path=path, why=why, allowed="a pattern that matches at least one character")


def blocks(subject: Subject) -> Iterator[Finding]:
    """Refuse what one mode's block cannot mean, the inactive one included."""
    container, serverless = subject.settings.container, subject.settings.serverless
    if container.compute is Compute.LAMBDA:
        why = "belongs to mode serverless; a container runs on something else"
        yield Finding(path=("container", "compute"), why=why, allowed="fargate | eks", nearest="fargate")
    if container.placement is Placement.PUBLIC and subject.is_prod:
        why = "gives every task a public address, which prod does not allow"
        yield Finding(path=("container", "placement"), why=why, allowed="private", reads=(("environment",),))
    held, reserved = serverless.provisioned_concurrency, serverless.reserved_concurrency
    here: Path = ("serverless", "provisionedConcurrency")
    if serverless.snap_start and held:
        yield Finding(
            path=("serverless", "snapStart"),
            why=f"Lambda takes a snapshot or provisioned concurrency ({held}), not both",
            fix="turn snapStart off, or set provisionedConcurrency to 0",
            reads=(here,),
        )
    if reserved is not None and held > reserved:
        why = f"is more than the {reserved} reserved for the function"
        reads: tuple[Path, ...] = (("serverless", "reservedConcurrency"),)
        yield Finding(path=here, why=why, allowed=f"0 to {reserved}", nearest=str(reserved), reads=reads)


def images(subject: Subject) -> Iterator[Finding]:
    """Refuse containers without an image, and images that can change under their name."""
    settings = subject.settings
    at: list[tuple[Path, str | None]] = [(("image",), settings.image)]
    at += [(("services", name, "image"), service.image) for name, service in settings.services.items()]
    if settings.release is not None:
        at += [(("release", "images", name), image) for name, image in settings.release.images.items()]
    for path, image in at:
        if image is not None and not _IMAGE.fullmatch(image):
            why = "does not name one image for good: a tag can move, a digest cannot"
            yield Finding(path=path, why=why, allowed="registry/repository@sha256:<64 hex digits>, without a tag")
    without = [
        name
        for name, service in settings.services.items()
        if (settings.release is None or name not in settings.release.images)
        and service.image is None
        and any(_in_container(subject, name, compute) for compute in subject.computes(name))
    ]
    if settings.image is None and without:
        reads: list[Path] = [("mode",)]
        reads += [("services", name, key) for name in without for key in ("image", "mode", "compute", "shift")]
        yield Finding(
            path=("image",),
            value="not set",
            why=f"{_list(without)} in a container, and no image is named",
            allowed="registry/repository@sha256:<64 hex digits>",
            fix="run `modeshift bootstrap` once to make the registry, push the image to it, "
            "and set modeshift:image to the digest that the push prints",
            reads=tuple(reads),
        )


def _in_container(subject: Subject, service: str, compute: Compute) -> bool:
    return compute is not Compute.LAMBDA and subject.is_active(service, compute)


def _list(services: list[str]) -> str:
    *most, last = services
    return f"{', '.join(most)} and {last} run" if most else f"{last} runs"


RULES: Final[tuple[Rule, ...]] = (names, region, retention, tags, masks, blocks, images)
