"""What the command says when it cannot go on, and the exit codes it promises."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; `docs/cli.md` explains them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    POLICY = 3
    CHANGES = 4
    PAUSED = 5
    ROLLED_BACK = 6
    INTERRUPTED = 130


class UserError(Exception):
    """Something a person can put right: what is wrong, and what to do about it."""

    def __init__(self, message: str, *, hint: str = "", code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
