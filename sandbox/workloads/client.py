"""Reach what runs an account's workloads, and start it when it is needed."""

from __future__ import annotations

import http.client
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.background import Background
from sandbox.workloads.surfaces import Outcome

if TYPE_CHECKING:
    from sandbox.address import Address

SWITCH = "MODESHIFT_SANDBOX_WORKLOADS"
SPEED = "MODESHIFT_SANDBOX_SPEED"
_DEFAULT_SPEED = "10"
# Longer than anything that a release waits for: ECS gives up after 20 minutes, Helm after 5.
_SETTLED_SECONDS = 1800


def wanted() -> bool:
    """Whether workloads are run at all: `MODESHIFT_SANDBOX_WORKLOADS=off` leaves stacks to be plans and state."""
    return os.environ.get(SWITCH, "on").lower() not in {"off", "0", "false", "no"}


def start(account: Path, checkout: Path) -> Address:
    """See to it that the workloads of an account run; return where what runs them is.

    Raises:
        DataError: It did not start; the message says why.

    """
    workloads = _workloads(account)
    speed = os.environ.get(SPEED, _DEFAULT_SPEED)
    return workloads.running() or workloads.begin(["--checkout", str(checkout.resolve()), "--speed", speed])


def running(account: Path) -> Address | None:
    """Return where what runs the workloads of an account is, if it answers."""
    return _workloads(account).running()


def changed(account: Path) -> dict[str, Any] | None:
    """Tell it that the account has changed; return when all is begun, or when it has ended for want of any reason."""
    workloads = _workloads(account)
    known = workloads.running()
    if known is None:
        return None
    with suppress(OSError, http.client.HTTPException):
        answer = workloads.ask(known, "changed")
        if answer["ends"]:
            workloads.wait_for_end(known)
        return answer
    return None


def settled(account: Path, urn: str) -> Outcome | None:
    """Wait until a service or release is steady or has failed; None where nothing runs, or nothing waits for it.

    Raises:
        DataError: What runs the workloads failed.

    """
    workloads = _workloads(account)
    known = workloads.awaited()
    if known is None:
        return None
    try:
        answer = workloads.ask(known, "settled", _SETTLED_SECONDS, subject=urn)
    except (OSError, http.client.HTTPException):
        return Outcome(ok=False, reason=f"What runs the sandbox's workloads ended meanwhile; see {workloads.log}.")
    return Outcome(**answer) if answer else None


def describe(account: Path) -> dict[str, Any] | None:
    """Return what runs for an account, with the URLs of its front doors; None when nothing does."""
    workloads = _workloads(account)
    known = workloads.running()
    with suppress(OSError, http.client.HTTPException):
        return workloads.ask(known, "describe") if known else None
    return None


def stop(account: Path) -> bool:
    """End everything that runs for an account; return whether anything did."""
    return _workloads(account).end()


def _workloads(account: Path) -> Background:
    return Background(account, "sandbox.workloads", "workloads")
