"""`modeshift shift`: move services to another compute without losing a request."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automation.cloud import Session, choose, open_session, settings_of
from automation.errors import Exit, UserError
from automation.options import CloudOption, Json, Yes
from automation.project import choose_stacks, find_project
from automation.screen import Screen
from automation.workloads import unmeasured
from stacks.settings import Compute

if TYPE_CHECKING:
    from automation.shift.report import Report

_UNMEASURED = (
    "Workloads are off, so nothing is measured: health and metrics are what "
    "`modeshift sandbox fault health` and `modeshift sandbox fault metrics` say."
)


def shift(
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Stack to work on.")] = None,
    to: Annotated[Compute | None, typer.Option("--to", help="Compute that shall run the services.")] = None,
    service: Annotated[str | None, typer.Option("--service", help="Move this service alone.")] = None,
    by: Annotated[str, typer.Option("--steps", help="Shares of the new compute, in percent.")] = "10,50,100",
    watch: Annotated[str, typer.Option("--watch", help="How long each step is watched; 0s: health alone.")] = "5m",
    wait: Annotated[str, typer.Option("--wait", help="Longest wait until the new compute is healthy.")] = "10m",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a shift from where it is.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Take a shift back, and remove the new compute.")] = False,
    cloud: CloudOption = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Move services to another compute step by step, watch each step, and go back when it gets worse."""
    # What moves traffic is loaded by the command that does.
    from automation.shift import steps  # noqa: PLC0415
    from automation.shift.hand import Hand  # noqa: PLC0415
    from automation.shift.measure import Meter  # noqa: PLC0415
    from automation.shift.report import Report  # noqa: PLC0415
    from automation.shift.run import Shift  # noqa: PLC0415
    from automation.shift.walk import Wish  # noqa: PLC0415

    screen = Screen.open(as_json)
    with screen.errors():
        if resume and back:
            raise UserError("--resume goes on and --back goes back.", hint="Leave one of them out.")
        wish = Wish(
            target=to,
            service=service,
            steps=steps.shares(by),
            watch=steps.seconds(watch, "--watch"),
            patience=steps.seconds(wait, "--wait"),
        )
        project, where = find_project(), choose(cloud)
        name = choose_stacks(project, [stack] if stack else None, all_stacks=False)[0]
        settings_of(project, name, where)
        report = Report(screen)
        with _alone(project.local / f"shift.{name}.lock", name), open_session(project, name, where) as session:
            if session.notice:
                screen.say(f"{session.notice} {_UNMEASURED}" if unmeasured(session) else session.notice)
            run = Shift(Hand(screen, session, yes), report, Meter.of(session), wish)
            problem: UserError | None = None
            try:
                code = run.back() if back else run.forward(resume=resume)
            except UserError as error:
                problem, code = error, error.code
                screen.problem(error)
            if as_json:
                screen.document(_document(session, report, problem, code))
        raise typer.Exit(code)


def _document(session: Session, report: Report, problem: UserError | None, code: Exit) -> dict[str, object]:
    """Return what happened, and where the traffic is now."""
    from automation.shift.live import read_live  # noqa: PLC0415

    live = read_live(session)
    return {
        "stack": session.stack,
        "notice": session.notice,
        "outcome": code.name.lower().replace("_", "-"),
        "events": report.events,
        "traffic": {name: {"step": one.step, "weights": one.traffic.weights} for name, one in sorted(live.items())},
        **({} if problem is None else {"error": problem.message, "hint": problem.hint}),
    }


@contextmanager
def _alone(path: Path, stack: str) -> Iterator[None]:
    """Let no other shift of a stack run in this checkout; on other machines the step number tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"Another shift of {stack} runs here already (process {lock.read().strip() or 'unknown'}).",
                hint="Wait for it to end, or end it with Ctrl-C: it takes traffic back then.",
                code=Exit.FAILED,
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
