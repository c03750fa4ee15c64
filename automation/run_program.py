"""Run one Pulumi program in this process, which the language host started for it.

Run as a script, never imported: the program must find its own modules first, and nothing of this package.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import runpy
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulumi
import pulumi.runtime

_SHOWN = 32
# What the engine answers to whatever is asked of it once it gave up; why it did, it has said itself.
_GAVE_UP = ("resource monitor shut down", "Resource monitor has terminated")


def _read_request() -> dict[str, Any]:
    """Return the host's request from standard input, which then only tells that the host is alive."""
    lifeline = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    request = json.loads(lifeline.readline())

    def watch() -> None:
        lifeline.read()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    return request


def _configure(request: dict[str, Any]) -> None:
    pulumi.runtime.set_all_config(request["config"], request["secret_keys"])
    names = ("monitor", "engine", "project", "stack", "organization", "root_directory", "parallel", "dry_run")
    pulumi.runtime.configure(pulumi.runtime.Settings(**{name: request[name] for name in names}))


def _main_file(program: Path) -> Path:
    return program / "__main__.py" if program.is_dir() else program


def _traceback_from(main: Path) -> str:
    """Return the traceback of the current exception, from the program's own first frame on."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    for index, frame in enumerate(frames):
        if Path(frame.filename).absolute() == main:
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


def _explained(error: Exception, main: Path) -> str:
    if isinstance(error, pulumi.RunError):
        return str(error)
    return f"The program failed with an exception:\n{_traceback_from(main)}"


def _run(main: Path, parallel: int) -> int:
    """Run the program to its end, its resources included, and return the exit code for it."""
    if not main.is_file():
        pulumi.log.error(f"There is no program at {main}.")
        return _SHOWN
    # Futures that nobody awaits are how a failed program looks; asyncio would report each of them.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def program() -> None:
        runpy.run_path(str(main), run_name="__main__")

    with ThreadPoolExecutor(max_workers=max(parallel, 1) * 4) as executor:
        loop.set_default_executor(executor)
        try:
            loop.run_until_complete(pulumi.runtime.run_in_stack(program))
        except Exception as error:  # noqa: BLE001 - whatever the program raised is shown, once
            if not str(error).startswith(_GAVE_UP):
                pulumi.log.error(_explained(error, main))
            return _SHOWN
    loop.close()
    return 0


def main() -> None:
    # What a program and its SDKs make stays to the end; to look through it for garbage takes a tenth of a preview.
    gc.disable()
    request = _read_request()
    program = _main_file(Path(request["program"]).absolute())
    sys.path[0] = str(program.parent)
    sys.argv = [str(program), *request["arguments"]]
    _configure(request)
    code = _run(program, request["parallel"])
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
