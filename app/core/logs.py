"""Log records on standard error: one line each, in JSON where machines read them, readable where people do.

`extra={"fields": {...}}` adds fields to a record. Nothing that came with a request can end a line or begin another.
"""

from __future__ import annotations

import json
import logging
import time
from functools import lru_cache
from typing import cast

from pydantic_core import to_json

from app.core.exchange import current
from app.core.settings import Settings
from app.core.telemetry import trace_id

Fields = dict[str, str | int | float | None]

ACCESS = "app.access"
"""Name of the logger that has one record per request."""

_REQUEST = vars(logging.LogRecord(ACCESS, logging.INFO, "", 0, "request", (), None))


class AccessRecord(logging.LogRecord):
    """The record of a request: the same each time, but for when it was made and its fields."""

    def __init__(self, fields: Fields) -> None:
        # What `LogRecord` finds out each time, the line that logs and where it runs, costs more than the line's JSON.
        now = time.time()
        vars(self).update(_REQUEST, created=now, msecs=now % 1 * 1000, fields=fields)


class _Formatter(logging.Formatter):
    def __init__(self, end: str = "") -> None:
        super().__init__()
        self._end = end


class JsonFormatter(_Formatter):
    """One JSON object per record, under the names that CloudWatch's JSON logs use."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, object] = {
            "timestamp": f"{_second(int(record.created))}.{int(record.msecs):03}+00:00",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        exchange = current.get()
        if exchange is not None:
            entry["request_id"] = exchange.request_id
        if trace := trace_id():
            entry["trace_id"] = trace
        if invocation := getattr(record, "aws_request_id", ""):
            entry["aws_request_id"] = invocation
        entry.update(_fields(record))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _json(entry) + self._end


class ConsoleFormatter(_Formatter):
    """Time, level, logger, message, fields; a traceback is indented, so that no line of it passes for a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        parts = [clock, record.levelname, record.name, _printable(record.getMessage())]
        parts += [f"{name}={_printable(str(value))}" for name, value in _fields(record).items()]
        exchange = current.get()
        if exchange is not None:
            parts.append(f"request_id={exchange.request_id}")
        lines = self.formatException(record.exc_info).splitlines() if record.exc_info else []
        return "\n".join([" ".join(parts), *(f"    {_printable(line)}" for line in lines)]) + self._end


def configure(settings: Settings) -> None:
    """Set the process's logging up; an entry does this once."""
    root = logging.getLogger()
    if not root.handlers:  # Lambda's runtime has put its own there
        root.addHandler(logging.StreamHandler())
    formatter = JsonFormatter if _wants_json(settings) else ConsoleFormatter
    for handler in root.handlers:
        # A stream's handler ends the line; that of Lambda's runtime leaves it to the formatter.
        handler.setFormatter(formatter() if isinstance(handler, logging.StreamHandler) else formatter("\n"))
    root.setLevel(settings.log_level)
    # Nothing below shows these, and finding them out costs every record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # One record per request is enough, and it is ours: theirs hold the query string.
    for name in ("uvicorn.access", "mangum.http"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = False


@lru_cache(maxsize=1)
def _second(since_epoch: int) -> str:
    """Return a second of UTC; many records share one."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_epoch))


def _wants_json(settings: Settings) -> bool:
    return settings.log_format == "json" or (settings.log_format == "auto" and settings.environment != "dev")


def _json(entry: dict[str, object]) -> str:
    """Return one line of ASCII without control characters, whatever the values are."""
    try:
        # Four times as fast as `json`, which every request would pay for; DEL is all it leaves to be escaped.
        return to_json(entry, ensure_ascii=True, fallback=str).decode().replace("\x7f", r"\u007f")
    except ValueError:
        # Half a surrogate pair, or bytes that are no UTF-8.
        return json.dumps(entry, separators=(",", ":"), default=str)


def _fields(record: logging.LogRecord) -> Fields:
    return cast("Fields", getattr(record, "fields", {}))


def _printable(text: str) -> str:
    """Escape what could move a terminal's cursor, end a line or turn the direction of writing."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
