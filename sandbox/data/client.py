"""Reach an account's data services, and start them when they are needed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.control.store import FILE_NAME
from sandbox.data.address import CONTROL, Address, is_held
from sandbox.data.errors import DataError
from sandbox.data.processes import Records

_START_SECONDS = 120
_ATTEMPTS = 3
_ANSWER_SECONDS = 600
_STOP_SECONDS = 30
_ROOT = Path(__file__).parent.parent.parent


def start(account: Path) -> dict[str, Any]:
    """See to it that the data services of an account run and are as it has them; return what they are.

    Raises:
        DataError: They did not start; the message says why.

    """
    if not (account / FILE_NAME).exists():
        message = "The sandbox's account is empty. Bring a stack up first: modeshift up --stack dev"
        raise DataError(message)
    for _ in range(_ATTEMPTS):
        # Those that run may end just now, because another command took the last reason to stay.
        with suppress(OSError, http.client.HTTPException):
            return _ask(running(account) or _begin(account), "start")
    message = f"The sandbox's data services do not answer; see {account / 'data' / 'log'}."
    raise DataError(message)


def _begin(account: Path) -> Address:
    """Start the process, unless another is about to, and wait until it answers."""
    log = account / "data" / "log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    began = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        # It goes on in a process of its own when it is the first of the account.
        command = [sys.executable, "-m", "sandbox.data", "--account", str(account.resolve()), "--detach"]
        subprocess.run(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and is_held(account):
        known = running(account)
        if known is not None:
            return known
        time.sleep(0.02)
    said = log.read_bytes()[began:].decode(errors="replace").strip()
    message = f"The sandbox's data services did not start. {said[-500:]} The whole log: {log}"
    raise DataError(message)


def running(account: Path) -> Address | None:
    """Return where the data services of an account are, if they answer."""
    known = Address.read(account)
    if known is None or not known.token or not _lives(known.pid):
        return None
    with suppress(OSError, http.client.HTTPException, DataError):
        _ask(known, "ping", 10)
        return known
    return None


def sync(account: Path) -> dict[str, Any] | None:
    """Tell the data services, if they run, that the account has changed; return when all is as it has it.

    Those that nothing needs any more have ended then.
    """
    known = running(account)
    if known is None:
        return None
    try:
        answer = _ask(known, "changed")
    except (OSError, http.client.HTTPException):
        # They end just now, and find out when they start again.
        return None
    if answer["ends"]:
        _wait(lambda: not _lives(known.pid))
    return answer


def describe(account: Path) -> dict[str, Any] | None:
    """Return what runs for an account; None when nothing does."""
    known = running(account)
    with suppress(OSError, http.client.HTTPException):
        return _ask(known, "describe") if known else None
    return None


def stop(account: Path) -> bool:
    """End the data services of an account, whose data stays; return whether any ran."""
    known = running(account)
    if known is None:
        # One that was killed may have left some behind.
        return Records(account / "data" / "postgres" / "processes").end_all()
    with suppress(OSError, http.client.HTTPException):
        _ask(known, "stop", _STOP_SECONDS)
    _wait(lambda: not _lives(known.pid))
    if _lives(known.pid):
        os.kill(known.pid, signal.SIGKILL)
    return True


def _ask(known: Address, what: str, seconds: float = _ANSWER_SECONDS) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", known.port, timeout=seconds)
    try:
        connection.request("POST", CONTROL + what, headers={"X-Sandbox-Token": known.token})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    try:
        answer = json.loads(content)
    except ValueError:
        answer = {"problem": "Something else answers at the address of the sandbox's data services."}
    if response.status != http.client.OK:
        raise DataError(answer["problem"])
    return answer


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    import psutil  # noqa: PLC0415 - part of the extra, without which nothing was started

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
