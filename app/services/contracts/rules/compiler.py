"""Which compiler a source is for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.services.contracts.rules.base import Found, Rule, swc
from app.solidity.outline import Outline

_VERSION = re.compile(r"(?P<sign>[\^~]|[<>]=?|=)?\s*v?(?P<major>\d{1,3})\.(?P<minor>\d{1,3})(?:\.(?P<patch>\d{1,3}))?")
_CHECKED = (0, 8)


def _versions(outline: Outline) -> Iterator[tuple[str, list[re.Match[str]], Found]]:
    for node in outline.pragmas:
        text = outline.source.text(node)
        if text.startswith("pragmasolidity"):
            yield text, list(_VERSION.finditer(text)), Found(node, "")


def _floating(outline: Outline) -> Iterator[Found]:
    for _, versions, found in _versions(outline):
        signs = {version["sign"] or "" for version in versions}
        if signs & {"^", "~", ">", ">="}:
            yield Found(found.node, "It may be deployed with another compiler than it was tested with.")


def _old(outline: Outline) -> Iterator[Found]:
    for _, versions, found in _versions(outline):
        floors = [(int(each["major"]), int(each["minor"])) for each in versions if each["sign"] not in {"<", "<="}]
        if floors and min(floors) < _CHECKED:
            yield Found(found.node, "Arithmetic wraps around without a word before 0.8.0.")


def _missing(outline: Outline) -> Iterator[Found]:
    if outline.contracts and not any(True for _ in _versions(outline)):
        yield Found(outline.contracts[0].node, "Any compiler takes it, whatever it makes of it.")


RULES = (
    Rule(
        "floating-pragma",
        "info",
        "Several compilers are allowed",
        "Name one version, as in pragma solidity 0.8.30;.",
        swc(103),
        _floating,
    ),
    Rule(
        "old-compiler",
        "medium",
        "A compiler without overflow checks is allowed",
        "Ask for 0.8.0 or later, or use SafeMath for all arithmetic.",
        swc(101),
        _old,
    ),
    Rule(
        "missing-pragma",
        "info",
        "No compiler is named",
        "Begin the file with pragma solidity and a version.",
        swc(103),
        _missing,
    ),
)
