"""`modeshift cost`: what a stack costs in a month, which compute is the cheapest, and where the prices come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automation import operations, render
from automation.cloud import Cloud, Session, choose, open_session, settings_of
from automation.cost import view
from automation.cost.budget import check_budget
from automation.cost.chart import write_chart
from automation.cost.compare import Workload
from automation.cost.compare import compare as compare_computes
from automation.cost.delta import cost_delta, of_plan
from automation.cost.refresh import PRICE_LIST, TEMPLATE
from automation.cost.refresh import refresh as refresh_sheet
from automation.cost.usage import load_usage
from automation.errors import Exit, UserError
from automation.options import AllStacks, CloudOption, Json, Stacks
from automation.project import Project, choose_stacks, find_project
from automation.screen import Screen
from stacks.load import Resolved
from stacks.prices.sheet import PriceSheet, load_sheet
from stacks.settings import StackSettings
from stacks.words import Placement

cost = typer.Typer(help="Say what a stack costs in a month, and which compute is the cheapest.")

UsageOption = Annotated[str | None, typer.Option("--usage", "-u", help="small, medium, large, or a file of yours.")]


@cost.callback(invoke_without_command=True)
def cost_of_stacks(
    context: typer.Context,
    stack: Stacks = None,
    all_stacks: AllStacks = False,
    cloud: CloudOption = None,
    usage: UsageOption = None,
    lines: Annotated[bool, typer.Option("--lines", help="Every quantity and price instead of sums.")] = False,
    compare_modes: Annotated[
        bool, typer.Option("--compare-modes", help="Lambda, Fargate and EKS side by side.")
    ] = False,
    service: Annotated[
        str | None, typer.Option("--service", help="Service to compare, where there are several.")
    ] = None,
    chart: Annotated[Path | None, typer.Option("--chart", help="Draw the comparison: a .png or .svg file.")] = None,
    as_json: Json = False,
) -> None:
    """Say what stacks cost in a month: minimum, expected, maximum. Previews them; changes nothing."""
    if context.invoked_subcommand:
        return
    screen = Screen.open(as_json)
    with screen.errors():
        if (chart or service) and not compare_modes:
            raise UserError("--chart and --service belong to a comparison.", hint="Add --compare-modes.")
        project, where = find_project(), choose(cloud)
        names = choose_stacks(project, stack, all_stacks=all_stacks)
        if compare_modes:
            if len(names) > 1:
                raise UserError("One stack is compared at a time.", hint=f"Name one of {', '.join(names)}.")
            _compare(screen, settings_of(project, names[0], where), usage, service, chart)
            return
        _estimate(screen, project, names, where, usage, lines=lines)


@cost.command()
def refresh(
    region: Annotated[str, typer.Option("--region", help="Region whose prices to fetch.")] = TEMPLATE,
    source: Annotated[str, typer.Option("--from", help="Where the price list is, such as a mirror.")] = PRICE_LIST,
    as_json: Json = False,
) -> None:
    """Renew the price sheet of a region from AWS's public price list; needs no account."""
    screen = Screen.open(as_json)
    with screen.errors():
        renewal = refresh_sheet(region, source)
        screen.console.print(view.renewal_view(renewal))
        screen.document(renewal.document())
        raise typer.Exit(Exit.FAILED if renewal.problems else Exit.DONE)


def _estimate(
    screen: Screen, project: Project, names: list[str], where: Cloud, usage: str | None, *, lines: bool
) -> None:
    code = Exit.DONE
    documents: list[dict[str, object]] = []
    for name in names:
        resolved = settings_of(project, name, where)
        sheet, budget = sheet_for(resolved.region), resolved.settings.budget
        chosen = usage or (budget.usage if budget else None)
        used = load_usage(chosen, project.root)
        with open_session(project, name, where) as session:
            result = _previewed(screen, session)
        before, after = of_plan(result.events, used, sheet)
        delta, check = cost_delta(before, after), check_budget(after, budget.monthly) if budget else None
        screen.console.print(view.estimate_view(name, after, delta, check, lines=lines))
        if check and check.exceeded:
            code = Exit.POLICY
        documents.append(
            {
                "stack": name,
                "usage": chosen or "small",
                **after.document(),
                "delta": delta.document(),
                "budget": check.document() if check else None,
            }
        )
    screen.document({"notice": where.notice, "stacks": documents})
    raise typer.Exit(code)


def _previewed(screen: Screen, session: Session) -> operations.Result:
    result = operations.preview(session, screen.console)
    if not result.ok:
        screen.console.print(render.diagnostics_view(result.plan.errors()), soft_wrap=True)
        raise UserError(
            f"{session.stack} cannot be priced: its preview did not finish.",
            hint=f"modeshift preview --stack {session.stack} shows why.",
            code=result.code,
        )
    return result


def _compare(screen: Screen, resolved: Resolved, usage: str | None, service: str | None, chart: Path | None) -> None:
    comparison = compare_computes(workload(resolved.settings, service), load_usage(usage), sheet_for(resolved.region))
    screen.console.print(view.comparison_view(comparison))
    if chart:
        write_chart(comparison, chart)
        screen.say(f"Drawn: {chart}")
    screen.document(comparison.document())


def workload(settings: StackSettings, service: str | None) -> Workload:
    """Return a stack's service as it is compared.

    Raises:
        UserError: There is no such service, or several and none was named.

    """
    known = ", ".join(settings.services)
    name = service or (known if len(settings.services) == 1 else "")
    if not name:
        raise UserError("Which service?", hint=f"Add --service NAME (here: {known}).")
    if name not in settings.services:
        raise UserError(f"There is no service {name!r} in this stack.", hint=f"Services here: {known}.")
    chosen = settings.services[name]
    return Workload(
        name=name,
        memory=chosen.size.memory,
        cpu=chosen.size.cpu,
        function_architecture=settings.serverless.architecture,
        task_architecture=settings.container.architecture,
        fewest_tasks=chosen.scaling.min,
        public_tasks=settings.container.placement is Placement.PUBLIC,
        front_door=settings.front_door,
        zones=settings.network.azs,
        requests_per_target=chosen.scaling.requests_per_target,
    )


def sheet_for(region: str) -> PriceSheet:
    """Return the price sheet of a region.

    Raises:
        UserError: There is none; prices of another region are never taken in its place.

    """
    try:
        return load_sheet(region)
    except LookupError:
        raise UserError(
            f"There are no prices for {region}.",
            hint=f"Fetch them once from AWS's public price list: modeshift cost refresh --region {region}",
        ) from None
