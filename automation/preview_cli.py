"""`modeshift preview`, `drift` and `comment`: what would change, what did change, and a pull request that says so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from automation import operations, saved
from automation.base import brought_up
from automation.cloud import Cloud, choose, choose_sandbox, open_session, settings_of
from automation.comment.upsert import upsert
from automation.errors import Exit, UserError
from automation.expected import origin
from automation.markdown import Basis, Report, report
from automation.operations import Result
from automation.options import AllStacks, CloudOption, ExpectNoChanges, Json, Stacks
from automation.plan import Diagnostic, Plan
from automation.project import Project, choose_stacks, find_project
from automation.review import Review, review, review_view
from automation.saved import Previews
from automation.screen import Screen
from stacks.errors import SettingsError

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"

Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the whole report to this file, too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write the comment to .modeshift/comment.md, not to GitHub.")]


def preview(
    stack: Stacks = None,
    all_stacks: AllStacks = False,
    cloud: CloudOption = None,
    as_json: Json = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read back what exists first.")] = False,
    expect_no_changes: ExpectNoChanges = False,
    base: Annotated[
        str | None,
        typer.Option("--base", help="Compare with where the checkout left this branch, without credentials."),
    ] = None,
    markdown: Markdown = None,
    comment: Annotated[bool, typer.Option("--comment", help="Report on the pull request of this workflow.")] = False,
    dry_run: DryRun = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep the previews in this folder, for modeshift comment.")
    ] = None,
) -> None:
    """Show what `up` would change, and why; what that costs; and which policies it breaks. Changes nothing."""
    screen = Screen.open(as_json)
    with screen.errors():
        project, where = find_project(), choose(cloud) if base is None else choose_sandbox(cloud, "--base")
        names = choose_stacks(project, stack, all_stacks=all_stacks)
        tolerant = bool(len(names) > 1 or comment or dry_run or markdown or save)
        with _against(project, base, names, screen) as (seen, basis):
            results = [_previewed(screen, seen, name, where, refresh=refresh, tolerant=tolerant) for name in names]
        reviews = [_reviewed(screen, project, where, result) for result in results]
        if save:
            saved.save(save, Previews(results, basis, where.notice))
        _publish(screen, project, reviews, basis, where.notice, markdown=markdown, comment=comment, dry_run=dry_run)
        if where.notice:
            screen.say(where.notice)
        screen.document(_document(project, reviews, where.notice))
        raise typer.Exit(max(_expected(one, nothing=expect_no_changes) for one in reviews))


def comment(
    previews: Annotated[Path, typer.Argument(help="Folder that modeshift preview --save wrote.")],
    markdown: Markdown = None,
    dry_run: DryRun = False,
) -> None:
    """Report previews that another run kept: their code is not run, and what they say is data."""
    screen = Screen.open(as_json=False)
    with screen.errors():
        project, kept = find_project(), saved.load(previews)
        known = project.stacks()
        reviews = [
            # Of a stack that only the pull request has, no settings here say how to judge it.
            _reviewed(screen, project, Cloud.SANDBOX, one) if one.stack in known else Review(one)
            for one in kept.results
        ]
        _publish(screen, project, reviews, kept.basis, kept.notice, markdown=markdown, comment=True, dry_run=dry_run)


def drift(
    stack: Stacks = None,
    all_stacks: AllStacks = False,
    cloud: CloudOption = None,
    as_json: Json = False,
    markdown: Markdown = None,
) -> None:
    """Tell what was changed outside, and note it nowhere. Ends with code 4 when something was."""
    screen = Screen.open(as_json)
    with screen.errors():
        project, where = find_project(), choose(cloud)
        results: list[Result] = []
        for name in choose_stacks(project, stack, all_stacks=all_stacks):
            with open_session(project, name, where) as session:
                result = operations.drift(session, screen.console)
                screen.plan(session, result, "what was changed outside")
                results.append(result)
        if markdown is not None:
            reviews = [Review(Result(one.stack, Plan(one.stack), one.code, 0), drift=one.plan) for one in results]
            _write(markdown, _report(reviews, Basis.LIVE, where.notice))
        if where.notice:
            screen.say(where.notice)
        screen.document(operations.document(results, where.notice))
        raise typer.Exit(max(Exit.CHANGES if one.ok and one.plan.changed() else one.code for one in results))


@contextmanager
def _against(
    project: Project, base: str | None, names: Sequence[str], screen: Screen
) -> Iterator[tuple[Project, Basis]]:
    """Yield the project as it is compared: with what is deployed, or with what its base makes."""
    if base is None:
        yield project, Basis.LIVE
        return
    with brought_up(project, base, names, screen.console) as seen:
        yield seen, Basis.PROGRAM


def _previewed(screen: Screen, project: Project, name: str, where: Cloud, *, refresh: bool, tolerant: bool) -> Result:
    """Preview one stack; where others or a report follow, a mistake in it is a failed preview and no end."""
    try:
        settings_of(project, name, where)
        with open_session(project, name, where) as session:
            result = operations.preview(session, screen.console, refresh=refresh)
            screen.plan(session, result)
            return result
    except (SettingsError, UserError) as error:
        if not tolerant:
            raise
        screen.problem(error)
        plan = Plan(name)
        plan.diagnostics.append(Diagnostic("error", str(error)))
        plan.seal()
        return Result(name, plan, Exit.USAGE if isinstance(error, SettingsError) else error.code, 0)


def _reviewed(screen: Screen, project: Project, where: Cloud, result: Result) -> Review:
    if not result.ok:
        return Review(result)
    made = review(project, settings_of(project, result.stack, where), result, datetime.now(UTC).date())
    screen.console.print(review_view(made), soft_wrap=True)
    return made


def _publish(
    screen: Screen,
    project: Project,
    reviews: Sequence[Review],
    basis: Basis,
    notice: str,
    *,
    markdown: Path | None,
    comment: bool,
    dry_run: bool,
) -> None:
    """Write the report wherever it was asked for."""
    if not (markdown or comment or dry_run):
        return
    made = _report(reviews, basis, notice)
    if markdown:
        _write(markdown, made)
    if dry_run:
        path = project.local / "comment.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.comment, encoding="utf-8")
        screen.say(f"The comment is in {path}.")
        return
    if summary := os.environ.get(_STEP_SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(made.summary[0] + "\n")
    if comment:
        from automation.comment.github import Place, PullRequest  # noqa: PLC0415 a client that few commands need

        place = Place.of_workflow(os.environ)
        done = upsert(PullRequest(place), place.marker, made.comment)
        screen.say(f"Comment on pull request {place.number}: {done}.")


def _report(reviews: Sequence[Review], basis: Basis, notice: str) -> Report:
    return report([one.report() for one in reviews], basis=basis, notice=notice)


def _write(path: Path, made: Report) -> None:
    path.write_text("\n".join(made.summary), encoding="utf-8")


def _document(project: Project, reviews: Sequence[Review], notice: str) -> dict[str, object]:
    document = operations.document([one.result for one in reviews], notice)
    stacks = [
        {**one.result.document(), **one.document(), "origin": origin(project, one.result.stack)}
        if one.result.complete
        else one.result.document()
        for one in reviews
    ]
    return {**document, "stacks": stacks}


def _expected(reviewed: Review, *, nothing: bool) -> Exit:
    return Exit.CHANGES if reviewed.code is Exit.DONE and nothing and reviewed.result.plan.changed() else reviewed.code
