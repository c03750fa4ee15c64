"""Text made to fit: lists cut with a count of what is missing, documents split into parts that each stand alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from automation.markdown.escape import size

_FENCE = "```"
_OPENING = "<details>"
_CLOSING = "</details>"


def fit(lines: Sequence[str], limit: int, rest: Callable[[int], str]) -> list[str]:
    """Return as many leading lines as fit, and where some are left out a last one that says how many."""
    total = sum(size(line) + 1 for line in lines)
    if total <= limit:
        return list(lines)
    kept, used = 0, size(rest(len(lines))) + 1
    while used + size(lines[kept]) + 1 <= limit:
        used += size(lines[kept]) + 1
        kept += 1
    return [*lines[:kept], rest(len(lines) - kept)]


def split(text: str, limit: int) -> list[str]:
    """Return Markdown in parts of at most `limit` bytes, cut between lines.

    A code block or a part that opens on demand which a cut goes through is closed before it and opened again after it.
    """
    if size(text) <= limit:
        return [text]
    parts: list[str] = []
    lines: list[str] = []
    used, fence, summary = 0, "", ""
    for line in _short_lines(text, limit // 4):
        closing = _closing(fence, summary)
        if lines and used + size(line) + 1 + sum(size(one) + 1 for one in closing) > limit:
            parts.append("\n".join([*lines, *closing]))
            lines = _reopening(fence, summary)
            used = sum(size(one) + 1 for one in lines)
        lines.append(line)
        used += size(line) + 1
        fence, summary = _state(line, fence, summary)
    return [*parts, "\n".join(lines)]


def _state(line: str, fence: str, summary: str) -> tuple[str, str]:
    """Return the lines that opened the code block and the part that are open after a line, nothing where none is."""
    if fence:
        return ("" if line == _ticks(fence) else fence), summary
    if line.startswith(_FENCE):
        return line, summary
    if line.startswith(_OPENING):
        return "", line
    return "", "" if line == _CLOSING else summary


def _ticks(fence: str) -> str:
    return fence[: len(fence) - len(fence.lstrip("`"))]


def _closing(fence: str, summary: str) -> list[str]:
    return [*([_ticks(fence)] if fence else []), *(["", _CLOSING] if summary else [])]


def _reopening(fence: str, summary: str) -> list[str]:
    return [*([summary, ""] if summary else []), *([fence] if fence else [])]


def _short_lines(text: str, most: int) -> Iterator[str]:
    for line in text.split("\n"):
        while size(line) > most:
            cut = line.encode()[:most].decode(errors="ignore")
            yield cut
            line = line[len(cut) :]  # noqa: PLW2901 what is left of it
        yield line
