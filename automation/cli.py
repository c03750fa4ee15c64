"""The `modeshift` command. Every command does in one step what plain `pulumi` can do in several; none is needed."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from automation import doctor as doctor_report
from automation import operate_cli, operations, preview_cli, recovery, render, smoke
from automation.bring_up import bring_up
from automation.cloud import Cloud, Session, choose, open_session, settings_of
from automation.cost_cli import cost
from automation.errors import Exit, UserError
from automation.modes_cli import modes
from automation.operations import Result
from automation.options import AcceptDataLoss, AllStacks, CloudOption, ExpectNoChanges, Json, Stacks, Yes
from automation.policies_cli import policies
from automation.project import choose_stacks, find_project
from automation.rehearse_cli import rehearse
from automation.restore_cli import restore
from automation.rollback_cli import rollback
from automation.sandbox_cli import sandbox
from automation.scan.scan_cli import scan
from automation.screen import Screen, ask
from automation.shift.shift_cli import shift
from stacks.load import describe

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Bring stacks up as Lambda functions or containers, by configuration.",
)
app.add_typer(sandbox, name="sandbox")
app.add_typer(cost, name="cost")
app.command()(policies)
app.command()(scan)
app.command()(shift)
app.command()(modes)
app.command()(rollback)
app.command()(restore)
app.command()(rehearse)

app.add_typer(operate_cli.secrets, name="secrets")
for command in (operate_cli.status, operate_cli.logs, operate_cli.scale, operate_cli.redeploy):
    app.command()(command)
app.command("exec")(operate_cli.exec_)
app.command("open")(operate_cli.open_)

for command in (preview_cli.preview, preview_cli.drift, preview_cli.comment):
    app.command()(command)


@app.command()
def up(
    stack: Stacks = None,
    all_stacks: AllStacks = False,
    cloud: CloudOption = None,
    yes: Yes = False,
    as_json: Json = False,
    skip_preview: Annotated[bool, typer.Option("--skip-preview", help="Do not preview first.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read back what exists first, to repair drift.")] = False,
    accept_data_loss: AcceptDataLoss = False,
    expect_plan: Annotated[
        Path | None, typer.Option("--expect-plan", help="Refuse unless this reviewed preview --json still holds.")
    ] = None,
) -> None:
    """Bring stacks up to what their files say."""
    screen = Screen.open(as_json)
    if expect_plan and skip_preview:
        with screen.errors():
            raise UserError(
                "--expect-plan compares with a preview, and --skip-preview makes none.", hint="Leave one of them out."
            )

    def one(session: Session) -> Result:
        again = f"modeshift up --stack {session.stack}"
        result = bring_up(
            screen,
            session,
            again,
            yes=yes,
            skip_preview=skip_preview,
            refresh=refresh,
            accept_data_loss=accept_data_loss,
            expect_plan=expect_plan,
            resolved=settings_of(session.project, session.stack, session.cloud),
        )
        if result.ok:
            name = session.stack
            screen.say(f"Next: edit Pulumi.{name}.yaml and see what changes with modeshift preview --stack {name}.")
        return result

    _each(screen, stack, all_stacks, cloud, one)


@app.command()
def destroy(
    stack: Stacks = None,
    all_stacks: AllStacks = False,
    cloud: CloudOption = None,
    yes: Yes = False,
    as_json: Json = False,
    unprotect: Annotated[
        bool, typer.Option("--unprotect", help="Delete protected and retained resources too, and their data.")
    ] = False,
) -> None:
    """Delete what stacks created; what is protected stays until `--unprotect`."""
    screen = Screen.open(as_json)

    def one(session: Session) -> Result:
        recovery.recover(session, screen.console)
        guarded = recovery.guarded_resources(session)
        if unprotect and guarded:
            screen.console.print("These are protected or retained and will be deleted with their data:", style="red")
            screen.guarded(guarded)
        screen.confirm(f"Destroy {session.stack}?", yes=yes)
        if unprotect:
            recovery.lift_guards(session, screen.console)
        result = operations.destroy(session, screen.console)
        screen.result(session, result, f"modeshift destroy --stack {session.stack}")
        if result.ok and guarded and not unprotect:
            screen.console.print("Kept, because protected or retained:", style="yellow")
            screen.guarded(guarded)
            screen.console.print(f"Delete them too: modeshift destroy --stack {session.stack} --unprotect", style="dim")
        return result

    _each(screen, stack, all_stacks, cloud, one)


@app.command()
def refresh(
    stack: Stacks = None,
    all_stacks: AllStacks = False,
    cloud: CloudOption = None,
    as_json: Json = False,
    expect_no_changes: ExpectNoChanges = False,
) -> None:
    """Read every resource back and note what was changed outside."""
    screen = Screen.open(as_json)

    def one(session: Session) -> Result:
        recovery.recover(session, screen.console)
        result = operations.refresh(session, screen.console)
        screen.plan(session, result)
        return _with_expectation(result, expect_no_changes)

    _each(screen, stack, all_stacks, cloud, one)


@app.command()
def outputs(
    name: Annotated[str | None, typer.Argument(help="One output, printed bare.")] = None,
    stack: Stacks = None,
    cloud: CloudOption = None,
    as_json: Json = False,
) -> None:
    """Print a stack's outputs."""
    screen = Screen.open(as_json)
    with screen.errors():
        project = find_project()
        chosen = choose_stacks(project, stack, all_stacks=False)
        with open_session(project, chosen[0], choose(cloud)) as session:
            values = operations.outputs(session)
        if not values:
            raise UserError(
                f"The stack {chosen[0]} has no outputs: it is not up.", hint=f"modeshift up --stack {chosen[0]}"
            )
        if name is not None:
            if name not in values:
                raise UserError(
                    f"There is no output {name!r}.", hint=f"Outputs: {', '.join(sorted(values)) or 'none'}."
                )
            typer.echo(values[name] if isinstance(values[name], str) else json.dumps(values[name]))
        elif as_json:
            screen.document(values)
        else:
            screen.console.print(render.outputs_view(values), soft_wrap=True)


@app.command()
def config(stack: Stacks = None, cloud: CloudOption = None, as_json: Json = False) -> None:
    """Print a stack's resolved settings and where each value comes from."""
    screen = Screen.open(as_json)
    with screen.errors():
        project = find_project()
        name = choose_stacks(project, stack, all_stacks=False)[0]
        rows = describe(settings_of(project, name, choose(cloud)))
        if as_json:
            screen.document({key: {"value": value, "origin": origin} for key, value, origin in rows})
        else:
            screen.console.print(render.settings_view(rows))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the service, as in sos-broadcast.")],
    route: Annotated[str | None, typer.Option("--route", help="Path prefix it owns; unset, its name.")] = None,
    as_json: Json = False,
) -> None:
    """Make a service that works: a folder with a manifest, and tests. Deleting the folder removes it."""
    from automation import new_service  # noqa: PLC0415 - no other command needs it

    screen = Screen.open(as_json)
    with screen.errors():
        made = new_service.create(find_project(), name, route)
        headline = f"{made.name}, which answers at {made.route}:"
        screen.console.print(render.steps_view([(headline, made.files), *made.steps]), soft_wrap=True)
        screen.document(made.document())


@app.command()
def package(
    architecture: Annotated[str, typer.Option("--architecture", "-a", help="arm64 or x86_64.")] = "arm64",
    as_json: Json = False,
) -> None:
    """Build the Lambda zip; the same commit gives the same file anywhere."""
    from stacks.bundle import BundleError, bundle, describe_bundle  # noqa: PLC0415 loads the SDK

    screen = Screen.open(as_json)
    with screen.errors():
        try:
            facts = describe_bundle(bundle(find_project().root, architecture))
        except BundleError as error:
            raise UserError(error.message, hint=error.hint, code=Exit.FAILED) from None
        screen.document(facts)
        if not as_json:
            screen.console.print(render.outputs_view(facts), soft_wrap=True)


@app.command("bootstrap")
def bootstrap_account(cloud: CloudOption = None, yes: Yes = False, as_json: Json = False) -> None:
    """Create what all stacks share: state bucket and key, image registry, roles for GitHub Actions."""
    from automation import bootstrap  # noqa: PLC0415 - no other command needs it

    screen = Screen.open(as_json)
    with screen.errors():
        program, where = bootstrap.bootstrap_program(find_project()), choose(cloud)
        result = bootstrap.bootstrap(
            program, where, lambda session: bring_up(screen, session, "modeshift bootstrap", yes=yes), screen.console
        )
        # A notice says that it happened nowhere; then there is nothing to go on with.
        steps = bootstrap.next_steps(result.outputs) if result.ok and not where.notice else []
        screen.console.print(render.steps_view(steps), soft_wrap=True)
        screen.console.print(where.notice, style="dim")
        screen.document({**operations.document([result], where.notice), "next": steps})
        raise typer.Exit(result.code)


@app.command("smoke")
def look_from_outside(stack: Stacks = None, cloud: CloudOption = None) -> None:
    """Look at a stack that was just brought up, from outside, and whether ECS took its deployment back."""
    screen = Screen.open(as_json=False)
    with screen.errors():
        project = find_project()
        name = choose_stacks(project, stack, all_stacks=False)[0]
        with open_session(project, name, choose(cloud)) as session:
            checks = smoke.smoke(session, screen.console)
        raise typer.Exit(Exit.DONE if all(check.ok for check in checks) else Exit.FAILED)


@app.command("verify-aws")
def verify_on_aws(yes: Yes = False) -> None:
    """Deploy dev to your AWS account under a stack of its own, check it from outside, destroy it. Costs cents."""
    from automation import verify  # noqa: PLC0415 - no other command needs it

    def ask_for_account(question: str) -> str:
        return ask(question, f"Set {verify.ACCOUNT_VARIABLE} to the account id and add --yes.")

    screen = Screen.open(as_json=False)
    with screen.errors():
        confirm = verify.confirmation(yes=yes, ask=ask_for_account)
        ok = verify.Verification(find_project(), screen.console, confirm).run()
        raise typer.Exit(Exit.DONE if ok else Exit.FAILED)


@app.command()
def doctor(as_json: Json = False) -> None:
    """List every tool with version and origin, what is missing, and the command that fixes it."""
    screen = Screen.open(as_json)
    tools, ok = doctor_report.report()
    screen.document([tool.document() for tool in tools])
    if not as_json:
        screen.console.print(doctor_report.table(tools))
    raise typer.Exit(Exit.DONE if ok else Exit.FAILED)


def main() -> None:
    """Run the command; the entry point of `.venv/bin/modeshift`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


def _each(
    screen: Screen,
    names: Sequence[str] | None,
    all_stacks: bool,
    cloud: Cloud | None,
    one: Callable[[Session], Result],
) -> NoReturn:
    """Do one thing to each chosen stack, report all, and end with the gravest code."""
    results: list[Result] = []
    notice = ""
    with screen.errors():
        project = find_project()
        where = choose(cloud)
        chosen = choose_stacks(project, names, all_stacks=all_stacks)
        for name in chosen:
            settings_of(project, name, where)
        for name in chosen:
            with open_session(project, name, where) as session:
                notice = session.notice
                results.append(one(session))
            if results[-1].code is Exit.INTERRUPTED:
                break
    if notice:
        screen.console.print(notice, style="dim")
    screen.document(operations.document(results, notice))
    raise typer.Exit(max((result.code for result in results), default=Exit.DONE))


def _with_expectation(result: Result, expect_no_changes: bool) -> Result:
    if result.ok and expect_no_changes and result.plan.changed():
        result.code = Exit.CHANGES
    return result


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main()
