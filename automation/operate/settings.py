"""Settings of a stack file as a person can paste them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import reduce

import yaml

Value = Mapping[str, object] | str | int | bool


def advice(path: Sequence[str], value: Value, file: str) -> str:
    """Return what to put where, as it follows "put", so that nothing gets lost that is there already."""
    services = " (once it lists services, the stack has exactly those)" if path[0] == "services" else ""
    return f"{pasted(path, value)} into {file}, beside what that key holds there{services}"


def pasted(path: Sequence[str], value: Value) -> str:
    """Return a setting as a stack file takes it: `modeshift:serverless: {reservedConcurrency: 3}`."""
    top, *inner = path
    nested = reduce(lambda held, key: {key: held}, reversed(inner), value)
    said = yaml.safe_dump(nested, default_flow_style=True, sort_keys=False, width=sys.maxsize).strip()
    return f"modeshift:{top}: {said}"
