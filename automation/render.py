"""What a person sees on the terminal: plans, results, errors. Pure functions from values to Rich renderables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automation.markdown.escape import visible
from automation.plan import Change, Diagnostic, Op, Plan
from automation.plan.remarks import Gravity, Quoted, Remark, kind, noun, remarks
from automation.workloads import Local

_SIGN = {Op.CREATE: "+", Op.UPDATE: "~", Op.REPLACE: "±", Op.DELETE: "-", Op.SAME: " ", Op.READ: " "}
_STYLE = {
    Op.CREATE: "green",
    Op.UPDATE: "yellow",
    Op.REPLACE: "magenta",
    Op.DELETE: "red",
    Op.SAME: "dim",
    Op.READ: "dim",
}
_PAST = {Op.CREATE: "created", Op.UPDATE: "updated", Op.REPLACE: "replaced", Op.DELETE: "deleted"}
_GRAVITY = {Gravity.DANGER: "red", Gravity.WARNING: "yellow", Gravity.NOTE: ""}
_MOST_PROPERTIES = 4


def plan_view(plan: Plan, before: str = "") -> RenderableType:
    """Render a plan grouped by component: one line per component, then what deserves a look of its own."""
    changed = [change for change in plan.changed() if change.custom]
    if not plan.changed():
        return Text("No changes: what is deployed is what the stack file says.", style="green")
    parts: list[RenderableType] = []
    if before:
        parts.append(Text(before, style="bold"))
    parts.append(_by_component(plan, changed))
    if worth := [change for change in changed if change.op is not Op.CREATE and not change.noisy]:
        parts.append(Padding(_details(worth), (1, 0, 0, 0)))
    if noisy := sum(change.noisy for change in changed):
        parts.append(Text(f"and {noun(noisy, 'update')} of nothing but tags or hashes", style="dim"))
    if said := remarks(plan):
        parts.append(Padding(Group(*(_remark(one) for one in said)), (1, 0, 0, 0)))
    parts.append(Padding(counts_line(plan.counts()), (1, 0, 0, 0)))
    return Group(*parts)


def counts_line(counts: Mapping[str, int], *, past: bool = False) -> Text:
    """Render counts as one line: `12 to create, 3 to update, 40 unchanged`."""
    line = Text()
    for op in (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE):
        if count := counts.get(op, 0):
            line.append(f"{count} {_PAST[op] if past else 'to ' + op.value}", style=_STYLE[op])
            line.append(", ")
    line.append(f"{counts.get(Op.SAME, 0)} unchanged", style="dim")
    return line


def local_view(local: Local) -> RenderableType:
    """Say where what runs on this machine is."""
    fast = "" if local.speed == 1 else f" Waiting goes {local.speed:g} times faster than in AWS."
    return Text.assemble(
        ("It runs on this machine: ", "bold"), (local.url, "bold cyan"), f"\nWhat it does shows {local.page}.{fast}"
    )


def outputs_view(outputs: Mapping[str, object]) -> RenderableType:
    """Render stack outputs, nested ones as dotted names."""
    rows = _flatten(outputs)
    width = max((len(name) for name, _ in rows), default=0)
    # Lines of text, not a table: a table would break a URL that somebody wants to copy.
    lines = [Text.assemble(("  " + name.ljust(width + 2), "cyan"), str(value), no_wrap=True) for name, value in rows]
    return Text("\n").join(lines)


def steps_view(steps: Iterable[tuple[str, Sequence[str]]]) -> RenderableType:
    """Render what a person does next, each step with the lines to paste as they are."""
    text = Text()
    for step, lines in steps:
        text.append(f"\n{step}\n", style="bold")
        text.append("".join(f"  {line}\n" for line in lines))
    return text


def diagnostics_view(diagnostics: Iterable[Diagnostic]) -> RenderableType:
    """Render messages once each, with the resource they are about."""
    seen: set[tuple[str, str]] = set()
    lines: list[RenderableType] = []
    for diagnostic in diagnostics:
        key = (diagnostic.urn, diagnostic.message)
        if key in seen:
            continue
        seen.add(key)
        subject = diagnostic.urn.rsplit("::", 1)[-1]
        style = "red" if diagnostic.severity == "error" else "yellow"
        heading = Text(f"{diagnostic.severity}: ", style=f"bold {style}")
        if subject and "pulumi:pulumi:Stack" not in diagnostic.urn:
            heading.append(f"{subject}: ", style="bold")
        lines.append(heading.append(diagnostic.message, style="default not bold"))
    return Group(*lines)


def problem(message: str, hint: str = "") -> RenderableType:
    """Render a person's mistake or a failed condition: what is wrong, then what to do."""
    lines = [Text.assemble(("error: ", "bold red"), message)]
    if hint:
        lines.append(Text(hint, style="dim"))
    return Group(*lines)


def settings_view(rows: Sequence[tuple[str, object, str]]) -> Table:
    """Render resolved settings with the place each value came from."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for key, value, origin in rows:
        style = "dim" if origin == "library default" else ""
        table.add_row(escape(key), escape(str(value)), escape(origin), style=style)
    return table


def seconds(value: float) -> str:
    """Return a length of time as people say it."""
    minutes, rest = divmod(value, 60)
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


def _by_component(plan: Plan, changed: Sequence[Change]) -> Table:
    groups: dict[str, list[Change]] = {}
    for change in changed:
        groups.setdefault(plan.component_of(change.urn), []).append(change)
    table = Table.grid(padding=(0, 2))
    for urn, members in groups.items():
        top = plan.changes.get(urn)
        signs = Text()
        for op, count in sorted(Counter(member.op for member in members).items()):
            signs.append(f"{_SIGN[op]}{count} ", style=_STYLE[op])
        kinds = Counter(kind(member.type) for member in members)
        summary = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in kinds.items())
        table.add_row(
            signs,
            Text(top.name if top else urn.rsplit("::", 1)[-1], style="bold"),
            Text(kind(top.type) if top else "", style="cyan"),
            Text(summary, style="dim", overflow="ellipsis", no_wrap=True),
        )
    return table


def _details(changes: Sequence[Change]) -> Table:
    table = Table.grid(padding=(0, 2))
    for change in changes:
        if change.op is Op.REPLACE:
            why = "because of " + ", ".join(change.causes) if change.causes else ""
        elif change.op is Op.UPDATE:
            shown = list(change.properties[:_MOST_PROPERTIES])
            hidden = len(change.properties) - len(shown)
            why = ", ".join(shown) + (f" and {hidden} more" if hidden else "")
        else:
            why = "kept in AWS, no longer managed" if change.retained else ""
        table.add_row(
            Text(f"{_SIGN[change.op]} {change.op}", style=_STYLE[change.op]),
            Text(change.name),
            Text(kind(change.type), style="cyan"),
            Text(why, style="dim"),
        )
    return table


def _remark(remark: Remark) -> Text:
    line = Text("• ", style=_GRAVITY[remark.gravity])
    for part in remark.words:
        line.append(visible(part), style="bold" if isinstance(part, Quoted) else None)
    return line


def _flatten(outputs: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in sorted(outputs.items()):
        if isinstance(value, Mapping):
            rows.extend(_flatten(value, f"{prefix}{name}."))
        else:
            rows.append((prefix + name, value))
    return rows
