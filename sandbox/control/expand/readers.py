"""Read the arguments of a component; what is wrong with one is said in a sentence that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.wire import UNKNOWN, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def refuse_unserved(given: Iterable[str], known: tuple[str, ...], where: str) -> None:
    """Refuse what is given and not served, by name."""
    unserved = sorted(set(given) - set(known))
    if unserved:
        raise Refusal(
            f"The sandbox does not serve {', '.join(unserved)} of {where}. It serves {', '.join(sorted(known))}; "
            "use the resources of pulumi_aws for the rest."
        )


def plain(value: Value, where: str) -> Value:
    """Return a value that must be known."""
    if value == UNKNOWN:
        raise not_plain(where)
    return value


def mapping(given: Value, where: str) -> Mapping[str, Value]:
    """Return an object without what is not set."""
    value = plain(given, where)
    if value is None:
        return {}
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if item is not None}
    raise _wrong(where, "an object")


def listed(given: Value, where: str) -> list[Value] | None:
    """Return a list, or None when it is not set."""
    value = plain(given, where)
    if value is None or isinstance(value, list):
        return value
    raise _wrong(where, "a list")


def text(given: Mapping[str, Value], name: str, where: str = "") -> str | None:
    """Return a text, or None when it is not set."""
    value = plain(given.get(name), where or name)
    if value is None or isinstance(value, str):
        return value
    raise _wrong(where or name, "a text")


def texts(given: Mapping[str, Value], name: str, where: str = "") -> tuple[str, ...] | None:
    """Return a list of texts, or None when it is not set."""
    items = listed(given.get(name), where or name)
    if items is None:
        return None
    found = tuple(item for item in items if isinstance(plain(item, where or name), str))
    if len(found) == len(items):
        return tuple(map(str, found))
    raise _wrong(where or name, "a list of texts")


def number(given: Mapping[str, Value], name: str, where: str = "", most: int | None = None) -> int | None:
    """Return a whole number, or None when it is not set."""
    value = plain(given.get(name), where or name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= (value if most is None else most):
        return value
    raise _wrong(where or name, "a whole number" + ("" if most is None else f" from 0 to {most}"))


def choice(given: Mapping[str, Value], name: str, allowed: tuple[str, ...], where: str = "") -> str | None:
    """Return one of some texts, in its own case, or None when it is not set."""
    given_text = text(given, name, where)
    found = {each.lower(): each for each in allowed}.get((given_text or "").lower())
    if given_text is not None and found is None:
        raise _wrong(where or name, f"one of {', '.join(allowed)}, not '{given_text}'")
    return found


def _wrong(where: str, expected: str) -> Refusal:
    return Refusal(f"{where} must be {expected}.")


def not_plain(where: str) -> Refusal:
    """Return the refusal of a value that the program must know by itself."""
    return Refusal(
        f"{where} decides which resources exist: give it a plain value, neither a secret nor another resource's output."
    )
