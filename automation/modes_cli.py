"""`modeshift modes`: Lambda, Fargate and EKS side by side for one service, and which of them to take."""

from __future__ import annotations

from typing import Annotated

import typer

from automation.cloud import choose, settings_of
from automation.cost.compare import compare
from automation.cost.usage import load_usage
from automation.cost_cli import UsageOption, sheet_for, workload
from automation.modes.abilities import abilities
from automation.modes.survey import survey
from automation.modes.view import survey_view
from automation.options import CloudOption, Json, Stacks
from automation.project import choose_stacks, find_project
from automation.screen import Screen


def modes(
    stack: Stacks = None,
    cloud: CloudOption = None,
    usage: UsageOption = None,
    service: Annotated[str | None, typer.Option("--service", help="Which one, where there are several.")] = None,
    as_json: Json = False,
) -> None:
    """Put Lambda, Fargate and EKS side by side for a service, recommend one, and say what a move takes."""
    screen = Screen.open(as_json)
    with screen.errors():
        project, where = find_project(), choose(cloud)
        name = choose_stacks(project, stack, all_stacks=False)[0]
        resolved = settings_of(project, name, where)
        compared = workload(resolved.settings, service)
        budget = resolved.settings.budget
        used = load_usage(usage or (budget.usage if budget else None), project.root)
        comparison = compare(compared, used, sheet_for(resolved.region))
        able = abilities(project.root, resolved, compared.name)
        surveyed = survey(resolved, compared.name, able, comparison, used)
        screen.console.print(survey_view(surveyed))
        screen.document(surveyed.document())
