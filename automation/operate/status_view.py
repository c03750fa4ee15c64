"""What `modeshift status` shows. Pure functions from values to Rich renderables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automation.markdown.escape import one_line
from automation.operate.found import PartStatus, Rollout, ServiceStatus
from stacks.settings import Compute

_STYLE = {"steady": "green", "changing": "yellow", "trouble": "red"}
_MARK = {"steady": "✓", "changing": "…", "trouble": "✗"}
_LONGEST = 300


def status_view(stack: str, url: str, services: Sequence[ServiceStatus]) -> RenderableType:
    """Render how a stack's services are: a block for each, what is wrong in red below its part."""
    head = Text.assemble((stack, "bold"), "  ", (url, "cyan"), no_wrap=True)
    return Group(head, *(Padding(_service(one), (1, 0, 0, 0)) for one in services))


def _service(one: ServiceStatus) -> RenderableType:
    state = one.state
    shares = ", ".join(f"{compute} {share} %" for compute, share in one.service.traffic.items() if share)
    head = Text.assemble((f"{_MARK[state]} {one.service.name}", f"bold {_STYLE[state]}"), "  ", (shares, "dim"))
    return Group(head, *(Padding(_part(part), (0, 0, 0, 2)) for part in one.parts))


def _part(one: PartStatus) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    words = [
        Text(one.part.role, style="cyan"),
        Text(_version(one)),
        Text(_numbers(one)),
        Text(_limits(one), style="dim"),
    ]
    words.append(_health(one))
    table.add_row(*words)
    lines: list[RenderableType] = [table]
    # One rollout that is over is what the first line says already.
    moving = [each for each in one.rollouts if len(one.rollouts) > 1 or each.state == "IN_PROGRESS"]
    lines += [Text(f"  {_rollout(each)}", style="yellow") for each in moving]
    lines += [Text(f"  {one_line(text, _LONGEST)}", style="red") for text in one.problems]
    lines += [Text(f"  {one_line(text, _LONGEST)}", style="yellow") for text in one.warnings]
    lines += [Text(f"  {one_line(text, _LONGEST)}", style="dim") for text in one.facts]
    if one.problems or one.changing:
        lines += [Text(f"  {_ago(time)}: {one_line(text, _LONGEST)}", style="dim") for time, text in one.events]
    return Group(*lines)


def _version(one: PartStatus) -> str:
    """Return the version; that of a function is a bare number, which needs to be called one."""
    bare = one.part.compute is Compute.LAMBDA and one.version
    return f"version {one.version}" if bare else one.version


def _numbers(one: PartStatus) -> str:
    if one.part.compute is Compute.LAMBDA:
        return "" if one.running is None else f"{one.running} at once"
    thing = "pods" if one.part.compute is Compute.EKS else "tasks"
    if one.running is None:
        return f"no number of {thing} known"
    return f"{one.running} of {one.desired} {thing}" if one.desired is not None else f"{one.running} {thing}"


def _limits(one: PartStatus) -> str:
    if one.limits is None:
        return ""
    fewest, most = one.limits
    if one.part.compute is not Compute.LAMBDA:
        return f"scaled {fewest}–{most}"
    said = [f"{fewest} provisioned" if fewest is not None else "", f"{most} reserved" if most is not None else ""]
    return ", ".join(word for word in said if word)


def _health(one: PartStatus) -> Text:
    style = "red" if "unhealthy" in one.targets else "green" if one.targets else ""
    return Text(", ".join(f"{count} {state}" for state, count in sorted(one.targets.items())), style=style)


def _rollout(one: Rollout) -> str:
    if one.share is not None:
        return f"version {one.version}: {one.share} % of the calls"
    failed = f", {one.failed} failed" if one.failed else ""
    return f"{one.version}: {one.state}, {one.running} of {one.desired} tasks run{failed}"


def _ago(time: str) -> str:
    """Return how long ago a time was, as people say it."""
    seconds = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word} ago"
    return f"{int(seconds)} s ago"
