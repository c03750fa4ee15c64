"""What runs once before a release: `migrate(environ)` of the one service that SERVICES names.

The stack invokes it as a Lambda function and goes on only when it returns; `python3 -m app.migrate` does the same by
hand. Either may be the first to use a role or a database that was made seconds ago, so it bears for a while with not
being let in.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, MutableMapping

from app.core import logs, secrets, service
from app.core.settings import Settings, SettingsError

PATIENCE = 60
"""Seconds to go on trying while nothing answers, or does not know us yet."""
_PAUSE = 5

_UNREACHABLE = (ConnectionError, TimeoutError, socket.gaierror)
_UNKNOWN_YET = {"AccessDenied", "AccessDeniedException", "ResourceNotFoundException"}
_STARTING = "57P03"
"""PostgreSQL's code for a server that takes no connections yet."""

_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s@]+(?=@)")
_SHORTEST_SECRET = 4

_log = logging.getLogger(__name__)


class MigrationFailed(Exception):  # noqa: N818 what a service raises is the error
    """The migration was not done. The text holds no secret."""


def lambda_handler(event: object, context: object) -> dict[str, str]:  # noqa: ARG001 Lambda calls it so
    """Migrate; the error that is raised when that fails is what the stack shows."""
    return {"migrated": migrate(os.environ)}


def main() -> None:
    """Migrate; the exit code tells whether it was done."""
    try:
        sys.stdout.write(f"{migrate(os.environ)} is migrated.\n")
    except (MigrationFailed, SettingsError) as error:
        sys.exit(str(error))


def migrate(environ: MutableMapping[str, str], pause: Callable[[float], None] = time.sleep) -> str:
    """Run a service's migrations and return its name.

    Raises:
        SettingsError: the environment names no service that migrates, or not what it needs.
        MigrationFailed: it failed.
    """
    logs.configure(Settings.from_environ(environ))
    name = service.lone(environ.get("SERVICES", ""))
    run = service.migration(name)
    hidden = secrets.names(environ)
    began = time.monotonic()
    while True:
        try:
            secrets.load(environ)
            run(environ)
        except SettingsError:
            raise
        except Exception as error:  # noqa: BLE001 whatever it is, the release must not go on
            values = {environ[key] for key in hidden if key in environ}
            reason = _without(values, f"{type(error).__name__}: {error}")
            if time.monotonic() - began > PATIENCE or not any(map(_passes, _chain(error))):
                where = _without(values, traceback.format_exc())
                _log.error("The migration of %s failed", name, extra={"fields": {"traceback": where}})
                raise MigrationFailed(f"The migration of {name} failed, the release stops here: {reason}") from None
            _log.warning("No way in yet, next try in %d s: %s", _PAUSE, reason)
            pause(_PAUSE)
        else:
            _log.info("%s is migrated, in %.1f s", name, time.monotonic() - began)
            return name


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _passes(error: BaseException) -> bool:
    """Tell whether an error is one that a new role or database makes and that goes away by itself."""
    response: dict[str, dict[str, str]] = getattr(error, "response", {})
    return (
        isinstance(error, _UNREACHABLE)
        or response.get("Error", {}).get("Code") in _UNKNOWN_YET
        or getattr(error, "sqlstate", "") == _STARTING
    )


def _without(values: Iterable[str], text: str) -> str:
    """Return a text without the values of secrets and the passwords of URLs."""
    for value in sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True):
        text = text.replace(value, "…")
    return _PASSWORD.sub(r"\1:…", text)


if __name__ == "__main__":
    main()
