"""Preview, up, refresh and destroy of one stack: the engine's command, what it did, and what to say about it."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from automation import checkpoint, journal, workloads
from automation.cloud import Session
from automation.engine import Event, Outcome
from automation.errors import Exit, UserError
from automation.locks import unlocked
from automation.plan import COUNTED, Diagnostic, Plan
from automation.plan.document import SCHEMA, plan_document
from automation.progress import following
from automation.workloads import Local


@dataclass
class Result:
    """What one command did to one stack."""

    stack: str
    plan: Plan
    code: Exit
    seconds: float
    outputs: Mapping[str, object] = field(default_factory=dict)
    events: Sequence[Event] = ()
    """What the engine wrote, for those who read more out of a run than its plan."""
    local: Local | None = None
    """Where what runs on this machine is."""

    @property
    def ok(self) -> bool:
        return self.code is Exit.DONE

    @property
    def complete(self) -> bool:
        """Whether it came to its end, whatever somebody expected of it."""
        return self.code in {Exit.DONE, Exit.CHANGES}

    def document(self) -> dict[str, object]:
        """Return the result as JSON's plain types."""
        return {
            **plan_document(self.plan),
            "ok": self.ok,
            "seconds": round(self.seconds, 2),
            "outputs": dict(self.outputs),
            **({"local": asdict(self.local)} if self.local else {}),
        }


def document(results: Sequence[Result], notice: str) -> dict[str, object]:
    """Return what a command did to several stacks as JSON's plain types; `docs/plan.schema.json` describes it."""
    counts = [result.plan.counts() for result in results]
    return {
        "schema": SCHEMA,
        "notice": notice,
        "summary": {op.value: sum(one[op] for one in counts) for op in COUNTED},
        "stacks": [result.document() for result in results],
    }


def preview(session: Session, console: Console, *, refresh: bool = False, save_plan: Path | None = None) -> Result:
    """Preview a stack; nothing changes anywhere. The engine's own plan can be kept in a file."""
    options = [*(["--refresh"] if refresh else []), *(["--save-plan", str(save_plan)] if save_plan else [])]
    return _run(session, console, f"previewing {session.stack}", "preview", *options)


def up(
    session: Session,
    console: Console,
    expected: Plan | None = None,
    *,
    refresh: bool = False,
    targets: Sequence[str] = (),
) -> Result:
    """Bring a stack up, or of it only what the URNs in `targets` name, and read its outputs."""
    chosen = [argument for urn in targets for argument in ("--target", urn)]
    args = ("up", "--yes", "--skip-preview", *(["--refresh"] if refresh else []), *chosen)
    with workloads.running(session):
        result = _run(session, console, f"bringing up {session.stack}", *args, expected=expected)
    result.outputs = outputs(session) if result.ok else {}
    result.local = workloads.local(session)
    return result


def refresh(session: Session, console: Console) -> Result:
    """Read every resource back and take what changed outside into the state."""
    return _run(session, console, f"refreshing {session.stack}", "refresh", "--yes", "--skip-preview")


def drift(session: Session, console: Console) -> Result:
    """Read every resource back and tell what changed outside; the state stays as it is."""
    return _run(session, console, f"reading {session.stack} back", "refresh", "--preview-only")


def destroy(session: Session, console: Console) -> Result:
    """Delete everything in a stack that is not protected."""
    result = _run(
        session, console, f"destroying {session.stack}", "destroy", "--yes", "--skip-preview", "--exclude-protected"
    )
    workloads.follow(session)
    return result


def outputs(session: Session) -> Mapping[str, object]:
    """Return a stack's outputs; secret ones as `[secret]`.

    Raises:
        UserError: the stack has never been brought up.
    """
    answer = session.engine.query("stack", "output", "--json", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(f"The stack {session.stack} has no outputs to read.", hint=answer.stderr.strip())
    return json.loads(answer.stdout or "{}")


def _run(session: Session, console: Console, verb: str, *args: str, expected: Plan | None = None) -> Result:
    plan = Plan(session.stack)
    folder = session.project.local / "journal"
    file = session.state_file

    def operate() -> Outcome:
        with (
            journal.recorded(folder, session.stack, args[0]) as log,
            following(console, verb, plan, expected) as on_event,
        ):
            if file and args[0] != "preview":
                checkpoint.keep(file)
            outcome = session.engine.operate(*args, "--stack", session.stack, log=log, on_event=on_event)
            if file and checkpoint.mend(file, session.stack):
                journal.doubt(folder, session.stack)
            return outcome

    outcome = unlocked(session, console, operate)
    code = _exit_code(outcome)
    if code is not Exit.INTERRUPTED:
        _explain_silence(plan)
    if code is Exit.FAILED and not plan.errors():
        plan.diagnostics.append(Diagnostic("error", _last_words(outcome)))
    plan.seal()
    return Result(session.stack, plan, code, outcome.seconds, events=outcome.events)


def _exit_code(outcome: Outcome) -> Exit:
    if outcome.interrupted:
        return Exit.INTERRUPTED
    return Exit.DONE if outcome.code == 0 else Exit.FAILED


def _explain_silence(plan: Plan) -> None:
    """Say once that a provider died, in place of what every call to it says then."""
    silent = [error for error in plan.errors() if journal.is_unanswered(error.message)]
    if not silent:
        return
    plan.diagnostics = [one for one in plan.diagnostics if one not in silent]
    names = sorted({error.urn.rsplit("::", 1)[-1] for error in silent if error.urn})
    during = f" while it worked on {', '.join(names)}" if names else ""
    plan.diagnostics.append(Diagnostic("error", f"A provider ended in the middle of the run{during}."))


def _last_words(outcome: Outcome) -> str:
    """Return the engine's message when it failed before any event could carry one."""
    if outcome.code < 0:
        return f"The engine was ended by {signal.Signals(-outcome.code).name}."
    words = outcome.stderr.strip() or outcome.stdout.strip()
    return words.removeprefix("error: ") or f"the engine ended with code {outcome.code} and no message"
