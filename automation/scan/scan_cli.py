"""`modeshift scan`: a second opinion on what a stack makes, by rules that others wrote."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from automation import operations
from automation.cloud import Cloud, choose, open_session, settings_of
from automation.errors import Exit
from automation.operations import Result
from automation.options import AllStacks, CloudOption, Json, Stacks
from automation.project import Project, choose_stacks, find_project
from automation.screen import Screen

if TYPE_CHECKING:
    from automation.scan.terraform import TerraformPlan


def scan(
    stack: Stacks = None,
    all_stacks: AllStacks = False,
    cloud: CloudOption = None,
    as_json: Json = False,
) -> None:
    """Preview stacks and let checkov judge what they would make. Ends with code 3 when a check fails."""
    # Most commands scan nothing.
    from automation.scan.judge import exceptions, judge, scan_view  # noqa: PLC0415
    from automation.scan.runner import run_checkov  # noqa: PLC0415

    screen = Screen.open(as_json)
    with screen.errors():
        project, where, suppressions = find_project(), choose(cloud), exceptions()
        documents: list[dict[str, object]] = []
        code = Exit.DONE
        for name in choose_stacks(project, stack, all_stacks=all_stacks):
            result, plan = _previewed(screen, project, name, where)
            if plan is None:
                documents.append({"stack": name, "ok": False, "errors": [str(one) for one in result.plan.errors()]})
                code = max(code, result.code)
                continue
            with screen.console.status(f"checkov reads {name}"):
                checked = run_checkov(plan.document)
            made = judge(name, plan, checked, suppressions, datetime.now(UTC).date())
            screen.console.print(scan_view(made), soft_wrap=True)
            documents.append(made.document())
            code = max(code, Exit.POLICY if made.stopping else Exit.DONE)
        screen.document({"notice": where.notice, "stacks": documents})
        raise typer.Exit(code)


def _previewed(screen: Screen, project: Project, name: str, where: Cloud) -> tuple[Result, TerraformPlan | None]:
    """Preview one stack and return its plan as Terraform's; None where the preview failed, which is said."""
    from automation.policies import plan_dependencies  # noqa: PLC0415
    from automation.scan.terraform import terraform_plan  # noqa: PLC0415

    settings_of(project, name, where)
    with tempfile.TemporaryDirectory(prefix="modeshift-plan-") as folder, open_session(project, name, where) as session:
        saved = Path(folder) / "plan.json"
        result = operations.preview(session, screen.console, save_plan=saved)
        if not result.ok:
            screen.plan(session, result)
            return result, None
        return result, terraform_plan(result.events, plan_dependencies(saved))
