"""The commands for a stack that is up: `status`, `logs`, `exec`, `scale`, `redeploy`, `secrets set` and `open`."""

from __future__ import annotations

import json
import sys
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich.live import Live
from rich.text import Text

from automation import workloads
from automation.cloud import Session, choose, open_session, settings_of
from automation.errors import UserError
from automation.operate import logs as log_lines
from automation.operate import redeploy as redeploying
from automation.operate import scale as scaling
from automation.operate import secret_values, sessions, status_view, waiting
from automation.operate import status as looking
from automation.operate.clients import Clients
from automation.operate.deployed import Deployed, Kind, Part, read_deployed, stack_up
from automation.operate.records import read as read_record
from automation.options import CloudOption, Json, Stacks, Yes
from automation.project import choose_stacks, find_project
from automation.screen import Screen
from stacks.settings import Compute

secrets = typer.Typer(no_args_is_help=True, help="Give secrets of a stack their values.")

ServiceName = Annotated[str, typer.Argument(help="Name of the service, as in users.")]
Worker = Annotated[bool, typer.Option("--worker", help="What takes its messages, instead of what answers requests.")]
OnCompute = Annotated[
    Compute | None, typer.Option("--compute", help="Where it runs on several; unset, what its mode names.")
]

_WATCH_SECONDS = 2.0
_COLOURS = ("cyan", "magenta", "green", "blue", "yellow", "bright_cyan", "bright_magenta")


def status(
    stack: Stacks = None,
    cloud: CloudOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until interrupted.")] = False,
    as_json: Json = False,
) -> None:
    """Say how each service is: version, rollout, targets, what runs and shall run, what is wrong."""
    screen = Screen.open(as_json)
    with _deployed(screen, stack, cloud) as (session, deployed):
        if watch and as_json:
            raise UserError("--watch goes on for ever, and --json is one document.", hint="Leave one of them out.")
        clients = Clients(session, looking.SERVICES)
        services = looking.look(deployed, clients)
        url = _url(session, deployed)
        if watch:
            with Live(console=screen.console, auto_refresh=False, screen=screen.console.is_terminal) as live:
                while True:
                    live.update(status_view.status_view(deployed.stack, url, services), refresh=True)
                    time.sleep(_WATCH_SECONDS)
                    services = looking.look(deployed, clients)
        screen.document(
            {
                "stack": deployed.stack,
                "notice": session.notice,
                "url": url,
                "services": {one.service.name: one.document() for one in services},
            }
        )
        if not as_json:
            screen.console.print(status_view.status_view(deployed.stack, url, services))
            screen.say(session.notice)


def logs(
    service: Annotated[str | None, typer.Argument(help="One service; unset, all, and the front door.")] = None,
    stack: Stacks = None,
    cloud: CloudOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    since: Annotated[str, typer.Option("--since", help="How far back: 90s, 10m, 2h, 1d.")] = "10m",
    errors: Annotated[bool, typer.Option("--errors", help="Only what tells of an error.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as it was written.")] = False,
) -> None:
    """Print the logs of all that runs for a service, merged by time."""
    screen = Screen.open(as_json=False)
    start = 0
    with screen.errors():
        start = int((time.time() - log_lines.seconds_of(since)) * 1000)
    with _deployed(screen, stack, cloud) as (session, deployed):
        wanted = log_lines.sources(deployed, service)
        client = Clients(session, ["logs"])["logs"]
        lines = log_lines.follow(client, wanted, start) if follow else log_lines.read(client, wanted, start)
        shown = 0
        for line in lines:
            record = read_record(line.message)
            if errors and not record.error:
                continue
            shown += 1
            if as_json:
                sys.stdout.write(json.dumps(line.document()) + "\n")
                sys.stdout.flush()
            else:
                screen.console.print(_line(line, wanted), soft_wrap=True)
        if not shown:
            Screen.open(as_json=True).say(f"No {'errors' if errors else 'lines'} in the last {since}.")


def exec_(
    service: ServiceName,
    command: Annotated[list[str] | None, typer.Argument(help="After --; a shell unless said.")] = None,
    stack: Stacks = None,
    cloud: CloudOption = None,
    worker: Worker = False,
    task: Annotated[str, typer.Option("--task", help="Beginning of a task's id; unset, the newest.")] = "",
) -> None:
    """Run a command in a running task, by ECS Exec."""
    screen = Screen.open(as_json=False)
    with _deployed(screen, stack, cloud) as (session, deployed):
        part = _part(deployed, service, worker=worker, compute=None)
        client = Clients(session, ["ecs"])["ecs"]
        code = sessions.run(client, part, command or ["/bin/sh"], task=task, stack=deployed.stack)
        raise typer.Exit(code if code >= 0 else 128 - code)


def scale(
    service: ServiceName,
    count: Annotated[int | None, typer.Argument(min=0, help="Tasks; of a function, reserved instances.")] = None,
    stack: Stacks = None,
    cloud: CloudOption = None,
    fewest: Annotated[int | None, typer.Option("--min", min=0, help="Fewest tasks that autoscaling keeps.")] = None,
    most: Annotated[int | None, typer.Option("--max", min=0, help="Most tasks that autoscaling starts.")] = None,
    provisioned: Annotated[
        int | None, typer.Option("--provisioned", min=0, help="Instances of a function that are kept ready.")
    ] = None,
    unreserved: Annotated[
        bool, typer.Option("--unreserved", help="Let a function share the account's instances again.")
    ] = False,
    worker: Worker = False,
    compute: OnCompute = None,
    yes: Yes = False,
) -> None:
    """Change how much of a service runs, until the stack file is applied again."""
    screen = Screen.open(as_json=False)
    with _deployed(screen, stack, cloud) as (session, deployed):
        part = _part(deployed, service, worker=worker, compute=compute)
        settings = settings_of(session.project, session.stack, session.cloud).settings
        file = scaling.Declared(f"Pulumi.{deployed.stack}.yaml", settings.model_dump(by_alias=True))
        wish = scaling.Wish(count=count, fewest=fewest, most=most, provisioned=provisioned, unreserved=unreserved)
        if wish.stops:
            screen.confirm(f"Nothing of {part.name} will run. Go on?", yes=yes)
        clients = Clients(session, scaling.SERVICES)
        done = scaling.scale(clients, part, wish, file)
        screen.say(done.done, "green")
        if done.keep:
            screen.say(done.keep, "yellow")
        if part.compute is Compute.FARGATE:
            waiting.steady(clients["ecs"], part, screen.say)
            screen.say(f"{part.name} is steady.", "green")


def redeploy(
    service: ServiceName,
    stack: Stacks = None,
    cloud: CloudOption = None,
    worker: Worker = False,
    compute: OnCompute = None,
) -> None:
    """Start a service anew with the version that it has, without a gap, and wait until the new tasks took over."""
    screen = Screen.open(as_json=False)
    with _deployed(screen, stack, cloud) as (session, deployed):
        part = _part(deployed, service, worker=worker, compute=compute)
        redeploying.redeploy(Clients(session, ["ecs"])["ecs"], part, screen.say)
        screen.say(f"{part.name} runs anew.", "green")


@secrets.command("set")
def set_secret(
    name: Annotated[str, typer.Argument(help="A key, as in OPENAI_API_KEY, or a link with all its keys as JSON.")],
    service: Annotated[str | None, typer.Option("--service", help="Whose, where several have one.")] = None,
    stack: Stacks = None,
    cloud: CloudOption = None,
) -> None:
    """Give a secret its value, from standard input or typed unseen; never as an argument."""
    screen = Screen.open(as_json=False)
    with _deployed(screen, stack, cloud, running=False) as (session, deployed):
        settings = settings_of(session.project, session.stack, session.cloud).settings
        slot = secret_values.find(deployed, settings, name, service)
        lacking = secret_values.put(Clients(session, ["secretsmanager"])["secretsmanager"], slot, _value(slot.title))
        screen.say(f"{slot.title} has a new value.", "green")
        if lacking:
            screen.say(f"Still without one: {', '.join(lacking)}.", "yellow")
        screen.say(secret_values.next_step(secret_values.readers(deployed, slot), deployed.stack))


def open_(stack: Stacks = None, cloud: CloudOption = None) -> None:
    """Open the stack's URL in a browser; in the sandbox, where it is on this machine."""
    screen = Screen.open(as_json=False)
    with _deployed(screen, stack, cloud) as (session, deployed):
        url = _url(session, deployed)
        if not url:
            raise UserError(f"Nothing of {deployed.stack} runs here.", hint=f"modeshift up --stack {deployed.stack}")
        typer.echo(url)
        if not webbrowser.open(url):
            screen.say("There is no browser here to open it in.", "yellow")


@contextmanager
def _deployed(
    screen: Screen, stack: Sequence[str] | None, cloud: CloudOption, *, running: bool = True
) -> Iterator[tuple[Session, Deployed]]:
    """Yield a stack that is up, and a session that reaches it; errors for people become words and a code.

    What is about processes needs them to be `running`, where they are on this machine.
    """
    with screen.errors():
        project = find_project()
        chosen = choose(cloud)
        name = (stack_up(project, chosen) if not stack else "") or choose_stacks(project, stack, all_stacks=False)[0]
        with open_session(project, name, chosen) as session:
            deployed = read_deployed(session)
            if running and workloads.stopped(session):
                raise UserError("Nothing runs in the sandbox now.", hint=f"Start it: modeshift up --stack {name}")
            yield session, deployed


def _url(session: Session, deployed: Deployed) -> str:
    """Return where a person reaches the stack: where it is on this machine, if that is where it runs."""
    here = workloads.local(session)
    return here.url if here else "" if session.account else deployed.url


def _part(deployed: Deployed, service: str, *, worker: bool, compute: Compute | None) -> Part:
    kind: Kind = "worker" if worker else "server"
    return deployed.service(service).part(kind, compute)


def _line(line: log_lines.Entry, sources: Sequence[log_lines.Source]) -> Text:
    record = read_record(line.message)
    style = "bold red" if record.error else "dim" if record.quiet else ""
    colour = _COLOURS[sources.index(line.source) % len(_COLOURS)]
    moment = datetime.fromtimestamp(line.time / 1000).astimezone().strftime("%H:%M:%S.%f")[:-3]
    head = [(moment, "dim"), " ", (line.source.name, colour), " "]
    return Text.assemble(*head, (f"{record.level} " if record.level else "", style), (record.text, style))


def _value(title: str) -> str:
    """Return what a person types unseen, or what comes by standard input without its last line break."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {title}", hide_input=True))
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")
