"""`modeshift rehearse`: do a change in a sandbox of its own, under load, before doing it where it counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automation.cloud import Cloud
from automation.errors import UserError
from automation.markdown.escape import one_line
from automation.options import Json
from automation.project import choose_stacks, find_project
from automation.screen import Screen
from automation.shift import steps

_LEAST_RATE, _MOST_RATE = 1, 5000


def rehearse(
    plan: Annotated[str, typer.Option("--plan", help="shift:lambda→fargate | deploy | zone-loss | spike[:3]")],
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Stack to rehearse on.")] = None,
    rate: Annotated[float, typer.Option("--rate", help="Requests a second.")] = 200,
    length: Annotated[str, typer.Option("--for", help="How long the load lasts at least, as in 60 or 2m.")] = "60",
    path: Annotated[str, typer.Option("--path", help="What is asked for, below the stack's URL.")] = "/health",
    by: Annotated[str, typer.Option("--steps", help="Shares of a shift, in percent.")] = "10,50,100",
    watch: Annotated[str, typer.Option("--watch", help="How long each step of a shift is watched.")] = "0s",
    base: Annotated[
        str | None, typer.Option("--base", help="Deploy onto what the checkout was where it left this branch.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report here, as Markdown.")] = None,
    chart: Annotated[Path | None, typer.Option("--chart", help="Draw it here, as .svg or .png.")] = None,
    as_json: Json = False,
) -> None:
    """Bring a stack up in a sandbox of its own, do a change under steady load, and report what that did."""
    screen = Screen.open(as_json)
    with screen.errors():
        # What rehearses is loaded by the command that does.
        from automation.rehearse import chart as picture  # noqa: PLC0415
        from automation.rehearse import plans  # noqa: PLC0415
        from automation.rehearse.markdown import markdown  # noqa: PLC0415
        from automation.rehearse.rehearsal import Wish  # noqa: PLC0415
        from automation.rehearse.rehearsal import rehearse as do  # noqa: PLC0415
        from automation.rehearse.report import document  # noqa: PLC0415
        from automation.rehearse.words import view  # noqa: PLC0415

        project = find_project()
        chosen = plans.parse(plan)
        wish = Wish(
            plan=chosen,
            stack=choose_stacks(project, [stack] if stack else None, all_stacks=False)[0],
            rate=_rate(rate),
            length=steps.seconds(length if length[-1:].isalpha() else f"{length}s", "--for"),
            path=_path(path),
            steps=steps.shares(by),
            watch=steps.seconds(watch, "--watch"),
            base=_base(base, chosen),
        )
        if chart is not None and chart.suffix.lower() not in picture.SUFFIXES:
            raise picture.refused(chart)
        found = do(screen, project, wish)
        if chart is not None:
            picture.write_chart(found, chart)
        if report is not None:
            report.parent.mkdir(parents=True, exist_ok=True)
            beside = chart.name if chart is not None and chart.parent.resolve() == report.parent.resolve() else ""
            file_path = "" if chart is None else beside or str(chart.resolve())
            report.write_text(markdown(found, Cloud.SANDBOX.notice, file_path), encoding="utf-8")
        screen.document(document(found, Cloud.SANDBOX.notice))
        screen.console.print(view(found), soft_wrap=True)
        screen.say(Cloud.SANDBOX.notice)
        raise typer.Exit(found.code)


def _rate(rate: float) -> float:
    if not _LEAST_RATE <= rate <= _MOST_RATE:
        raise UserError(
            f"--rate {rate:g} is no load for one machine.",
            hint=f"From {_LEAST_RATE} to {_MOST_RATE} requests a second.",
        )
    return rate


def _path(path: str) -> str:
    if not path.isascii() or not path.isprintable() or " " in path or "#" in path:
        raise UserError(f"--path {one_line(path)} is no path of a URL.", hint="As in /health or /v1/users?limit=10.")
    return path


def _base(base: str | None, plan: object) -> str | None:
    from automation.rehearse.plans import Kind, Plan  # noqa: PLC0415

    if base is not None and isinstance(plan, Plan) and plan.kind is not Kind.DEPLOY:
        raise UserError("--base says what a deployment comes from.", hint="Leave it out, or take --plan deploy.")
    return base
