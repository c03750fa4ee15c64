"""The options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from automation.cloud import Cloud

Stacks = Annotated[list[str] | None, typer.Option("--stack", "-s", help="Stack to work on; repeatable.")]
AllStacks = Annotated[bool, typer.Option("--all", help="Every stack that has a file.")]
CloudOption = Annotated[Cloud | None, typer.Option("--cloud", help="Where to work; must be named in CI.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, the rest on standard error.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AcceptDataLoss = Annotated[
    bool, typer.Option("--accept-data-loss", help="Allow deleting or replacing what holds data.")
]
ExpectNoChanges = Annotated[bool, typer.Option("--expect-no-changes", help="End with code 4 when anything changes.")]
