"""What a log line says: JSON records in words, whoever wrote them; nothing in a line formats or moves a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from automation.markdown.escape import visible

_ERROR_LEVELS: Final = frozenset({"ERROR", "CRITICAL", "FATAL"})
_ERROR_WORDS: Final = re.compile(
    r"\b(ERROR|CRITICAL|FATAL)\b|\b[Tt]raceback\b|\b\w*(Error|Exception):|Task timed out|Runtime exited"
)
_PLATFORM: Final = re.compile(r"(START|END|REPORT|INIT_START|INIT_REPORT|EXTENSION|XRAY) ")
_SERVER_ERROR: Final = 500
# Said elsewhere in the line, or of no use to people who read along.
_UNSAID: Final = frozenset({"timestamp", "level", "message", "logger", "exception", "_aws"})


@dataclass(frozen=True)
class Record:
    """One line: its level, if it has one, its words, and whether it tells of an error."""

    level: str
    text: str
    error: bool
    quiet: bool = False
    """Whether it is the platform's own word on an invocation."""


def read(message: str) -> Record:
    """Return what a line says."""
    message = message.rstrip("\r\n")
    document = _json(message)
    if document is None:
        quiet = _PLATFORM.match(message) is not None
        error = _ERROR_WORDS.search(message) is not None
        return Record("", visible(message), error, quiet and not error)
    if isinstance(document.get("log"), str) and "kubernetes" in document:
        # Container Insights wraps what a container wrote.
        return read(str(document["log"]))
    if str(document.get("type", "")).startswith("platform."):
        return Record("", visible(message), error="error" in message.lower(), quiet=True)
    return _record(document)


def _record(document: Mapping[str, Any]) -> Record:
    level = str(document.get("level", "")).upper()
    words = [str(document[key]) for key in ("logger", "message") if document.get(key)]
    fields = [f"{key}={_plain(value)}" for key, value in document.items() if key not in _UNSAID and value is not None]
    lines = [" ".join([*words, *fields])]
    if exception := document.get("exception") or document.get("stackTrace"):
        lines += (str(line) for line in (exception if isinstance(exception, list) else str(exception).splitlines()))
    status = document.get("status")
    failed = isinstance(status, int) and status >= _SERVER_ERROR
    error = level in _ERROR_LEVELS or failed or bool(exception) or "errorType" in document
    return Record(visible(level), "\n    ".join(visible(line) for line in lines), error)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _json(message: str) -> dict[str, Any] | None:
    if not message.startswith("{"):
        return None
    try:
        document = json.loads(message)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
