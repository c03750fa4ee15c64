"""Reach an account's data services, and start them when they are needed."""

from __future__ import annotations

import http.client
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.background import Background
from sandbox.control.store import FILE_NAME
from sandbox.data.errors import DataError
from sandbox.data.processes import Records

if TYPE_CHECKING:
    from sandbox.address import Address

_ATTEMPTS = 3


def start(account: Path) -> dict[str, Any]:
    """See to it that the data services of an account run and are as it has them; return what they are.

    Raises:
        DataError: They did not start; the message says why.

    """
    if not (account / FILE_NAME).exists():
        message = "The sandbox's account is empty. Bring a stack up first: modeshift up --stack dev"
        raise DataError(message)
    services = _services(account)
    for _ in range(_ATTEMPTS):
        # Those that run may end just now, because another command took the last reason to stay.
        with suppress(OSError, http.client.HTTPException):
            return services.ask(services.running() or services.begin(), "start")
    message = f"The sandbox's data services do not answer; see {services.log}."
    raise DataError(message)


def running(account: Path) -> Address | None:
    """Return where the data services of an account are, if they answer."""
    return _services(account).running()


def sync(account: Path) -> dict[str, Any] | None:
    """Tell the data services, if they run, that the account has changed; return when all is as it has it.

    Those that nothing needs any more have ended then.
    """
    services = _services(account)
    known = services.running()
    if known is None:
        return None
    try:
        answer = services.ask(known, "changed")
    except (OSError, http.client.HTTPException):
        # They end just now, and find out when they start again.
        return None
    if answer["ends"]:
        services.wait_for_end(known)
    return answer


def describe(account: Path) -> dict[str, Any] | None:
    """Return what runs for an account; None when nothing does."""
    services = _services(account)
    known = services.running()
    with suppress(OSError, http.client.HTTPException):
        return services.ask(known, "describe") if known else None
    return None


def stop(account: Path) -> bool:
    """End the data services of an account, whose data stays; return whether any ran."""
    # One that was killed may have left some behind.
    return _services(account).end() or Records(account / "data" / "postgres" / "processes").end_all()


def _services(account: Path) -> Background:
    return Background(account, "sandbox.data", "data services")
