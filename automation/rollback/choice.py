"""Which earlier version is meant: a pure function of the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from automation.errors import Exit, UserError
from automation.rollback.history import Update

Code = Callable[[Update], object]
"""Tells what of the app an update ran, so that two versions with the same code count as one."""

_SHORTEST = 4
_LISTED = 5
_UP = "update"
_DOWN = "destroy"


def choose(stack: str, updates: Sequence[Update], wanted: str | None, code: Code) -> Update:
    """Return the update whose version a stack shall go back to; without a wish, the last good one of other code.

    Raises:
        UserError: there is none.
    """
    runs = _since_it_is_up(stack, updates)
    if not any(update.version for update in runs):
        raise UserError(
            f"No update of {stack} says which commit it ran.",
            hint="A version is a commit: bring the stack up from a git checkout, and from then on there is a way back.",
        )
    return _previous(stack, runs, code) if wanted is None else _named(stack, runs, wanted)


def versions(updates: Sequence[Update]) -> list[Update]:
    """Return the last good update of each version, the newest first."""
    found: dict[str, Update] = {}
    for update in updates:
        if update.kind == _UP and update.succeeded and update.version:
            found.setdefault(update.version, update)
    return list(found.values())


def _since_it_is_up(stack: str, updates: Sequence[Update]) -> list[Update]:
    last = next((update for update in updates if update.kind in {_UP, _DOWN}), None)
    if last is None or (last.kind == _DOWN and last.succeeded):
        raise UserError(
            f"The stack {stack} is not up, so there is nothing to roll back.", hint=f"modeshift up --stack {stack}"
        )
    return [update for update in updates if update.kind == _UP]


def _previous(stack: str, runs: Sequence[Update], code: Code) -> Update:
    now = runs[0]
    for update in versions(_before(runs)):
        if update.version != now.version and code(update) != code(now):
            return update
    raise UserError(
        f"{stack} ran no other version before {now.name or 'the one that is up'}.",
        hint=_listing(versions(runs)),
    )


def _before(runs: Sequence[Update]) -> Sequence[Update]:
    """Return the runs that were there before: what was rolled back from is no way back."""
    now = runs[0]
    came = next((index for index, one in enumerate(runs) if not one.pinned and one.version == now.version), 0)
    return runs[came:] if now.pinned else runs


def _named(stack: str, runs: Sequence[Update], wanted: str) -> Update:
    known = versions(runs)
    fitting = [update for update in known if update.version.startswith(wanted.lower())]
    if len(wanted) >= _SHORTEST and len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1 or len(wanted) < _SHORTEST:
        raise UserError(f"{wanted!r} is too short to name one version.", hint=_listing(known))
    if any(update.version.startswith(wanted.lower()) for update in runs):
        raise UserError(f"Version {wanted} was tried on {stack} and never came up.", hint=_listing(known))
    raise UserError(f"{stack} never ran a version {wanted}.", hint=_listing(known))


def _listing(known: Sequence[Update]) -> str:
    names = ", ".join(update.name for update in known[:_LISTED])
    return f"It ran {names or 'none that came up'}{', …' if len(known) > _LISTED else ''} (newest first)."


def already(stack: str, version: str) -> UserError:
    """Return the sentence for a way back to where one is."""
    return UserError(f"{stack} runs {version} already.", hint="Nothing was changed.", code=Exit.DONE)
