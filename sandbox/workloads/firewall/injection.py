"""Whether a value is SQL injection or cross-site scripting, as libinjection sees it, asked of a process that stays.

A question costs some 30 microseconds, the same one asked again less than one.
"""

from __future__ import annotations

import asyncio
import re
import select
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from sandbox.data.processes import end, guard

_ROOT = Path(__file__).parents[3]
# By its name, for the sandbox imports nothing of what sets a machine up.
_BUILD = ("-m", "automation.toolchain.injection")
_ANSWER_SECONDS = 0.5
_REMEMBERED = 4096
_SHORT = 512
# One word is neither, whatever it says.
_HARMLESS = re.compile(rb"\w*", re.ASCII)


class UnavailableError(Exception):
    """The question cannot be answered; the message says why."""


class Injection:
    """The process, which begins when there is a program for it, and again when it was lost."""

    def __init__(self) -> None:
        self._program: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._remembered = lru_cache(_REMEMBERED)(self._ask)
        self.missing = "it is being built; this takes a minute, once on a machine"
        """Why there is no answer yet; empty when there is."""

    async def prepare(self) -> None:
        """Build the program, unless this machine has it."""
        building = await asyncio.create_subprocess_exec(
            sys.executable, *_BUILD, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            out, said = await building.communicate()
        except asyncio.CancelledError:
            building.terminate()
            await building.wait()
            raise
        # It prints where the program is, once that is there; its exit code may have been taken by others.
        if not out.strip():
            self.missing = " ".join(said.decode(errors="replace").split())[-300:] or "it could not be built"
            return
        self._program, self.missing = Path(out.decode().strip()), ""
        if self._process is None:
            self._begin(self._program)

    def sql(self, value: bytes) -> bool:
        """Whether a value is SQL injection.

        Raises:
            UnavailableError: Nobody knows.

        """
        return self._found(b"s", value)

    def scripting(self, value: bytes) -> bool:
        """Whether a value is cross-site scripting.

        Raises:
            UnavailableError: Nobody knows.

        """
        return self._found(b"x", value)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            end(self._process)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _found(self, kind: bytes, value: bytes) -> bool:
        if _HARMLESS.fullmatch(value):
            return False
        return self._remembered(kind, value) if len(value) <= _SHORT else self._ask(kind, value)

    def _begin(self, program: Path) -> subprocess.Popen[bytes]:
        command = [*guard("KILL"), str(program)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        return self._process

    def _ask(self, kind: bytes, value: bytes) -> bool:
        if self._program is None:
            raise UnavailableError(self.missing)
        try:
            process = self._process or self._begin(self._program)
            questions, answers = process.stdin, process.stdout
            assert questions is not None
            assert answers is not None
            questions.write(kind + len(value).to_bytes(4, "big") + value)
            answer = answers.read(1) if select.select([answers], [], [], _ANSWER_SECONDS)[0] else b""
        except OSError:
            answer = b""
        if not answer:
            self.close()
            message = "the process that tells was lost, and begins again with the next request"
            raise UnavailableError(message)
        return answer == b"1"
