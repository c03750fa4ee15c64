"""New code: what the folded hashes and digests mean."""

from __future__ import annotations

from collections.abc import Iterator

from automation.plan.model import Plan
from automation.plan.noise import noise_of
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, listed
from automation.plan.values import Hidden

_IMAGE = "image digests"
_PACKAGE = "package hashes"


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield which resources get a new package or image, those with the same image in one sentence."""
    packages: list[str] = []
    images: dict[tuple[str, str], list[str]] = {}
    for change in plan.changed():
        kinds = {noise_of(one): one for one in change.diff}
        if _PACKAGE in kinds:
            packages.append(change.name)
        if image := kinds.get(_IMAGE):
            images.setdefault((str(image.before), str(image.after)), []).append(change.name)
    if packages:
        yield Remark("code", Gravity.NOTE, (*_gets(packages), "new code."))
    for (before, after), names in images.items():
        yield Remark("code", Gravity.NOTE, (*_gets(names), "another image: ", *_digests(before, after), "."))


def _gets(names: list[str]) -> Words:
    names = sorted(set(names))
    return (*listed(names), " gets " if len(names) == 1 else " get ")


def _digests(before: str, after: str) -> Words:
    return (Quoted(_short(before)), " → ", Quoted(_short(after)))


def _short(image: str) -> str:
    if image == Hidden.SECRET:
        return image
    repository, _, digest = image.partition("@")
    return f"{repository.rsplit('/', 1)[-1]}@{digest[:19]}"
