"""What workloads write, kept as CloudWatch Logs keeps it: groups of streams of lines with a time."""

from __future__ import annotations

import heapq
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

_MOST_BYTES = 8 * 1024 * 1024
_FLUSHED_AFTER = 0.2
_SUFFIX = ".jsonl"
_BEFORE = ".before"


@dataclass(frozen=True, order=True)
class Line:
    """A line that a stream of a group got at a time, in seconds since 1970."""

    time: float
    group: str
    stream: str
    text: str


class _Stream:
    """The file of one stream; past its size it begins anew, and the one before it is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a")
        self._size = path.stat().st_size
        self.flushed = time.monotonic()

    def write(self, moment: float, text: str) -> None:
        self._size += self._file.write(json.dumps([moment, text]) + "\n")
        if self._size > _MOST_BYTES:
            self.close()
            self._path.replace(self._path.with_suffix(_BEFORE))
            self._file = self._path.open("a")
            self._size = 0

    def flush(self) -> None:
        self.flushed = time.monotonic()
        self._file.flush()

    def close(self) -> None:
        # A full disk keeps what is not written yet from being written when it is closed, too.
        with suppress(OSError):
            self._file.close()


class Logs:
    """The logs of an account, in a folder for its owner only. A full disk loses lines, never the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._streams: dict[tuple[str, str], _Stream] = {}
        self.lost = 0
        """How many lines could not be written."""

    def write(self, group: str, stream: str, text: str) -> None:
        """Add a line, of which a final line break is no part."""
        try:
            open_stream = self._streams.get((group, stream))
            if open_stream is None:
                open_stream = self._streams[group, stream] = _Stream(self._path(group, stream))
            open_stream.write(time.time(), text.removesuffix("\n"))
            if time.monotonic() - open_stream.flushed > _FLUSHED_AFTER:
                open_stream.flush()
        except OSError:
            self.lost += 1

    def end(self, group: str, stream: str) -> None:
        """Close the file of a stream that gets no more lines; what is in it stays."""
        if (open_stream := self._streams.pop((group, stream), None)) is not None:
            open_stream.close()

    def read(
        self,
        group: str,
        *,
        start: float = 0,
        end: float = float("inf"),
        stream: str = "",
        contains: str = "",
        limit: int = 10_000,
    ) -> list[Line]:
        """Return the first lines of a group in [start, end), in the order of their times.

        `stream` is how the names of streams begin, `contains` is in the text.
        """
        for each in self._streams.values():
            with suppress(OSError):
                each.flush()
        folder = self._folder / quote(group, safe="")
        streams = [
            _lines(file, group, start, end, contains)
            for file in sorted([*folder.glob(f"*{_BEFORE}"), *folder.glob(f"*{_SUFFIX}")])
            if unquote(file.stem).startswith(stream)
        ]
        return [line for line, _ in zip(heapq.merge(*streams), range(limit), strict=False)]

    def groups(self) -> list[str]:
        """Return the groups that have lines."""
        return sorted(unquote(folder.name) for folder in self._folder.glob("*"))

    def forget(self, group: str) -> None:
        """Delete a group with its lines."""
        for each in [key for key in self._streams if key[0] == group]:
            self.end(*each)
        shutil.rmtree(self._folder / quote(group, safe=""), ignore_errors=True)

    def close(self) -> None:
        """Close every file."""
        for each in list(self._streams):
            self.end(*each)

    def _path(self, group: str, stream: str) -> Path:
        return self._folder / quote(group, safe="") / (quote(stream, safe="") + _SUFFIX)


def _lines(file: Path, group: str, start: float, end: float, contains: str) -> Iterator[Line]:
    stream = unquote(file.stem)
    with file.open() as lines:
        for line in lines:
            try:
                moment, text = json.loads(line)
            except ValueError:
                # The last line of a process that was killed, or of a full disk.
                continue
            if start <= moment < end and contains in text:
                yield Line(moment, group, stream, text)
