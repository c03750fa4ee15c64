"""`modeshift policies`: the rules that stacks are held against."""

from __future__ import annotations

from typing import Annotated

import typer

from automation.screen import Screen


def policies(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """List the rules that stacks are held against: what each says, how grave it is, what it stops."""
    # Most commands judge nothing.
    from automation.policies import rules_view  # noqa: PLC0415
    from policy.catalogue import document  # noqa: PLC0415

    screen = Screen.open(as_json)
    screen.document(document())
    if not as_json:
        screen.console.print(rules_view())
