"""What a worker writes, line by line to its log, and the last of it to who called."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

_CHUNK = 64 * 1024
_LONGEST_LINE = 256 * 1024
_BURST = 512 * 1024
_BREATH = 0.05
_TAIL = 4096
_TAIL_LINES = 64


class Output:
    """The end of a pipe whose other end is a worker's output and errors."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._read, self.end = os.pipe()
        os.set_blocking(self._read, False)
        self._rest = b""
        self._burst = 0
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._loop = asyncio.get_running_loop()
        self._breath: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._read, self._readable)

    def line(self, text: str) -> None:
        """Write a line of the platform's."""
        self._tail.append(text)
        self._write(text)

    def begin(self) -> None:
        """Begin what `tail` tells of."""
        self._tail.clear()

    def tail(self) -> str:
        """Return the last of what was written since the beginning, 4 KB at most."""
        return "\n".join([*self._tail, ""])[-_TAIL:]

    def drain(self) -> None:
        """Take what is there already: what was written before an answer comes before the lines that end it."""
        taken = 0
        while taken < _BURST and (chunk := self._chunk()):
            taken += len(chunk)
            self._lines(chunk)

    def handed_over(self) -> None:
        """Close this process's copy of the worker's end."""
        os.close(self.end)

    def close(self) -> None:
        """Take what is left, and close."""
        self.drain()
        if self._rest:
            self._lines(b"\n")
        if self._breath is not None:
            self._breath.cancel()
        self._loop.remove_reader(self._read)
        os.close(self._read)

    def _readable(self) -> None:
        chunk = self._chunk()
        if not chunk:
            # Nobody is left who could write.
            self._loop.remove_reader(self._read)
            return
        self._lines(chunk)
        self._burst += len(chunk)
        if self._burst > _BURST:
            # Who floods its log is held up, not everybody else.
            self._burst = 0
            self._loop.remove_reader(self._read)
            self._breath = self._loop.call_later(_BREATH, self._loop.add_reader, self._read, self._readable)

    def _chunk(self) -> bytes:
        try:
            return os.read(self._read, _CHUNK)
        except BlockingIOError:
            return b""

    def _lines(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            # Lambda's client separates the lines of one error with this, so that they stay one event.
            self.line(line.decode(errors="replace").rstrip("\r").replace("\r", "\n"))
