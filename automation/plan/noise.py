"""Which changes nobody reviews one by one. When in doubt a change is no noise."""

from __future__ import annotations

import re

from automation.plan.diffs import PropertyChange

_BY_ROOT = {
    "tags": "tags",
    "tagsAll": "tags",
    "defaultTags": "tags",
    "code": "package hashes",
    "codeSha256": "package hashes",
    "sourceCodeHash": "package hashes",
    "sourceHash": "package hashes",
    "etag": "package hashes",
    # It follows what there is to draw, which is reviewed itself.
    "dashboardBody": "dashboards",
}
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def noise_of(change: PropertyChange) -> str:
    """Return what kind of noise a property's change is, nothing when it is none."""
    if kind := _BY_ROOT.get(change.root):
        return kind
    before, after = change.before, change.after
    if isinstance(before, str) and isinstance(after, str) and "@sha256:" in before and "@sha256:" in after:
        return "image digests" if _DIGEST.sub("", before) == _DIGEST.sub("", after) else ""
    return ""
