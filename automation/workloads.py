"""What runs of a stack on this machine: in the sandbox what the stack says, elsewhere nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automation.errors import UserError
from sandbox.data.errors import DataError
from sandbox.workloads import client

if TYPE_CHECKING:
    from automation.cloud import Session


@dataclass(frozen=True)
class Local:
    """Where a person finds what runs here: the stack's front door, and the page that shows all of it."""

    url: str
    page: str
    speed: float


@contextmanager
def running(session: Session) -> Iterator[None]:
    """See to it that what a stack says is run while the block changes the stack, and after.

    Raises:
        UserError: it cannot be run; the block is over by then.
    """
    if session.account is None or unmeasured(session):
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        # It starts while the engine makes the first resources; those that wait for what runs wait for it, too.
        started = pool.submit(client.start, session.account, session.project.root)
        try:
            yield
        finally:
            problem = started.exception()
    if isinstance(problem, DataError):
        raise UserError(str(problem), hint="The stack is as it should be; `modeshift sandbox stop` and `up` try again.")
    if problem is not None:
        raise problem


def unmeasured(session: Session) -> bool:
    """Whether a stack is one of this machine of which nothing shall run, so that nobody can measure it."""
    return session.account is not None and not client.wanted()


def follow(session: Session) -> None:
    """Let what runs be what the account has now: nothing, when the last stack is gone."""
    if session.account is not None:
        client.changed(session.account)


def stopped(session: Session) -> bool:
    """Whether a stack is one of this machine and nothing runs of it."""
    return session.account is not None and client.running(session.account) is None


def local(session: Session) -> Local | None:
    """Return where a stack can be reached on this machine; None when it does not run here."""
    if session.account is None:
        return None
    known = client.describe(session.account)
    if known is None or session.stack not in known["urls"]:
        return None
    return Local(known["urls"][session.stack], known["page"], known["speed"])
