"""The changes that are rehearsed, each done by what the real command does it with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.bring_up import bring_up
from automation.cloud import Cloud, Session, ensure_stack, settings_of
from automation.errors import Exit, UserError
from automation.rehearse.load import Load
from automation.rehearse.place import Place
from automation.rehearse.plans import Kind, Plan
from automation.rehearse.timeline import Steps, Timeline
from automation.screen import Screen
from automation.shift import file
from automation.shift.hand import Hand
from automation.shift.measure import Meter
from automation.shift.run import Shift
from automation.shift.walk import Wish
from sandbox.control import faults
from sandbox.control.account import Account
from sandbox.workloads import client as workloads
from sandbox.workloads import faults as running
from stacks.settings import Compute

_SUBNET = "aws:ec2/subnet:Subnet"
_MARK = Path("app", "rehearsed_release.txt")
_DIGESTS = ("sha256:" + "1" * 64, "sha256:" + "2" * 64)


@dataclass(frozen=True)
class Stage:
    """What a change is done with."""

    plan: Plan
    screen: Screen
    session: Session
    place: Place
    load: Load
    timeline: Timeline
    steps: Sequence[int]
    watch: float
    """How long each step of a shift is watched, in seconds; 0: health alone decides."""
    lasts: float
    """How long what has no end of its own lasts, in seconds."""
    base: str | None
    """What a deployment comes from, when that is not the checkout itself."""


def perform(stage: Stage) -> Exit:
    """Do the change; return how it ended.

    Raises:
        UserError: it cannot be done.
    """
    done: dict[Kind, Callable[[Stage], Exit]] = {
        Kind.SHIFT: _shift,
        Kind.DEPLOY: _deploy,
        Kind.ZONE_LOSS: _lose_zone,
        Kind.SPIKE: _spike,
    }
    return done[stage.plan.kind](stage)


def prepare(place: Place, stack: str, plan: Plan, screen: Screen) -> None:
    """Edit the stack file of the place so that the change can begin: a shift starts where its services are.

    A session reads the file when it is opened, so this comes before.
    """
    settings = settings_of(place.project, stack, Cloud.SANDBOX).settings
    if plan.origin is None:
        return
    elsewhere = [name for name in settings.services if settings.compute_of(name) is not plan.origin]
    shifting = [name for name, one in settings.services.items() if one.shift is not None]
    if shifting:
        raise UserError(
            f"A shift of {', '.join(shifting)} is under way in the stack file.",
            hint="Finish it, or take it back, first.",
        )
    if elsewhere:
        path = place.project.stack_file(stack)
        homes = dict.fromkeys(settings.services, plan.origin)
        file.write(path, file.with_computes(file.read(path), settings, homes, stack=plan.origin))
        screen.say(
            f"The stack file runs {', '.join(elsewhere)} elsewhere; this rehearsal begins on {plan.origin}.", "yellow"
        )


def _shift(stage: Stage) -> Exit:
    stage.timeline.note(f"the shift to {stage.plan.target} begins")
    hand = Hand(stage.screen, stage.session, yes=True)
    wish = Wish(target=stage.plan.target, steps=stage.steps, watch=stage.watch)
    return Shift(hand, Steps(stage.screen, stage.timeline), Meter.of(stage.session), wish).forward(resume=False)


def _deploy(stage: Stage) -> Exit:
    if stage.base is None:
        _make_release(stage)
    else:
        stage.place.bring_up_to_date()
    session = stage.session
    # The session has read the stack file as it was.
    ensure_stack(session.project, session.stack, session.cloud, session.state)
    stage.timeline.note("the new release is being brought up")
    result = bring_up(
        stage.screen,
        session,
        "the rehearsal",
        yes=True,
        resolved=settings_of(session.project, session.stack, session.cloud),
    )
    if result.ok and not result.plan.changed():
        raise UserError(
            "The new release changes nothing, so that there is nothing to rehearse.",
            hint="Name the release that runs now: --base with a branch, a tag or a commit before the change.",
        )
    stage.timeline.note(
        "the new release is up" if result.ok else "the release failed", "info" if result.ok else "error"
    )
    return result.code


def _make_release(stage: Stage) -> None:
    """Make another release of the same app: functions get another package, containers another image."""
    project, stack = stage.place.project, stage.session.stack
    (project.root / _MARK).write_text("A release for a rehearsal: the same app once more.\n")
    settings = settings_of(project, stack, stage.session.cloud).settings
    if all(settings.computes_of(name).keys() == {Compute.LAMBDA} for name in settings.services):
        return
    path = project.stack_file(stack)
    newest = file.with_release(file.read(path), "", {})
    file.write(path, file.with_images(newest, settings, _other_image))


def _other_image(image: str | None) -> str:
    name, _, digest = (image or "modeshift").partition("@")
    return f"{name}@{_DIGESTS[digest == _DIGESTS[0]]}"


def _lose_zone(stage: Stage) -> Exit:
    folder = stage.place.project.sandbox
    account = Account(folder)
    try:
        zones = sorted(
            {str(one.outputs.get("availabilityZone")) for one in account.list_resources() if one.type == _SUBNET}
        )
        if not zones:
            raise UserError(
                f"Nothing of {stage.session.stack} runs in a zone that could be lost: AWS spreads functions itself.",
                hint="Rehearse it on a stack that runs containers.",
            )
        running.ask(account, "zone", zones[0])
        workloads.changed(folder)
        stage.timeline.note(f"zone {zones[0]} fails", "warning")
        stage.load.go_on(stage.lasts)
        faults.clear(account)
        workloads.changed(folder)
        stage.timeline.note(f"zone {zones[0]} is back")
    finally:
        account.close()
    return Exit.DONE


def _spike(stage: Stage) -> Exit:
    steady = stage.load.rate
    stage.timeline.note(
        f"{stage.plan.factor:g} times the requests: {steady * stage.plan.factor:.0f} a second", "warning"
    )
    stage.load.change(steady * stage.plan.factor)
    stage.load.go_on(stage.lasts)
    stage.load.change(steady)
    stage.timeline.note(f"back to {steady:.0f} requests a second")
    return Exit.DONE
