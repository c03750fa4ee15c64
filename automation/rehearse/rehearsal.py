"""One rehearsal from its beginning to its end: a stack in a sandbox of its own, a steady load, a change, a report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation import operations, render
from automation.cloud import Cloud, Session, open_session
from automation.errors import Exit, UserError
from automation.project import Project
from automation.rehearse.changes import Stage, perform, prepare
from automation.rehearse.load import Load, sending, warm_up
from automation.rehearse.objectives import alarms_of
from automation.rehearse.place import Place, own_place
from automation.rehearse.plans import Plan
from automation.rehearse.report import Report, machine, phases
from automation.rehearse.timeline import Alarms, Timeline
from automation.rehearse.verdict import objectives
from automation.screen import Screen
from sandbox.workloads import client as workloads

_LEAST_SECONDS = 10.0
_SHARE_BEFORE = 0.25
_SHARE_AFTER = 0.25


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person asked for; times in seconds."""

    plan: Plan
    stack: str
    rate: float
    length: float
    path: str
    steps: Sequence[int]
    watch: float
    base: str | None


def rehearse(screen: Screen, project: Project, wish: Wish) -> Report:
    """Bring the stack up in a place of its own, put it under load, do the change, and say what that did.

    Raises:
        UserError: the rehearsal could not be done; what ran for it has ended.
    """
    with own_place(project, wish.base) as place:
        prepare(place, wish.stack, wish.plan, screen)
        with open_session(place.project, wish.stack, Cloud.SANDBOX) as session:
            _bring_up(screen, session)
            seen = _running(place, wish.stack)
            url = f"{seen['urls'][wish.stack].rstrip('/')}/{wish.path.lstrip('/')}"
            screen.say(f"{wish.stack} is up: {url}. Watch it at {seen['page']}.")
            return _under_load(screen, session, place, wish, url)


def _bring_up(screen: Screen, session: Session) -> None:
    """Bring the stack up as `modeshift up` does."""
    screen.say(f"Bringing up {session.stack} in a sandbox of its own.")
    result = operations.up(session, screen.console)
    if result.code is Exit.INTERRUPTED:
        raise KeyboardInterrupt
    if not result.ok:
        screen.console.print(render.diagnostics_view(result.plan.errors()), soft_wrap=True)
        raise UserError(f"{session.stack} does not come up, so nothing can be rehearsed.", code=Exit.FAILED)


def _running(place: Place, stack: str) -> Mapping[str, Any]:
    """Return what runs in a place.

    Raises:
        UserError: nothing does, or nothing of it can be sent requests.
    """
    if not workloads.wanted():
        raise UserError(
            f"{workloads.SWITCH} switches off what a rehearsal is about: services that run.", hint="Unset it."
        )
    seen = workloads.describe(place.project.sandbox)
    if seen is None:
        raise UserError("Nothing runs in the sandbox, so nothing can be rehearsed.", code=Exit.FAILED)
    if stack not in seen["urls"]:
        raise UserError(f"{stack} has no front door that requests could be sent to.", code=Exit.FAILED)
    return seen


def _under_load(screen: Screen, session: Session, place: Place, wish: Wish, url: str) -> Report:
    alarms, timeline = Alarms(session), Timeline()
    with sending(url, 1.0) as load:
        screen.say(f"Sending {wish.rate:.0f} requests a second to {url}.")
        rate = warm_up(load, wish.rate, screen.say)
        _refuse_dead(load, url)
        with alarms.watched():
            start = time.time()
            load.go_on(max(_LEAST_SECONDS, wish.length * _SHARE_BEFORE))
            screen.say(f"Now {wish.plan.sentence}.", "bold")
            lasts = max(_LEAST_SECONDS, wish.length * (1 - _SHARE_BEFORE - _SHARE_AFTER))
            stage = Stage(
                plan=wish.plan,
                screen=screen,
                session=session,
                place=place,
                load=load,
                timeline=timeline,
                steps=wish.steps,
                watch=wish.watch,
                lasts=lasts,
                base=wish.base,
            )
            began = time.time()
            outcome = perform(stage)
            finished = time.time()
            if outcome is Exit.INTERRUPTED:
                raise KeyboardInterrupt
            rest = max(_LEAST_SECONDS, wish.length * _SHARE_AFTER, wish.length - (finished - start))
            screen.say(f"The change is over; looking on for {rest:.0f} s.")
            load.go_on(rest)
            end = time.time()
        load.stop()
        seen = _running(place, wish.stack)
    timeline.read(seen["events"])
    samples = sorted(load.between(start, end), key=lambda one: one.due)
    return Report(
        plan=wish.plan,
        stack=session.stack,
        url=url,
        wanted=wish.rate,
        rate=rate,
        start=start,
        began=began,
        finished=finished,
        end=end,
        outcome=outcome,
        samples=samples,
        timeline=timeline.between(start, end),
        objectives=objectives(
            wish.plan.kind,
            outcome,
            phases(samples, start, began, finished, end),
            samples=samples,
            alarms=alarms_of(session),
            rang=alarms.rang,
        ),
        speed=float(seen["speed"]),
        machine=machine(),
        remarks=_remarks(alarms),
    )


def _refuse_dead(load: Load, url: str) -> None:
    """Refuse to rehearse a change of something that does not answer to begin with."""
    if any(not one.failure for one in load.samples):
        return
    seen = next((one.failure for one in load.samples), "no answer")
    raise UserError(
        f"{url} does not answer before any change: {seen}.",
        hint="Choose what is asked for with --path; modeshift logs tells more of a stack that is up.",
        code=Exit.FAILED,
    )


def _remarks(alarms: Alarms) -> list[str]:
    return [] if alarms.known else ["Whether alarms went off is not known: the sandbox does not serve them."]
