"""What a shift is about and how it goes on from where it stands: pure, over settings and the last state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from automation.errors import UserError
from automation.shift.live import Live
from stacks.settings import Compute, StackSettings

ALL = 100
_UNITS = {"s": 1, "m": 60, "h": 3600}
_PAIR = 2


@dataclass(frozen=True, kw_only=True)
class Move:
    """The services that move, each with the compute that it comes from, and where they go."""

    stack: str
    target: Compute
    origins: Mapping[str, Compute]
    whole_stack: bool
    """Whether no service of the stack is elsewhere afterwards, so that the stack's own mode says where they are."""

    def weights(self, share: int) -> dict[str, dict[Compute, int]]:
        """Return everyone's weights when the target has a share."""
        return {name: _ordered({origin: ALL - share, self.target: share}) for name, origin in self.origins.items()}

    @property
    def words(self) -> str:
        """Return what moves, as in `netprobe: lambda → fargate`."""
        return ", ".join(f"{name}: {origin} → {self.target}" for name, origin in self.origins.items())


def shares(text: str) -> tuple[int, ...]:
    """Return the shares of `10,50,100`.

    Raises:
        UserError: they do not rise from above 0 to 100.
    """
    parts = [part.strip().removesuffix("%").strip() for part in text.split(",")]
    found = tuple(int(part) for part in parts if part.isdecimal())
    rises = all(low < high for low, high in zip((0, *found), found, strict=False))
    if len(found) != len(parts) or not rises or found[-1] != ALL:
        raise UserError(
            f"--steps {text} is no way to move traffic.", hint="Rising shares in percent up to 100, as in 10,50,100."
        )
    return found


def seconds(text: str, option: str) -> float:
    """Return the seconds of `5m`, `90s` or `1h`.

    Raises:
        UserError: it is none of these.
    """
    found = re.fullmatch(r"(\d{1,6})([smh])", text.strip())
    if found is None:
        raise UserError(f"{option} {text} is no length of time.", hint="As in 90s, 5m or 1h; 0s does not wait.")
    return float(int(found[1]) * _UNITS[found[2]])


def begin(
    stack: str, settings: StackSettings, live: Mapping[str, Live], target: Compute | None, service: str | None
) -> Move:
    """Return a new move.

    Raises:
        UserError: nothing can move, or something moves already.
    """
    if target is None:
        raise UserError("Where to?", hint="Add --to lambda, --to fargate or --to eks.")
    if service is not None and service not in settings.services:
        raise UserError(f"There is no service {service!r}.", hint=f"Services: {', '.join(settings.services)}.")
    chosen = [service] if service else list(settings.services)
    if missing := [name for name in chosen if name not in live]:
        raise UserError(
            f"{', '.join(missing)} is not up, so that there is no traffic to move.",
            hint=f"Bring the stack up first: modeshift up --stack {stack}",
        )
    under_way = [name for name in chosen if live[name].step or settings.services[name].shift]
    if under_way:
        raise UserError(_standing(under_way, live), hint=ways_on(stack))
    elsewhere = {name: live[name].own for name in chosen if live[name].own is not target}
    _same_as_file(stack, settings, live, chosen)
    if not elsewhere:
        raise UserError(f"Nothing to move: {', '.join(chosen)} runs on {target} already.")
    return Move(stack=stack, target=target, origins=elsewhere, whole_stack=service is None)


def resume(
    stack: str, settings: StackSettings, live: Mapping[str, Live], target: Compute | None, service: str | None
) -> Move:
    """Return the move that is under way.

    Raises:
        UserError: none is, or it goes elsewhere.
    """
    moving = [name for name in settings.services if _moves(name, settings, live) and service in {None, name}]
    if not moving:
        raise nothing_moves(stack, service)
    origins: dict[str, Compute] = {}
    targets: set[Compute] = set()
    for name in moving:
        pair = _pair(name, settings, live)
        if target is not None and target not in pair:
            between = " and ".join(pair)
            raise UserError(f"The shift of {name} is between {between}, not to {target}.", hint=ways_on(stack))
        goal = target or next(compute for compute in pair if compute is not live[name].own)
        targets.add(goal)
        origins[name] = next(compute for compute in pair if compute is not goal)
    if len(targets) > 1:
        raise UserError("Several shifts are under way.", hint=f"Choose one with --service: {', '.join(moving)}.")
    goal = targets.pop()
    others = [name for name in settings.services if name not in origins]
    whole = service is None and all(settings.compute_of(name) is goal for name in others)
    return Move(stack=stack, target=goal, origins=origins, whole_stack=whole)


def rest(stack: str, settings: StackSettings, live: Mapping[str, Live]) -> Move | None:
    """Return the move that an `up` has ended but for what it takes away, if there is one; its traffic is all moved."""
    origins: dict[str, Compute] = {}
    for name, one in live.items():
        if name not in settings.services or _moves(name, settings, live):
            continue
        home = settings.compute_of(name)
        left = sorted({*one.computes, one.own} - {home})
        if left and home in one.computes:
            origins[name] = left[0]
    targets = {settings.compute_of(name) for name in origins}
    return Move(stack=stack, target=targets.pop(), origins=origins, whole_stack=False) if len(targets) == 1 else None


def nothing_moves(stack: str, service: str | None) -> UserError:
    """Return the sentence for a way on, or back, that is none."""
    return UserError(
        f"No shift of {service or stack} is under way.", hint=f"Begin one: modeshift shift --stack {stack} --to …"
    )


def share_of(move: Move, live: Mapping[str, Live]) -> int:
    """Return the share that the target has of every service; the least, where a killed run moved only some."""
    return min(live[name].weights.get(move.target, 0) for name in move.origins)


def step_of(move: Move, settings: StackSettings, live: Mapping[str, Live]) -> int:
    """Return the highest step that a file or the state knows; the next one is above both."""
    named = [shift.step for name in move.origins if (shift := settings.services[name].shift) is not None]
    return max([live[name].step for name in move.origins] + named)


def has_ended(move: Move, settings: StackSettings) -> bool:
    """Tell whether the file says already what it says after the last step."""
    return all(settings.computes_of(name) == {move.target: ALL} for name in move.origins)


def has_moved(move: Move, live: Mapping[str, Live]) -> bool:
    """Tell whether any traffic goes where it shall go."""
    return any(live[name].weights.get(move.target, 0) for name in move.origins)


def turned(move: Move, settings: StackSettings) -> Move | None:
    """Return the move that goes back, if all that moved came from one compute."""
    origins = set(move.origins.values())
    if len(origins) != 1:
        return None
    origin = origins.pop()
    others = [name for name in settings.services if name not in move.origins]
    whole = all(settings.compute_of(name) is origin for name in others)
    return Move(stack=move.stack, target=origin, origins=dict.fromkeys(move.origins, move.target), whole_stack=whole)


def ways_on(stack: str) -> str:
    """Say what a person can do with a shift that is under way."""
    return f"Go on: modeshift shift --stack {stack} --resume. Take it back: modeshift shift --stack {stack} --back."


def _moves(name: str, settings: StackSettings, live: Mapping[str, Live]) -> bool:
    return name in live and (live[name].step > 0 or settings.services[name].shift is not None)


def _pair(name: str, settings: StackSettings, live: Mapping[str, Live]) -> list[Compute]:
    """Return the two computes that a shift is between, by the state; by the file as long as that knows of none."""
    pair = list(live[name].weights if live[name].step else settings.computes_of(name))
    if len(pair) != _PAIR:
        raise UserError(
            f"The shift of {name} is between {len(pair)} computes, and this command moves traffic between two.",
            hint="Edit the weights in the stack file, raise step, and bring the stack up.",
        )
    return pair


def _standing(names: list[str], live: Mapping[str, Live]) -> str:
    said = "; ".join(
        f"{name} is at step {live[name].step}: {live[name].traffic.tag.partition(': ')[2]}"
        if live[name].step
        else f"{name} is about to begin, by the stack file"
        for name in names
    )
    return f"A shift is under way: {said}."


def _same_as_file(stack: str, settings: StackSettings, live: Mapping[str, Live], names: list[str]) -> None:
    """Refuse to begin where the file says something else than what is there: that would be a move of its own."""
    for name in names:
        if settings.compute_of(name) is not live[name].own:
            raise UserError(
                f"{name} runs on {live[name].own}, and the stack file says {settings.compute_of(name)}: "
                "the next `up` would move it at once.",
                hint=f"Put back what Pulumi.{stack}.yaml said, or bring it up as it is: modeshift up --stack {stack}",
            )


def _ordered(weights: Mapping[Compute, int]) -> dict[Compute, int]:
    return {compute: weights[compute] for compute in Compute if compute in weights}
