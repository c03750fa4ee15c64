"""`modeshift sandbox`: look into the sandbox's account, and disturb it on purpose."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from automation import background, render
from automation.cloud import Cloud, ensure_stack, environment
from automation.errors import Exit, UserError
from automation.plan.remarks.remark import noun
from automation.project import Project, find_project
from automation.toolchain import pulumi_binary
from sandbox.control import faults, signals
from sandbox.control.account import Account, Resource, reset
from sandbox.control.errors import AccountError, Refusal
from sandbox.data import client as data_services
from sandbox.data.errors import DataError
from sandbox.workloads import client as workloads
from sandbox.workloads import faults as run_faults

sandbox = typer.Typer(no_args_is_help=True, help="Look into the sandbox's account, and disturb it on purpose.")
fault = typer.Typer(no_args_is_help=True, help="Faults on request: what goes wrong, where, and at which call.")
sandbox.add_typer(fault, name="fault")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Target = Annotated[str, typer.Option(help="Target groups: fargate, eks, lambda, or a part of the URN.")]


@sandbox.command()
def status(as_json: Json = False) -> None:
    """List what exists in the sandbox's account."""
    with _account() as account:
        resources = account.list_resources()
    if as_json:
        _document({"resources": [_row(resource) for resource in resources]})
        return
    if not resources:
        typer.echo("The sandbox's account is empty.")
        return
    table = Table("type", "id", "region", box=None, header_style="bold", pad_edge=False)
    for resource in sorted(resources, key=lambda resource: (resource.type, resource.id)):
        table.add_row(render.kind(resource.type), resource.id, resource.region)
    Console(highlight=False).print(table)


@sandbox.command()
def env(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack that plain pulumi shall work on.")] = "dev",
    as_json: Json = False,
) -> None:
    """Print the variables with which plain `pulumi` runs against the sandbox: eval "$(modeshift sandbox env)"."""
    with _explained():
        project = find_project()
        ensure_stack(project, stack, Cloud.SANDBOX)
        values = environment(project, stack, Cloud.SANDBOX, background.start(project))
        if workloads.wanted():
            workloads.start(project.sandbox, project.root)
        values["PATH"] = f"{pulumi_binary().parent}:$PATH"
    if as_json:
        _document(values)
        return
    for name, value in sorted(values.items()):
        typer.echo(f'export {name}="{value}"' if name == "PATH" else f"export {name}={shlex.quote(value)}")


@sandbox.command()
def stop() -> None:
    """Stop all that runs: workloads, data services, what `sandbox env` left; the account and all data stay."""
    with _explained():
        project = find_project()
        stopped = [background.stop(project), workloads.stop(project.sandbox), data_services.stop(project.sandbox)]
    typer.echo("Stopped." if any(stopped) else "Nothing was running.")


@sandbox.command()
def data(as_json: Json = False) -> None:
    """Start the data services, unless they run, and tell where they are."""
    with _explained():
        services = data_services.start(find_project().sandbox)
    if as_json:
        _document(services)
        return
    typer.echo(f"AWS_ENDPOINT_URL={services['endpoint']}")
    for database in services["databases"]:
        where = f"127.0.0.1:{database['port']}/{database['database']}"
        typer.echo(f"{database['identifier']}  PostgreSQL {database['version']} at {where}")
        typer.echo(f"  log: {database['log']}")
    for name, problem in services["problems"].items():
        typer.echo(f"{name}: {problem}")


@sandbox.command()
def psql(name: Annotated[str, typer.Argument(help="A part of the database's identifier.")] = "") -> None:
    """Open a database in psql, as its master user."""
    from sandbox.data import console  # noqa: PLC0415 - no other command needs it

    with _explained():
        command, environ = console.psql(find_project().sandbox, name)
    os.execve(command[0], command, environ)  # noqa: S606 - there is no shell to avoid


@sandbox.command()
def touch(
    resource: Annotated[str, typer.Argument(help="URN or id.")],
    changes: Annotated[list[str], typer.Argument(help="prop=value; value is JSON where it can be, else text.")],
) -> None:
    """Change something behind the engine's back, as someone in the console would."""
    with _account() as account:
        account.touch(resource, dict(_assignment(change) for change in changes))
    typer.echo(f"Changed {resource}.")


@sandbox.command()
def forget(resource: Annotated[str, typer.Argument(help="URN or id.")]) -> None:
    """Delete something behind the engine's back."""
    with _account() as account:
        account.forget(resource)
    typer.echo(f"Deleted {resource}.")


@sandbox.command("reset")
def reset_account(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Empty the account and forget the stacks' local state; a damaged account file is moved aside, not deleted."""
    with _explained():
        project = find_project()
        if not yes and not typer.confirm("Forget everything in the sandbox, of all stacks?"):
            raise UserError("Nothing was changed.", code=Exit.DONE)
        background.stop(project)
        workloads.stop(project.sandbox)
        data_services.stop(project.sandbox)
        for name in ("data", "workloads"):
            shutil.rmtree(project.sandbox / name, ignore_errors=True)
        aside = reset(project.sandbox)
        _forget_states(project)
    typer.echo("The sandbox is empty." + (f" The damaged file is now {aside}." if aside else ""))


@fault.command("add")
def add_fault(
    kind: Annotated[str, typer.Argument(help=" | ".join(faults.KINDS))],
    type_glob: Annotated[str, typer.Option("--type", "-t", help="Resource types, as in 'aws:lambda/*'.")] = "*",
    operation: Annotated[str, typer.Option("--on", help=" | ".join(faults.OPERATIONS))] = "create",
    nth: Annotated[int, typer.Option(help="Which matching call; 0 for every one.")] = 1,
    seconds: Annotated[float, typer.Option(help="How long it hangs, for timeout and hang.")] = 0,
    message: Annotated[str, typer.Option(help="What the provider says, instead of AWS's words.")] = "",
) -> None:
    """Let an operation go wrong."""
    with _account() as account:
        rule = faults.add(account, faults.Rule(type_glob, operation, kind, nth, seconds, message))
    typer.echo(f"Fault {rule.number}: {rule.kind} at call {rule.nth or 'any'} of {rule.operation} {rule.type}.")


@fault.command("run")
def disturb(
    kind: Annotated[str, typer.Argument(help=" | ".join(run_faults.KINDS))],
    subject: Annotated[str, typer.Argument(help="As in 'dev-users*', or a zone, or an AWS service such as dynamodb.")],
    seconds: Annotated[float, typer.Option(min=0, help="How late, for delay.")] = 1,
) -> None:
    """Disturb what runs: kill a process, let a zone fail, be late, throttle calls, let credentials expire."""
    with _account() as account:
        asked = run_faults.ask(account, kind, subject, seconds)
        with _explained():
            workloads.changed(find_project().sandbox)
        rule = next(one for one in faults.rules(account) if one.number == asked.number)
        known = run_faults.known(rule, account.list_resources())
    typer.echo(f"Fault {rule.number}: {run_faults.words(rule)}.")
    if not known:
        typer.echo(f"Nothing in the account goes by {subject} now; the fault waits until something does.")
    if not rule.seen:
        typer.echo(f"Undo it: modeshift sandbox fault clear {rule.number}")


@fault.command("health")
def set_health(
    state: Annotated[str, typer.Argument(help=" | ".join(signals.STATES))],
    target: Target = "*",
) -> None:
    """Say how the targets of a load balancer are: nothing runs here that could tell."""
    with _account() as account:
        rule = signals.say_health(account, target, state)
    typer.echo(f"Fault {rule.number}: {signals.words(rule)}.")


@fault.command("metrics")
def set_metrics(
    target: Target = "*",
    requests: Annotated[int, typer.Option(min=0, help="Requests in a minute.")] = 600,
    errors: Annotated[int, typer.Option(min=0, help="How many of them end with a 5xx.")] = 0,
    p95: Annotated[float, typer.Option(min=0, help="Seconds within which 95 % are answered.")] = 0.1,
) -> None:
    """Say what traffic a load balancer's target groups have had, minute by minute."""
    with _account() as account:
        rule = signals.say_traffic(account, target, signals.Traffic(requests, errors, p95))
    typer.echo(f"Fault {rule.number}: {signals.words(rule)}.")


@fault.command("list")
def list_faults(as_json: Json = False) -> None:
    """List the faults; those of the engine with how many calls each has seen."""
    with _account() as account:
        rules = faults.rules(account)
    if as_json:
        _document([vars(rule) for rule in rules])
        return
    if not rules:
        typer.echo("There are no faults.")
    for rule in rules:
        said = (
            signals.words(rule)
            or run_faults.words(rule)
            or f"{rule.kind} at call {rule.nth or 'any'} of {rule.operation} {rule.type}, seen {rule.seen}"
        )
        typer.echo(f"{rule.number}  {said}")


@fault.command("clear")
def clear_faults(
    number: Annotated[int | None, typer.Argument(help="As `list` says; every fault when left out.")] = None,
) -> None:
    """Undo a fault, or all of them."""
    with _account() as account:
        gone = faults.clear(account, number)
        left = len(faults.rules(account))
    if number is not None and not gone:
        with _explained():
            raise UserError(f"There is no fault {number}.", hint="modeshift sandbox fault list")
    typer.echo(f"{noun(gone, 'fault')} removed, {left} left.")


@contextmanager
def _account() -> Iterator[Account]:
    with _explained():
        account = Account(find_project().sandbox)
        try:
            yield account
        finally:
            account.close()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        Console(stderr=True, highlight=False).print(render.problem(error.message, error.hint))
        raise typer.Exit(error.code) from None
    except (AccountError, DataError, Refusal) as error:
        Console(stderr=True, highlight=False).print(render.problem(str(error)))
        raise typer.Exit(Exit.USAGE) from None


def _assignment(change: str) -> tuple[str, Any]:
    name, separator, value = change.partition("=")
    if not separator:
        raise UserError(f"{change!r} is not of the form prop=value.", hint="As in memorySize=256 or tags.Owner=me.")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _row(resource: Resource) -> dict[str, Any]:
    return {"type": resource.type, "id": resource.id, "region": resource.region, "urn": resource.urn}


def _forget_states(project: Project) -> None:
    for state in project.state.glob(".pulumi/stacks/*/*"):
        state.unlink()
    for copy in (project.sandbox / "config").glob("*/Pulumi.*.yaml"):
        copy.unlink()


def _document(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, sort_keys=True))
