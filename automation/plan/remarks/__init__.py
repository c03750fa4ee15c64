"""What changes, in words: one recogniser a file, each from a plan to sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from automation.plan.model import Plan
from automation.plan.remarks import (
    code,
    data,
    databases,
    deleted,
    door,
    downtime,
    exposure,
    mode,
    permissions,
    replaced,
    shift,
    tags,
    updated,
    url,
)
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, kind, listed, noun, text

__all__ = ["Gravity", "Quoted", "Remark", "Words", "kind", "listed", "noun", "remarks", "text"]

_RECOGNISERS: tuple[Callable[[Plan], Iterable[Remark]], ...] = (
    mode.recognise,
    shift.recognise,
    data.recognise,
    databases.recognise,
    door.recognise,
    url.recognise,
    downtime.recognise,
    exposure.recognise,
    permissions.recognise,
    replaced.recognise,
    deleted.recognise,
    updated.recognise,
    code.recognise,
    tags.recognise,
)
_ORDER = (Gravity.DANGER, Gravity.WARNING, Gravity.NOTE)


def remarks(plan: Plan) -> list[Remark]:
    """Return what there is to say about a plan, the gravest first."""
    found = [remark for recognise in _RECOGNISERS for remark in recognise(plan)]
    return sorted(found, key=lambda remark: _ORDER.index(remark.gravity))
