"""`modeshift verify-aws`: bring dev up on AWS under a stack of its own, check it from outside, and leave nothing.

For someone with an account. Nothing here asks the sandbox for anything; tests hand in what stands at the boundaries.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

from rich.console import Console

from automation import operations, recovery
from automation.cloud import Cloud, Session, open_session
from automation.errors import UserError
from automation.operations import Result
from automation.project import Project
from automation.relocation import is_empty
from automation.smoke import Check, ask, lacks
from automation.state import State
from automation.tagged import tagged
from stacks.files import read_stack_file

STACK = "dev-verify"
RECORD = "docs/verified-on-aws.json"
ACCOUNT_VARIABLE = "MODESHIFT_VERIFY_ACCOUNT"
_MODEL = "dev"
_LIMIT_SECONDS = 30 * 60
_PATIENCE_SECONDS = 180
_NO_NEIGHBOUR = "10.99.0.0/16"

COST = """\
This deploys dev, serverless, as the stack dev-verify, and destroys it again. All of it is billed by use: a few requests
to Lambda and an HTTP API, and some kilobytes of logs. There is no NAT gateway, load balancer or other thing billed by
the hour, so that a run costs less than 0.05 USD. After 30 minutes it stops and destroys what there is."""


def account_id(session: Session) -> str:
    """Return the account that the credentials belong to.

    Raises:
        UserError: there are none that work.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 slow, and only this command needs it

    try:
        return str(session.aws_client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"There are no AWS credentials that work: {error}",
            hint="Sign in, as with `aws sso login`, and set AWS_PROFILE. Nothing was created.",
        ) from None


@dataclass
class Verification:
    """One run: where it works, whom it asks, and how patient it is."""

    project: Project
    console: Console
    confirm: Callable[[str], None]
    """Goes on when a person, or the environment, has named the account id it is given."""
    open: Callable[[Project, State], AbstractContextManager[Session]] = field(
        default=lambda project, state: open_session(project, STACK, Cloud.AWS, state)
    )
    account_of: Callable[[Session], str] = account_id
    url_of: Callable[[Mapping[str, object]], str] = field(default=lambda outputs: str(outputs["url"]))
    limit: float = _LIMIT_SECONDS
    patience: float = _PATIENCE_SECONDS
    pause: float = 5.0
    checks: list[Check] = field(default_factory=list[Check])
    _ends: float = field(default=float("inf"), init=False)

    def run(self) -> bool:
        """Do all of it and write the record; return whether everything was as it should be.

        Raises:
            UserError: there are no credentials, or nobody agreed; nothing was created.
        """
        state = _state(self.project)
        with self.open(self.project, state) as session:
            account = self.account_of(session)
            self.console.print(COST)
            self.confirm(account)
            if not is_empty(session.engine, STACK):
                self.console.print("An earlier run left something; destroying that first.", style="yellow")
                self._check("destroy what was left", lambda: _ended(self._destroy(session)))
            self._ends = time.monotonic() + self.limit
            try:
                with _limited(self.limit):
                    self._live(session)
            except KeyboardInterrupt:
                self._check("not stopped, by hand or by the time limit", lambda: "stopped")
            finally:
                self._ends = float("inf")
                self._check("destroy", lambda: _ended(self._destroy(session)))
            self._check("nothing left", lambda: self._until(lambda: self._leftovers(session)))
        ok = all(check.ok for check in self.checks)
        self._record(state, ok)
        return ok

    def _live(self, session: Session) -> None:
        outputs: dict[str, object] = {}

        def deploy() -> str:
            result = operations.up(session, self.console)
            outputs.update(result.outputs)
            return _ended(result)

        if not self._check("deploy", deploy):
            return
        url = self.url_of(outputs).rstrip("/")
        self._check("/health", lambda: self._until(lambda: lacks(ask(f"{url}/health"), "status")))
        self._check("/version", lambda: self._until(lambda: lacks(ask(f"{url}/version"), "version")))
        self._check("TCP probe", lambda: self._until(lambda: _not_reached(url)))
        self._check("preview --expect-no-changes", lambda: _unchanged(operations.preview(session, self.console)))

    def _destroy(self, session: Session) -> Result:
        recovery.recover(session, self.console)
        recovery.lift_guards(session, self.console)
        return operations.destroy(session, self.console)

    def _leftovers(self, session: Session) -> str:
        left = tagged(session, {"modeshift:project": self.project.name, "modeshift:stack": STACK})
        return f"still there by their tags: {', '.join(_without_account(arn) for arn in left)}" if left else ""

    def _check(self, name: str, look: Callable[[], str]) -> bool:
        """Look, note and say what was seen; a sentence is what is wrong."""
        started = time.monotonic()
        wrong = look()
        check = Check(name, not wrong, round(time.monotonic() - started, 1), wrong)
        self.checks.append(check)
        check.show(self.console)
        return check.ok

    def _until(self, look: Callable[[], str]) -> str:
        """Look until nothing is wrong or patience ends: names, permissions and tags take a while to arrive."""
        deadline = time.monotonic() + self.patience
        while (wrong := look()) and time.monotonic() < deadline:
            if time.monotonic() > self._ends:
                # The signal that should have said so came where Python drops exceptions, as in a finalizer.
                raise KeyboardInterrupt
            time.sleep(self.pause)
        return wrong

    def _record(self, state: State, ok: bool) -> None:  # noqa: FBT001 a record of a yes or no
        document = {
            "ok": ok,
            "date": datetime.now(UTC).date().isoformat(),
            "commit": _commit(self.project),
            "region": state.settings["aws:region"],
            "versions": {
                "pulumi": version("pulumi"),
                "pulumi-aws": version("pulumi-aws"),
                "pulumi-awsx": version("pulumi-awsx"),
                "python": platform.python_version(),
            },
            "checks": [{"name": c.name, "ok": c.ok, "seconds": c.seconds} for c in self.checks],
        }
        path = self.project.root / RECORD
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n")
        self.console.print(f"Written to {RECORD}; it holds no account id, so it can be committed.")


def confirmation(*, yes: bool, ask: Callable[[str], str]) -> Callable[[str], None]:
    """Return what makes sure that the account is meant: its id, typed, or with `yes` from the environment."""

    def confirm(account: str) -> None:
        if yes and os.environ.get(ACCOUNT_VARIABLE) != account:
            raise UserError(
                f"{ACCOUNT_VARIABLE} does not name the account of these credentials.",
                hint=f"With --yes, set {ACCOUNT_VARIABLE} to its 12 digits. Nothing was created.",
            )
        if not yes and ask("Type the account id to go on").strip() != account:
            raise UserError("That is not the account of these credentials.", hint="Nothing was created.")

    return confirm


def _state(project: Project) -> State:
    """Return a state of this run's own: it works in an account where nothing is bootstrapped yet."""
    folder = project.local / "verify"
    settings = {
        **read_stack_file(project.stack_file(_MODEL)).config,
        "modeshift:environment": _MODEL,
        "modeshift:mode": "serverless",
        "modeshift:network": {"cidr": _NO_NEIGHBOUR},
    }
    return State(f"file://{folder / 'state'}", folder / "config", settings=settings)


def _ended(result: Result) -> str:
    if result.ok:
        return ""
    return "; ".join(error.message for error in result.plan.errors()) or f"ended with {result.code.name.lower()}"


def _unchanged(result: Result) -> str:
    changed = result.plan.changed()
    return _ended(result) or (f"{len(changed)} change(s), such as {changed[0].name}" if changed else "")


def _not_reached(url: str) -> str:
    """Let the deployed service probe its own public front door."""
    parts = urlsplit(url)
    target = {"host": parts.hostname, "port": parts.port or (443 if parts.scheme == "https" else 80)}
    answer = ask(f"{url}/v1/probes/tcp", target)
    if isinstance(answer, str):
        return answer
    return "" if answer.get("ok") else f"the probe says {answer.get('error')}"


def _without_account(arn: str) -> str:
    parts = arn.split(":", 5)
    return f"{parts[2]} {parts[-1]}"


def _commit(project: Project) -> str:
    answer = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project.root, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt this process, as Ctrl-C would, when the time is up; the engine then ends in good order."""

    def stop(_number: int, _frame: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
